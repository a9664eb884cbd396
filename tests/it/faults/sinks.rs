//! Servers that drop the connection, garble, repeat, swap, cut short, flood and delay their
//! replies, at every step of a session.

use std::time::Duration;

use super::draws::Draws;
use super::judge;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, workspace};

const ROWS: usize = 40;
const SEND: [&str; 3] = ["send", "list.csv", "-q"];
/// Sessions are short, so that greetings and EHLO come often; time limits are those of a test.
const RELAY: &str = "in_flight = 3\nper_connection = 6\nretry = { for = \"60s\", base = \"5ms\", max = \"30ms\" }\n\
    timeouts = { connect = \"5s\", command = \"2s\", data = \"2s\", final = \"2s\" }";
/// The steps at which a server speaks, with what it usually says.
const STEPS: [(Step, &str); 6] = [
    (Step::Greeting, "220 recorder.test ESMTP"),
    (Step::Ehlo, "250-recorder.test\n250-PIPELINING\n250 8BITMIME"),
    (Step::Mail, "250 2.1.0 ok"),
    (Step::Rcpt, "250 2.1.5 ok"),
    (Step::Data, "354 go ahead"),
    (Step::Dot, "250 2.0.0 queued"),
];

fn prepared(server: &Recorder, relay: &str) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), relay)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(ROWS));
    work
}

/// A rule for some of the times that the step is reached: connections are few, messages many.
fn now_and_then(step: Step, action: Action) -> Rule {
    Rule::new(step, action).every(if matches!(step, Step::Greeting | Step::Ehlo) { 3 } else { 7 })
}

/// Sends through a server that follows the script, and judges. At most so many may be unknown.
#[track_caller]
fn survives(what: &str, script: Script, relay: &str, most_unknown: usize) {
    println!("{what}");
    let server = Recorder::with(script.must_be_called());
    let work = prepared(&server, relay);
    let ran = work.run(&SEND);
    let judged = judge::told_apart(&work, &server, ROWS);
    assert_eq!(ran.code, if judged.unknown > 0 { 6 } else { 0 }, "{}{}", ran.out, ran.err);
    assert!(
        judged.unknown <= most_unknown,
        "{what}: {} unknown, {most_unknown} at most",
        judged.unknown
    );
    if judged.unknown > 0 {
        judge::stays_so(&work, &server, &SEND, 6);
    }
}

/// A fault at each step. Only where it strikes behind a whole message may anybody be unknown.
fn at_each_step(what: &str, script: &Script, action: impl Fn(&str) -> Action) {
    for (step, usual) in STEPS {
        let action = action(usual);
        let leaves_doubt = step == Step::Dot && action.digit() != Some(b'2');
        let rule = now_and_then(step, action);
        let rule = if leaves_doubt { rule.having_taken() } else { rule };
        survives(
            &format!("{what} at {step:?}"),
            script.clone().rule(rule),
            RELAY,
            if leaves_doubt { ROWS / 7 } else { 0 },
        );
    }
}

/// A server that takes commands in groups.
fn pipelined() -> Script {
    Script::default()
}

/// A server that takes one command at a time.
fn one_by_one() -> Script {
    Script::default().without("PIPELINING")
}

#[test]
fn a_connection_dropped_at_any_step_costs_nobody_the_mail() {
    at_each_step("dropped", &pipelined(), |_| Action::Drop);
    at_each_step("dropped, one by one", &one_by_one(), |_| Action::Drop);
}

#[test]
fn a_connection_dropped_behind_the_message_leaves_only_its_recipient_in_doubt() {
    let often = ROWS / 7;
    for script in [pipelined, one_by_one] {
        let rule = now_and_then;
        // Taken or not, the client cannot tell; a message that was cut by the server had left as a
        // whole as well.
        survives("in mid-message", script().rule(rule(Step::Body, Action::Drop)), RELAY, often);
        survives(
            "before the answer, not taken",
            script().rule(rule(Step::Dot, Action::Drop)),
            RELAY,
            often,
        );
        survives(
            "after the answer",
            script().rule(
                rule(Step::Dot, Action::Cut(b"250 2.0.0 queued\r\n".to_vec()))
                    .having_taken()
                    .telling(),
            ),
            RELAY,
            0,
        );
    }
    survives("421 between messages", Script::default().per_connection(4), RELAY, 0);
}

#[test]
fn a_large_message_cut_off_before_its_end_could_leave_is_sent_again() {
    let server = Recorder::with(
        Script::default()
            .with("SIZE 100000000")
            .rule(Rule::new(Step::Body, Action::Drop).first(2))
            .without_data(),
    );
    let work = prepared(&server, RELAY);
    // More than the buffers of a connection hold, so that its end cannot have left when the server
    // closes.
    work.message("Hello {{ name }}", &"A line of a very long message.\n".repeat(800_000))
        .file("message.txt", "");
    work.file("list.csv", lists::csv(3));
    work.run(&SEND).ends(0);
    assert_eq!(judge::told_apart(&work, &server, 3).accepted, 3);
    assert_eq!(server.opened().len(), 3);
    assert!(server.heard_count("DATA") >= 5, "two were cut off");
}

