//! Another process keeps the ledger locked while a run goes on.

use std::time::Duration;

use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::{Signal, wait_for};

const ROWS: usize = 400;

fn slow() -> Recorder {
    Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(10)))
}

#[test]
fn a_run_waits_for_another_writer_says_for_whom_and_loses_nothing() {
    let server = slow();
    let work = relayed(&server, "in_flight = 4", ROWS);
    let running = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 40);
    let other = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).unwrap();
    other.busy_timeout(LONG).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO meta(name, value) VALUES ('held', 1)")
        .unwrap();
    let me = format!("process {} (", std::process::id());
    assert!(wait_for(|| running.err().contains("holds the write lock"), LONG), "{}", running.err());
    assert!(
        running.err().contains(&me) || !cfg!(target_os = "linux"),
        "it names who holds it: {}",
        running.err()
    );
    assert!(running.err().contains("ledger.db"), "{}", running.err());
    assert!(
        server.count() < ROWS,
        "no more than what was claimed before goes out without a record"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let ran = running.ends(0);
    assert!(ran.err.contains("the lock is free"), "{}", ran.err);
    assert_eq!(server.recipients(), everybody(ROWS));
}

#[test]
fn a_vacuum_in_mid_run_is_of_no_matter() {
    let server = slow();
    let work = relayed(&server, "in_flight = 4", ROWS);
    let running = work.start(&["send", "list.csv"]);
    let other = std::cell::OnceCell::new();
    for wanted in [40, 120, 200] {
        wait_for_count(&server, wanted);
        let other = other
            .get_or_init(|| rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).unwrap());
        other.busy_timeout(LONG).unwrap();
        other.execute_batch("VACUUM").unwrap();
    }
    running.ends(0);
    assert_eq!(server.recipients(), everybody(ROWS));
}

#[test]
fn a_second_signal_leaves_although_the_ledger_is_locked_and_the_next_start_has_everything() {
    let server = slow();
    let work = relayed(&server, "in_flight = 4", ROWS);
    let mut running = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 40);
    let other = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).unwrap();
    other.busy_timeout(LONG).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO meta(name, value) VALUES ('held', 1)")
        .unwrap();
    assert!(wait_for(|| running.err().contains("holds the write lock"), LONG), "{}", running.err());
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_secs(2));
    running.signal(Signal::INT);
    let ran = running.ends(1);
    assert!(ran.err.contains("write lock") && ran.err.contains("hint:"), "{}", ran.err);
    other.execute_batch("ROLLBACK").unwrap();
    let ended = work.run(&["send", "list.csv"]);
    let report = work.report();
    let unknown = report.with("unknown").len();
    assert!(unknown <= 4, "one on each connection at most: {:?}", report.counts());
    assert_eq!(
        (ended.code, report.with("accepted").len()),
        (if unknown == 0 { 0 } else { 6 }, ROWS - unknown)
    );
    let mut taken = server.recipients();
    taken.dedup();
    assert_eq!(taken.len(), server.count(), "nobody twice");
}
