//! Computes six checks with fixed names about a run, each with its numbers, for the reports that CI
//! jobs read.
//!
//! `hand-over` fails if a recipient that should have been mailed was not. `completeness` fails if
//! the run did not end properly. If a command exits with a code other than 0, at least one check
//! fails.

use super::text::outcome;
use super::{Failing, Head};
use crate::ledger::{Gate, Standing};
use crate::model::error::Subject;
use crate::model::exit::Exit;
use crate::model::figures::{grouped, rows, seconds};
use crate::model::outcome::{Outcome, Reason, Tally};

/// The names of the checks, in the order of the report.
pub(super) const NAMES: [&str; 6] =
    ["list", "template", "suppression", "canary", "hand-over", "completeness"];

const LIST: usize = 0;
const TEMPLATE: usize = 1;
const SUPPRESSION: usize = 2;
const CANARY: usize = 3;
/// The index of the `hand-over` check, whose failure lists the rows that were not mailed.
pub(super) const HAND_OVER: usize = 4;
const COMPLETENESS: usize = 5;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed(String),
    /// The check was not made, or there was nothing to check.
    Skipped(String),
}

/// A check with its result and numbers.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    pub(super) numbers: String,
}

impl Check {
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

/// Returns the index of the check to which a row with this outcome and reason belongs.
fn place_of(of: Outcome, reason: Option<Reason>) -> usize {
    match of {
        Outcome::Invalid if reason == Some(Reason::Render) => TEMPLATE,
        Outcome::Invalid | Outcome::Duplicate => LIST,
        Outcome::Suppressed => SUPPRESSION,
        _ => HAND_OVER,
    }
}

/// Whether a row with this outcome and reason makes `hand-over` fail.
pub(super) fn is_unmailed(failing: &Failing, of: Option<Outcome>, reason: Option<Reason>) -> bool {
    let Some(of) = of else { return true };
    place_of(of, reason) == HAND_OVER && failing.fails(of, reason)
}

/// For each check, lists the outcomes that make it fail, with the number of rows.
fn failures(standing: &Standing, failing: &Failing) -> [Vec<String>; NAMES.len()] {
    let mut found: [Vec<String>; NAMES.len()] = Default::default();
    for (of, all) in standing.tally.non_zero() {
        let with = |reason| standing.reasons.get(&(of, reason)).copied().unwrap_or(0).min(all);
        // Rows with this reason belong to another check or do not fail.
        let (apart, reason) = match of {
            Outcome::Invalid => (with(Reason::Render), Some(Reason::Render)),
            Outcome::Held => (with(Reason::Limit), Some(Reason::Limit)),
            _ => (0, None),
        };
        for (count, reason) in [(all - apart, None), (apart, reason)] {
            if count > 0 && failing.fails(of, reason) {
                found[place_of(of, reason)].push(format!(
                    "{} {}",
                    grouped(count),
                    outcome(Some(of))
                ));
            }
        }
    }
    if standing.tally.open > 0 {
        found[HAND_OVER].push(format!("{} {}", grouped(standing.tally.open), outcome(None)));
    }
    found
}

/// Formats the numbers of each check.
fn numbers(head: &Head, standing: &Standing) -> [String; NAMES.len()] {
    // If this command had nothing to do, the numbers are from an earlier execution of the run.
    let again = head.closing.as_ref().filter(|closing| closing.had_nothing_to_do).map(|_| {
        let ended = head
            .finished_at
            .map(|at| format!(", which ended at {}", seconds(at)))
            .unwrap_or_default();
        format!("nothing to do: this command sent nothing; in run {}{ended}: ", head.run)
    });
    let tally = &standing.tally;
    let count = |of: Outcome| grouped(tally.get(of));
    let total = rows(tally.total());
    let unrendered =
        standing.reasons.get(&(Outcome::Invalid, Reason::Render)).copied().unwrap_or(0);
    let invalid = grouped(tally.get(Outcome::Invalid).saturating_sub(unrendered));
    let why = standing.reasons.iter().filter(|((of, _), _)| *of == Outcome::Suppressed);
    let why: Vec<String> =
        why.map(|((_, reason), count)| format!("{} {reason}", grouped(*count))).collect();
    let open = (tally.open > 0).then(|| format!("{} {}", grouped(tally.open), outcome(None)));
    let sum: Vec<String> = tally
        .non_zero()
        .map(|(of, count)| format!("{} {}", grouped(count), outcome(Some(of))))
        .chain(open)
        .collect();
    let attempted: u64 =
        [Outcome::Accepted, Outcome::Rejected, Outcome::Deferred, Outcome::Unknown]
            .map(|of| tally.get(of))
            .iter()
            .sum();
    let canary = standing.canary.total();
    let evidence = match &head.gate {
        Some(Gate::Passed { evidence, by, .. }) if canary > 0 => {
            format!(
                "; {evidence}{}",
                by.as_ref().map(|by| format!("; passed by {by}")).unwrap_or_default()
            )
        }
        _ => String::new(),
    };
    [
        format!(
            "{total} in, {invalid} invalid, {} duplicate, {} left out by --where",
            count(Outcome::Duplicate),
            grouped(head.filtered)
        ),
        format!("{} of {total} cannot be rendered", grouped(unrendered)),
        format!(
            "{} suppressed{}",
            count(Outcome::Suppressed),
            if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) }
        ),
        format!("{} in the canary{evidence}", rows(canary)),
        format!(
            "{}{} of {} attempted accepted, {} rejected, {} deferred, {} unknown; {} held, {} already accepted",
            again.unwrap_or_default(),
            count(Outcome::Accepted),
            grouped(attempted),
            count(Outcome::Rejected),
            count(Outcome::Deferred),
            count(Outcome::Unknown),
            count(Outcome::Held),
            count(Outcome::AlreadyAccepted)
        ),
        format!("{total} in = {}", if sum.is_empty() { "0".to_owned() } else { sum.join(" + ") }),
    ]
}

