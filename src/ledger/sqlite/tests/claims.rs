use super::*;
use crate::provider::Feedback;

#[tokio::test]
async fn each_verdict_becomes_its_outcome() {
    let bed = Bed::new();
    let run = bed.simple(9).await;
    let later = Timestamp::now() + Duration::from_secs(3_600);
    let batch = bed
        .settled(
            &run,
            vec![
                (1, accepted()),
                (2, rejected()),
                (3, unknown()),
                (4, Settled::Final(Verdict::Suppressed(Refusal::new(Reason::Complaint, "406", "inactive")))),
                (5, Settled::Retry { refusal: refusal(), at: later, counts: true }),
                (6, Settled::Retry { refusal: refusal(), at: later, counts: false }),
                (7, Settled::GaveUp { refusal: Refusal::new(Reason::Rate, "451", "slow down"), counts: true }),
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
    assert_eq!(rows.iter().map(|row| row.attempts).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0, 1, 0, 0]);
    assert_eq!(rows.iter().map(|row| row.first_at.is_some()).collect::<Vec<_>>(), [true, true, true, true, true, true, true, false, false]);
    let first = &rows[0];
    assert_eq!((first.code.as_str(), first.detail.as_str(), first.provider_id.as_str(), first.provider.as_str()), ("250 2.0.0", "ok", "q1", "relay"));
    assert_eq!((first.batch, first.message_id.as_str()), (Some(batch), "1@id"));
    assert_eq!(bed.next(&run).await, [8]);
    assert_eq!(bed.ledger.next_retry_at(&run, Some(Cohort::Canary), Through::Any).await.unwrap(), None);
    let due = bed.ledger.next(&run, Ask { limit: 9, now: Some(later), ..Ask::default() }).await.unwrap();
    assert_eq!(due.iter().map(|row| row.row).collect::<Vec<_>>(), [8, 5, 6]);
    assert_eq!(bed.number("SELECT size FROM batches").await, 7, "caps count what was begun");
}

#[tokio::test]
async fn members_without_a_verdict_are_void_and_found_behind_the_cursor() {
    let bed = Bed::new();
    let run = bed.simple(5).await;
    let batch = bed.claimed(&run, &[1, 2, 3]).await;
    assert_eq!(bed.next(&run).await, [4, 5]);
    bed.ledger.settle(&run, batch, vec![(2, accepted())], vec![]).await.unwrap();
    let next = bed.ledger.next(&run, Ask { after: 4, limit: 9, ..Ask::default() }).await.unwrap();
    assert_eq!(next.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 3, 5]);
}

#[tokio::test]
async fn nobody_is_claimed_twice_and_nothing_is_settled_twice() {
    let bed = Bed::new();
    let run = bed.simple(3).await;
    let batch = bed.claimed(&run, &[1, 2]).await;
    assert!(bed.ledger.claim(draft(&run, &[3, 2])).await.is_err());
    assert_eq!(bed.next(&run).await, [3], "a refused claim leaves its other members open");
    bed.ledger.settle(&run, batch, vec![(1, accepted()), (1, rejected()), (3, accepted())], vec![]).await.unwrap();
    assert!(bed.ledger.settle(&run, batch, vec![(1, rejected())], vec![]).await.is_err());
    assert_eq!(bed.outcomes(&run).await[0].0, Some(Outcome::Accepted));
    assert_eq!(bed.outcomes(&run).await[2].0, None, "a verdict about somebody else counts for nothing");
    assert!(bed.ledger.claim(draft(&run, &[1])).await.is_err(), "who was accepted is never claimed again");
    bed.ledger.finish(&run, RunState::Finished, 0, vec![]).await.unwrap();
    assert!(bed.ledger.claim(draft(&run, &[3])).await.is_err());
}

