//! What went wrong on the wire: retried, kept as unknown, or a reason to stop for everybody.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{everybody, relayed};
use crate::support::{free_port, lists, workspace};

/// Short enough for a test; a recipient is given up after two seconds.
const QUICK: &str = "retry = { for = \"2s\", base = \"20ms\", max = \"100ms\" }";

#[test]
fn a_server_that_refuses_connections_ends_the_run_when_the_time_for_retries_is_over() {
    let port = free_port();
    let work = workspace();
    work.smtp_config(
        &format!("smtp://127.0.0.1:{port}"),
        "retry = { for = \"700ms\", base = \"20ms\", max = \"100ms\" }",
    )
    .message("Hello {{ name }}", "Dear {{ name }}")
    .file("list.csv", lists::csv(30));
    let begun = std::time::Instant::now();
    work.run(&["send", "list.csv"]).ends(5).says("cannot connect").says("mailbatch resume");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("held", 30)]), "nobody is blamed");
    assert!(report.column("mb_attempts").into_iter().all(|attempts| attempts == "0"));

    let server = Recorder::start();
    work.smtp_config(&server.url(), QUICK);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(30));
}

#[test]
fn a_server_that_comes_back_in_time_gets_everything() {
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Greeting, Action::reply("421 4.3.2 not now")).first(6)),
    );
    let work = relayed(
        &server,
        "in_flight = 2\nretry = { for = \"20s\", base = \"20ms\", max = \"100ms\" }",
        40,
    );
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(40));
}

#[test]
fn a_relay_with_room_for_fewer_connections_gets_the_list_over_those() {
    for most in [1, 2, 5] {
        let server = Recorder::with(
            Script::default().most_connections(most).delay_at(Step::Dot, Duration::from_millis(2)),
        );
        let work = relayed(&server, "in_flight = 8", 300);
        let begun = std::time::Instant::now();
        work.run(&["send", "list.csv"]).ends(0);
        assert!(begun.elapsed() < Duration::from_secs(25), "{most}: {:?}", begun.elapsed());
        assert_eq!(server.recipients(), everybody(300), "{most}");
        assert!(server.most_at_once() <= most);
    }
}

#[test]
fn a_policy_against_everybody_stops_before_the_list_is_burnt() {
    const ROWS: usize = 1_500;
    let server = Recorder::with(
        Script::default()
            .on(Step::Rcpt, Action::reply("550 5.7.1 your messages are not wanted here")),
    );
    let work = relayed(&server, "in_flight = 4", ROWS);
    work.run(&["send", "list.csv"]).ends(7).says("in a row").says("550 5.7.1");
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("held", ROWS)]),
        "what was about us is charged to no recipient"
    );
    let asked = server.heard_count("RCPT");
    assert!(
        (3..=16).contains(&asked),
        "three prove it, and each connection may have some under way: {asked}"
    );
    assert!(!work.run(&["suppress", "list"]).out.contains("@example"), "policy suppresses nobody");

    // The brake is remembered: the next start asks for one recipient.
    work.run(&["send", "list.csv"]).ends(7);
    assert_eq!(server.heard_count("RCPT"), asked + 1);
    assert_eq!(work.report().counts(), BTreeMap::from([("held", ROWS)]));
    server.follow(Script::default());
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(ROWS));
}

#[test]
fn an_account_suspended_in_mid_run_costs_only_those_who_were_under_way() {
    const ROWS: usize = 4_000;
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("550 5.7.1 account suspended")).after(1_500)),
    );
    let work = relayed(&server, "in_flight = 4", ROWS);
    work.run(&["send", "list.csv"]).ends(7).says("account suspended");
    let report = work.report();
    let rejected = report.with("rejected").len();
    // Five in a row prove it. Those refused before the other connections' last acceptances are in
    // no row.
    assert!(rejected <= 20, "{rejected} rejected");
    let mut counts = report.counts();
    counts.remove("rejected");
    assert_eq!(counts, BTreeMap::from([("accepted", 1_500), ("held", ROWS - 1_500 - rejected)]));
}

#[test]
fn bad_recipients_stop_nothing() {
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).every(2)),
    );
    let work = relayed(&server, "in_flight = 4", 200);
    work.run(&["send", "list.csv"]).ends(3);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 100), ("rejected", 100)]));
}

