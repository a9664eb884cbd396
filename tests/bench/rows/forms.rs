//! The messages that people keep: one HTML file, conditions, Markdown, and newsletters, over the
//! message of the other rows or over `smtp-source` with as many bytes.

use anyhow::Result;

use super::wire::{CONNECTIONS, relay, source_missing};
use crate::bench::{Bench, Finding, counted};
use crate::measure;
use crate::message::Form;
use crate::postfix;
use crate::reference;
use crate::row::{Bound, Row, Side, Unit};
use crate::smtp_sink::SmtpSink;

/// The bytes of a newsletter as MJML makes it, and of a long one.
const NEWSLETTER: usize = 51 * 1024;
const LONG: usize = 100 * 1024;
/// More than that in headers and in the text part.
const AROUND: usize = 1_000;

pub(super) fn html(bench: &Bench) -> Result<Vec<Finding>> {
    let forms = [
        (Form::Html, "one `.html` file, its text part made from it", Bound::AtLeast(0.9)),
        (Form::Conditions, "the same with `{% if %}` and a filter", Bound::AtLeast(0.9)),
        (Form::Markdown, "one `.md` file", Bound::None),
    ];
    let sink = SmtpSink::start(false)?;
    let messages = bench.amount(50_000);
    let list = bench.list(messages)?;
    let provider = relay(sink.address(), CONNECTIONS);
    let mut findings = Vec::new();
    for (form, what, bound) in forms {
        let row = Row {
            group: "forms",
            what: what.into(),
            unit: Unit::Rate,
            ours: Side::new("mailbatch", messages),
            yardstick: Side::new("text and HTML apart", messages),
            bound,
        };
        let send = |form| counted(&sink, messages, || bench.send_as(form, &provider, &list, &[]));
        findings.push(bench.duel(row, || send(form), || send(Form::Apart))?);
    }
    Ok(findings)
}

pub(super) fn newsletters(bench: &Bench) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for bytes in [NEWSLETTER, LONG] {
        let what = format!("a newsletter of {} KiB with a condition", bytes / 1024);
        let Some(source) = postfix::source() else { return source_missing(&what) };
        let sink = SmtpSink::start(false)?;
        let messages = bench.amount(10_000);
        let list = bench.list(messages)?;
        let row = Row {
            group: "newsletter",
            what,
            unit: Unit::Rate,
            ours: Side::new("mailbatch", messages),
            yardstick: Side::new("smtp-source", messages),
            bound: Bound::AtLeast(0.7),
        };
        let provider = relay(sink.address(), CONNECTIONS);
        let form = Form::Newsletter(bytes);
        let ours = || counted(&sink, messages, || bench.send_as(form, &provider, &list, &[]));
        let yardstick = || {
            let command =
                postfix::send_long(&source, sink.address(), CONNECTIONS, messages, bytes + AROUND);
            counted(&sink, messages, || measure::run(&command))
        };
        findings.push(bench.duel(row, ours, yardstick)?);
    }
    Ok(findings)
}

pub(super) fn dry_run(bench: &Bench) -> Result<Vec<Finding>> {
    let rows = bench.amount(1_000_000);
    let list = bench.list(rows)?;
    let row = Row {
        group: "dry-newsletter",
        what: format!("`--dry-run` of {rows} rows with the newsletter"),
        unit: Unit::Time,
        ours: Side::new("mailbatch", rows),
        yardstick: Side::new("bare loop on all cores", rows),
        bound: Bound::AtMost(1.5),
    };
    let reference = reference::newsletter(&list, NEWSLETTER)?;
    let ours = || {
        bench.send_as(
            Form::Newsletter(NEWSLETTER),
            "kind = \"sandbox\"\nkeep = 0",
            &list,
            &["--dry-run"],
        )
    };
    Ok(vec![bench.duel(row, ours, || measure::run(&reference))?])
}
