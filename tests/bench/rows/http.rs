//! Batches of a JSON API over `wrk`, which posts one fixed body of the same size again and again
//! and builds nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::bench::{Bench, Finding};
use crate::hand_over::{self, BATCH};
use crate::http_sink::{HttpSink, YARDSTICK};
use crate::measure::{self, Cost};
use crate::message::Form;
use crate::program;
use crate::row::{Bound, Row, Side, Unit};

/// Requests at once of either side.
const AT_ONCE: u32 = 4;
/// For how long `wrk` posts.
const SECONDS: u32 = 4;
/// The bytes of the newsletter.
const NEWSLETTER: usize = 51 * 1024;
/// A row is kept by this part of what `wrk` posts, or by this many messages a second.
const BOUND: Bound = Bound::AtLeastOr(0.15, 100_000.0);

pub(super) fn batches(bench: &Bench) -> Result<Vec<Finding>> {
    ["resend", "drin"].iter().map(|kind| batches_of(bench, kind)).collect()
}

fn batches_of(bench: &Bench, kind: &str) -> Result<Finding> {
    let what = format!("batches of 100 built, serialised and posted, {kind}, 4 requests at once");
    let Some(wrk) = program::find("wrk") else {
        return Ok(Finding::skipped(what, "wrk is not installed (package wrk)"));
    };
    let sink = HttpSink::start()?;
    let batches = bench.amount(4_000);
    // One batch first: its body is the one that `wrk` posts.
    measure::run(&hand_over::command(kind, &sink.url(), 1, 1)?)?;
    let script = script(&bench.dir, kind, &sink.last())?;
    let messages = batches * BATCH;
    let row = Row {
        group: "http",
        what,
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("wrk", messages),
        bound: BOUND,
    };
    let ours = hand_over::command(kind, &sink.url(), batches, AT_ONCE)?;
    let wrk = posting(&wrk, &script, &sink, "/");
    bench.duel(
        row,
        || counted(&sink, messages, || measure::run(&ours)),
        || scaled(&sink, messages, || measure::run(&wrk)),
    )
}

