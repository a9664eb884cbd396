//! Caps: the maximum number of recipients submitted to a provider within an hour or a day, over all
//! runs of the workspace.
//!
//! An unsettled batch counts with all its members, however old the batch is. A settled batch counts
//! for one window after it was settled, with the members whose submission had begun. Every
//! submission happens between claim and settlement, so no sliding window exceeds the cap.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Result;
use crate::ledger::Claimed;
use crate::model::literal::Rate;

/// Returns the most restrictive of the `caps` that have no room for `wanted` members; `None` if all
/// have room.
pub(super) fn check(
    conn: &Connection,
    provider: &str,
    caps: &[Rate],
    wanted: u64,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    let mut refusal: Option<(u64, Rate, i64)> = None;
    for cap in caps {
        let (room, until) = room(conn, provider, cap, wanted, now.as_microsecond())?;
        if room >= wanted {
            continue;
        }
        refusal = Some(match refusal {
            Some((least, tightest, latest)) if least <= room => {
                (least, tightest, latest.max(until))
            }
            Some((_, _, latest)) => (room, *cap, latest.max(until)),
            None => (room, *cap, until),
        });
    }
    refusal
        .map(|(room, cap, until)| {
            Ok(Claimed::Capped { cap: cap.to_string(), room, until: super::codes::time(until)? })
        })
        .transpose()
}

/// Returns how many more recipients a cap allows now, and when it will allow `wanted` recipients,
/// or its maximum if that is less.
fn room(
    conn: &Connection,
    provider: &str,
    cap: &Rate,
    wanted: u64,
    now: i64,
) -> Result<(u64, i64)> {
    let count = u64::from(cap.count.get());
    let per = micros(cap.per);
    let open: i64 = conn
        .prepare_cached(
            "SELECT coalesce(sum(size), 0) FROM batches WHERE provider = ?1 AND settled_at IS NULL",
        )?
        .query_row([provider], |row| row.get(0))?;
    let settled: i64 = conn
        .prepare_cached(
            "SELECT coalesce(sum(size), 0) FROM batches WHERE provider = ?1 AND settled_at > ?2",
        )?
        .query_row(params![provider, now.saturating_sub(per)], |row| row.get(0))?;
    let mut used = (open + settled).max(0) as u64;
    let room = count.saturating_sub(used);
    if room >= wanted {
        return Ok((room, now));
    }
    let wanted = wanted.min(count);
    let mut settled = conn.prepare_cached("SELECT settled_at, size FROM batches WHERE provider = ?1 AND settled_at > ?2 ORDER BY settled_at")?;
    let mut rows = settled.query(params![provider, now.saturating_sub(per)])?;
    while let Some(row) = rows.next()? {
        let (at, size): (i64, i64) = (row.get(0)?, row.get(1)?);
        used = used.saturating_sub(size.max(0) as u64);
        if used + wanted <= count {
            return Ok((room, at.saturating_add(per)));
        }
    }
    // The remaining batches are not settled yet. They will count for one window after their
    // settlement, so there is no room before one window from now.
    Ok((room, now.saturating_add(per)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
