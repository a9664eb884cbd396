//! Tests several handles on one ledger, such as several processes would have.

use super::*;

pub(in crate::ledger) async fn two_handles_see_each_other_at_once(open: Open) {
    let bed = Bed::new(open).await;
    let other = bed.another().await;
    let run = bed.simple(40).await;
    assert_eq!(bed.ledger.secret_key().await.unwrap(), other.secret_key().await.unwrap());
    assert_ne!(other.secret_key().await.unwrap(), [0; 32]);
    for n in 1..=20 {
        bed.claimed(&run, &[2 * n - 1]).await;
        assert!(matches!(other.claim(draft(&run, &[2 * n])).await.unwrap(), Claimed::Batch(_)));
        assert_eq!(bed.next(&run).await.len() as u64, 40 - 2 * n);
    }
    assert!(other.claim(draft(&run, &[1])).await.is_err());
}

pub(in crate::ledger) async fn of_several_processes_that_begin_the_same_at_once_one_does(
    open: Open,
) {
    async fn begins(ledger: &dyn Ledger, subject: String) -> bool {
        let fact = Fact {
            kind: "trial".into(),
            subject: subject.clone(),
            value: "begun".into(),
            at: Timestamp::UNIX_EPOCH,
        };
        let is_first = move |facts: &[Fact]| facts.iter().all(|fact| fact.subject != subject);
        ledger.remember_if(fact, Box::new(is_first)).await.unwrap()
    }
    let bed = Bed::new(open).await;
    let other = bed.another().await;
    for nth in 0..20 {
        let subject = || format!("relay {nth}");
        let (one, two, three) = tokio::join!(
            begins(&*bed.ledger, subject()),
            begins(&*other, subject()),
            begins(&*other, subject())
        );
        assert_eq!([one, two, three].into_iter().filter(|begun| *begun).count(), 1);
    }
    assert_eq!(bed.ledger.recall("trial").await.unwrap().len(), 20);
}

pub(in crate::ledger) async fn a_token_is_good_for_one_body_in_every_process_until_it_expires(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let other = bed.another().await;
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let token = |hash: u8, body: u8, second: i64| UsedToken {
        hash: vec![hash; 32],
        body: vec![body; 32],
        at: at(second),
        expires_at: at(second + 600),
    };
    assert!(bed.ledger.use_token(token(1, 1, 0)).await.unwrap());
    assert!(
        other.use_token(token(1, 1, 1)).await.unwrap(),
        "the answer to the first request may have been lost"
    );
    assert!(
        !other.use_token(token(1, 2, 2)).await.unwrap()
            && !bed.ledger.use_token(token(1, 2, 600)).await.unwrap()
    );
    assert!(other.use_token(token(2, 2, 3)).await.unwrap());
    for nth in 10..30 {
        let (one, two) =
            tokio::join!(bed.ledger.use_token(token(nth, 1, 4)), other.use_token(token(nth, 2, 4)));
        assert!(one.unwrap() != two.unwrap(), "exactly one of two processes is the first");
    }
}

pub(in crate::ledger) async fn what_was_committed_is_there_when_the_ledger_is_opened_again(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(4).await;
    bed.settled(&run, vec![(1, accepted()), (2, rejected()), (3, unknown())]).await;
    bed.ledger.set_gate(&run, Gate::Failed { evidence: "1 of 3 failed".into() }).await.unwrap();
    let (outcomes, why) =
        (bed.outcomes(&run).await, bed.ledger.why(&run, "u2@example.com").await.unwrap().len());
    let bed = bed.reopened().await;
    assert!(!bed.ledger.is_copy());
    assert_eq!(bed.outcomes(&run).await, outcomes);
    assert_eq!(bed.ledger.why(&run, "u2@example.com").await.unwrap().len(), why);
    assert_eq!(
        bed.ledger.run(&run).await.unwrap().unwrap().gate,
        Gate::Failed { evidence: "1 of 3 failed".into() }
    );
    assert_eq!(bed.next(&run).await, [4]);
    assert!(bed.ledger.claim(draft(&run, &[1])).await.is_err());
}
