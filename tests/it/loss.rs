//! A ledger that is gone, replaced, out of date or damaged is noticed before anything leaves, and nobody is mailed twice on the way back.

use std::time::Duration;

use crate::support::ran::Report;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, workspace};

const FILES: [&str; 3] = [".mailbatch/ledger.db", ".mailbatch/ledger.db-wal", ".mailbatch/ledger.db-shm"];

/// A workspace with the sandbox and a list of so many.
fn sandbox(rows: usize) -> Workspace {
    let work = workspace();
    work.sandbox_config("").message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(rows));
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
            let said = work.run(arguments).ends(2).says("the ledger is gone").says("1 report").says(&run).says("--ledger-lost").says("backup");
            assert!(!said.err.contains("Some("), "{}", said.err);
        }
        assert_eq!(std::fs::read(work.join(FILES[0])).ok().filter(|text| !text.is_empty()), None, "{how}: nothing is made in its place");
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
    work.config(&format!("{}retry = {{ for = \"1s\", base = \"50ms\", max = \"100ms\" }}\n", work.read("mailbatch.toml")));
    work.run(&["send", "plain.csv", "--yes"]).ends(6);
    work.run(&["send", "plain.csv", "--campaign", "other", "--yes"]).ends(6);
    let (first, before) = (work.report(), work.outbox().len());
    assert_eq!(first.counts().values().sum::<usize>(), 4);
    lose(&work);
    work.run(&["send", "plain.csv", "--yes"]).ends(2).says("--ledger-lost");
    // Only the recipient who was deferred is tried again.
    work.run(&["send", "plain.csv", "--ledger-lost", "--yes"]).ends(6).says("people read from its report");
    assert_eq!(work.outbox().len(), before, "nobody is mailed twice");
    let report = work.report();
    assert_eq!(report.with("already_accepted"), ["ann@example.net"]);
    // The mailbox that was gone is learned anew, for no suppression file has it.
    assert_eq!((report.with("suppressed"), report.with("unknown")), (vec!["reject+x@example.net"], vec!["unknown+x@example.net"]));
    // How often depends on how fast the machine is.
    let tries = |report: &Report| report.cell("defer+x@example.net", "mb_attempts").parse::<u32>().expect("a number");
    assert!(tries(&first) > 1 && tries(&report) > 1, "and was tried again");
    // The other campaign's report counts for the other campaign, and nothing is asked any more.
    work.run(&["send", "plain.csv", "--campaign", "other", "--yes"]).ends(6);
    assert_eq!(work.outbox().len(), before);
    work.run(&["send", "plain.csv", "--campaign", "third", "--yes"]).ends(6);
    assert_eq!(work.outbox().len(), before + 1, "a campaign that is new reaches everybody");
    work.run(&["send", "plain.csv", "--campaign", "third", "--ledger-lost", "--yes"]).says("changes nothing");
}

