//! Claims and settles batches. A claim is stored durably before its first byte is sent; settling it
//! stores the results.
//!
//! A recipient can be claimed only while it is open or waiting for a retry, and only the batch that
//! claimed it can settle it. Anything else is an error, so that a defect elsewhere cannot mail a
//! recipient twice.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::codes::{self, FINAL, WAITING};
use super::events;
use super::fault::{Fault, Result};
use super::former::{self, NotTried};
use super::run_row::seq_of;
use super::{caps, pauses, ramp};
use crate::ledger::{Claimed, Draft, InsteadOf, Settled};
use crate::model::outcome::{Outcome, Reason};
use crate::provider::{Feedback, RowNumber, Verdict};

/// The trace of this process and the boot id of the machine, as recorded with each batch.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) trace: Option<String>,
    pub(super) boot: String,
}

pub(super) fn claim(
    conn: &Connection,
    origin: &Origin,
    draft: &Draft,
    now: Timestamp,
) -> Result<Claimed> {
    let (seq, state): (i64, i64) = conn
        .prepare_cached("SELECT seq, state FROM runs WHERE id = ?1")?
        .query_row([&draft.run], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Fault::NoSuchRun(draft.run.clone()))?;
    if state != 1 {
        return Err(Fault::Damaged(format!(
            "run {} is not open, so its recipients cannot be claimed",
            draft.run
        )));
    }
    if let Some(pause) = pauses::holding(conn, seq, &draft.provider, now)? {
        return Ok(Claimed::Paused(Box::new(pause)));
    }
    for (row, reason, detail) in &draft.suppressed {
        screen(conn, codes::id_of(seq, *row)?, *reason, detail, now)?;
    }
    if draft.members.is_empty() {
        return Ok(Claimed::Nothing);
    }
    let wanted = draft.members.len() as u64;
    let capped = [
        caps::check(conn, &draft.provider, &draft.caps, wanted, now)?,
        ramp::check(conn, &draft.provider, &draft.ramp, wanted, now)?,
    ];
    let room = |capped: &Claimed| if let Claimed::Capped { room, .. } = capped { *room } else { 0 };
    if let Some(capped) = capped.into_iter().flatten().min_by_key(room) {
        return Ok(capped);
    }
    let batch = insert_batch(conn, origin, seq, draft)?;
    take_members(conn, batch, draft, seq)?;
    if let Some(passed_over) = &draft.instead_of {
        record_failover(conn, seq, draft, passed_over, now)?;
    }
    Ok(Claimed::Batch(batch))
}

fn insert_batch(conn: &Connection, origin: &Origin, seq: i64, draft: &Draft) -> Result<i64> {
    conn.prepare_cached(
        "INSERT INTO batches(run, provider, key, generation, claimed_at, size, members, trace) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        seq,
        draft.provider,
        draft.key,
        draft.claimed_at.as_microsecond(),
        draft.members.len() as i64,
        codes::pack(draft.members.iter().map(|member| member.row)),
        trace_number(conn, origin)?,
    ])?;
    Ok(conn.last_insert_rowid())
}

fn take_members(conn: &Connection, batch: i64, draft: &Draft, seq: i64) -> Result<()> {
    let mut take = conn.prepare_cached(
        "UPDATE recipients SET state = 3, batch = ?2, provider = ?3, message_id = ?4, next_at = NULL WHERE id = ?1 AND state IN (1, 2)",
    )?;
    for (done, member) in draft.members.iter().enumerate() {
        make_way(done);
        if take.execute(params![
            codes::id_of(seq, member.row)?,
            batch,
            draft.provider,
            member.message_id
        ])? != 1
        {
            return Err(Fault::Damaged(format!(
                "row {} of run {} is not open, so it cannot be claimed",
                member.row, draft.run
            )));
        }
    }
    Ok(())
}

/// Records for each member that the claim's provider replaces the planned one.
fn record_failover(
    conn: &Connection,
    seq: i64,
    draft: &Draft,
    passed_over: &InsteadOf,
    now: Timestamp,
) -> Result<()> {
    for member in &draft.members {
        let detail =
            format!("{} instead of {}: {}", draft.provider, passed_over.provider, passed_over.why);
        // The batch's row records the claim. `code` keeps the planned provider, because the
        // recipient's row now names the provider of the claim.
        remember(
            conn,
            codes::id_of(seq, member.row)?,
            None,
            now,
            "failover",
            None,
            &passed_over.provider,
            &detail,
        )?;
    }
    Ok(())
}

