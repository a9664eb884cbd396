//! Where runs stand: one run, the table of runs, and the decisions about one recipient; for people and as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::{align_right, counts, drawn, grid};
use super::text::{between, clean, counts_json, duration, grouped, percent, rows, seconds, time};
use crate::exit::Exit;
use crate::ledger::{Decision, Gate, Run, RunState, Standing};
use crate::outcome::Outcome;

/// Where a run stands, for a terminal `width` columns wide; ends in a line break.
pub fn status(run: &Run, standing: &Standing, width: u16) -> String {
    let total = standing.tally.total();
    let done = total - standing.tally.open;
    let env = run.head.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
    let mut out = format!("run       {} · {}\n", run.id, state(run));
    out.push_str(&format!("campaign  {}{env} · {}\n", clean(run.head.name()), run.head.kind));
    out.push_str(&format!("provider  {}\n", run.head.provider));
    out.push_str(&format!("lists     {}\n", clean(&run.head.lists.join(", "))));
    out.push_str(&format!("started   {}", seconds(run.started_at)));
    match run.finished_at {
        Some(at) => out.push_str(&format!(" · ended {} after {}\n", seconds(at), duration(between(run.started_at, at)))),
        None => out.push('\n'),
    }
    if let Some(exit) = run.exit.and_then(Exit::from_code) {
        out.push_str(&format!("exit      {}: {}\n", exit.code(), exit.meaning()));
    }
    let canary = standing.canary.total();
    if canary > 0 {
        out.push_str(&format!("canary    {} of {} settled · {}\n", grouped(canary - standing.canary.open), rows(canary), gate(&run.gate)));
    } else if !matches!(&run.gate, Gate::Ahead | Gate::Passed { by: None, .. }) {
        out.push_str(&format!("gate      {}\n", gate(&run.gate)));
    }
    out.push_str(&format!("\n  {} {} · {} of {} settled\n\n", bar(done, total, width), percent(done, total), grouped(done), rows(total)));
    out.push_str(&counts(standing));
    if !standing.feedback.is_empty() {
        out.push_str("\n  what came back, in recipients\n");
        for (word, count) in &standing.feedback {
            out.push_str(&format!("  {word:<17} {:>6}\n", grouped(*count)));
        }
    }
    if run.filtered > 0 {
        out.push_str(&format!("  {} filtered out by --where, not counted above\n", rows(run.filtered)));
    }
    out
}

/// A bar of block characters that leaves room for the words after it.
fn bar(done: u64, total: u64, width: u16) -> String {
    let cells = u64::from(width.saturating_sub(50).clamp(10, 40));
    // Full only when everything is settled.
    let full = if total == 0 { 0 } else { u64::try_from(u128::from(done) * u128::from(cells) / u128::from(total)).unwrap_or(cells) };
    (0..cells).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

fn state(run: &Run) -> &'static str {
    match run.state {
        RunState::Planning => "planning",
        RunState::Open => "open",
        RunState::Finished => "finished",
    }
}

fn gate(gate: &Gate) -> String {
    match gate {
        Gate::Ahead => "not judged yet".to_owned(),
        Gate::Passed { evidence, by: Some(by), .. } => format!("let go by {}: {}", clean(by), clean(evidence)),
        Gate::Passed { evidence, by: None, .. } => format!("passed: {}", clean(evidence)),
        Gate::Failed { evidence } => format!("failed: {}", clean(evidence)),
        Gate::Waiting { evidence } => format!("waiting for a person: {}", clean(evidence)),
        Gate::Stopped { evidence } => format!("stopped by a pause rule: {}", clean(evidence)),
    }
}

