//! Tests of envelopes behind the final dot: which relays are tried, what ends a trial, and what
//! later runs know.

use super::*;
use crate::provider::smtp::extensions::Extensions;
use crate::provider::smtp::pipelining::Stage;
use crate::provider::smtp::relay::Relays;

const SIX: [&str; 6] =
    ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"];
const ALONE: &[Act] = &[Together(GROUP), OPEN, Body, Say("250 ok")];
/// A message whose envelope is already open, with one more envelope behind it.
const NEXT_TOO: &[Act] = &[Piped(GROUP), TAKEN_AND_OPEN];

/// Sends to the first `count` recipients over a wire with many remaining ones. Facts are stored in
/// `kept`.
async fn tried(kept: &Arc<Kept>, keys: &str, scripts: &[&[&[Act]]], count: usize) -> Ran {
    tried_with(
        kept,
        keys,
        scripts,
        jobs(&SIX[..count]),
        Recorder { is_unpaced: true, left: 1_000, ..Recorder::default() },
    )
    .await
}

async fn tried_with(
    kept: &Arc<Kept>,
    keys: &str,
    scripts: &[&[&[Act]]],
    jobs: Vec<Job>,
    wire: Recorder,
) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = play(listener, scripts.iter().map(|parts| parts.concat()).collect(), None);
    let keys = format!("url = \"smtp://127.0.0.1:{port}\"\n{keys}");
    let mut provider = connect(&settings(&keys, Path::new("/nowhere/state"))).unwrap();
    provider.use_memory(Arc::clone(kept) as Arc<dyn Memory>);
    let whole = async {
        let reply = provider.send(&claim(jobs), &wire).await;
        provider.close().await;
        Ran { reply, received: server.await.unwrap(), events: wire.events() }
    };
    tokio::time::timeout(Duration::from_secs(30), whole).await.expect("the hand-over hangs")
}

fn all_accepted(ran: &Ran, count: usize) {
    let expected: Vec<String> = (1..=count).map(|n| format!("{n} accepted")).collect();
    assert_eq!((words(&ran.reply), &ran.reply.health), (expected, &Health::Fine));
}

#[tokio::test]
async fn a_relay_is_tried_by_one_envelope_at_a_time_and_then_gets_them_all() {
    let kept = Arc::new(Kept::default());
    // The second message has the first trial behind it; the trial's own message has nothing behind
    // it.
    let trial = [&[Together(GROUP), OPEN][..], NEXT_TOO, &[Body, Say("250 ok")]].concat();
    let ran = tried(
        &kept,
        "",
        &[&[PIPELINING, ALONE, &trial, &trial, &[Together(GROUP), OPEN, Body, Say("250 ok")]]],
        6,
    )
    .await;
    all_accepted(&ran, 6);
    assert_eq!(
        kept.of("smtp.behind_the_dot"),
        ["untried"],
        "two of three went well before the list ended"
    );

    let ran = tried(
        &kept,
        "",
        &[&[PIPELINING, ALONE, &trial, &trial, &[Together(GROUP), OPEN, Body, Say("250 ok")]]],
        6,
    )
    .await;
    all_accepted(&ran, 6);
}

#[tokio::test]
async fn a_message_that_is_refused_for_what_stands_behind_it_is_sent_again_alone() {
    for end in [
        &[
            Say("554 5.5.1 Error: improper command pipelining\r\n250 ok\r\n250 ok\r\n354 go"),
            Silence,
        ][..],
        &[Say("550 SMTP protocol synchronization error\r\n503 no\r\n503 no\r\n503 no"), Silence],
        &[Say("421 4.7.0 You talk too soon")],
    ] {
        let kept = Arc::new(Kept::default());
        let begun = [Together(GROUP), OPEN, Piped(GROUP)];
        let ran = tried(
            &kept,
            "",
            &[&[PIPELINING, ALONE, &begun, end], &[PIPELINING, ALONE, ALONE, ALONE]],
            4,
        )
        .await;
        all_accepted(&ran, 4);
        assert_eq!(kept.of("smtp.behind_the_dot"), ["refuses"]);
    }
}

