//! Tests the check whether most recipients of a list were sent the same message under another
//! campaign.

use super::*;

/// Sketches the recipients `u{from}` to `u{to}` like a planner.
async fn people(bed: &Bed, numbers: std::ops::RangeInclusive<u64>) -> People {
    let seed = person_seed(&bed.ledger.secret_key().await.unwrap());
    let mut sketch = Sketch::default();
    for (row, n) in numbers.enumerate() {
        sketch.offer(
            xxhash_rust::xxh3::xxh3_64_with_seed(format!("u{n}@example.com").as_bytes(), seed),
            row as u64 + 1,
        );
    }
    sketch.finish()
}

/// Creates a run of `count` recipients, with rows up to `accepted_to` accepted.
async fn run_of(bed: &Bed, head: RunHead, count: u64, accepted_to: u64, sketched: bool) -> RunId {
    let people = if sketched { Some((String::new(), people(bed, 1..=count).await)) } else { None };
    let rows = (1..=count).map(|n| row(n, &format!("U{n}@example.com"))).collect();
    let run = bed.sealed(head, rows, Seal { people, ..seal() }).await;
    bed.settled(&run, (1..=accepted_to).map(|n| (n, accepted())).collect()).await;
    run
}

async fn reached(bed: &Bed, query: OverlapQuery) -> Option<(u64, u64)> {
    bed.ledger.overlap(query).await.unwrap().map(|found| (found.reached + found.coming, found.of))
}

pub(in crate::ledger) async fn half_of_the_people_and_ten_are_found_with_or_without_a_sketch_and_after_removal(
    open: Open,
) {
    for (sketched, removed) in [(true, false), (true, true), (false, false)] {
        let bed = Bed::new(open).await;
        let run = run_of(&bed, head(), 30, 18, sketched).await;
        bed.claimed(&run, &[19]).await;
        // Held recipients do not count, because the run will not mail them.
        bed.ledger.hold_rest(&run, Reason::Limit, "").await.unwrap();
        if removed {
            bed.ledger.remove(&run).await.unwrap();
        }
        let ask = async |campaign: &str, numbers| {
            reached(&bed, asks(campaign, people(&bed, numbers).await)).await
        };
        assert_eq!(
            ask("other", 1..=20).await,
            Some((19, 20)),
            "the provider may have accepted an open claim"
        );
        assert_eq!(ask("other", 1..=38).await, Some((19, 38)), "exactly half");
        assert_eq!(ask("other", 1..=39).await, None);
        assert_eq!(ask("other", 11..=20).await, None, "nine");
        assert_eq!(ask("other", 10..=20).await, Some((10, 11)));
        assert_eq!(ask("spring", 1..=20).await, None, "the same campaign");
        bed.ledger
            .add_aliases(vec![("p:1".into(), "spring".into()), ("p:1".into(), "kin".into())])
            .await
            .unwrap();
        assert_eq!(ask("kin", 1..=20).await, None, "the campaign under another id");
        let all = people(&bed, 1..=20).await;
        for query in [
            OverlapQuery { env: Some("staging".into()), ..asks("other", all.clone()) },
            OverlapQuery { apart: "sandbox".into(), ..asks("other", all.clone()) },
            OverlapQuery { message_fingerprint: "m2".into(), ..asks("other", all.clone()) },
            OverlapQuery {
                since: Timestamp::now() + jiff::SignedDuration::from_secs(9),
                ..asks("other", all.clone())
            },
        ] {
            assert_eq!(reached(&bed, query).await, None);
        }
    }
}

