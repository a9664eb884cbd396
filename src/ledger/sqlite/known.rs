//! Compares the runs in the ledger with the runs named by other files, and imports the results of
//! runs that are missing from the ledger.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Result;
use super::run_row::seq_of;
use super::{carry, codes, workspace};
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::record::RunRecord;
use crate::ledger::{Adopted, RunId, person_of, person_seed};
use crate::model::outcome::{Outcome, Reason};
use crate::provider::RowNumber;

/// The kind of fact that names a run that was removed, or whose report was imported.
const PAST: &str = "past_run";

/// Returns the differences between the ledger and the other files, and the newest run in the
/// ledger. The caller must have read `remains` before the ledger.
pub(super) fn compare(conn: &Connection, remains: &Remains) -> Result<(Loss, Option<RunId>)> {
    let newest = conn
        .query_row("SELECT id FROM runs ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let mut loss = Loss::default();
    if remains.runs().is_empty() {
        return Ok((loss, newest));
    }
    let past = past(conn)?;
    let here = texts(conn, "SELECT id FROM runs")?;
    let traces = texts(conn, "SELECT name FROM traces")?;
    let batches = batches(conn)?;
    for run in remains.runs() {
        if past.contains(run) {
            continue;
        }
        let is_behind = |run: &str| {
            let record = remains.records.get(run).and_then(Option::as_ref);
            let mut files = remains.traces.get(run).into_iter().flatten();
            let is_later = |batch: i64| batch > batches;
            record.is_some_and(|record| is_later(record.batches))
                || files.any(|file| {
                    file.has_records && !traces.contains(&file.name)
                        || file.last_batch.is_some_and(is_later)
                })
        };
        if !here.contains(run) {
            loss.unknown.push(run.clone());
        } else if is_behind(run) {
            loss.stale.push(run.clone());
        }
    }
    Ok((loss, newest))
}

/// The ids of runs that were removed, or whose results were imported after a loss.
pub(super) fn past(conn: &Connection) -> Result<HashSet<String>> {
    texts(conn, &format!("SELECT subject FROM facts WHERE kind = '{PAST}'"))
}

fn texts(conn: &Connection, sql: &str) -> Result<HashSet<String>> {
    Ok(conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// The highest batch number that the ledger has ever used.
pub(super) fn batches(conn: &Connection) -> Result<i64> {
    Ok(conn
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'batches'", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Reserves the next batch number and returns it.
pub(super) fn close_batches(conn: &Connection) -> Result<i64> {
    if conn.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'batches'", [])? == 0 {
        conn.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('batches', 1)", [])?;
    }
    batches(conn)
}

/// Records the loss of the ledger file as soon as it is noticed, because the process may be killed
/// soon. Gives the run's record a batch number that the file now at the ledger's path does not
/// contain. That file is then recognized as outdated. If the record cannot be written, the end of
/// the execution tries again.
pub(super) fn note_loss(conn: &Connection, state_dir: &Path, run: &str) -> Result<()> {
    if let Some(mut record) = RunRecord::read(state_dir, run) {
        record.batches = close_batches(conn)?;
        let _ = record.write(state_dir);
    }
    Ok(())
}

/// Records that a run was removed from the ledger, so that its remaining files are not a sign of a
/// loss.
pub(super) fn note_past(conn: &Connection, run: &str, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO facts(kind, subject, value, at) VALUES (?1, ?2, '', ?3)",
    )?
    .execute(params![PAST, run, now.as_microsecond()])?;
    Ok(())
}

/// Stores hashed outcomes of recipients from lost runs of a campaign. A later call overrides an
/// earlier one, except for acceptances.
pub(super) fn adopt(
    conn: &Connection,
    campaign: &str,
    env: Option<&str>,
    people: &[Adopted],
) -> Result<()> {
    let key = workspace::secret_key(conn)?;
    let mut keeper = carry::Keeper::new(conn, &key, campaign, env)?;
    people.iter().try_for_each(|person| keeper.keep(&person.key, &person.email, person.outcome))
}

/// Stores the outcomes of lost runs in the rows of a run that is planned but not sealed. The lost
/// runs used the same list, so their traces contain the same row numbers.
pub(super) fn adopt_rows(
    conn: &Connection,
    run: &str,
    rows: &[(RowNumber, Outcome, Option<Reason>)],
) -> Result<Vec<u64>> {
    let seq = seq_of(conn, run)?;
    let (campaign, env): (String, Option<String>) =
        conn.query_row("SELECT campaign, env FROM runs WHERE seq = ?1", [seq], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let key = workspace::secret_key(conn)?;
    let mut keeper = carry::Keeper::new(conn, &key, &campaign, env.as_deref())?;
    let mut person =
        conn.prepare("SELECT key, email FROM recipients WHERE id = ?1 AND key <> ''")?;
    let seed = person_seed(&key);
    let mut reached = Vec::new();
    for (row, outcome, reason) in rows {
        let found: Option<(String, String)> = person
            .query_row([codes::id_of(seq, *row)?], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((key, email)) = found {
            keeper.keep(&key, &email, Some((*outcome, *reason)))?;
            if matches!(outcome, Outcome::Accepted | Outcome::Unknown) {
                reached.push(person_of(&email, seed));
            }
        }
    }
    Ok(reached)
}
