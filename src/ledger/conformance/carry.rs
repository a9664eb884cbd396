//! Tests which outcomes a later run of a campaign carries over from earlier runs.

use super::*;

/// Creates a finished run whose rows 1 to 5 are accepted, rejected, unknown, deferred and held.
async fn earlier(bed: &Bed) -> RunId {
    let run = bed.simple(5).await;
    bed.settled(
        &run,
        vec![
            (1, accepted()),
            (2, rejected()),
            (3, unknown()),
            (4, Settled::GaveUp { refusal: refusal(), counts: true }),
        ],
    )
    .await;
    bed.ledger.hold_rest(&run, Reason::Canary, "").await.unwrap();
    bed.ledger.finish(&run, RunState::Finished, 12, vec![]).await.unwrap();
    run
}

fn same_people() -> Vec<PlannedRow> {
    (1..=6).map(|n| row(n, &format!("u{n}@example.com"))).collect()
}

fn what_a_later_run_does() -> [(Option<Outcome>, Option<Reason>); 6] {
    [
        (Some(Outcome::AlreadyAccepted), Some(Reason::EarlierRun)),
        (Some(Outcome::Rejected), Some(Reason::MailboxGone)),
        (Some(Outcome::Unknown), Some(Reason::NoReply)),
        (None, None),
        (None, None),
        (None, None),
    ]
}

pub(in crate::ledger) async fn what_is_foreseen_is_what_a_seal_carries_over(open: Open) {
    let bed = Bed::new(open).await;
    let query = |people: Vec<PlannedPerson>| CarryQuery {
        campaign: head().campaign,
        env: head().env,
        dedupe: crate::model::address::Dedupe::Ci,
        people,
    };
    bed.ledger.secret_key().await.unwrap();
    let none = bed.ledger.foresee(query(Vec::new())).await.unwrap();
    assert_eq!(none, None, "without an earlier run nothing is carried over");
    let old = earlier(&bed).await;
    let people = |is_open| {
        let person = |row: PlannedRow| PlannedPerson { key: row.key, email: row.email, is_open };
        same_people().into_iter().map(person).collect::<Vec<_>>()
    };
    let carried = what_a_later_run_does().map(|(outcome, _)| outcome).to_vec();
    let only_accepted = carried
        .iter()
        .map(|outcome| outcome.filter(|outcome| *outcome == Outcome::AlreadyAccepted));
    let only_accepted: Vec<Option<Outcome>> = only_accepted.collect();
    for is_removed in [false, true] {
        let before = bed.ledger.runs().await.unwrap().len();
        let foreseen = bed.ledger.foresee(query(people(true))).await.unwrap();
        assert_eq!(foreseen, Some(carried.clone()), "{is_removed}");
        let foreseen = bed.ledger.foresee(query(people(false))).await.unwrap();
        assert_eq!(foreseen, Some(only_accepted.clone()), "{is_removed}");
        assert_eq!(bed.ledger.runs().await.unwrap().len(), before);
        if !is_removed {
            bed.ledger.remove(&old).await.unwrap();
        }
    }
    let run = bed.sealed(head(), same_people(), seal()).await;
    let sealed = bed.outcomes(&run).await.into_iter().map(|(outcome, _)| outcome);
    assert_eq!(sealed.collect::<Vec<_>>(), carried);
}

pub(in crate::ledger) async fn a_later_run_keeps_who_was_accepted_rejected_or_is_unknown_and_sends_the_others(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let old = earlier(&bed).await;
    let run = bed.sealed(head(), same_people(), seal()).await;
    assert_eq!(bed.outcomes(&run).await, what_a_later_run_does());
    assert_eq!(bed.row(&run, 1).await.detail, format!("accepted in run {old}"));
    let second = bed.row(&run, 2).await;
    assert_eq!(
        (second.code.as_str(), second.detail.as_str(), second.attempts),
        ("550 5.1.1", "no such user", 0)
    );
    let why = bed.ledger.why(&run, "u2@example.com").await.unwrap();
    assert_eq!(why[1].what, "rejected");
    assert!(
        why[1].detail.starts_with(&format!("carried over from run {old}, message m1 of 20")),
        "{}",
        why[1].detail
    );
    // The next run carries the same outcomes over.
    let third = bed.sealed(head(), same_people(), seal()).await;
    assert_eq!(bed.outcomes(&third).await, what_a_later_run_does());
}

