//! Tests which recipient the ledger finds for an event, and which suppressions it learns from
//! events.

use data_encoding::HEXLOWER;

use super::*;
use crate::ledger::LinkedBy;
use crate::message::message_id;
use crate::model::event::{Bounce, Class, Correlation, EventKind, SoftBounces, Source};
use crate::provider::Feedback;

const SECRET: [u8; 32] = [7; 32];

fn id_for(email: &str) -> String {
    message_id("spring", None, email, "acme.example", &SECRET)
}

fn reported(kind: EventKind, source: Source, email: &str) -> Event {
    let mut event = Event::new(kind, source, "2026-11-21T12:00:00Z".parse().unwrap());
    event.recipient = (!email.is_empty()).then(|| email.to_owned());
    event
}

fn hard(source: Source, email: &str) -> Event {
    let mut event = reported(EventKind::Bounced, source, email);
    (event.bounce, event.class, event.status) =
        (Some(Bounce::Hard), Some(Class::MailboxGone), "5.1.1".into());
    event
}

/// Creates a run with the recipients u1 to u`count`, all accepted. Message-IDs are generated, and
/// all recipients have the provider's id `q1`.
async fn accepted_run(bed: &Bed, count: u64) -> RunId {
    let run = bed.simple(count).await;
    for first in (1..=count).step_by(50) {
        let rows: Vec<RowNumber> = (first..=count.min(first + 49)).collect();
        let members = rows
            .iter()
            .map(|row| Member { row: *row, message_id: id_for(&format!("u{row}@example.com")) })
            .collect();
        let Claimed::Batch(batch) =
            bed.ledger.claim(Draft { members, ..draft(&run, &[]) }).await.unwrap()
        else {
            panic!("not claimed")
        };
        let verdict = |row: &RowNumber| {
            let provider_id = Some(if *row <= 2 { "shared".to_owned() } else { format!("q{row}") });
            (
                *row,
                Settled::Final(Verdict::Accepted {
                    provider_id,
                    code: "250".into(),
                    detail: String::new(),
                }),
            )
        };
        bed.ledger.settle(&run, batch, rows.iter().map(verdict).collect(), vec![]).await.unwrap();
    }
    run
}

async fn see(bed: &Bed, event: &Event) -> Seen {
    bed.ledger.event(event.clone(), Believe::default()).await.unwrap()
}

pub(in crate::ledger) async fn an_event_finds_its_recipient_by_the_most_exact_name_it_has(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = accepted_run(&bed, 120).await;
    let bare = || reported(EventKind::Delivered, Source::Webhook, "");
    let cases: [(Event, Option<(RowNumber, LinkedBy)>); 10] = [
        (Event { message_id: id_for("u7@example.com"), ..bare() }, Some((7, LinkedBy::MessageId))),
        (
            Event { message_id: format!("<{}>", id_for("u8@example.com")), ..bare() },
            Some((8, LinkedBy::MessageId)),
        ),
        (
            Event { token: id_for("u9@example.com")[..24].into(), ..bare() },
            Some((9, LinkedBy::Token)),
        ),
        (
            Event { provider_id: "q10".into(), provider: "relay".into(), ..bare() },
            Some((10, LinkedBy::ProviderId)),
        ),
        (Event { provider_id: "q10".into(), provider: "other".into(), ..bare() }, None),
        (Event { provider_id: "shared".into(), ..bare() }, None),
        (
            Event {
                provider_id: "shared".into(),
                recipient: Some("U2@example.com".into()),
                ..bare()
            },
            Some((2, LinkedBy::ProviderId)),
        ),
        (
            Event {
                correlation: Some(Correlation { run: run.clone(), key: "u11@example.com".into() }),
                ..bare()
            },
            Some((11, LinkedBy::Correlation)),
        ),
        (
            Event { recipient: Some("U120@Example.com".into()), ..bare() },
            Some((120, LinkedBy::Address)),
        ),
        (Event { message_id: "0123456789abcdef01234567@acme.example".into(), ..bare() }, None),
    ];
    for (event, wanted) in cases {
        let seen = see(&bed, &event).await;
        assert_eq!(seen.about, wanted.map(|(row, _)| (run.clone(), row)), "{event:?}");
        assert_eq!(seen.linked_by, wanted.map(|(_, by)| by), "{event:?}");
        assert!(seen.is_new && seen.learned.is_none());
    }
    // The event gives the address to which the message was forwarded. The address that was mailed
    // must be suppressed.
    let forwarded =
        Event { message_id: id_for("u7@example.com"), ..hard(Source::Dsn, "u7@elsewhere.example") };
    assert_eq!(see(&bed, &forwarded).await.learned.unwrap().entry, "u7@example.com");
    let row = bed.row(&run, 7).await;
    assert_eq!(
        (row.feedback.as_str(), row.outcome),
        ("delivered bounced(hard)", Some(Outcome::Accepted))
    );
}

