//! Leases of a rate's window, shared by all processes of the workspace.
//!
//! A lease starts when the submissions of all earlier leases would have ended at an even pace. A
//! lease of n submissions is granted only if the leases that end less than one window before its
//! start contain at most `count - n` submissions together.
//!
//! No window of length `per` can then contain more than `count` submissions, at whatever time
//! between start and end each lease is used. When the last lease that touches such a window was
//! granted, all others, even overlapping ones, were counted.
//!
//! Each window therefore loses the length of one lease. If whole batches are requested, it also
//! loses a remainder that is too small for another batch. A process that needed less of a lease
//! returns the rest.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::codes;
use super::fault::Result;
use crate::ledger::{LEASED_AHEAD, Lease, Leased, Portion, Spent, Wish};
use crate::model::literal::Rate;

/// The minimum time that leases are kept, in case a key is later requested with a longer window.
const KEEP: i64 = 3_600 * 1_000_000;
/// How far ahead a process on the slowest supported disk holds leases, in microseconds.
const STILL_HELD: i64 = 2_000_000;

/// A granted lease, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    starts: i64,
    ends: i64,
    count: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Grant { starts: i64, ends: i64, count: i64 },
    Wait(i64),
}

/// Decides about a request for a lease that starts at `now` or later. `spans` holds the existing
/// leases of the key, sorted by their end.
fn decide(spans: &[Span], now: i64, rate: Rate, want: Portion, slice: Duration) -> Decision {
    let (count, per) = (i64::from(rate.count.get()), micros(rate.per).max(1));
    let evenly = |n: i64| {
        (i128::from(n) * i128::from(per) / i128::from(count)).min(i128::from(i64::MAX / 4)) as i64
    };
    let in_slice = (i128::from(count) * i128::from(micros(slice)) / i128::from(per))
        .min(i128::from(count)) as i64;
    // Each window loses the length of one lease. Leases for whole batches, and for rates below one
    // submission per slice, are therefore shorter than an even pace would need.
    let starts =
        spans.iter().map(|span| span.starts.saturating_add(evenly(span.count))).fold(now, i64::max);
    let (least, most) = match want {
        Portion::UpTo(n) => (1, i64::from(n).clamp(1, in_slice.max(1))),
        Portion::Whole(n) => (i64::from(n).clamp(1, count), i64::from(n).clamp(1, count)),
    };
    let counted = || spans.iter().filter(|span| span.ends.saturating_add(per) > starts);
    let used: i64 = counted().map(|span| span.count).sum();
    if used + least > count {
        let mut left = used;
        for span in counted() {
            left -= span.count;
            if left + least <= count {
                return Decision::Wait(span.ends.saturating_add(per));
            }
        }
    }
    let granted = most.min(count - used);
    let length = if in_slice == 0 || matches!(want, Portion::Whole(_)) {
        micros(slice)
    } else {
        evenly(granted)
    };
    Decision::Grant { starts, ends: starts.saturating_add(length.max(1)), count: granted }
}

