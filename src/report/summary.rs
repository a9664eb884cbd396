//! Formats the closing summary of an execution, as text and as the `batch.completed` object. The
//! counts always sum to the number of input rows. The last line of the text is the next command.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::table::counts;
use super::text::counts_json;
use crate::ledger::{Run, Standing};
use crate::model::exit::Exit;
use crate::model::figures::{clean, duration, grouped, rate, rows};

/// Facts about an execution that the ledger does not contain.
#[derive(Clone, Debug)]
pub(crate) struct SummaryExtra {
    /// The duration of this execution.
    pub elapsed: Duration,
    /// The number of recipients handed over by this execution, with any outcome. It is used to
    /// compute the rate.
    pub handed_over: u64,
    /// The path of the report, if one was written.
    pub report: Option<PathBuf>,
    /// The next command. `None` means `mailbatch report RUN`.
    pub next: Option<String>,
    /// The exit code of the process.
    pub exit: Exit,
    /// All exit codes that apply, each with its reason.
    pub exit_reasons: Vec<(Exit, String)>,
    /// Notes that the text shows.
    pub notes: Vec<String>,
}

/// Formats the closing summary as text, which ends with a line break.
pub(crate) fn summary(run: &Run, standing: &Standing, extra: &SummaryExtra) -> String {
    let env = run.head.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
    let mut out =
        format!("run {} · {}{env} · {}", run.id, clean(run.head.name()), run.head.provider);
    out.push_str(&format!(" · {}", duration(extra.elapsed)));
    if extra.handed_over > 0 && !extra.elapsed.is_zero() {
        out.push_str(&format!(
            " · {}",
            rate(extra.handed_over as f64 / extra.elapsed.as_secs_f64())
        ));
    }
    out.push_str("\n\n");
    out.push_str(&counts(standing));
    out.push_str(&format!("  {}\n", sum(standing)));
    if run.filtered > 0 {
        out.push_str(&format!(
            "  {} filtered out by --where, not counted above\n",
            rows(run.filtered)
        ));
    }
    out.push('\n');
    for note in &extra.notes {
        out.push_str(&format!("note    {}\n", clean(note)));
    }
    // The exit code of the process comes first, then the other codes.
    let returned = extra.exit_reasons.iter().position(|(exit, _)| *exit == extra.exit);
    if let Some((exit, why)) = returned.map(|at| &extra.exit_reasons[at]) {
        out.push_str(&format!("exit    {} · {}\n", exit.code(), clean(why)));
    }
    for (at, (exit, why)) in extra.exit_reasons.iter().enumerate() {
        if Some(at) != returned {
            out.push_str(&format!("also    {} · {}\n", exit.code(), clean(why)));
        }
    }
    if let Some(path) = &extra.report {
        out.push_str(&format!("report  {}\n", clean(&path.display().to_string())));
    }
    let next = extra.next.clone().unwrap_or_else(|| format!("mailbatch report {}", run.id));
    out.push_str(&format!("next    {}\n", clean(&next)));
    out
}

/// Formats the sum over the outcomes in the order of the table: `50,000 rows in = 49,210 + 790`.
fn sum(standing: &Standing) -> String {
    let mut parts: Vec<String> = standing.tally.non_zero().map(|(_, n)| grouped(n)).collect();
    if standing.tally.open > 0 {
        parts.push(grouped(standing.tally.open));
    }
    let total = rows(standing.tally.total());
    if parts.is_empty() {
        format!("{total} in")
    } else {
        format!("{total} in = {}", parts.join(" + "))
    }
}