#[test]
fn half_a_reply_is_no_reply() {
    at_each_step("half a code", &pipelined(), |usual| Action::Cut(usual.as_bytes()[..2].to_vec()));
    at_each_step("half a line", &one_by_one(), |usual| {
        Action::Cut(usual.as_bytes()[..usual.len() - 1].to_vec())
    });
    at_each_step("half of several lines", &pipelined(), |usual| {
        Action::Cut(format!("{}-more\r\n", &usual[..3]).into_bytes())
    });
}

#[test]
fn a_flood_of_junk_is_no_reply() {
    at_each_step("one endless line", &pipelined(), |_| Action::Bytes(vec![b'2'; 1 << 16]));
    at_each_step("one endless reply", &one_by_one(), |usual| {
        Action::Bytes(format!("{}-more\r\n", &usual[..3]).into_bytes().repeat(5_000))
    });
    at_each_step("what is no text", &pipelined(), |_| {
        Action::Bytes((0..=255).cycle().take(1 << 16).collect())
    });
}

#[test]
fn a_reply_that_comes_twice_answers_nothing_else() {
    for script in [pipelined, one_by_one] {
        at_each_step("twice", &script(), |usual| Action::Twice(usual.to_owned()));
    }
}

#[test]
fn replies_in_another_order_are_not_taken_for_those_that_are_waited_for() {
    for script in [pipelined, one_by_one] {
        at_each_step("swapped", &script(), |usual| Action::Swapped(usual.to_owned()));
    }
}

#[test]
fn a_reply_an_octet_at_a_time_is_a_reply() {
    for script in [pipelined, one_by_one] {
        at_each_step("slowly", &script(), |usual| Action::Slowly(usual.to_owned()));
    }
}

#[test]
fn a_reply_just_within_the_time_limit_is_a_reply() {
    let relay = RELAY.replace("\"2s\"", "\"600ms\"");
    for (step, usual) in STEPS {
        let rule = Rule::new(step, Action::Late(usual.into(), Duration::from_millis(150))).every(9);
        survives(&format!("late at {step:?}"), Script::default().rule(rule), &relay, 0);
    }
}

#[test]
fn a_reply_past_the_time_limit_leaves_doubt_only_behind_the_message() {
    let relay = RELAY.replace("\"2s\"", "\"100ms\"");
    for (step, usual) in STEPS {
        let rule = Rule::new(step, Action::Late(usual.into(), Duration::from_millis(400)))
            .every(9)
            .untold();
        survives(
            &format!("too late at {step:?}"),
            Script::default().rule(rule),
            &relay,
            if step == Step::Dot { ROWS / 9 } else { 0 },
        );
    }
}

#[test]
fn any_mixture_of_faults_leaves_everybody_accounted_for() {
    let mut draws = Draws::fresh();
    for _ in 0..8 {
        let mut script = Script::default();
        if draws.below(4) == 0 {
            script = script.without("PIPELINING");
        }
        for _ in 0..2 + draws.below(5) {
            script = script.rule(any_rule(&mut draws));
        }
        let what = format!("{:?}", script.rules);
        survives(&what, script, RELAY, ROWS);
    }
}

fn any_rule(draws: &mut Draws) -> Rule {
    let (step, usual) = *draws.one_of(&STEPS);
    let nth = 3 + draws.below(12) as usize;
    if draws.below(8) == 0 {
        return Rule::new(Step::Body, Action::Drop).every(nth);
    }
    let action = match draws.below(9) {
        0 | 1 => Action::Drop,
        2 => Action::Cut(usual.as_bytes()[..draws.below(usual.len() as u64) as usize].to_vec()),
        3 => Action::Bytes(vec![b'2'; 1 + draws.below(10_000) as usize]),
        4 => Action::Twice(usual.into()),
        5 => Action::Swapped(usual.into()),
        6 => Action::Slowly(usual.into()),
        7 => Action::reply("421 4.3.2 shutting down"),
        _ => Action::reply("451 4.3.0 try later"),
    };
    let is_told = action.digit().is_some();
    // A reply that is kept back until the next is lost with it where another rule drops the
    // connection.
    let may_be_lost = step == Step::Dot && matches!(action, Action::Swapped(_));
    let rule = Rule::new(step, action).every(nth);
    let rule = if may_be_lost { rule.untold() } else { rule };
    if step == Step::Dot && !is_told && draws.below(2) == 0 { rule.having_taken() } else { rule }
}
