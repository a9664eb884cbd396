//! Tests of one message at a time over a session, with and without PIPELINING: accepted, refused
//! and unknown outcomes.

use super::*;

#[tokio::test]
async fn with_pipelining_the_envelope_is_one_write_and_the_message_another() {
    let ran =
        run("", &[&[PIPELINING, TAKEN, TAKEN, &[Hear("QUIT")]]], &["a@x.example", "b@x.example"])
            .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
    assert_eq!(ran.reply.health, Health::Fine);
    let expected = Verdict::Accepted {
        provider_id: Some("4XYZ".into()),
        code: "250 2.0.0".into(),
        detail: "Ok: queued as 4XYZ".into(),
    };
    assert_eq!(ran.reply.items[0].1, expected);
    assert!(
        ran.received.contains(&"RCPT TO:<b@x.example>".into())
            && ran.received.contains(&"Subject: x||..hello|".into()),
        "{:?}",
        ran.received
    );
    assert_eq!(
        ran.events,
        ["slot 1", "crossing 1", "answered 1", "slot 2", "crossing 2", "answered 2"]
    );
}

#[tokio::test]
async fn unpaced_messages_cost_one_round_trip_each() {
    let script = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        TAKEN_AND_OPEN,
        Piped(GROUP),
        TAKEN_AND_OPEN,
        Body,
        Say("250 ok"),
    ];
    let ran = run_unpaced(
        &[&[PIPELINING, &script, &[Hear("QUIT")]]],
        &["a@x.example", "b@x.example", "c@x.example"],
        &[],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted"]);
    assert_eq!(ran.events[..4], ["slot 1", "crossing 1", "answered 1", "crossing 2"]);
}

#[tokio::test]
async fn a_refused_message_leaves_the_envelope_behind_it_alone() {
    let script = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        Say("550 5.7.1 no\r\n250 ok\r\n250 ok\r\n354 go"),
        Body,
        Say("250 ok"),
    ];
    let ran = run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example"], &[]).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.7.1", "2 accepted"]);
}

#[tokio::test]
async fn a_recipient_refused_behind_a_message_is_refused_alone() {
    let refused = Say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients");
    let script = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        refused,
        Together(MORE),
        Say("250 ok\r\n354 go"),
        Body,
        Say("250 ok"),
    ];
    let ran =
        run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example", "c@x.example"], &[])
            .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 rejected 550 5.1.1", "3 accepted"]);
}

#[tokio::test]
async fn a_connection_lost_behind_an_answer_loses_nobody() {
    for answer in ["250 ok", "250 ok\r\n250 ok", "250 ok\r\n421 bye", "250 ok\r\n250 ok\r\n250 ok"]
    {
        let script = [Together(GROUP), OPEN, Piped(GROUP), Say(answer)];
        let ran = run_unpaced(
            &[&[PIPELINING, &script], &[PIPELINING, TAKEN]],
            &["a@x.example", "b@x.example"],
            &[],
        )
        .await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"], "{answer}");
    }
}

#[tokio::test]
async fn without_an_answer_only_the_message_that_was_sent_is_unknown() {
    let script = [Together(GROUP), OPEN, Piped(GROUP)];
    let ran =
        run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example", "c@x.example"], &[])
            .await;
    assert_eq!(words(&ran.reply), ["1 unknown"]);
    assert!(!ran.events.contains(&"crossing 2".into()));
}

#[tokio::test]
async fn nobody_who_is_suppressed_stands_in_the_pipe() {
    let script = [Together(GROUP), OPEN, Piped(GROUP), TAKEN_AND_OPEN, Body, Say("250 ok")];
    let ran = run_unpaced(
        &[&[PIPELINING, &script]],
        &["a@x.example", "b@x.example", "c@x.example"],
        &[2],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "3 accepted"]);
    assert!(!ran.received.contains(&"RCPT TO:<b@x.example>".into()));
}

