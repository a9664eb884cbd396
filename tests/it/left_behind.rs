//! What a lost ledger leaves behind is believed only where it is all that there was: a copy that
//! took the ledger's place in mid-run, an older report, and one that was shortened are noticed, and
//! nobody is mailed twice.

use std::process::Command;
use std::time::Duration;

use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, workspace};

fn sandbox(rows: usize) -> Workspace {
    let work = workspace();
    work.sandbox_config("")
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(rows));
    work
}

fn lose(work: &Workspace) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(work.join(format!(".mailbatch/ledger.db{suffix}")));
    }
}

fn record(work: &Workspace, run: &str) -> serde_json::Value {
    serde_json::from_str(&work.read(format!(".mailbatch/runs/{run}.json")))
        .expect("a record is JSON")
}

/// Makes the record of a run one of the version before reports were described, whose number is that
/// of the run's last batch.
fn older_record(work: &Workspace, run: &str) {
    let mut record = record(work, run);
    let fields = record.as_object_mut().expect("an object");
    assert!(fields.remove("report").is_some());
    let last = work
        .report()
        .column("mb_batch")
        .iter()
        .filter_map(|batch| batch.parse::<i64>().ok())
        .max()
        .expect("a batch");
    fields.insert("v".into(), 2.into());
    fields.insert("batches".into(), last.into());
    work.file(format!(".mailbatch/runs/{run}.json"), record.to_string());
}

#[test]
fn a_copy_that_took_the_place_of_the_workspace_in_mid_run_is_not_taken_for_it() {
    // With messages between the copy and the swap, and with none: then both know the same batches.
    for between in [0, 6] {
        let server =
            Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
        let work = relayed(&server, "in_flight = 2", 300);
        let send = work.start(&["send", "list.csv", "--yes"]);
        wait_for_count(&server, 20);
        assert!(
            Command::new("cp")
                .arg("-a")
                .args([work.join(".mailbatch"), work.join("copy")])
                .status()
                .expect("cp")
                .success()
        );
        wait_for_count(&server, server.count() + between);
        std::fs::rename(work.join(".mailbatch"), work.join("moved")).expect("a workspace");
        std::fs::rename(work.join("copy"), work.join(".mailbatch")).expect("a copy");
        send.ends(2).says("while it was in use");
        let before = server.count();
        assert!(before < 300, "it went on to the end");
        for arguments in [&["status"][..], &["resume"], &["send", "list.csv", "--yes"]] {
            work.run(arguments).ends(2).says("an older copy").says("--ledger-lost");
        }
        assert_eq!(server.count(), before);
        work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).ends(0);
        assert_eq!(server.recipients(), everybody(300), "{between}: each once");
    }
}

#[test]
fn an_older_report_is_not_taken_for_the_newest() {
    for is_described in [true, false] {
        let work = sandbox(40);
        work.run(&["send", "list.csv", "--limit", "10"]).ends(0);
        work.run(&["send", "list.csv"]).ends(0);
        let run = work.newest_run();
        if !is_described {
            older_record(&work, &run);
        }
        let newest = format!(".mailbatch/reports/{run}.2.csv");
        let text = work.read(&newest);
        lose(&work);
        std::fs::remove_file(work.join(&newest)).expect("a report");
        for _ in 0..2 {
            let said = work
                .run(&["send", "list.csv", "--ledger-lost"])
                .ends(2)
                .says(&format!("{run}.2.csv"))
                .says("is gone")
                .says("hint: restore");
            assert!(!is_described || said.err.contains("30 are missing"), "{}", said.err);
        }
        assert_eq!(work.outbox().len(), 40);
        work.file(&newest, text);
        work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
        assert_eq!(work.outbox().len(), 40, "nobody is mailed twice");
    }
}

#[test]
fn a_report_that_was_cut_at_the_end_of_a_line_is_not_taken_for_whole() {
    for is_described in [true, false] {
        let work = sandbox(40);
        // Batches of their own: an earlier version's record says the number of the last.
        work.run(&["send", "list.csv", "--limit", "30"]).ends(0);
        work.run(&["send", "list.csv"]).ends(0);
        let run = work.newest_run();
        if !is_described {
            older_record(&work, &run);
        }
        let report = format!(".mailbatch/reports/{run}.2.csv");
        let whole = work.read(&report);
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        assert_eq!(lines.len(), 41);
        lose(&work);
        for (text, missing) in
            [(lines[..20].concat(), 21), ([&lines[..10], &lines[11..]].concat().concat(), 1)]
        {
            work.file(&report, text);
            let said = work
                .run(&["send", "list.csv", "--ledger-lost"])
                .ends(2)
                .says(&format!("{run}.2.csv"))
                .says("hint: restore");
            assert!(
                !is_described || said.err.contains(&format!("{missing} are missing")),
                "{}",
                said.err
            );
        }
        assert_eq!(work.outbox().len(), 40);
        work.file(&report, &whole);
        work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
        assert_eq!(work.outbox().len(), 40, "nobody is mailed twice");
    }
}

#[test]
fn the_way_past_a_shortened_report_that_the_hint_names_leads_on() {
    let work = sandbox(12);
    work.run(&["send", "list.csv"]).ends(0);
    let (run, report) =
        (work.newest_run(), format!(".mailbatch/reports/{}.csv", work.newest_run()));
    let text: String = work.read(&report).split_inclusive('\n').take(9).collect();
    work.file(&report, text);
    lose(&work);
    let (away, link) = (format!("{run}.json"), format!("{run}.latest.csv"));
    work.run(&["send", "list.csv", "--ledger-lost"])
        .ends(2)
        .says("4 are missing")
        .says(&away)
        .says(&link)
        .says("mailed twice");
    std::fs::rename(work.join(format!(".mailbatch/runs/{away}")), work.join(away))
        .expect("what the hint says");
    std::fs::rename(work.join(format!(".mailbatch/reports/{link}")), work.join(link))
        .expect("what the hint says");
    work.run(&["send", "list.csv", "--ledger-lost"]).ends(0).says("8 people read");
    assert_eq!(work.outbox().len(), 16);
}