/// The table of runs, in the order given, for a terminal `width` columns wide.
pub fn runs_table(runs: &[(Run, Standing)], width: u16) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut table = grid(width, &["run", "campaign", "state", "rows", "accepted", "failed", "open"]);
    align_right(&mut table, &[3, 4, 5, 6]);
    for (run, standing) in runs {
        let tally = &standing.tally;
        let failed = tally.get(Outcome::Rejected) + tally.get(Outcome::Deferred) + tally.get(Outcome::Unknown);
        let campaign = match &run.head.env {
            Some(env) => format!("{} ({env})", clean(run.head.name())),
            None => clean(run.head.name()).into_owned(),
        };
        let state = match run.exit {
            Some(code) if code != 0 => format!("{}, exit {code}", state(run)),
            _ => state(run).to_owned(),
        };
        // Held rows wait for the same command again, as open ones do.
        let open = tally.open + tally.get(Outcome::Held);
        table.add_row([
            run.id.clone(),
            campaign,
            state,
            grouped(tally.total()),
            grouped(tally.get(Outcome::Accepted)),
            grouped(failed),
            grouped(open),
        ]);
    }
    drawn(&table)
}

/// What `runs --json` prints a line of, and `runs show`; the message itself is left out.
pub fn run_json(run: &Run, standing: &Standing) -> Value {
    json!({
        "v": 1,
        "run": run.id,
        "campaign": run.head.name(),
        "env": run.head.env,
        "kind": run.head.kind,
        "provider": run.head.provider,
        "lists": run.head.lists,
        "state": run.state,
        "gate": run.gate,
        "started_at": time(run.started_at),
        "finished_at": run.finished_at.map(time),
        "input": standing.tally.total(),
        "counts": counts_json(&standing.tally),
        "filtered": run.filtered,
        "exit": run.exit,
    })
}

/// What `status --json` prints: the run, its reasons, and how its canary stands.
pub fn status_json(run: &Run, standing: &Standing) -> Value {
    let mut object = run_json(run, standing);
    object["type"] = "status".into();
    object["feedback"] = serde_json::json!(standing.feedback);
    object["canary"] = counts_json(&standing.canary);
    object["reasons"] = standing.reasons.iter().map(|((o, r), n)| json!({"outcome": o, "reason": r, "count": n})).collect::<Vec<_>>().into();
    object
}

/// The decisions about one recipient, oldest first, for a terminal `width` columns wide.
pub fn why_table(decisions: &[Decision], width: u16) -> String {
    let mut table = grid(width, &["when", "what", "detail"]);
    for decision in decisions {
        table.add_row([time(decision.at).into(), clean(&decision.what), clean(&decision.detail)]);
    }
    drawn(&table)
}

/// Something that is known of a person.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When; `None` where the source does not say.
    pub at: Option<Timestamp>,
    pub what: String,
    /// The run; empty where it belongs to none.
    pub about: String,
    pub detail: String,
}

/// What is known of one person over all runs, in the order given, for a terminal `width` columns wide.
pub fn who_table(moments: &[Moment], width: u16) -> String {
    let mut table = grid(width, &["when", "what", "run", "detail"]);
    let named = |text: &str| if text.is_empty() { "-".to_owned() } else { clean(text).into_owned() };
    for moment in moments {
        table.add_row([
            moment.at.map_or_else(|| "-".to_owned(), time),
            named(&moment.what),
            named(&moment.about),
            clean(&moment.detail).into_owned(),
        ]);
    }
    drawn(&table)
}

