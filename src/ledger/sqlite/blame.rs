//! Reads a provider's refusals in a run, and reopens recipients that were refused because of the
//! provider's fault.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{self, OPEN};
use super::facts;
use super::fault::Result;
use super::run_row::seq_of;
use crate::ledger::{Fact, Refusals, Refused};
use crate::model::outcome::Outcome;
use crate::provider::RowNumber;

/// The value of `attempts.detail` for a row that was reopened because of a provider's fault. If the
/// operator reopened the row, `detail` is the previous outcome.
const ABSOLVED: &str = "provider";
/// The maximum number of refusals to read. More would not change the conclusion.
const MOST: i64 = 1_000;

pub(super) fn refusals(
    conn: &Connection,
    run: &str,
    provider: &str,
    has_history: bool,
) -> Result<Refusals> {
    let seq = seq_of(conn, run)?;
    if !has_history {
        return Ok(Refusals { domains: domains(conn, seq)?, ..Refusals::default() });
    }
    let (first, last) = codes::ids_of(seq);
    let accepted_at: Option<i64> = conn
        .prepare_cached("SELECT max(last_at) FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3 AND provider = ?4")?
        .query_row(params![first, last, codes::outcome_number(Outcome::Accepted), provider], |row| row.get(0))?;
    let mut since = conn.prepare_cached(
        "SELECT id, email, domain, code, detail FROM recipients
         WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3 AND provider = ?4 AND carried_from IS NULL AND last_at > ?5
         ORDER BY last_at, id LIMIT ?6",
    )?;
    let after = accepted_at.unwrap_or(i64::MIN);
    let since = since
        .query_map(
            params![first, last, codes::outcome_number(Outcome::Rejected), provider, after, MOST],
            |row| {
                Ok(Refused {
                    row: codes::row_of(row.get(0)?),
                    email: row.get(1)?,
                    domain: row.get(2)?,
                    code: row.get(3)?,
                    detail: row.get(4)?,
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Refusals {
        has_accepted: accepted_at.is_some(),
        since,
        retried: reopened(conn, seq, Outcome::Rejected.as_str())?,
        absolved: reopened(conn, seq, ABSOLVED)?,
        domains: domains(conn, seq)?,
    })
}

/// Whether a provider has accepted a message of a run.
pub(super) fn has_accepted(conn: &Connection, seq: i64, provider: &str) -> Result<bool> {
    let (first, last) = codes::ids_of(seq);
    let mut any =
        conn.prepare_cached("SELECT 1 FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3 AND provider = ?4 LIMIT 1")?;
    Ok(any.exists(params![first, last, codes::outcome_number(Outcome::Accepted), provider])?)
}

fn reopened(conn: &Connection, seq: i64, why: &str) -> Result<Vec<RowNumber>> {
    let (first, last) = codes::ids_of(seq);
    let mut rows =
        conn.prepare_cached("SELECT DISTINCT recipient FROM attempts WHERE recipient BETWEEN ?1 AND ?2 AND what = 'reopened' AND detail = ?3")?;
    Ok(rows
        .query_map(params![first, last, why], |row| row.get(0).map(codes::row_of))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Up to three receiving domains of open recipients. Each query excludes the domains found before.
fn domains(conn: &Connection, seq: i64) -> Result<Vec<String>> {
    let mut next =
        conn.prepare_cached("SELECT domain FROM recipients WHERE run = ?1 AND cohort IN (0, 1) AND state = 1 AND domain NOT IN (?2, ?3) LIMIT 1")?;
    let mut found: Vec<String> = Vec::new();
    while found.len() < 3 {
        let known = |at: usize| found.get(at).map_or("", String::as_str);
        match next.query_row(params![seq, known(0), known(1)], |row| row.get(0)).optional()? {
            Some(domain) => found.push(domain),
            None => break,
        }
    }
    Ok(found)
}

/// Reopens rows that were rejected because of a provider's fault. Does not count the last attempt
/// of rows that wait for a retry. Stores the fact about the provider.
pub(super) fn absolve(
    conn: &Connection,
    run: &str,
    rows: &[RowNumber],
    fact: Option<&Fact>,
    now: Timestamp,
) -> Result<u64> {
    let seq = seq_of(conn, run)?;
    let mut opened = 0;
    for row in rows {
        let id = codes::id_of(seq, *row)?;
        let changed = conn
            .prepare_cached(
                "UPDATE recipients SET state = ?2, outcome = NULL, reason = NULL, next_at = NULL, attempts = max(attempts - 1, 0),
                   first_at = CASE WHEN attempts > 1 THEN first_at END
                 WHERE id = ?1 AND state = 0 AND outcome = ?3",
            )?
            .execute(params![id, OPEN, codes::outcome_number(Outcome::Rejected)])?;
        if changed > 0 {
            opened += 1;
            conn.prepare_cached(
                "INSERT INTO attempts(recipient, at, what, code, detail) SELECT id, ?2, 'reopened', code, ?3 FROM recipients WHERE id = ?1",
            )?
            .execute(params![id, now.as_microsecond(), ABSOLVED])?;
            conn.prepare_cached("UPDATE recipients SET code = '', detail = '' WHERE id = ?1")?
                .execute([id])?;
        } else {
            conn.prepare_cached(
                "UPDATE recipients SET attempts = max(attempts - 1, 0) WHERE id = ?1 AND state = 2",
            )?
            .execute([id])?;
        }
    }
    if let Some(fact) = fact {
        facts::remember(conn, fact)?;
    }
    Ok(opened)
}
