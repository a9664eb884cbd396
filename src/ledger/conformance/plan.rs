//! Tests how runs are planned, sealed, discarded, held and reopened.

use super::*;

pub(in crate::ledger) async fn a_run_reads_back_as_it_was_planned(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.ledger.begin(RunHead { env: Some("staging".into()), ..head() }).await.unwrap();
    assert!(
        bed.ledger.latest_run("spring", Some("staging")).await.unwrap().is_none(),
        "a run that is being planned is not the latest run"
    );
    assert_eq!(bed.ledger.runs().await.unwrap()[0].state, RunState::Planning);
    bed.ledger
        .plan(
            &run,
            vec![
                row(1, "Ann@example.com"),
                screened(2, "nonsense", Outcome::Invalid, Reason::BadAddress),
            ],
        )
        .await
        .unwrap();
    bed.ledger.seal(&run, Seal { filtered: 3, ..seal() }).await.unwrap();

    let found = bed.ledger.latest_run("spring", Some("staging")).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.state, found.filtered), (run.as_str(), RunState::Open, 3));
    assert_eq!(found.head.message, serde_json::json!({"subject": "Hello"}));
    assert_eq!(found.head.list_fingerprint, "l1");
    assert_eq!(found.columns, [["email"]]);
    assert_eq!(found.gate, Gate::Passed { evidence: "no canary".into(), by: None, at: None });
    assert!(bed.ledger.latest_run("spring", None).await.unwrap().is_none());
    assert!(bed.ledger.run("nonsense").await.unwrap().is_none());
    let rows = bed.ledger.rows(&run, 0, 10).await.unwrap();
    assert_eq!(
        (rows[0].email.as_str(), rows[0].line, rows[0].fields.as_str(), rows[0].outcome),
        ("Ann@example.com", 2, "[\"Ann@example.com\"]", None)
    );
    assert_eq!(
        (rows[1].outcome, rows[1].reason, rows[1].detail.as_str()),
        (Some(Outcome::Invalid), Some(Reason::BadAddress), "screened")
    );
    assert_eq!(bed.ledger.rows(&run, 1, 10).await.unwrap().len(), 1);

    bed.ledger.finish(&run, RunState::Finished, 3, vec![]).await.unwrap();
    let found = bed.ledger.run(&run).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.exit, found.finished_at.is_some()),
        (RunState::Finished, Some(3), true)
    );
}

pub(in crate::ledger) async fn standing_sums_to_the_rows(open: Open) {
    let bed = Bed::new(open).await;
    let mut rows: Vec<_> = (1..=10).map(|n| row(n, &format!("u{n}@example.com"))).collect();
    rows.push(screened(11, "u11@example.com", Outcome::Suppressed, Reason::Complaint));
    let run = bed.sealed(head(), rows, Seal { canary: Some(CanarySize::Count(2)), ..seal() }).await;
    bed.settled(
        &run,
        vec![
            (1, accepted()),
            (2, rejected()),
            (3, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true }),
        ],
    )
    .await;
    let standing = bed.ledger.standing(&run).await.unwrap();
    assert_eq!((standing.tally.total(), standing.tally.open), (11, 8));
    assert_eq!(
        (standing.tally.get(Outcome::Accepted), standing.tally.get(Outcome::Rejected)),
        (1, 1)
    );
    assert_eq!((standing.canary.total(), standing.canary.open), (2, 0));
    assert_eq!(standing.reasons[&(Outcome::Suppressed, Reason::Complaint)], 1);
    assert_eq!(standing.reasons[&(Outcome::Rejected, Reason::MailboxGone)], 1);
}

pub(in crate::ledger) async fn a_planned_run_can_be_discarded_and_a_sealed_one_cannot(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.ledger.begin(head()).await.unwrap();
    bed.ledger.plan(&run, vec![row(1, "ann@example.com")]).await.unwrap();
    bed.ledger.discard(&run).await.unwrap();
    assert!(bed.ledger.runs().await.unwrap().is_empty());
    let run = bed.simple(1).await;
    assert!(matches!(bed.ledger.discard(&run).await, Err(LedgerError::Broken { .. })));
    assert!(matches!(
        bed.ledger.plan(&run, vec![row(2, "b@example.com")]).await,
        Err(LedgerError::Broken { .. })
    ));
    assert!(matches!(bed.ledger.seal("nonsense", seal()).await, Err(LedgerError::NoSuchRun(_))));
}

