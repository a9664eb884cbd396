//! Tests recovery of the open claims of a process that has ended.

use super::*;
use crate::ledger::trace::Trace;

/// Creates a run of eight recipients. One to six were claimed under a trace: 1 accepted, 2
/// rejected, 3 not accepted, 4 crossing, 5 and 6 not begun.
pub(in crate::ledger) async fn interrupted<L: Ledger + ?Sized>(
    bed: &Bed<L>,
) -> (RunId, i64, Trace) {
    let run = bed.simple(8).await;
    let trace = Trace::create(bed.dir.path(), &run).unwrap();
    bed.ledger.set_trace(trace.name());
    let batch = bed.claimed(&run, &[1, 2, 3, 4, 5, 6]).await;
    trace.crossed(trace.announce(batch, &[1, 2, 3, 4]).unwrap()).unwrap();
    let Settled::Final(accepted) = accepted() else { panic!("accepted is final") };
    trace.answered(batch, 1, &accepted).unwrap();
    trace.answered(batch, 2, &Verdict::Rejected(refusal())).unwrap();
    trace
        .answered(
            batch,
            3,
            &Verdict::NotTaken {
                refusal: Refusal::new(Reason::Rate, "451", "later"),
                counts: true,
            },
        )
        .unwrap();
    trace.rest().unwrap();
    (run, batch, trace)
}

fn traces(bed: &Bed) -> usize {
    std::fs::read_dir(trace::directory(bed.dir.path())).unwrap().count()
}

pub(in crate::ledger) async fn after_a_process_crash_the_trace_tells_each_member(open: Open) {
    let bed = Bed::new(open).await;
    let (run, ..) = interrupted(&bed).await;
    let bed = bed.reopened().await;
    assert_eq!(
        bed.ledger.recover(&run).await.unwrap(),
        Recovered { reopened: 3, settled: 2, unknown: 1 }
    );
    let outcomes: Vec<_> =
        bed.outcomes(&run).await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(
        outcomes,
        [
            Some(Outcome::Accepted),
            Some(Outcome::Rejected),
            None,
            Some(Outcome::Unknown),
            None,
            None,
            None,
            None
        ]
    );
    let first = bed.row(&run, 1).await;
    assert_eq!(
        (first.provider_id.as_str(), first.code.as_str(), first.attempts),
        ("q1", "250 2.0.0", 1)
    );
    assert_eq!(bed.row(&run, 3).await.attempts, 1);
    assert_eq!(bed.row(&run, 4).await.detail, "the process ended before the answer");
    assert_eq!(bed.next(&run).await, [3, 5, 6, 7, 8]);
    assert_eq!(traces(&bed), 0);
    assert_eq!(
        bed.ledger.recover(&run).await.unwrap(),
        Recovered::default(),
        "a second recovery finds nothing"
    );
}

pub(in crate::ledger) async fn without_a_usable_trace_every_open_claim_is_unknown(open: Open) {
    for damage in [0, 1] {
        let bed = Bed::new(open).await;
        let (run, _, trace) = interrupted(&bed).await;
        let path = trace::directory(bed.dir.path()).join(trace.name());
        match damage {
            0 => std::fs::remove_file(&path).unwrap(),
            _ => std::fs::write(&path, "mailbatch-trace 1\nffffffff [\"nonsense\"]\n").unwrap(),
        }
        let bed = bed.reopened().await;
        assert_eq!(bed.ledger.recover(&run).await.unwrap().unknown, 6, "damage {damage}");
    }
}

pub(in crate::ledger) async fn a_claim_without_a_trace_is_unknown(open: Open) {
    let bed = Bed::new(open).await;
    let run = bed.simple(2).await;
    bed.claimed(&run, &[1]).await;
    let bed = bed.reopened().await;
    assert_eq!(
        bed.ledger.recover(&run).await.unwrap(),
        Recovered { unknown: 1, ..Recovered::default() }
    );
}

pub(in crate::ledger) async fn a_trace_of_an_earlier_batch_says_nothing_about_a_later_one(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let (run, batch, _trace) = interrupted(&bed).await;
    bed.ledger
        .settle(
            &run,
            batch,
            vec![(1, Settled::Retry { refusal: refusal(), at: Timestamp::now(), counts: true })],
            vec![],
        )
        .await
        .unwrap();
    bed.claimed(&run, &[1]).await;
    let bed = bed.reopened().await;
    assert_eq!(
        bed.ledger.recover(&run).await.unwrap(),
        Recovered { reopened: 1, ..Recovered::default() }
    );
}

pub(in crate::ledger) async fn recovery_leaves_other_runs_and_the_trace_of_this_process_alone(
    open: Open,
) {
    let bed = Bed::new(open).await;
    let (run, ..) = interrupted(&bed).await;
    let other = bed
        .sealed(
            RunHead { campaign: "summer".into(), ..head() },
            vec![row(1, "ann@example.com")],
            seal(),
        )
        .await;
    let current = Trace::create(bed.dir.path(), &run).unwrap();
    let foreign = Trace::create(bed.dir.path(), &other).unwrap();
    bed.ledger.set_trace(foreign.name());
    let claimed = bed.claimed(&other, &[1]).await;
    bed.ledger.set_trace(current.name());
    bed.ledger.recover(&run).await.unwrap();
    assert_eq!(traces(&bed), 2);
    bed.ledger.settle(&other, claimed, vec![(1, accepted())], vec![]).await.unwrap();
}
