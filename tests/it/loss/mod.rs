//! A ledger that is gone, replaced, out of date or damaged is noticed before anything leaves, and
//! nobody is mailed twice on the way back.

mod copies;
mod damage;
mod records;

use std::time::Duration;

use crate::support::ran::Report;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, workspace};

const FILES: [&str; 3] =
    [".mailbatch/ledger.db", ".mailbatch/ledger.db-wal", ".mailbatch/ledger.db-shm"];

/// A workspace with the sandbox and a list of so many.
fn sandbox(rows: usize) -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(rows));
    work
}

fn lose(work: &Workspace) {
    for file in FILES {
        let _ = std::fs::remove_file(work.join(file));
    }
}

/// The ledger as it is now, to be put back later.
fn backup(work: &Workspace) -> Vec<u8> {
    assert!(!work.join(FILES[1]).exists(), "the log has been worked into the file");
    std::fs::read(work.join(FILES[0])).expect("a ledger")
}

#[test]
fn every_command_notices_a_ledger_that_is_gone() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    for how in ["removed", "empty"] {
        lose(&work);
        if how == "empty" {
            work.file(FILES[0], "");
        }
        for arguments in [
            &["send", "list.csv"][..],
            &["send", "list.csv", "--dry-run"],
            &["send", "list.csv", "--campaign", "other"],
            &["check", "list.csv"],
            &["resume"],
            &["status"],
            &["runs"],
            &["report", "latest"],
            &["pause"],
            &["unpause"],
            &["events", "list"],
        ] {
            let said = work
                .run(arguments)
                .ends(2)
                .says("the ledger is gone")
                .says("1 report")
                .says(&run)
                .says("--ledger-lost")
                .says("backup");
            assert!(!said.err.contains("Some("), "{}", said.err);
        }
        assert_eq!(
            std::fs::read(work.join(FILES[0])).ok().filter(|text| !text.is_empty()),
            None,
            "{how}: nothing is made in its place"
        );
    }
    assert_eq!(work.mailed().len(), 20);
    // A lock alone shows it as well.
    for dir in ["reports", "runs", "trace"] {
        std::fs::remove_dir_all(work.join(".mailbatch").join(dir)).expect("it was there");
    }
    work.run(&["send", "list.csv"]).ends(2).says("the ledger is gone").says("1 lock");
}

#[test]
fn the_reports_are_read_first_and_nobody_is_mailed_again() {
    let work = sandbox(20);
    work.file("plain.csv", "email,name\nann@example.net,Ann\nreject+x@example.net,R\nunknown+x@example.net,U\ndefer+x@example.net,D\n");
    work.config(&format!(
        "{}retry = {{ for = \"1s\", base = \"50ms\", max = \"100ms\" }}\n",
        work.read("mailbatch.toml")
    ));
    work.run(&["send", "plain.csv", "--yes"]).ends(6);
    work.run(&["send", "plain.csv", "--campaign", "other", "--yes"]).ends(6);
    let (first, before) = (work.report(), work.outbox().len());
    assert_eq!(first.counts().values().sum::<usize>(), 4);
    lose(&work);
    work.run(&["send", "plain.csv", "--yes"]).ends(2).says("--ledger-lost");
    // Only the recipient who was deferred is tried again.
    work.run(&["send", "plain.csv", "--ledger-lost", "--yes"])
        .ends(6)
        .says("people read from its report");
    assert_eq!(work.outbox().len(), before, "nobody is mailed twice");
    let report = work.report();
    assert_eq!(report.with("already_accepted"), ["ann@example.net"]);
    // The mailbox that was gone is learned anew, for no suppression file has it.
    assert_eq!(
        (report.with("suppressed"), report.with("unknown")),
        (vec!["reject+x@example.net"], vec!["unknown+x@example.net"])
    );
    // How often depends on how fast the machine is.
    let tries = |report: &Report| {
        report.cell("defer+x@example.net", "mb_attempts").parse::<u32>().expect("a number")
    };
    assert!(tries(&first) > 1 && tries(&report) > 1, "and was tried again");
    // The other campaign's report counts for the other campaign, and nothing is asked any more.
    work.run(&["send", "plain.csv", "--campaign", "other", "--yes"]).ends(6);
    assert_eq!(work.outbox().len(), before);
    work.run(&["send", "plain.csv", "--campaign", "third", "--yes"]).ends(6);
    assert_eq!(work.outbox().len(), before + 1, "a campaign that is new reaches everybody");
    work.run(&["send", "plain.csv", "--campaign", "third", "--ledger-lost", "--yes"])
        .says("changes nothing");
}