#[test]
fn refused_credentials_stop_at_once() {
    let server = Recorder::with(
        Script::default().on(Step::Mail, Action::reply("530 5.7.0 authentication required")),
    );
    let work = relayed(&server, "in_flight = 2", 50);
    work.run(&["send", "list.csv"]).ends(7).says("530 5.7.0");
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 50)]));
    server.follow(Script::default());
    work.run(&["resume"]).ends(0);
    assert_eq!(server.recipients(), everybody(50));
}

#[test]
fn the_deferred_are_tried_again_and_given_up_in_time() {
    let script = Script::default()
        .rule(Rule::new(Step::Rcpt, Action::reply("451 4.2.0 mailbox busy")).to("user1@").first(2))
        .rule(Rule::new(Step::Dot, Action::reply("452 4.2.2 mailbox full")).to("user7@"));
    let server = Recorder::with(script);
    let work =
        relayed(&server, "retry = { for = \"600ms\", base = \"20ms\", max = \"100ms\" }", 20);
    work.run(&["send", "list.csv"]).ends(5).says("1 still deferred");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 19), ("deferred", 1)]));
    assert_eq!(report.cell("user7@example.net", "mb_code"), "452 4.2.2");
    assert_eq!(report.cell("user7@example.net", "mb_reason"), "mailbox_transient");
    assert_eq!(report.cell("user1@example.net", "mb_attempts"), "3");
    server.follow(Script::default());
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(20));
}

#[test]
fn a_connection_lost_before_the_dot_is_tried_again() {
    for step in [Step::Mail, Step::Rcpt, Step::Data] {
        let server = Recorder::with(Script::default().rule(Rule::new(step, Action::Drop).every(7)));
        let work = relayed(
            &server,
            "in_flight = 2\nretry = { for = \"30s\", base = \"20ms\", max = \"100ms\" }",
            60,
        );
        work.run(&["send", "list.csv", "-q"]).ends(0);
        assert_eq!(server.recipients(), everybody(60));
    }
}

#[test]
fn a_connection_lost_in_the_middle_of_a_message_is_retried() {
    // More than lies in the buffers between the two, so that the server is gone before the final
    // dot could be written.
    let script = Script::default()
        .without("SIZE")
        .rule(Rule::new(Step::Body, Action::Drop).first(2))
        .without_data();
    let server = Recorder::with(script);
    // Rendering so much takes a slow machine a while, which counts.
    let work = relayed(&server, "retry = { for = \"60s\", base = \"20ms\", max = \"100ms\" }", 3);
    work.file("large.bin", vec![b'x'; 24 << 20])
        .file("message.md", "+++\nsubject = \"Hello\"\nattachments = [{ path = \"large.bin\" }]\n+++\nDear {{ name }}\n");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(server.recipients(), everybody(3));
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 3)]));
}

#[test]
fn a_connection_lost_after_the_dot_is_unknown_and_never_sent_again_by_guess() {
    let script = Script::default()
        .rule(Rule::new(Step::Dot, Action::Drop).to("user3@").having_taken())
        .rule(Rule::new(Step::Dot, Action::Drop).to("user4@"));
    let server = Recorder::with(script);
    let work = relayed(&server, QUICK, 20);
    work.run(&["send", "list.csv"]).ends(6).says("2 may have been taken");
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 18), ("unknown", 2)]));
    assert_eq!(report.cell("user3@example.com", "mb_reason"), "no_reply");
    assert_eq!(server.count(), 19);

    server.follow(Script::default());
    work.run(&["send", "list.csv"]).ends(6).says("2 may have been taken");
    work.run(&["resume"]).ends(6);
    work.run(&["retry", &work.newest_run()]).ends(6);
    assert_eq!(server.count(), 19, "nothing is resent by guess");

    work.run(&["send", "list.csv", "--on-unknown", "retry"]).ends(0);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 20)]));
    let mut twice = everybody(20);
    twice.push("user3@example.com".to_owned());
    twice.sort();
    assert_eq!(server.recipients(), twice, "because somebody asked for it");
}

#[test]
fn a_server_that_takes_what_it_refuses_to_confirm_is_believed() {
    // It says no after the dot: that is an answer, whatever it did with the message.
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Dot, Action::reply("554 5.6.0 not in this form")).to("user2@")),
    );
    let work = relayed(&server, QUICK, 10);
    work.run(&["send", "list.csv"]).ends(3);
    assert_eq!(work.report().with("rejected"), ["user2@example.org"]);
}