/// Returns the result of the canary check.
fn canary(head: &Head, standing: &Standing) -> Verdict {
    match &head.gate {
        Some(Gate::Failed { evidence } | Gate::Waiting { evidence }) => {
            Verdict::Failed(evidence.clone())
        }
        Some(Gate::Passed { .. } | Gate::Stopped { .. }) if standing.canary.total() > 0 => {
            Verdict::Passed
        }
        Some(Gate::Ahead) if standing.canary.total() > 0 => Verdict::Skipped("not judged".into()),
        _ => Verdict::Skipped("no canary".into()),
    }
}

/// Returns the reason why the run did not end properly, or `None` if it did.
fn incomplete(head: &Head, standing: &Standing, exit: Option<Exit>) -> Option<String> {
    let open = standing.tally.open;
    match exit {
        _ if open > 0 => Some(format!("{} without an outcome", rows(open))),
        None => Some("the run has not ended".into()),
        Some(Exit::OK | Exit::REJECTED | Exit::UNKNOWN) => None,
        Some(exit) => Some(said(head, exit)),
    }
}

/// Describes an exit code by its recorded reasons, or else by its general meaning.
fn said(head: &Head, exit: Exit) -> String {
    let reasons = head
        .closing
        .as_ref()
        .map(|closing| closing.reasons.join("; "))
        .filter(|reasons| !reasons.is_empty());
    format!("exit {}: {}", exit.code(), reasons.unwrap_or_else(|| head.exit_why(exit)))
}

/// Returns the checks of a run in its current state.
pub(super) fn of_run(head: &Head, standing: &Standing, failing: &Failing) -> Vec<Check> {
    let exit = head
        .closing
        .as_ref()
        .map(|closing| closing.exit)
        .or_else(|| head.exit.and_then(Exit::from_code));
    let failures = failures(standing, failing);
    let numbers = numbers(head, standing);
    let mut checks: Vec<Check> = NAMES
        .into_iter()
        .zip(failures)
        .zip(numbers)
        .map(|((name, failures), numbers)| {
            let verdict = match failures.is_empty() {
                true => Verdict::Passed,
                false if name == NAMES[HAND_OVER] => {
                    Verdict::Failed(format!("not mailed: {}", failures.join(", ")))
                }
                false => Verdict::Failed(failures.join(", ")),
            };
            Check { name, verdict, numbers }
        })
        .collect();
    checks[CANARY].verdict = canary(head, standing);
    if let Some(why) = incomplete(head, standing, exit) {
        checks[COMPLETENESS].verdict = Verdict::Failed(why);
    }
    if let Some(exit) = exit.filter(|exit| *exit != Exit::OK)
        && !checks.iter().any(Check::has_failed)
    {
        checks[COMPLETENESS].verdict = Verdict::Failed(said(head, exit));
    }
    checks
}

/// Returns the checks of a command that was refused or has not ended. `hand-over`, `completeness`
/// and the check of the refused input fail. All others are skipped.
pub(super) fn of_refusal(blamed: Option<Subject>, why: &str) -> Vec<Check> {
    let blamed = blamed.map(|subject| match subject {
        Subject::List => LIST,
        Subject::Template => TEMPLATE,
        Subject::Suppression => SUPPRESSION,
        Subject::Canary => CANARY,
    });
    let check = |(place, name)| {
        let fails = place == COMPLETENESS || place == HAND_OVER || Some(place) == blamed;
        let verdict = if fails {
            Verdict::Failed(why.to_owned())
        } else {
            Verdict::Skipped("not reached".into())
        };
        Check { name, verdict, numbers: "not counted".into() }
    };
    NAMES.into_iter().enumerate().map(check).collect()
}

