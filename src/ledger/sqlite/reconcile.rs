//! Resolves recipients whose outcome is unknown.
//!
//! Only `unknown` recipients are changed, and the evidence is stored with each. Runs of one
//! campaign carry the same unknown outcome over from each other, so evidence for one of these runs
//! resolves the recipient in all of them.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::aliases;
use super::claim;
use super::codes;
use super::fault::Result;
use super::run_row::seq_of;
use crate::ledger::{BatchRecord, Proof, Reconciled, Settled};
use crate::model::event::EventKind;
use crate::model::outcome::Outcome;
use crate::provider::{RowNumber, Verdict};

/// A recipient whose outcome is unknown.
struct UnknownRecipient {
    id: i64,
    /// Whether this run attempted the recipient. False if it only carried the outcome over.
    was_tried: bool,
}

/// The unknown recipients of one run, by key. Several recipients share a key if the list was not
/// deduplicated.
fn unknown(conn: &Connection, seq: i64) -> Result<HashMap<String, Vec<UnknownRecipient>>> {
    let (first, last) = codes::ids_of(seq);
    let mut query =
        conn.prepare_cached("SELECT key, id, batch IS NOT NULL FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome = ?3")?;
    let mut rows = query.query([first, last, codes::outcome_number(Outcome::Unknown)])?;
    let mut found: HashMap<String, Vec<UnknownRecipient>> = HashMap::new();
    while let Some(row) = rows.next()? {
        found
            .entry(row.get(0)?)
            .or_default()
            .push(UnknownRecipient { id: row.get(1)?, was_tried: row.get(2)? });
    }
    Ok(found)
}

/// All runs of the same campaign and environment, including this one.
fn of_the_campaign(conn: &Connection, seq: i64) -> Result<Vec<i64>> {
    let (campaign, env): (String, Option<String>) =
        conn.query_row("SELECT campaign, env FROM runs WHERE seq = ?1", [seq], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(conn
        .prepare("SELECT seq FROM runs WHERE campaign IN (SELECT value FROM json_each(?1)) AND env IS ?2 AND state <> 0")?
        .query_map(params![aliases::kin_json(conn, &campaign)?, env], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Finds events that prove that unknown recipients were accepted. Returns the first event for each
/// recipient that identifies the message and not only the address.
pub(super) fn proofs(conn: &Connection, run: &str) -> Result<Vec<Proof>> {
    let seq = seq_of(conn, run)?;
    let unknown = unknown(conn, seq)?;
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = conn.prepare(
        "SELECT r.key, e.type, e.at, e.source, e.provider, e.provider_id, e.event_id FROM events e JOIN recipients r ON r.id = e.recipient
         WHERE e.run = ?1 AND e.linked_by <> 'address' ORDER BY e.at DESC, e.id DESC",
    )?;
    let mut proofs: BTreeMap<RowNumber, Proof> = BTreeMap::new();
    for other in of_the_campaign(conn, seq)? {
        let mut rows = query.query([other])?;
        while let Some(row) = rows.next()? {
            let Some(about) = unknown.get(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)
            else {
                continue;
            };
            for person in about {
                let (kind, at): (String, i64) = (row.get(1)?, row.get(2)?);
                if !kind.parse().is_ok_and(EventKind::proves_taken) {
                    continue;
                }
                let proof = Proof {
                    row: codes::row_of(person.id),
                    kind,
                    at: codes::time(at)?,
                    source: row.get(3)?,
                    provider: row.get(4)?,
                    provider_id: row.get(5)?,
                    event: row.get(6)?,
                };
                proofs.insert(proof.row, proof);
            }
        }
    }
    Ok(proofs.into_values().collect())
}

/// A batch as it was claimed.
pub(super) fn batch(conn: &Connection, run: &str, batch: i64) -> Result<Option<BatchRecord>> {
    let seq = seq_of(conn, run)?;
    let mut query = conn.prepare_cached(
        "SELECT provider, key, claimed_at, members FROM batches WHERE id = ?1 AND run = ?2",
    )?;
    let mut rows = query.query([batch, seq])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(BatchRecord {
        batch,
        provider: row.get(0)?,
        key: row.get(1)?,
        claimed_at: codes::time(row.get(2)?)?,
        members: codes::unpack(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?).collect(),
    }))
}

/// Settles unknown recipients, and the same recipients in every run of the campaign that carried
/// the outcome over. Returns how many recipients of this run were settled. Recipients that are no
/// longer unknown stay unchanged.
pub(super) fn reconcile(
    conn: &Connection,
    run: &str,
    verdicts: &[Reconciled],
    now: Timestamp,
) -> Result<u64> {
    let seq = seq_of(conn, run)?;
    let mut others = Vec::new();
    for other in of_the_campaign(conn, seq)?.into_iter().filter(|other| *other != seq) {
        others.push(unknown(conn, other)?);
    }
    let mut settled = 0;
    for verdict in verdicts {
        let id = codes::id_of(seq, verdict.row)?;
        let found: Option<(String, bool)> = conn
            .prepare_cached("SELECT key, batch IS NOT NULL FROM recipients WHERE id = ?1 AND state = 0 AND outcome = ?2")?
            .query_row([id, codes::outcome_number(Outcome::Unknown)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((key, was_tried)) = found else { continue };
        claim::reconcile(conn, id, &verdict.settled, &verdict.evidence, now)?;
        settled += 1;
        let is_taken = matches!(verdict.settled, Settled::Final(Verdict::Accepted { .. }));
        for kin in others.iter().filter_map(|unknown| unknown.get(&key)).flatten() {
            // An acceptance is valid for all runs. If both runs attempted the recipient, a failed
            // attempt of one proves nothing about the attempt of the other.
            if is_taken || !was_tried || !kin.was_tried {
                claim::reconcile(
                    conn,
                    kin.id,
                    &verdict.settled,
                    &format!("{}; found for run {run}", verdict.evidence),
                    now,
                )?;
            }
        }
    }
    Ok(settled)
}