/// Yields the processor every few rows, because a claim takes longer than sending a message. A
/// sending thread that waits for this core can thus run first.
fn make_way(rows_done: usize) {
    const ROWS: usize = 16;
    if rows_done % ROWS == ROWS - 1 {
        std::thread::yield_now();
    }
}

/// Settles a member that was suppressed before the claim. If the member is no longer open, its
/// outcome stays unchanged.
fn screen(conn: &Connection, id: i64, reason: Reason, detail: &str, now: Timestamp) -> Result<()> {
    if former::keep(
        conn,
        id,
        &NotTried { outcome: Outcome::of_screening(reason), reason, detail },
        now,
    )? {
        return Ok(());
    }
    let changed = conn
        .prepare_cached(
            "UPDATE recipients SET state = 0, outcome = ?2, reason = ?3, code = '', detail = ?4, last_at = ?5, next_at = NULL
             WHERE id = ?1 AND state IN (1, 2)",
        )?
        .execute(params![id, codes::outcome_number(Outcome::of_screening(reason)), codes::reason_number(reason), detail, now.as_microsecond()])?;
    if changed > 0 {
        remember(conn, id, None, now, "screened", Some(reason), "", detail)?;
    }
    Ok(())
}

fn trace_number(conn: &Connection, origin: &Origin) -> Result<Option<i64>> {
    let Some(name) = &origin.trace else { return Ok(None) };
    let mut find = conn.prepare_cached("SELECT id FROM traces WHERE name = ?1")?;
    if let Some(id) = find.query_row([name], |row| row.get(0)).optional()? {
        return Ok(Some(id));
    }
    conn.prepare_cached("INSERT INTO traces(name, boot) VALUES (?1, ?2)")?
        .execute(params![name, origin.boot])?;
    Ok(Some(conn.last_insert_rowid()))
}

#[expect(clippy::too_many_arguments, reason = "they are the columns of one row")]
fn remember(
    conn: &Connection,
    id: i64,
    batch: Option<i64>,
    at: Timestamp,
    what: &str,
    reason: Option<Reason>,
    code: &str,
    detail: &str,
) -> Result<()> {
    conn.prepare_cached("INSERT INTO attempts(recipient, batch, at, what, reason, code, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![id, batch, at.as_microsecond(), what, reason.map(codes::reason_number), code, detail])?;
    Ok(())
}

/// The new state of a member's row.
struct Change<'a> {
    state: i64,
    outcome: Option<Outcome>,
    reason: Option<Reason>,
    code: &'a str,
    detail: &'a str,
    provider_id: &'a str,
    /// The number of attempts to add.
    attempts: i64,
    /// Whether a submission was begun. Caps count only begun submissions.
    begun: bool,
    next_at: Option<Timestamp>,
    /// The decision's name as shown by `why`; `None` if the recipient's row shows the decision.
    what: Option<&'static str>,
}

impl<'a> Change<'a> {
    fn new(
        state: i64,
        outcome: Option<Outcome>,
        reason: Option<Reason>,
        code: &'a str,
        detail: &'a str,
    ) -> Self {
        Self {
            state,
            outcome,
            reason,
            code,
            detail,
            provider_id: "",
            attempts: 1,
            begun: true,
            next_at: None,
            what: None,
        }
    }

    fn of(settled: &'a Settled, now: Timestamp) -> Self {
        let done = |outcome, reason, code, detail, what| Self {
            what: Some(what),
            ..Self::new(FINAL, Some(outcome), reason, code, detail)
        };
        match settled {
            Settled::Final(Verdict::Accepted { provider_id, code, detail }) => Self {
                provider_id: provider_id.as_deref().unwrap_or(""),
                ..Self::new(FINAL, Some(Outcome::Accepted), None, code, detail)
            },
            Settled::Final(Verdict::Rejected(r)) => {
                done(Outcome::Rejected, Some(r.reason), &r.code, &r.detail, "rejected")
            }
            Settled::Final(Verdict::Suppressed(r)) => {
                done(Outcome::Suppressed, Some(r.reason), &r.code, &r.detail, "suppressed")
            }
            Settled::Final(Verdict::Unknown { detail }) => {
                done(Outcome::Unknown, Some(Reason::NoReply), "", detail, "unknown")
            }
            Settled::Final(Verdict::NotTaken { refusal: r, .. }) => {
                done(Outcome::Deferred, Some(r.reason), &r.code, &r.detail, "deferred")
            }
            Settled::GaveUp { refusal: r, counts } => Self {
                attempts: i64::from(*counts),
                ..done(Outcome::Deferred, Some(r.reason), &r.code, &r.detail, "deferred")
            },
            Settled::Retry { refusal: r, at, counts } => Self {
                attempts: i64::from(*counts),
                next_at: Some(*at),
                what: Some("not_taken"),
                ..Self::new(WAITING, None, Some(r.reason), &r.code, &r.detail)
            },
            Settled::PassedOn { refusal: None, .. } => Self { next_at: Some(now), ..Self::void() },
            Settled::PassedOn { refusal: Some(r), counts, .. } => Self {
                attempts: i64::from(*counts),
                next_at: Some(now),
                what: Some("not_taken"),
                ..Self::new(WAITING, None, Some(r.reason), &r.code, &r.detail)
            },
            // The function `expire` changes such a row, because the result of its last attempt must
            // stay.
            Settled::Expired => {
                Self { outcome: Some(Outcome::Deferred), state: FINAL, ..Self::void() }
            }
            Settled::Void => Self { next_at: Some(now), ..Self::void() },
            Settled::Screened { reason, detail } => Self {
                attempts: 0,
                begun: false,
                ..done(Outcome::Suppressed, Some(*reason), "", detail, "screened")
            },
        }
    }

