//! Whole sends over the tools that people use for the same: nodemailer, mailmerge and Python's
//! smtplib.
//!
//! The rule it keeps: each tool gets the same list and the same text and HTML, and is used as its
//! documentation shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::wire::relay;
use crate::bench::{Bench, Finding};
use crate::measure;
use crate::message::Form;
use crate::row::{Bound, Row, Side, Unit};
use crate::{message, postfix, program};

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/peers");
/// The message of the other rows and the newsletter, each with the number of messages that mailbatch
/// sends. The other tools send fewer.
const MESSAGE: (Form, &str, u64) = (Form::Apart, "", 20_000);
const NEWSLETTER: (Form, &str, u64) =
    (Form::Newsletter(51 * 1024), ", newsletter of 51 KiB", 10_000);

/// A tool to measure against.
struct Peer {
    group: &'static str,
    what: &'static str,
    /// The number of connections that mailbatch uses.
    connections: u32,
}

pub(super) fn nodemailer(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "whole `send` over nodemailer's pool, 5 connections each";
    let modules = bench.peers.join("node_modules");
    let Some(node) = program::find("node").filter(|_| modules.join("nodemailer").exists()) else {
        return Ok(vec![Finding::skipped(what, "node or nodemailer is not installed")]);
    };
    let peer = Peer { group: "nodemailer", what, connections: 5 };
    let command = |parts: &Path, port: &str, list: &Path| {
        let mut command = Command::new(&node);
        command.env("NODE_PATH", &modules).arg(format!("{SCRIPTS}/nodemailer.js"));
        command.args(["127.0.0.1", port, "5"]).arg(parts).arg(list);
        command
    };
    Ok(vec![
        measured(bench, &peer, MESSAGE, 5_000, Bound::AtLeast(12.0), command)?,
        measured(bench, &peer, NEWSLETTER, 1_000, Bound::None, command)?,
    ])
}

pub(super) fn mailmerge(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "whole `send`, 10 connections, over mailmerge";
    let packages = bench.peers.join("mailmerge");
    let Some(python) = python()?.filter(|_| packages.join("mailmerge").exists()) else {
        return Ok(vec![Finding::skipped(what, "python3 or mailmerge is not installed")]);
    };
    let peer = Peer { group: "mailmerge", what, connections: 10 };
    let command = |parts: &Path, _: &str, list: &Path| {
        let mut command = Command::new(&python);
        command.env("PYTHONPATH", &packages).arg(packages.join("bin/mailmerge")).args([
            "--no-dry-run",
            "--no-limit",
            "--output-format",
            "text",
        ]);
        command
            .arg("--template")
            .arg(parts.join("mailmerge.txt"))
            .arg("--config")
            .arg(parts.join("mailmerge.conf"));
        command.arg("--database").arg(list);
        command
    };
    Ok(vec![
        measured(bench, &peer, MESSAGE, 500, Bound::AtLeast(40.0), command)?,
        measured(bench, &peer, NEWSLETTER, 100, Bound::None, command)?,
    ])
}

pub(super) fn smtplib(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "whole `send`, 10 connections, over a loop with Python's smtplib";
    let Some(python) = python()? else {
        return Ok(vec![Finding::skipped(what, "python3 is not installed")]);
    };
    let peer = Peer { group: "smtplib", what, connections: 10 };
    let command = |parts: &Path, port: &str, list: &Path| {
        let mut command = Command::new(&python);
        command
            .arg(format!("{SCRIPTS}/smtplib_loop.py"))
            .args(["127.0.0.1", port])
            .arg(parts)
            .arg(list);
        command
    };
    Ok(vec![measured(bench, &peer, MESSAGE, 2_000, Bound::None, command)?])
}

/// The interpreter itself, because `python3` on the path may be a script that looks for it first.
fn python() -> Result<Option<PathBuf>> {
    let Some(found) = program::find("python3") else { return Ok(None) };
    let output = Command::new(found).args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(Some(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
        .filter(|python| python.exists()))
}

fn measured(
    bench: &Bench,
    peer: &Peer,
    (form, which, messages): (Form, &str, u64),
    fewer: u64,
    bound: Bound,
    command: impl Fn(&Path, &str, &Path) -> Command,
) -> Result<Finding> {
    let what = format!("{}{which}", peer.what);
    let Some(sink) = postfix::Sink::start()? else {
        return Ok(Finding::skipped(what, "smtp-sink is not installed (package postfix)"));
    };
    let (messages, fewer) = (bench.amount(messages), bench.amount(fewer));
    let (list, short) = (bench.list(messages)?, bench.list(fewer)?);
    let parts = parts(&bench.dir, form, sink.address().port())?;
    let row = Row {
        group: peer.group,
        what,
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new(peer.group, fewer),
        bound,
    };
    let provider = relay(sink.address(), peer.connections);
    let yardstick = command(parts.path(), &sink.address().port().to_string(), &short);
    bench.duel(row, || bench.send_as(form, &provider, &list, &[]), || measure::run(&yardstick))
}

/// A directory with the message in the format of each tool. None of them derives a text part from
/// HTML, so their newsletter has none.
fn parts(dir: &Path, form: Form, port: u16) -> Result<TempDir> {
    let parts = tempfile::Builder::new().prefix("parts-").tempdir_in(dir)?;
    let head = format!(
        "TO: {{{{ email }}}}\nSUBJECT: {}\nFROM: {}\nMIME-Version: 1.0\n",
        message::SUBJECT,
        message::FROM,
    );
    let (text, html, whole) = match form {
        Form::Newsletter(bytes) => {
            let html = message::newsletter(bytes);
            let whole = format!("{head}Content-Type: text/html; charset=utf-8\n\n{html}");
            (String::new(), html, whole)
        }
        _ => {
            let (text, html) = (message::text(), message::html());
            let whole = format!(
                "{head}Content-Type: multipart/alternative; boundary=\"part\"\n\n\
                 --part\nContent-Type: text/plain; charset=utf-8\n\n{text}\n--part\nContent-Type: text/html; charset=utf-8\n\n{html}\n--part--\n"
            );
            (text, html, whole)
        }
    };
    let config = format!("[smtp_server]\nhost = 127.0.0.1\nport = {port}\nratelimit = 0\n");
    let files = [
        ("subject", message::SUBJECT),
        ("from", message::FROM),
        ("message.txt", &text),
        ("message.html", &html),
        ("mailmerge.txt", &whole),
        ("mailmerge.conf", &config),
    ];
    for (name, content) in files {
        fs::write(parts.path().join(name), content).with_context(|| name.to_owned())?;
    }
    Ok(parts)
}