pub(in crate::ledger) async fn a_removed_run_is_remembered(open: Open) {
    let bed = Bed::new(open).await;
    let old = earlier(&bed).await;
    bed.ledger.remove(&old).await.unwrap();
    assert!(bed.ledger.runs().await.unwrap().is_empty());
    let run = bed.sealed(head(), same_people(), seal()).await;
    assert_eq!(bed.outcomes(&run).await, what_a_later_run_does());
    assert_eq!(bed.row(&run, 1).await.detail, "accepted in a removed run");
    let other =
        bed.sealed(RunHead { campaign: "summer".into(), ..head() }, same_people(), seal()).await;
    assert_eq!(
        bed.outcomes(&other).await,
        [(None, None); 6],
        "another campaign reaches all of them"
    );
}

pub(in crate::ledger) async fn removing_an_unfinished_run_remembers_open_claims_as_unknown(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let run = bed.simple(2).await;
    bed.claimed(&run, &[1]).await;
    bed.ledger.remove(&run).await.unwrap();
    let run = bed.simple(2).await;
    assert_eq!(
        bed.outcomes(&run).await,
        [(Some(Outcome::Unknown), Some(Reason::NoReply)), (None, None)]
    );
}

pub(in crate::ledger) async fn other_campaigns_and_environments_are_not_looked_at(open: Open) {
    let bed = Bed::new(open).await;
    earlier(&bed).await;
    for head in [
        RunHead { campaign: "summer".into(), ..head() },
        RunHead { env: Some("staging".into()), ..head() },
        RunHead { env: Some(String::new()), ..head() },
    ] {
        let run = bed.sealed(head, same_people(), seal()).await;
        assert_eq!(bed.outcomes(&run).await, [(None, None); 6]);
    }
}

pub(in crate::ledger) async fn already_accepted_comes_before_suppressed_and_after_invalid_and_duplicate(
    open: Open,
) {
    let bed = Bed::new(open).await;
    earlier(&bed).await;
    let rows = vec![
        screened(1, "u1@example.com", Outcome::Suppressed, Reason::Unsubscribe),
        screened(2, "U1@example.com", Outcome::Duplicate, Reason::Repeated),
        screened(3, "u1@example.com", Outcome::Invalid, Reason::Render),
        screened(4, "u2@example.com", Outcome::Suppressed, Reason::HardBounce),
        screened(5, "u3@example.com", Outcome::Suppressed, Reason::Unsubscribe),
    ];
    let run = bed.sealed(head(), rows, seal()).await;
    assert_eq!(
        bed.outcomes(&run).await.iter().map(|(outcome, _)| outcome.unwrap()).collect::<Vec<_>>(),
        [
            Outcome::AlreadyAccepted,
            Outcome::Duplicate,
            Outcome::Invalid,
            Outcome::Suppressed,
            Outcome::Suppressed
        ]
    );
}

/// Creates a first run with `Zoë@example.com` under id 7, and a second run with the given id and
/// address.
async fn second_run_of(
    open: Open,
    dedupe: &str,
    remove: bool,
    key: &str,
    email: &str,
) -> Option<Outcome> {
    let bed = Bed::new(open).await;
    let head = || RunHead { settings: serde_json::json!({ "dedupe": dedupe }), ..head() };
    let first = bed
        .sealed(head(), vec![PlannedRow { key: "7".into(), ..row(1, "ZOË@example.com") }], seal())
        .await;
    bed.settled(&first, vec![(1, accepted())]).await;
    if remove {
        bed.ledger.remove(&first).await.unwrap();
    }
    let second =
        bed.sealed(head(), vec![PlannedRow { key: key.into(), ..row(1, email) }], seal()).await;
    bed.row(&second, 1).await.outcome
}

pub(in crate::ledger) async fn the_key_or_the_address_matches_as_dedupe_has_it(open: Open) {
    for remove in [false, true] {
        let reached = Some(Outcome::AlreadyAccepted);
        assert_eq!(second_run_of(open, "ci", remove, "7", "new@example.com").await, reached);
        assert_eq!(second_run_of(open, "ci", remove, "8", "zoë@example.com").await, reached);
        assert_eq!(second_run_of(open, "ci", remove, "8", "new@example.com").await, None);
        assert_eq!(second_run_of(open, "exact", remove, "8", "zoë@example.com").await, None);
        assert_eq!(second_run_of(open, "exact", remove, "8", "ZOË@example.com").await, reached);
        assert_eq!(second_run_of(open, "off", remove, "8", "ZOË@example.com").await, None);
        assert_eq!(second_run_of(open, "off", remove, "7", "new@example.com").await, reached);
    }
}