pub(in crate::ledger) async fn what_is_claimed_later_is_found_and_so_are_ids_that_come_with_the_answer(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(3).await;
    let Claimed::Batch(batch) = bed.ledger.claim(draft(&run, &[2])).await.unwrap() else {
        panic!()
    };
    let early =
        Event { message_id: "2@id".into(), ..reported(EventKind::Queued, Source::Webhook, "") };
    assert_eq!(see(&bed, &early).await.about, Some((run.clone(), 2)));
    assert_eq!(
        see(
            &bed,
            &Event { provider_id: "q1".into(), ..reported(EventKind::Sent, Source::Webhook, "") }
        )
        .await
        .about,
        None
    );
    bed.claimed(&run, &[1]).await;
    bed.ledger.settle(&run, batch, vec![(2, accepted())], vec![]).await.unwrap();
    assert_eq!(
        see(
            &bed,
            &Event { provider_id: "q1".into(), ..reported(EventKind::Opened, Source::Webhook, "") }
        )
        .await
        .about,
        Some((run.clone(), 2))
    );
    assert_eq!(
        bed.ledger.standing(&run).await.unwrap().feedback.into_iter().collect::<Vec<_>>(),
        [("opened".into(), 1), ("queued".into(), 1)]
    );
}

pub(in crate::ledger) async fn the_same_event_counts_once_and_is_kept_with_what_the_source_sent(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = accepted_run(&bed, 3).await;
    let mut event = hard(Source::Webhook, "u1@example.com");
    event.keep_raw(b"{\"type\":\"bounce\"}");
    let first = see(&bed, &event).await;
    assert!(first.is_new && first.learned.is_some());
    let again = see(&bed, &event).await;
    assert!(!again.is_new && again.learned.is_none());
    assert_eq!((again.about, again.linked_by), (first.about, first.linked_by));
    let query = EventQuery {
        limit: 9,
        raw: true,
        email: Some("U1@example.com".into()),
        ..EventQuery::default()
    };
    let kept = bed
        .ledger
        .events(EventQuery { run: Some(run), kind: Some(EventKind::Bounced), ..query.clone() })
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    event.identify();
    assert_eq!(kept[0].event, event);
    assert!(
        bed.ledger
            .events(EventQuery { kind: Some(EventKind::Opened), ..query })
            .await
            .unwrap()
            .is_empty()
    );
}

pub(in crate::ledger) async fn mail_about_strangers_suppresses_nobody_and_a_verified_source_does(
    open: Open,
) {
    let bed = Bed::new(open).await;
    accepted_run(&bed, 2).await;
    let seen = see(&bed, &hard(Source::Dsn, "stranger@example.org")).await;
    assert!(seen.is_new && seen.doubted && seen.learned.is_none() && seen.about.is_none());
    assert!(see(&bed, &hard(Source::Dsn, "u1@example.com")).await.learned.is_some());
    let webhook = Event {
        provider: "bird".into(),
        id: "ev1".into(),
        ..hard(Source::Webhook, "stranger@example.org")
    };
    let learned = see(&bed, &webhook).await.learned.unwrap();
    assert_eq!(
        (learned.source.as_str(), learned.note.as_str(), learned.reason),
        ("bird", "5.1.1, event ev1", Reason::HardBounce)
    );
    let any = Believe { mail_about_anybody: true, ..Believe::default() };
    assert!(
        bed.ledger
            .event(hard(Source::Dsn, "other@example.org"), any)
            .await
            .unwrap()
            .learned
            .is_some()
    );
    assert!(see(&bed, &hard(Source::Webhook, "no address")).await.learned.is_none());
}

