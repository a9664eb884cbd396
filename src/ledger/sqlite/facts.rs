//! The table of facts about providers.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::codes;
use super::fault::Result;
use crate::ledger::Fact;

pub(super) fn remember(conn: &Connection, fact: &Fact) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO facts(kind, subject, value, at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![fact.kind, fact.subject, fact.value, fact.at.as_microsecond()])?;
    Ok(())
}

/// Stores a fact if `may` allows it. The transaction holds the write lock, so the facts that `may`
/// reads cannot change before the new fact is stored.
pub(super) fn remember_if(
    conn: &Connection,
    fact: &Fact,
    may: impl Fn(&[Fact]) -> bool,
) -> Result<bool> {
    let is_allowed = may(&recall(conn, &fact.kind)?);
    if is_allowed {
        remember(conn, fact)?;
    }
    Ok(is_allowed)
}

pub(super) fn recall(conn: &Connection, kind: &str) -> Result<Vec<Fact>> {
    let mut query = conn
        .prepare_cached("SELECT subject, value, at FROM facts WHERE kind = ?1 ORDER BY subject")?;
    let mut rows = query.query([kind])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        let at: Timestamp = codes::time(row.get(2)?)?;
        facts.push(Fact { kind: kind.to_owned(), subject: row.get(0)?, value: row.get(1)?, at });
    }
    Ok(facts)
}

pub(super) fn forget(conn: &Connection, kind: &str, subject: &str) -> Result<bool> {
    Ok(conn
        .prepare_cached("DELETE FROM facts WHERE kind = ?1 AND subject = ?2")?
        .execute([kind, subject])?
        > 0)
}