#[tokio::test]
async fn next_keeps_to_cohort_cursor_and_domains() {
    let bed = Bed::new();
    let rows = (1..=9).map(|n| row(n, &format!("u@{}.example", ["a", "b", "c"][n as usize % 3]))).collect();
    let run = bed.sealed(head(), rows, seal()).await;
    let ask = async |ask: Ask| bed.ledger.next(&run, Ask { limit: 9, ..ask }).await.unwrap().into_iter().map(|row| row.row).collect::<Vec<_>>();
    assert_eq!(ask(Ask { after: 7, ..Ask::default() }).await, [8, 9]);
    assert_eq!(ask(Ask { only_domain: Some("a.example".into()), ..Ask::default() }).await, [3, 6, 9]);
    assert_eq!(ask(Ask { not_domains: vec!["a.example".into(), "b.example".into()], ..Ask::default() }).await, [2, 5, 8]);
    assert_eq!(ask(Ask { cohort: Some(Cohort::Canary), ..Ask::default() }).await, Vec::<JobId>::new());
    assert_eq!(bed.ledger.next(&run, Ask { limit: 2, ..Ask::default() }).await.unwrap().len(), 2);
    bed.settled(&run, vec![(3, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true })]).await;
    assert_eq!(ask(Ask { after: 8, ..Ask::default() }).await, [3, 9]);
    assert_eq!(ask(Ask { after: 8, not_domains: vec!["a.example".into()], ..Ask::default() }).await, Vec::<JobId>::new());
}

#[tokio::test]
async fn what_is_paused_gives_out_no_claim() {
    let bed = Bed::new();
    let run = bed.simple(2).await;
    let pause = |scope: PauseScope, expires_at| NewPause { scope, author: "ann".into(), host: "mx".into(), reason: "wrong link".into(), expires_at };
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
            assert_eq!(bed.ledger.under_way().await.unwrap().iter().map(|claimed| claimed.count).collect::<Vec<_>>(), [1]);
            bed.ledger.settle(&run, batch, vec![], vec![]).await.unwrap();
            assert!(bed.ledger.under_way().await.unwrap().is_empty());
        }
        assert!(bed.ledger.unpause(scope.clone(), "ann").await.unwrap());
        assert!(!bed.ledger.unpause(scope, "ann").await.unwrap());
    }
    bed.ledger.pause(pause(PauseScope::Workspace, Some(Timestamp::now() - jiff::SignedDuration::from_secs(1)))).await.unwrap();
    assert!(bed.ledger.pauses().await.unwrap().is_empty(), "it has expired");
    bed.claimed(&run, &[1]).await;
    assert_eq!(bed.number("SELECT count(*) FROM pauses").await, 15, "those that are over stay");
}

#[tokio::test]
async fn what_latched_a_gate_is_kept_until_a_person_lets_the_run_go_on() {
    let bed = Bed::new();
    let run = bed.simple(2).await;
    bed.ledger.set_gate(&run, Gate::Failed { evidence: "9 of 10 failed".into() }).await.unwrap();
    let latched = bed.ledger.latched_by(&run).await.unwrap().unwrap();
    assert_eq!((latched.author.as_str(), latched.reason.as_str()), ("the canary", "9 of 10 failed"));
    assert!(bed.ledger.pauses().await.unwrap().is_empty(), "it stops no other run");
    bed.ledger.set_gate(&run, Gate::Passed { evidence: String::new(), by: Some("ann on mx".into()), at: None }).await.unwrap();
    assert_eq!(bed.ledger.latched_by(&run).await.unwrap(), None);
    assert_eq!(bed.number("SELECT count(*) FROM pauses WHERE lifted_by = 'ann on mx'").await, 1);
    bed.ledger.remove(&run).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM pauses").await, 0);
}

