//! Reads runs and rows. Changes nothing.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::aliases;
use super::codes;
use super::events;
use super::fault::{Fault, Result};
use super::run_row::seq_of;
use crate::ledger::{Ask, LedgerRow, Run, RunHead, RunState, Standing, Through};
use crate::model::outcome::{Cohort, Outcome};
use crate::provider::RowNumber;

const RUN: &str = "SELECT r.id, r.campaign, r.env, r.kind, r.provider, r.lists, r.list_fingerprint, r.message_fingerprint, r.settings, r.state,
    r.gate, r.started_at, r.finished_at, r.columns, r.exit, r.filtered, r.exit_reasons";

/// The columns of a row, in the order in which `row_of` reads them.
pub(super) const RECIPIENT: &str =
    "r.id, r.list, r.line, r.email, r.domain, r.key, f.fields, r.cohort, r.outcome, r.reason, r.code, r.detail, r.provider,
    r.batch, r.attempts, r.message_id, r.provider_id, r.first_at, r.last_at, r.feedback, r.state = 2, r.carried_from, f.files FROM recipients r JOIN fields f ON f.id = r.id";

/// The columns of [`RECIPIENT`] for an open row, with empty values for the results of earlier
/// attempts.
const OPEN_RECIPIENT: &str = "r.id, r.list, r.line, r.email, r.domain, r.key, f.fields, r.cohort, NULL, NULL, '', '', '', NULL, r.attempts, '', '',
    r.first_at, NULL, '', r.state = 2, NULL, f.files FROM recipients r JOIN fields f ON f.id = r.id";

fn run_of(row: &Row<'_>, message: serde_json::Value) -> Result<Run> {
    let kind: String = row.get(3)?;
    let state: i64 = row.get(9)?;
    Ok(Run {
        id: row.get(0)?,
        head: RunHead {
            campaign: row.get(1)?,
            env: row.get(2)?,
            kind: kind.parse().map_err(Fault::Damaged)?,
            provider: row.get(4)?,
            lists: serde_json::from_str(row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?,
            list_fingerprint: row.get(6)?,
            message_fingerprint: row.get(7)?,
            message,
            settings: serde_json::from_str(
                row.get_ref(8)?.as_str().map_err(rusqlite::Error::from)?,
            )?,
        },
        state: match state {
            0 => RunState::Planning,
            1 => RunState::Open,
            _ => RunState::Finished,
        },
        gate: serde_json::from_str(row.get_ref(10)?.as_str().map_err(rusqlite::Error::from)?)?,
        started_at: codes::time(row.get(11)?)?,
        finished_at: codes::times(row.get(12)?)?,
        columns: serde_json::from_str(row.get_ref(13)?.as_str().map_err(rusqlite::Error::from)?)?,
        exit: row.get(14)?,
        filtered: row.get::<_, i64>(15)?.max(0) as u64,
        exit_reasons: serde_json::from_str(
            row.get_ref(16)?.as_str().map_err(rusqlite::Error::from)?,
        )?,
    })
}

/// All runs, newest first, each with an empty message.
pub(super) fn runs(conn: &Connection) -> Result<Vec<Run>> {
    let mut query = conn.prepare(&format!("{RUN} FROM runs r ORDER BY r.seq DESC"))?;
    let mut rows = query.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run_of(row, serde_json::Value::Null)?);
    }
    Ok(runs)
}

pub(super) fn run(conn: &Connection, id: &str) -> Result<Option<Run>> {
    let mut query = conn.prepare(&format!(
        "{RUN}, m.message FROM runs r JOIN messages m ON m.run = r.seq WHERE r.id = ?1"
    ))?;
    let mut rows = query.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let message = serde_json::from_str(row.get_ref(17)?.as_str().map_err(rusqlite::Error::from)?)?;
    run_of(row, message).map(Some)
}

pub(super) fn latest_run(
    conn: &Connection,
    campaign: &str,
    env: Option<&str>,
) -> Result<Option<Run>> {
    let id: Option<String> = conn
        .prepare("SELECT id FROM runs WHERE campaign IN (SELECT value FROM json_each(?1)) AND env IS ?2 AND state <> 0 ORDER BY seq DESC LIMIT 1")?
        .query_row(params![aliases::kin_json(conn, campaign)?, env], |row| row.get(0))
        .optional()?;
    id.map_or(Ok(None), |id| run(conn, &id))
}

/// The cohort, outcome and reason of a row, as stored numbers.
pub(super) type GroupKey = (i64, Option<i64>, Option<i64>);

/// The totals of all rows with the same cohort, outcome and reason.
#[derive(Default)]
pub(super) struct Group {
    rows: u64,
    attempted: u64,
    /// The time of the latest change to one of the attempted rows.
    last_at: Option<i64>,
}

