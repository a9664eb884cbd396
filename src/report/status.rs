//! Formats the state of a run, the table of runs, and the decisions about a recipient, as text and
//! as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::situation::{Situation, Split, exit_why, is_over};
use super::table::{align_right, drawn, grid, reasons};
use super::text::{counts_json, outcome, outcome_words, reason_words};
use crate::ledger::{Decision, Gate, Pause, Run, RunState, Standing};
use crate::model::figures::{between, clean, duration, grouped, percent, rows, seconds, time};
use crate::model::outcome::Outcome;

/// Formats the state of a run for a terminal with `width` columns. The first line is the state and
/// its cause. The text ends with a line break.
pub(crate) fn status(
    run: &Run,
    standing: &Standing,
    situation: &Situation<'_>,
    width: u16,
) -> String {
    let split = Split::new(standing, situation.under_way, situation.is_sending);
    let (done, total) = (split.handed_over, split.to_send());
    let mut out = format!("{}\n", situation.headline(run, standing));
    out.push_str(&format!("run       {} · {}\n", run.id, state(run, standing)));
    out.push_str(&format!(
        "\n  {} {} · {} of {} handed over\n\n",
        bar(done, total, width),
        percent(done, total),
        grouped(done),
        rows(total)
    ));
    out.push_str(&groups(run, standing, situation, &split));
    if !standing.feedback.is_empty() {
        out.push_str("\n  feedback, in recipients\n");
        for (word, count) in &standing.feedback {
            out.push_str(&format!("  {word:<17} {:>6}\n", grouped(*count)));
        }
    }
    if run.filtered > 0 {
        out.push_str(&format!(
            "  {} filtered out by --where, not counted above\n",
            rows(run.filtered)
        ));
    }
    out.push('\n');
    out.push_str(&details(run, standing, situation, width));
    out
}

/// Formats the groups of recipients (handed over, under way, in doubt, not sent, left out), each
/// with its next command.
fn groups(run: &Run, standing: &Standing, situation: &Situation<'_>, split: &Split) -> String {
    let digits = grouped(standing.tally.total()).len().max(6);
    let line = |indent: usize, name: &str, n: u64, words: &str| {
        let line = format!(
            "{:indent$}{name:<names$}  {:>digits$}  {words}",
            "",
            grouped(n),
            names = 24 - indent
        );
        format!("{}\n", line.trim_end())
    };
    let of =
        |name: &str, n: u64, outcomes: &[Outcome], other: (&str, u64), next: Option<String>| {
            if n == 0 {
                return String::new();
            }
            let mut text = line(2, name, n, "");
            for of in outcomes {
                let count = standing.tally.get(*of);
                if count > 0 {
                    text.push_str(&line(4, outcome(Some(*of)), count, outcome_words(*of)));
                    reasons(standing, *of).into_iter().for_each(|(reason, n)| {
                        text.push_str(&line(6, reason.as_str(), n, reason_words(reason)))
                    });
                }
            }
            if other.1 > 0 {
                text.push_str(&line(4, other.0, other.1, ""));
            }
            if let Some(next) = next {
                text.push_str(&format!("    next: {}\n", clean(&next)));
            }
            text
        };
    let handed_over = [Outcome::Accepted, Outcome::Rejected];
    let left_out =
        [Outcome::Suppressed, Outcome::Invalid, Outcome::Duplicate, Outcome::AlreadyAccepted];
    let no_answer = split.in_doubt - standing.tally.get(Outcome::Unknown);
    let open = standing.tally.open - split.under_way - no_answer;
    [
        of(
            "handed over",
            split.handed_over,
            &handed_over,
            ("", 0),
            situation.after_handed_over(run, standing),
        ),
        of("under way", split.under_way, &[], ("", 0), None),
        of(
            "in doubt",
            split.in_doubt,
            &[Outcome::Unknown],
            ("no answer yet", no_answer),
            situation.after_in_doubt(run, split),
        ),
        of(
            "not sent",
            split.not_sent,
            &[Outcome::Held, Outcome::Deferred],
            ("open", open),
            situation.after_not_sent(run, standing, split),
        ),
        of("left out", split.left_out, &left_out, ("", 0), None),
    ]
    .concat()
}