pub(in crate::ledger) async fn acceptance_wins_over_whatever_came_before_or_after_and_else_the_newest_run_decides(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let one = bed.simple(4).await;
    bed.settled(&one, vec![(1, accepted()), (2, unknown()), (3, rejected()), (4, unknown())]).await;
    bed.ledger.finish(&one, RunState::Finished, 6, vec![]).await.unwrap();
    let two = bed.simple(4).await;
    assert_eq!(bed.ledger.reopen(&two, &[Outcome::Unknown, Outcome::Rejected]).await.unwrap(), 3);
    bed.settled(
        &two,
        vec![
            (2, accepted()),
            (3, Settled::GaveUp { refusal: refusal(), counts: true }),
            (4, rejected()),
        ],
    )
    .await;
    bed.ledger.finish(&two, RunState::Finished, 5, vec![]).await.unwrap();
    let three = bed.simple(4).await;
    let outcomes: Vec<_> =
        bed.outcomes(&three).await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(
        outcomes,
        [
            Some(Outcome::AlreadyAccepted),
            Some(Outcome::AlreadyAccepted),
            None,
            Some(Outcome::Rejected)
        ]
    );
}

pub(in crate::ledger) async fn sealing_closes_the_unfinished_run_of_the_campaign(open: Open) {
    let bed = Bed::new(open).await;
    let old = bed.simple(4).await;
    bed.settled(
        &old,
        vec![
            (1, accepted()),
            (2, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true }),
        ],
    )
    .await;
    bed.claimed(&old, &[3]).await;
    let run = bed.simple(5).await;
    let closed = bed.ledger.run(&old).await.unwrap().unwrap();
    assert_eq!((closed.state, closed.finished_at.is_some()), (RunState::Finished, true));
    let held = (Some(Outcome::Held), Some(Reason::Interrupted));
    assert_eq!(
        bed.outcomes(&old).await,
        [
            (Some(Outcome::Accepted), None),
            held,
            (Some(Outcome::Unknown), Some(Reason::NoReply)),
            held
        ]
    );
    assert_eq!(bed.row(&old, 4).await.detail, format!("closed by run {run}"));
    let outcomes: Vec<_> =
        bed.outcomes(&run).await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(
        outcomes,
        [Some(Outcome::AlreadyAccepted), None, Some(Outcome::Unknown), None, None]
    );
}

pub(in crate::ledger) async fn who_was_accepted_under_an_older_spelling_is_not_mailed_under_the_new_one(
    open: Open,
) {
    let older = [
        "\"ann\"@example.com",
        "jo\u{308}rg@example.com",
        "\u{200b}cy@example.com",
        "\"D\\ot\"@example.com",
    ];
    let newer = ["ann@example.com", "jörg@example.com", "cy@example.com", "dot@example.com"];
    let rows = |all: &[&str]| -> Vec<PlannedRow> {
        all.iter().zip(1..).map(|(email, n)| row(n, email)).collect()
    };
    for dedupe in ["ci", "exact"] {
        let head = || RunHead { settings: serde_json::json!({ "dedupe": dedupe }), ..head() };
        let newer = if dedupe == "exact" {
            newer.map(|email| email.replace("dot", "Dot"))
        } else {
            newer.map(str::to_owned)
        };
        let newer: Vec<&str> = newer.iter().map(String::as_str).collect();
        let bed = Bed::new(open).await;
        let old = bed.sealed(head(), rows(&older), seal()).await;
        bed.settled(&old, (1..=4).map(|n| (n, accepted())).collect()).await;
        bed.ledger.finish(&old, RunState::Finished, 0, vec![]).await.unwrap();
        let already = [(Some(Outcome::AlreadyAccepted), Some(Reason::EarlierRun)); 4];
        let second = bed.sealed(head(), rows(&newer), seal()).await;
        assert_eq!(bed.outcomes(&second).await, already, "{dedupe}");
        bed.ledger.finish(&second, RunState::Finished, 0, vec![]).await.unwrap();
        bed.ledger.remove(&second).await.unwrap();
        bed.ledger.remove(&old).await.unwrap();
        let third = bed.sealed(head(), rows(&newer), seal()).await;
        assert_eq!(bed.outcomes(&third).await, already, "{dedupe}, of a removed run");
    }
}

pub(in crate::ledger) async fn a_suppression_kept_in_an_older_spelling_is_taken_back_by_the_new_one(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let kept = |entry: &str| LedgerSuppression {
        entry: entry.to_owned(),
        reason: Reason::Manual,
        scope: String::new(),
        source: String::new(),
        created_at: Timestamp::now(),
        expires_at: None,
        note: String::new(),
    };
    bed.ledger
        .suppress(
            ["\"ann\"@example.com", "jo\u{308}rg@example.com", "ben@example.com"]
                .map(kept)
                .to_vec(),
        )
        .await
        .unwrap();
    assert_eq!(
        bed.ledger
            .unsuppress(vec!["ann@example.com".into(), "jörg@example.com".into()], "test")
            .await
            .unwrap(),
        2
    );
    assert_eq!(bed.ledger.suppressions(0, 9).await.unwrap().len(), 1);
}
