//! Whole sends, with ledger and report, over `smtp-source`, which sends one fixed message again and
//! again and keeps no record.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, Finding, counted};
use crate::measure;
use crate::message::Form;
use crate::postfix;
use crate::row::{Bound, Row, Side, Unit};
use crate::rtt_proxy::RttProxy;
use crate::smtp_sink::SmtpSink;
use crate::workspace::Workspace;

/// Connections of either side.
pub(super) const CONNECTIONS: u32 = 10;
const RTT: Duration = Duration::from_millis(20);

/// The provider: a relay at `address`. Connections are kept as long as there is something to send,
/// as `smtp-source -d` keeps them.
pub(super) fn relay(address: SocketAddr, connections: u32) -> String {
    format!(
        "kind = \"smtp\"\nurl = \"smtp://{address}\"\nin_flight = {connections}\nper_connection = 1000000"
    )
}

pub(super) fn source_missing(what: &str) -> Result<Vec<Finding>> {
    Ok(vec![Finding::skipped(what, "smtp-source is not installed (package postfix)")])
}

pub(super) fn smtp_sink(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "whole `send` to smtp-sink, 10 connections, 5 KiB text and HTML";
    let (Some(source), Some(sink)) = (postfix::source(), postfix::Sink::start()?) else {
        return source_missing(what);
    };
    let messages = bench.amount(20_000);
    let list = bench.list(messages)?;
    let row = Row {
        group: "smtp-sink",
        what: what.into(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("smtp-source", messages),
        bound: Bound::AtLeast(1.1),
    };
    let provider = relay(sink.address(), CONNECTIONS);
    let ours = || bench.send(&provider, &list, &[]);
    let yardstick = || measure::run(&postfix::send(&source, sink.address(), CONNECTIONS, messages));
    Ok(vec![bench.duel(row, ours, yardstick)?])
}

pub(super) fn fast_sink(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "the same to a sink that is not the limit";
    let Some(source) = postfix::source() else { return source_missing(what) };
    let sink = SmtpSink::start(false)?;
    let messages = bench.amount(50_000);
    let list = bench.list(messages)?;
    let row = Row {
        group: "wire",
        what: what.into(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("smtp-source", messages),
        bound: Bound::AtLeast(1.5),
    };
    let provider = relay(sink.address(), CONNECTIONS);
    let ours = || counted(&sink, messages, || bench.send(&provider, &list, &[]));
    let yardstick = || {
        counted(&sink, messages, || {
            measure::run(&postfix::send(&source, sink.address(), CONNECTIONS, messages))
        })
    };
    Ok(vec![bench.duel(row, ours, yardstick)?])
}

/// The next envelope behind the final dot from the first message on, and where each run finds out
/// by itself that the sink takes it.
pub(super) fn far(bench: &Bench) -> Result<Vec<Finding>> {
    let mut findings = far_with(bench, "full")?;
    findings.extend(far_with(bench, "auto")?);
    Ok(findings)
}

fn far_with(bench: &Bench, mode: &str) -> Result<Vec<Finding>> {
    let what = &format!("20 ms away, 10 connections, `pipelining = \"{mode}\"`");
    let Some(source) = postfix::source() else { return source_missing(what) };
    let sink = SmtpSink::start(false)?;
    let proxy = RttProxy::start(sink.address(), RTT)?;
    let (messages, fewer) = (bench.amount(10_000), bench.amount(2_000));
    let list = bench.list(messages)?;
    let row = Row {
        group: "rtt",
        what: what.clone(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("smtp-source", fewer),
        bound: Bound::AtLeast(3.6),
    };
    let provider = format!("{}\npipelining = \"{mode}\"", relay(proxy.address(), CONNECTIONS));
    let ours = || counted(&sink, messages, || bench.send(&provider, &list, &[]));
    let yardstick = || {
        counted(&sink, fewer, || {
            measure::run(&postfix::send(&source, proxy.address(), CONNECTIONS, fewer))
        })
    };
    Ok(vec![bench.duel(row, ours, yardstick)?])
}

pub(super) fn window(bench: &Bench) -> Result<Vec<Finding>> {
    let what = "20 ms away, 10 connections, CHUNKING with `window = 16`";
    let Some(source) = postfix::source() else { return source_missing(what) };
    let sink = SmtpSink::start(true)?;
    let proxy = RttProxy::start(sink.address(), RTT)?;
    let provider = format!("{}\nwindow = 16", relay(proxy.address(), CONNECTIONS));
    if let Some(why) = refusal(bench, &provider)? {
        return Ok(vec![Finding::skipped(what, why)]);
    }
    let (messages, fewer) = (bench.amount(40_000), bench.amount(1_000));
    let list = bench.list(messages)?;
    let row = Row {
        group: "window",
        what: what.into(),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", messages),
        yardstick: Side::new("smtp-source", fewer),
        bound: Bound::AtLeast(20.0),
    };
    let ours = || counted(&sink, messages, || bench.send(&provider, &list, &[]));
    let yardstick = || {
        counted(&sink, fewer, || {
            measure::run(&postfix::send(&source, proxy.address(), CONNECTIONS, fewer))
        })
    };
    Ok(vec![bench.duel(row, ours, yardstick)?])
}

/// Why this mailbatch does not take the provider's keys, if it does not.
fn refusal(bench: &Bench, provider: &str) -> Result<Option<String>> {
    let workspace = Workspace::new(&bench.dir, provider, Form::Apart)?;
    let list = bench.list(10)?.display().to_string();
    let (_, code, errors) =
        measure::run_to_any_end(&workspace.command(&bench.mailbatch, &["send", &list]))?;
    if code == Some(2) {
        return Ok(Some(errors.lines().next().unwrap_or("refused").to_owned()));
    }
    ensure!(code == Some(0), "ten messages with {provider} ended with {code:?}:\n{errors}");
    Ok(None)
}
