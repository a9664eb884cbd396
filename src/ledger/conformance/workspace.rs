//! Tests workspace-wide data: facts, pauses, suppressions.

use super::*;

pub(in crate::ledger) async fn a_fact_is_replaced_and_removed_by_kind_and_subject(open: Open) {
    let bed = Bed::new(open).await;
    let fact = |kind: &str, subject: &str, value: &str| Fact {
        kind: kind.into(),
        subject: subject.into(),
        value: value.into(),
        at: Timestamp::UNIX_EPOCH,
    };
    for fact in
        [fact("k", "b", "1"), fact("k", "a", "2"), fact("k", "b", "3"), fact("other", "a", "4")]
    {
        bed.ledger.remember(fact).await.unwrap();
    }
    assert_eq!(bed.ledger.recall("k").await.unwrap(), [fact("k", "a", "2"), fact("k", "b", "3")]);
    assert!(
        bed.ledger.forget("k", "a").await.unwrap() && !bed.ledger.forget("k", "a").await.unwrap()
    );
    assert_eq!(bed.ledger.recall("k").await.unwrap(), [fact("k", "b", "3")]);
    assert_eq!(bed.ledger.recall("other").await.unwrap().len(), 1);
}

pub(in crate::ledger) async fn what_is_paused_gives_out_no_claim(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(2).await;
    let pause = |scope: PauseScope, expires_at| NewPause {
        scope,
        author: "ann".into(),
        host: "mx".into(),
        reason: "wrong link".into(),
        expires_at,
    };
    let campaign = |name: &str| PauseScope::Campaign(name.into());
    let provider = |name: &str| PauseScope::Provider(name.into());
    let all = [
        (PauseScope::Workspace, true),
        (campaign("spring"), true),
        (campaign("another"), false),
        (PauseScope::Kind(Kind::Marketing), true),
        (PauseScope::Kind(Kind::Transactional), false),
        (provider("relay"), true),
        (provider("another"), false),
    ];
    for (scope, holds) in all {
        bed.ledger.pause(pause(scope.clone(), None)).await.unwrap();
        bed.ledger.pause(pause(scope.clone(), None)).await.unwrap();
        let pauses = bed.ledger.pauses().await.unwrap();
        assert_eq!((pauses.len(), &pauses[0].scope, pauses[0].author.as_str()), (1, &scope, "ann"));
        if holds {
            let claimed = bed.ledger.claim(draft(&run, &[1])).await.unwrap();
            assert!(matches!(claimed, Claimed::Paused(pause) if pause.scope == scope), "{scope:?}");
        } else {
            let batch = bed.claimed(&run, &[1]).await;
            assert_eq!(
                bed.ledger
                    .under_way()
                    .await
                    .unwrap()
                    .iter()
                    .map(|claimed| claimed.count)
                    .collect::<Vec<_>>(),
                [1]
            );
            bed.ledger.settle(&run, batch, vec![], vec![]).await.unwrap();
            assert!(bed.ledger.under_way().await.unwrap().is_empty());
        }
        assert!(bed.ledger.unpause(scope.clone(), "ann").await.unwrap());
        assert!(!bed.ledger.unpause(scope, "ann").await.unwrap());
    }
    bed.ledger
        .pause(pause(
            PauseScope::Workspace,
            Some(Timestamp::now() - jiff::SignedDuration::from_secs(1)),
        ))
        .await
        .unwrap();
    assert!(bed.ledger.pauses().await.unwrap().is_empty(), "the pause has expired");
    bed.claimed(&run, &[1]).await;
}

pub(in crate::ledger) async fn what_latched_a_gate_is_kept_until_a_person_lets_the_run_go_on(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(2).await;
    bed.ledger.set_gate(&run, Gate::Failed { evidence: "9 of 10 failed".into() }).await.unwrap();
    let latched = bed.ledger.latched_by(&run).await.unwrap().unwrap();
    assert_eq!(
        (latched.author.as_str(), latched.reason.as_str()),
        ("the canary", "9 of 10 failed")
    );
    assert!(
        bed.ledger.pauses().await.unwrap().is_empty(),
        "the latched gate of one run stops no other run"
    );
    bed.ledger
        .set_gate(
            &run,
            Gate::Passed { evidence: String::new(), by: Some("ann on mx".into()), at: None },
        )
        .await
        .unwrap();
    assert_eq!(bed.ledger.latched_by(&run).await.unwrap(), None);
}

pub(in crate::ledger) async fn suppressions_are_kept_once_and_can_be_taken_back(open: Open) {
    let bed = Bed::new(open).await;
    let entry = |name: &str, reason, expires_at| LedgerSuppression {
        entry: name.to_owned(),
        reason,
        scope: String::new(),
        source: "relay".into(),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at,
        note: "550".into(),
    };
    let soon = Some(Timestamp::UNIX_EPOCH + Duration::from_secs(9));
    let entries = vec![
        entry("a@b.example", Reason::HardBounce, None),
        entry("a@b.example", Reason::Manual, soon),
        entry("@c.example", Reason::Manual, None),
    ];
    let after = async |number| -> Vec<LedgerSuppression> {
        bed.ledger
            .suppressions(number, 9)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, kept)| kept)
            .collect()
    };
    assert_eq!(bed.ledger.suppress(entries.clone()).await.unwrap(), 3);
    assert_eq!(after(0).await, entries);
    let seen = bed.ledger.suppressions(0, 9).await.unwrap()[2].0;
    assert_eq!(bed.ledger.suppressions(0, 2).await.unwrap().len(), 2);
    assert_eq!(bed.ledger.suppress(entries.clone()).await.unwrap(), 0);
    assert_eq!(after(seen).await, []);
    let longer = entry("a@b.example", Reason::Manual, None);
    assert_eq!(
        bed.ledger.suppress(vec![longer.clone()]).await.unwrap(),
        1,
        "a later expiry makes a suppression new"
    );
    assert_eq!(
        bed.ledger.suppress(vec![entries[1].clone()]).await.unwrap(),
        0,
        "an earlier expiry does not make it new"
    );
    assert_eq!(after(seen).await, [longer]);
    assert_eq!(after(0).await.len(), 3);
    assert_eq!(
        bed.ledger
            .unsuppress(vec!["a@b.example".into(), "nobody@b.example".into()], "ops")
            .await
            .unwrap(),
        2
    );
    assert_eq!(after(0).await, [entry("@c.example", Reason::Manual, None)]);
    let last = bed.ledger.suppressions(0, 9).await.unwrap()[0].0;
    assert_eq!(
        bed.ledger.suppress(vec![entry("d@b.example", Reason::Manual, None)]).await.unwrap(),
        1
    );
    assert!(bed.ledger.suppressions(last, 9).await.unwrap()[0].0 > seen, "no number is used twice");
}

pub(in crate::ledger) async fn the_secret_key_is_made_once(open: Open) {
    let bed = Bed::new(open).await;
    let key = bed.ledger.secret_key().await.unwrap();
    assert_ne!(key, [0; 32]);
    let bed = bed.reopened().await;
    assert_eq!(bed.ledger.secret_key().await.unwrap(), key);
}