pub(in crate::ledger) async fn of_two_runs_that_are_sealed_at_once_the_second_finds_the_planned_people_of_the_first(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let sketch = people(&bed, 1..=20).await;
    let mut runs = Vec::new();
    for campaign in ["one", "two"] {
        let run = bed.ledger.begin(RunHead { campaign: campaign.into(), ..head() }).await.unwrap();
        bed.ledger
            .plan(&run, (1..=20).map(|n| row(n, &format!("u{n}@example.com"))).collect())
            .await
            .unwrap();
        runs.push(run);
    }
    let seal = |campaign: &str| Seal {
        people: Some((String::new(), sketch.clone())),
        overlap: Some(asks(campaign, sketch.clone())),
        ..seal()
    };
    let (one, two) = tokio::join!(
        bed.ledger.seal(&runs[0], seal("one")),
        bed.ledger.seal(&runs[1], seal("two"))
    );
    assert_eq!(one.unwrap(), None);
    let found = two.unwrap().expect("the first is about to reach them");
    assert_eq!(
        (found.reached, found.coming, found.of, found.campaign.as_str(), &found.run),
        (0, 20, 20, "one", &runs[0])
    );
    assert_eq!(
        bed.ledger.run(&runs[1]).await.unwrap().unwrap().state,
        RunState::Planning,
        "the seal changed nothing"
    );
    bed.settled(&runs[0], (1..=9).map(|n| (n, accepted())).collect()).await;
    bed.claimed(&runs[0], &[10, 11]).await;
    let found = bed.ledger.seal(&runs[1], seal("two")).await.unwrap().expect("as before");
    assert_eq!(
        (found.reached, found.coming),
        (9, 11),
        "claimed recipients do not count as reached yet"
    );
    let answered = Seal { overlap: None, ..seal("two") };
    assert_eq!(bed.ledger.seal(&runs[1], answered).await.unwrap(), None);
}

pub(in crate::ledger) async fn people_of_a_lost_run_count_and_what_nothing_says_about_it_equals_everything(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let lost = |run: &str, message: Option<&str>, people| LostPeople {
        run: run.into(),
        campaign: "spring".into(),
        env: Some(None),
        apart: Some(String::new()),
        message_fingerprint: message.map(str::to_owned),
        people,
        at: Timestamp::now(),
    };
    let ask = async |query: OverlapQuery| bed.ledger.overlap(query).await.unwrap();
    let all = people(&bed, 1..=20).await;
    bed.ledger.keep_lost(lost("20261121-034500-k3f9", Some("m1"), all.clone())).await.unwrap();
    // Storing a lost run again replaces the earlier entry.
    bed.ledger
        .keep_lost(lost("20261121-034500-k3f9", Some("m1"), people(&bed, 1..=12).await))
        .await
        .unwrap();
    bed.ledger.adopted(vec!["20261121-034500-k3f9".into()]).await.unwrap();
    let found = ask(asks("other", all.clone())).await.expect("twelve of twenty");
    assert_eq!(
        (found.reached, found.run.as_str(), found.is_message_known),
        (12, "20261121-034500-k3f9", true)
    );
    assert_eq!(ask(asks("spring", all.clone())).await, None);
    let other_message =
        OverlapQuery { message_fingerprint: "m2".into(), ..asks("other", all.clone()) };
    assert_eq!(ask(other_message.clone()).await, None);
    bed.ledger
        .keep_lost(LostPeople {
            env: None,
            apart: None,
            ..lost("20261122-034500-aaaa", None, all.clone())
        })
        .await
        .unwrap();
    let found = ask(other_message.clone()).await.expect("it may have been this message");
    assert_eq!((found.reached, found.is_message_known), (20, false));
    assert!(
        ask(OverlapQuery { env: Some("staging".into()), apart: "sandbox".into(), ..other_message })
            .await
            .is_some()
    );
    assert!(
        ask(asks("other", all)).await.expect("as before").is_message_known,
        "a run with a known message takes precedence"
    );
}

