//! What the ledger knows of runs by name, and what it takes over from reports of runs that it does
//! not know.

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

/// The kind of fact that names a run which was removed, or whose report was taken over.
const PAST: &str = "past_run";

/// How the ledger and what lies beside it disagree, and the newest run that the ledger knows.
/// `remains` was read before.
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

/// The names of runs that were removed or taken over from what a lost ledger left behind.
pub(super) fn past(conn: &Connection) -> Result<HashSet<String>> {
    texts(conn, &format!("SELECT subject FROM facts WHERE kind = '{PAST}'"))
}

fn texts(conn: &Connection, sql: &str) -> Result<HashSet<String>> {
    Ok(conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// The number of the last batch that was ever made.
pub(super) fn batches(conn: &Connection) -> Result<i64> {
    Ok(conn
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'batches'", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Takes the number of the next batch and returns it.
pub(super) fn close_batches(conn: &Connection) -> Result<i64> {
    if conn.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'batches'", [])? == 0 {
        conn.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('batches', 1)", [])?;
    }
    batches(conn)
}

/// Writes into the record of a run that the file which is still open knows more than the one that
/// has taken its place, as soon as that is noticed: the process may be killed before it ends. Where
/// it cannot be written, the end of the execution tries again.
pub(super) fn note_loss(conn: &Connection, state_dir: &Path, run: &str) -> Result<()> {
    if let Some(mut record) = RunRecord::read(state_dir, run) {
        record.batches = close_batches(conn)?;
        let _ = record.write(state_dir);
    }
    Ok(())
}

/// Notes that a run is no longer in the ledger, so that a report of it is no sign of a loss.
pub(super) fn note_past(conn: &Connection, run: &str, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO facts(kind, subject, value, at) VALUES (?1, ?2, '', ?3)",
    )?
    .execute(params![PAST, run, now.as_microsecond()])?;
    Ok(())
}

/// Keeps hashes of what became of people of a campaign in runs that are lost. Later calls decide,
/// but nothing takes an acceptance back.
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

/// The same for rows of a run that is planned and not sealed: those that the trace of a lost run of
/// the same list names.
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