/// Formats the `batch.completed` object. Its `counts` contain every outcome, including zeros, and
/// sum to `input`.
pub(crate) fn summary_json(run: &Run, standing: &Standing, extra: &SummaryExtra) -> Value {
    let reasons: Vec<Value> = standing
        .reasons
        .iter()
        .map(|((o, r), n)| json!({"outcome": o, "reason": r, "count": n}))
        .collect();
    let exit_reasons: Vec<Value> = extra
        .exit_reasons
        .iter()
        .map(|(exit, why)| json!({"exit": exit.code(), "why": why}))
        .collect();
    json!({
        "v": 1,
        "type": "batch.completed",
        "run": run.id,
        "campaign": run.head.name(),
        "env": run.head.env,
        "input": standing.tally.total(),
        "counts": counts_json(&standing.tally),
        "reasons": reasons,
        "filtered": run.filtered,
        "handed_over": extra.handed_over,
        "elapsed_seconds": (extra.elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
        "exit": extra.exit.code(),
        "exit_reasons": exit_reasons,
        "notes": extra.notes,
        "report": extra.report.as_ref().map(|path| path.display().to_string()),
        "next": extra.next,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture;
    use super::*;
    use crate::model::outcome::{Outcome, Reason};

    fn extra() -> SummaryExtra {
        SummaryExtra {
            elapsed: Duration::from_millis(134_500),
            handed_over: 49_600,
            report: Some("/srv/mail/.mailbatch/reports/r.csv".into()),
            next: Some("mailbatch report 20261121-034500-k3f9 --outcome rejected".into()),
            exit: Exit::REJECTED,
            exit_reasons: vec![(Exit::REJECTED, "310 rejected".into())],
            notes: vec!["canary: 2 of 100 failed (2.0%), 5% allowed".into()],
        }
    }

    fn standing() -> Standing {
        let mut standing = Standing::default();
        standing.tally.add(Outcome::Accepted, 49_290);
        standing.tally.add(Outcome::Rejected, 310);
        standing.tally.add(Outcome::AlreadyAccepted, 400);
        standing.reasons.insert((Outcome::Rejected, Reason::Policy), 20);
        standing.reasons.insert((Outcome::Rejected, Reason::MailboxGone), 290);
        standing.reasons.insert((Outcome::AlreadyAccepted, Reason::EarlierRun), 400);
        standing
    }

    #[test]
    fn the_summary_sums_to_the_input_and_ends_with_the_next_command() {
        insta::assert_snapshot!(summary(&fixture::ledger_run(), &standing(), &extra()), @"
        run 20261121-034500-k3f9 · spring (staging) · relay · 2m 14s · 369/s

          accepted          49,290   98.5%
          rejected             310    0.6%
            mailbox_gone       290          the mailbox does not exist
            policy              20          policy or reputation
          already accepted     400    0.8%
            earlier_run        400          decided by an earlier run
          50,000 rows in = 49,290 + 310 + 400
          12 rows filtered out by --where, not counted above

        note    canary: 2 of 100 failed (2.0%), 5% allowed
        exit    3 · 310 rejected
        report  /srv/mail/.mailbatch/reports/r.csv
        next    mailbatch report 20261121-034500-k3f9 --outcome rejected
        ");
    }

    #[test]
    fn the_completed_object_carries_every_outcome() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&summary_json(&fixture::ledger_run(), &standing(), &extra())).unwrap(), @r#"
        {
          "v": 1,
          "type": "batch.completed",
          "run": "20261121-034500-k3f9",
          "campaign": "spring",
          "env": "staging",
          "input": 50000,
          "counts": {
            "accepted": 49290,
            "rejected": 310,
            "deferred": 0,
            "unknown": 0,
            "suppressed": 0,
            "invalid": 0,
            "duplicate": 0,
            "already_accepted": 400,
            "held": 0
          },
          "reasons": [
            {
              "outcome": "rejected",
              "reason": "mailbox_gone",
              "count": 290
            },
            {
              "outcome": "rejected",
              "reason": "policy",
              "count": 20
            },
            {
              "outcome": "already_accepted",
              "reason": "earlier_run",
              "count": 400
            }
          ],
          "filtered": 12,
          "handed_over": 49600,
          "elapsed_seconds": 134.5,
          "exit": 3,
          "exit_reasons": [
            {
              "exit": 3,
              "why": "310 rejected"
            }
          ],
          "notes": [
            "canary: 2 of 100 failed (2.0%), 5% allowed"
          ],
          "report": "/srv/mail/.mailbatch/reports/r.csv",
          "next": "mailbatch report 20261121-034500-k3f9 --outcome rejected"
        }
        "#);
    }

    #[test]
    fn without_a_next_command_the_report_is_next() {
        let text = summary(
            &fixture::ledger_run(),
            &Standing::default(),
            &SummaryExtra { next: None, ..extra() },
        );
        assert!(text.ends_with("next    mailbatch report 20261121-034500-k3f9\n"), "{text}");
        assert!(text.contains("  0 rows in\n"), "{text}");
    }

    proptest! {
        #[test]
        fn counts_always_sum_to_the_input(counts in proptest::collection::vec(0_u64..1_000_000, Outcome::ALL.len()), open in 0_u64..1_000) {
            let mut standing = Standing::default();
            for (outcome, n) in Outcome::ALL.iter().zip(counts) {
                standing.tally.add(*outcome, n);
            }
            standing.tally.open = open;
            let object = summary_json(&fixture::ledger_run(), &standing, &extra());
            let sum: u64 = object["counts"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            prop_assert_eq!(Some(sum), object["input"].as_u64());
        }
    }
}