#[tokio::test]
async fn three_that_went_well_settle_it() {
    let kept = Arc::new(Kept::default());
    let trial = [&[Together(GROUP), OPEN][..], NEXT_TOO, &[Body, Say("250 ok")]].concat();
    let jobs: Vec<Job> =
        (1..=9).map(|id| job(id, "a@x.example", "Subject: x\r\n\r\nx\r\n")).collect();
    let all = [&[Together(GROUP), OPEN][..], NEXT_TOO, &[Body, Say("250 ok")]].concat();
    let wire = Recorder { is_unpaced: true, left: 200, ..Recorder::default() };
    let ran =
        tried_with(&kept, "", &[&[PIPELINING, ALONE, &trial, &trial, &trial, &all]], jobs, wire)
            .await;
    all_accepted(&ran, 9);
    assert_eq!(kept.of("smtp.behind_the_dot"), ["takes"]);
}

#[tokio::test]
async fn a_server_that_does_not_take_it_is_found_out_once_and_loses_nobody() {
    let begun = [Together(GROUP), OPEN, Piped(GROUP)];
    for end in [
        &[Say("250 ok\r\n503 5.5.1 no\r\n503 5.5.1 no\r\n503 5.5.1 no"), Silence][..],
        &[Say("250 ok\r\n502 5.5.1 what?\r\n503 no\r\n503 no"), Silence],
        &[Say("250 ok"), Silence],
        &[Say("250 ok")],
        &[Say("250 ok\r\n250 ok\r\n250 ok\r\n503 no"), Silence],
        &[Say("250 ok\r\nwhat?"), Silence],
    ] {
        let kept = Arc::new(Kept::default());
        let keys = "timeouts = { command = \"300ms\" }";
        let ran = tried(
            &kept,
            keys,
            &[&[PIPELINING, ALONE, &begun, end], &[PIPELINING, ALONE, ALONE]],
            4,
        )
        .await;
        all_accepted(&ran, 4);
        assert_eq!(kept.of("smtp.behind_the_dot"), ["refuses"]);
        // The next run knows the result. The subject contains the port, which differs in that run.
        let mut facts = kept.facts.lock().unwrap();
        assert!(
            facts.keys().all(|(_, subject)| subject.starts_with("127.0.0.1:")
                && subject.ends_with(" PIPELINING")),
            "{facts:?}"
        );
        facts.clear();
    }
}

#[tokio::test]
async fn a_server_that_dies_of_it_leaves_one_in_doubt() {
    let kept = Arc::new(Kept::default());
    let ran =
        tried(&kept, "", &[&[PIPELINING, ALONE, &[Together(GROUP), OPEN, Piped(GROUP)]]], 4).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 unknown"]);
    assert_eq!(kept.of("smtp.behind_the_dot"), ["refuses"]);
}

#[tokio::test]
async fn a_message_that_is_refused_for_what_stands_behind_it_goes_again() {
    let kept = Arc::new(Kept::default());
    let refused = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        Say("503 5.5.1 pipelined after end of DATA\r\n503 no\r\n503 no\r\n503 no"),
        Silence,
    ];
    let ran =
        tried(&kept, "", &[&[PIPELINING, ALONE, &refused], &[PIPELINING, ALONE, ALONE, ALONE]], 4)
            .await;
    all_accepted(&ran, 4);
    assert_eq!(kept.of("smtp.behind_the_dot"), ["refuses"]);
}

#[tokio::test]
async fn a_refused_recipient_says_nothing_against_the_server() {
    let kept = Arc::new(Kept::default());
    let trial = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        Say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients"),
    ];
    let ran = tried(
        &kept,
        "",
        &[&[
            PIPELINING,
            ALONE,
            &trial,
            &[Together(MORE), Say("250 ok\r\n354 go"), Body, Say("250 ok")],
        ]],
        4,
    )
    .await;
    assert_eq!(
        words(&ran.reply),
        ["1 accepted", "2 accepted", "3 rejected 550 5.1.1", "4 accepted"]
    );
    assert_eq!(kept.of("smtp.behind_the_dot"), ["untried"]);
}

