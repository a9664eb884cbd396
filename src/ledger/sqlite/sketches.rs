//! Sketches of who each run is for, and the comparison of a planned run with those of other campaigns.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::fault::Result;
use super::{aliases, words, workspace};
use crate::ledger::{Overlap, OverlapQuery, People, person_seed};
use crate::outcome::Outcome;
use crate::provider::JobId;

/// How many of the people are looked at; with more than these their number is an estimate, one percent off at most in nearly all cases.
const SAMPLE: usize = 4_096;
/// Fewer than this many say nothing about the others.
const LEAST_SAMPLE: usize = 10;
/// Fewer than this many people are not asked about.
const LEAST: u64 = 10;
/// How long the sketch of a removed run is kept: longer than any question looks back.
const KEEP: i64 = 60 * 86_400 * 1_000_000;

/// Keeps the sketch of a run that is being sealed.
pub(super) fn keep(conn: &Connection, seq: i64, apart: &str, people: &People) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO sketches(run, campaign, env, apart, message_fingerprint, bound, members)
         SELECT seq, campaign, env, ?2, message_fingerprint, ?3, ?4 FROM runs WHERE seq = ?1",
    )?
    .execute(params![seq, apart, people.bound.cast_signed(), People::pack(&people.members)])?;
    Ok(())
}

/// Before a run is removed: its sketch outlives it, holding only those who were reached.
pub(super) fn outlive(conn: &Connection, seq: i64, now: Timestamp) -> Result<()> {
    conn.execute("DELETE FROM sketches WHERE removed_at < ?1", [now.as_microsecond() - KEEP])?;
    let packed: Option<Vec<u8>> = conn.prepare("SELECT members FROM sketches WHERE run = ?1")?.query_row([seq], |row| row.get(0)).optional()?;
    let Some(packed) = packed else { return Ok(()) };
    let (mut reached, mut latest) = (Vec::new(), i64::MIN);
    for (person, row) in People::unpack(&packed) {
        if let Some(at) = reached_at(conn, words::id_of(seq, row)?, now)? {
            reached.push((person, 0));
            latest = latest.max(at);
        }
    }
    if reached.is_empty() {
        conn.execute("DELETE FROM sketches WHERE run = ?1", [seq])?;
    } else {
        conn.prepare("UPDATE sketches SET removed_at = ?2, reached_at = ?3, members = ?4 WHERE run = ?1")?.execute(params![
            seq,
            now.as_microsecond(),
            latest,
            People::pack(&reached)
        ])?;
    }
    Ok(())
}

/// When this recipient was accepted or may have been; `None` for the others.
fn reached_at(conn: &Connection, id: i64, now: Timestamp) -> Result<Option<i64>> {
    let sql = format!("SELECT last_at FROM recipients WHERE id = ?1 AND {}", reached());
    let found: Option<Option<i64>> = conn.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(found.map(|at| at.unwrap_or(now.as_microsecond())))
}

/// The condition for a recipient who was accepted, is unknown, or is claimed just now.
fn reached() -> String {
    let outcomes = words::list_of(&[Outcome::Accepted, Outcome::Unknown]);
    format!("(outcome IN ({outcomes}) OR state = {})", words::CLAIMED)
}

/// People whom a run of another campaign has reached.
struct Found {
    campaign: String,
    run: String,
    at: i64,
    /// Which of the people with hashes up to `bound`.
    reached: Vec<u64>,
    bound: u64,
}

/// Compares the people of a planned run with those whom other campaigns have reached with the same message.
pub(super) fn overlap(conn: &Connection, query: &OverlapQuery, now: Timestamp) -> Result<Option<Overlap>> {
    let mut people: Vec<u64> = query.people.members.iter().map(|(person, _)| *person).collect();
    people.dedup();
    let is_whole = query.people.bound == u64::MAX;
    let count = if is_whole { people.len() as u64 } else { query.people.count };
    let mut bound = query.people.bound;
    if people.len() > SAMPLE {
        people.truncate(SAMPLE);
        bound = people.last().copied().unwrap_or_default();
    }
    if count < LEAST {
        return Ok(None);
    }
    let mut found = sketched(conn, query, &people, now)?;
    found.extend(unsketched(conn, query, &people)?);
    let mut bounds: Vec<u64> = found.iter().map(|found| found.bound.min(bound)).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let answers = bounds.into_iter().filter_map(|bound| judge(&people, count, bound, &found));
    Ok(answers.max_by_key(|overlap| overlap.reached))
}

/// What the runs say whose sketches reach up to `bound`; `None` where fewer than half of the people, or than ten, were reached.
fn judge(people: &[u64], count: u64, bound: u64, found: &[Found]) -> Option<Overlap> {
    let sample = people.partition_point(|person| *person <= bound);
    let is_exact = sample as u64 == count;
    if !is_exact && sample < LEAST_SAMPLE {
        return None;
    }
    let mut reached = HashSet::new();
    let mut by_campaign: HashMap<&str, (usize, i64, &str)> = HashMap::new();
    for run in found.iter().filter(|run| run.bound >= bound) {
        let theirs = run.reached.iter().filter(|person| **person <= bound);
        let before = by_campaign.entry(&run.campaign).or_insert((0, i64::MIN, ""));
        before.0 += theirs.clone().count();
        if run.at >= before.1 {
            (before.1, before.2) = (run.at, &run.run);
        }
        reached.extend(theirs.copied());
    }
    let estimate = (reached.len() as u128 * u128::from(count) / sample.max(1) as u128) as u64;
    if 2 * reached.len() < sample || estimate < LEAST {
        return None;
    }
    let (campaign, (_, at, run)) = by_campaign.into_iter().max_by_key(|(_, (most, at, _))| (*most, *at))?;
    let at = words::time(at).ok()?;
    Some(Overlap { reached: estimate, of: count, is_exact, campaign: campaign.to_owned(), run: run.to_owned(), at })
}