#[test]
fn an_older_copy_of_the_ledger_is_noticed_by_the_runs_it_does_not_know() {
    let work = sandbox(20);
    work.run(&["send", "list.csv", "--campaign", "one"]).ends(0);
    let old = backup(&work);
    work.run(&["send", "list.csv", "--campaign", "two"]).ends(0);
    let (run, before) = (work.newest_run(), work.outbox().len());
    lose(&work);
    work.file(FILES[0], &old);
    for arguments in [&["send", "list.csv", "--campaign", "two"][..], &["send", "list.csv", "--campaign", "three"], &["resume"], &["runs"]] {
        work.run(arguments).ends(2).says("an older copy").says(&run).says("--ledger-lost").says("the newest run that it knows is");
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

#[test]
fn removed_runs_are_no_sign_of_a_loss() {
    let work = sandbox(5);
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    let report = format!(".mailbatch/reports/{run}.csv");
    let kept = work.read(&report);
    work.run(&["runs", "rm", &run, "--yes"]).ends(0);
    let left: Vec<_> = ["reports", "runs", "trace"].iter().flat_map(|dir| std::fs::read_dir(work.join(".mailbatch").join(dir)).unwrap()).collect();
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
    let reports: Vec<_> = std::fs::read_dir(work.join(".mailbatch/reports")).expect("reports").map(|entry| entry.unwrap().path()).collect();
    let report = Report::read(reports.iter().find(|path| path.extension().is_some_and(|suffix| suffix == "csv")).expect("a report"));
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
        let mut accepted: Vec<String> = report.with("accepted").into_iter().map(str::to_owned).collect();
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
    work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).ends(2).says("the list has changed since").says("hint: send the list as it was");
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

#[test]
fn damage_ends_in_a_clear_error_within_seconds() {
    let work = sandbox(300);
    work.run(&["send", "list.csv", "--limit", "100"]).ends(0);
    let good = backup(&work);
    let half = good.len() / 2;
    let zeroed = |from: usize, to: usize| {
        let mut bytes = good.clone();
        bytes[from..to].fill(0);
        bytes
    };
    let mut inverted = good.clone();
    inverted[100..half].iter_mut().for_each(|byte| *byte = !*byte);
    let damaged = [
        ("cut", good[..half].to_vec()),
        ("a byte", b"x".to_vec()),
        ("header", zeroed(0, 100)),
        ("first page", zeroed(0, 8192)),
        ("all zero", zeroed(0, good.len())),
        ("pages", zeroed(8192, good.len())),
        ("second half", zeroed(half / 8192 * 8192, good.len())),
        ("inverted", inverted),
        ("text", b"email,name\na@example.com,Ann\n".repeat(1_000)),
    ];
    for (what, bytes) in damaged {
        for arguments in
            [&["send", "list.csv"][..], &["resume"], &["status"], &["runs"], &["report", "latest"], &["send", "list.csv", "--ledger-lost"]]
        {
            lose(&work);
            work.file(FILES[0], &bytes);
            let mut command = work.mailbatch();
            let output = command.args(arguments).timeout(Duration::from_secs(20)).output().expect("it ends within seconds");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code().unwrap_or_else(|| panic!("{what}, {arguments:?}: it hangs: {said}"));
            assert!(matches!(code, 1 | 2), "{what}, {arguments:?}: {code}: {said}");
            assert!(said.contains("ledger.db") && said.contains("hint: ") && said.contains("backup"), "{what}, {arguments:?}: {said}");
            assert!(!said.contains("panicked") && !said.contains("Standing {") && !said.contains("Error("), "{what}, {arguments:?}: {said}");
        }
    }
    assert_eq!(work.outbox().len(), 100, "nothing was sent");
    lose(&work);
    work.file(FILES[0], &good);
    work.run(&["resume"]).ends(0);
    assert_eq!(work.outbox().len(), 300);
}

/// A run that was interrupted after about 20 of 60 recipients and killed later on, and the ledger as it was in between, put back.
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
    assert!(crate::support::wait_for(|| last_traced(&work) > known, Duration::from_secs(60)), "a later batch is handed over");
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

/// Commands that all meet what stands in the ledger's place.
const COMMANDS: [&[&str]; 6] = [
    &["send", "list.csv"],
    &["send", "list.csv", "--ledger-lost"],
    &["send", "list.csv", "--dry-run"],
    &["check", "list.csv"],
    &["resume"],
    &["runs"],
];

#[test]
fn what_stands_in_the_ledgers_place_is_called_what_it_is_and_the_hint_leads_out() {
    let text = b"to do: buy milk\n".to_vec();
    for has_sent in [true, false] {
        for what in ["a text file", "a directory", "a database of another program", "a link that leads to no file", "cut short"] {
            let work = sandbox(12);
            if has_sent {
                work.run(&["send", "list.csv"]).ends(0);
            } else if what == "cut short" {
                continue;
            }
            let good = if has_sent { backup(&work) } else { Vec::new() };
            lose(&work);
            let place = work.join(FILES[0]);
            std::fs::create_dir_all(work.join(".mailbatch")).expect("writable");
            match what {
                "a text file" => std::fs::write(&place, &text).expect("writable"),
                "a directory" => std::fs::create_dir(&place).expect("writable"),
                "a link that leads to no file" => std::os::unix::fs::symlink("nowhere.db", &place).expect("writable"),
                "cut short" => std::fs::write(&place, &good[..good.len() / 2]).expect("writable"),
                _ => {
                    let other = rusqlite::Connection::open(&place).expect("a database");
                    // With a version that would be one of ours.
                    other.execute_batch("CREATE TABLE songs(title TEXT); PRAGMA user_version = 5").expect("writable");
                }
            }
            let is_as_it_was = || match what {
                "a text file" => std::fs::read(&place).expect("readable") == text,
                "a database of another program" => {
                    let other = rusqlite::Connection::open(&place).expect("a database");
                    let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
                    mode == "delete" && other.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0)) == Ok(1)
                }
                _ => true,
            };
            for arguments in COMMANDS {
                let said = work.run(arguments).ends(2).says("ledger.db").says(what).says("hint: move ");
                assert!(said.err.contains("--ledger-lost") == has_sent, "{}", said.err);
                assert!(is_as_it_was(), "{what}: it is left as it is");
            }
            std::fs::rename(&place, work.join("away")).expect("what the hint says");
            if has_sent {
                work.run(&["send", "list.csv"]).ends(2).says("the ledger is gone");
                work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
                // The backup works as well.
                lose(&work);
                work.file(FILES[0], &good);
                work.run(&["runs"]).ends(2).says("an older copy");
            } else {
                work.run(&["send", "list.csv"]).ends(0);
            }
            assert_eq!(work.outbox().len(), 12, "{what}");
        }
    }
}