/// What `why --json` prints.
pub fn why_json(run: &Run, email: &str, decisions: &[Decision]) -> Value {
    let decisions: Vec<Value> = decisions.iter().map(|d| json!({"at": time(d.at), "what": d.what, "detail": d.detail})).collect();
    json!({"v": 1, "type": "why", "run": run.id, "campaign": run.head.name(), "email": email, "decisions": decisions})
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn status_says_how_far_the_run_has_come() {
        let (_, mut standing, _) = fixture::run();
        standing.canary.open = 1;
        standing.canary.add(Outcome::Accepted, 1);
        insta::assert_snapshot!(status(&fixture::ledger_run(), &standing, 80), @"
        run       20261121-034500-k3f9 · open
        campaign  spring (staging) · marketing
        provider  relay
        lists     list.csv, more.ndjson
        started   2026-11-21T03:45:00Z · ended 2026-11-21T03:47:14Z after 2m 14s
        exit      3: finished, some rejected in this run (beyond --fail-over)
        canary    1 of 2 rows settled · passed: 2 of 100 failed (2.0%), 5% allowed

          ████████████████████████░░░░░░ 80.0% · 4 of 5 rows settled

          accepted               1   20.0%
          rejected               1   20.0%
            mailbox_gone         1
          suppressed             1   20.0%
            unsubscribe          1
          invalid                1   20.0%
            bad_address          1
          open                   1   20.0%
          12 rows filtered out by --where, not counted above
        ");
    }

    #[test]
    fn the_bar_is_full_only_when_everything_is_settled() {
        assert!(bar(999_999, 1_000_000, 80).ends_with('░'));
        assert!(!bar(5, 5, 80).contains('░'));
        assert_eq!(bar(0, 0, 20).chars().count(), 10);
    }

    #[test]
    fn runs_are_a_table_and_the_empty_one_says_so() {
        let (_, standing, _) = fixture::run();
        let finished = Run { state: RunState::Finished, exit: Some(0), ..fixture::ledger_run() };
        insta::assert_snapshot!(runs_table(&[(fixture::ledger_run(), standing.clone()), (finished, standing)], 100), @"
        run                   campaign          state         rows  accepted  failed  open
        ────────────────────────────────────────────────────────────────────────────────────
        20261121-034500-k3f9  spring (staging)  open, exit 3     5         1       1     1
        20261121-034500-k3f9  spring (staging)  finished         5         1       1     1
        ");
        assert_eq!(runs_table(&[], 80), "no runs yet\n");
    }

    #[test]
    fn a_runs_object_has_no_message() {
        let (_, standing, _) = fixture::run();
        insta::assert_snapshot!(status_json(&fixture::ledger_run(), &standing), @r#"{"v":1,"run":"20261121-034500-k3f9","campaign":"spring","env":"staging","kind":"marketing","provider":"relay","lists":["list.csv","more.ndjson"],"state":"open","gate":{"gate":"passed","evidence":"2 of 100 failed (2.0%), 5% allowed","by":null},"started_at":"2026-11-21T03:45:00.000Z","finished_at":"2026-11-21T03:47:14.500Z","input":5,"counts":{"accepted":1,"rejected":1,"deferred":0,"unknown":0,"suppressed":1,"invalid":1,"duplicate":0,"already_accepted":0,"held":0,"open":1},"filtered":12,"exit":3,"type":"status","feedback":{},"canary":{"accepted":0,"rejected":0,"deferred":0,"unknown":0,"suppressed":0,"invalid":0,"duplicate":0,"already_accepted":0,"held":0},"reasons":[{"outcome":"rejected","reason":"mailbox_gone","count":1},{"outcome":"suppressed","reason":"unsubscribe","count":1},{"outcome":"invalid","reason":"bad_address","count":1}]}"#);
    }

    #[test]
    fn why_is_a_timeline() {
        let decisions = [
            Decision { at: "2026-11-21T03:45:00Z".parse().unwrap(), what: "planned".into(), detail: "row 7, rest".into() },
            Decision { at: "2026-11-21T03:45:02.5Z".parse().unwrap(), what: "accepted".into(), detail: "250 2.0.0 \x1b[31mok".into() },
        ];
        insta::assert_snapshot!(why_table(&decisions, 80), @"
        when                      what      detail
        ───────────────────────────────────────────────────────
        2026-11-21T03:45:00.000Z  planned   row 7, rest
        2026-11-21T03:45:02.500Z  accepted  250 2.0.0 �[31mok
        ");
        assert_eq!(why_json(&fixture::ledger_run(), "a@b.c", &decisions)["decisions"][1]["at"], "2026-11-21T03:45:02.500Z");
    }
}