pub(in crate::ledger) async fn what_two_campaigns_reached_is_added_and_the_one_with_most_is_named(
    open: Open,
) {
    let bed = Bed::new(open).await;
    run_of(&bed, head(), 8, 8, true).await;
    let rows = (9..=14).map(|n| row(n, &format!("u{n}@example.com"))).collect();
    let sketch = people(&bed, 1..=14).await;
    let second = bed
        .sealed(
            RunHead { campaign: "summer".into(), ..head() },
            rows,
            Seal { people: Some((String::new(), sketch)), ..seal() },
        )
        .await;
    bed.settled(&second, vec![(9, unknown()), (10, accepted()), (11, rejected())]).await;
    bed.ledger.hold_rest(&second, Reason::Limit, "").await.unwrap();
    let found =
        bed.ledger.overlap(asks("other", people(&bed, 1..=14).await)).await.unwrap().unwrap();
    assert_eq!(
        (found.reached, found.of, found.campaign.as_str(), found.is_exact),
        (10, 14, "spring", true)
    );
    let others: Vec<_> =
        found.others.iter().map(|other| (other.campaign.as_str(), other.people)).collect();
    assert_eq!(others, [("spring", 8), ("summer", 2)]);
}

pub(in crate::ledger) async fn a_part_of_a_list_that_is_too_long_to_be_held_whole_is_estimated(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let count = 80_000;
    let run = bed.ledger.begin(head()).await.unwrap();
    bed.ledger
        .plan(&run, (1..=count).map(|n| row(n, &format!("u{n}@example.com"))).collect())
        .await
        .unwrap();
    let sketch = people(&bed, 1..=count).await;
    assert!(sketch.bound < u64::MAX);
    bed.ledger.seal(&run, Seal { people: Some((String::new(), sketch)), ..seal() }).await.unwrap();
    bed.settled(&run, (1..=10_000).map(|n| (n, accepted())).collect()).await;
    bed.ledger.hold_rest(&run, Reason::Limit, "").await.unwrap();
    let found =
        bed.ledger.overlap(asks("other", people(&bed, 1..=12_000).await)).await.unwrap().unwrap();
    assert!(
        !found.is_exact && found.of == 12_000 && found.reached.abs_diff(10_000) < 500,
        "{found:?}"
    );
    let few = bed
        .ledger
        .overlap(asks("other", people(&bed, 9_901..=10_000).await))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((few.reached, few.of), (100, 100));
    assert_eq!(
        bed.ledger.overlap(asks("other", people(&bed, 8_001..=13_000).await)).await.unwrap(),
        None
    );
}

pub(in crate::ledger) async fn runs_under_any_id_of_a_campaign_are_carried_over_closed_and_reconciled(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let old = bed.simple(4).await;
    bed.settled(&old, vec![(1, accepted()), (2, unknown())]).await;
    let removed = bed
        .sealed(
            RunHead { campaign: "removed".into(), ..head() },
            vec![row(1, "u4@example.com")],
            seal(),
        )
        .await;
    bed.settled(&removed, vec![(1, accepted())]).await;
    bed.ledger.remove(&removed).await.unwrap();
    let pairs =
        ["spring", "removed", "new"].map(|campaign| ("p:1".to_owned(), campaign.to_owned()));
    bed.ledger.add_aliases(pairs.to_vec()).await.unwrap();
    assert_eq!(bed.ledger.latest_run("new", None).await.unwrap().unwrap().id, old);
    let run = bed
        .sealed(
            RunHead { campaign: "new".into(), ..head() },
            (1..=4).map(|n| row(n, &format!("u{n}@example.com"))).collect(),
            seal(),
        )
        .await;
    let outcomes: Vec<_> =
        bed.outcomes(&run).await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(
        outcomes,
        [
            Some(Outcome::AlreadyAccepted),
            Some(Outcome::Unknown),
            None,
            Some(Outcome::AlreadyAccepted)
        ]
    );
    assert_eq!(bed.ledger.run(&old).await.unwrap().unwrap().state, RunState::Finished);
    let evidence = Reconciled { row: 2, settled: accepted(), evidence: "seen".into() };
    assert_eq!(bed.ledger.reconcile(&run, vec![evidence]).await.unwrap(), 1);
    assert_eq!(bed.row(&old, 2).await.outcome, Some(Outcome::Accepted));
}
