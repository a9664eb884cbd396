//! Tests the counts that gates and pause rules use, and which recipients gates and rules hold.

use super::*;
use crate::model::event::{Bounce, Class, EventKind, Source};

const DOMAINS: [&str; 2] = ["a.example", "b.example"];

/// Creates a run of `count` recipients who alternate between two domains, with a canary of this
/// size.
async fn run_of(bed: &Bed, count: u64, canary: Option<u64>) -> RunId {
    let rows = (1..=count).map(|n| row(n, &format!("u{n}@{}", DOMAINS[n as usize % 2]))).collect();
    bed.sealed(head(), rows, Seal { canary: canary.map(CanarySize::Count), ..seal() }).await
}

async fn happened(bed: &Bed, kind: EventKind, class: Class, row: RowNumber, id: &str) {
    let mut event = Event::new(kind, Source::Webhook, Timestamp::now());
    event.recipient = Some(format!("u{row}@{}", DOMAINS[row as usize % 2]));
    event.class = Some(class);
    event.bounce = (kind == EventKind::Bounced).then_some(Bounce::Soft);
    event.id = id.to_owned();
    bed.ledger.event(event, Believe::default()).await.unwrap();
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - jiff::SignedDuration::from_secs(seconds)
}

pub(in crate::ledger) async fn each_person_counts_once_and_only_after_acceptance(open: Open) {
    let bed = Bed::new(open).await;
    let run = run_of(&bed, 8, None).await;
    bed.settled(
        &run,
        vec![(1, accepted()), (2, accepted()), (3, accepted()), (4, rejected()), (5, unknown())],
    )
    .await;
    assert!(!bed.ledger.has_feedback(ago(60)).await.unwrap());
    happened(&bed, EventKind::Bounced, Class::MailboxFull, 1, "e1").await;
    happened(&bed, EventKind::Bounced, Class::MailboxFull, 1, "e2").await;
    happened(&bed, EventKind::Bounced, Class::MailboxFull, 4, "e3").await;
    happened(&bed, EventKind::Complained, Class::NotSpam, 2, "e4").await;
    assert!(
        !bed.ledger.has_feedback(ago(60)).await.unwrap(),
        "webhooks arrive only while a process listens"
    );
    let mut polled = Event::new(EventKind::Delivered, Source::Poll, Timestamp::now());
    polled.identify();
    bed.ledger.event(polled, Believe::default()).await.unwrap();
    assert!(bed.ledger.has_feedback(ago(60)).await.unwrap());
    assert!(!bed.ledger.has_feedback(ago(-60)).await.unwrap());
    let feedback_rates = async |watched, since, least| {
        let rates = bed.ledger.feedback_rates(&run, watched, since, least).await.unwrap();
        rates
            .into_iter()
            .map(|one| (one.provider, one.domain, one.sent, one.events))
            .collect::<Vec<_>>()
    };
    let of = |domain: &str, sent, events| ("relay".to_owned(), domain.to_owned(), sent, events);
    assert_eq!(
        feedback_rates(Watched::Bounced, ago(60), 1).await,
        [of("a.example", 1, 0), of("b.example", 2, 1)]
    );
    assert!(
        feedback_rates(Watched::Bounced, ago(60), 2).await.is_empty(),
        "two events of one recipient count once"
    );
    assert!(
        feedback_rates(Watched::Bounced, ago(-60), 1).await.is_empty(),
        "submitted before the period"
    );
    assert!(
        feedback_rates(Watched::Complained, ago(60), 1).await.is_empty(),
        "a not-spam report is not a complaint"
    );
    assert_eq!(
        feedback_rates(Watched::Failed, ago(60), 2).await,
        [of("a.example", 2, 1), of("b.example", 3, 1)]
    );
}

pub(in crate::ledger) async fn evidence_about_the_canary_is_that_of_its_members(open: Open) {
    let bed = Bed::new(open).await;
    let run = run_of(&bed, 20, Some(4)).await;
    let ask = Ask { cohort: Some(Cohort::Canary), limit: 20, ..Ask::default() };
    let canary: Vec<RowNumber> =
        bed.ledger.next(&run, ask.clone()).await.unwrap().iter().map(|row| row.row).collect();
    let other = (1..=20).find(|row| !canary.contains(row)).unwrap();
    let all = canary.iter().chain(&[other]).map(|row| (*row, accepted())).collect();
    assert_eq!(bed.ledger.standing(&run).await.unwrap().canary_at, None);
    bed.settled(&run, all).await;
    assert!(bed.ledger.standing(&run).await.unwrap().canary_at.is_some());
    happened(&bed, EventKind::Bounced, Class::MailboxFull, canary[0], "e1").await;
    happened(&bed, EventKind::Complained, Class::Abuse, canary[0], "e2").await;
    happened(&bed, EventKind::Bounced, Class::MailboxFull, other, "e3").await;
    assert_eq!(
        bed.ledger.canary_evidence(&run).await.unwrap(),
        CanaryEvidence { bounced: 1, complained: 1, extensions: 0 }
    );
    // More recipients are drawn from the open ones, distributed over domains like the first draw.
    assert_eq!(bed.ledger.extend_canary(&run, 6, Some("other")).await.unwrap(), 6);
    assert_eq!(bed.ledger.canary_evidence(&run).await.unwrap().extensions, 1);
    let drawn = bed.ledger.next(&run, ask).await.unwrap();
    assert_eq!(drawn.len(), 6);
    let through = Through::Only("other".into());
    let through = bed
        .ledger
        .next(&run, Ask { cohort: Some(Cohort::Canary), through, limit: 20, ..Ask::default() })
        .await
        .unwrap();
    assert_eq!(through.len(), 6);
    assert_eq!(
        bed.ledger.extend_canary(&run, 100, None).await.unwrap(),
        9,
        "a recipient that was already submitted is not drawn"
    );
}

pub(in crate::ledger) async fn a_hold_takes_those_of_one_domain_or_provider_but_nobody_on_the_way(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = run_of(&bed, 10, None).await;
    bed.settled(&run, vec![(2, accepted())]).await;
    let held =
        bed.ledger.hold(&run, Hold::Domain("a.example".into()), vec![4], "a rule").await.unwrap();
    assert_eq!(held, 3, "6, 8 and 10");
    assert_eq!(bed.next(&run).await, [1, 3, 4, 5, 7, 9]);
    assert_eq!(bed.outcomes(&run).await[5], (Some(Outcome::Held), Some(Reason::Paused)));
    let why = bed.ledger.why(&run, "u6@a.example").await.unwrap();
    assert!(
        why.iter().any(|decision| decision.what == "held" && decision.detail.contains("a rule")),
        "{why:?}"
    );
    assert!(
        bed.ledger
            .why(&run, "u1@b.example")
            .await
            .unwrap()
            .iter()
            .all(|decision| decision.what != "held")
    );
    assert_eq!(
        bed.ledger
            .hold(&run, Hold::Through(Through::Only("relay".into())), vec![], "a rule")
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        bed.ledger.hold(&run, Hold::Through(Through::Any), vec![], "a rule").await.unwrap(),
        6
    );
    assert_eq!(bed.ledger.reopen(&run, &[Outcome::Held]).await.unwrap(), 9);
    assert_eq!(bed.next(&run).await.len(), 9);
}
