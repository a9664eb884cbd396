//! Suppression while a run goes on, and what the file may and may not do.

use std::io::Write;
use std::time::Duration;

use crate::support::recorder::{Recorder, Script, Step};
use crate::support::{Workspace, lists, wait_for, workspace};

const LONG: Duration = Duration::from_secs(20);

fn prepared(server: &Recorder, recipients: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), "in_flight = 1\nrate = \"40/s\"\n[suppression]\nfiles = [\"suppressions.csv\"]")
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("suppressions.csv", "email,reason\n")
        .file("list.csv", lists::csv(recipients));
    work
}

fn slow() -> Script {
    Script::default().delay_at(Step::Dot, Duration::from_millis(5))
}

fn append(work: &Workspace, line: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(work.join("suppressions.csv")).expect("it is there");
    file.write_all(line.as_bytes()).expect("writable");
}

#[test]
fn what_another_process_suppresses_while_a_run_goes_on_is_not_mailed() {
    for by_command in [true, false] {
        let server = Recorder::with(slow());
        let work = prepared(&server, 120);
        let child = work.spawn(&["send", "list.csv", "-q"]);
        assert!(wait_for(|| server.count() >= 10, LONG), "it sends");
        let late: Vec<String> = (100..120).map(lists::address).collect();
        if by_command {
            let mut arguments = vec!["suppress", "add"];
            arguments.extend(late.iter().map(String::as_str));
            work.run(&arguments).ends(0);
        } else {
            late.iter().for_each(|address| append(&work, &format!("{address},complaint\n")));
        }
        let done = child.wait_with_output().expect("it is our child");
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let report = work.report();
        assert_eq!((report.counts()["accepted"], report.counts()["suppressed"]), (100, 20));
        let recipients = server.recipients();
        assert_eq!(recipients.len(), 100);
        assert!(late.iter().all(|address| !recipients.contains(address)));
        let reason = if by_command { "manual" } else { "complaint" };
        assert_eq!(report.cell(&late[0], "mb_reason"), reason);
    }
}

#[test]
fn a_line_taken_away_while_a_run_goes_on_frees_nobody_in_it() {
    let server = Recorder::with(slow());
    let work = prepared(&server, 80);
    let last = lists::address(79);
    append(&work, &format!("{last},manual\n"));
    let child = work.spawn(&["send", "list.csv", "-q"]);
    assert!(wait_for(|| server.count() >= 5, LONG), "it sends");
    work.file("suppressions.csv", "email,reason\n");
    let done = child.wait_with_output().expect("it is our child");
    assert_eq!(done.status.code(), Some(0));
    assert!(!server.recipients().contains(&last));
}

#[test]
fn a_file_that_becomes_unreadable_or_unclear_drains_the_run() {
    for spoil in [true, false] {
        let server = Recorder::with(slow());
        let work = prepared(&server, 150);
        let child = work.spawn(&["send", "list.csv"]);
        assert!(wait_for(|| server.count() >= 10, LONG), "it sends");
        if spoil {
            append(&work, "this is nobody's address at all\n");
        } else {
            std::fs::remove_file(work.join("suppressions.csv")).expect("it is there");
        }
        let done = child.wait_with_output().expect("it is our child");
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(5), "{text}");
        assert!(text.contains("suppressions.csv"), "{text}");
        let report = work.report();
        assert_eq!(report.counts()["accepted"], server.count());
        assert!(report.counts()["held"] > 0);
        work.file("suppressions.csv", "email,reason\n");
        work.run(&["resume", "-q"]).ends(0);
        let mut taken = server.recipients();
        taken.sort();
        taken.dedup();
        assert_eq!((taken.len(), server.count()), (150, 150));
    }
}

#[test]
fn what_cannot_be_understood_stops_the_send_before_it_begins() {
    let server = Recorder::start();
    let work = prepared(&server, 5);
    for (line, at) in [("nobody\n", ":2"), ("a@example.com,because\n", ":2"), ("a@example.com,manual\n\u{fffd}\0,manual\n", ":3")] {
        work.file("suppressions.csv", format!("email,reason\n{line}"));
        work.run(&["send", "list.csv"]).ends(4).says(&format!("suppressions.csv{at}"));
    }
    std::fs::remove_file(work.join("suppressions.csv")).expect("it is there");
    work.run(&["send", "list.csv"]).ends(4).says("suppressions.csv");
    assert_eq!(server.count(), 0);
    work.file("suppressions.csv", "");
    work.run(&["send", "list.csv", "-q"]).ends(0);
    assert_eq!(server.count(), 5);
}

#[test]
fn every_form_of_entry_suppresses_and_unsubscribing_stops_marketing_only() {
    let hash = "sha256:b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514";
    let list = "email,name\nAnn@example.com,A\nb@blocked.example,B\nc@sub.blocked.example,C\nuser@example.com,D\ne@example.com,E\nf@example.com,F\n";
    let file = format!(
        "email,reason,scope,expires_at\nann@EXAMPLE.com,,,\n@blocked.example,,,\n{hash},complaint,,\ne@example.com,unsubscribe,,\nf@example.com,manual,,2001-01-01\n"
    );
    for (kind, sent) in [
        ("marketing", vec!["c@sub.blocked.example", "f@example.com"]),
        ("transactional", vec!["c@sub.blocked.example", "e@example.com", "f@example.com"]),
    ] {
        let server = Recorder::start();
        let work = prepared(&server, 1);
        let config = work.read("mailbatch.toml").replace("kind = \"marketing\"", &format!("kind = \"{kind}\""));
        work.config(&config).file("list.csv", list).file("suppressions.csv", &file);
        work.run(&["send", "list.csv", "-q"]).ends(0);
        let mut recipients = server.recipients();
        recipients.sort();
        assert_eq!(recipients, sent, "{kind}");
    }
}

#[test]
fn a_file_written_anew_each_night_frees_nobody_who_was_learned_or_added() {
    let server = Recorder::start();
    let work = prepared(&server, 10);
    work.run(&["suppress", "add", &lists::address(3)]).ends(0);
    work.file("suppressions.csv", "email,reason\n");
    work.run(&["suppress", "check", &lists::address(3)]).ends(0).says("ledger");
    work.run(&["send", "list.csv", "-q"]).ends(0);
    assert_eq!(server.count(), 9);
    work.run(&["suppress", "remove", &lists::address(3)]).ends(0);
    work.run(&["suppress", "check", &lists::address(3)]).ends(9);
}

#[test]
fn the_ledger_is_consulted_while_a_run_goes_on_whatever_file_was_written() {
    let server = Recorder::with(slow());
    let work = prepared(&server, 100);
    let child = work.spawn(&["send", "list.csv", "-q"]);
    assert!(wait_for(|| server.count() >= 10, LONG), "it sends");
    work.run(&["suppress", "add", &lists::address(99), "--file", "elsewhere.csv"]).ends(0);
    let done = child.wait_with_output().expect("it is our child");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!((server.count(), work.report().counts()["suppressed"]), (99, 1));
}
