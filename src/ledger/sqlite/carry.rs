//! Finds the outcomes that a run takes over from earlier runs of its campaign, and stores hashes of
//! the recipients of removed runs.
//!
//! A recipient that any earlier run accepted stays accepted. Otherwise the newest run decides: if
//! it left the recipient `deferred` or `held`, this run may send.

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::fault::Result;
use super::hashes::{Compare, Hash, Hasher, key_in_one_spelling, one_spelling};
use super::{aliases, codes};
use crate::model::address::Dedupe;
use crate::model::outcome::{Outcome, Reason};

/// The campaign and environment whose outcomes a run takes over, and the rule for comparing
/// recipients.
pub(super) struct Scope {
    pub(super) campaign: String,
    pub(super) env: Option<String>,
    pub(super) compare: Compare,
}

/// The rule for comparing recipients that follows from a run's dedupe mode.
pub(super) fn compare(dedupe: Dedupe) -> Compare {
    match dedupe {
        Dedupe::Off => Compare::KeyOnly,
        Dedupe::Exact => Compare::Exact,
        Dedupe::Ci => Compare::Folded,
    }
}

fn scope(conn: &Connection, seq: i64) -> Result<Scope> {
    let (campaign, env, settings): (String, Option<String>, String) =
        conn.query_row("SELECT campaign, env, settings FROM runs WHERE seq = ?1", [seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let settings: serde_json::Value = serde_json::from_str(&settings)?;
    let dedupe = settings.get("dedupe").and_then(serde_json::Value::as_str);
    let compare = compare(dedupe.and_then(|word| word.parse().ok()).unwrap_or_default());
    Ok(Scope { campaign, env, compare })
}

/// Settles the rows of a run that is being sealed with the outcomes that the same recipients have
/// in earlier runs.
pub(super) fn carry_over(conn: &Connection, key: &[u8; 32], seq: i64) -> Result<()> {
    let Some(earlier) = Earlier::find(conn, key, scope(conn, seq)?, seq)? else { return Ok(()) };
    earlier.gather(conn)?;
    apply(conn, &earlier, seq)?;
    earlier.forget(conn)
}

/// Earlier runs of a campaign, and the hashes of its removed runs.
pub(super) struct Earlier {
    /// The numbers of these runs, oldest first.
    runs: Vec<i64>,
    compare: Compare,
    /// Computes hashes under the campaign's own id.
    own: Hasher,
    /// Compute hashes under the campaign's other ids, to find removed runs that were recorded under
    /// them.
    others: Vec<Hasher>,
    has_removed: bool,
}

impl Earlier {
    /// Finds the campaign's runs that were planned before run number `before`. Returns `None` if
    /// there are none and the workspace has no removed runs.
    pub(super) fn find(
        conn: &Connection,
        key: &[u8; 32],
        Scope { campaign, env, compare }: Scope,
        before: i64,
    ) -> Result<Option<Self>> {
        let kin = aliases::kin(conn, &campaign)?;
        let runs: Vec<i64> = conn
            .prepare("SELECT seq FROM runs WHERE campaign IN (SELECT value FROM json_each(?1)) AND env IS ?2 AND seq < ?3 AND state <> 0 ORDER BY seq")?
            .query_map(params![serde_json::to_string(&kin)?, env, before], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let has_removed = conn.prepare("SELECT 1 FROM reached LIMIT 1")?.exists([])?;
        if runs.is_empty() && !has_removed {
            return Ok(None);
        }
        // The campaign's own id comes first.
        let mut hashers = kin.iter().map(|id| Hasher::new(key, id, env.as_deref()));
        let Some(own) = hashers.next() else { return Ok(None) };
        let others = if has_removed { hashers.collect() } else { Vec::new() };
        Ok(Some(Self { runs, compare, own, others, has_removed }))
    }

    /// Collects the outcomes of the runs in a temporary table.
    pub(super) fn gather(&self, conn: &Connection) -> Result<()> {
        // The cache is large enough for the hashes of a large run, which are looked up in random
        // order.
        conn.execute_batch(
            "PRAGMA temp.cache_size = -16384;
             CREATE TEMP TABLE IF NOT EXISTS earlier(hash BLOB PRIMARY KEY, outcome INTEGER NOT NULL, recipient INTEGER NOT NULL) WITHOUT ROWID;
             DELETE FROM temp.earlier;",
        )?;
        for (place, old) in self.runs.iter().enumerate() {
            gather(conn, &self.own, &self.compare, *old, place == 0)?;
        }
        Ok(())
    }

    /// Deletes the collected outcomes and frees their memory.
    pub(super) fn forget(&self, conn: &Connection) -> Result<()> {
        Ok(conn.execute_batch("DELETE FROM temp.earlier; PRAGMA shrink_memory")?)
    }

    pub(super) fn lookup<'a>(&self, conn: &'a Connection) -> Result<Lookup<'a>> {
        Lookup::new(conn, self.has_removed)
    }

    /// The earlier outcome of a recipient. An acceptance takes precedence.
    pub(super) fn decision(
        &self,
        lookup: &mut Lookup<'_>,
        key: &str,
        email: &str,
    ) -> Result<Option<Found>> {
        let older = |hasher: &Hasher| match self.has_removed {
            true => hasher.older(&self.compare, key, email),
            false => Vec::new(),
        };
        let all = std::iter::once(&self.own)
            .chain(&self.others)
            .flat_map(|hasher| hasher.wanted(&self.compare, key, email).chain(older(hasher)));
        let mut best: Option<Found> = None;
        for hash in all {
            if let Some(found) = lookup.find(&hash)?
                && (best.is_none() || found.outcome == Outcome::Accepted)
            {
                best = Some(found);
            }
        }
        Ok(best)
    }
}

/// The outcome that a recipient takes over. Every recipient takes over an acceptance. An open
/// recipient also takes over other outcomes; a suppressed one does not.
pub(super) fn taken_over(found: &Found, is_open: bool) -> Option<Outcome> {
    match found.outcome {
        Outcome::Accepted => Some(Outcome::AlreadyAccepted),
        outcome => is_open.then_some(outcome),
    }
}

/// Adds the outcomes of one earlier run to the collected ones. Must be called for the oldest run
/// first. The oldest run has no earlier outcomes to replace.
fn gather(
    conn: &Connection,
    hasher: &Hasher,
    compare: &Compare,
    old: i64,
    oldest: bool,
) -> Result<()> {
    let accepted = codes::outcome_number(Outcome::Accepted);
    let kept = [
        accepted,
        codes::outcome_number(Outcome::Rejected),
        codes::outcome_number(Outcome::Unknown),
    ];
    let (first, last) = codes::ids_of(old);
    let mut read = kept.to_vec();
    if !oldest {
        read.extend([
            codes::outcome_number(Outcome::Deferred),
            codes::outcome_number(Outcome::Held),
        ]);
    }
    let read: Vec<String> = read.iter().map(i64::to_string).collect();
    let mut rows = conn.prepare(&format!(
        "SELECT id, outcome, key, email FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome IN ({}) AND key <> ''",
        read.join(", ")
    ))?;
    let mut keep = conn.prepare(&format!(
        "INSERT INTO temp.earlier(hash, outcome, recipient) VALUES (?1, ?2, ?3)
         ON CONFLICT(hash) DO UPDATE SET outcome = excluded.outcome, recipient = excluded.recipient WHERE outcome <> {accepted}"
    ))?;
    let mut forget = conn
        .prepare(&format!("DELETE FROM temp.earlier WHERE hash = ?1 AND outcome <> {accepted}"))?;
    let mut rows = rows.query([first, last])?;
    while let Some(row) = rows.next()? {
        let (id, outcome): (i64, i64) = (row.get(0)?, row.get(1)?);
        for hash in hasher.wanted(
            compare,
            row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
            row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?,
        ) {
            if kept.contains(&outcome) {
                keep.execute(params![hash, outcome, id])?;
            } else {
                forget.execute([hash])?;
            }
        }
    }
    Ok(())
}

/// The outcome of a recipient in an earlier run, as found by a lookup.
pub(super) struct Found {
    outcome: Outcome,
    reason: Option<i64>,
    code: String,
    detail: String,
    /// The id of the earlier run; empty if the run was removed.
    run: String,
    /// The run from which `run` carried the outcome over; `None` if `run` attempted the recipient
    /// itself.
    from: Option<String>,
}

/// Looks up earlier outcomes by hash.
pub(super) struct Lookup<'a> {
    live: Statement<'a>,
    row: Statement<'a>,
    removed: Option<Statement<'a>>,
}

