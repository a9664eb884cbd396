//! Creates runs, stores their rows and seals them. Also holds, reopens and removes rows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Statement, ToSql, params};

use super::codes::{self, FINAL, OPEN, WAITING};
use super::fault::{Fault, Result};
use super::former::{self, NotTried};
use super::run_row::{note, seq_of, state_number};
use super::{
    aliases, canary, carry, events, known, names, pauses, ramp, recover, sketches, workspace,
};
use crate::ledger::{ExitReason, Gate, Overlap, PlannedRow, RunHead, RunId, RunState, Seal};
use crate::model::outcome::{Outcome, Reason};

/// How long the batches of a removed run are kept, because caps still count them: the longest
/// window (one day), plus one day for wrong clocks.
const KEEP_FOR_CAPS: i64 = 2 * 86_400 * 1_000_000;

/// The number of a run that is still being planned.
fn seq_of_planned(conn: &Connection, run: &str) -> Result<i64> {
    let seq = seq_of(conn, run)?;
    let state: i64 = conn
        .prepare_cached("SELECT state FROM runs WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))?;
    if state == state_number(RunState::Planning) {
        Ok(seq)
    } else {
        Err(Fault::Damaged(format!(
            "run {run} should still be in planning, but its plan is complete"
        )))
    }
}

pub(super) fn begin(conn: &Connection, head: &RunHead, now: Timestamp) -> Result<RunId> {
    let mut stale = conn.prepare_cached("SELECT seq FROM runs WHERE campaign IN (SELECT value FROM json_each(?1)) AND env IS ?2 AND state = 0")?;
    let kin = aliases::kin_json(conn, &head.campaign)?;
    let stale: Vec<i64> = stale
        .query_map(params![kin, head.env], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for seq in stale {
        delete(conn, seq)?;
    }
    let mut id = run_id(now);
    while conn.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")?.exists([&id])? {
        id = run_id(now);
    }
    conn.prepare_cached(
        "INSERT INTO runs(id, campaign, env, kind, provider, lists, list_fingerprint, message_fingerprint, settings, state, gate, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11)",
    )?
    .execute(params![
        id,
        head.campaign,
        head.env,
        head.kind.as_str(),
        head.provider,
        serde_json::to_string(&head.lists)?,
        head.list_fingerprint,
        head.message_fingerprint,
        head.settings.to_string(),
        serde_json::to_string(&Gate::Ahead)?,
        now.as_microsecond(),
    ])?;
    let seq = conn.last_insert_rowid();
    conn.prepare_cached("INSERT INTO messages(run, message) VALUES (?1, ?2)")?
        .execute(params![seq, head.message.to_string()])?;
    Ok(id)
}

/// Creates a run id from the time and four characters that differ from all other runs of the same
/// second. Characters that look alike are not used.
fn run_id(now: Timestamp) -> RunId {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = uuid::Uuid::now_v7().into_bytes();
    let tail: String =
        random[12..].iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    format!("{}-{tail}", now.strftime("%Y%m%d-%H%M%S"))
}

/// The number of rows inserted by one statement. A statement costs nearly the same for any number
/// of rows.
const TOGETHER: usize = 32;

pub(super) fn plan(conn: &Connection, run: &str, rows: &[PlannedRow]) -> Result<()> {
    let seq = seq_of_planned(conn, run)?;
    let (many, few) = rows.as_chunks::<TOGETHER>();
    for rows in many {
        insert(conn, seq, rows)?;
    }
    few.chunks(1).try_for_each(|row| insert(conn, seq, row))
}

/// Inserts rows into two tables, with one statement for each table.
fn insert(conn: &Connection, seq: i64, rows: &[PlannedRow]) -> Result<()> {
    let values = |row: &str| vec![row; rows.len()].join(", ");
    let mut recipients = conn.prepare_cached(&format!(
        "INSERT INTO recipients(id, run, state, outcome, reason, list, line, draw, always, email, domain, key, detail, provider) VALUES {}",
        values("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    ))?;
    let mut fields = conn.prepare_cached(&format!(
        "INSERT INTO fields(id, fields, files) VALUES {}",
        values("(?, ?, ?)")
    ))?;
    let (mut recipient, mut field) = (Values::new(&mut recipients), Values::new(&mut fields));
    for row in rows {
        if row.row == 0 {
            return Err(Fault::Damaged("rows are counted from 1".into()));
        }
        let id = codes::id_of(seq, row.row)?;
        let (state, outcome, reason, detail) = match &row.outcome {
            None => (OPEN, None, None, ""),
            Some((outcome, reason, detail)) => (
                FINAL,
                Some(codes::outcome_number(*outcome)),
                Some(codes::reason_number(*reason)),
                detail.as_str(),
            ),
        };
        let line = i64::try_from(row.line).map_err(|_| {
            Fault::Damaged(format!(
                "line {} exceeds the maximum number of lines of a list",
                row.line
            ))
        })?;
        recipient.all(params![
            id,
            seq,
            state,
            outcome,
            reason,
            row.list,
            line,
            row.draw,
            row.always,
            row.email,
            row.domain,
            row.key,
            detail,
            row.provider
        ])?;
        field.all(params![id, row.fields, row.files])?;
    }
    recipients.raw_execute()?;
    fields.raw_execute()?;
    Ok(())
}

/// Binds the parameters of a statement one after the other.
struct Values<'a, 'conn> {
    statement: &'a mut Statement<'conn>,
    bound: usize,
}

impl<'a, 'conn> Values<'a, 'conn> {
    fn new(statement: &'a mut Statement<'conn>) -> Self {
        Self { statement, bound: 0 }
    }

    fn all(&mut self, values: &[&dyn ToSql]) -> Result<()> {
        for value in values {
            self.bound += 1;
            self.statement.raw_bind_parameter(self.bound, value)?;
        }
        Ok(())
    }
}

/// The result of sealing a run.
pub(super) enum Sealed {
    /// The run is open. `closed` lists unfinished runs of the campaign that were closed.
    Open { closed: Vec<String> },
    /// Most of the run's recipients received the message under another campaign. Nothing was
    /// changed.
    Overlaps(Overlap),
}

/// Ends planning: closes the campaign's unfinished runs, carries outcomes over, applies the limit,
/// and draws the canary.
pub(super) fn seal(
    conn: &Connection,
    boot: &str,
    trace_dir: &std::path::Path,
    run: &str,
    seal: &Seal,
    now: Timestamp,
) -> Result<Sealed> {
    let seq = seq_of_planned(conn, run)?;
    if let Some(query) = &seal.overlap
        && let Some(found) = sketches::overlap(conn, query, now)?
    {
        return Ok(Sealed::Overlaps(found));
    }
    let closed = close_unfinished(conn, boot, trace_dir, run, seq, now)?;
    let key = workspace::secret_key(conn)?;
    carry::carry_over(conn, &key, seq)?;
    if let Some(only) = &seal.only {
        carry::leave_out(conn, &key, seq, only)?;
    }
    if let Some((apart, people)) = &seal.people {
        sketches::keep(conn, seq, apart, people)?;
    }
    if let Some(limit) = seal.limit {
        let cut: Option<i64> = conn
            .prepare("SELECT id FROM recipients WHERE run = ?1 AND state = 1 AND cohort = 1 ORDER BY id LIMIT 1 OFFSET ?2")?
            .query_row(params![seq, i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get(0))
            .optional()?;
        if let Some(cut) = cut {
            conn.prepare("UPDATE recipients SET state = 0, outcome = ?3, reason = ?4 WHERE run = ?1 AND state = 1 AND cohort = 1 AND id >= ?2")?
                .execute(params![seq, cut, codes::outcome_number(Outcome::Held), codes::reason_number(Reason::Limit)])?;
        }
    }
    let drawn = match seal.canary {
        Some(size) => canary::draw(conn, seq, size)?,
        None => 0,
    };
    for (cohort, provider) in &seal.cohorts {
        conn.prepare(
            "UPDATE recipients SET provider = ?3 WHERE run = ?1 AND cohort = ?2 AND state = 1",
        )?
        .execute(params![seq, codes::cohort_number(*cohort), provider])?;
    }
    let gate = match (seal.canary, drawn) {
        (None, _) => Gate::Passed { evidence: "no canary".into(), by: None, at: None },
        (Some(_), 0) => {
            Gate::Passed { evidence: "no recipients for a canary".into(), by: None, at: None }
        }
        (Some(_), _) => Gate::Ahead,
    };
    conn.execute(
        "UPDATE runs SET state = 1, list_fingerprint = ?2, columns = ?3, filtered = ?4, gate = ?5 WHERE seq = ?1",
        params![
            seq,
            seal.list_fingerprint,
            serde_json::to_string(&seal.columns)?,
            i64::try_from(seal.filtered).unwrap_or(i64::MAX),
            serde_json::to_string(&gate)?
        ],
    )?;
    if seal.only.as_ref().is_some_and(|only| only.contains(&Outcome::Rejected)) {
        reopen(conn, run, &[Outcome::Rejected], now)?;
    }
    Ok(Sealed::Open { closed })
}

/// Closes the campaign's earlier runs that are still open. The caller holds the campaign's lock, so
/// no other process uses these runs.
fn close_unfinished(
    conn: &Connection,
    boot: &str,
    trace_dir: &std::path::Path,
    run: &str,
    seq: i64,
    now: Timestamp,
) -> Result<Vec<String>> {
    let campaign: String =
        conn.query_row("SELECT campaign FROM runs WHERE seq = ?1", [seq], |row| row.get(0))?;
    let open: Vec<(i64, String)> = conn
        .prepare(
            "SELECT old.seq, old.id FROM runs old JOIN runs new ON new.seq = ?1 AND old.env IS new.env
             WHERE old.campaign IN (SELECT value FROM json_each(?2)) AND old.seq <> ?1 AND old.state = 1",
        )?
        .query_map(params![seq, aliases::kin_json(conn, &campaign)?], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut closed = Vec::new();
    for (old, id) in open {
        recover::recover(conn, boot, trace_dir, &id, now)?;
        hold(conn, old, Reason::Interrupted, &format!("closed by run {run}"), now)?;
        conn.execute(
            "UPDATE runs SET state = 2, finished_at = ?2 WHERE seq = ?1",
            params![old, now.as_microsecond()],
        )?;
        closed.push(id);
    }
    Ok(closed)
}

/// Makes every unclaimed row without an outcome `held`. Reopened rows get their previous outcome
/// back instead.
pub(super) fn hold(
    conn: &Connection,
    seq: i64,
    reason: Reason,
    detail: &str,
    now: Timestamp,
) -> Result<u64> {
    former::keep_all(conn, seq, &NotTried { outcome: Outcome::Held, reason, detail }, now)?;
    let mut held = 0;
    for state in [OPEN, WAITING] {
        // A statement for a single state can use the partial index of that state.
        let sql = format!(
            "UPDATE recipients SET state = 0, outcome = ?2, reason = ?3, code = '', detail = ?4, next_at = NULL
             WHERE run = ?1 AND cohort IN (0, 1) AND state = {state}"
        );
        held += conn.prepare(&sql)?.execute(params![
            seq,
            codes::outcome_number(Outcome::Held),
            codes::reason_number(reason),
            detail
        ])?;
    }
    if held > 0 {
        let what = if detail.is_empty() {
            reason.as_str().to_owned()
        } else {
            format!("{reason}: {detail}")
        };
        note(conn, seq, "held", &what, now)?;
    }
    Ok(held as u64)
}

/// Makes every row `deferred` that waits for a retry, if its recipient was refused or the provider
/// asked for a lower rate. A row keeps waiting if its attempt never began or had no session with
/// the provider.
pub(super) fn give_up(conn: &Connection, seq: i64, now: Timestamp) -> Result<u64> {
    let (session, auth) =
        (codes::reason_number(Reason::Session), codes::reason_number(Reason::Auth));
    let waiting = format!(
        "run = ?1 AND cohort IN (0, 1) AND state = {WAITING} AND reason IS NOT NULL AND (attempts > 0 OR reason NOT IN ({session}, {auth}))"
    );
    conn.prepare(&format!(
        "INSERT INTO attempts(recipient, at, what, reason, code, detail) SELECT id, ?2, 'deferred', reason, code, detail FROM recipients WHERE {waiting}"
    ))?
    .execute(params![seq, now.as_microsecond()])?;
    let given_up = conn
        .prepare(&format!(
            "UPDATE recipients SET state = 0, outcome = ?2, next_at = NULL WHERE {waiting}"
        ))?
        .execute(params![seq, codes::outcome_number(Outcome::Deferred)])?;
    Ok(given_up as u64)
}

/// Reopens the rows with one of these outcomes, and the run itself.
pub(super) fn reopen(
    conn: &Connection,
    run: &str,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Result<u64> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let mut opened = 0;
    for outcome in outcomes {
        let number = codes::outcome_number(*outcome);
        if *outcome != Outcome::Held {
            former::remember(conn, (first, last), *outcome, now)?;
        }
        let changed = conn
            .prepare(
                "UPDATE recipients SET state = 1, outcome = NULL, reason = NULL, code = '', detail = '', next_at = NULL
                 WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3",
            )?
            .execute(params![first, last, number])?;
        if changed > 0 && *outcome == Outcome::Held {
            note(conn, seq, "reopened", outcome.as_str(), now)?;
        }
        opened += changed as u64;
    }
    if opened > 0 {
        conn.execute(
            "UPDATE runs SET state = 1, finished_at = NULL WHERE seq = ?1 AND state = 2",
            [seq],
        )?;
    }
    Ok(opened)
}

pub(super) fn finish(
    conn: &Connection,
    run: &str,
    state: RunState,
    exit: u8,
    reasons: &[ExitReason],
    now: Timestamp,
) -> Result<()> {
    let seq = seq_of(conn, run)?;
    let finished = (state == RunState::Finished).then(|| now.as_microsecond());
    conn.execute(
        "UPDATE runs SET state = ?2, exit = ?3, exit_reasons = ?4, finished_at = ?5 WHERE seq = ?1",
        params![seq, state_number(state), exit, serde_json::to_string(reasons)?, finished],
    )?;
    Ok(())
}

pub(super) fn set_gate(
    conn: &Connection,
    run: &str,
    gate: &Gate,
    host: &str,
    now: Timestamp,
) -> Result<()> {
    let seq = seq_of(conn, run)?;
    pauses::note_gate(conn, run, gate, host, now)?;
    conn.execute(
        "UPDATE runs SET gate = ?2 WHERE seq = ?1",
        params![seq, serde_json::to_string(gate)?],
    )?;
    Ok(())
}

pub(super) fn discard(conn: &Connection, run: &str) -> Result<()> {
    let seq = seq_of_planned(conn, run)?;
    delete(conn, seq)
}

pub(super) fn remove(conn: &Connection, run: &str, now: Timestamp) -> Result<()> {
    set_aside(conn, run, now)?;
    known::note_past(conn, run, now)
}

/// Removes a run and keeps hashes of its reached recipients, but does not record the removal. Files
/// that name the run therefore remain a sign of a loss.
pub(super) fn set_aside(conn: &Connection, run: &str, now: Timestamp) -> Result<()> {
    let seq = seq_of(conn, run)?;
    let key = workspace::secret_key(conn)?;
    carry::keep_hashes(conn, &key, seq)?;
    sketches::outlive(conn, seq, now)?;
    names::keep_tokens(conn, seq, now)?;
    events::forget(conn, seq)?;
    ramp::remember(conn)?;
    conn.execute(
        "UPDATE batches SET run = 0, key = '', members = x'', trace = NULL, settled_at = coalesce(settled_at, ?2) WHERE run = ?1",
        params![seq, now.as_microsecond()],
    )?;
    conn.execute(
        "DELETE FROM batches WHERE run = 0 AND settled_at < ?1",
        [now.as_microsecond() - KEEP_FOR_CAPS],
    )?;
    conn.execute("DELETE FROM traces WHERE name GLOB ?1 || '-*'", [run])?;
    delete(conn, seq)
}

fn delete(conn: &Connection, seq: i64) -> Result<()> {
    // The reason of a pause may quote the provider's reply.
    conn.execute(
        "DELETE FROM pauses WHERE scope = 'run' AND name = (SELECT id FROM runs WHERE seq = ?1)",
        [seq],
    )?;
    let (first, last) = codes::ids_of(seq);
    for table in ["recipients WHERE id", "fields WHERE id", "attempts WHERE recipient"] {
        conn.execute(&format!("DELETE FROM {table} BETWEEN ?1 AND ?2"), [first, last])?;
    }
    for table in
        ["decisions WHERE run", "messages WHERE run", "batches WHERE run", "runs WHERE seq"]
    {
        conn.execute(&format!("DELETE FROM {table} = ?1"), [seq])?;
    }
    Ok(())
}
