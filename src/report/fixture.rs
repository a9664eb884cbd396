//! Builds a small run with rows of every outcome, for the tests of all formats.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Format, Head, Options, ReportRow, Writer};
use crate::ledger::{Gate, Run, RunHead, RunState, Standing};
use crate::model::outcome::{Cohort, Kind, Outcome, Reason};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn ledger_run() -> Run {
    Run {
        id: "20261121-034500-k3f9".into(),
        head: RunHead {
            campaign: "spring".into(),
            env: Some("staging".into()),
            kind: Kind::Marketing,
            provider: "relay".into(),
            lists: vec!["list.csv".into(), "more.ndjson".into()],
            list_fingerprint: "l".into(),
            message_fingerprint: "m".into(),
            message: serde_json::Value::Null,
            settings: serde_json::Value::Null,
        },
        state: RunState::Open,
        gate: Gate::Passed {
            evidence: "2 of 100 failed (2.0%), 5% allowed".into(),
            by: None,
            at: None,
        },
        started_at: at("2026-11-21T03:45:00Z"),
        finished_at: Some(at("2026-11-21T03:47:14.5Z")),
        columns: vec![vec!["email".into(), "name".into()], vec!["email".into(), "age".into()]],
        exit: Some(3),
        exit_reasons: vec![],
        filtered: 12,
    }
}

/// Returns the run's head, the number of its rows per outcome, and the rows.
pub(crate) fn run() -> (Head, Standing, Vec<ReportRow>) {
    let row = |row: u64, email: &str, outcome: Option<Outcome>, reason: Option<Reason>| ReportRow {
        row,
        line: row + 1,
        email: email.into(),
        outcome,
        reason,
        fields: format!(r#"["{email}","Zoë \"Z\""]"#),
        ..ReportRow::default()
    };
    let sent = |row: ReportRow, code: &str, detail: &str| ReportRow {
        code: code.into(),
        detail: detail.into(),
        provider: "relay".into(),
        batch: Some(1),
        attempts: 1,
        message_id: format!("m{}@mailbatch", row.row),
        cohort: Some(Cohort::Rest),
        first_at: Some(at("2026-11-21T03:45:01Z")),
        last_at: Some(at("2026-11-21T03:45:01.25Z")),
        ..row
    };
    let mut rows = vec![
        sent(
            row(1, "ann@example.com", Some(Outcome::Accepted), None),
            "250",
            "2.0.0 Ok: queued as 4F1",
        ),
        sent(
            row(2, "bob@example.org", Some(Outcome::Rejected), Some(Reason::MailboxGone)),
            "550 5.1.1",
            "no <such> user, \"bob\"",
        ),
        row(3, "not an address", Some(Outcome::Invalid), Some(Reason::BadAddress)),
        sent(row(4, "eve@example.net", None, None), "", ""),
    ];
    rows.push(ReportRow {
        list: 1,
        line: 1,
        fields: r#"{"email":"kim@example.com","age":41}"#.into(),
        ..row(5, "kim@example.com", Some(Outcome::Suppressed), Some(Reason::Unsubscribe))
    });
    let mut standing = Standing::default();
    for row in &rows {
        match row.outcome {
            Some(outcome) => standing.tally.add(outcome, 1),
            None => standing.tally.open += 1,
        }
        if let (Some(outcome), Some(reason)) = (row.outcome, row.reason) {
            *standing.reasons.entry((outcome, reason)).or_default() += 1;
        }
    }
    (Head { as_of: Some(at("2026-11-21T03:48:00Z")), ..Head::from(&ledger_run()) }, standing, rows)
}

/// Writes a complete report to `out`, which should be buffered. Fails if writing to `out` fails.
pub(crate) fn write<R: Into<ReportRow>>(
    format: Format,
    head: &Head,
    standing: &Standing,
    rows: impl IntoIterator<Item = R>,
    options: Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = Writer::new(format, head, standing, options, out)?;
    for row in rows {
        writer.row(&row.into())?;
    }
    writer.finish().map(drop)
}