impl<'a> Lookup<'a> {
    fn new(conn: &'a Connection, removed: bool) -> Result<Self> {
        Ok(Self {
            live: conn.prepare("SELECT recipient FROM temp.earlier WHERE hash = ?1")?,
            row: conn
                .prepare("SELECT r.outcome, r.reason, r.code, r.detail, runs.id, CASE WHEN r.batch IS NULL THEN r.carried_from END FROM recipients r JOIN runs ON runs.seq = r.run WHERE r.id = ?1")?,
            removed: if removed { Some(conn.prepare("SELECT outcome, reason FROM reached WHERE hash = ?1")?) } else { None },
        })
    }

    /// Looks up one hash. An existing run takes precedence over a removed one, unless the removed
    /// run accepted the recipient.
    fn find(&mut self, hash: &Hash) -> Result<Option<Found>> {
        let recipient: Option<i64> = self.live.query_row([hash], |row| row.get(0)).optional()?;
        let mut found = None;
        if let Some(id) = recipient {
            let mut rows = self.row.query([id])?;
            if let Some(row) = rows.next()?
                && let Some(outcome) = codes::outcome(row.get(0)?)?
            {
                found = Some(Found {
                    outcome,
                    reason: row.get(1)?,
                    code: row.get(2)?,
                    detail: row.get(3)?,
                    run: row.get(4)?,
                    from: row.get(5)?,
                });
            }
        }
        let Some(removed) = self
            .removed
            .as_mut()
            .filter(|_| found.as_ref().is_none_or(|found| found.outcome != Outcome::Accepted))
        else {
            return Ok(found);
        };
        let kept: Option<(i64, Option<i64>)> =
            removed.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((outcome, reason)) = kept
            && let Some(outcome) = codes::outcome(Some(outcome))?
            && (found.is_none() || outcome == Outcome::Accepted)
        {
            found = Some(Found {
                outcome,
                reason,
                code: String::new(),
                detail: String::new(),
                run: String::new(),
                from: None,
            });
        }
        Ok(found)
    }
}