pub(super) fn lease(
    conn: &Connection,
    key: &str,
    rate: Rate,
    wish: &Wish,
    now: Timestamp,
) -> Result<Leased> {
    let now = now.as_microsecond();
    let per = micros(rate.per);
    take_back(conn, key, &wish.spent)?;
    follow_clock(conn, key, now, rate, wish.slice)?;
    // The request may have waited in a queue, and the clock may have been set back meanwhile.
    let earliest = wish.asked.as_microsecond().min(now).saturating_add(micros(wish.after)).max(now);
    let spans: Vec<Span> = conn
        .prepare_cached(
            "SELECT starts, ends, count FROM leases WHERE key = ?1 AND ends > ?2 ORDER BY ends",
        )?
        .query_map(params![key, now.saturating_sub(per)], |row| {
            Ok(Span { starts: row.get(0)?, ends: row.get(1)?, count: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    match decide(&spans, earliest, rate, wish.portion, wish.slice) {
        Decision::Wait(until) => Ok(Leased::NotBefore(codes::time(until)?)),
        Decision::Grant { starts, ends, count } => {
            conn.prepare_cached("DELETE FROM leases WHERE key = ?1 AND ends < ?2")?
                .execute(params![key, now.saturating_sub(per.max(KEEP))])?;
            conn.prepare_cached(
                "INSERT INTO leases(key, starts, ends, count) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![key, starts, ends, count])?;
            Ok(Leased::Granted(Lease {
                count: count as u32,
                from: codes::time(starts)?,
                until: codes::time(ends)?,
            }))
        }
    }
}

/// Reduces leases to the part that was used. A lease that `follow_clock` has moved stays unchanged.
pub(super) fn take_back(conn: &Connection, key: &str, all: &[Spent]) -> Result<()> {
    for Spent { lease, used, until } in all {
        let (starts, ends) = (lease.from.as_microsecond(), lease.until.as_microsecond());
        if *used == 0 {
            conn.prepare_cached("DELETE FROM leases WHERE key = ?1 AND starts = ?2 AND ends = ?3")?
                .execute(params![key, starts, ends])?;
        } else {
            conn.prepare_cached("UPDATE leases SET ends = ?4, count = min(count, ?5) WHERE key = ?1 AND starts = ?2 AND ends = ?3")?
                .execute(params![key, starts, ends, until.as_microsecond().clamp(starts + 1, ends), used])?;
        }
    }
    Ok(())
}

/// Moves the leases of a key back if the clock was set back after they were granted. The distances
/// between leases stay the same, so the rate is kept in real time. The run continues at once,
/// instead of waiting until the clock reaches the old time again.
fn follow_clock(conn: &Connection, key: &str, now: i64, rate: Rate, slice: Duration) -> Result<()> {
    let (latest, largest): (Option<i64>, Option<i64>) = conn
        .prepare_cached("SELECT max(ends), max(count) FROM leases WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (per, count) = (micros(rate.per), i64::from(rate.count.get()));
    // The distance between the starts of two consecutive leases.
    let apart = (i128::from(largest.unwrap_or(1)) * i128::from(per) / i128::from(count))
        .min(i128::from(per)) as i64;
    let longest = micros(slice).max(apart);
    // Leases follow each other at an even pace, so leases in use reach at most one window and a few
    // seconds ahead.
    let far = now
        .saturating_add(per.min(longest.saturating_mul(64)))
        .saturating_add(longest)
        .saturating_add(micros(LEASED_AHEAD));
    let Some(latest) = latest.filter(|latest| *latest > far) else { return Ok(()) };
    // The latest lease may still be in use, and so may the next one or many short ones.
    let ahead = latest - now - STILL_HELD.max(2 * longest);
    conn.prepare_cached(
        "UPDATE leases SET starts = starts - ?3, ends = ends - ?3 WHERE key = ?1 AND ends > ?2",
    )?
    .execute(params![key, now, ahead])?;
    Ok(())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(portion: Portion, slice: Duration) -> Wish {
        Wish { portion, slice, asked: at(0), after: Duration::ZERO, spent: Vec::new() }
    }

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn table() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE leases(key TEXT NOT NULL, starts INTEGER NOT NULL, ends INTEGER NOT NULL, count INTEGER NOT NULL)").unwrap();
        conn
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    #[test]
    fn a_lease_is_a_slice_of_the_rate_and_the_next_one_follows_it() {
        let conn = table();
        let ask = |now: i64| {
            lease(
                &conn,
                "relay",
                rate("50/s"),
                &wish(Portion::UpTo(1_000), Duration::from_millis(100)),
                at(now),
            )
            .unwrap()
        };
        assert_eq!(ask(0), Leased::Granted(Lease { count: 5, from: at(0), until: at(100_000) }));
        assert_eq!(
            ask(0),
            Leased::Granted(Lease { count: 5, from: at(100_000), until: at(200_000) })
        );
        for _ in 0..8 {
            assert!(matches!(ask(0), Leased::Granted(_)));
        }
        assert_eq!(ask(0), Leased::NotBefore(at(1_100_000)));
        assert_eq!(
            ask(1_100_000),
            Leased::Granted(Lease { count: 5, from: at(1_100_000), until: at(1_200_000) })
        );
        let other = lease(
            &conn,
            "relay/gmail.com",
            rate("1/s"),
            &wish(Portion::UpTo(9), Duration::from_millis(100)),
            at(0),
        )
        .unwrap();
        assert_eq!(other, Leased::Granted(Lease { count: 1, from: at(0), until: at(100_000) }));
    }

    #[test]
    fn what_is_left_of_a_window_is_granted_and_not_more() {
        let conn = table();
        let ask = |want| {
            lease(
                &conn,
                "relay",
                rate("10/s"),
                &wish(Portion::UpTo(want), Duration::from_millis(700)),
                at(0),
            )
            .unwrap()
        };
        assert!(matches!(ask(7), Leased::Granted(Lease { count: 7, .. })));
        assert!(matches!(ask(7), Leased::Granted(Lease { count: 3, .. })));
        assert!(matches!(ask(7), Leased::NotBefore(_)));
    }

    #[test]
    fn a_clock_set_back_neither_blocks_for_ever_nor_lets_more_through() {
        let conn = table();
        let ask = |now: i64| {
            lease(
                &conn,
                "relay",
                rate("2/s"),
                &wish(Portion::UpTo(2), Duration::from_secs(1)),
                at(now),
            )
            .unwrap()
        };
        let day = 86_400_000_000;
        assert!(matches!(ask(day), Leased::Granted(Lease { count: 2, .. })));
        // After the clock was set back, the earlier lease may be in use for two more seconds
        // (`STILL_HELD`), and the window lasts one second.
        assert_eq!(ask(0), Leased::NotBefore(at(3_000_000)));
        assert_eq!(ask(500_000), Leased::NotBefore(at(3_000_000)));
        assert!(matches!(ask(3_000_000), Leased::Granted(Lease { count: 2, .. })));
    }

    #[test]
    fn a_clock_set_back_by_an_hour_stops_a_rate_by_the_hour_for_seconds_only() {
        let conn = table();
        let ask = |now: i64| {
            lease(
                &conn,
                "relay",
                rate("7200/hour"),
                &wish(Portion::UpTo(2), Duration::from_secs(1)),
                at(now),
            )
            .unwrap()
        };
        let (hour, mut now) = (3_600_000_000, 7_200_000_000);
        let begun = now;
        // Fills the window except for its last minute.
        while now < begun + hour - 60_000_000 {
            let Leased::Granted(lease) = ask(now) else { panic!("the window has room") };
            now = lease.until.as_microsecond();
        }
        let set_back = now - hour;
        let Leased::Granted(first) = ask(set_back) else { panic!("the window has room") };
        assert!(first.from <= at(set_back + 2_000_000), "{first:?}");
        let granted = (0..200).map_while(|_| match ask(set_back) {
            Leased::Granted(lease) => Some(lease.count),
            Leased::NotBefore(_) => None,
        });
        let granted = first.count + granted.sum::<u32>();
        assert!(granted <= 120, "{granted} more in an hour that had room for 120");
    }

    #[test]
    fn over_a_long_time_nearly_the_whole_rate_is_given() {
        for (count, least) in [(50, 2_820), (19, 1_080), (10, 570), (3, 171), (1, 57)] {
            let conn = table();
            let (mut now, mut given) = (0, 0);
            while now < 60_000_000 {
                match lease(
                    &conn,
                    "relay",
                    rate(&format!("{count}/s")),
                    &wish(Portion::UpTo(50), Duration::from_millis(50)),
                    at(now),
                )
                .unwrap()
                {
                    Leased::Granted(lease) => {
                        given += lease.count;
                        now = lease.until.as_microsecond();
                    }
                    Leased::NotBefore(t) => now = t.as_microsecond(),
                }
            }
            assert!((least..=60 * count + count).contains(&given), "{given} of {count}/s");
        }
    }

    #[test]
    fn a_batch_gets_all_its_hand_overs_at_one_instant_and_the_next_one_waits_for_its_turn() {
        let conn = table();
        let ask = |n, now: i64| {
            lease(
                &conn,
                "api",
                rate("100/min"),
                &wish(Portion::Whole(n), Duration::from_secs(1)),
                at(now),
            )
            .unwrap()
        };
        assert_eq!(
            ask(40, 0),
            Leased::Granted(Lease { count: 40, from: at(0), until: at(1_000_000) })
        );
        assert_eq!(
            ask(40, 0),
            Leased::Granted(Lease { count: 40, from: at(24_000_000), until: at(25_000_000) })
        );
        // There is room for twenty, but they are not granted, because a batch of forty cannot be
        // sent in parts.
        assert_eq!(ask(40, 0), Leased::NotBefore(at(61_000_000)));
        assert_eq!(
            ask(20, 0),
            Leased::Granted(Lease { count: 20, from: at(48_000_000), until: at(49_000_000) })
        );
        assert_eq!(
            ask(40, 61_000_000),
            Leased::Granted(Lease { count: 40, from: at(61_000_000), until: at(62_000_000) })
        );
        // A batch that exceeds the rate's count is reduced to the count.
        assert!(matches!(ask(200, 200_000_000), Leased::Granted(Lease { count: 100, .. })));
    }

    #[test]
    fn what_a_holder_gives_back_is_granted_again_and_a_lease_that_was_moved_stays_as_it_is() {
        let conn = table();
        let long = |spent| Wish { spent, ..wish(Portion::Whole(1), Duration::from_millis(600)) };
        let ask = |spent, now| lease(&conn, "relay", rate("1/s"), &long(spent), at(now)).unwrap();
        let Leased::Granted(first) = ask(vec![], 0) else { panic!("the window is empty") };
        let spent = Spent { lease: first, used: 1, until: at(50_000) };
        assert_eq!(ask(vec![], 0), Leased::NotBefore(at(1_600_000)));
        assert_eq!(ask(vec![spent], 0), Leased::NotBefore(at(1_050_000)));
        let Leased::Granted(second) = ask(vec![], 1_050_000) else { panic!("the window is empty") };
        // An unused lease is treated as if it had never been granted.
        let unused = Spent { lease: second, used: 0, until: second.until };
        assert_eq!(
            ask(vec![unused, unused], 1_700_000),
            Leased::Granted(Lease { count: 1, from: at(1_700_000), until: at(2_300_000) })
        );
        let moved = Lease { from: at(1_600_000), ..second };
        assert_eq!(
            ask(vec![Spent { lease: moved, used: 0, until: moved.until }], 1_700_000),
            Leased::NotBefore(at(3_300_000))
        );
    }

    proptest! {
        #[test]
        fn no_sliding_window_ever_holds_more_than_the_rate(
            count in 1u32..60,
            per in 1u64..4,
            slice in 1u64..2_000,
            asks in proptest::collection::vec(
                (0i64..700_000, 1u32..80, any::<bool>(), 0u8..3, any::<bool>(), 0u64..3_000, 0u32..=4, 0i64..=4),
                1..150,
            ),
        ) {
            let rate = Rate { count: count.try_into().unwrap(), per: Duration::from_secs(per) };
            let window = per as i64 * 1_000_000;
            let conn = table();
            let mut now = 0;
            let mut used: Vec<i64> = Vec::new();
            // The reports of the processes about their leases, each with the time at which it is
            // made.
            let mut reported: Vec<(i64, Spent)> = Vec::new();
            for (pause, want, second, when, whole, after, quarters, rests) in asks {
                let after = Duration::from_millis(after.saturating_sub(2_000));
                now += pause;
                // Two processes on one machine. The second one's clock is never ahead, so it
                // requests leases that begin in the past.
                let asked_at = if second { now - pause / 2 } else { now };
                let portion = if whole { Portion::Whole(want) } else { Portion::UpTo(want) };
                let spent = reported.extract_if(.., |(known, _)| *known <= now).map(|(_, spent)| spent).collect();
                let wish = Wish { portion, slice: Duration::from_millis(slice), asked: at(asked_at), after, spent };
                if let Leased::Granted(lease) = lease(&conn, "relay", rate, &wish, at(asked_at)).unwrap() {
                    prop_assert!(lease.count >= 1 && lease.count <= want);
                    prop_assert!(!whole || lease.count == want.min(count));
                    prop_assert!(lease.from.as_microsecond() >= asked_at + micros(after));
                    let (from, until) = (lease.from.as_microsecond(), lease.until.as_microsecond());
                    // The process submits some or all messages of its lease: at the start, at the
                    // end, or evenly. It may finish early.
                    let going = lease.count - lease.count * quarters / 4;
                    let done = until - (until - from) * rests / 4;
                    used.extend((0..i64::from(going)).map(|n| match when {
                        0 => from,
                        1 => done,
                        _ => from + (done - from) * n / i64::from(lease.count),
                    }));
                    if going == lease.count {
                        reported.push((done, Spent { lease, used: going, until: at(done) }));
                    } else {
                        reported.push((until, Spent { lease, used: going, until: at(until) }));
                    }
                }
            }
            used.sort_unstable();
            for (i, first) in used.iter().enumerate() {
                let within = used[i..].iter().take_while(|t| **t - first < window).count();
                prop_assert!(within <= count as usize, "{within} within one window from {first}");
            }
        }
    }
}