#[test]
fn an_older_copy_and_a_trace_that_came_after_it_reach_each_recipient_once() {
    let (work, server) = killed_after_a_backup();
    let before = server.count();
    work.run(&["send", "list.csv", "--yes"]).ends(2).says("an older copy");
    // Taking over fails: what it has to go by is still there, and still asked for.
    work.file("list.csv", lists::csv(61));
    for _ in 0..2 {
        work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).ends(2).says("the list has changed since");
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
    work.run(&["send", "other.csv", "--campaign", "other", "--ledger-lost"]).ends(0).says(&format!("run {first} is closed"));
    work.run(&["resume", &first]).ends(2);
    work.run(&["send", "list.csv", "--campaign", "spring"]).ends(0);
    let mailed = work.report().with("already_accepted").len();
    assert_eq!((mailed, work.report().with("accepted").len()), (20, 0));
}

#[test]
fn a_run_of_which_only_a_record_is_left_is_not_taken_for_one_that_reached_nobody() {
    let work = sandbox(6);
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    lose(&work);
    std::fs::remove_dir_all(work.join(".mailbatch/reports")).expect("reports");
    std::fs::remove_dir_all(work.join(".mailbatch/trace")).expect("traces");
    for _ in 0..2 {
        work.run(&["send", "list.csv", "--ledger-lost"]).ends(2).says(&run).says("neither a report nor a trace").says("hint: ");
        work.run(&["send", "list.csv"]).ends(2).says("--ledger-lost");
    }
    assert_eq!(work.outbox().len(), 6);
}

#[test]
fn locks_alone_are_nothing_to_go_on_by() {
    let work = sandbox(6);
    work.run(&["send", "list.csv"]).ends(0);
    lose(&work);
    for dir in ["reports", "runs", "trace"] {
        std::fs::remove_dir_all(work.join(".mailbatch").join(dir)).expect("it was there");
    }
    for _ in 0..2 {
        let said = [work.run(&["send", "list.csv", "--ledger-lost"]).ends(2), work.run(&["send", "list.csv"]).ends(2)];
        assert!(said[0].err.contains("no report and no trace"), "{}", said[0].err);
        for ran in said {
            assert!(ran.err.contains("the ledger is gone") && ran.err.contains("move .mailbatch away"), "{}", ran.err);
            assert!(!ran.err.contains("`mailbatch send LIST --ledger-lost`"), "it would lead back here: {}", ran.err);
        }
    }
    assert!(!work.join(FILES[0]).exists(), "nothing is made in its place");
    std::fs::rename(work.join(".mailbatch"), work.join("away")).expect("what the hint says");
    work.run(&["send", "list.csv"]).ends(0);
}

/// Rewrites the record of a run.
fn record(work: &Workspace, run: &str, change: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) {
    let path = format!(".mailbatch/runs/{run}.json");
    let mut record: serde_json::Value = serde_json::from_str(&work.read(&path)).expect("a record is JSON");
    change(record.as_object_mut().expect("an object"));
    work.file(&path, record.to_string());
}

