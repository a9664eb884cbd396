//! Tests of several messages in progress: which answer belongs to which message, and which outcomes
//! are unknown after a failure in the middle.

use super::*;

const CHUNKING: &[Act] =
    &[Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-PIPELINING\r\n250 CHUNKING")];
/// The answers to one message, first in the pipe and behind another one.
const OK: &str = "250 ok\r\n250 ok\r\n250 ok";
const OK_BEHIND: &str = "250 ok\r\n250 ok\r\n250 ok\r\n250 ok";
/// The first message is sent alone, to test how the relay handles a chunk.
const ALONE: &[Act] = &[Chunks(1), Say(OK)];

const FIVE: [&str; 5] = ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"];

/// Sends to the first `count` of five recipients over a wire that grants every slot at once.
async fn windowed(keys: &str, scripts: &[&[&[Act]]], count: usize) -> Ran {
    let wire = Recorder { is_unpaced: true, ..Recorder::default() };
    windowed_over(keys, scripts, jobs(&FIVE[..count]), wire).await
}

async fn windowed_over(keys: &str, scripts: &[&[&[Act]]], jobs: Vec<Job>, wire: Recorder) -> Ran {
    let scripts = scripts.iter().map(|parts| parts.concat()).collect();
    run_with("smtp://", &format!("window = 3\n{keys}"), scripts, None, jobs, wire).await
}

fn sorted(reply: &Reply) -> Vec<String> {
    let mut words = words(reply);
    words.sort();
    words
}

#[tokio::test]
async fn messages_follow_each_other_as_their_answers_come() {
    let first = [Chunks(3), Say(OK), MoreChunks(1)];
    let then = [Say(OK_BEHIND), Say(OK_BEHIND), Say(OK_BEHIND), Hear("QUIT")];
    let ran = windowed("", &[&[CHUNKING, ALONE, &first, &then]], 5).await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 accepted", "3 accepted", "4 accepted", "5 accepted"]
    );
    assert_eq!(ran.reply.health, Health::Fine);
    assert!(ran.received.contains(&"Subject: x\r\n\r\n.hello\r\n".into()), "{:?}", ran.received);
    let begun = [
        "slot 1",
        "crossing 1",
        "answered 1",
        "slot 2",
        "crossing 2",
        "crossing 3",
        "crossing 4",
        "answered 2",
        "crossing 5",
    ];
    assert_eq!(ran.events[..9], begun);
}

#[tokio::test]
async fn no_chunk_is_sent_unless_it_is_asked_for_and_announced() {
    let data =
        [Together(GROUP), OPEN, Body, Say("250 ok"), Together(GROUP), OPEN, Body, Say("250 ok")];
    let one = [
        Hear("MAIL"),
        Say("250 ok"),
        Hear("RCPT"),
        Say("250 ok"),
        Hear("DATA"),
        Say("354 go"),
        Body,
        Say("250 ok"),
    ];
    let alone = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 CHUNKING")];
    for (window, script) in [
        ("", [CHUNKING, &data].concat()),
        ("window = 1", [CHUNKING, &data].concat()),
        ("window = 16", [PIPELINING, &data].concat()),
        ("window = 16", [&alone[..], &one, &one].concat()),
    ] {
        let wire = Recorder { is_unpaced: true, ..Recorder::default() };
        let ran = run_with("smtp://", window, vec![script], None, jobs(&FIVE[..2]), wire).await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"], "{window}");
    }
}