/// The ids of a run's rows, divided into two halves, and the feedback counts of the run.
pub(super) struct Halves {
    pub(super) front: RangeInclusive<i64>,
    pub(super) back: RangeInclusive<i64>,
    pub(super) feedback: BTreeMap<String, u64>,
}

pub(super) fn halves(conn: &Connection, run: &str) -> Result<Halves> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let latest: Option<i64> = conn
        .prepare_cached("SELECT max(id) FROM recipients WHERE id BETWEEN ?1 AND ?2")?
        .query_row([first, last], |row| row.get(0))?;
    let middle = latest.map_or(first, |latest| i64::midpoint(first, latest));
    Ok(Halves {
        front: first..=middle,
        back: middle + 1..=last,
        feedback: events::counts(conn, seq)?,
    })
}

/// Counts the rows with these ids by cohort, outcome and reason.
pub(super) fn alike(
    conn: &Connection,
    ids: &RangeInclusive<i64>,
) -> Result<Vec<(GroupKey, Group)>> {
    // The rows are counted in Rust. GROUP BY in SQL would sort all rows, although most adjacent
    // rows have the same values.
    let mut query = conn.prepare_cached("SELECT cohort, outcome, reason, attempts, last_at FROM recipients WHERE id BETWEEN ?1 AND ?2")?;
    let mut rows = query.query([ids.start(), ids.end()])?;
    let mut groups: Vec<(GroupKey, Group)> = Vec::new();
    let mut at = 0;
    while let Some(row) = rows.next()? {
        let key = (row.get(0)?, row.get(1)?, row.get(2)?);
        if groups.get(at).is_none_or(|(found, _)| *found != key) {
            at = groups.iter().position(|(found, _)| *found == key).unwrap_or(groups.len());
            if at == groups.len() {
                groups.push((key, Group::default()));
            }
        }
        let group = &mut groups[at].1;
        group.rows += 1;
        if row.get::<_, i64>(3)? > 0 {
            group.attempted += 1;
            group.last_at = group.last_at.max(row.get(4)?);
        }
    }
    Ok(groups)
}

/// Computes the totals of a run from the groups of both halves.
pub(super) fn standing(
    groups: impl IntoIterator<Item = (GroupKey, Group)>,
    feedback: BTreeMap<String, u64>,
) -> Result<Standing> {
    let mut standing = Standing { feedback, ..Standing::default() };
    for ((cohort, outcome, reason), group) in groups {
        let canary = codes::cohort(cohort) == Cohort::Canary;
        let (outcome, reason) = (codes::outcome(outcome)?, codes::reason(reason)?);
        if outcome == Some(Outcome::Rejected) {
            standing.rejected_here += group.attempted;
        }
        if canary {
            standing.canary_at = standing.canary_at.max(codes::times(group.last_at)?);
        }
        for tally in
            std::iter::once(&mut standing.tally).chain(canary.then_some(&mut standing.canary))
        {
            match outcome {
                Some(outcome) => tally.add(outcome, group.rows),
                None => tally.open += group.rows,
            }
        }
        if let Some(key) = outcome.zip(reason) {
            *standing.reasons.entry(key).or_default() += group.rows;
        }
    }
    Ok(standing)
}

pub(super) fn row_of(row: &Row<'_>) -> Result<LedgerRow> {
    Ok(LedgerRow {
        row: codes::row_of(row.get(0)?),
        list: row.get(1)?,
        line: row.get::<_, i64>(2)?.max(0) as u64,
        email: row.get(3)?,
        domain: row.get(4)?,
        key: row.get(5)?,
        fields: row.get(6)?,
        files: row.get(22)?,
        cohort: codes::cohort(row.get(7)?),
        outcome: codes::outcome(row.get(8)?)?,
        reason: codes::reason(row.get(9)?)?,
        code: row.get(10)?,
        detail: row.get(11)?,
        provider: row.get(12)?,
        batch: row.get(13)?,
        attempts: row.get(14)?,
        message_id: row.get(15)?,
        provider_id: row.get(16)?,
        first_at: codes::times(row.get(17)?)?,
        last_at: codes::times(row.get(18)?)?,
        feedback: row.get(19)?,
        is_retry: row.get(20)?,
        carried_from: row
            .get::<_, Option<String>>(21)?
            .and_then(|from| from.strip_prefix("run ").map(str::to_owned)),
    })
}

pub(super) fn rows(
    conn: &Connection,
    run: &str,
    after: RowNumber,
    limit: usize,
) -> Result<Vec<LedgerRow>> {
    let seq = seq_of(conn, run)?;
    let mut query = conn.prepare_cached(&format!(
        "SELECT {RECIPIENT} WHERE r.id > ?1 AND r.id <= ?2 ORDER BY r.id LIMIT ?3"
    ))?;
    let mut rows =
        query.query(params![codes::id_of(seq, after)?, codes::ids_of(seq).1, limit as i64])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(row_of(row)?);
    }
    Ok(page)
}

