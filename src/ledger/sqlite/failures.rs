//! Finds the failures of a run by receiving domain and reply, and the rows of one address in all
//! runs.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::codes;
use super::fault::Result;
use super::read::{RECIPIENT, row_of};
use super::run_row::seq_of;
use crate::ledger::{Failures, FailuresQuery, LedgerRow, RunId};
use crate::model::address::{Address, key_of};
use crate::model::event::{Class, EventKind};
use crate::model::outcome::Outcome;
use crate::model::pause::Watched;

/// The domain with the most failures, and the most frequent replies.
pub(super) fn failures(conn: &Connection, run: &str, query: &FailuresQuery) -> Result<Failures> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let who = "r.id BETWEEN ?1 AND ?2 AND r.state = 0 AND r.attempts > 0 AND r.last_at >= ?3 AND (?4 IS NULL OR r.cohort = ?4)
               AND (?5 IS NULL OR r.provider = ?5) AND (?6 IS NULL OR r.domain = ?6)";
    let event = |kind: EventKind| {
        format!(
            "SELECT r.domain, trim(max(e.code || ' ' || e.status)), coalesce(max(e.class), '') FROM events e JOIN recipients r ON r.id = e.recipient
             WHERE e.run = {seq} AND e.type = '{kind}' AND coalesce(e.class, '') <> '{}' AND r.outcome = {} AND {who} GROUP BY r.id",
            Class::NotSpam,
            codes::outcome_number(Outcome::Accepted)
        )
    };
    let rows = match query.watched {
        Watched::Failed => format!(
            "SELECT r.domain, r.code, r.reason FROM recipients r WHERE r.outcome IN ({}) AND {who}",
            codes::list_of(&[Outcome::Rejected, Outcome::Deferred, Outcome::Unknown])
        ),
        Watched::Bounced => event(EventKind::Bounced),
        Watched::Complained => event(EventKind::Complained),
    };
    let cohort = query.cohort.map(codes::cohort_number);
    let since = query.since.as_microsecond();
    let (mut domains, mut said): (BTreeMap<String, u64>, BTreeMap<String, u64>) =
        (BTreeMap::new(), BTreeMap::new());
    let mut failures = Failures::default();
    let mut statement = conn.prepare_cached(&rows)?;
    let mut rows =
        statement.query(params![first, last, since, cohort, query.provider, query.domain])?;
    while let Some(row) = rows.next()? {
        let (domain, code): (String, String) = (row.get(0)?, row.get(1)?);
        let words = match query.watched {
            _ if !code.is_empty() => code,
            Watched::Failed => {
                codes::reason(row.get(2)?)?.map_or_else(String::new, |reason| reason.to_string())
            }
            _ => row.get(2)?,
        };
        failures.total += 1;
        *domains.entry(domain).or_default() += 1;
        *said.entry(words).or_default() += 1;
    }
    // Among equal counts, the alphabetically first name wins, so that the result is always the
    // same.
    let most = |counts: BTreeMap<String, u64>| {
        counts.into_iter().rev().max_by_key(|(_, count)| *count).unwrap_or_default()
    };
    (failures.domain, failures.at_domain) = most(domains);
    (failures.words, failures.with_words) = most(said);
    Ok(failures)
}

/// The rows with this address in all runs, newest run first. Reads all rows with the address's
/// domain.
pub(super) fn rows_of(conn: &Connection, email: &str) -> Result<Vec<(RunId, LedgerRow)>> {
    let wanted = key_of(email);
    // Rows with an invalid address have an empty domain.
    let domain =
        Address::parse(email).map_or_else(|_| String::new(), |address| address.domain().to_owned());
    let mut ids: Vec<(i64, i64)> = Vec::new();
    let mut query = conn.prepare("SELECT id, run, email FROM recipients WHERE domain = ?1")?;
    let mut rows = query.query([domain])?;
    while let Some(row) = rows.next()? {
        if key_of(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?) == wanted {
            ids.push((row.get(1)?, row.get(0)?));
        }
    }
    ids.sort_unstable_by_key(|(run, id)| (std::cmp::Reverse(*run), *id));
    let mut run = conn.prepare("SELECT id FROM runs WHERE seq = ?1")?;
    let mut row = conn.prepare(&format!("SELECT {RECIPIENT} WHERE r.id = ?1"))?;
    let mut found = Vec::with_capacity(ids.len());
    for (seq, id) in ids {
        let name: RunId = run.query_row([seq], |row| row.get(0))?;
        let mut rows = row.query([id])?;
        while let Some(row) = rows.next()? {
            found.push((name.clone(), row_of(row)?));
        }
    }
    Ok(found)
}
