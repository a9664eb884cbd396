//! Reads and changes the row of a run, and records decisions that concern many of its recipients.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, Result};
use crate::ledger::RunState;

pub(super) fn state_number(state: RunState) -> i64 {
    match state {
        RunState::Planning => 0,
        RunState::Open => 1,
        RunState::Finished => 2,
    }
}

/// The number of a run.
pub(super) fn seq_of(conn: &Connection, run: &str) -> Result<i64> {
    conn.prepare_cached("SELECT seq FROM runs WHERE id = ?1")?
        .query_row([run], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Fault::NoSuchRun(run.to_owned()))
}

/// Records a decision about many rows of a run at once.
pub(super) fn note(
    conn: &Connection,
    seq: i64,
    what: &str,
    detail: &str,
    now: Timestamp,
) -> Result<()> {
    conn.execute(
        "INSERT INTO decisions(run, at, what, detail) VALUES (?1, ?2, ?3, ?4)",
        params![seq, now.as_microsecond(), what, detail],
    )?;
    Ok(())
}