#[tokio::test]
async fn nothing_is_tried_where_it_does_not_matter_is_known_or_cannot_be_recorded() {
    let greets: &[Act] =
        &[Say("220 mx ESMTP Haraka/3.3.4 ready"), Hear("EHLO "), Say("250-mx\r\n250 PIPELINING")];
    let wire = |left| Recorder { is_unpaced: true, left, ..Recorder::default() };
    for (hello, left, is_full, keys) in [
        (PIPELINING, 199, false, ""),
        (greets, 1_000, false, ""),
        (PIPELINING, 1_000, true, ""),
        (PIPELINING, 1_000, false, "pipelining = \"envelope\""),
    ] {
        let kept = Arc::new(Kept { is_full, ..Kept::default() });
        let ran =
            tried_with(&kept, keys, &[&[hello, ALONE, ALONE, ALONE]], jobs(&SIX[..3]), wire(left))
                .await;
        all_accepted(&ran, 3);
        assert!(kept.of("smtp.behind_the_dot").is_empty());
    }
}

#[tokio::test]
async fn the_operators_word_is_kept() {
    let kept = Arc::new(Kept::default());
    let full = [&[Together(GROUP), OPEN][..], NEXT_TOO, &[Body, Say("250 ok")]].concat();
    all_accepted(&tried(&kept, "pipelining = \"full\"", &[&[PIPELINING, &full]], 2).await, 2);
    let one = [
        Hear("MAIL FROM:"),
        Say("250 ok"),
        Hear("RCPT TO:"),
        Say("250 ok"),
        Hear("DATA"),
        Say("354 go"),
        Body,
        Say("250 ok"),
    ];
    all_accepted(&tried(&kept, "pipelining = \"off\"", &[&[PIPELINING, &one, &one]], 2).await, 2);
    assert!(kept.facts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_stops_working_later_is_turned_off_for_the_run_and_the_next() {
    let kept = Arc::new(Kept::default());
    let trial = [&[Together(GROUP), OPEN][..], NEXT_TOO, &[Body, Say("250 ok")]].concat();
    let jobs: Vec<Job> =
        (1..=9).map(|id| job(id, "a@x.example", "Subject: x\r\n\r\nx\r\n")).collect();
    let begun = [
        Together(GROUP),
        OPEN,
        Piped(GROUP),
        Say("250 ok\r\n503 5.5.1 no\r\n503 no\r\n503 no"),
        Silence,
    ];
    let wire = Recorder { is_unpaced: true, left: 200, ..Recorder::default() };
    let ran = tried_with(
        &kept,
        "",
        &[&[PIPELINING, ALONE, &trial, &trial, &trial, &begun], &[PIPELINING, ALONE]],
        jobs,
        wire,
    )
    .await;
    all_accepted(&ran, 9);
    assert_eq!(kept.of("smtp.behind_the_dot"), ["refuses"]);
}

#[tokio::test]
async fn of_two_processes_at_the_same_relay_one_begins_the_trial() {
    let kept = Arc::new(Kept::default());
    let (place, greeting) = ("mx.test:25", "mx.test ESMTP X");
    let mut both = [Relays::default(), Relays::default()];
    both.iter_mut().for_each(|relays| relays.use_memory(Arc::clone(&kept) as Arc<dyn Memory>));
    let [one, two] = &both;
    let (at_one, at_two) = (
        one.meet(place, greeting, &Extensions::default()).await,
        two.meet(place, greeting, &Extensions::default()).await,
    );
    assert_eq!((at_one.behind.stage(), at_two.behind.stage()), (Stage::Untried, Stage::Untried));
    assert!(one.record_trial(place, &at_one).await && !two.record_trial(place, &at_two).await);
    // A trial without a result may be repeated.
    assert!(one.record(&at_one, Stage::Untried).await && two.record_trial(place, &at_two).await);
}