fn apply(conn: &Connection, earlier: &Earlier, seq: i64) -> Result<()> {
    let mut lookup = earlier.lookup(conn)?;
    let (first, last) = codes::ids_of(seq);
    let mut rows = conn.prepare(&format!(
        "SELECT id, state, key, email FROM recipients WHERE id > ?1 AND id <= ?2 AND key <> '' AND (state = 1 OR outcome = {}) ORDER BY id LIMIT 1000",
        codes::outcome_number(Outcome::Suppressed)
    ))?;
    let mut update =
        conn.prepare("UPDATE recipients SET state = 0, outcome = ?2, reason = ?3, code = ?4, detail = ?5, carried_from = ?6 WHERE id = ?1")?;
    let mut after = first - 1;
    loop {
        // The update changes the rows that the query reads, so each page is read completely before
        // its rows are changed.
        let page: Vec<(i64, i64, String, String)> = rows
            .query_map([after, last], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let Some((newest, ..)) = page.last() else { return Ok(()) };
        after = *newest;
        for (id, state, key, email) in page {
            let Some(found) = earlier.decision(&mut lookup, &key, &email)? else { continue };
            let Some(outcome) = taken_over(&found, state == codes::OPEN) else { continue };
            let named = || {
                if found.run.is_empty() {
                    "a removed run".to_owned()
                } else {
                    format!("run {}", found.run)
                }
            };
            // Names the run that attempted the recipient, even if other runs have carried the
            // outcome over since.
            let from = found.from.clone().unwrap_or_else(named);
            let (reason, code, detail) = match outcome {
                Outcome::AlreadyAccepted => (
                    Some(codes::reason_number(Reason::EarlierRun)),
                    String::new(),
                    format!("accepted in {from}"),
                ),
                _ => (found.reason, found.code, found.detail),
            };
            let outcome = codes::outcome_number(outcome);
            update.execute(params![id, outcome, reason, code, detail, from])?;
        }
    }
}

/// Closes open rows of a run that is being sealed, except recipients that have one of these
/// outcomes in the campaign's previous run. A closed row gets its outcome from the previous run, or
/// becomes `held` if that run did not contain the recipient.
pub(super) fn leave_out(
    conn: &Connection,
    key: &[u8; 32],
    seq: i64,
    only: &[Outcome],
) -> Result<()> {
    let Scope { campaign, env, compare } = scope(conn, seq)?;
    let kin = aliases::kin(conn, &campaign)?;
    let before: Option<i64> = conn
        .prepare("SELECT max(seq) FROM runs WHERE campaign IN (SELECT value FROM json_each(?1)) AND env IS ?2 AND seq < ?3 AND state <> 0")?
        .query_row(params![serde_json::to_string(&kin)?, env, seq], |row| row.get(0))?;
    let (Some(before), Some(own)) = (before, kin.first()) else { return Ok(()) };
    let hasher = Hasher::new(key, own, env.as_deref());
    conn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS left_over(hash BLOB PRIMARY KEY, recipient INTEGER NOT NULL) WITHOUT ROWID; DELETE FROM temp.left_over;",
    )?;
    let not_reached = [Outcome::Deferred, Outcome::Held].map(codes::outcome_number);
    let (first, last) = codes::ids_of(before);
    let mut keep =
        conn.prepare("INSERT OR IGNORE INTO temp.left_over(hash, recipient) VALUES (?1, ?2)")?;
    let mut rows =
        conn.prepare("SELECT id, key, email FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND outcome IN (?3, ?4) AND key <> ''")?;
    let mut rows = rows.query(params![first, last, not_reached[0], not_reached[1]])?;
    while let Some(row) = rows.next()? {
        let (id, key, email): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for hash in hasher.wanted(&compare, &key, &email) {
            keep.execute(params![hash, id])?;
        }
    }
    let (first, last) = codes::ids_of(seq);
    let open: Vec<(i64, String, String)> = conn
        .prepare("SELECT id, key, email FROM recipients WHERE id BETWEEN ?1 AND ?2 AND state = 1")?
        .query_map([first, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut find = conn.prepare("SELECT r.id, r.outcome FROM temp.left_over l JOIN recipients r ON r.id = l.recipient WHERE l.hash = ?1")?;
    let mut close = conn.prepare(
        "UPDATE recipients SET state = 0, (outcome, reason, code, detail) = (SELECT outcome, reason, code, detail FROM recipients WHERE id = ?2)
         WHERE id = ?1",
    )?;
    let mut hold = conn.prepare(
        "UPDATE recipients SET state = 0, outcome = ?2, reason = ?3, detail = ?4 WHERE id = ?1",
    )?;
    for (id, key, email) in open {
        let mut found: Option<(i64, i64)> = None;
        for hash in hasher.wanted(&compare, &key, &email) {
            if found.is_none() {
                found = find.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            }
        }
        match found {
            Some((_, outcome))
                if only.iter().any(|only| codes::outcome_number(*only) == outcome) => {}
            Some((old, _)) => drop(close.execute(params![id, old])?),
            None => {
                let (outcome, reason) =
                    (codes::outcome_number(Outcome::Held), codes::reason_number(Reason::Limit));
                hold.execute(params![id, outcome, reason, "not in the run that is retried"])?;
            }
        }
    }
    conn.execute_batch("DELETE FROM temp.left_over")?;
    Ok(())
}

/// Stores hashed outcomes of recipients from runs that are not in the ledger.
pub(super) struct Keeper<'a> {
    hasher: Hasher,
    keep: Statement<'a>,
    forget: Statement<'a>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        conn: &'a Connection,
        key: &[u8; 32],
        campaign: &str,
        env: Option<&str>,
    ) -> Result<Self> {
        let accepted = codes::outcome_number(Outcome::Accepted);
        let keep = conn.prepare(&format!(
            "INSERT INTO reached(hash, outcome, reason) VALUES (?1, ?2, ?3)
             ON CONFLICT(hash) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason WHERE outcome <> {accepted}"
        ))?;
        let forget = conn
            .prepare(&format!("DELETE FROM reached WHERE hash = ?1 AND outcome <> {accepted}"))?;
        Ok(Self { hasher: Hasher::new(key, campaign, env), keep, forget })
    }

    /// Stores one outcome under the hashes of key and address. The outcome `None` allows later runs
    /// to send to the recipient, unless an earlier run accepted it.
    pub(super) fn keep(
        &mut self,
        key: &str,
        email: &str,
        outcome: Option<(Outcome, Option<Reason>)>,
    ) -> Result<()> {
        for hash in [self.hasher.key(key), self.hasher.folded(email), self.hasher.exact(email)] {
            match outcome {
                Some((outcome, reason)) => {
                    self.keep.execute(params![
                        hash,
                        codes::outcome_number(outcome),
                        reason.map(codes::reason_number)
                    ])?;
                }
                None => {
                    self.forget.execute([hash])?;
                }
            }
        }
        Ok(())
    }
}

