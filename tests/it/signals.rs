//! Signals while a run goes on, and outputs that nobody reads any more.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use crate::support::recorder::{Action, Recorder, Script, Step};
use crate::support::running::{LONG, everybody, relayed, wait_for_count};
use crate::support::{Signal, lists, wait_for, workspace};

/// A server that takes this long to say what becomes of a message.
fn slow(delay: u64) -> Recorder {
    Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(delay)))
}

#[test]
fn ctrl_c_drains_what_is_on_the_wire_and_resume_finishes() {
    const IN_FLIGHT: usize = 4;
    let server = slow(200);
    let work = relayed(&server, "in_flight = 4", 150);
    let mut send = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 12);
    send.signal(Signal::INT);
    let before = server.count();
    // All of it would take seven seconds more.
    let ran = send
        .ends_within(130, Duration::from_secs(2))
        .says("interrupted")
        .says("stopping")
        .says("mailbatch resume");
    let after = server.count();
    // One on each connection, and one more where an answer came while the signal was on its way.
    assert!(after - before <= 2 * IN_FLIGHT, "{} began after the signal", after - before);
    let report = work.report();
    assert_eq!(
        report.counts(),
        BTreeMap::from([("accepted", after), ("held", 150 - after)]),
        "{}",
        ran.out
    );
    let reasons: Vec<_> =
        report.column("mb_reason").into_iter().filter(|reason| !reason.is_empty()).collect();
    assert_eq!(reasons, vec!["interrupted"; 150 - after]);
    let mut accepted = report.with("accepted");
    accepted.sort_unstable();
    assert_eq!(accepted, server.recipients());

    server.follow(Script::default());
    work.run(&["resume"]).ends(0);
    assert_eq!(server.recipients(), everybody(150));
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 150)]));
}

#[test]
fn the_same_command_finishes_what_a_signal_interrupted() {
    let server = slow(50);
    let work = relayed(&server, "in_flight = 2", 60);
    for (which, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let wanted = server.count() + 5;
        let mut send = work.start(&["send", "list.csv"]);
        wait_for_count(&server, wanted);
        send.signal(which);
        send.ends_within(code, Duration::from_secs(2));
    }
    let held = work.report().with("held").len();
    assert_eq!(held + server.count(), 60, "a drained run leaves nothing unknown");
    server.follow(Script::default());
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(60));
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_only_what_was_on_the_wire_is_unknown() {
    let server = slow(20_000);
    let work = relayed(&server, "in_flight = 3", 60);
    let mut send = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 3);
    send.signal(Signal::INT);
    assert!(wait_for(|| send.err().contains("stopping: waiting for"), LONG), "{}", send.err());
    send.signal(Signal::INT);
    send.ends_within(130, Duration::from_secs(3))
        .says("leaving at once")
        .says("may have been taken");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("held", 57), ("unknown", 3)]));
    let mut unknown = report.with("unknown");
    unknown.sort_unstable();
    assert_eq!(unknown, server.recipients(), "the server took them and could not say so");

    server.follow(Script::default());
    work.run(&["resume"]).ends(6);
    assert_eq!(server.recipients(), everybody(60));
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 57), ("unknown", 3)]));
}

#[test]
fn nobody_reading_the_output_stops_no_mail() {
    let server = slow(5);
    let work = relayed(&server, "in_flight = 2", 100);
    for arguments in [
        &["send", "list.csv", "--progress", "json"][..],
        &["send", "other.csv", "--progress", "plain", "--stats", "1s"],
    ] {
        work.file("other.csv", lists::csv(100).replace("@example", "@other.example"));
        let before = server.count();
        let mut child = work.spawn(arguments);
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().expect("it is our child").code(), Some(0));
        assert_eq!(server.count() - before, 100);
    }
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 100)]));
}

#[test]
fn the_status_is_told_on_demand() {
    let server = slow(40);
    let work = relayed(&server, "in_flight = 2", 100);
    let mut send = work.start(&["send", "list.csv", "--progress", "none"]);
    wait_for_count(&server, 10);
    assert_eq!(send.err(), "");
    send.signal(Signal::USR1);
    assert!(wait_for(|| send.err().contains("accepted"), LONG), "{}", send.err());
    let line = send.err();
    assert!(line.contains("/100") && line.contains("relay") && line.lines().count() == 1, "{line}");
    assert!(!send.has_ended(), "and the run goes on");
    send.ends(0);
    assert_eq!(server.recipients(), everybody(100));
}

#[test]
fn asking_for_the_status_while_the_list_is_read_stops_nothing() {
    let server = Recorder::start();
    let work = relayed(&server, "", 6_000);
    let mut send = work.start(&["send", "list.csv", "--limit", "10"]);
    assert!(wait_for(|| work.join(".mailbatch/ledger.db").exists(), LONG));
    send.signal(Signal::USR1);
    send.ends(0);
    assert_eq!(server.count(), 10);
}

#[test]
fn a_run_under_nohup_outlives_the_terminal() {
    let server = slow(20);
    let work = relayed(&server, "in_flight = 2", 60);
    let mut command = std::process::Command::new("nohup");
    command
        .arg(env!("CARGO_BIN_EXE_mailbatch"))
        .args(["send", "list.csv"])
        .current_dir(work.path())
        .stdin(Stdio::null());
    let mut send = work.start_with(command);
    wait_for_count(&server, 5);
    send.signal(Signal::HUP);
    send.ends(0);
    assert_eq!(server.recipients(), everybody(60));
}

#[test]
fn a_run_that_is_ended_while_its_relay_is_down_says_what_the_relay_said_last() {
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port of loopback");
    let refused = Recorder::with(
        Script::default().on(Step::Greeting, Action::reply("421 4.3.2 closing for maintenance")),
    );
    for (url, words) in
        [(format!("smtp://{gone}"), "refused"), (refused.url(), "closing for maintenance")]
    {
        let work = workspace();
        work.smtp_config(&url, "")
            .message("Hi {{ name }}", "Dear {{ name }}")
            .file("list.csv", lists::csv(20));
        let mut send = work.start(&["send", "list.csv", "--progress", "plain", "--stats", "1s"]);
        assert!(wait_for(|| send.err().contains(words), LONG), "{}", send.err());
        send.signal(Signal::TERM);
        let ran = send.ends_within(143, LONG);
        let exit = ran
            .out
            .lines()
            .find(|line| line.starts_with("exit    143 · "))
            .expect("the code and its cause");
        assert!(
            exit.contains("SIGTERM")
                && exit.contains("; relay was failing: ")
                && exit.contains(words),
            "{exit}"
        );
        let report = work.report();
        assert_eq!(report.with("held").len(), 20);
        assert!(
            report.column("mb_detail").iter().all(|detail| detail.contains(words)),
            "{:?}",
            report.column("mb_detail")
        );
        work.run(&["status"]).ends(0).says("INTERRUPTED").says(words);
    }
}