    /// The change for a member that was not attempted: its row waits for a retry. If the caller
    /// makes the retry due now, `next` returns the row even if it lies before the rows asked for.
    fn void() -> Self {
        Self { attempts: 0, begun: false, ..Self::new(WAITING, None, None, "", "") }
    }
}

/// An unsettled batch.
pub(super) struct OpenBatch {
    pub(super) id: i64,
    pub(super) claimed_at: i64,
    pub(super) members: Vec<RowNumber>,
}

pub(super) fn settle(
    conn: &Connection,
    run: &str,
    batch: i64,
    items: &[(RowNumber, Settled)],
    feedback: &[(RowNumber, Feedback)],
    now: Timestamp,
) -> Result<()> {
    let seq = seq_of(conn, run)?;
    let found = conn
        .prepare_cached("SELECT claimed_at, members FROM batches WHERE id = ?1 AND run = ?2 AND settled_at IS NULL")?
        .query_row([batch, seq], |row| Ok((row.get(0)?, codes::unpack(row.get_ref(1)?.as_blob()?).collect())))
        .optional()?;
    let Some((claimed_at, members)) = found else {
        return Err(Fault::Damaged(format!(
            "batch {batch} is not an open batch of run {run}, so it cannot be settled"
        )));
    };
    close(conn, seq, &OpenBatch { id: batch, claimed_at, members }, items, now)?;
    for (row, feedback) in feedback {
        events::with_reply(conn, seq, codes::id_of(seq, *row)?, *feedback, now)?;
    }
    Ok(())
}

/// Closes a batch. If a member has several results, the first one counts. Members without a result
/// count as not attempted.
pub(super) fn close(
    conn: &Connection,
    seq: i64,
    batch: &OpenBatch,
    items: &[(RowNumber, Settled)],
    now: Timestamp,
) -> Result<()> {
    let mut by_row: HashMap<RowNumber, &Settled> = HashMap::with_capacity(items.len());
    for (row, settled) in items {
        by_row.entry(*row).or_insert(settled);
    }
    let mut begun = 0;
    let mut outcome = conn.prepare_cached(
        "UPDATE recipients SET state = ?3, outcome = ?4, reason = ?5, code = ?6, detail = ?7, provider_id = ?8, attempts = attempts + ?9,
           first_at = CASE WHEN ?10 THEN coalesce(first_at, ?11) ELSE first_at END, last_at = ?12, next_at = ?13
         WHERE id = ?1 AND state = 3 AND batch = ?2",
    )?;
    for (done, row) in batch.members.iter().enumerate() {
        make_way(done);
        let settled = by_row.remove(row).unwrap_or(&Settled::Void);
        let change = Change::of(settled, now);
        begun += i64::from(change.begun);
        let id = codes::id_of(seq, *row)?;
        if let Settled::Screened { reason, detail } = settled
            && former::keep_claimed(
                conn,
                id,
                batch.id,
                &NotTried { outcome: Outcome::Suppressed, reason: *reason, detail },
                now,
            )?
        {
            continue;
        }
        if matches!(settled, Settled::Expired) {
            expire(conn, id, batch.id, now)?;
            continue;
        }
        apply(conn, &mut outcome, id, batch, &change, now)?;
        if let Settled::PassedOn { to, why, .. } = settled {
            pass_on(conn, id, to, why, now)?;
        }
    }
    for row in by_row.keys() {
        tracing::warn!(
            batch = batch.id,
            row,
            "ignored a verdict about a recipient that is not in the batch"
        );
    }
    conn.prepare_cached("UPDATE batches SET settled_at = ?2, size = ?3 WHERE id = ?1")?
        .execute([batch.id, now.as_microsecond(), begun])?;
    Ok(())
}