/// Formats further facts about a run: campaign, provider, lists, times, pauses, and the reasons for
/// its exit code.
fn details(run: &Run, standing: &Standing, situation: &Situation<'_>, width: u16) -> String {
    let env = run.head.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
    let ended = match run.finished_at {
        Some(at) => {
            format!(" · ended {} after {}", seconds(at), duration(between(run.started_at, at)))
        }
        None => String::new(),
    };
    let mut lines = vec![
        ("campaign", format!("{}{env} · {}", run.head.name(), run.head.kind)),
        ("provider", run.head.provider.clone()),
        ("lists", run.head.lists.join(", ")),
        ("started", format!("{}{ended}", seconds(run.started_at))),
    ];
    let canary = standing.canary.total();
    if canary > 0 {
        lines.push((
            "canary",
            format!(
                "{} of {} have an outcome · {}",
                grouped(canary - standing.canary.open),
                rows(canary),
                gate(run)
            ),
        ));
    } else if !matches!(&run.gate, Gate::Ahead | Gate::Passed { by: None, .. }) {
        lines.push(("gate", gate(run)));
    }
    lines.extend(situation.latched.iter().map(|latched| ("stopped", latched.words())));
    lines.extend(
        situation
            .pauses
            .iter()
            .map(|pause| ("paused", format!("{}, since {}", pause.scope.words(), pause.words()))),
    );
    if let Some(code) = run.exit {
        lines.push(("exit", format!("{code}: {}", exit_why(run, standing, code))));
        let returned = run.exit_reasons.iter().position(|reason| reason.exit == code);
        let others = run.exit_reasons.iter().enumerate().filter(|(at, _)| Some(*at) != returned);
        lines.extend(others.map(|(_, other)| ("also", format!("{}: {}", other.exit, other.why))));
    }
    lines.iter().map(|(label, text)| labelled(label, &clean(text), width)).collect()
}

/// Formats a label and its text, and wraps long text between words.
fn labelled(label: &str, text: &str, width: u16) -> String {
    const INDENT: usize = 10;
    let room = usize::from(width).saturating_sub(INDENT).max(2 * INDENT);
    let mut out = format!("{label:<INDENT$}");
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push_str(&format!("\n{:INDENT$}", ""));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out + "\n"
}

