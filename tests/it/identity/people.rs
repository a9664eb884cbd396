//! A list with the same people and the same message as an earlier one is asked about, or refused.

use std::process::{Command, Stdio};
use std::time::Duration;

use expectrl::{Expect, Session};

use super::{corrected, sandbox};
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists};

#[test]
fn a_corrected_copy_is_refused_until_it_is_said_what_is_meant() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    work.file("list-fixed.csv", corrected(20));
    for arguments in [
        &["send", "list-fixed.csv"][..],
        &["send", "list-fixed.csv", "-y"],
        &["send", "./list-fixed.csv", "--canary", "5"],
    ] {
        let refused = work.run(arguments).ends(14);
        refused
            .says("20 of these 20 people had this message")
            .says("--campaign message/list ")
            .says("--again");
    }
    assert_eq!(work.mailed().len(), 20);
    work.run(&["send", "list-fixed.csv", "--dry-run"])
        .ends(0)
        .says("20 of these 20 people")
        .says("--again");
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "no run stays behind");
    // To go on with the campaign reaches those who are new.
    work.file("list-fixed.csv", corrected(21));
    work.run(&["send", "list-fixed.csv", "--campaign", "message/list"]).ends(0);
    assert_eq!(work.mailed(), everybody(21));
    // Another name is the operator's word, and is warned about.
    work.run(&["send", "list-fixed.csv", "--campaign", "other"])
        .ends(0)
        .says("warning")
        .says("of these 21 people had this message");
    assert_eq!(work.mailed().len(), 42);
    work.run(&["send", "list-fixed.csv", "--again"]).ends(0);
    assert_eq!(work.mailed().len(), 63);
    work.run(&["send", "list-fixed.csv"]).ends(0).says("nothing to do");
}

#[test]
fn it_takes_half_of_the_people_ten_of_them_and_the_same_message() {
    let work = sandbox(12);
    work.run(&["send", "list.csv"]).ends(0);
    // 12 of 24 are half, 12 of 25 are not; compressed, linked or not.
    work.file("half.csv", lists::csv(24))
        .file("less.csv", lists::csv(25))
        .file("nine.csv", lists::csv(9));
    work.run(&["send", "half.csv"]).ends(14).says("12 of these 24");
    std::fs::hard_link(work.join("list.csv"), work.join("hard.csv")).expect("writable");
    let gzip = "gzip -c list.csv > list.csv.gz";
    assert!(
        Command::new("sh")
            .args(["-c", gzip])
            .current_dir(work.path())
            .status()
            .expect("a shell")
            .success()
    );
    work.run(&["send", "hard.csv"]).ends(14);
    work.run(&["send", "list.csv.gz"]).ends(14);
    work.run(&["send", "less.csv"]).ends(0);
    work.run(&["send", "nine.csv"]).ends(0);
    work.file("other.md", "+++\nsubject = \"Other\"\n+++\nOther\n");
    work.run(&["send", "half.csv", "--message", "other.md"]).ends(0);
    // A run that was removed has reached those whom it reached.
    work.run(&["runs", "rm", &work.newest_run(), "--yes"]).ends(0);
    work.file("again.csv", lists::csv(20));
    let refused =
        work.run(&["send", "again.csv", "--message", "other.md"]).ends(14).says("20 of these 20");
    // It can be gone on with all the same.
    let id = refused
        .err
        .split("--campaign '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("an id")
        .to_owned();
    let before = work.mailed().len();
    work.run(&["send", "again.csv", "--message", "other.md", "--campaign", &id]).ends(0);
    assert_eq!((work.mailed().len(), work.report().counts()["already_accepted"]), (before, 20));
}

#[test]
fn people_of_an_unfinished_run_count_as_far_as_they_were_reached() {
    let work = sandbox(40);
    work.run(&["send", "list.csv", "--limit", "12"]).ends(0);
    work.file("rest.csv", lists::csv_of(8..40)).file("most.csv", lists::csv(24));
    work.run(&["send", "most.csv"]).ends(14).says("12 of these 24");
    work.run(&["send", "rest.csv"]).ends(0);
}

#[test]
fn sandbox_redirected_and_other_environments_are_apart() {
    let server = Recorder::start();
    let work = relayed(&server, "", 15);
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[providers.box]\nkind = \"sandbox\"\n\n[env.staging]\n"));
    for name in ["one", "two", "three", "four", "five"] {
        work.file(format!("{name}.csv"), lists::csv(15));
    }
    work.run(&["send", "one.csv", "--provider", "box"]).ends(0);
    work.run(&["send", "two.csv", "--provider", "box"]).ends(14);
    work.run(&["send", "two.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"])
        .ends(0);
    work.run(&["send", "three.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"])
        .ends(0);
    work.run(&["send", "three.csv", "--provider", "relay", "--env", "staging"]).ends(0);
    work.run(&["send", "four.csv", "--provider", "relay"]).ends(0);
    work.run(&["send", "five.csv", "--provider", "relay"]).ends(14).says("15 of these 15");
    work.run(&["send", "five.csv", "--provider", "relay", "--redirect-all-to", "me@example.com"])
        .ends(0);
}

