//! Tests claims, the settling of claims, and the caps that limit claims.

use super::*;
use crate::provider::Feedback;

pub(in crate::ledger) async fn each_verdict_becomes_its_outcome(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(9).await;
    let later = Timestamp::now() + Duration::from_secs(3_600);
    let batch = bed
        .settled(
            &run,
            vec![
                (1, accepted()),
                (2, rejected()),
                (3, unknown()),
                (
                    4,
                    Settled::Final(Verdict::Suppressed(Refusal::new(
                        Reason::Complaint,
                        "406",
                        "inactive",
                    ))),
                ),
                (5, Settled::Retry { refusal: refusal(), at: later, counts: true }),
                (6, Settled::Retry { refusal: refusal(), at: later, counts: false }),
                (
                    7,
                    Settled::GaveUp {
                        refusal: Refusal::new(Reason::Rate, "451", "slow down"),
                        counts: true,
                    },
                ),
                (8, Settled::Void),
                (9, Settled::Screened { reason: Reason::Unsubscribe, detail: "entry".into() }),
            ],
        )
        .await;
    use Outcome as O;
    use Reason as R;
    assert_eq!(
        bed.outcomes(&run).await,
        [
            (Some(O::Accepted), None),
            (Some(O::Rejected), Some(R::MailboxGone)),
            (Some(O::Unknown), Some(R::NoReply)),
            (Some(O::Suppressed), Some(R::Complaint)),
            (None, Some(R::MailboxGone)),
            (None, Some(R::MailboxGone)),
            (Some(O::Deferred), Some(R::Rate)),
            (None, None),
            (Some(O::Suppressed), Some(R::Unsubscribe)),
        ]
    );
    let rows = bed.ledger.rows(&run, 0, 99).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.attempts).collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 0, 1, 0, 0]
    );
    assert_eq!(
        rows.iter().map(|row| row.first_at.is_some()).collect::<Vec<_>>(),
        [true, true, true, true, true, true, true, false, false]
    );
    let first = &rows[0];
    assert_eq!(
        (
            first.code.as_str(),
            first.detail.as_str(),
            first.provider_id.as_str(),
            first.provider.as_str()
        ),
        ("250 2.0.0", "ok", "q1", "relay")
    );
    assert_eq!((first.batch, first.message_id.as_str()), (Some(batch), "1@id"));
    assert_eq!(bed.next(&run).await, [8]);
    assert_eq!(
        bed.ledger.next_retry_at(&run, Some(Cohort::Canary), Through::Any).await.unwrap(),
        None
    );
    let due =
        bed.ledger.next(&run, Ask { limit: 9, now: Some(later), ..Ask::default() }).await.unwrap();
    assert_eq!(due.iter().map(|row| row.row).collect::<Vec<_>>(), [8, 5, 6]);
    let capped = bed
        .ledger
        .claim(Draft { caps: vec!["10/hour".parse().unwrap()], ..draft(&run, &[8; 9]) })
        .await
        .unwrap();
    assert!(
        matches!(capped, Claimed::Capped { room: 3, .. }),
        "caps count submissions that were begun: {capped:?}"
    );
}

pub(in crate::ledger) async fn members_without_a_verdict_are_void_and_found_behind_the_cursor(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(5).await;
    let batch = bed.claimed(&run, &[1, 2, 3]).await;
    assert_eq!(bed.next(&run).await, [4, 5]);
    bed.ledger.settle(&run, batch, vec![(2, accepted())], vec![]).await.unwrap();
    let next = bed.ledger.next(&run, Ask { after: 4, limit: 9, ..Ask::default() }).await.unwrap();
    assert_eq!(next.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 3, 5]);
}

pub(in crate::ledger) async fn nobody_is_claimed_twice_and_nothing_is_settled_twice(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(3).await;
    let batch = bed.claimed(&run, &[1, 2]).await;
    assert!(bed.ledger.claim(draft(&run, &[3, 2])).await.is_err());
    assert_eq!(bed.next(&run).await, [3], "a refused claim leaves its other members open");
    bed.ledger
        .settle(&run, batch, vec![(1, accepted()), (1, rejected()), (3, accepted())], vec![])
        .await
        .unwrap();
    assert!(bed.ledger.settle(&run, batch, vec![(1, rejected())], vec![]).await.is_err());
    assert_eq!(bed.outcomes(&run).await[0].0, Some(Outcome::Accepted));
    assert_eq!(bed.outcomes(&run).await[2].0, None, "a verdict about another recipient is ignored");
    assert!(
        bed.ledger.claim(draft(&run, &[1])).await.is_err(),
        "an accepted recipient is never claimed again"
    );
    bed.ledger.finish(&run, RunState::Finished, 0, vec![]).await.unwrap();
    assert!(bed.ledger.claim(draft(&run, &[3])).await.is_err());
}