#[tokio::test]
async fn a_refusal_in_the_window_is_its_messages_own() {
    for (answers, expected) in [
        ("250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients", "3 rejected 550 5.1.1"),
        ("250 ok\r\n450 4.2.0 busy\r\n554 5.5.1 no recipients", "3 not taken 450 4.2.0 counts"),
        ("250 ok\r\n550 5.1.1 no\r\n250 taken for nobody", "3 rejected 550 5.1.1"),
        ("552 5.3.4 too big\r\n503 5.5.1 no sender\r\n503 5.5.1 no sender", "3 rejected 552 5.3.4"),
        ("250 ok\r\n250 ok\r\n451 4.3.0 later", "3 not taken 451 4.3.0 counts"),
        ("250 ok\r\n250 ok\r\n550 5.7.1 spam", "3 rejected 550 5.7.1"),
    ] {
        let answers: &'static str =
            Box::leak(format!("{OK}\r\n250 ok\r\n{answers}\r\n{OK_BEHIND}").into_boxed_str());
        // The RSET of the next message has cleared the refused one.
        let script = [Chunks(3), Say(answers), Chunks(1), Say(OK), Hear("QUIT")];
        let ran = windowed("", &[&[CHUNKING, ALONE, &script]], 5).await;
        assert_eq!(
            words(&ran.reply),
            ["1 accepted", "2 accepted", expected, "4 accepted", "5 accepted"]
        );
        assert_eq!(ran.reply.health, Health::Fine);
        assert!(ran.events.contains(&"answered 3".into()));
    }
}

#[tokio::test]
async fn nothing_is_begun_behind_a_refusal_until_all_is_answered() {
    let script = [
        Chunks(3),
        Say("250 ok\r\n550 5.1.1 no\r\n503 no"),
        Say(OK_BEHIND),
        Say(OK_BEHIND),
        Chunks(1),
        Say(OK),
    ];
    let ran = windowed("", &[&[CHUNKING, ALONE, &script]], 5).await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 rejected 550 5.1.1", "3 accepted", "4 accepted", "5 accepted"]
    );
}

#[tokio::test]
async fn a_session_that_rset_does_not_clear_is_left() {
    let answers = format!("{OK}\r\n{OK_BEHIND}\r\n250 ok\r\n552 5.3.4 too big\r\n503 no\r\n503 no");
    let answers: &'static str = Box::leak(answers.into_boxed_str());
    let script = [Chunks(3), Say(answers), Hear("RSET"), Say("500 what?")];
    let ran = windowed("", &[&[CHUNKING, ALONE, &script], &[CHUNKING, ALONE]], 5).await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 accepted", "3 accepted", "4 rejected 552 5.3.4", "5 accepted"]
    );
}

#[tokio::test]
async fn one_refused_recipient_after_another_costs_no_rset_and_a_forgotten_sender_is_named_again() {
    let refused = Say("250 ok\r\n550 5.1.1 no\r\n503 no");
    let others = [
        Hear("RCPT TO:<b@"),
        Say("550 5.1.1 no"),
        Hear("RCPT TO:<c@"),
        Say("452 4.2.2 full"),
        Hear("RCPT TO:<d@"),
        Say("250 ok"),
    ];
    let last = [Chunk, Say("250 ok"), Chunks(1), Say(OK)];
    let ran = windowed("", &[&[CHUNKING, &[Chunks(1), refused], &others, &last]], 5).await;
    assert_eq!(
        words(&ran.reply),
        [
            "1 rejected 550 5.1.1",
            "2 rejected 550 5.1.1",
            "3 not taken 452 4.2.2 counts",
            "4 accepted",
            "5 accepted"
        ]
    );

    // A server that forgets the sender after a refused chunk is asked only once.
    let forgotten = [
        Hear("RCPT TO:<b@"),
        Say("503 need MAIL"),
        Hear("RSET"),
        Say("250 ok"),
        Chunks(1),
        refused,
        Hear("RSET"),
        Say("250 ok"),
    ];
    let ran =
        windowed("", &[&[CHUNKING, &[Chunks(1), refused], &forgotten, &[Chunks(1), Say(OK)]]], 3)
            .await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.1.1", "2 rejected 550 5.1.1", "3 accepted"]);
}