pub(in crate::ledger) async fn a_run_that_was_never_sealed_goes_when_its_campaign_begins_again(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let stale = bed.ledger.begin(head()).await.unwrap();
    bed.ledger.plan(&stale, vec![row(1, "ann@example.com")]).await.unwrap();
    let other = bed.ledger.begin(RunHead { campaign: "summer".into(), ..head() }).await.unwrap();
    let run = bed.ledger.begin(head()).await.unwrap();
    let runs: Vec<RunId> = bed.ledger.runs().await.unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(runs, [run, other]);
}

pub(in crate::ledger) async fn a_row_that_breaks_a_rule_takes_back_its_whole_call_and_no_other(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.ledger.begin(head()).await.unwrap();
    let (bad, good) = tokio::join!(
        bed.ledger.plan(&run, vec![row(1, "a@example.com"), row(1, "b@example.com")]),
        bed.ledger.plan(&run, vec![row(2, "c@example.com")])
    );
    assert!(bad.is_err() && good.is_ok());
    assert!(bed.ledger.plan(&run, vec![row(0, "d@example.com")]).await.is_err());
    assert_eq!(bed.ledger.rows(&run, 0, 10).await.unwrap().len(), 1);
}

pub(in crate::ledger) async fn the_canary_is_spread_over_domains_in_proportion_and_is_the_same_each_time(
    open: Open,
) {
    let draw = |number: RowNumber| (number as i64 * 7_919) % 101;
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let bed = Bed::new(open).await;
        let mut rows = Vec::new();
        for (domain, count) in
            [("big.example", 60), ("mid.example", 30), ("small.example", 9), ("tiny.example", 1)]
        {
            for n in 0..count {
                let number = rows.len() as u64 + 1;
                rows.push(PlannedRow {
                    draw: draw(number),
                    ..row(number, &format!("u{n}@{domain}"))
                });
            }
        }
        rows.push(screened(101, "x@big.example", Outcome::Invalid, Reason::Render));
        let run =
            bed.sealed(head(), rows, Seal { canary: Some("10%".parse().unwrap()), ..seal() }).await;
        assert_eq!(bed.ledger.run(&run).await.unwrap().unwrap().gate, Gate::Ahead);
        let canary = bed
            .ledger
            .next(&run, Ask { cohort: Some(Cohort::Canary), limit: 100, ..Ask::default() })
            .await
            .unwrap();
        let of = |domain: &str| canary.iter().filter(|row| row.domain == domain).count();
        assert_eq!(
            (of("big.example"), of("mid.example"), of("small.example"), of("tiny.example")),
            (6, 3, 1, 0)
        );
        let rest = bed
            .ledger
            .next(&run, Ask { cohort: Some(Cohort::Rest), limit: 200, ..Ask::default() })
            .await
            .unwrap();
        assert_eq!(rest.len(), 90);
        let draws = |rows: &[LedgerRow]| {
            rows.iter()
                .filter(|row| row.domain == "mid.example")
                .map(|row| draw(row.row))
                .collect::<Vec<_>>()
        };
        assert!(
            draws(&canary).iter().max() <= draws(&rest).iter().min(),
            "the lowest draws are the canary"
        );
        drawn.push(canary.into_iter().map(|row| row.row).collect::<Vec<_>>());
    }
    assert_eq!(drawn[0], drawn[1]);
}

pub(in crate::ledger) async fn equal_remainders_go_to_the_domain_that_comes_first_and_always_rows_come_on_top(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let mut rows: Vec<_> = ["c", "b", "a"]
        .iter()
        .zip(1..)
        .map(|(name, n)| row(n, &format!("u@{name}.example")))
        .collect();
    rows.push(PlannedRow { always: true, ..row(4, "seed@z.example") });
    rows.push(PlannedRow {
        always: true,
        ..screened(5, "seed@y.example", Outcome::Suppressed, Reason::Manual)
    });
    let run = bed.sealed(head(), rows, Seal { canary: Some(CanarySize::Count(1)), ..seal() }).await;
    let canary = bed
        .ledger
        .next(&run, Ask { cohort: Some(Cohort::Canary), limit: 9, ..Ask::default() })
        .await
        .unwrap();
    assert_eq!(canary.iter().map(|row| row.row).collect::<Vec<_>>(), [3, 4]);
}