/// The cohorts to search: the given one, or both for `None`.
fn cohorts(cohort: Option<Cohort>) -> &'static [Cohort] {
    match cohort {
        Some(Cohort::Canary) => &[Cohort::Canary],
        Some(Cohort::Rest) => &[Cohort::Rest],
        None => &[Cohort::Canary, Cohort::Rest],
    }
}

/// The recipients that may be claimed: due retries first, ordered by time, then open rows in row
/// order.
pub(super) fn next(
    conn: &Connection,
    run: &str,
    ask: &Ask,
    now: Timestamp,
) -> Result<Vec<LedgerRow>> {
    let seq = seq_of(conn, run)?;
    let now = ask.now.unwrap_or(now).as_microsecond();
    // The domains are passed as a JSON array, so that one prepared statement works for any number
    // of domains.
    let not = serde_json::to_string(&ask.not_domains)?;
    let domain = "(?3 IS NULL OR r.domain = ?3) AND (?4 = '[]' OR r.domain NOT IN (SELECT value FROM json_each(?4)))";
    let (through, providers) = by_provider(&ask.through, "?7")?;
    let due = format!(
        "SELECT id, next_at FROM recipients r
         WHERE run = ?1 AND cohort = ?2 AND state = 2 AND next_at <= ?5 AND {domain} AND {through} ORDER BY next_at, id LIMIT ?6"
    );
    let open = format!(
        "SELECT id, id FROM recipients r WHERE run = ?1 AND cohort = ?2 AND state = 1 AND id > ?5 AND {domain} AND {through} ORDER BY id LIMIT ?6"
    );
    let mut found: Vec<i64> = Vec::new();
    let searches = [(due, now), (open, codes::id_of(seq, ask.after)?)];
    for (sql, bound) in searches.into_iter().take(if ask.only_due { 1 } else { 2 }) {
        let missing = ask.limit.saturating_sub(found.len());
        let mut ids: Vec<(i64, i64)> = Vec::new();
        for cohort in cohorts(ask.cohort) {
            let mut query = conn.prepare_cached(&sql)?;
            let rows = query.query_map(
                params![
                    seq,
                    codes::cohort_number(*cohort),
                    ask.only_domain,
                    not,
                    bound,
                    missing as i64,
                    providers
                ],
                |row| Ok((row.get(1)?, row.get(0)?)),
            )?;
            for row in rows {
                ids.push(row?);
            }
        }
        ids.sort_unstable();
        found.extend(ids.into_iter().take(missing).map(|(_, id)| id));
    }
    let mut query = conn.prepare_cached(&format!(
        "SELECT {OPEN_RECIPIENT} WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id"
    ))?;
    let mut page = Vec::with_capacity(found.len());
    // Most ids are consecutive, so one query reads many rows.
    for neighbours in found.chunk_by(|id, next| id + 1 == *next) {
        let (Some(first), Some(last)) = (neighbours.first(), neighbours.last()) else { continue };
        let mut rows = query.query([first, last])?;
        while let Some(row) = rows.next()? {
            page.push(row_of(row)?);
        }
    }
    Ok(page)
}

/// The SQL condition for the selected providers, and the JSON array for its parameter. For any
/// provider the condition reads no column, so that SQLite need not read the row.
pub(super) fn by_provider(through: &Through, parameter: &str) -> Result<(String, String)> {
    let (condition, providers): (_, &[String]) = match through {
        Through::Any => (format!("{parameter} IS NOT NULL"), &[]),
        Through::Only(name) => (
            format!("r.provider IN (SELECT value FROM json_each({parameter}))"),
            std::slice::from_ref(name),
        ),
        Through::Not(names) => {
            (format!("r.provider NOT IN (SELECT value FROM json_each({parameter}))"), names)
        }
    };
    Ok((condition, serde_json::to_string(providers)?))
}

pub(super) fn next_retry_at(
    conn: &Connection,
    run: &str,
    cohort: Option<Cohort>,
    through: &Through,
) -> Result<Option<Timestamp>> {
    let seq = seq_of(conn, run)?;
    let (through, providers) = by_provider(through, "?3")?;
    let sql = format!(
        "SELECT min(next_at) FROM recipients r WHERE run = ?1 AND cohort = ?2 AND state = 2 AND {through}"
    );
    let mut query = conn.prepare_cached(&sql)?;
    let mut earliest: Option<i64> = None;
    for cohort in cohorts(cohort) {
        let at: Option<i64> = query
            .query_row(params![seq, codes::cohort_number(*cohort), providers], |row| row.get(0))?;
        earliest = earliest.into_iter().chain(at).min();
    }
    codes::times(earliest)
}