/// Formats the unfinished runs of a workspace, each with state, counts and next command, and then
/// the active pauses.
pub(crate) fn unfinished(pauses: &[Pause], runs: &[(Run, Standing, Situation<'_>)]) -> String {
    let mut out = String::new();
    for (run, standing, situation) in runs {
        let split = Split::new(standing, situation.under_way, situation.is_sending);
        let env = run.head.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
        out.push_str(&format!(
            "{}\n  run {} of {}{env}\n",
            situation.headline(run, standing),
            run.id,
            clean(run.head.name())
        ));
        let counts = [
            ("handed over", split.handed_over),
            ("under way", split.under_way),
            ("in doubt", split.in_doubt),
            ("not sent", split.not_sent),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(word, n)| format!("{} {word}", grouped(*n)))
            .collect();
        out.push_str(&format!("  {}\n", counts.join(" · ")));
        let next = [
            situation.after_in_doubt(run, &split),
            situation.after_not_sent(run, standing, &split),
        ];
        next.into_iter()
            .flatten()
            .for_each(|next| out.push_str(&format!("  next: {}\n", clean(&next))));
    }
    if runs.is_empty() {
        out.push_str("nothing is unfinished\n");
    }
    for pause in pauses {
        out.push_str(&format!(
            "paused: {}, since {}; `{}` ends it\n",
            clean(&pause.scope.words()),
            clean(&pause.words()),
            pause.scope.lift()
        ));
    }
    out
}

/// Draws a bar of block characters. It leaves 50 columns for the text next to it.
fn bar(done: u64, total: u64, width: u16) -> String {
    let cells = u64::from(width.saturating_sub(50).clamp(10, 40));
    // Rounding down ensures that the bar is full only if all recipients are handed over.
    let full = if total == 0 {
        0
    } else {
        u64::try_from(u128::from(done) * u128::from(cells) / u128::from(total)).unwrap_or(cells)
    };
    (0..cells).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// Returns the run's state in one word. `resume` uses the same rules.
fn state(run: &Run, standing: &Standing) -> &'static str {
    match run.state {
        RunState::Planning => "planning",
        _ if is_over(run, standing) => "finished",
        RunState::Open | RunState::Finished => "open",
    }
}

fn gate(run: &Run) -> String {
    match &run.gate {
        Gate::Ahead => "not judged yet".to_owned(),
        Gate::Passed { evidence, by: Some(by), .. } => format!("approved by {}: {}", by, evidence),
        Gate::Passed { evidence, by: None, .. } => format!("passed: {}", evidence),
        Gate::Failed { evidence } => format!("failed: {}", evidence),
        Gate::Waiting { evidence } => format!("waiting for a person: {}", evidence),
        Gate::Stopped { evidence } => format!("stopped by a pause rule: {}", evidence),
    }
}

/// Formats the table of runs, in the given order, for a terminal with `width` columns.
pub(crate) fn runs_table(runs: &[(Run, Standing)], width: u16) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut table =
        grid(width, &["run", "campaign", "state", "rows", "accepted", "failed", "open"]);
    align_right(&mut table, &[3, 4, 5, 6]);
    for (run, standing) in runs {
        let tally = &standing.tally;
        let failed = tally.get(Outcome::Rejected)
            + tally.get(Outcome::Deferred)
            + tally.get(Outcome::Unknown);
        let campaign = match &run.head.env {
            Some(env) => format!("{} ({env})", clean(run.head.name())),
            None => clean(run.head.name()).into_owned(),
        };
        let state = match run.exit {
            Some(code) if code != 0 => format!("{}, exit {code}", state(run, standing)),
            _ => state(run, standing).to_owned(),
        };
        // Held rows count as open, because the next execution may send them.
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

/// Formats a run as a JSON object for `runs --json` and `runs show`. The message is omitted.
pub(crate) fn run_json(run: &Run, standing: &Standing) -> Value {
    json!({
        "v": 1,
        "run": run.id,
        "campaign": run.head.name(),
        "env": run.head.env,
        "kind": run.head.kind,
        "provider": run.head.provider,
        "lists": run.head.lists,
        "state": state(run, standing),
        "gate": run.gate,
        "started_at": time(run.started_at),
        "finished_at": run.finished_at.map(time),
        "input": standing.tally.total(),
        "counts": counts_json(&standing.tally),
        "filtered": run.filtered,
        "exit": run.exit,
    })
}

/// Formats the object of `status --json`: the run, its reasons, the counts of the canary, and the
/// next commands.
pub(crate) fn status_json(run: &Run, standing: &Standing, situation: &Situation<'_>) -> Value {
    let mut object = run_json(run, standing);
    object["type"] = "status".into();
    object["feedback"] = serde_json::json!(standing.feedback);
    object["canary"] = counts_json(&standing.canary);
    object["reasons"] = standing
        .reasons
        .iter()
        .map(|((o, r), n)| json!({"outcome": o, "reason": r, "count": n}))
        .collect::<Vec<_>>()
        .into();
    if let (Value::Object(object), Value::Object(more)) =
        (&mut object, situation.json(run, standing))
    {
        object.extend(more);
    }
    object
}

/// Formats the decisions about one recipient, oldest first, for a terminal with `width` columns.
pub(crate) fn why_table(decisions: &[Decision], width: u16) -> String {
    let mut table = grid(width, &["when", "what", "detail"]);
    for decision in decisions {
        table.add_row([time(decision.at).into(), clean(&decision.what), clean(&decision.detail)]);
    }
    drawn(&table)
}

/// An entry in the history of an address.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The time of the entry, or `None` if the source has none.
    pub at: Option<Timestamp>,
    pub what: String,
    /// The id of the run. Empty if the entry belongs to no run.
    pub about: String,
    pub detail: String,
}

/// Formats the history of an address in all runs, in the given order, for a terminal with `width`
/// columns.
pub(crate) fn who_table(moments: &[Moment], width: u16) -> String {
    let mut table = grid(width, &["when", "what", "run", "detail"]);
    let named =
        |text: &str| if text.is_empty() { "-".to_owned() } else { clean(text).into_owned() };
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

/// Formats the object of `why --json`.
pub(crate) fn why_json(run: &Run, email: &str, decisions: &[Decision]) -> Value {
    let decisions: Vec<Value> = decisions
        .iter()
        .map(|d| json!({"at": time(d.at), "what": d.what, "detail": d.detail}))
        .collect();
    json!({"v": 1, "type": "why", "run": run.id, "campaign": run.head.name(), "email": email, "decisions": decisions})
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn situation<'a>(command: &'a dyn Fn(&str) -> String) -> Situation<'a> {
        let now = "2026-11-21T03:48:00[UTC]".parse().unwrap();
        Situation {
            is_sending: false,
            pauses: vec![],
            stopped_by: None,
            latched: None,
            under_way: 0,
            newer: None,
            now,
            command,
        }
    }

    #[test]
    fn status_says_how_far_the_run_has_come() {
        let (_, mut standing, _) = fixture::run();
        let command = |text: &str| text.replace("mailbatch ", "mailbatch -C news ");
        standing.canary.open = 1;
        standing.canary.add(Outcome::Accepted, 1);
        insta::assert_snapshot!(status(&fixture::ledger_run(), &standing, &situation(&command), 80), @"
        INTERRUPTED: the process that sent it has ended without closing it
        run       20261121-034500-k3f9 · open

          ████████████████████░░░░░░░░░░ 66.6% · 2 of 3 rows handed over

          handed over                  2
            accepted                   1
            rejected                   1
              mailbox_gone             1  the mailbox does not exist
            next: mailbatch -C news report 20261121-034500-k3f9 --outcome rejected
          not sent                     1
            open                       1
            next: mailbatch -C news resume 20261121-034500-k3f9
          left out                     2
            suppressed                 1
              unsubscribe              1  the recipient unsubscribed
            invalid                    1
              bad_address              1  no address that can be mailed
          12 rows filtered out by --where, not counted above

        campaign  spring (staging) · marketing
        provider  relay
        lists     list.csv, more.ndjson
        started   2026-11-21T03:45:00Z · ended 2026-11-21T03:47:14Z after 2m 14s
        canary    1 of 2 rows have an outcome · passed: 2 of 100 failed (2.0%), 5%
                  allowed
        exit      3: finished, some rejected in this run (beyond --fail-over)
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
        insta::assert_snapshot!(status_json(&fixture::ledger_run(), &standing, &situation(&|text| text.to_owned())), @r#"{"v":1,"run":"20261121-034500-k3f9","campaign":"spring","env":"staging","kind":"marketing","provider":"relay","lists":["list.csv","more.ndjson"],"state":"open","gate":{"gate":"passed","evidence":"2 of 100 failed (2.0%), 5% allowed","by":null},"started_at":"2026-11-21T03:45:00.000Z","finished_at":"2026-11-21T03:47:14.500Z","input":5,"counts":{"accepted":1,"rejected":1,"deferred":0,"unknown":0,"suppressed":1,"invalid":1,"duplicate":0,"already_accepted":0,"held":0,"open":1},"filtered":12,"exit":3,"type":"status","feedback":{},"canary":{"accepted":0,"rejected":0,"deferred":0,"unknown":0,"suppressed":0,"invalid":0,"duplicate":0,"already_accepted":0,"held":0},"reasons":[{"outcome":"rejected","reason":"mailbox_gone","count":1},{"outcome":"suppressed","reason":"unsubscribe","count":1},{"outcome":"invalid","reason":"bad_address","count":1}],"situation":"interrupted","cause":"the process that sent it has ended without closing it","handed_over":2,"in_doubt":0,"under_way":0,"not_sent":1,"left_out":2,"pauses":[],"latched":null,"newer":null,"exit_reasons":[],"next":["mailbatch report 20261121-034500-k3f9 --outcome rejected","mailbatch resume 20261121-034500-k3f9"]}"#);
    }

    #[test]
    fn why_is_a_timeline() {
        let decisions = [
            Decision {
                at: "2026-11-21T03:45:00Z".parse().unwrap(),
                what: "planned".into(),
                detail: "row 7, rest".into(),
            },
            Decision {
                at: "2026-11-21T03:45:02.5Z".parse().unwrap(),
                what: "accepted".into(),
                detail: "250 2.0.0 \x1b[31mok".into(),
            },
        ];
        insta::assert_snapshot!(why_table(&decisions, 80), @"
        when                      what      detail
        ───────────────────────────────────────────────────────
        2026-11-21T03:45:00.000Z  planned   row 7, rest
        2026-11-21T03:45:02.500Z  accepted  250 2.0.0 �[31mok
        ");
        assert_eq!(
            why_json(&fixture::ledger_run(), "a@b.c", &decisions)["decisions"][1]["at"],
            "2026-11-21T03:45:02.500Z"
        );
    }
}