#[tokio::test]
async fn a_connection_that_closes_at_such_a_recipient_charges_nobody() {
    let refused = Say("250 ok\r\n550 5.1.1 no\r\n503 no");
    for answer in ["421 4.3.2 bye", "451 4.7.0 too many mails per session"] {
        let closes = [Hear("RCPT TO:<b@"), Say(answer)];
        let ran = windowed(
            "",
            &[&[CHUNKING, &[Chunks(1), refused], &closes], &[CHUNKING, &[Chunks(1), Say(OK)]]],
            2,
        )
        .await;
        assert_eq!(
            (words(&ran.reply), &ran.reply.health),
            (vec!["1 rejected 550 5.1.1".to_owned(), "2 accepted".into()], &Health::Fine),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn whatever_follows_250_to_rset_is_yes_and_ids_are_of_any_length() {
    let first = "250 ok\r\n250 ok\r\n250 OK 0123456789abcdef";
    let answers = "250 2.1.5 Flushed\r\n250 ok\r\n250 ok\r\n250 OK 0123456789abcde";
    let others = "250 OK 0123456789abcdef0123\r\n250 ok\r\n250 ok\r\n250 OK abc";
    let script = [Chunks(3), Say(first), Say(answers), Say(others)];
    let ran = windowed("", &[&[CHUNKING, ALONE, &script]], 4).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted", "4 accepted"]);
}

#[tokio::test]
async fn a_refused_rset_in_the_pipe_is_a_closed_connection_and_charges_nobody() {
    for refusal in ["554 Too many nonmail commands", "421 4.4.2 bye", "451 no more"] {
        let answers: &'static str = Box::leak(format!("{OK}\r\n{refusal}").into_boxed_str());
        let scripts: [&[&[Act]]; 2] = [
            &[CHUNKING, ALONE, &[Chunks(3), Say(answers)]],
            &[CHUNKING, &[Chunks(2), Say(OK), Say(OK_BEHIND)]],
        ];
        let ran = windowed("", &scripts, 4).await;
        assert_eq!(
            words(&ran.reply),
            ["1 accepted", "2 accepted", "3 accepted", "4 accepted"],
            "{refusal}"
        );
        assert_eq!(ran.reply.health, Health::Fine);
    }
}

#[tokio::test]
async fn what_is_answered_behind_a_refused_rset_counts_and_what_is_begun_is_in_doubt() {
    let answers = "554 no\r\n554 no\r\n554 no\r\n554 no\r\n250 ok\r\n250 ok";
    let answers: &'static str = Box::leak(format!("{OK}\r\n{answers}").into_boxed_str());
    let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers)]]], 4).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "4 unknown"]);
}

#[tokio::test]
async fn the_first_reply_that_is_not_understood_ends_chunks_for_all_connections() {
    let garbled = [Chunks(1), Say("250 ok\r\nwhat?")];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "window = 16\nurl = \"smtp://127.0.0.1:{}\"",
        listener.local_addr().unwrap().port()
    );
    let server =
        play(listener, vec![[CHUNKING, &garbled].concat(), [CHUNKING, TAKEN].concat()], None);
    let provider = connect(&settings(&url, Path::new("/nowhere/state"))).unwrap();
    let wire = Recorder { is_unpaced: true, ..Recorder::default() };
    assert_eq!(words(&provider.send(&claim(jobs(&FIVE[..1])), &wire).await), ["1 unknown"]);
    assert_eq!(words(&provider.send(&claim(jobs(&FIVE[..1])), &wire).await), ["1 accepted"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_refused_sender_is_the_providers_failure_for_all_of_the_window() {
    let refused = "550 5.7.1 no\r\n503 no sender\r\n503 no sender";
    let answers: &'static str = Box::leak(
        format!("{refused}\r\n250 ok\r\n{refused}\r\n250 ok\r\n{refused}").into_boxed_str(),
    );
    let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers)]]], 5).await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 not taken 550 5.7.1", "3 not taken 550 5.7.1", "4 not taken 550 5.7.1"]
    );
    assert_eq!(
        stopped(&ran.reply.health),
        (Reason::Policy, "no".to_owned()),
        "three in a row are no passing failure"
    );
}

#[tokio::test]
async fn a_message_taken_under_a_refused_sender_is_in_doubt() {
    let answers = "503 5.5.1 nested\r\n250 ok\r\n250 ok";
    let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers), Silence]]], 4).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 unknown", "3 unknown", "4 unknown"]);
}

