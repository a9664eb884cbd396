//! Stores a sketch of each run's recipients, and compares a planned run with runs of other
//! campaigns.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use super::fault::Result;
use super::{aliases, codes, known, workspace};
use crate::ledger::{
    LostPeople, OtherCampaign, Overlap, OverlapQuery, People, person_of, person_seed,
};
use crate::model::outcome::Outcome;
use crate::provider::RowNumber;

/// The maximum number of recipients to compare. For a larger list the result is an estimate with an
/// error that is nearly always below one percent.
const SAMPLE: usize = 4_096;
/// The minimum size of a sample. A smaller one gives no useful estimate.
const LEAST_SAMPLE: usize = 10;
/// The minimum number of recipients. A smaller list is not compared.
const LEAST: u64 = 10;
/// How long the sketch of a removed run is kept. It is longer than the period of any overlap query.
const KEEP: i64 = 60 * 86_400 * 1_000_000;
/// Stands for an unknown value in the sketch of a lost run. It matches every value and is not a
/// usual name of an environment.
const ANY: &str = "*";

/// Stores the sketch of a run that is being sealed.
pub(super) fn keep(conn: &Connection, seq: i64, apart: &str, people: &People) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO sketches(run, campaign, env, apart, message_fingerprint, bound, members)
         SELECT seq, campaign, env, ?2, message_fingerprint, ?3, ?4 FROM runs WHERE seq = ?1",
    )?
    .execute(params![
        seq,
        apart,
        people.bound.cast_signed(),
        People::pack(&people.members)
    ])?;
    Ok(())
}

/// Stores the recipients that a lost run reached. Replaces an earlier entry for the same run.
pub(super) fn keep_lost(conn: &Connection, lost: &LostPeople, now: Timestamp) -> Result<()> {
    aliases::add_lost(conn, &lost.campaign)?;
    let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| ANY.to_owned());
    conn.prepare(
        "INSERT OR REPLACE INTO sketches(run, campaign, env, apart, message_fingerprint, bound, removed_at, reached_at, members)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number_of_lost(&lost.run),
        lost.campaign,
        lost.env.clone().unwrap_or_else(|| Some(ANY.to_owned())),
        or_any(&lost.apart),
        or_any(&lost.message_fingerprint),
        lost.people.bound.cast_signed(),
        now.as_microsecond(),
        lost.at.as_microsecond(),
        People::pack(&lost.people.members),
    ])?;
    Ok(())
}

/// A number for a run that is not in this ledger. It is negative, so it differs from the numbers of
/// all runs in the ledger.
fn number_of_lost(run: &str) -> i64 {
    -1 - (xxh3_64(run.as_bytes()) >> 1).cast_signed()
}

/// The id of a lost run; empty if it is not stored.
fn name_of_lost(conn: &Connection, number: i64) -> Result<String> {
    let names = known::past(conn)?;
    Ok(names.into_iter().find(|name| number_of_lost(name) == number).unwrap_or_default())
}

