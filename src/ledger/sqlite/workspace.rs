//! What belongs to the workspace and not to one run: the pause switch, suppressions, the secret key.

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, Result};
use super::words;
use crate::ledger::{LedgerSuppression, Pause};

pub(super) fn pause(conn: &Connection, reason: &str, now: Timestamp) -> Result<()> {
    conn.execute(
        "INSERT INTO pause(only, since, reason) VALUES (1, ?1, ?2) ON CONFLICT(only) DO UPDATE SET reason = excluded.reason",
        params![now.as_microsecond(), reason],
    )?;
    Ok(())
}

pub(super) fn unpause(conn: &Connection) -> Result<bool> {
    Ok(conn.execute("DELETE FROM pause", [])? > 0)
}

pub(super) fn paused(conn: &Connection) -> Result<Option<Pause>> {
    let found: Option<(i64, String)> =
        conn.prepare_cached("SELECT since, reason FROM pause")?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(since, reason)| Ok(Pause { since: words::time(since)?, reason })).transpose()
}

/// Adds suppressions. One that is kept already counts as new only when it now lasts longer.
pub(super) fn suppress(conn: &Connection, entries: &[LedgerSuppression]) -> Result<u64> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO suppressions(entry, reason, scope, source, created_at, expires_at, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT(entry, reason, scope) DO UPDATE SET expires_at = excluded.expires_at, source = excluded.source, note = excluded.note
         WHERE expires_at IS NOT NULL AND (excluded.expires_at IS NULL OR excluded.expires_at > expires_at)",
    )?;
    let mut new = 0;
    for entry in entries {
        new += insert.execute(params![
            entry.entry,
            words::reason_number(entry.reason),
            entry.scope,
            entry.source,
            entry.created_at.as_microsecond(),
            entry.expires_at.map(Timestamp::as_microsecond),
            entry.note
        ])? as u64;
    }
    if new > 0 {
        raise_version(conn)?;
    }
    Ok(new)
}

pub(super) fn unsuppress(conn: &Connection, entries: &[String], by: &str, now: Timestamp) -> Result<u64> {
    let mut log =
        conn.prepare_cached("INSERT INTO unsuppressed(entry, reason, at, by) SELECT entry, reason, ?2, ?3 FROM suppressions WHERE entry = ?1")?;
    let mut delete = conn.prepare_cached("DELETE FROM suppressions WHERE entry = ?1")?;
    let mut gone = 0;
    for entry in entries {
        log.execute(params![entry, now.as_microsecond(), by])?;
        gone += delete.execute([entry])? as u64;
    }
    if gone > 0 {
        raise_version(conn)?;
    }
    Ok(gone)
}

pub(super) fn suppressions(conn: &Connection) -> Result<Vec<LedgerSuppression>> {
    let mut query =
        conn.prepare_cached("SELECT entry, reason, scope, source, created_at, expires_at, note FROM suppressions ORDER BY entry, reason, scope")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(LedgerSuppression {
            entry: row.get(0)?,
            reason: words::reason(row.get(1)?)?.ok_or_else(|| Fault::Damaged("a suppression without a reason".into()))?,
            scope: row.get(2)?,
            source: row.get(3)?,
            created_at: words::time(row.get(4)?)?,
            expires_at: words::times(row.get(5)?)?,
            note: row.get(6)?,
        });
    }
    Ok(all)
}

pub(super) fn suppressions_version(conn: &Connection) -> Result<i64> {
    Ok(conn.prepare_cached("SELECT value FROM meta WHERE name = 'suppressions_version'")?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn raise_version(conn: &Connection) -> Result<()> {
    conn.execute("INSERT INTO meta(name, value) VALUES ('suppressions_version', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1", [])?;
    Ok(())
}

/// The workspace's secret key; made here when there is none yet, so this needs the connection that writes.
pub(super) fn secret_key(conn: &Connection) -> Result<[u8; 32]> {
    let found: Option<[u8; 32]> =
        conn.prepare_cached("SELECT value FROM meta WHERE name = 'secret_key'")?.query_row([], |row| row.get(0)).optional()?;
    if let Some(key) = found {
        return Ok(key);
    }
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| Fault::Damaged("the system gives no random numbers for the workspace's key".into()))?;
    conn.execute("INSERT INTO meta(name, value) VALUES ('secret_key', ?1)", [key])?;
    Ok(key)
}
