//! A dry run predicts what the send that follows does, whatever the campaign has been through.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::support::{Workspace, workspace};

/// Cells of the lists: spellings of one address, addresses with each outcome of the sandbox, and
/// text that is no address.
const CELLS: &[&str] = &[
    "ann@example.com",
    "Ann@example.com",
    "ann@Example.com",
    "bob@example.com",
    "bOb@example.com",
    "cyd@example.com",
    "dan@example.com",
    "reject+1@example.com",
    "defer+1@example.com",
    "unknown+1@example.com",
    "Unknown+1@example.com",
    "no address",
];

/// What a campaign goes through before the send that is predicted.
#[derive(Clone, Debug)]
enum Step {
    Send(Arguments),
    /// Suppresses one of the addresses.
    Suppress(usize),
    /// Removes the oldest run.
    RemoveRun,
}

/// A send of one of two lists.
#[derive(Clone, Debug)]
struct Arguments {
    list: usize,
    dedupe: &'static str,
    limit: Option<u64>,
    retries_unknown: bool,
}

impl Arguments {
    fn words(&self) -> Vec<String> {
        let mut words = format!(
            "--json send {}.csv --campaign spring --max-invalid 100% --dedupe {}",
            self.list, self.dedupe
        );
        if let Some(limit) = self.limit {
            write!(words, " --limit {limit}").expect("a string");
        }
        if self.retries_unknown {
            words.push_str(" --on-unknown retry");
        }
        words.split(' ').map(str::to_owned).collect()
    }
}

fn arguments() -> impl Strategy<Value = Arguments> {
    let dedupe = prop::sample::select(vec!["ci", "exact", "off"]);
    (0..2_usize, dedupe, prop::option::of(0..6_u64), any::<bool>()).prop_map(
        |(list, dedupe, limit, retries_unknown)| Arguments { list, dedupe, limit, retries_unknown },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => arguments().prop_map(Step::Send),
        1 => (0..CELLS.len() - 1).prop_map(Step::Suppress),
        2 => Just(Step::RemoveRun),
    ]
}

/// Runs the binary; the last line of its standard output as JSON, where it is.
fn run(work: &Workspace, words: &[String]) -> (Value, String) {
    let output = work.mailbatch().args(words).output().expect("the binary runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = format!("{words:?}\n{out}{}", String::from_utf8_lossy(&output.stderr));
    let last = out.lines().last().and_then(|line| serde_json::from_str(line).ok());
    (last.unwrap_or(Value::Null), said)
}

fn runs(work: &Workspace) -> Vec<String> {
    let output = work.mailbatch().args(["--json", "runs"]).output().expect("the binary runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    out.lines()
        .map(|line| {
            let run: Value = serde_json::from_str(line).expect("JSON");
            run["run"].as_str().expect("a name").to_owned()
        })
        .collect()
}

fn take(work: &Workspace, step: &Step) {
    match step {
        Step::Send(arguments) => drop(run(work, &arguments.words())),
        Step::Suppress(cell) => {
            let words = ["suppress", "add", CELLS[*cell]].map(str::to_owned);
            drop(run(work, &words));
        }
        Step::RemoveRun => {
            if let Some(oldest) = runs(work).pop() {
                let words = ["runs", "rm", oldest.as_str(), "--yes"].map(str::to_owned);
                drop(run(work, &words));
            }
        }
    }
}

/// Compares a dry run with the send. Returns whether that planned a run.
fn compare(
    lists: &[Vec<usize>; 2],
    steps: &[Step],
    arguments: &Arguments,
) -> Result<bool, TestCaseError> {
    let work = workspace();
    work.sandbox_config("in_flight = 1\nretry = { for = \"0s\" }\n[canary]\nmax_failed = \"100%\"\n[suppression]\nfiles = [\"stop.csv\"]\n")
        .message("Hello", "Hello")
        .file("stop.csv", "email,reason\n");
    for (number, list) in lists.iter().enumerate() {
        let cells: String = list.iter().map(|cell| format!("{}\n", CELLS[*cell])).collect();
        work.file(format!("{number}.csv"), format!("email\n{cells}"));
    }
    steps.iter().for_each(|step| take(&work, step));
    let before = runs(&work);
    // What the send itself learns is no part of the prediction.
    let words: Vec<String> =
        arguments.words().into_iter().chain(["--no-learn".to_owned()]).collect();
    let (predicted, foretold) =
        run(&work, &words.iter().cloned().chain(["--dry-run".to_owned()]).collect::<Vec<_>>());
    prop_assert_eq!(&runs(&work), &before, "a dry run changes nothing");
    let (sent, said) = run(&work, &words);
    let both = format!("{foretold}\n{said}");
    prop_assert_eq!(&predicted["type"], "dry_run", "{}", both);
    prop_assert_eq!(&sent["type"], "batch.completed", "{}", both);
    prop_assert_eq!(&predicted["would_send"], &sent["handed_over"], "{}", both);
    let is_new = !before.iter().any(|run| sent["run"] == run.as_str());
    if is_new {
        let count = |of: &Value, outcome: &str| of["counts"][outcome].as_u64().expect("a count");
        prop_assert_eq!(&predicted["input"], &sent["input"], "{}", both);
        for outcome in ["invalid", "duplicate", "suppressed"] {
            prop_assert_eq!(count(&predicted, outcome), count(&sent, outcome), "{}", both);
        }
        let number = |key: &str| predicted[key].as_u64().expect("a number");
        let screened: u64 = ["invalid", "duplicate", "suppressed", "unrendered"]
            .iter()
            .filter_map(|outcome| predicted["counts"][*outcome].as_u64())
            .sum();
        let held = number("input") - screened - number("already_reached") - number("would_send");
        prop_assert_eq!(held, count(&sent, "held"), "{}", both);
    }
    Ok(is_new)
}

#[test]
fn a_dry_run_predicts_the_send_that_follows() {
    let typed = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = typed.unwrap_or(12);
    let config =
        Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    // The same cases each time: a failure of the suite must not be a matter of luck.
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let list = || prop::collection::vec(0..CELLS.len(), 1..10);
    let sends = ([list(), list()], prop::collection::vec(step(), 0..4), arguments());
    let planned = std::cell::Cell::new(0);
    let done = runner.run(&sends, |(lists, steps, arguments)| {
        if compare(&lists, &steps, &arguments)? {
            planned.set(planned.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
    assert!(planned.get() > cases / 4 && planned.get() < cases, "{} planned", planned.get());
}

#[test]
fn a_dry_run_predicts_what_removed_runs_and_dedupe_decide() {
    let send =
        |dedupe| Step::Send(Arguments { list: 0, dedupe, limit: None, retries_unknown: false });
    let lists = [vec![0, 3, 7], vec![0, 1, 3, 5, 7]];
    for dedupe in ["ci", "exact", "off"] {
        for steps in [vec![send("ci"), Step::RemoveRun], vec![send("exact")], vec![send("off")]] {
            let then = Arguments { list: 1, dedupe, limit: None, retries_unknown: false };
            let is_new = compare(&lists, &steps, &then).unwrap_or_else(|why| panic!("{why}"));
            assert!(is_new, "{steps:?} {then:?}");
        }
    }
}