/// Makes a member `deferred` because its time for retries has ended. The reply and the time of its
/// last attempt are kept.
fn expire(conn: &Connection, id: i64, batch: i64, now: Timestamp) -> Result<()> {
    let changed = conn
        .prepare_cached("UPDATE recipients SET state = 0, outcome = ?3, next_at = NULL WHERE id = ?1 AND state = 3 AND batch = ?2")?
        .execute(params![id, batch, codes::outcome_number(Outcome::Deferred)])?;
    if changed != 1 {
        return Err(Fault::Damaged(format!(
            "row {} is not claimed by batch {batch}, so it cannot be settled",
            codes::row_of(id)
        )));
    }
    remember(
        conn,
        id,
        Some(batch),
        now,
        "deferred",
        None,
        "",
        "retry.for was over before another attempt could begin",
    )
}

/// Assigns an open recipient to another provider, and records the previous one.
fn pass_on(conn: &Connection, id: i64, to: &str, why: &str, now: Timestamp) -> Result<()> {
    let from: String = conn
        .prepare_cached("SELECT provider FROM recipients WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    conn.prepare_cached("UPDATE recipients SET provider = ?2 WHERE id = ?1")?
        .execute(params![id, to])?;
    remember(
        conn,
        id,
        None,
        now,
        "failover",
        None,
        &from,
        &format!("{to} instead of {from}: {why}"),
    )
}

/// Changes a member's row. `outcome` is the prepared statement for members whose submission was
/// begun.
fn apply(
    conn: &Connection,
    outcome: &mut Statement<'_>,
    id: i64,
    batch: &OpenBatch,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<()> {
    let changed = if change.begun || change.state == FINAL {
        outcome.execute(params![
            id,
            batch.id,
            change.state,
            change.outcome.map(codes::outcome_number),
            change.reason.map(codes::reason_number),
            change.code,
            change.detail,
            change.provider_id,
            change.attempts,
            change.begun,
            batch.claimed_at,
            now.as_microsecond(),
            change.next_at.map(Timestamp::as_microsecond),
        ])?
    } else {
        conn.prepare_cached("UPDATE recipients SET state = ?3, next_at = ?4 WHERE id = ?1 AND state = 3 AND batch = ?2")?.execute(params![
            id,
            batch.id,
            change.state,
            change.next_at.map(Timestamp::as_microsecond)
        ])?
    };
    if changed != 1 {
        return Err(Fault::Damaged(format!(
            "row {} is not claimed by batch {}, so it cannot be settled",
            codes::row_of(id),
            batch.id
        )));
    }
    if let Some(what) = change.what {
        remember(conn, id, Some(batch.id), now, what, change.reason, change.code, change.detail)?;
    }
    Ok(())
}

/// Stores the result for an unknown recipient, with its evidence. Leaves the recipient unchanged if
/// the result is not final.
pub(super) fn reconcile(
    conn: &Connection,
    id: i64,
    settled: &Settled,
    evidence: &str,
    now: Timestamp,
) -> Result<()> {
    let change = Change::of(settled, now);
    if change.state != FINAL || change.outcome == Some(Outcome::Unknown) {
        return Ok(());
    }
    let changed = conn
        .prepare_cached(
            "UPDATE recipients SET outcome = ?2, reason = ?3, code = ?4, detail = ?5, last_at = ?6,
               provider_id = CASE WHEN ?7 = '' THEN provider_id ELSE ?7 END
             WHERE id = ?1 AND state = 0 AND outcome = ?8",
        )?
        .execute(params![
            id,
            change.outcome.map(codes::outcome_number),
            change.reason.map(codes::reason_number),
            change.code,
            change.detail,
            now.as_microsecond(),
            change.provider_id,
            codes::outcome_number(Outcome::Unknown),
        ])?;
    if changed > 0 {
        let outcome = change.outcome.map_or("", Outcome::as_str);
        remember(conn, id, None, now, "reconciled", None, outcome, evidence)?;
    }
    Ok(())
}

/// The result that recovery gives to a member that was certainly not accepted.
pub(super) fn open_again(now: Timestamp, verdict: Option<&Verdict>) -> Settled {
    match verdict {
        Some(Verdict::NotTaken { refusal, counts }) => {
            Settled::Retry { refusal: refusal.clone(), at: now, counts: *counts }
        }
        _ => Settled::Void,
    }
}