#[test]
fn removed_runs_are_no_sign_of_a_loss() {
    let work = sandbox(5);
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    let report = format!(".mailbatch/reports/{run}.csv");
    let kept = work.read(&report);
    work.run(&["runs", "rm", &run, "--yes"]).ends(0);
    let left: Vec<_> = ["reports", "runs", "trace"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(work.join(".mailbatch").join(dir)).unwrap())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // A kill between the ledger and the report, or a copy that somebody put back.
    work.file(&report, kept).file(".mailbatch/reports/today.csv", "mine");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.outbox().len(), 5);
}

/// Loses the ledger while a run goes on, and returns the run's report.
fn lost_on_the_way(lose: impl Fn(&Workspace)) -> (Workspace, Recorder, Report) {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    let work = relayed(&server, "in_flight = 2", 400);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 20);
    lose(&work);
    let ended = send.ends(2).says("while it was in use").says("--ledger-lost");
    assert!(server.count() < 400, "it went on to the end");
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    let reports: Vec<_> = std::fs::read_dir(work.join(".mailbatch/reports"))
        .expect("reports")
        .map(|entry| entry.unwrap().path())
        .collect();
    let report = Report::read(
        reports
            .iter()
            .find(|path| path.extension().is_some_and(|suffix| suffix == "csv"))
            .expect("a report"),
    );
    (work, server, report)
}

#[test]
fn a_ledger_that_goes_in_mid_run_stops_the_run_and_its_report_names_whom_it_reached() {
    let replace = |work: &Workspace| {
        std::fs::rename(work.join(FILES[0]), work.join("old.db")).expect("a ledger");
        std::fs::copy(work.join("old.db"), work.join(FILES[0])).expect("room");
    };
    let ways: [&dyn Fn(&Workspace); 4] = [
        &|work| std::fs::remove_file(work.join(FILES[0])).expect("a ledger"),
        &|work| std::fs::remove_file(work.join(FILES[1])).expect("a log"),
        &replace,
        &lose,
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let (work, server, report) = lost_on_the_way(way);
        let mut accepted: Vec<String> =
            report.with("accepted").into_iter().map(str::to_owned).collect();
        accepted.sort();
        let mut taken = server.recipients();
        assert_eq!(accepted, taken, "way {number}");
        lose(&work);
        work.run(&["send", "list.csv", "--yes"]).ends(2);
        work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).ends(0);
        taken = server.recipients();
        assert_eq!(taken, everybody(400), "way {number}: everybody once");
    }
}

#[test]
fn what_only_a_trace_says_is_kept_where_the_list_is_the_same() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    let work = relayed(&server, "in_flight = 2", 200);
    let mut send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 20);
    assert!(!send.has_ended());
    assert!(send.kill());
    // An answer may be under way to a process that is gone.
    std::thread::sleep(Duration::from_millis(200));
    let before = server.recipients();
    lose(&work);
    work.run(&["send", "list.csv", "--yes"]).ends(2).says("1 trace");
    work.file("list.csv", lists::csv(201));
    work.run(&["send", "list.csv", "--yes", "--ledger-lost"])
        .ends(2)
        .says("the list has changed since")
        .says("hint: send the list as it was");
    work.file("list.csv", lists::csv(200));
    work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).ends(6);
    let mut after = server.recipients();
    assert!(after.len() > before.len());
    after.dedup();
    assert_eq!(after.len(), server.count(), "nobody twice");
    let report = work.report();
    let counts = report.counts();
    assert_eq!(counts["accepted"] + counts["already_accepted"] + counts["unknown"], 200);
    assert!(counts["unknown"] <= 4, "{counts:?}");
}
