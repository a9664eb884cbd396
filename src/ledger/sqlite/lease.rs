//! Leases of a rate's window, shared by every process of the workspace.
//!
//! A lease starts where the key's latest one ends, so leases never overlap. One of n hand-overs is granted only if those leases that end
//! less than one window before its start hold at most `count - n` together. Whenever the holder uses its hand-overs between start and
//! end, no window of length `per` can then hold more than `count`: all leases that touch such a window were counted when the last of them
//! was granted. What is given up for this is the length of one lease in each window.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Result;
use super::words;
use crate::ledger::{Lease, Leased};
use crate::literal::Rate;

/// How long leases are kept at least, for the case that a key is asked for with a longer window.
const KEEP: i64 = 3_600 * 1_000_000;

/// A granted lease, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    ends: i64,
    count: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Grant { starts: i64, ends: i64, count: i64 },
    Wait(i64),
}

/// Decides about a wish at `now`; `spans` holds the key's leases sorted by their end.
fn decide(spans: &[Span], now: i64, rate: Rate, want: u32, slice: Duration) -> Decision {
    let (count, per) = (i64::from(rate.count.get()), micros(rate.per).max(1));
    let starts = spans.last().map_or(now, |last| last.ends.max(now));
    let counted = || spans.iter().filter(|span| span.ends.saturating_add(per) > starts);
    let used: i64 = counted().map(|span| span.count).sum();
    if used >= count {
        let mut left = used;
        for span in counted() {
            left -= span.count;
            if left < count {
                return Decision::Wait(span.ends.saturating_add(per));
            }
        }
    }
    let in_slice = (i128::from(count) * i128::from(micros(slice)) / i128::from(per)).clamp(1, i128::from(count)) as i64;
    let granted = i64::from(want).clamp(1, in_slice).min(count - used);
    let length = (i128::from(granted) * i128::from(per) / i128::from(count)) as i64;
    Decision::Grant { starts, ends: starts.saturating_add(length.max(1)), count: granted }
}

pub(super) fn lease(conn: &Connection, key: &str, rate: Rate, want: u32, slice: Duration, now: Timestamp) -> Result<Leased> {
    let now = now.as_microsecond();
    let per = micros(rate.per);
    // An end this far ahead was written before the clock was set back. Its hand-overs happened by now, so it ends now and counts for one
    // more window.
    let too_far = now.saturating_add(per.saturating_mul(2)).saturating_add(10_000_000);
    conn.prepare_cached("UPDATE leases SET starts = min(starts, ?3), ends = ?3 WHERE key = ?1 AND ends > ?2")?.execute(params![key, too_far, now])?;
    let spans: Vec<Span> = conn
        .prepare_cached("SELECT ends, count FROM leases WHERE key = ?1 AND ends > ?2 ORDER BY ends")?
        .query_map(params![key, now.saturating_sub(per)], |row| Ok(Span { ends: row.get(0)?, count: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    match decide(&spans, now, rate, want, slice) {
        Decision::Wait(until) => Ok(Leased::NotBefore(words::time(until)?)),
        Decision::Grant { starts, ends, count } => {
            conn.prepare_cached("DELETE FROM leases WHERE key = ?1 AND ends < ?2")?.execute(params![key, now.saturating_sub(per.max(KEEP))])?;
            conn.prepare_cached("INSERT INTO leases(key, starts, ends, count) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key, starts, ends, count])?;
            Ok(Leased::Granted(Lease { count: count as u32, from: words::time(starts)?, until: words::time(ends)? }))
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}
