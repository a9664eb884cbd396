//! Restores the outcome that a recipient had before it was reopened.
//!
//! A reopened recipient may become suppressed or held before a new attempt. It then gets its
//! outcome `rejected`, `deferred` or `unknown` back, and the detail says why it was not attempted.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{self, FINAL};
use super::fault::Result;
use super::run_row::{note, seq_of};
use crate::model::outcome::{Outcome, Reason};

/// The value of `attempts.what` for a recipient that got its previous outcome back. `code` is that
/// outcome.
pub(super) const KEPT: &str = "kept";

/// The reason why an open recipient is not attempted now.
#[derive(Clone, Copy)]
pub(super) struct NotTried<'a> {
    /// `suppressed` or `held`.
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
    pub(super) detail: &'a str,
}

/// Records the current outcome of these rows, so that it can be restored later. Must be called
/// before the outcome changes.
pub(super) fn remember(
    conn: &Connection,
    (first, last): (i64, i64),
    outcome: Outcome,
    now: Timestamp,
) -> Result<()> {
    // A row carried over from an earlier run has no entry in `attempts` of this run yet.
    conn.prepare(
        "INSERT INTO attempts(recipient, at, what, reason, code, detail)
         SELECT id, coalesce(last_at, ?4), ?5, reason, code, detail FROM recipients r
         WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3
           AND NOT EXISTS (SELECT 1 FROM attempts WHERE recipient = r.id AND what = ?5)",
    )?
    .execute(params![
        first,
        last,
        codes::outcome_number(outcome),
        now.as_microsecond(),
        outcome.as_str()
    ])?;
    conn.prepare(
        "INSERT INTO attempts(recipient, at, what, code, detail)
         SELECT id, ?4, 'reopened', code, ?5 FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3",
    )?
    .execute(params![first, last, codes::outcome_number(outcome), now.as_microsecond(), outcome.as_str()])?;
    Ok(())
}

/// Restores the previous outcome of every open recipient that was reopened. Returns the number of
/// these recipients.
pub(super) fn keep_all(
    conn: &Connection,
    seq: i64,
    why: &NotTried<'_>,
    now: Timestamp,
) -> Result<u64> {
    let (first, last) = codes::ids_of(seq);
    let reopened: Vec<i64> = conn
        .prepare_cached("SELECT DISTINCT recipient FROM attempts WHERE recipient BETWEEN ?1 AND ?2 AND what = 'reopened'")?
        .query_map([first, last], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut kept = 0;
    for id in reopened {
        kept += u64::from(keep(conn, id, why, now)?);
    }
    if kept > 0 {
        note(
            conn,
            seq,
            KEPT,
            &format!("{kept} keep the outcome that they had: {}", said(why)),
            now,
        )?;
    }
    Ok(kept)
}

/// Restores the previous outcome of one open or waiting recipient. Returns false if the recipient
/// had no outcome before.
pub(super) fn keep(conn: &Connection, id: i64, why: &NotTried<'_>, now: Timestamp) -> Result<bool> {
    give_back(conn, id, "state IN (1, 2)", why, now)
}

/// Like `keep`, but for a member of a claimed batch whose submission has not begun.
pub(super) fn keep_claimed(
    conn: &Connection,
    id: i64,
    batch: i64,
    why: &NotTried<'_>,
    now: Timestamp,
) -> Result<bool> {
    give_back(conn, id, &format!("state = 3 AND batch = {batch}"), why, now)
}

/// Counts the recipients whose previous outcome was restored at `since` or later. Groups them by
/// the reason for not attempting them, largest count first.
pub(super) fn kept(conn: &Connection, run: &str, since: Timestamp) -> Result<Vec<(Reason, u64)>> {
    let (first, last) = codes::ids_of(seq_of(conn, run)?);
    let mut query = conn.prepare(
        "SELECT reason, count(DISTINCT recipient) FROM attempts WHERE recipient BETWEEN ?1 AND ?2 AND what = ?3 AND at >= ?4
         GROUP BY reason ORDER BY 2 DESC, 1",
    )?;
    let mut rows = query.query(params![first, last, KEPT, since.as_microsecond()])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(1)?;
        kept.extend(codes::reason(row.get(0)?)?.map(|reason| (reason, count.unsigned_abs())));
    }
    Ok(kept)
}

fn give_back(
    conn: &Connection,
    id: i64,
    state: &str,
    why: &NotTried<'_>,
    now: Timestamp,
) -> Result<bool> {
    let Some((outcome, reopened)) = before(conn, id)? else { return Ok(false) };
    let (reason, code, detail): (Option<i64>, String, String) = conn
        .prepare_cached("SELECT reason, code, detail FROM attempts WHERE recipient = ?1 AND what = ?2 AND id < ?3 ORDER BY id DESC LIMIT 1")?
        .query_row(params![id, outcome.as_str(), reopened], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?
        .unwrap_or_default();
    let beside = format!("not tried again at {now:.0}: {}", said(why));
    let detail = if detail.is_empty() { beside } else { format!("{detail}; {beside}") };
    let changed = conn
        .prepare_cached(&format!(
            "UPDATE recipients SET state = {FINAL}, outcome = ?2, reason = ?3, code = ?4, detail = ?5, next_at = NULL WHERE id = ?1 AND {state}"
        ))?
        .execute(params![id, codes::outcome_number(outcome), reason, code, detail])?;
    if changed == 0 {
        return Ok(false);
    }
    conn.prepare_cached("INSERT INTO attempts(recipient, at, what, reason, code, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        id,
        now.as_microsecond(),
        KEPT,
        codes::reason_number(why.reason),
        outcome.as_str(),
        said(why)
    ])?;
    Ok(true)
}

/// The outcome that the latest reopening replaced, and the number of its entry in `attempts`.
/// Returns `None` if it replaced no outcome, for example after a provider's fault.
fn before(conn: &Connection, id: i64) -> Result<Option<(Outcome, i64)>> {
    let latest: Option<(String, i64)> = conn
        .prepare_cached("SELECT detail, id FROM attempts WHERE recipient = ?1 AND what = 'reopened' ORDER BY id DESC LIMIT 1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(latest.and_then(|(word, id)| Some((word.parse().ok()?, id))))
}

fn said(why: &NotTried<'_>) -> String {
    let detail = if why.detail.is_empty() { String::new() } else { format!(": {}", why.detail) };
    format!("{} ({}{detail})", why.outcome, why.reason)
}
