//! Draws the canary, the recipients that are sent to first. Each receiving domain gets a
//! proportional share, and a restart draws the same recipients. SQLite sorts them and spills to
//! disk, so memory use does not grow with the list.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Result;
use super::run_row::{note, seq_of};
use crate::model::literal::CanarySize;

/// The decision recorded when more recipients are drawn into a canary.
pub(super) const EXTENDED: &str = "canary extended";

/// Draws the recipients of the canary, moves them into its cohort, and returns their number.
/// Recipients with `always` that were not drawn are added beyond the canary's size.
pub(super) fn draw(conn: &Connection, seq: i64, size: CanarySize) -> Result<u64> {
    let sendable: i64 = conn.query_row(
        "SELECT count(*) FROM recipients WHERE run = ?1 AND cohort = 1 AND state = 1",
        [seq],
        |row| row.get(0),
    )?;
    take(conn, seq, sendable, size.of(sendable as u64) as i64, None)?;
    conn.execute("UPDATE recipients SET cohort = 0 WHERE run = ?1 AND cohort = 1 AND state = 1 AND always <> 0", [seq])?;
    let drawn: i64 = conn.query_row(
        "SELECT count(*) FROM recipients WHERE run = ?1 AND cohort = 0 AND state = 1",
        [seq],
        |row| row.get(0),
    )?;
    Ok(drawn as u64)
}

/// Draws up to `more` open recipients from the rest of the list into the canary, and records the
/// decision. Returns how many were drawn.
pub(super) fn extend(
    conn: &Connection,
    run: &str,
    more: u64,
    provider: Option<&str>,
    now: Timestamp,
) -> Result<u64> {
    let seq = seq_of(conn, run)?;
    let open: i64 = conn.query_row(
        "SELECT count(*) FROM recipients WHERE run = ?1 AND cohort = 1 AND state = 1",
        [seq],
        |row| row.get(0),
    )?;
    let wanted = i64::try_from(more).unwrap_or(i64::MAX).min(open);
    let drawn = take(conn, seq, open, wanted, provider)?;
    note(conn, seq, EXTENDED, &format!("{drawn} more were drawn"), now)?;
    Ok(drawn)
}

/// Moves `wanted` of the `sendable` recipients into the canary. Assigns them to `provider` if it is
/// given.
fn take(
    conn: &Connection,
    seq: i64,
    sendable: i64,
    wanted: i64,
    provider: Option<&str>,
) -> Result<u64> {
    if wanted <= 0 {
        return Ok(0);
    }
    share_out(conn, seq, sendable, wanted)?;
    let drawn = conn.execute(
        "UPDATE recipients SET cohort = 0, provider = coalesce(?2, provider) WHERE id IN (
           SELECT id FROM (
             SELECT r.id, d.quota, row_number() OVER (PARTITION BY r.domain ORDER BY r.draw, r.id) AS place
             FROM recipients r JOIN temp.shares d ON d.domain = r.domain WHERE r.run = ?1 AND r.cohort = 1 AND r.state = 1 AND d.quota > 0)
           WHERE place <= quota)",
        params![seq, provider],
    )?;
    conn.execute_batch("DELETE FROM temp.shares")?;
    Ok(drawn as u64)
}

/// Divides `wanted` places among the domains by largest remainder. Among equal remainders, the
/// alphabetically first domain wins.
fn share_out(conn: &Connection, seq: i64, sendable: i64, wanted: i64) -> Result<()> {
    conn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS shares(domain TEXT PRIMARY KEY, quota INTEGER NOT NULL, remainder INTEGER NOT NULL) WITHOUT ROWID;
         DELETE FROM temp.shares;",
    )?;
    conn.execute(
        "INSERT INTO temp.shares SELECT domain, ?2 * count(*) / ?3, ?2 * count(*) % ?3
         FROM recipients WHERE run = ?1 AND cohort = 1 AND state = 1 GROUP BY domain",
        params![seq, wanted, sendable],
    )?;
    let given: i64 =
        conn.query_row("SELECT coalesce(sum(quota), 0) FROM temp.shares", [], |row| row.get(0))?;
    conn.execute(
        "UPDATE temp.shares SET quota = quota + 1 WHERE domain IN (SELECT domain FROM temp.shares ORDER BY remainder DESC, domain LIMIT ?1)",
        [wanted - given],
    )?;
    Ok(())
}