/// Stores hashes of the recipients of a run that is about to be removed, if they were accepted,
/// rejected, claimed or unknown.
pub(super) fn keep_hashes(conn: &Connection, key: &[u8; 32], seq: i64) -> Result<()> {
    let Scope { campaign, env, .. } = scope(conn, seq)?;
    let hasher = Hasher::new(key, &campaign, env.as_deref());
    let unknown = codes::outcome_number(Outcome::Unknown);
    let accepted = codes::outcome_number(Outcome::Accepted);
    let (first, last) = codes::ids_of(seq);
    let mut rows = conn.prepare(&format!(
        "SELECT coalesce(outcome, {unknown}), coalesce(reason, {}), key, email, outcome = {accepted} FROM recipients
         WHERE id BETWEEN ?1 AND ?2 AND key <> '' AND (state = {} OR outcome IN ({accepted}, {}, {unknown}))",
        codes::reason_number(Reason::NoReply),
        codes::CLAIMED,
        codes::outcome_number(Outcome::Rejected),
    ))?;
    let mut keep = conn.prepare(&format!(
        "INSERT INTO reached(hash, outcome, reason) VALUES (?1, ?2, ?3)
         ON CONFLICT(hash) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason WHERE outcome <> {accepted}"
    ))?;
    let mut rows = rows.query([first, last])?;
    while let Some(row) = rows.next()? {
        let (outcome, reason): (i64, i64) = (row.get(0)?, row.get(1)?);
        let reason = (row.get::<_, Option<bool>>(4)? != Some(true)).then_some(reason);
        let (key, email): (String, String) = (row.get(2)?, row.get(3)?);
        let key = key_in_one_spelling(&key, &email);
        for hash in [hasher.key(&key), hasher.folded(&email), hasher.exact(&one_spelling(&email))] {
            keep.execute(params![hash, outcome, reason])?;
        }
    }
    Ok(())
}