/// Whole sends, with ledger and report.
pub(super) fn sends(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "whole `send` through resend, 4 requests at once";
    let Some(wrk) = program::find("wrk") else {
        return Ok(vec![Finding::skipped(what, "wrk is not installed (package wrk)")]);
    };
    let sink = HttpSink::start()?;
    let messages = bench.amount(50_000);
    let list = bench.list(messages)?;
    measure::run(&hand_over::command("resend", &sink.url(), 1, 1)?)?;
    let script = script(&bench.dir, "resend", &sink.last())?;
    let row = Row {
        group: "http-send",
        what: what.into(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("wrk", messages),
        bound: Bound::None,
    };
    // Only the row of the batches is bounded: a ledger that survives a power cut is the limit here.
    let provider = provider(&sink, "resend", &api_key(bench)?);
    let wrk = posting(&wrk, &script, &sink, "/");
    let ours = || counted(&sink, messages, || bench.send(&provider, &list, &[]));
    Ok(vec![bench.duel(row, ours, || scaled(&sink, messages, || measure::run(&wrk)))?])
}

/// A service with a batch API.
struct Batches {
    kind: &'static str,
    /// Whether the recipients of one request share a body.
    are_shared: bool,
    /// The path that `wrk` posts to.
    path: &'static str,
    messages: u64,
}

const SERVICES: [Batches; 5] = [
    Batches { kind: "sendgrid", are_shared: true, path: "/v3/mail/send", messages: 50_000 },
    Batches {
        kind: "mailgun",
        are_shared: true,
        path: "/v3/acme.example/messages",
        messages: 50_000,
    },
    Batches {
        kind: "ses",
        are_shared: true,
        path: "/v2/email/outbound-bulk-emails",
        messages: 20_000,
    },
    Batches { kind: "postmark", are_shared: false, path: "/email/batch", messages: 10_000 },
    Batches { kind: "resend", are_shared: false, path: "/emails/batch", messages: 10_000 },
];

/// Whole sends of the newsletter through each service.
pub(super) fn newsletters(bench: &Bench) -> Result<Vec<Finding>> {
    SERVICES.iter().map(|service| newsletter(bench, service)).collect()
}

fn newsletter(bench: &Bench, service: &Batches) -> Result<Finding> {
    let Batches { kind, are_shared, path, messages } = *service;
    let bodies = if are_shared { "bodies shared" } else { "a body each" };
    let what =
        format!("whole `send` of the newsletter through {kind}, {bodies}, 4 requests at once");
    let Some(wrk) = program::find("wrk") else {
        return Ok(Finding::skipped(what, "wrk is not installed (package wrk)"));
    };
    let sink = HttpSink::start()?;
    let messages = bench.amount(messages);
    let list = bench.list(messages)?;
    let key = api_key(bench)?;
    let keys = match kind {
        "mailgun" => format!("domain = \"acme.example\"\n{key}"),
        "ses" => format!(
            "region = \"eu-west-1\"\naccess_key_id = \"AKIABENCH\"\n{}",
            key.replace("api_key", "secret_access_key")
        ),
        _ => key,
    };
    let provider = provider(&sink, kind, &keys);
    let form = Form::Newsletter(NEWSLETTER);
    // One send before the rounds: `wrk` posts the last body of it.
    let send = || counted(&sink, messages, || bench.send_as(form, &provider, &list, &[]));
    send()?;
    let script = script(&bench.dir, kind, &sink.last())?;
    let wrk = posting(&wrk, &script, &sink, path);
    let row = Row {
        group: "batches",
        what,
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("wrk", messages),
        bound: Bound::None,
    };
    bench.duel(row, send, || scaled(&sink, messages, || measure::run(&wrk)))
}

/// The line `api_key` of a provider, with the key in a file.
fn api_key(bench: &Bench) -> Result<String> {
    let key = bench.dir.join("key");
    fs::write(&key, "bench")?;
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(format!("api_key = {{ file = \"{}\" }}", key.display()))
}

/// The configuration of a provider of this kind whose server is the sink.
fn provider(sink: &HttpSink, kind: &str, keys: &str) -> String {
    format!(
        "kind = \"{kind}\"\nbase_url = \"{}\"\nin_flight = {AT_ONCE}\nrequest_rate = \"100000/s\"\n{keys}",
        sink.url()
    )
}

/// The `wrk` command that runs a script.
fn posting(wrk: &Path, script: &Path, sink: &HttpSink, path: &str) -> Command {
    let mut command = Command::new(wrk);
    command
        .args(["-t", "1", "-c", &AT_ONCE.to_string(), "-d", &format!("{SECONDS}s"), "-s"])
        .arg(script)
        .arg(format!("{}{path}", sink.url()));
    command
}

/// What `wrk` is told: one body, posted again and again.
fn script(dir: &Path, kind: &str, body: &[u8]) -> Result<PathBuf> {
    let (file, script) = (dir.join(format!("{kind}.body")), dir.join(format!("{kind}.lua")));
    fs::write(&file, body)?;
    let text = format!(
        "local file = io.open(\"{}\", \"rb\")\nwrk.body = file:read(\"*a\")\nwrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.headers[\"{YARDSTICK}\"] = \"yes\"\n",
        file.display()
    );
    fs::write(&script, text)?;
    Ok(script)
}

/// Runs `work` and checks that the sink took exactly `messages` meanwhile.
fn counted(sink: &HttpSink, messages: u64, work: impl FnOnce() -> Result<Cost>) -> Result<Cost> {
    sink.take_count();
    sink.take_octets();
    let cost = work()?;
    let (taken, octets) = (sink.take_count(), sink.take_octets());
    ensure!(taken == messages, "the sink took {taken} messages instead of {messages}");
    eprintln!("    {} octets a message", octets / taken.max(1));
    Ok(cost)
}

/// Runs `work`, which goes on for a time and not for an amount, and tells what `messages` would
/// have cost.
fn scaled(sink: &HttpSink, messages: u64, work: impl FnOnce() -> Result<Cost>) -> Result<Cost> {
    sink.take_count();
    let cost = work()?;
    let taken = sink.take_count();
    ensure!(taken > 0, "the sink took nothing");
    let share = messages as f64 / taken as f64;
    Ok(Cost { seconds: cost.seconds * share, cpu_seconds: cost.cpu_seconds * share, ..cost })
}