#[tokio::test]
async fn who_is_suppressed_by_now_is_settled_with_the_claim_and_not_sent() {
    let bed = Bed::new();
    let run = bed.simple(3).await;
    let suppressed = vec![(1, Reason::Unsubscribe, "entry 5".to_owned())];
    assert!(matches!(bed.ledger.claim(Draft { suppressed: suppressed.clone(), ..draft(&run, &[2]) }).await.unwrap(), Claimed::Batch(_)));
    assert_eq!(bed.ledger.claim(Draft { suppressed, ..draft(&run, &[]) }).await.unwrap(), Claimed::Nothing);
    let first = bed.row(&run, 1).await;
    assert_eq!(
        (first.outcome, first.reason, first.detail.as_str(), first.attempts),
        (Some(Outcome::Suppressed), Some(Reason::Unsubscribe), "entry 5", 0)
    );
    assert_eq!(bed.number("SELECT count(*) FROM batches").await, 1);
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why.iter().map(|d| d.what.as_str()).collect::<Vec<_>>(), ["planned", "suppressed"]);
}

#[tokio::test]
async fn feedback_stays_beside_the_outcome() {
    let bed = Bed::new();
    let run = bed.simple(1).await;
    let batch = bed.claimed(&run, &[1]).await;
    bed.ledger.settle(&run, batch, vec![(1, accepted())], vec![(1, Feedback::Delivered), (1, Feedback::Complained)]).await.unwrap();
    let row = bed.row(&run, 1).await;
    assert_eq!((row.outcome, row.feedback.as_str()), (Some(Outcome::Accepted), "delivered complained"));
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why.last().unwrap().what, "feedback");
}

#[tokio::test]
async fn why_tells_the_code_and_the_place_in_the_list() {
    let bed = Bed::new();
    let run = bed.simple(1).await;
    bed.settled(&run, vec![(1, rejected())]).await;
    let why = bed.ledger.why(&run, "u1@example.com").await.unwrap();
    assert_eq!(why[0].detail, "row 1, list.csv:2, cohort rest, message m1");
    assert_eq!((why[1].what.as_str(), why[1].detail.as_str()), ("claimed in batch 1", "for relay"));
    assert_eq!((why[2].what.as_str(), why[2].detail.as_str()), ("rejected", "mailbox_gone, 550 5.1.1, no such user"));
    assert!(why.is_sorted_by_key(|decision| decision.at));
}

#[tokio::test]
async fn a_cap_counts_claims_of_every_run_until_one_window_after_they_were_settled() {
    let bed = Bed::new();
    let first = bed.simple(20).await;
    let second =
        bed.sealed(RunHead { campaign: "summer".into(), ..head() }, (1..=20).map(|n| row(n, &format!("v{n}@example.com"))).collect(), seal()).await;
    let caps: Vec<Rate> = vec!["10/hour".parse().unwrap(), "15/day".parse().unwrap()];
    let start = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
    let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
    let claim = async |run: &str, rows: &[JobId], now: Timestamp| {
        let (draft, origin) = (Draft { caps: caps.clone(), ..draft(run, rows) }, bed.ledger.origin());
        bed.ledger.write(move |conn| claim::claim(conn, &origin, &draft, now)).await.unwrap()
    };
    let settle = async |run: &str, batch: Claimed, items: Vec<(JobId, Settled)>, now: Timestamp| {
        let (run, Claimed::Batch(batch)) = (run.to_owned(), batch) else { panic!("not claimed") };
        bed.ledger.write(move |conn| claim::settle(conn, &run, batch, &items, &[], now)).await.unwrap();
    };

    let batch = claim(&first, &[1, 2, 3, 4, 5, 6], after(0)).await;
    // While it is not settled it counts, however long ago it was claimed.
    assert_eq!(claim(&second, &[1, 2, 3, 4, 5], after(600)).await, Claimed::Capped { cap: "10/hour".into(), room: 4, until: after(660) });
    // Two of six were never begun.
    let items = (1..=4).map(|n| (n, if n == 1 { rejected() } else { accepted() })).collect();
    settle(&first, batch, items, after(30)).await;
    assert_eq!(claim(&second, &[1, 2, 3, 4, 5, 6, 7], after(89)).await, Claimed::Capped { cap: "10/hour".into(), room: 6, until: after(90) });
    let batch = claim(&second, &[1, 2, 3, 4, 5, 6], after(89)).await;
    settle(&second, batch, (1..=6).map(|n| (n, accepted())).collect(), after(89)).await;
    // The hour has room again, the day has not.
    assert_eq!(
        claim(&first, &[7, 8, 9, 10, 11, 12], after(200)).await,
        Claimed::Capped { cap: "15/day".into(), room: 5, until: after(30 + 24 * 60) }
    );
    assert!(matches!(claim(&first, &[7, 8, 9, 10, 11], after(200)).await, Claimed::Batch(_)));
    // More than a cap ever holds: the moment at which all of it is free.
    assert!(matches!(claim(&first, &[12; 99], after(201)).await, Claimed::Capped { room: 0, .. }));
    // Another provider has caps of its own.
    assert!(matches!(
        bed.ledger.claim(Draft { provider: "other".into(), caps: caps.clone(), ..draft(&first, &[12, 13]) }).await.unwrap(),
        Claimed::Batch(_)
    ));
}

