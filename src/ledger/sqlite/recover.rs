//! Settles the open claims of a process that has ended.
//!
//! If the trace is readable and the machine was not restarted, the trace shows which members were
//! answered, which may have been sent completely, and which certainly were not. Without a trace,
//! the provider may have accepted the members of every open claim.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::blame;
use super::claim::{self, OpenBatch};
use super::codes;
use super::fault::Result;
use super::run_row::seq_of;
use crate::files;
use crate::ledger::trace::proof::{self, TraceState};
use crate::ledger::{Interrupted, LedgerSuppression, Recovered, Settled};
use crate::model::shown::Shown;
use crate::provider::{RowNumber, Verdict};

/// The boot id to record if the system does not provide one. After a crash, claims with this id are
/// treated as after a power cut.
pub(super) const NO_BOOT: &str = "none";

/// The id of this boot of the machine.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| NO_BOOT.to_owned(), |id| id.trim().to_owned())
}

/// Settles the open claims of a run. After the commit, its traces are no longer needed.
pub(super) fn recover(
    conn: &Connection,
    boot: &str,
    trace_dir: &Path,
    run: &str,
    now: Timestamp,
) -> Result<Recovered> {
    let seq = seq_of(conn, run)?;
    let mut recovered = Recovered::default();
    for Found { batch, trace, .. } in open_batches(conn, boot, trace_dir, seq)? {
        let state = trace.as_deref();
        let items: Vec<(RowNumber, Settled)> =
            batch.members.iter().map(|row| (*row, judge(batch.id, *row, state, now))).collect();
        for (_, settled) in &items {
            match settled {
                Settled::Final(Verdict::Unknown { .. }) => recovered.unknown += 1,
                Settled::Final(_) => recovered.settled += 1,
                _ => recovered.reopened += 1,
            }
        }
        claim::close(conn, seq, &batch, &items, now)?;
    }
    Ok(recovered)
}

/// The suppressions that follow from replies in the traces of open claims. `recover` will settle
/// these claims.
pub(super) fn unlearned(
    conn: &Connection,
    boot: &str,
    trace_dir: &Path,
    run: &str,
    now: Timestamp,
) -> Result<Vec<LedgerSuppression>> {
    let seq = seq_of(conn, run)?;
    let mut email = conn.prepare("SELECT email FROM recipients WHERE id = ?1")?;
    let mut learned = Vec::new();
    let open = open_batches(conn, boot, trace_dir, seq)?;
    let is_accepted = |found: &Found, row: &RowNumber| {
        found.trace.as_ref().is_some_and(|state| {
            matches!(state.answered.get(&(found.batch.id, *row)), Some(Verdict::Accepted { .. }))
        })
    };
    let accepting: Vec<String> = open
        .iter()
        .filter(|found| found.batch.members.iter().any(|row| is_accepted(found, row)))
        .map(|found| found.provider.clone())
        .collect();
    for Found { batch, trace, provider } in open {
        // A provider that has not accepted a message yet may be refusing every recipient, so its
        // replies about a mailbox prove nothing.
        if !accepting.contains(&provider) && !blame::has_accepted(conn, seq, &provider)? {
            continue;
        }
        for row in &batch.members {
            let Some(verdict) =
                trace.as_ref().and_then(|state| state.answered.get(&(batch.id, *row)))
            else {
                continue;
            };
            let email: Option<String> =
                email.query_row([codes::id_of(seq, *row)?], |row| row.get(0)).optional()?;
            learned.extend(
                email.and_then(|email| LedgerSuppression::learned(&email, &provider, verdict, now)),
            );
        }
    }
    Ok(learned)
}

/// Deletes the traces of a run, except the trace of this execution. A trace that cannot be deleted
/// does no harm.
pub(super) fn sweep(trace_dir: &Path, run: &str, current: Option<&str>) {
    let Ok(entries) = std::fs::read_dir(trace_dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.strip_prefix(run).is_some_and(|rest| rest.starts_with('-')) && Some(name) != current
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// An open claim, and the content of its trace if the trace is usable.
struct Found {
    batch: OpenBatch,
    trace: Option<Arc<TraceState>>,
    provider: String,
}

fn open_batches(conn: &Connection, boot: &str, trace_dir: &Path, seq: i64) -> Result<Vec<Found>> {
    let mut traces: HashMap<String, Option<Arc<TraceState>>> = HashMap::new();
    let mut open = conn.prepare(
        "SELECT b.id, b.claimed_at, b.members, t.name, t.boot, b.provider FROM batches b LEFT JOIN traces t ON t.id = b.trace
         WHERE b.run = ?1 AND b.settled_at IS NULL ORDER BY b.id",
    )?;
    let rows = open.query_map([seq], |row| {
        let batch = OpenBatch {
            id: row.get(0)?,
            claimed_at: row.get(1)?,
            members: codes::unpack(row.get_ref(2)?.as_blob()?).collect(),
        };
        let (name, claimed_in): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        let trace = name.zip(claimed_in).and_then(|(name, claimed_in)| {
            let usable = claimed_in == boot && boot != NO_BOOT;
            traces
                .entry(name)
                .or_insert_with_key(
                    |name| if usable { read(trace_dir, name).map(Arc::new) } else { None },
                )
                .clone()
        });
        Ok(Found { batch, trace, provider: row.get(5)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(trace_dir: &Path, name: &str) -> Option<TraceState> {
    // Refuses FIFOs, because reading them would block, and devices, because they have no end.
    match files::open(&trace_dir.join(name)).and_then(|_| proof::prove(trace_dir, name)) {
        Ok(state) => Some(state),
        Err(e) => {
            tracing::warn!(
                "{}: the trace of an interrupted run is not usable ({e}); every open claim of the run counts as unknown",
                trace_dir.join(name).shown()
            );
            None
        }
    }
}

fn judge(batch: i64, row: RowNumber, state: Option<&TraceState>, now: Timestamp) -> Settled {
    let unknown =
        |cause: Interrupted| Settled::Final(Verdict::Unknown { detail: cause.words().into() });
    let Some(state) = state else { return unknown(Interrupted::Untraced) };
    match state.answered.get(&(batch, row)) {
        Some(verdict @ Verdict::NotTaken { .. }) => claim::open_again(now, Some(verdict)),
        Some(verdict) => Settled::Final(verdict.clone()),
        None if state.crossing.contains(&(batch, row)) => unknown(Interrupted::Unanswered),
        None => claim::open_again(now, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_no_file_proves_nothing_and_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, 0o600.into(), 0).expect("a FIFO");
        for device in ["zero", "null"] {
            std::os::unix::fs::symlink(format!("/dev/{device}"), dir.path().join(device))
                .expect("writable");
        }
        for name in ["fifo", "zero", "null", "missing"] {
            assert!(read(dir.path(), name).is_none(), "{name}");
        }
    }
}
