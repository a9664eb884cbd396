//! A ledger that was put back as it was earlier does not know whom its campaigns have reached
//! since.

use std::time::Duration;

use super::{FILES, backup, lose, sandbox};
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists};

#[test]
fn an_older_copy_of_the_ledger_is_noticed_by_the_runs_it_does_not_know() {
    let work = sandbox(20);
    work.run(&["send", "list.csv", "--campaign", "one"]).ends(0);
    let old = backup(&work);
    work.run(&["send", "list.csv", "--campaign", "two"]).ends(0);
    let (run, before) = (work.newest_run(), work.outbox().len());
    lose(&work);
    work.file(FILES[0], &old);
    for arguments in [
        &["send", "list.csv", "--campaign", "two"][..],
        &["send", "list.csv", "--campaign", "three"],
        &["resume"],
        &["runs"],
    ] {
        work.run(arguments)
            .ends(2)
            .says("an older copy")
            .says(&run)
            .says("--ledger-lost")
            .says("the newest run that it knows is");
    }
    work.run(&["send", "list.csv", "--campaign", "two", "--ledger-lost"]).ends(0);
    work.run(&["send", "list.csv", "--campaign", "one"]).ends(0).says("nothing to do");
    assert_eq!(work.outbox().len(), before);
}

#[test]
fn an_older_copy_that_knows_the_run_is_noticed_by_its_last_batch() {
    let work = sandbox(20);
    work.run(&["send", "list.csv", "--limit", "5"]).ends(0);
    let old = backup(&work);
    work.run(&["resume"]).ends(0);
    let run = work.newest_run();
    assert_eq!(work.outbox().len(), 20);
    lose(&work);
    work.file(FILES[0], &old);
    for arguments in [&["resume"][..], &["send", "list.csv"]] {
        work.run(arguments).ends(2).says("an older copy").says(&run);
    }
    work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.outbox().len(), 20, "nobody is mailed twice");
}

/// A run that was interrupted after about 20 of 60 recipients and killed later on, and the ledger
/// as it was in between, put back.
fn killed_after_a_backup() -> (Workspace, Recorder) {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    let work = relayed(&server, "in_flight = 1", 60);
    work.run(&["send", "list.csv", "--yes", "--limit", "10"]).ends(0);
    let old = backup(&work);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 20);
    assert!(send.kill());
    // An answer may be under way to a process that is gone.
    std::thread::sleep(Duration::from_millis(200));
    lose(&work);
    work.file(FILES[0], &old);
    (work, server)
}

/// A copy of the ledger as it is just now, of a run that goes on.
fn copy_while_it_is_used(work: &Workspace) -> Vec<u8> {
    let copy = work.join("copy.db");
    let ledger = rusqlite::Connection::open(work.join(FILES[0])).expect("a ledger");
    ledger.execute("VACUUM INTO ?1", [copy.display().to_string()]).expect("it can be copied");
    std::fs::read(copy).expect("a copy")
}

#[test]
fn a_copy_that_was_taken_while_a_run_went_on_is_compared_with_what_only_the_trace_knows() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    // Chunks of their own, so that the copy knows some batches and not the later ones.
    let work = relayed(&server, "in_flight = 1", 400);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 5);
    let old = copy_while_it_is_used(&work);
    let known: i64 = {
        let ledger = rusqlite::Connection::open(work.join("copy.db")).expect("a ledger");
        ledger.query_row("SELECT max(id) FROM batches", [], |row| row.get(0)).expect("a number")
    };
    assert!(
        crate::support::wait_for(|| last_traced(&work) > known, Duration::from_secs(60)),
        "a later batch is handed over"
    );
    wait_for_count(&server, server.count() + 3);
    assert!(send.kill());
    // An answer may be under way to a process that is gone.
    std::thread::sleep(Duration::from_millis(200));
    lose(&work);
    work.file(FILES[0], &old);
    let before = server.count();
    for arguments in [&["send", "list.csv", "--yes"][..], &["resume"], &["status"]] {
        work.run(arguments).ends(2).says("an older copy").says("--ledger-lost");
    }
    assert_eq!(server.count(), before);
    let exit = work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    let mut all = server.recipients();
    all.dedup();
    assert_eq!(all.len(), server.count(), "nobody twice");
    assert!(all.len() >= 390, "few are in doubt: {}", all.len());
}

/// The highest number of a batch in the only trace.
fn last_traced(work: &Workspace) -> i64 {
    let mut traces = std::fs::read_dir(work.join(".mailbatch/trace")).expect("traces");
    let trace = traces.next().expect("a trace").expect("readable").path();
    let text = std::fs::read_to_string(trace).expect("a trace is text");
    let batch = |line: &str| line.split_once('[')?.1.split_once(',')?.0.parse::<i64>().ok();
    text.lines().filter_map(batch).max().unwrap_or(0)
}

#[test]
fn an_older_copy_and_a_trace_that_came_after_it_reach_each_recipient_once() {
    let (work, server) = killed_after_a_backup();
    let before = server.count();
    work.run(&["send", "list.csv", "--yes"]).ends(2).says("an older copy");
    // Taking over fails: what it has to go by is still there, and still asked for.
    work.file("list.csv", lists::csv(61));
    for _ in 0..2 {
        work.run(&["send", "list.csv", "--yes", "--ledger-lost"])
            .ends(2)
            .says("the list has changed since");
        work.run(&["send", "list.csv", "--yes"]).ends(2).says("--ledger-lost");
    }
    work.file("list.csv", lists::csv(60));
    assert_eq!(server.count(), before);
    let exit = work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    let mut all = server.recipients();
    all.dedup();
    assert_eq!((all.len(), &all), (server.count(), &everybody(60)), "each once");
}

#[test]
fn an_unfinished_run_of_an_older_copy_does_not_go_on_where_a_later_run_has_been() {
    let work = sandbox(20);
    work.run(&["send", "list.csv", "--campaign", "spring", "--limit", "5"]).ends(0);
    let (old, first) = (backup(&work), work.newest_run());
    work.file("more.csv", lists::csv(21));
    work.run(&["send", "more.csv", "--campaign", "spring"]).ends(0);
    assert_eq!(work.outbox().len(), 21);
    lose(&work);
    work.file(FILES[0], &old);
    work.run(&["resume", &first]).ends(2).says("an older copy");
    work.file("other.csv", "email,name\nbea@example.net,Bea\n");
    work.run(&["send", "other.csv", "--campaign", "other", "--ledger-lost"])
        .ends(0)
        .says(&format!("run {first} is closed"));
    work.run(&["resume", &first]).ends(2);
    work.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    let mailed = work.report().with("already_accepted").len();
    assert_eq!((mailed, work.report().with("accepted").len()), (20, 0));
}