pub(in crate::ledger) async fn next_keeps_to_cohort_cursor_and_domains(open: Open) {
    let bed = Bed::new(open).await;
    let rows = (1..=9)
        .map(|n| row(n, &format!("u@{}.example", ["a", "b", "c"][n as usize % 3])))
        .collect();
    let run = bed.sealed(head(), rows, seal()).await;
    let ask = async |ask: Ask| {
        bed.ledger
            .next(&run, Ask { limit: 9, ..ask })
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.row)
            .collect::<Vec<_>>()
    };
    assert_eq!(ask(Ask { after: 7, ..Ask::default() }).await, [8, 9]);
    assert_eq!(
        ask(Ask { only_domain: Some("a.example".into()), ..Ask::default() }).await,
        [3, 6, 9]
    );
    assert_eq!(
        ask(Ask { not_domains: vec!["a.example".into(), "b.example".into()], ..Ask::default() })
            .await,
        [2, 5, 8]
    );
    assert_eq!(
        ask(Ask { cohort: Some(Cohort::Canary), ..Ask::default() }).await,
        Vec::<RowNumber>::new()
    );
    assert_eq!(bed.ledger.next(&run, Ask { limit: 2, ..Ask::default() }).await.unwrap().len(), 2);
    bed.settled(
        &run,
        vec![(3, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true })],
    )
    .await;
    assert_eq!(ask(Ask { after: 8, ..Ask::default() }).await, [3, 9]);
    assert_eq!(
        ask(Ask { after: 8, not_domains: vec!["a.example".into()], ..Ask::default() }).await,
        Vec::<RowNumber>::new()
    );
}

pub(in crate::ledger) async fn who_is_suppressed_by_now_is_settled_with_the_claim_and_not_sent(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(3).await;
    let suppressed = vec![(1, Reason::Unsubscribe, "entry 5".to_owned())];
    assert!(matches!(
        bed.ledger
            .claim(Draft { suppressed: suppressed.clone(), ..draft(&run, &[2]) })
            .await
            .unwrap(),
        Claimed::Batch(_)
    ));
    assert_eq!(
        bed.ledger.claim(Draft { suppressed, ..draft(&run, &[]) }).await.unwrap(),
        Claimed::Nothing
    );
    let first = bed.row(&run, 1).await;
    assert_eq!(
        (first.outcome, first.reason, first.detail.as_str(), first.attempts),
        (Some(Outcome::Suppressed), Some(Reason::Unsubscribe), "entry 5", 0)
    );
    assert_eq!(bed.ledger.batches().await.unwrap(), 1);
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why.iter().map(|d| d.what.as_str()).collect::<Vec<_>>(), ["planned", "suppressed"]);
}

pub(in crate::ledger) async fn feedback_stays_beside_the_outcome(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(1).await;
    let batch = bed.claimed(&run, &[1]).await;
    bed.ledger
        .settle(
            &run,
            batch,
            vec![(1, accepted())],
            vec![(1, Feedback::Delivered), (1, Feedback::Complained)],
        )
        .await
        .unwrap();
    let row = bed.row(&run, 1).await;
    assert_eq!(
        (row.outcome, row.feedback.as_str()),
        (Some(Outcome::Accepted), "delivered complained")
    );
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why.last().unwrap().what, "feedback");
}

pub(in crate::ledger) async fn why_tells_the_code_and_the_place_in_the_list(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(1).await;
    bed.settled(&run, vec![(1, rejected())]).await;
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why[0].detail, "row 1, list.csv:2, cohort rest, message m1");
    assert_eq!((why[1].what.as_str(), why[1].detail.as_str()), ("claimed in batch 1", "for relay"));
    assert_eq!(
        (why[2].what.as_str(), why[2].detail.as_str()),
        ("rejected", "mailbox_gone, 550 5.1.1, no such user")
    );
    assert!(why.is_sorted_by_key(|decision| decision.at));
}

pub(in crate::ledger) async fn removing_a_run_does_not_free_its_cap(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(3).await;
    bed.settled(&run, vec![(1, accepted()), (2, accepted())]).await;
    bed.ledger.remove(&run).await.unwrap();
    let run =
        bed.sealed(head(), vec![row(1, "n1@example.com"), row(2, "n2@example.com")], seal()).await;
    let caps = vec!["3/hour".parse().unwrap()];
    assert!(matches!(
        bed.ledger.claim(Draft { caps, ..draft(&run, &[1, 2]) }).await.unwrap(),
        Claimed::Capped { room: 1, .. }
    ));
}