pub(in crate::ledger) async fn a_canary_of_nobody_does_not_wait_to_be_judged(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed
        .sealed(
            head(),
            vec![screened(1, "a@b.example", Outcome::Invalid, Reason::Render)],
            Seal { canary: Some(CanarySize::Count(5)), ..seal() },
        )
        .await;
    assert!(matches!(bed.ledger.run(&run).await.unwrap().unwrap().gate, Gate::Passed { .. }));
}

pub(in crate::ledger) async fn a_limit_keeps_the_first_sendable_rows_and_the_canary_is_drawn_from_them(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let mut rows = vec![screened(1, "x@example.com", Outcome::Suppressed, Reason::Manual)];
    rows.extend(
        (2..=11).map(|n| PlannedRow { draw: -(n as i64), ..row(n, &format!("u{n}@example.com")) }),
    );
    let run = bed
        .sealed(
            head(),
            rows,
            Seal {
                limit: Some(4),
                canary: Some(CanarySize::Share("50%".parse().unwrap())),
                ..seal()
            },
        )
        .await;
    assert_eq!(bed.next(&run).await, [2, 3, 4, 5]);
    let canary = bed
        .ledger
        .next(&run, Ask { cohort: Some(Cohort::Canary), limit: 9, ..Ask::default() })
        .await
        .unwrap();
    assert_eq!(canary.iter().map(|row| row.row).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(bed.row(&run, 6).await.reason, Some(Reason::Limit));
    let standing = bed.ledger.standing(&run).await.unwrap();
    assert_eq!((standing.tally.open, standing.tally.get(Outcome::Held)), (4, 6));
}

pub(in crate::ledger) async fn held_rows_can_be_opened_again_and_why_tells_both(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(4).await;
    bed.settled(
        &run,
        vec![(1, accepted()), (2, Settled::GaveUp { refusal: refusal(), counts: true })],
    )
    .await;
    bed.settled(
        &run,
        vec![(3, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true })],
    )
    .await;
    assert_eq!(bed.ledger.hold_rest(&run, Reason::Interrupted, "").await.unwrap(), 2);
    assert_eq!(bed.outcomes(&run).await[2], (Some(Outcome::Held), Some(Reason::Interrupted)));
    assert!(bed.next(&run).await.is_empty());
    assert_eq!(bed.ledger.next_retry_at(&run, None, Through::Any).await.unwrap(), None);
    bed.ledger.finish(&run, RunState::Finished, 5, vec![]).await.unwrap();

    assert_eq!(bed.ledger.reopen(&run, &[Outcome::Held, Outcome::Deferred]).await.unwrap(), 3);
    assert_eq!(bed.ledger.run(&run).await.unwrap().unwrap().state, RunState::Open);
    assert_eq!(bed.next(&run).await, [2, 3, 4]);
    bed.settled(&run, vec![(2, accepted()), (4, accepted())]).await;
    let history = async |email: &str| {
        bed.ledger
            .why(&run, email)
            .await
            .unwrap()
            .into_iter()
            .map(|decision| decision.what)
            .collect::<Vec<_>>()
    };
    assert_eq!(history("U1@example.com").await, ["planned", "claimed in batch 1", "accepted"]);
    assert_eq!(
        history("u2@example.com").await,
        [
            "planned",
            "claimed in batch 1",
            "deferred",
            "opened again",
            "claimed in batch 3",
            "accepted"
        ]
    );
    assert_eq!(
        history("u3@example.com").await,
        ["planned", "claimed in batch 2", "not taken", "held", "opened again"]
    );
    assert_eq!(
        history("u4@example.com").await,
        ["planned", "held", "opened again", "claimed in batch 3", "accepted"]
    );
    assert!(history("nobody@example.com").await.is_empty());
}
