//! Workspace-wide data that belongs to no single run: suppressions and the secret key.

use std::collections::HashSet;

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes;
use super::fault::{Fault, Result};
use crate::ledger::LedgerSuppression;
use crate::model::address::key_of;

/// Adds suppressions and returns how many were new. An existing suppression counts as new only if
/// its expiry is extended; it then gets a new number.
pub(super) fn suppress(conn: &Connection, entries: &[LedgerSuppression]) -> Result<u64> {
    let mut replace = conn.prepare_cached(
        "DELETE FROM suppressions WHERE entry = ?1 AND reason = ?2 AND scope = ?3 AND expires_at IS NOT NULL AND (?4 IS NULL OR ?4 > expires_at)",
    )?;
    let mut insert = conn.prepare_cached(
        "INSERT OR IGNORE INTO suppressions(entry, reason, scope, source, created_at, expires_at, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut new = 0;
    for entry in entries {
        let (reason, expires_at) =
            (codes::reason_number(entry.reason), entry.expires_at.map(Timestamp::as_microsecond));
        replace.execute(params![entry.entry, reason, entry.scope, expires_at])?;
        new += insert.execute(params![
            entry.entry,
            reason,
            entry.scope,
            entry.source,
            entry.created_at.as_microsecond(),
            expires_at,
            entry.note
        ])? as u64;
    }
    Ok(new)
}

/// The entries that [`suppress`] would store as new, each once.
pub(super) fn not_kept(
    conn: &Connection,
    entries: &[LedgerSuppression],
) -> Result<Vec<LedgerSuppression>> {
    let mut kept = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM suppressions WHERE entry = ?1 AND reason = ?2 AND scope = ?3
         AND (expires_at IS NULL OR (?4 IS NOT NULL AND ?4 <= expires_at)))",
    )?;
    let mut seen = HashSet::new();
    let mut new = Vec::new();
    for entry in entries {
        let (reason, expires_at) =
            (codes::reason_number(entry.reason), entry.expires_at.map(Timestamp::as_microsecond));
        let is_kept: bool = kept
            .query_row(params![entry.entry, reason, entry.scope, expires_at], |row| row.get(0))?;
        if !is_kept && seen.insert((entry.entry.clone(), reason, entry.scope.clone())) {
            new.push(entry.clone());
        }
    }
    Ok(new)
}

pub(super) fn unsuppress(
    conn: &Connection,
    entries: &[String],
    by: &str,
    now: Timestamp,
) -> Result<u64> {
    let mut log =
        conn.prepare_cached("INSERT INTO unsuppressed(entry, reason, at, by) SELECT entry, reason, ?2, ?3 FROM suppressions WHERE entry = ?1")?;
    let mut delete = conn.prepare_cached("DELETE FROM suppressions WHERE entry = ?1")?;
    let mut gone = 0;
    for entry in entries.iter().chain(&spelled_otherwise(conn, entries)?) {
        log.execute(params![entry, now.as_microsecond(), by])?;
        gone += delete.execute([entry])? as u64;
    }
    Ok(gone)
}

/// The stored entries for the same addresses in the spelling of an earlier version: quoted, or with
/// non-ASCII characters.
fn spelled_otherwise(conn: &Connection, entries: &[String]) -> Result<Vec<String>> {
    let mut odd = conn.prepare_cached("SELECT DISTINCT entry FROM suppressions WHERE instr(entry, '\"') > 0 OR entry GLOB '*[^ -~]*'")?;
    let kept = odd.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(kept
        .into_iter()
        .filter(|kept| !entries.contains(kept) && entries.contains(&key_of(kept)))
        .collect())
}

/// Suppressions with a number above `after`, ordered by number.
pub(super) fn suppressions(
    conn: &Connection,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, LedgerSuppression)>> {
    let mut query = conn.prepare_cached(
        "SELECT id, entry, reason, scope, source, created_at, expires_at, note FROM suppressions WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = query.query(params![after, limit as i64])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push((row.get(0)?, suppression(row, 1)?));
    }
    Ok(page)
}

/// Reads a suppression from seven columns starting at `first`: entry, reason, scope, source,
/// created_at, expires_at, note.
pub(super) fn suppression(row: &Row<'_>, first: usize) -> Result<LedgerSuppression> {
    Ok(LedgerSuppression {
        entry: row.get(first)?,
        reason: codes::reason(row.get(first + 1)?)?
            .ok_or_else(|| Fault::Damaged("a suppression has no reason".into()))?,
        scope: row.get(first + 2)?,
        source: row.get(first + 3)?,
        created_at: codes::time(row.get(first + 4)?)?,
        expires_at: codes::times(row.get(first + 5)?)?,
        note: row.get(first + 6)?,
    })
}

/// The workspace's secret key. Creates the key if it is missing, so this needs the writing
/// connection.
pub(super) fn secret_key(conn: &Connection) -> Result<[u8; 32]> {
    let found: Option<[u8; 32]> = conn
        .prepare_cached("SELECT value FROM meta WHERE name = 'secret_key'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(key) = found {
        return Ok(key);
    }
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| {
        Fault::Damaged(
            "the system provides no random numbers for the workspace's secret key".into(),
        )
    })?;
    conn.execute("INSERT INTO meta(name, value) VALUES ('secret_key', ?1)", [key])?;
    Ok(key)
}