#[tokio::test]
async fn without_pipelining_there_is_one_command_at_a_time() {
    let one = [
        Hear("MAIL FROM:"),
        Say("250 ok"),
        Hear("RCPT TO:"),
        Say("251 ok"),
        Hear("DATA"),
        Say("354 go"),
        Body,
        Say("250 ok"),
    ];
    let refused = [
        Hear("MAIL FROM:"),
        Say("250 ok"),
        Hear("RCPT TO:"),
        Say("550 5.1.1 no"),
        Hear("RCPT TO:"),
        Say("550 5.1.1 no"),
    ];
    let again = [Hear("RCPT TO:"), Say("250 ok"), Hear("DATA"), Say("354 go"), Body, Say("250 ok")];
    let ran = run(
        "",
        &[&[PLAIN, &one, &refused, &again, &one]],
        &["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"],
    )
    .await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 rejected 550 5.1.1", "3 rejected 550 5.1.1", "4 accepted", "5 accepted"]
    );
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_session_usable_though_data_was_sent() {
    let refused = [
        Together(GROUP),
        Say("250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n503 5.5.1 no recipients"),
    ];
    let again = [Together(MORE), Say("250 ok\r\n354 go"), Body, Say("250 ok")];
    let ran = run("", &[&[PIPELINING, &refused, &again]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.1.1", "2 accepted"]);
    assert_eq!(ran.events, ["slot 1", "answered 1", "slot 2", "crossing 2", "answered 2"]);
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_sender_is_told_again() {
    let refused = [Together(GROUP), Say("250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients")];
    let forgotten = [
        Together(MORE),
        Say("503 5.5.1 need MAIL\r\n503 5.5.1 need MAIL"),
        Together(GROUP_AFTER_RESET),
        TAKEN_AND_OPEN,
        Body,
        Say("250 ok"),
    ];
    let ran = run(
        "",
        &[&[PIPELINING, &refused, &forgotten, TAKEN]],
        &["a@x.example", "b@x.example", "c@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.1.1", "2 accepted", "3 accepted"]);
}

#[tokio::test]
async fn a_sender_that_is_another_is_said_after_a_reset() {
    let refused = [Together(GROUP), Say("250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients")];
    let other = [
        Together(&["RSET", "MAIL FROM:<>", "RCPT TO:<", "DATA"]),
        TAKEN_AND_OPEN,
        Body,
        Say("250 ok"),
    ];
    let jobs = vec![
        job(1, "a@x.example", "x"),
        Job { envelope_sender: None, ..job(2, "b@x.example", "x") },
    ];
    let script = [PIPELINING, &refused, &other].concat();
    let ran = run_with("smtp://", "", vec![script], None, jobs, Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.1.1", "2 accepted"]);
}

#[tokio::test]
async fn a_refused_rset_is_a_closed_connection_and_charges_nobody() {
    let begun = [Together(GROUP), OPEN, Body, Say("451 4.3.0 later")];
    for refusal in ["554 Too many nonmail commands", "451 4.7.1 no more", "421 4.4.2 bye"] {
        let scripts: [&[&[Act]]; 2] = [
            &[PIPELINING, &begun, &[Together(GROUP_AFTER_RESET), Say(refusal)]],
            &[PIPELINING, TAKEN],
        ];
        let ran = run("", &scripts, &["a@x.example", "b@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 not taken 451 4.3.0 counts", "2 accepted"], "{refusal}");
        assert_eq!(ran.reply.health, Health::Fine);
    }
}

#[tokio::test]
async fn a_lone_dot_closes_a_data_that_has_no_recipient() {
    let refused = [
        Together(GROUP),
        Say("250 ok\r\n450 4.2.0 busy\r\n354 go"),
        Hear("."),
        Say("554 5.5.1 no recipients"),
    ];
    let again = [
        Together(GROUP_AFTER_RESET),
        Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go"),
        Body,
        Say("250 ok"),
    ];
    let ran = run("", &[&[PIPELINING, &refused, &again]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken 450 4.2.0 counts", "2 accepted"]);
    assert!(!ran.events.contains(&"crossing 1".into()));
}

#[tokio::test]
async fn a_recipient_taken_under_a_refused_sender_never_gets_an_empty_message() {
    let ran = run(
        "",
        &[&[PIPELINING, &[Together(GROUP), Say("550 5.7.1 no\r\n250 ok\r\n354 go"), Silence]]],
        &["a@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 not taken 550 5.7.1"]);
    assert_eq!(failing(&ran.reply.health), "no");
}

#[tokio::test]
async fn a_421_or_a_close_between_messages_reconnects_and_blames_nobody() {
    for farewell in [
        &[Together(GROUP), Say("421 4.4.2 bye")][..],
        &[Together(GROUP), Say("250 ok\r\n421 bye")],
        &[Together(GROUP)],
        &[],
    ] {
        let ran = run(
            "",
            &[&[PIPELINING, TAKEN, farewell], &[PIPELINING, TAKEN]],
            &["a@x.example", "b@x.example"],
        )
        .await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
        assert_eq!(ran.reply.health, Health::Fine);
    }
}

#[tokio::test]
async fn a_new_connection_that_closes_at_once_is_the_providers_failure() {
    let ran = run(
        "",
        &[&[PIPELINING, &[Together(GROUP), Say("421 4.3.2 going down")]]],
        &["a@x.example", "b@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 not taken 421 4.3.2"]);
    assert_eq!(failing(&ran.reply.health), "at MAIL: going down");
}

#[tokio::test]
async fn being_told_to_slow_down_is_neither_failure_nor_attempt() {
    let ran = run(
        "",
        &[&[PIPELINING, &[Together(GROUP), Say("421 4.7.0 too many messages")]]],
        &["a@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 not taken 421 4.7.0"]);
    assert!(matches!(ran.reply.health, Health::SlowDown(_)));
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_is_unknown() {
    let begun = [Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Body];
    for end in [&[][..], &[Silence], &[Say("354 go on")], &[Say("what?")]] {
        let ran = run(QUICK, &[&[PIPELINING, &begun, end]], &["a@x.example", "b@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 unknown"]);
        assert!(matches!(ran.reply.health, Health::Failing(_)));
        assert_eq!(ran.events, ["slot 1", "crossing 1"]);
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_message_was_whole_is_not_taken() {
    let ran =
        run("", &[&[PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok")]]], &["a@x.example"])
            .await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
    assert_eq!(ran.events, ["slot 1", "answered 1"]);

    let large = job(1, "a@x.example", &"0123456789abcdef\r\n".repeat(2_000_000));
    let script = [PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go")]].concat();
    let ran = run_with("smtp://", "", vec![script], None, vec![large], Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
}

#[tokio::test]
async fn refusals_of_the_message_are_certain() {
    let begun = [Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Body];
    for (answer, expected) in [
        ("451 4.3.0 try later", "1 not taken 451 4.3.0 counts"),
        ("550 5.7.1 spam", "1 rejected 550 5.7.1"),
        ("421 4.3.2 bye", "1 not taken 421 4.3.2"),
    ] {
        let ran = run("", &[&[PIPELINING, &begun, &[Say(answer)]]], &["a@x.example"]).await;
        assert_eq!(words(&ran.reply), [expected]);
        assert_eq!(ran.events, ["slot 1", "crossing 1", "answered 1"]);
    }
}

#[tokio::test]
async fn a_354_to_everything_never_completes_a_message() {
    let ran = run(
        QUICK,
        &[&[PIPELINING, &[Together(GROUP), Say("354 go\r\n354 go\r\n354 go"), Silence]]],
        &["a@x.example"],
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
    assert!(!ran.events.contains(&"crossing 1".into()));
}

#[tokio::test]
async fn answers_that_come_before_the_message_are_not_believed() {
    for answers in ["250 ok\r\n250 ok\r\n250 ok", "250 ok\r\n250 ok\r\n354 go\r\n250 taken"] {
        let script: &[Act] = if answers.ends_with("taken") {
            &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go\r\n250 taken"), Silence]
        } else {
            &[Together(GROUP), Say("250 ok\r\n250 ok\r\n250 ok"), Silence]
        };
        let ran = run(QUICK, &[&[PIPELINING, script]], &["a@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 not taken "], "{answers}");
        assert!(!ran.events.contains(&"crossing 1".into()));
    }
}

#[tokio::test]
async fn a_connection_carries_no_more_messages_than_its_cap() {
    let scripts: [&[&[Act]]; 2] =
        [&[PIPELINING, TAKEN, TAKEN, &[Hear("QUIT"), Say("221 bye")]], &[PIPELINING, TAKEN]];
    let ran =
        run("per_connection = 2", &scripts, &["a@x.example", "b@x.example", "c@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted"]);
}

#[tokio::test]
async fn suppressed_members_and_a_stopped_run_are_left_out() {
    let wire = Recorder { suppressed: vec![1], stop_at: Some(3), ..Recorder::default() };
    let script = [PIPELINING, TAKEN, &[Hear("QUIT")]].concat();
    let ran = run_with(
        "smtp://",
        "",
        vec![script],
        None,
        jobs(&["a@x.example", "b@x.example", "c@x.example"]),
        wire,
    )
    .await;
    assert_eq!(words(&ran.reply), ["2 accepted"]);
    assert!(ran.received.contains(&"RCPT TO:<b@x.example>".into()));
}

#[tokio::test]
async fn a_message_that_cannot_be_traced_is_not_completed() {
    let wire = Recorder { trace_is_broken: true, ..Recorder::default() };
    let script =
        [PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Silence]].concat();
    let ran =
        run_with("smtp://", "", vec![script], None, jobs(&["a@x.example", "b@x.example"]), wire)
            .await;
    assert!(ran.reply.items.is_empty());
    assert_eq!(failing(&ran.reply.health), "the trace cannot be written: no space left");
}

#[tokio::test]
async fn what_the_server_cannot_take_is_refused_without_the_wire() {
    let hello = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 SIZE 20"), Hear("QUIT")];
    let ran = run("", &[&[&hello]], &["a@x.example"]).await;
    let Verdict::Rejected(refusal) = &ran.reply.items[0].1 else { panic!("{:?}", ran.reply) };
    assert_eq!(
        (refusal.code.as_str(), refusal.detail.as_str()),
        ("552 5.3.4", "message is 22 bytes, the server takes 20")
    );

    let jobs = vec![
        job(1, "jösé@x.example", "Subject: x\r\n\r\nx\r\n"),
        job(2, "a@x.example", "Subject: x\r\n\r\né\r\n"),
    ];
    let script = [PIPELINING, &[Hear("QUIT")]].concat();
    let ran = run_with("smtp://", "", vec![script], None, jobs, Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 rejected 553 5.6.7", "2 rejected 554 5.6.1"]);
    assert!(ran.events.is_empty());
}

#[tokio::test]
async fn mail_says_what_the_message_needs() {
    let hello =
        [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-SIZE 0\r\n250-8BITMIME\r\n250 SMTPUTF8")];
    let one = [
        Say("250 ok"),
        Hear("RCPT TO:"),
        Say("250 ok"),
        Hear("DATA"),
        Say("354 go"),
        Body,
        Say("250 ok"),
    ];
    let first = [Hear("MAIL FROM:<news@mailbatch.example> SIZE=17 SMTPUTF8")];
    let second = [Hear("MAIL FROM:<> SIZE=18 BODY=8BITMIME")];
    let bounce = Job { envelope_sender: None, ..job(2, "a@x.example", "Subject: x\r\n\r\né\r\n") };
    let jobs = vec![job(1, "jösé@x.example", "Subject: x\r\n\r\nx\r\n"), bounce];
    let ran = run_with(
        "smtp://",
        "",
        vec![[&hello[..], &first, &one, &second, &one].concat()],
        None,
        jobs,
        Recorder::default(),
    )
    .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
    assert!(!ran.received.iter().any(|line| line.ends_with("BODY=8BITMIME SMTPUTF8")));
}