#[test]
fn another_copy_of_the_list_is_noticed_after_the_ledger_was_lost() {
    for how in ["at once", "later"] {
        let work = sandbox(20);
        work.run(&["send", "list.csv"]).ends(0);
        let run = work.newest_run();
        work.file("copy.csv", lists::csv(20)).file("other.csv", "email,name\nbea@example.net,Bea\n");
        lose(&work);
        if how == "later" {
            work.run(&["send", "other.csv", "--ledger-lost"]).ends(0);
        } else {
            let asked = work.run(&["send", "copy.csv", "--ledger-lost"]).ends(14);
            asked.says("20 of these 20 people had this message").says("--campaign").says("--again");
        }
        let before = work.outbox().len();
        let asked = work.run(&["send", "copy.csv"]).ends(14).says("20 of these 20 people had this message").says(&run);
        // What the hint names works.
        let name = asked.err.split("--campaign ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a name").trim_matches('\'').to_owned();
        work.run(&["send", "copy.csv", "--campaign", &name]).ends(0);
        assert_eq!(work.outbox().len(), before, "{how}: nobody is mailed twice");
        work.file("third.csv", lists::csv(20)).file("another.md", "+++\nsubject = \"Another\"\n+++\nAnother\n");
        work.run(&["send", "third.csv", "--message", "another.md"]).ends(0);
        assert_eq!(work.outbox().len(), before + 20, "{how}: another message is another matter");
        work.run(&["send", "third.csv", "--again"]).ends(0);
    }
}

#[test]
fn a_lost_run_whose_message_nothing_names_may_have_had_any() {
    for how in ["an older record", "no record"] {
        let work = sandbox(20);
        work.run(&["send", "list.csv"]).ends(0);
        let run = work.newest_run();
        match how {
            "no record" => std::fs::remove_file(work.join(format!(".mailbatch/runs/{run}.json"))).expect("a record"),
            _ => record(&work, &run, |record| {
                record.insert("v".into(), 1.into());
                record.remove("message_fingerprint");
                record.remove("apart");
            }),
        }
        lose(&work);
        work.file("copy.csv", lists::csv(20)).file("other.csv", "email,name\nbea@example.net,Bea\n");
        work.file("another.md", "+++\nsubject = \"Another\"\n+++\nAnother\n");
        work.run(&["send", "other.csv", "--ledger-lost"]).ends(0);
        for message in ["message.md", "another.md"] {
            let said = work.run(&["send", "copy.csv", "--message", message]).ends(14);
            said.says("20 of these 20 people had a message that may be this one").says("which message that was").says(&run);
        }
        assert_eq!(work.outbox().len(), 21, "{how}");
        work.run(&["send", "copy.csv", "--again"]).ends(0);
    }
}

#[test]
fn lost_runs_that_reached_nobody_of_the_list_are_not_counted() {
    let server = Recorder::start();
    let work = relayed(&server, "", 20);
    work.run(&["send", "list.csv", "--redirect-all-to", "me@example.com"]).ends(0);
    lose(&work);
    work.file("other.csv", "email,name\nbea@example.net,Bea\n").file("copy.csv", lists::csv(20));
    work.run(&["send", "other.csv", "--ledger-lost"]).ends(0);
    work.run(&["send", "copy.csv"]).ends(0);
}

#[test]
fn messages_of_a_killed_run_that_only_its_trace_names_are_asked_about_too() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    let work = relayed(&server, "in_flight = 1", 40);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 22);
    assert!(send.kill());
    // An answer may be under way to a process that is gone.
    std::thread::sleep(Duration::from_millis(200));
    lose(&work);
    work.file("copy.csv", lists::csv(40).replacen("\"Ann\"", "\"Anne\"", 1));
    let before = server.count();
    work.run(&["send", "copy.csv", "--ledger-lost"]).ends(14).says("may have had them").says("with --ledger-lost first");
    assert_eq!(server.count(), before);
    // What the hint says works, and then it is known to whom.
    let exit = work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    work.run(&["send", "copy.csv"]).ends(14).says("of these 40 people had this message");
    let mut all = server.recipients();
    all.dedup();
    assert_eq!(all.len(), server.count(), "nobody twice");
}
