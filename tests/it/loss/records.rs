//! What records, reports, locks and traces say about runs whose ledger was lost.

use std::time::Duration;

use super::{FILES, lose, sandbox};
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{relayed, wait_for_count};
use crate::support::{Workspace, lists};

#[test]
fn a_run_of_which_only_a_record_is_left_is_not_taken_for_one_that_reached_nobody() {
    let work = sandbox(6);
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    lose(&work);
    std::fs::remove_dir_all(work.join(".mailbatch/reports")).expect("reports");
    std::fs::remove_dir_all(work.join(".mailbatch/trace")).expect("traces");
    for _ in 0..2 {
        work.run(&["send", "list.csv", "--ledger-lost"])
            .ends(2)
            .says(&run)
            .says("neither a report nor a trace")
            .says("hint: ");
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
        let said = [
            work.run(&["send", "list.csv", "--ledger-lost"]).ends(2),
            work.run(&["send", "list.csv"]).ends(2),
        ];
        assert!(said[0].err.contains("no report and no trace"), "{}", said[0].err);
        for ran in said {
            assert!(
                ran.err.contains("the ledger is gone") && ran.err.contains("move .mailbatch away"),
                "{}",
                ran.err
            );
            assert!(
                !ran.err.contains("`mailbatch send LIST --ledger-lost`"),
                "it would lead back here: {}",
                ran.err
            );
        }
    }
    assert!(!work.join(FILES[0]).exists(), "nothing is made in its place");
    std::fs::rename(work.join(".mailbatch"), work.join("away")).expect("what the hint says");
    work.run(&["send", "list.csv"]).ends(0);
}

#[test]
fn a_report_whose_rows_were_changed_is_not_believed() {
    let work = sandbox(6);
    work.run(&["send", "list.csv"]).ends(0);
    let path = format!(".mailbatch/reports/{}.csv", work.newest_run());
    let report = work.read(&path);
    lose(&work);
    let rows: Vec<&str> = report.lines().collect();
    let doubled = report.replace(rows[2], rows[1]);
    let another = report.replacen(".example", ".exbmple", 2);
    let outcome = report.replacen(",accepted,", ",held,", 1);
    for changed in [doubled, another, outcome] {
        assert_ne!(changed, report, "nothing was changed");
        work.file(&path, changed);
        work.run(&["send", "list.csv", "--ledger-lost"])
            .ends(2)
            .says("is not as it was written")
            .says(".csv or the newest ledger.db from a backup");
    }
    assert_eq!(work.outbox().len(), 6);
    // Other line ends and quotes are the same report.
    work.file(&path, report.replace('\n', "\r\n"));
    work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
    assert_eq!(work.outbox().len(), 6, "nobody is mailed twice");
}

/// Rewrites the record of a run.
fn record(
    work: &Workspace,
    run: &str,
    change: impl Fn(&mut serde_json::Map<String, serde_json::Value>),
) {
    let path = format!(".mailbatch/runs/{run}.json");
    let mut record: serde_json::Value =
        serde_json::from_str(&work.read(&path)).expect("a record is JSON");
    change(record.as_object_mut().expect("an object"));
    work.file(&path, record.to_string());
}

#[test]
fn another_copy_of_the_list_is_noticed_after_the_ledger_was_lost() {
    for how in ["at once", "later"] {
        let work = sandbox(20);
        work.run(&["send", "list.csv"]).ends(0);
        let run = work.newest_run();
        work.file("copy.csv", lists::csv(20))
            .file("other.csv", "email,name\nbea@example.net,Bea\n");
        lose(&work);
        if how == "later" {
            work.run(&["send", "other.csv", "--ledger-lost"]).ends(0);
        } else {
            let asked = work.run(&["send", "copy.csv", "--ledger-lost"]).ends(14);
            asked.says("20 of these 20 people had this message").says("--campaign").says("--again");
        }
        let before = work.outbox().len();
        let asked = work
            .run(&["send", "copy.csv"])
            .ends(14)
            .says("20 of these 20 people had this message")
            .says(&run);
        // What the hint names works.
        let name = asked
            .err
            .split("--campaign ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .expect("a name")
            .trim_matches('\'')
            .to_owned();
        work.run(&["send", "copy.csv", "--campaign", &name]).ends(0);
        assert_eq!(work.outbox().len(), before, "{how}: nobody is mailed twice");
        work.file("third.csv", lists::csv(20))
            .file("another.md", "+++\nsubject = \"Another\"\n+++\nAnother\n");
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
            "no record" => std::fs::remove_file(work.join(format!(".mailbatch/runs/{run}.json")))
                .expect("a record"),
            _ => record(&work, &run, |record| {
                record.insert("v".into(), 1.into());
                record.remove("message_fingerprint");
                record.remove("apart");
            }),
        }
        lose(&work);
        work.file("copy.csv", lists::csv(20))
            .file("other.csv", "email,name\nbea@example.net,Bea\n");
        work.file("another.md", "+++\nsubject = \"Another\"\n+++\nAnother\n");
        work.run(&["send", "other.csv", "--ledger-lost"]).ends(0);
        for message in ["message.md", "another.md"] {
            let said = work.run(&["send", "copy.csv", "--message", message]).ends(14);
            said.says("20 of these 20 people had a message that may be this one")
                .says("which message that was")
                .says(&run);
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
    work.run(&["send", "copy.csv", "--ledger-lost"])
        .ends(14)
        .says("may have had them")
        .says("with --ledger-lost first");
    assert_eq!(server.count(), before);
    // What the hint says works, and then it is known to whom.
    let exit = work.run(&["send", "list.csv", "--yes", "--ledger-lost"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    work.run(&["send", "copy.csv"]).ends(14).says("of these 40 people had this message");
    let mut all = server.recipients();
    all.dedup();
    assert_eq!(all.len(), server.count(), "nobody twice");
}