#[tokio::test]
async fn a_server_that_does_not_know_bdat_gets_one_chunk_and_then_data() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "window = 16\nurl = \"smtp://127.0.0.1:{}\"",
        listener.local_addr().unwrap().port()
    );
    let scripts = [
        [CHUNKING, &[Chunks(1), Say("250 ok\r\n250 ok\r\n502 5.5.2 what?"), Silence]].concat(),
        [CHUNKING, TAKEN].concat(),
    ];
    let server = play(listener, scripts.to_vec(), None);
    let provider = connect(&settings(&url, Path::new("/nowhere/state"))).unwrap();
    let wire = Recorder { is_unpaced: true, ..Recorder::default() };
    let first = provider.send(&claim(jobs(&FIVE)), &wire).await;
    assert_eq!(words(&first), ["1 not taken 502 5.5.2"]);
    assert_eq!(failing(&first.health), "at BDAT: what?");
    assert_eq!(words(&provider.send(&claim(jobs(&FIVE[..1])), &wire).await), ["1 accepted"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_chunk_that_is_read_as_commands_leaves_no_guesses() {
    for (answers, expected) in [
        // The refused message's own lines are answered instead of the message behind it.
        (
            "250 ok\r\n550 5.1.1 no\r\n503 no\r\n500 what?\r\n500 what?\r\n500 what?\r\n250 ok\r\n250 ok\r\n250 ok",
            "2 rejected 550 5.1.1",
        ),
        (
            "250 ok\r\n550 5.1.1 no\r\n503 no\r\n221 2.7.0 I can break rules, too",
            "2 rejected 550 5.1.1",
        ),
        ("250 ok\r\n250 ok\r\n500 what?\r\n500 what?", "2 not taken 500"),
        ("250 ok\r\n550 5.1.1 no\r\n500 what?", "2 rejected 550 5.1.1"),
        ("250 ok\r\n550 5.1.1 no\r\n503 no\r\n250 ok\r\n500 what?", "2 rejected 550 5.1.1"),
    ] {
        let ran =
            windowed(QUICK, &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers), Silence]]], 5).await;
        assert_eq!(
            sorted(&ran.reply),
            ["1 accepted", expected, "3 unknown", "4 unknown"],
            "{answers}"
        );
        assert!(
            !ran.events.contains(&"answered 3".into()) && !ran.events.contains(&"slot 5".into())
        );
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_found_out() {
    for answers in [
        "250 ok\r\n250 ok\r\n250 2.0.0 Ok: queued as AA\r\n250 2.0.0 Ok: queued as AA\r\n250 ok\r\n250 ok\r\n250 ok",
        "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 ok: queued as AA\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 2.1.5 ok",
        "250 ok\r\n250 ok\r\n250 ok: queued as AA\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok",
    ] {
        let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers), Silence]]], 5).await;
        assert_eq!(
            words(&ran.reply),
            ["1 accepted", "2 accepted", "3 unknown", "4 unknown"],
            "{answers}"
        );
    }
}

#[tokio::test]
async fn a_surplus_answer_at_the_end_closes_the_session() {
    let script = [
        Chunks(3),
        Say(
            "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 surplus",
        ),
    ];
    let ran = windowed(
        "",
        &[&[CHUNKING, ALONE, &script, &[Hear("QUIT")]], &[CHUNKING, &[Chunks(1), Say(OK)]]],
        5,
    )
    .await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 accepted", "3 accepted", "4 accepted", "5 accepted"]
    );
}

#[tokio::test]
async fn whoever_was_handed_over_and_not_answered_is_in_doubt() {
    let answered = "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok";
    for end in [
        &[][..],
        &[Silence],
        &[Say("354 go on"), Silence],
        &[Say("what?"), Silence],
        &[Say("221 bye")],
    ] {
        let ran = windowed(QUICK, &[&[CHUNKING, ALONE, &[Chunks(3), Say(answered)], end]], 4).await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 unknown", "4 unknown"]);
        assert!(matches!(ran.reply.health, Health::Failing(_)));
        assert_eq!(
            ran.events[3..],
            ["slot 2", "crossing 2", "crossing 3", "crossing 4", "answered 2"]
        );
    }
}

#[tokio::test]
async fn a_refused_recipient_is_certain_though_the_connection_is_lost() {
    let ran =
        windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say("250 ok\r\n550 5.1.1 no")]]], 5).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 rejected 550 5.1.1", "3 unknown", "4 unknown"]);
}