/// Runs the binary on a terminal and answers its question; what it says, and its exit code.
fn on_a_terminal(work: &Workspace, arguments: &[&str], answer: &str) -> (String, i32) {
    let mut command = work.command();
    command.args(arguments).env("TERM", "dumb").stdin(Stdio::inherit());
    let mut session = Session::spawn(command).expect("a terminal can be made");
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    let asked = session
        .expect(expectrl::Any::boxed(vec![Box::new("[y/N]"), Box::new(expectrl::Eof)]))
        .expect("it asks");
    let said = String::from_utf8_lossy(asked.before()).into_owned();
    assert!(String::from_utf8_lossy(asked.as_bytes()).contains("[y/N]"), "it does not ask: {said}");
    session.send_line(answer).expect("it reads");
    session.expect(expectrl::Eof).expect("it ends");
    let status = session.get_process().wait().expect("it ended");
    match status {
        expectrl::process::unix::WaitStatus::Exited(_, code) => (said, code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_terminal_is_asked_and_yes_does_not_answer() {
    let work = sandbox(20);
    work.run(&["send", "list.csv"]).ends(0);
    work.file("copy.csv", corrected(20));
    for arguments in [&["send", "copy.csv"][..], &["send", "copy.csv", "-y"]] {
        let (said, code) = on_a_terminal(&work, arguments, "n");
        assert!(said.contains("20 of these 20 people had this message"), "{said}");
        assert_eq!(code, 14);
    }
    assert_eq!(work.mailed().len(), 20);
    assert_eq!(on_a_terminal(&work, &["send", "copy.csv"], "y").1, 0);
    assert_eq!(work.mailed().len(), 40);
}

#[test]
fn of_two_copies_that_are_sent_at_once_one_is_refused() {
    for _ in 0..4 {
        let server =
            Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
        let work = relayed(&server, "in_flight = 1", 30);
        work.file("copy.csv", corrected(30));
        let both = [
            work.start(&["send", "list.csv", "--yes"]),
            work.start(&["send", "copy.csv", "--yes"]),
        ];
        let mut ended = both.map(|send| send.ends_with(&[0, 14]));
        ended.sort_by_key(|ran| ran.code);
        assert_eq!([ended[0].code, ended[1].code], [0, 14]);
        let refused = &ended[1].err;
        assert!(
            refused.contains("of these 30 people")
                && refused.contains("this message")
                && refused.contains("--again"),
            "{refused}"
        );
        assert_eq!(server.recipients(), everybody(30));
        assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "no run stays behind");
    }
}

#[test]
fn people_of_a_killed_run_who_are_still_to_come_count() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(50)));
    let work = relayed(&server, "in_flight = 1", 30);
    let send = work.start(&["send", "list.csv", "--yes"]);
    wait_for_count(&server, 2);
    assert!(send.kill());
    work.file("copy.csv", corrected(30));
    let said =
        work.run(&["send", "copy.csv"]).ends(14).says("30 of these 30 people").says("about to get");
    assert!(said.err.contains("not finished"), "{}", said.err);
    let exit = work.run(&["resume"]).code;
    assert!(matches!(exit, 0 | 6), "{exit}");
    work.run(&["send", "copy.csv"]).ends(14).says("30 of these 30 people had this message");
}

#[test]
fn check_foresees_what_earlier_runs_keep_a_send_from() {
    let work = sandbox(20);
    work.file("copy.csv", corrected(20));
    work.run(&["check", "copy.csv"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    work.run(&["check", "list.csv"]).ends(0);
    let sent = work.run(&["send", "copy.csv"]).ends(14);
    let checked = work.run(&["check", "copy.csv"]).ends(14).says("fix: --campaign");
    assert_eq!(checked.err, sent.err, "in the same words");
    let found = &work.run(&["check", "copy.csv", "--json"]).ends(14).object()["findings"][0];
    assert!(
        found["rule"] == "overlap"
            && found["what"].as_str().is_some_and(|what| what.starts_with("20 of these 20 people")),
        "{found}"
    );
    work.run(&["check", "copy.csv", "--campaign", "other"]).ends(0).says("20 of these 20 people");
    work.run(&["check", "copy.csv", "--campaign", "message/list"]).ends(0);
    assert_eq!(work.run(&["runs", "--json"]).objects().len(), 1, "it changes nothing");
    work.file("list.csv", lists::csv(21));
    let sent = work.run(&["send", "list.csv"]).ends(14);
    assert_eq!(work.run(&["check", "list.csv"]).ends(14).err, sent.err);
    work.message("Other", "Other");
    work.run(&["check", "copy.csv"]).ends(0);
}