/// Reduces the sketch of a run to the recipients that it reached, because the run is about to be
/// removed.
pub(super) fn outlive(conn: &Connection, seq: i64, now: Timestamp) -> Result<()> {
    conn.execute("DELETE FROM sketches WHERE removed_at < ?1", [now.as_microsecond() - KEEP])?;
    let packed: Option<Vec<u8>> = conn
        .prepare("SELECT members FROM sketches WHERE run = ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    let Some(packed) = packed else { return Ok(()) };
    let (mut reached, mut latest) = (Vec::new(), i64::MIN);
    for (person, row) in People::unpack(&packed) {
        let at = match fate(conn, codes::id_of(seq, row)?)? {
            Fate::Reached(at) => at.unwrap_or(now.as_microsecond()),
            // The provider may have accepted the recipient.
            Fate::Claimed => now.as_microsecond(),
            Fate::Ahead | Fate::Out => continue,
        };
        reached.push((person, 0));
        latest = latest.max(at);
    }
    if reached.is_empty() {
        conn.execute("DELETE FROM sketches WHERE run = ?1", [seq])?;
    } else {
        conn.prepare(
            "UPDATE sketches SET removed_at = ?2, reached_at = ?3, members = ?4 WHERE run = ?1",
        )?
        .execute(params![seq, now.as_microsecond(), latest, People::pack(&reached)])?;
    }
    Ok(())
}

/// The state of one recipient of a run.
enum Fate {
    /// The recipient was accepted or is unknown, at this time if it is known.
    Reached(Option<i64>),
    /// The recipient is claimed and not settled yet.
    Claimed,
    /// The recipient is planned or waits for a retry.
    Ahead,
    /// The run does not reach the recipient.
    Out,
}

impl Fate {
    fn of(state: i64, outcome: Option<i64>, last_at: Option<i64>) -> Result<Self> {
        Ok(match (state, codes::outcome(outcome)?) {
            (codes::FINAL, Some(Outcome::Accepted | Outcome::Unknown)) => Self::Reached(last_at),
            (codes::FINAL, _) => Self::Out,
            (codes::CLAIMED, _) => Self::Claimed,
            _ => Self::Ahead,
        })
    }
}

fn fate(conn: &Connection, id: i64) -> Result<Fate> {
    let found: Option<(i64, Option<i64>, Option<i64>)> = conn
        .prepare_cached("SELECT state, outcome, last_at FROM recipients WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    found.map_or(Ok(Fate::Out), |(state, outcome, last_at)| Fate::of(state, outcome, last_at))
}

/// Recipients that a run of another campaign has reached or is about to reach.
struct Found {
    campaign: String,
    run: String,
    at: i64,
    /// The hashes of reached recipients, up to `bound`.
    reached: Vec<u64>,
    coming: Vec<u64>,
    bound: u64,
    is_message_known: bool,
}

impl Found {
    fn new(campaign: String, run: String, bound: u64, is_message_known: bool) -> Self {
        Self {
            campaign,
            run,
            at: i64::MIN,
            reached: Vec::new(),
            coming: Vec::new(),
            bound,
            is_message_known,
        }
    }

    /// Adds a recipient. Ignores a submission before `since`.
    fn add(&mut self, person: u64, fate: &Fate, since: i64, now: Timestamp) {
        let now = now.as_microsecond();
        let at = match fate {
            Fate::Reached(at) => at.unwrap_or(now),
            Fate::Claimed | Fate::Ahead => now,
            Fate::Out => return,
        };
        if at >= since {
            let people =
                if matches!(fate, Fate::Reached(_)) { &mut self.reached } else { &mut self.coming };
            people.push(person);
            self.at = self.at.max(at);
        }
    }
}

/// Compares the recipients of a planned run with the recipients that other campaigns reached with
/// the same message.
pub(super) fn overlap(
    conn: &Connection,
    query: &OverlapQuery,
    now: Timestamp,
) -> Result<Option<Overlap>> {
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
    found.extend(unsketched(conn, query, &people, now)?);
    // Runs with a known message are compared first. Runs with an unknown message are added only if
    // the first comparison finds no overlap.
    let certain: Vec<Found>;
    (certain, found) = found.into_iter().partition(|found| found.is_message_known);
    let answer = largest(&people, count, bound, &certain);
    if answer.is_some() || found.is_empty() {
        return Ok(answer);
    }
    found.extend(certain);
    Ok(largest(&people, count, bound, &found)
        .map(|overlap| Overlap { is_message_known: false, ..overlap }))
}

/// The largest overlap that is found with any value of `bound`.
fn largest(people: &[u64], count: u64, bound: u64, found: &[Found]) -> Option<Overlap> {
    let mut bounds: Vec<u64> = found.iter().map(|found| found.bound.min(bound)).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let answers = bounds.into_iter().filter_map(|bound| judge(people, count, bound, found));
    answers.max_by_key(|overlap| overlap.reached + overlap.coming)
}

/// The overlap with those runs whose sketches are complete up to `bound`. Returns `None` if fewer
/// than half of the recipients, or fewer than ten, were reached.
fn judge(people: &[u64], count: u64, bound: u64, found: &[Found]) -> Option<Overlap> {
    let sample = people.partition_point(|person| *person <= bound);
    let is_exact = sample as u64 == count;
    if !is_exact && sample < LEAST_SAMPLE {
        return None;
    }
    let (mut reached, mut all): (HashSet<u64>, HashSet<u64>) = (HashSet::new(), HashSet::new());
    let mut by_campaign: HashMap<&str, (usize, i64, &str)> = HashMap::new();
    for run in found.iter().filter(|run| run.bound >= bound) {
        let up_to = |people: &[u64]| {
            people.iter().filter(|person| **person <= bound).copied().collect::<HashSet<u64>>()
        };
        let (theirs, coming) = (up_to(&run.reached), up_to(&run.coming));
        let before = by_campaign.entry(&run.campaign).or_insert((0, i64::MIN, ""));
        before.0 += theirs.union(&coming).count();
        if run.at >= before.1 {
            (before.1, before.2) = (run.at, &run.run);
        }
        reached.extend(&theirs);
        all.extend(theirs.iter().chain(&coming));
    }
    let of_all = |n: usize| (n as u128 * u128::from(count) / sample.max(1) as u128) as u64;
    if 2 * all.len() < sample || of_all(all.len()) < LEAST {
        return None;
    }
    let mut others: Vec<(&str, (usize, i64, &str))> =
        by_campaign.into_iter().filter(|(_, (people, ..))| *people > 0).collect();
    others.sort_by_key(|(_, (people, at, _))| std::cmp::Reverse((*people, *at)));
    let (campaign, (_, at, run)) = *others.first()?;
    let at = codes::time(at).ok()?;
    let other = |(campaign, (people, _, run)): &(&str, (usize, i64, &str))| OtherCampaign {
        campaign: (*campaign).to_owned(),
        run: (*run).to_owned(),
        people: of_all(*people),
    };
    let others = others.iter().map(other).collect();
    let (reached, all) = (of_all(reached.len()), of_all(all.len()));
    Some(Overlap {
        reached,
        coming: all - reached,
        of: count,
        is_exact,
        campaign: campaign.to_owned(),
        run: run.to_owned(),
        at,
        is_message_known: true,
        others,
    })
}

/// Compares with the stored sketches. Reads only the rows of recipients that are in both sketches.
fn sketched(
    conn: &Connection,
    query: &OverlapQuery,
    people: &[u64],
    now: Timestamp,
) -> Result<Vec<Found>> {
    let since = query.since.as_microsecond();
    let kin = aliases::kin_json(conn, &query.campaign)?;
    let mut sketches = conn.prepare(
        "SELECT s.run, s.campaign, coalesce(r.id, ''), s.bound, s.reached_at, s.message_fingerprint, s.members
         FROM sketches s LEFT JOIN runs r ON r.seq = s.run
         WHERE s.message_fingerprint IN (?1, ?6) AND (s.env IS ?2 OR s.env = ?6) AND s.apart IN (?3, ?6)
           AND s.campaign NOT IN (SELECT value FROM json_each(?4)) AND coalesce(r.finished_at, s.reached_at, ?5) >= ?5",
    )?;
    let mut rows = sketches.query(params![
        query.message_fingerprint,
        query.env,
        query.apart,
        kin,
        since,
        ANY
    ])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, bound, removed): (i64, i64, Option<i64>) =
            (row.get(0)?, row.get(3)?, row.get(4)?);
        let name = if seq < 0 { name_of_lost(conn, seq)? } else { row.get(2)? };
        let mut found =
            Found::new(row.get(1)?, name, bound.cast_unsigned(), row.get::<_, String>(5)? != ANY);
        let members = People::unpack(row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?);
        for (person, row) in both(people, members) {
            let fate = match removed {
                Some(at) => Fate::Reached(Some(at)),
                None => fate(conn, codes::id_of(seq, row)?)?,
            };
            found.add(person, &fate, since, now);
        }
        // A sketch without matching recipients is kept too, because its bound limits the
        // comparison.
        all.push(found);
    }
    Ok(all)
}