pub(in crate::ledger) async fn soft_bounces_add_up_within_their_time_in_whatever_order_they_come(
    open: Open,
) {
    let bed = Bed::new(open).await;
    accepted_run(&bed, 3).await;
    let rule = Believe {
        soft: Some("3 in 10d".parse::<SoftBounces>().unwrap()),
        mail_about_anybody: false,
    };
    let soft = |email: &str, day: i64, class| {
        let mut event = reported(EventKind::Bounced, Source::Dsn, email);
        (event.bounce, event.class) = (Some(Bounce::Soft), Some(class));
        event.at += jiff::SignedDuration::from_hours(24 * day);
        event
    };
    let mut learned = Vec::new();
    for (email, day, class) in [
        ("u1@example.com", 20, Class::MailboxFull),
        ("u1@example.com", 1, Class::MailboxFull),
        ("u1@example.com", 9, Class::MailboxFull),
        ("u2@example.com", 1, Class::Policy),
        ("u2@example.com", 2, Class::Policy),
        ("u2@example.com", 3, Class::TooLarge),
        ("u1@example.com", 11, Class::Routing),
    ] {
        learned.push(
            bed.ledger
                .event(soft(email, day, class), rule)
                .await
                .unwrap()
                .learned
                .map(|learned| (learned.entry, learned.note)),
        );
    }
    let last = learned.pop().unwrap().unwrap();
    assert!(learned.iter().all(Option::is_none), "{learned:?}");
    assert!(last.0 == "u1@example.com" && last.1.starts_with("3 in 10d, event "), "{last:?}");
}

pub(in crate::ledger) async fn the_tokens_of_a_removed_run_still_name_their_people(open: Open) {
    let bed = Bed::new(open).await;
    let run = accepted_run(&bed, 3).await;
    let mut event = hard(Source::Webhook, "u1@example.com");
    event.keep_raw(b"u1@example.com");
    see(&bed, &event).await;
    let token = id_for("u2@example.com")[..24].to_owned();
    let person = bed.ledger.person(&token).await.unwrap().unwrap();
    assert_eq!(
        (person.entry.as_str(), person.about, person.expires_at),
        ("u2@example.com", Some((run.clone(), 2)), None)
    );
    bed.ledger.remove(&run).await.unwrap();
    let person = bed.ledger.person(&token).await.unwrap().unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, b"u2@example.com");
    assert_eq!(
        (person.entry, person.about),
        (format!("sha256:{}", HEXLOWER.encode(hash.as_ref())), None)
    );
    assert!(
        person.expires_at.unwrap() > Timestamp::now() + jiff::SignedDuration::from_hours(399 * 24)
    );
    assert_eq!(bed.ledger.person("0123456789abcdef01234567").await.unwrap(), None);
    assert!(
        !see(&bed, &event).await.is_new,
        "the ledger still recognizes an event of a removed run"
    );
}

pub(in crate::ledger) async fn what_a_provider_tells_with_its_reply_is_an_event_and_suppresses_nobody(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(2).await;
    let batch = bed.claimed(&run, &[1, 2]).await;
    let reported =
        vec![(1, Feedback::BouncedHard), (1, Feedback::Complained), (2, Feedback::Delivered)];
    bed.ledger.settle(&run, batch, vec![(1, accepted()), (2, accepted())], reported).await.unwrap();
    let feedback: Vec<_> = bed.ledger.standing(&run).await.unwrap().feedback.into_iter().collect();
    assert_eq!(
        feedback,
        [("bounced(hard)".into(), 1), ("complained".into(), 1), ("delivered".into(), 1)]
    );
    assert_eq!(
        bed.ledger.events(EventQuery { limit: 9, ..EventQuery::default() }).await.unwrap()[0]
            .event
            .source,
        Source::Reply
    );
    assert!(bed.ledger.suppressions(0, 9).await.unwrap().is_empty());
}

pub(in crate::ledger) async fn an_event_finds_a_recipient_however_either_of_them_spells_the_address(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let rows = ["\"ann\"@example.com", "JO\u{308}RG@example.com", "ben@example.com"];
    let run = bed
        .sealed(head(), rows.iter().zip(1..).map(|(email, n)| row(n, email)).collect(), seal())
        .await;
    bed.settled(&run, (1..=3).map(|n| (n, accepted())).collect()).await;
    for (reported, row, entry) in [
        ("ann@example.com", 1, "ann@example.com"),
        ("Jörg@example.com", 2, "jörg@example.com"),
        ("\"Be\\n\"@example.com", 3, "ben@example.com"),
    ] {
        let seen = see(&bed, &hard(Source::Webhook, reported)).await;
        assert_eq!(seen.about, Some((run.clone(), row)), "{reported}");
        assert_eq!(seen.learned.map(|learned| learned.entry).as_deref(), Some(entry), "{reported}");
        assert!(!bed.ledger.why(&run, reported).await.unwrap().is_empty(), "{reported}");
    }
}
