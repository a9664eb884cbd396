//! Tests what the ledger imports from lost runs.

use super::*;

fn person(email: &str, outcome: Option<(Outcome, Option<Reason>)>) -> Adopted {
    Adopted { key: email.to_owned(), email: email.to_owned(), outcome }
}

fn people_of_two() -> Vec<PlannedRow> {
    vec![row(1, "u1@example.com"), row(2, "u2@example.com")]
}

pub(in crate::ledger) async fn what_is_adopted_counts_as_reached_and_no_acceptance_is_taken_back(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let (accepted, gone) =
        (Some((Outcome::Accepted, None)), Some((Outcome::Rejected, Some(Reason::MailboxGone))));
    bed.ledger
        .adopt(
            "spring",
            None,
            vec![person("u1@example.com", accepted), person("u2@example.com", gone)],
        )
        .await
        .unwrap();
    bed.ledger
        .adopt("spring", None, vec![person("u1@example.com", gone), person("u2@example.com", None)])
        .await
        .unwrap();
    let run = bed.sealed(head(), people_of_two(), seal()).await;
    assert_eq!(
        bed.outcomes(&run).await,
        [(Some(Outcome::AlreadyAccepted), Some(Reason::EarlierRun)), (None, None)]
    );
    for other in [
        RunHead { campaign: "summer".into(), ..head() },
        RunHead { env: Some("staging".into()), ..head() },
    ] {
        let run = bed.sealed(other, people_of_two(), seal()).await;
        assert_eq!(bed.outcomes(&run).await, [(None, None); 2]);
    }
}

pub(in crate::ledger) async fn rows_that_a_lost_run_reached_are_adopted_before_the_seal(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.ledger.begin(head()).await.unwrap();
    bed.ledger.plan(&run, people_of_two()).await.unwrap();
    let rows = vec![(2, Outcome::Unknown, Some(Reason::NoReply)), (7, Outcome::Accepted, None)];
    let reached = bed.ledger.adopt_rows(&run, rows).await.unwrap();
    let seed = person_seed(&bed.ledger.secret_key().await.unwrap());
    assert_eq!(reached, [person_of("u2@example.com", seed)], "row 7 is not in this list");
    bed.ledger.seal(&run, seal()).await.unwrap();
    assert_eq!(
        bed.outcomes(&run).await,
        [(None, None), (Some(Outcome::Unknown), Some(Reason::NoReply))]
    );
}

pub(in crate::ledger) async fn a_run_that_is_set_aside_is_gone_and_what_it_reached_is_not(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let old = bed.simple(2).await;
    bed.settled(&old, vec![(1, accepted())]).await;
    bed.ledger.set_aside(&old).await.unwrap();
    assert!(bed.ledger.run(&old).await.unwrap().is_none());
    let run = bed.simple(2).await;
    assert_eq!(
        bed.outcomes(&run).await,
        [(Some(Outcome::AlreadyAccepted), Some(Reason::EarlierRun)), (None, None)]
    );
}

pub(in crate::ledger) async fn batches_are_numbered_without_end_and_closing_takes_a_number(
    open: Open,
) {
    let bed = Bed::new(open).await;
    assert_eq!(bed.ledger.batches().await.unwrap(), 0);
    let run = bed.simple(3).await;
    let batch = bed.claimed(&run, &[1]).await;
    assert_eq!(bed.ledger.batches().await.unwrap(), batch);
    let closed = bed.ledger.close_batches().await.unwrap();
    assert!(closed > batch);
    bed.ledger.remove(&run).await.unwrap();
    let bed = bed.reopened().await;
    assert_eq!(bed.ledger.batches().await.unwrap(), closed);
    let run = bed.simple(3).await;
    assert!(bed.claimed(&run, &[2]).await > closed);
}
