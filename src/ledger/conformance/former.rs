//! Tests that a reopened recipient gets its previous outcome back unless a new attempt gives it
//! another.

use super::*;

/// Creates a run with five recipients: rejected, rejected, deferred, unknown, accepted.
async fn attempted(bed: &Bed) -> RunId {
    let run = bed.simple(5).await;
    let gave_up = Settled::GaveUp { refusal: refusal(), counts: true };
    bed.settled(
        &run,
        vec![(1, rejected()), (2, rejected()), (3, gave_up), (4, unknown()), (5, accepted())],
    )
    .await;
    bed.ledger.finish(&run, RunState::Finished, 6, vec![]).await.unwrap();
    run
}

const ALL: [Outcome; 3] = [Outcome::Rejected, Outcome::Deferred, Outcome::Unknown];

pub(in crate::ledger) async fn who_is_held_before_another_attempt_keeps_the_outcome_and_the_reason(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = attempted(&bed).await;
    let before = bed.outcomes(&run).await;
    for again in 1..=2 {
        assert_eq!(bed.ledger.reopen(&run, &ALL).await.unwrap(), 4, "time {again}");
        assert_eq!(bed.ledger.hold_rest(&run, Reason::Cap, "5 a day").await.unwrap(), 0);
        assert_eq!(bed.outcomes(&run).await, before);
    }
    let row = bed.row(&run, 1).await;
    assert_eq!(row.code, "550 5.1.1");
    assert!(
        row.detail.starts_with("no such user; not tried again at ")
            && row.detail.ends_with(": held (cap: 5 a day)"),
        "{}",
        row.detail
    );
    assert_eq!(row.detail.matches("not tried again").count(), 1, "{}", row.detail);
    let story: Vec<_> = bed
        .ledger
        .why(&run, "u1@example.com")
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.what, entry.detail))
        .collect();
    let words: Vec<&str> = story.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        words,
        [
            "planned",
            "claimed in batch 1",
            "rejected",
            "opened again",
            "not tried again",
            "opened again",
            "not tried again"
        ]
    );
    assert_eq!(story[6].1, "stays rejected: held (cap: 5 a day)");
}

pub(in crate::ledger) async fn who_is_screened_keeps_the_outcome_before_the_claim_and_in_it(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = attempted(&bed).await;
    bed.ledger.reopen(&run, &[Outcome::Rejected, Outcome::Unknown]).await.unwrap();
    let suppressed = vec![(1, Reason::Unsubscribe, "list.txt".to_owned())];
    assert!(matches!(
        bed.ledger.claim(Draft { suppressed, ..draft(&run, &[]) }).await.unwrap(),
        Claimed::Nothing
    ));
    bed.settled(
        &run,
        vec![
            (2, Settled::Screened { reason: Reason::Complaint, detail: String::new() }),
            (4, accepted()),
        ],
    )
    .await;
    let outcomes = bed.outcomes(&run).await;
    assert_eq!(outcomes[0], (Some(Outcome::Rejected), Some(Reason::MailboxGone)));
    assert_eq!(outcomes[1], outcomes[0]);
    assert_eq!(outcomes[3].0, Some(Outcome::Accepted), "a new attempt gives another outcome");
    assert!(bed.row(&run, 1).await.detail.ends_with(": suppressed (unsubscribe: list.txt)"));
    assert_eq!(bed.ledger.standing(&run).await.unwrap().tally.open, 0);
}

pub(in crate::ledger) async fn a_new_attempt_and_a_row_that_was_never_attempted_are_held_as_before(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(3).await;
    bed.settled(&run, vec![(1, rejected())]).await;
    bed.ledger.hold_rest(&run, Reason::Interrupted, "").await.unwrap();
    bed.ledger.reopen(&run, &[Outcome::Held, Outcome::Rejected]).await.unwrap();
    bed.settled(
        &run,
        vec![(
            1,
            Settled::GaveUp {
                refusal: Refusal { reason: Reason::Rate, ..refusal() },
                counts: true,
            },
        )],
    )
    .await;
    assert_eq!(bed.ledger.hold_rest(&run, Reason::Cap, "").await.unwrap(), 2);
    let outcomes = bed.outcomes(&run).await;
    assert_eq!(outcomes[0], (Some(Outcome::Deferred), Some(Reason::Rate)));
    assert_eq!(outcomes[1], (Some(Outcome::Held), Some(Reason::Cap)));
}

pub(in crate::ledger) async fn an_outcome_of_an_earlier_run_is_kept_too(open: Open) {
    let bed = Bed::new(open).await;
    let run = attempted(&bed).await;
    bed.ledger.hold_rest(&run, Reason::Interrupted, "").await.unwrap();
    let next = bed.simple(5).await;
    let before = bed.outcomes(&next).await;
    assert!(before.contains(&(Some(Outcome::Rejected), Some(Reason::MailboxGone))), "{before:?}");
    bed.ledger.reopen(&next, &[Outcome::Rejected]).await.unwrap();
    bed.ledger.hold_rest(&next, Reason::Cap, "").await.unwrap();
    let after = bed.outcomes(&next).await;
    assert_eq!(after.iter().filter(|row| row.0 == Some(Outcome::Rejected)).count(), 2, "{after:?}");
    assert_eq!(after[0], before[0]);
}