/// What the kept sketches say. Only members that both have are looked up.
fn sketched(conn: &Connection, query: &OverlapQuery, people: &[u64], now: Timestamp) -> Result<Vec<Found>> {
    let since = query.since.as_microsecond();
    let kin = aliases::kin_json(conn, &query.campaign)?;
    let mut sketches = conn.prepare(
        "SELECT s.run, s.campaign, coalesce(r.id, ''), s.bound, s.reached_at, s.members FROM sketches s LEFT JOIN runs r ON r.seq = s.run
         WHERE s.message_fingerprint = ?1 AND s.env IS ?2 AND s.apart = ?3 AND s.campaign NOT IN (SELECT value FROM json_each(?4))
           AND coalesce(r.finished_at, s.reached_at, ?5) >= ?5",
    )?;
    let mut rows = sketches.query(params![query.message_fingerprint, query.env, query.apart, kin, since])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, bound, removed): (i64, i64, Option<i64>) = (row.get(0)?, row.get(3)?, row.get(4)?);
        let mut found = Found { campaign: row.get(1)?, run: row.get(2)?, at: i64::MIN, reached: Vec::new(), bound: bound.cast_unsigned() };
        let members = People::unpack(row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?);
        for (person, row) in both(people, members) {
            let at = match removed {
                Some(at) => Some(at),
                None => reached_at(conn, words::id_of(seq, row)?, now)?.filter(|at| *at >= since),
            };
            if let Some(at) = at {
                found.reached.push(person);
                found.at = found.at.max(at);
            }
        }
        found.reached.dedup();
        // A run that reached none of them still says so.
        all.push(found);
    }
    Ok(all)
}

/// The members that are among `people`; both are sorted.
fn both<'a>(people: &'a [u64], members: impl Iterator<Item = (u64, JobId)> + 'a) -> impl Iterator<Item = (u64, JobId)> + 'a {
    let mut at = 0;
    members.filter(move |(person, _)| {
        while people.get(at).is_some_and(|one| one < person) {
            at += 1;
        }
        people.get(at) == Some(person)
    })
}

/// The same for runs of which no sketch was kept, because an earlier version planned them: these are read through, until they are too old
/// to be asked about.
fn unsketched(conn: &Connection, query: &OverlapQuery, people: &[u64]) -> Result<Vec<Found>> {
    let since = query.since.as_microsecond();
    let kin = aliases::kin_json(conn, &query.campaign)?;
    let seed = person_seed(&workspace::secret_key(conn)?);
    let mut runs = conn.prepare(
        "SELECT r.seq, r.campaign, r.id, r.provider, r.settings FROM runs r LEFT JOIN sketches s ON s.run = r.seq
         WHERE s.run IS NULL AND r.message_fingerprint = ?1 AND r.env IS ?2 AND r.state <> 0
           AND r.campaign NOT IN (SELECT value FROM json_each(?3)) AND coalesce(r.finished_at, ?4) >= ?4",
    )?;
    let mut reached = conn.prepare(&format!(
        "SELECT email, coalesce(last_at, ?3) FROM recipients WHERE id BETWEEN ?1 AND ?2 AND key <> '' AND {} AND coalesce(last_at, ?3) >= ?3",
        reached()
    ))?;
    let mut rows = runs.query(params![query.message_fingerprint, query.env, kin, since])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, provider, settings): (i64, String, String) = (row.get(0)?, row.get(3)?, row.get(4)?);
        let settings: serde_json::Value = serde_json::from_str(&settings)?;
        let is_set = |key| settings.get(key).is_some_and(|value| !value.is_null() && *value != false);
        let apart = if query.sandboxes.contains(&provider) { SANDBOX } else { "" };
        if is_set("redirect") || is_set("provider_sandbox") || is_set("apart") || apart != query.apart {
            continue;
        }
        let mut found = Found { campaign: row.get(1)?, run: row.get(2)?, at: i64::MIN, reached: Vec::new(), bound: u64::MAX };
        let (first, last) = words::ids_of(seq);
        let mut members = reached.query(params![first, last, since])?;
        while let Some(member) = members.next()? {
            let email = member.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?.to_lowercase();
            let person = xxh3_64_with_seed(email.as_bytes(), seed);
            if people.binary_search(&person).is_ok() {
                found.reached.push(person);
                found.at = found.at.max(member.get(1)?);
            }
        }
        all.push(found);
    }
    Ok(all)
}

/// The word for runs whose mail stays in the sandbox.
const SANDBOX: &str = crate::ledger::APART_SANDBOX;
