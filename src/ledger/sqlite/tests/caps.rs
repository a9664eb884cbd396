//! Tests caps with a clock that the test sets, and with random sequences of claims and settlements,
//! while the clock may jump by hours.
//!
//! Set `MAILBATCH_SEED` to repeat an earlier run.

use super::*;
use crate::rng::Rng;

const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn a_cap_counts_claims_of_every_run_until_one_window_after_they_were_settled() {
    let bed = Bed::new(here).await;
    let first = bed.simple(20).await;
    let second = bed
        .sealed(
            RunHead { campaign: "summer".into(), ..head() },
            (1..=20).map(|n| row(n, &format!("v{n}@example.com"))).collect(),
            seal(),
        )
        .await;
    let caps: Vec<Rate> = vec!["10/hour".parse().unwrap(), "15/day".parse().unwrap()];
    let start = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
    let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
    let claim = async |run: &str, rows: &[RowNumber], now: Timestamp| {
        let (draft, origin) =
            (Draft { caps: caps.clone(), ..draft(run, rows) }, bed.ledger.origin());
        bed.ledger.write(move |conn| claim::claim(conn, &origin, &draft, now)).await.unwrap()
    };
    let settle = async |run: &str,
                        batch: Claimed,
                        items: Vec<(RowNumber, Settled)>,
                        now: Timestamp| {
        let (run, Claimed::Batch(batch)) = (run.to_owned(), batch) else { panic!("not claimed") };
        bed.ledger
            .write(move |conn| claim::settle(conn, &run, batch, &items, &[], now))
            .await
            .unwrap();
    };

    let batch = claim(&first, &[1, 2, 3, 4, 5, 6], after(0)).await;
    // An unsettled batch counts, no matter how long ago it was claimed.
    assert_eq!(
        claim(&second, &[1, 2, 3, 4, 5], after(600)).await,
        Claimed::Capped { cap: "10/hour".into(), room: 4, until: after(660) }
    );
    // The submission of two of the six was never begun.
    let items = (1..=4).map(|n| (n, if n == 1 { rejected() } else { accepted() })).collect();
    settle(&first, batch, items, after(30)).await;
    assert_eq!(
        claim(&second, &[1, 2, 3, 4, 5, 6, 7], after(89)).await,
        Claimed::Capped { cap: "10/hour".into(), room: 6, until: after(90) }
    );
    let batch = claim(&second, &[1, 2, 3, 4, 5, 6], after(89)).await;
    settle(&second, batch, (1..=6).map(|n| (n, accepted())).collect(), after(89)).await;
    // The hourly cap has room again, the daily cap does not.
    assert_eq!(
        claim(&first, &[7, 8, 9, 10, 11, 12], after(200)).await,
        Claimed::Capped { cap: "15/day".into(), room: 5, until: after(30 + 24 * 60) }
    );
    assert!(matches!(claim(&first, &[7, 8, 9, 10, 11], after(200)).await, Claimed::Batch(_)));
    // The claim is larger than the cap, so `until` is the time when the whole cap is free.
    assert!(matches!(claim(&first, &[12; 99], after(201)).await, Claimed::Capped { room: 0, .. }));
    // Caps of one provider do not limit another provider.
    assert!(matches!(
        bed.ledger
            .claim(Draft {
                provider: "other".into(),
                caps: caps.clone(),
                ..draft(&first, &[12, 13])
            })
            .await
            .unwrap(),
        Claimed::Batch(_)
    ));
}

/// A batch that was claimed and is not settled.
struct OnTheWire {
    batch: i64,
    provider: usize,
    claimed_at: i64,
    rows: Vec<RowNumber>,
}

/// The maximum number of these times within any window, including both its ends.
fn most_within(times: &mut [i64], window: i64) -> usize {
    times.sort_unstable();
    (0..times.len())
        .map(|first| times[first..].partition_point(|at| at - times[first] < window))
        .max()
        .unwrap_or(0)
}

#[tokio::test]
async fn no_sliding_hour_or_day_of_any_history_holds_more_than_a_cap() {
    let seed = std::env::var("MAILBATCH_SEED").ok().map_or_else(
        || Timestamp::now().as_nanosecond() as u64 ^ u64::from(std::process::id()) << 32,
        |text| text.parse::<u64>().unwrap(),
    );
    println!("MAILBATCH_SEED={seed} repeats this run");
    let mut draws = Rng(seed);
    for _ in 0..4 {
        a_history(&mut draws).await;
    }
}