#[tokio::test]
async fn removing_a_run_does_not_free_its_cap() {
    let bed = Bed::new();
    let run = bed.simple(3).await;
    bed.settled(&run, vec![(1, accepted()), (2, accepted())]).await;
    bed.ledger.remove(&run).await.unwrap();
    let run = bed.sealed(head(), vec![row(1, "n1@example.com"), row(2, "n2@example.com")], seal()).await;
    let caps = vec!["3/hour".parse().unwrap()];
    assert!(matches!(bed.ledger.claim(Draft { caps, ..draft(&run, &[1, 2]) }).await.unwrap(), Claimed::Capped { room: 1, .. }));
}

#[tokio::test]
async fn suppressions_are_kept_once_and_taking_one_back_is_recorded() {
    let bed = Bed::new();
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
    let entries =
        vec![entry("a@b.example", Reason::HardBounce, None), entry("a@b.example", Reason::Manual, soon), entry("@c.example", Reason::Manual, None)];
    let after =
        async |number| -> Vec<LedgerSuppression> { bed.ledger.suppressions(number, 9).await.unwrap().into_iter().map(|(_, kept)| kept).collect() };
    assert_eq!(bed.ledger.suppress(entries.clone()).await.unwrap(), 3);
    assert_eq!(after(0).await, entries);
    let seen = bed.ledger.suppressions(0, 9).await.unwrap()[2].0;
    assert_eq!(bed.ledger.suppressions(0, 2).await.unwrap().len(), 2);
    assert_eq!(bed.ledger.suppress(entries.clone()).await.unwrap(), 0);
    assert_eq!(after(seen).await, []);
    let longer = entry("a@b.example", Reason::Manual, None);
    assert_eq!(bed.ledger.suppress(vec![longer.clone()]).await.unwrap(), 1, "one that lasts longer is news");
    assert_eq!(bed.ledger.suppress(vec![entries[1].clone()]).await.unwrap(), 0, "one that lasts less long is none");
    assert_eq!(after(seen).await, [longer]);
    assert_eq!(after(0).await.len(), 3);
    assert_eq!(bed.ledger.unsuppress(vec!["a@b.example".into(), "nobody@b.example".into()], "ops").await.unwrap(), 2);
    assert_eq!(after(0).await, [entry("@c.example", Reason::Manual, None)]);
    let last = bed.ledger.suppressions(0, 9).await.unwrap()[0].0;
    assert_eq!(bed.ledger.suppress(vec![entry("d@b.example", Reason::Manual, None)]).await.unwrap(), 1);
    assert!(bed.ledger.suppressions(last, 9).await.unwrap()[0].0 > seen, "no number is given twice");
    assert_eq!(bed.number("SELECT count(*) FROM unsuppressed WHERE by = 'ops'").await, 2);
}