#[tokio::test]
async fn a_421_refuses_its_message_and_leaves_those_behind_it_in_doubt() {
    for (step, health) in [
        ("421 4.3.2 going down", "going down"),
        ("250 ok\r\n421 4.3.2 going down", "going down"),
        ("250 ok\r\n250 ok\r\n421 4.3.2 going down", "going down"),
    ] {
        let answers: &'static str = Box::leak(format!("{OK}\r\n250 ok\r\n{step}").into_boxed_str());
        let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers)]]], 5).await;
        assert_eq!(
            words(&ran.reply),
            ["1 accepted", "2 accepted", "3 not taken 421 4.3.2", "4 unknown"]
        );
        assert!(failing(&ran.reply.health).contains(health));
    }
}

#[tokio::test]
async fn answers_behind_a_421_still_count() {
    let answers = "421 4.3.2 going down\r\n421 no\r\n421 no\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n550 5.1.1 no\r\n503 no";
    let ran = windowed("", &[&[CHUNKING, ALONE, &[Chunks(3), Say(answers)]]], 4).await;
    assert_eq!(
        sorted(&ran.reply),
        ["1 accepted", "2 not taken 421 4.3.2", "3 accepted", "4 rejected 550 5.1.1"]
    );
}

#[tokio::test]
async fn a_421_or_a_close_with_nobody_in_doubt_reconnects_and_blames_nobody() {
    for farewell in ["421 4.4.2 bye", "250 ok\r\n421 4.4.2 bye"] {
        let ran = windowed(
            "",
            &[&[CHUNKING, ALONE, &[Chunks(1), Say(farewell)]], &[CHUNKING, &[Chunks(1), Say(OK)]]],
            2,
        )
        .await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
        assert_eq!(ran.reply.health, Health::Fine);
    }
    let ran = windowed("", &[&[CHUNKING, ALONE, &[]], &[CHUNKING, &[Chunks(1), Say(OK)]]], 2).await;
    assert!(
        ["2 accepted", "2 unknown"].contains(&words(&ran.reply)[1].as_str()),
        "it depends on when the close is seen"
    );
}

#[tokio::test]
async fn a_new_connection_that_closes_at_once_is_the_providers_failure() {
    let ran = windowed("", &[&[CHUNKING, &[Chunks(1), Say("421 4.3.2 going down")]]], 2).await;
    assert_eq!(words(&ran.reply), ["1 not taken 421 4.3.2"]);
    assert_eq!(failing(&ran.reply.health), "at MAIL: going down");
}

/// More bytes than the buffers of two sockets hold.
fn large(id: u64) -> Job {
    job(id, "large@x.example", &"0123456789abcdef\r\n".repeat(2_000_000))
}

#[tokio::test]
async fn a_message_that_was_written_in_part_is_not_taken() {
    let wire = Recorder { is_unpaced: true, ..Recorder::default() };
    let ran =
        windowed_over("", &[&[CHUNKING, &[Start("MAIL"), Say("250 ok")]]], vec![large(1)], wire)
            .await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
    assert_eq!(ran.events, ["slot 1", "answered 1"]);
}

#[tokio::test]
async fn an_answer_to_a_message_that_is_not_whole_is_no_acceptance() {
    for (answers, expected) in [
        ("250 ok\r\n250 ok\r\n250 ok", "1 not taken "),
        ("250 ok\r\n250 ok\r\n550 5.7.1 no", "1 rejected 550 5.7.1"),
    ] {
        let answers: &'static str = Box::leak(answers.to_owned().into_boxed_str());
        let wire = Recorder { is_unpaced: true, ..Recorder::default() };
        let script = [Start("MAIL"), Say(answers), Silence];
        let ran = windowed_over(
            "",
            &[&[CHUNKING, &script]],
            vec![large(1), job(2, "b@x.example", "x")],
            wire,
        )
        .await;
        assert_eq!(words(&ran.reply)[0], expected);
        assert!(!ran.events.contains(&"crossing 1".into()));
    }
}

