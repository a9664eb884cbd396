//! Servers that go wrong, signals, and readers that have left.

use std::process::Stdio;
use std::time::Duration;

use super::{outbox, relay, run, sandbox, stderr};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Signal, free_port, lists, signal, wait_for};

/// The relay fails the whole exchange; the run stops with retryable work, says why, and `resume`
/// finishes when the relay is mended.
#[track_caller]
fn relay_fails(script: Script, why: &str) {
    let recorder = Recorder::with(script.must_be_called());
    let ws = relay(&recorder.url());
    let output = run(&ws, &["send", "list.csv"]);
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(5), "{why}: {told}");
    assert!(told.contains(why), "does not say {why:?}: {told}");
    assert!(told.contains("2 rows in = ") && told.contains("next    mailbatch resume "), "{told}");
    assert_eq!(recorder.count(), 0);
    recorder.follow(Script::default());
    let output = run(&ws, &["resume"]);
    assert_eq!(output.status.code(), Some(0), "{why}: {}", stderr(&output));
    assert_eq!(recorder.recipients(), ["a@example.com", "b@example.com"], "{why}");
}

#[test]
fn a_server_that_speaks_no_smtp_blames_no_recipient() {
    relay_fails(
        Script::default().on(
            Step::Greeting,
            Action::Bytes(b"\x00\xff\x16\x03HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ),
        "not an SMTP answer",
    );
    relay_fails(
        Script::default().on(Step::Ehlo, Action::Bytes(b"<html>\r\n".to_vec())),
        "not an SMTP answer",
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    relay_fails(
        Script::default().on(Step::Greeting, Action::Silence),
        "no answer at the greeting within 400ms",
    );
    relay_fails(Script::default().on(Step::Mail, Action::Silence), "no answer");
}

#[test]
fn a_server_that_closes_at_once_is_given_up() {
    relay_fails(
        Script::default().on(Step::Greeting, Action::Drop),
        "connection lost at the greeting",
    );
    relay_fails(Script::default().on(Step::Ehlo, Action::Drop), "connection lost");
}

#[test]
fn a_server_whose_replies_never_end_is_given_up() {
    relay_fails(
        Script::default().on(Step::Greeting, Action::Bytes(b"220-more\r\n".repeat(200_000))),
        "too many lines",
    );
    relay_fails(Script::default().on(Step::Ehlo, Action::Bytes(vec![b'2'; 8 << 20])), "too long");
}

#[test]
fn a_server_that_answers_354_to_everything_is_given_up() {
    relay_fails(
        Script::default().on(Step::Any, Action::reply("354 go ahead")),
        "it begins with 354",
    );
}

#[test]
fn a_server_that_answers_354_to_a_command_takes_nobody() {
    for step in [Step::Ehlo, Step::Mail, Step::Rcpt] {
        let recorder = Recorder::with(Script::default().on(step, Action::reply("354 go ahead")));
        let ws = relay(&recorder.url());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(
            output.status.code(),
            Some(5),
            "{step:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            stderr(&output)
        );
        assert_eq!(recorder.count(), 0, "{step:?}");
        recorder.follow(Script::default());
        let output = run(&ws, &["resume"]);
        assert_eq!(
            (output.status.code(), recorder.count()),
            (Some(0), 2),
            "{step:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_server_that_answers_250_to_data_takes_nobody() {
    let recorder = Recorder::with(Script::default().on(Step::Data, Action::reply("250 fine")));
    let ws = relay(&recorder.url());
    let output = run(&ws, &["send", "list.csv"]);
    assert_eq!(
        output.status.code(),
        Some(5),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        stderr(&output)
    );
    assert_eq!(recorder.count(), 0);
    assert!(
        !recorder.heard().iter().any(|heard| heard.line.contains("Hello")),
        "no message was written where none was wanted"
    );
    recorder.follow(Script::default());
    let output = run(&ws, &["resume"]);
    assert_eq!((output.status.code(), recorder.count()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn an_answer_that_is_none_after_the_final_dot_leaves_unknowns_that_are_never_resent() {
    for action in [
        Action::reply("354 go ahead"),
        Action::Bytes(b"what?\r\n".to_vec()),
        Action::Drop,
        Action::Silence,
    ] {
        let recorder = Recorder::with(
            Script::default()
                .rule(Rule::new(Step::Dot, action.clone()).to("a@example.com").having_taken()),
        );
        let ws = relay(&recorder.url());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(
            output.status.code(),
            Some(6),
            "{action:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            stderr(&output)
        );
        recorder.follow(Script::default());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(6), "{action:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("not sent again by guess"), "{}", stderr(&output));
        assert_eq!(recorder.recipients(), ["a@example.com", "b@example.com"], "{action:?}");
    }
}

#[test]
fn nobody_at_the_other_end_is_told_and_mended() {
    let ws = relay(&format!("smtp://127.0.0.1:{}", free_port()));
    let output = run(&ws, &["send", "list.csv"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}{}", stderr(&output));
    assert!(told.contains("refused"), "{told}");
    let recorder = Recorder::start();
    let url = ws
        .read("mailbatch.toml")
        .lines()
        .map(|line| {
            if line.starts_with("url") {
                format!("url = \"{}\"\n", recorder.url())
            } else {
                format!("{line}\n")
            }
        })
        .collect::<String>();
    ws.config(&url);
    assert_eq!((run(&ws, &["resume"]).status.code(), recorder.count()), (Some(0), 2));
}

#[test]
fn a_signal_drains_and_the_same_command_finishes() {
    for (which, exit) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let recorder =
            Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(30)));
        let ws = relay(&recorder.url());
        ws.config(&ws.read("mailbatch.toml").replace("final = \"400ms\"", "final = \"20s\""))
            .file("list.csv", lists::csv(400));
        let mut child = ws.spawn(&["send", "list.csv"]);
        assert!(wait_for(|| recorder.count() > 10, Duration::from_secs(20)));
        signal(child.id(), which);
        assert_eq!(child.wait().expect("it was started").code(), Some(exit));
        assert!(recorder.count() < 400, "it stopped on the way");
        recorder.follow(Script::default());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut expected = lists::addresses(400);
        expected.sort();
        assert_eq!(recorder.recipients(), expected, "nobody twice, nobody missing");
    }
}

#[test]
fn a_reader_that_has_left_stops_no_send() {
    let ws = sandbox();
    for arguments in [
        &["send", "list.csv", "--progress", "json"][..],
        &["report", "latest"],
        &["runs"],
        &["check", "list.csv"],
    ] {
        let mut child = ws
            .command()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().expect("it was started").code(), Some(0), "{arguments:?}");
    }
    assert_eq!(outbox(&ws).len(), 2);
}