/// The members whose hashes are also in `people`. Both lists are sorted.
fn both<'a>(
    people: &'a [u64],
    members: impl Iterator<Item = (u64, RowNumber)> + 'a,
) -> impl Iterator<Item = (u64, RowNumber)> + 'a {
    let mut at = 0;
    members.filter(move |(person, _)| {
        while people.get(at).is_some_and(|one| one < person) {
            at += 1;
        }
        people.get(at) == Some(person)
    })
}

/// Compares with runs that have no sketch, because an earlier version of mailbatch planned them.
/// Reads all rows of each run that is recent enough.
fn unsketched(
    conn: &Connection,
    query: &OverlapQuery,
    people: &[u64],
    now: Timestamp,
) -> Result<Vec<Found>> {
    let since = query.since.as_microsecond();
    let kin = aliases::kin_json(conn, &query.campaign)?;
    let seed = person_seed(&workspace::secret_key(conn)?);
    let mut runs = conn.prepare(
        "SELECT r.seq, r.campaign, r.id, r.provider, r.settings FROM runs r LEFT JOIN sketches s ON s.run = r.seq
         WHERE s.run IS NULL AND r.message_fingerprint = ?1 AND r.env IS ?2 AND r.state <> 0
           AND r.campaign NOT IN (SELECT value FROM json_each(?3)) AND coalesce(r.finished_at, ?4) >= ?4",
    )?;
    let mut recipients = conn.prepare("SELECT email, state, outcome, last_at FROM recipients WHERE id BETWEEN ?1 AND ?2 AND key <> ''")?;
    let mut rows = runs.query(params![query.message_fingerprint, query.env, kin, since])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, provider, settings): (i64, String, String) =
            (row.get(0)?, row.get(3)?, row.get(4)?);
        let settings: serde_json::Value = serde_json::from_str(&settings)?;
        let is_set =
            |key| settings.get(key).is_some_and(|value| !value.is_null() && *value != false);
        let apart = if query.sandboxes.contains(&provider) { SANDBOX } else { "" };
        if is_set("redirect")
            || is_set("provider_sandbox")
            || is_set("apart")
            || apart != query.apart
        {
            continue;
        }
        let mut found = Found::new(row.get(1)?, row.get(2)?, u64::MAX, true);
        let (first, last) = codes::ids_of(seq);
        let mut members = recipients.query([first, last])?;
        while let Some(member) = members.next()? {
            let fate = Fate::of(member.get(1)?, member.get(2)?, member.get(3)?)?;
            if matches!(fate, Fate::Out) {
                continue;
            }
            let person =
                person_of(member.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, seed);
            if people.binary_search(&person).is_ok() {
                found.add(person, &fate, since, now);
            }
        }
        all.push(found);
    }
    Ok(all)
}

/// The value of `apart` for runs whose mail stays in the sandbox.
const SANDBOX: &str = crate::ledger::APART_SANDBOX;
