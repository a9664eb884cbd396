//! Warm-up: the maximum number of submissions to a new provider on each of its first days, over all
//! runs of the workspace.
//!
//! A day has 24 hours and begins at the full hour (UTC) of the provider's first claim. A job that
//! starts at the same time every day therefore gets the limit of a new day each time. Claims count
//! as for caps: unsettled ones with all members, settled ones with the members whose submission was
//! begun.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes;
use super::fault::Result;
use crate::ledger::Claimed;

const HOUR: i64 = 3_600 * 1_000_000;
const DAY: i64 = 24 * HOUR;

/// Checks a claim of `wanted` members. Returns the refusal, or `None` if today has room for them or
/// the warm-up has ended.
pub(super) fn check(
    conn: &Connection,
    provider: &str,
    ramp: &[u32],
    wanted: u64,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    if ramp.is_empty() {
        return Ok(None);
    }
    let now = now.as_microsecond();
    let first = first_claim(conn, provider)?.unwrap_or(now).min(now);
    let begins = first - first.rem_euclid(HOUR);
    let day = (now - begins) / DAY;
    let Some(most) = usize::try_from(day).ok().and_then(|day| ramp.get(day)) else {
        return Ok(None);
    };
    let today = begins + day * DAY;
    let used: i64 = conn
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(size), 0) FROM batches WHERE provider = ?1 AND settled_at IS NULL)
                  + (SELECT coalesce(sum(size), 0) FROM batches WHERE provider = ?1 AND settled_at >= ?2)",
        )?
        .query_row(params![provider, today], |row| row.get(0))?;
    let room = u64::from(*most).saturating_sub(used.max(0) as u64);
    if room >= wanted {
        return Ok(None);
    }
    let cap = format!("{most}/day (day {} of its ramp)", day + 1);
    Ok(Some(Claimed::Capped { cap, room, until: codes::time(today + DAY)? }))
}

/// The time of the provider's first claim. It is stored separately, because the batches of removed
/// runs are deleted later.
fn first_claim(conn: &Connection, provider: &str) -> Result<Option<i64>> {
    let name = format!("first_claim:{provider}");
    let known = conn
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([&name], |row| row.get(0))
        .optional()?;
    if known.is_some() {
        return Ok(known);
    }
    let first: Option<i64> = conn
        .prepare_cached("SELECT min(claimed_at) FROM batches WHERE provider = ?1")?
        .query_row([provider], |row| row.get(0))?;
    if let Some(first) = first {
        conn.prepare_cached("INSERT INTO meta(name, value) VALUES (?1, ?2)")?
            .execute(params![name, first])?;
    }
    Ok(first)
}

/// Stores the time of every provider's first claim before batches are deleted.
pub(super) fn remember(conn: &Connection) -> Result<()> {
    conn.execute("INSERT OR IGNORE INTO meta(name, value) SELECT 'first_claim:' || provider, min(claimed_at) FROM batches GROUP BY provider", [])?;
    Ok(())
}