/// Returns the checks of a dry run without errors. The checks of list, template and suppression
/// have passed. All others are skipped.
pub(super) fn of_dry_run(
    tally: &Tally,
    unrendered: u64,
    filtered: u64,
    would_send: u64,
) -> Vec<Check> {
    let mut standing = Standing { tally: *tally, ..Standing::default() };
    standing.reasons.insert((Outcome::Invalid, Reason::Render), unrendered);
    let head = Head { filtered, ..Head::default() };
    let numbers = numbers(&head, &standing);
    let check = |((place, name), numbers)| match place {
        LIST | TEMPLATE | SUPPRESSION => Check { name, verdict: Verdict::Passed, numbers },
        HAND_OVER => Check {
            name,
            verdict: Verdict::Skipped("dry run: nothing is sent".into()),
            numbers: format!("{} would be sent", grouped(would_send)),
        },
        _ => Check {
            name,
            verdict: Verdict::Skipped("dry run: nothing is sent".into()),
            numbers: "dry run".into(),
        },
    };
    NAMES.into_iter().enumerate().zip(numbers).map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Closing, fixture};
    use super::*;

    fn failing(head: &Head, standing: &Standing, failing: &Failing) -> Vec<&'static str> {
        of_run(head, standing, failing)
            .into_iter()
            .filter(Check::has_failed)
            .map(|check| check.name)
            .collect()
    }

    fn of(outcome: Outcome, reason: Option<Reason>) -> Standing {
        let mut standing = Standing::default();
        standing.tally.add(outcome, 3);
        if let Some(reason) = reason {
            standing.reasons.insert((outcome, reason), 3);
        }
        standing
    }

    fn ended(exit: Exit) -> Head {
        Head { closing: Some(Closing::new(exit)), ..fixture::run().0 }
    }

    #[test]
    fn who_was_not_mailed_makes_the_hand_over_fail_and_those_beyond_a_limit_do_not() {
        let usual = Failing::default();
        for (outcome, reason, expected) in [
            (Outcome::Accepted, None, vec![]),
            (Outcome::Suppressed, Some(Reason::Unsubscribe), vec![]),
            (Outcome::Invalid, Some(Reason::Render), vec![]),
            (Outcome::Held, Some(Reason::Limit), vec![]),
            (Outcome::Held, Some(Reason::Paused), vec!["hand-over"]),
            (Outcome::Rejected, Some(Reason::MailboxGone), vec!["hand-over"]),
            (Outcome::Deferred, None, vec!["hand-over"]),
            (Outcome::Unknown, None, vec!["hand-over"]),
        ] {
            let standing = of(outcome, reason);
            assert_eq!(failing(&ended(Exit::OK), &standing, &usual), expected, "{outcome}");
            assert_eq!(
                is_unmailed(&usual, Some(outcome), reason),
                !expected.is_empty(),
                "{outcome}"
            );
        }
        let mut standing = Standing::default();
        standing.tally.open = 1;
        assert_eq!(failing(&ended(Exit::OK), &standing, &usual), ["hand-over", "completeness"]);
    }

    #[test]
    fn each_exit_code_but_zero_makes_a_check_fail() {
        let usual = Failing::default();
        for (exit, _) in crate::model::exit::TABLE {
            let expected: &[&str] = if *exit == Exit::OK { &[] } else { &["completeness"] };
            assert_eq!(failing(&ended(*exit), &Standing::default(), &usual), expected, "{exit:?}");
        }
        let head = Head { exit: None, ..fixture::run().0 };
        assert_eq!(failing(&head, &Standing::default(), &usual), ["completeness"]);
        let head = Head {
            gate: Some(Gate::Failed { evidence: "9 of 10 bounced".into() }),
            ..ended(Exit::STOPPED)
        };
        assert_eq!(failing(&head, &Standing::default(), &usual), ["canary", "completeness"]);
    }

    #[test]
    fn the_pipeline_says_what_a_failure_is() {
        let only = Failing { only: vec![Outcome::Unknown, Outcome::Suppressed], also: Vec::new() };
        assert!(failing(&ended(Exit::OK), &of(Outcome::Rejected, None), &only).is_empty());
        assert_eq!(
            failing(&ended(Exit::UNKNOWN), &of(Outcome::Unknown, None), &only),
            ["hand-over"]
        );
        assert_eq!(
            failing(&ended(Exit::REJECTED), &of(Outcome::Suppressed, None), &only),
            ["suppression"]
        );
        let also = Failing { only: Vec::new(), also: vec![Outcome::Invalid, Outcome::Held] };
        assert_eq!(
            failing(&ended(Exit::REJECTED), &of(Outcome::Invalid, Some(Reason::Render)), &also),
            ["template"]
        );
        assert_eq!(
            failing(&ended(Exit::REJECTED), &of(Outcome::Invalid, Some(Reason::BadAddress)), &also),
            ["list"]
        );
        assert_eq!(
            failing(&ended(Exit::REJECTED), &of(Outcome::Held, Some(Reason::Limit)), &also),
            ["hand-over"]
        );
        assert_eq!(
            failing(&ended(Exit::REJECTED), &of(Outcome::Rejected, None), &also),
            ["hand-over"]
        );
    }

    #[test]
    fn a_refusal_passes_nothing() {
        for blamed in [
            None,
            Some(Subject::List),
            Some(Subject::Template),
            Some(Subject::Suppression),
            Some(Subject::Canary),
        ] {
            let checks = of_refusal(blamed, "no");
            assert!(checks.iter().all(|check| check.verdict != Verdict::Passed));
            assert_eq!(
                checks.iter().filter(|check| check.has_failed()).count(),
                2 + usize::from(blamed.is_some())
            );
        }
    }
}
