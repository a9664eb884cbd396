//! Tests which rows are kept or deleted, and which indexes queries use.

use super::*;
use crate::message::message_id;
use crate::model::event::{EventKind, Source};

#[tokio::test]
async fn a_discarded_run_leaves_nothing() {
    let bed = Bed::new(here).await;
    let run = bed.ledger.begin(head()).await.unwrap();
    bed.ledger.plan(&run, vec![row(1, "ann@example.com")]).await.unwrap();
    bed.ledger.discard(&run).await.unwrap();
    assert_eq!(bed.number("SELECT (SELECT count(*) FROM recipients) + (SELECT count(*) FROM fields) + (SELECT count(*) FROM messages)").await, 0);
}

#[tokio::test]
async fn a_removed_run_leaves_no_address() {
    let bed = Bed::new(here).await;
    let run = bed.simple(3).await;
    let id = message_id("spring", None, "u1@example.com", "acme.example", &[7; 32]);
    let members = vec![Member { row: 1, message_id: id.clone() }];
    let Claimed::Batch(batch) =
        bed.ledger.claim(Draft { members, ..draft(&run, &[]) }).await.unwrap()
    else {
        panic!("not claimed")
    };
    bed.ledger.settle(&run, batch, vec![(1, accepted())], vec![]).await.unwrap();
    let mut event = Event::new(EventKind::Bounced, Source::Webhook, Timestamp::now());
    (event.recipient, event.reason) =
        (Some("u1@example.com".into()), "no such user u1@example.com".into());
    event.keep_raw(b"u1@example.com");
    assert!(bed.ledger.event(event, Believe::default()).await.unwrap().about.is_some());
    assert!(bed.ledger.person(&id[..24]).await.unwrap().is_some());
    bed.ledger.set_gate(&run, Gate::Failed { evidence: "9 of 10 failed".into() }).await.unwrap();
    let left =
        "SELECT (SELECT count(*) FROM recipients) + (SELECT count(*) FROM payloads) + (SELECT count(*) FROM names) + (SELECT count(*) FROM pauses)
         + (SELECT count(*) FROM events WHERE email || coalesce(told, '') || reason <> '') + (SELECT count(*) FROM tokens WHERE key <> '')";
    assert!(bed.number(left).await > 4);
    bed.ledger.remove(&run).await.unwrap();
    assert_eq!(bed.number(left).await, 0);
}

#[tokio::test]
async fn a_batch_that_is_open_is_looked_at_again_for_names() {
    let bed = Bed::new(here).await;
    let run = bed.simple(3).await;
    let batch = bed.claimed(&run, &[2]).await;
    let early = Event {
        message_id: "2@id".into(),
        ..Event::new(EventKind::Queued, Source::Webhook, Timestamp::now())
    };
    bed.ledger.event(early, Believe::default()).await.unwrap();
    bed.claimed(&run, &[1]).await;
    bed.ledger.settle(&run, batch, vec![(2, accepted())], vec![]).await.unwrap();
    let named = Event {
        provider_id: "q1".into(),
        ..Event::new(EventKind::Opened, Source::Webhook, Timestamp::now())
    };
    assert_eq!(bed.ledger.event(named, Believe::default()).await.unwrap().about, Some((run, 2)));
    assert_eq!(bed.number("SELECT count(*) FROM named").await, 1, "one of the two is open");
}

#[tokio::test]
async fn what_is_over_or_was_taken_back_stays_and_a_token_only_until_it_expires() {
    let bed = Bed::new(here).await;
    let run = bed.simple(1).await;
    for _ in 0..2 {
        let pause = NewPause {
            scope: PauseScope::Workspace,
            author: "ann".into(),
            host: "mx".into(),
            reason: String::new(),
            expires_at: None,
        };
        bed.ledger.pause(pause).await.unwrap();
    }
    bed.ledger.set_gate(&run, Gate::Failed { evidence: "9 of 10 failed".into() }).await.unwrap();
    bed.ledger
        .set_gate(
            &run,
            Gate::Passed { evidence: String::new(), by: Some("ann on mx".into()), at: None },
        )
        .await
        .unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM pauses").await, 3);
    assert_eq!(bed.number("SELECT count(*) FROM pauses WHERE lifted_by = 'ann on mx'").await, 1);
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let entry = LedgerSuppression {
        entry: "a@b.example".into(),
        reason: Reason::Manual,
        scope: String::new(),
        source: String::new(),
        created_at: at(0),
        expires_at: None,
        note: String::new(),
    };
    bed.ledger.suppress(vec![entry]).await.unwrap();
    bed.ledger
        .unsuppress(vec!["a@b.example".into(), "nobody@b.example".into()], "ops")
        .await
        .unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM unsuppressed WHERE by = 'ops'").await, 1);
    let token = |hash: u8, second: i64| UsedToken {
        hash: vec![hash; 32],
        body: vec![1; 32],
        at: at(second),
        expires_at: at(second + 600),
    };
    for hash in 1..=3 {
        assert!(bed.ledger.use_token(token(hash, 4)).await.unwrap());
    }
    assert_eq!(bed.number("SELECT count(*) FROM used_tokens").await, 3);
    // At this time the token's signature is too old to be accepted.
    assert!(bed.ledger.use_token(token(4, 605)).await.unwrap());
    assert_eq!(bed.number("SELECT count(*) FROM used_tokens").await, 1);
}

#[tokio::test]
async fn the_queries_of_the_sending_loop_use_their_indexes() {
    let bed = Bed::new(here).await;
    bed.simple(3).await;
    let plan = |sql: &'static str| {
        bed.ledger.long(move |conn| {
            Ok(conn.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| {
                row.get::<_, String>(3)
            })?)
        })
    };
    let open = plan("SELECT id FROM recipients WHERE run = 1 AND cohort = 1 AND state = 1 AND id > 5 ORDER BY id LIMIT 9").await.unwrap();
    assert!(
        open.contains("COVERING INDEX recipients_open (run=? AND cohort=? AND id>?)"),
        "{open}"
    );
    let due =
        plan("SELECT id FROM recipients WHERE run = 1 AND cohort = 1 AND state = 2 AND next_at <= 5 ORDER BY next_at, id LIMIT 9").await.unwrap();
    assert!(due.contains("INDEX recipients_due (run=? AND cohort=? AND next_at<?)"), "{due}");
    let hold =
        plan("UPDATE recipients SET detail = '' WHERE run = 1 AND cohort IN (0, 1) AND state = 1")
            .await
            .unwrap();
    assert!(hold.contains("recipients_open"), "{hold}");
}