async fn a_history(draws: &mut Rng) {
    const ROWS: u64 = 1_200;
    let bed = Bed::new(here).await;
    let run = bed.simple(ROWS).await;
    let names = ["a", "b"];
    let caps: [Vec<Rate>; 2] = [
        vec!["30/hour".parse().unwrap(), "250/day".parse().unwrap()],
        vec!["10/hour".parse().unwrap()],
    ];
    let mut now = Timestamp::now().as_microsecond();
    let mut free: Vec<RowNumber> = (1..=ROWS).rev().collect();
    let mut wire: Vec<OnTheWire> = Vec::new();
    let mut taken: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    let mut refused = 0;
    for _ in 0..900 {
        // The clock advances mostly by seconds, sometimes by many minutes, rarely by hours.
        now += match draws.below(20) {
            0 => draws.below(4 * HOUR as u64),
            1..=5 => draws.below(HOUR as u64 / 3),
            _ => draws.below(HOUR as u64 / 60),
        } as i64;
        let at = Timestamp::from_microsecond(now).unwrap();
        if !wire.is_empty() && draws.below(3) > 0 {
            let done = wire.swap_remove(draws.below(wire.len() as u64) as usize);
            settle(&bed, &run, done, at, draws, &mut taken, &mut free).await;
            continue;
        }
        let provider = draws.below(2) as usize;
        let wanted = (1 + draws.below(12) as usize).min(free.len());
        if wanted == 0 {
            break;
        }
        let rows: Vec<RowNumber> = free.split_off(free.len() - wanted);
        match claim(&bed, &run, names[provider], &caps[provider], &rows, at).await {
            Claimed::Batch(batch) => {
                wire.push(OnTheWire { batch, provider, claimed_at: now, rows })
            }
            Claimed::Capped { room, until, .. } => {
                refused += 1;
                assert!(
                    (room as usize) < rows.len() && until > at,
                    "{room} of {wanted} at {until}"
                );
                // Claims as many recipients as the cap has room for.
                let fitting = &rows[..room as usize];
                if !fitting.is_empty() {
                    let Claimed::Batch(batch) =
                        claim(&bed, &run, names[provider], &caps[provider], fitting, at).await
                    else {
                        panic!("no room")
                    };
                    wire.push(OnTheWire {
                        batch,
                        provider,
                        claimed_at: now,
                        rows: fitting.to_vec(),
                    });
                }
                free.extend(&rows[room as usize..]);
            }
            other => panic!("{other:?}"),
        }
    }
    for done in std::mem::take(&mut wire) {
        settle(
            &bed,
            &run,
            done,
            Timestamp::from_microsecond(now).unwrap(),
            draws,
            &mut taken,
            &mut free,
        )
        .await;
    }
    for ((times, caps), name) in taken.iter_mut().zip(&caps).zip(names) {
        for cap in caps {
            let most = most_within(times, cap.per.as_micros() as i64);
            assert!(most <= cap.count.get() as usize, "{name}: {most} within one window of {cap}");
        }
    }
    assert!(
        refused > 5 && taken.iter().all(|times| times.len() > 30),
        "the caps were felt: {refused}, {:?}",
        taken.each_ref().map(Vec::len)
    );
}

async fn claim(
    bed: &Bed<SqliteLedger>,
    run: &str,
    provider: &str,
    caps: &[Rate],
    rows: &[RowNumber],
    at: Timestamp,
) -> Claimed {
    let draft = Draft { provider: provider.to_owned(), caps: caps.to_vec(), ..draft(run, rows) };
    let origin = bed.ledger.origin();
    bed.ledger.write(move |conn| claim::claim(conn, &origin, &draft, at)).await.unwrap()
}

/// Settles a batch. Some of its members were submitted at any time after the claim; the submission
/// of the others was never begun.
async fn settle(
    bed: &Bed<SqliteLedger>,
    run: &str,
    done: OnTheWire,
    at: Timestamp,
    draws: &mut Rng,
    taken: &mut [Vec<i64>; 2],
    free: &mut Vec<RowNumber>,
) {
    let mut items = Vec::new();
    for row in done.rows {
        if draws.below(5) == 0 {
            items.push((row, Settled::Void));
            free.push(row);
        } else {
            items.push((row, accepted()));
            let span = (at.as_microsecond() - done.claimed_at).max(0) as u64;
            taken[done.provider].push(done.claimed_at + draws.below(span + 1) as i64);
        }
    }
    let run = run.to_owned();
    bed.ledger
        .write(move |conn| claim::settle(conn, &run, done.batch, &items, &[], at))
        .await
        .unwrap();
}