#[tokio::test]
async fn a_server_that_answers_before_it_reads_on_does_not_stop_the_pipe() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(8_192).unwrap();
    socket.set_recv_buffer_size(8_192).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let url =
        format!("window = 3\nurl = \"smtp://127.0.0.1:{}\"", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut peer = Peer { stream: Box::new(stream), buffer: Vec::new(), received: Vec::new() };
        for act in CHUNKING {
            peer.act(*act).await;
        }
        peer.hear("MAIL").await;
        let mut long = format!("250-{}\r\n", "x".repeat(4_000)).repeat(180);
        long.push_str("250 ok\r\n");
        peer.stream.write_all(long.as_bytes()).await.unwrap();
        peer.hear("RCPT").await;
        peer.stream.write_all(long.as_bytes()).await.unwrap();
        peer.chunk().await;
        peer.stream.write_all(b"250 ok\r\n").await.unwrap();
        peer.received.pop().unwrap().len()
    });
    let provider = connect(&settings(&url, Path::new("/nowhere/state"))).unwrap();
    let (job, wire) = (large(1), Recorder::default());
    let bytes = job.message.len();
    let sent = async { provider.send(&claim(vec![job]), &wire).await };
    let reply = tokio::time::timeout(Duration::from_secs(30), sent)
        .await
        .expect("both sides wait for the other to read");
    assert_eq!((words(&reply), server.await.unwrap()), (vec!["1 accepted".to_owned()], bytes));
}

#[tokio::test]
async fn a_stopped_run_begins_nobody_more_and_hears_the_rest_out() {
    let wire =
        Recorder { is_unpaced: true, suppressed: vec![3], stop_at: Some(5), ..Recorder::default() };
    let script = [Chunks(2), Say(OK), Say(OK_BEHIND), Hear("QUIT")];
    let ran = windowed_over("", &[&[CHUNKING, ALONE, &script]], jobs(&FIVE), wire).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "4 accepted"]);
    assert!(!ran.received.contains(&"RCPT TO:<c@x.example>".into()));
}

#[tokio::test]
async fn paced_messages_are_under_way_together_too() {
    // The second message is answered only after the fourth has arrived, so each slot is granted at
    // once.
    let script = [Stream(3), Say(OK), Say(OK_BEHIND), Say(OK_BEHIND)];
    let ran =
        windowed_over("", &[&[CHUNKING, ALONE, &script]], jobs(&FIVE[..4]), Recorder::default())
            .await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted", "4 accepted"]);
    assert_eq!(ran.events.iter().filter(|event| event.starts_with("slot")).count(), 4);
}

#[tokio::test]
async fn a_window_never_exceeds_the_connections_share() {
    let scripts: [&[&[Act]]; 2] = [
        &[CHUNKING, ALONE, &[Chunks(2), Say(OK), Say(OK_BEHIND), Hear("QUIT")]],
        &[CHUNKING, &[Chunks(2), Say(OK), Say(OK_BEHIND)]],
    ];
    let ran = windowed("per_connection = 3", &scripts, 5).await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 accepted", "3 accepted", "4 accepted", "5 accepted"]
    );
}

#[tokio::test]
async fn messages_that_cannot_be_traced_are_never_whole() {
    let wire = Recorder { is_unpaced: true, trace_is_broken: true, ..Recorder::default() };
    let ran = windowed_over("", &[&[CHUNKING, &[Silence]]], jobs(&FIVE), wire).await;
    assert!(ran.reply.items.is_empty());
    assert_eq!(failing(&ran.reply.health), "the trace cannot be written: no space left");
}

#[tokio::test]
async fn under_tls_it_is_the_same() {
    let (acceptor, root) = certificate();
    let keys = format!("window = 3\nca_file = {:?}", root.path());
    for (end, expected) in [
        (&[Say(OK_BEHIND), Say(OK_BEHIND)][..], ["3 accepted", "4 accepted"]),
        (&[], ["3 unknown", "4 unknown"]),
    ] {
        let script = [&[Tls], CHUNKING, ALONE, &[Chunks(3), Say(OK)], end].concat();
        let wire = Recorder { is_unpaced: true, ..Recorder::default() };
        let ran = run_with(
            "smtps://",
            &keys,
            vec![script],
            Some(acceptor.clone()),
            jobs(&FIVE[..4]),
            wire,
        )
        .await;
        assert_eq!(words(&ran.reply)[2..], expected);
    }
}
