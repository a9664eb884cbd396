//! The trial of what stands behind the final dot, where the process that makes it is killed.

use std::time::Duration;

use crate::support::recorder::{Action, Heard, Recorder, Script, Step};
use crate::support::running::relayed;
use crate::support::{Workspace, wait_for};

/// Enough for a trial to be worth it.
const ROWS: usize = 400;

/// What the ledger has on record about the relay.
fn on_record(work: &Workspace) -> Vec<String> {
    let ledger = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).unwrap();
    // Before the first run has made the table there is nothing on record.
    let Ok(mut query) =
        ledger.prepare("SELECT value FROM facts WHERE kind = 'smtp.behind_the_dot'")
    else {
        return Vec::new();
    };
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Envelopes that came together with the final dot before them.
fn behind_a_dot(heard: &[Heard]) -> usize {
    heard.iter().filter(|heard| heard.pipelined && heard.line.starts_with("MAIL")).count()
}

#[test]
fn a_kill_in_mid_trial_leaves_one_in_doubt_and_the_relay_is_not_tried_again() {
    // Each message is answered so late that the trial is still under way when it is seen on record.
    let late = Action::Late("250 2.0.0 queued".into(), Duration::from_millis(500));
    let server = Recorder::with(Script::default().on(Step::Dot, late));
    let work = relayed(&server, "in_flight = 1", ROWS);
    let running = work.start(&["send", "list.csv"]);
    assert!(wait_for(
        || work.join(".mailbatch/ledger.db").exists() && on_record(&work) == ["begun"],
        Duration::from_secs(60)
    ));
    assert!(running.kill());

    // The server comes to what the killed process had written behind the dot when it has answered
    // that.
    std::thread::sleep(Duration::from_millis(1_000));
    server.follow(Script::default());
    let so_far = server.heard().len();
    let ended = work.run(&["send", "list.csv"]);
    let report = work.report();
    let (accepted, unknown) = (report.with("accepted").len(), report.with("unknown").len());
    assert!(unknown <= 1, "{:?}", report.counts());
    assert_eq!((accepted + unknown, ended.code), (ROWS, if unknown == 0 { 0 } else { 6 }));
    let mut taken = server.recipients();
    taken.dedup();
    assert_eq!(taken.len(), server.count(), "each once");
    assert!(
        (accepted..=accepted + unknown).contains(&server.count()),
        "{} of {:?}",
        server.count(),
        report.counts()
    );
    assert_eq!(behind_a_dot(&server.heard()[so_far..]), 0, "a trial without a result has failed");
    assert_ne!(on_record(&work), ["takes"]);
}

#[test]
fn a_relay_that_takes_it_gets_them_all_from_the_next_run_on() {
    let server = Recorder::start();
    let work = relayed(&server, "in_flight = 1", ROWS);
    work.run(&["send", "list.csv"]).ends(0);
    assert!(
        wait_for(|| on_record(&work) == ["takes"], Duration::from_secs(5)),
        "{:?}",
        on_record(&work)
    );
    let so_far = server.heard().len();
    work.run(&["send", "list.csv", "--campaign", "next"]).ends(0);
    assert!(
        behind_a_dot(&server.heard()[so_far..]) > ROWS / 2,
        "{}",
        behind_a_dot(&server.heard()[so_far..])
    );
    assert_eq!(on_record(&work), ["takes"]);
}

#[test]
fn two_processes_at_once_leave_one_in_doubt_at_a_relay_that_dies_behind_the_dot() {
    // It takes the message, and closes where anything stands behind the final dot.
    let server = Recorder::with(
        Script::default().delay_at(Step::Dot, Duration::from_millis(3)).dies_behind_the_dot(),
    );
    let work = relayed(&server, "in_flight = 4", ROWS);
    let commands =
        [["send", "list.csv", "--campaign", "one"], ["send", "list.csv", "--campaign", "two"]];
    let running = commands.map(|command| work.start(&[&command[..], &["--again"]].concat()));
    let ended: Vec<i32> =
        running.into_iter().map(|running| running.ends_with(&[0, 6]).code).collect();
    let runs = work.run(&["runs", "--json"]).ends(0).objects();
    let count = |outcome: &str| -> u64 {
        runs.iter().map(|run| run["counts"][outcome].as_u64().unwrap()).sum()
    };
    assert_eq!(runs.len(), 2);
    assert!(count("unknown") <= 1, "{runs:?}");
    assert_eq!(count("accepted") + count("unknown"), 2 * ROWS as u64);
    assert_eq!(ended.iter().filter(|code| **code == 6).count() as u64, count("unknown"));
    assert_eq!(server.count(), 2 * ROWS, "each once in each campaign: who is in doubt was taken");
    assert_eq!(on_record(&work), ["refuses"]);
    // Nor is it tried by a later run.
    let so_far = server.heard().len();
    work.run(&["send", "list.csv", "--campaign", "three", "--again"]).ends(0);
    assert_eq!(behind_a_dot(&server.heard()[so_far..]), 0);
}
