//! The table of pauses.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::codes;
use super::fault::{Fault, Result};
use crate::ledger::{Gate, NewPause, Pause, PauseScope, UnderWay};
use crate::model::outcome::Kind;

/// The form in which a scope is stored: a word and a name.
fn stored(scope: &PauseScope) -> (&'static str, &str) {
    match scope {
        PauseScope::Workspace => ("workspace", ""),
        PauseScope::Campaign(name) => ("campaign", name),
        PauseScope::Kind(kind) => ("kind", kind.as_str()),
        PauseScope::Provider(name) => ("provider", name),
        PauseScope::Run(run) => ("run", run),
    }
}

fn kind(word: &str) -> Result<Kind> {
    word.parse().map_err(|_| Fault::Damaged(format!("{word:?} is not a kind of mail")))
}

/// Reads a pause from the columns scope, name, since, author, host, reason, expires_at.
fn pause_of(row: &Row<'_>) -> Result<Pause> {
    let (word, name): (String, String) = (row.get(0)?, row.get(1)?);
    let scope = match word.as_str() {
        "workspace" => PauseScope::Workspace,
        "campaign" => PauseScope::Campaign(name),
        "kind" => PauseScope::Kind(kind(&name)?),
        "provider" => PauseScope::Provider(name),
        "run" => PauseScope::Run(name),
        other => return Err(Fault::Damaged(format!("a pause has the unknown scope {other:?}"))),
    };
    let (since, expires_at) = (codes::time(row.get(2)?)?, codes::times(row.get(6)?)?);
    Ok(Pause {
        scope,
        since,
        author: row.get(3)?,
        host: row.get(4)?,
        reason: row.get(5)?,
        expires_at,
    })
}

pub(super) fn begin(conn: &Connection, pause: &NewPause, now: Timestamp) -> Result<()> {
    end(conn, &pause.scope, &pause.author, now)?;
    let (scope, name) = stored(&pause.scope);
    conn.prepare_cached("INSERT INTO pauses(scope, name, since, author, host, reason, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![scope, name, now.as_microsecond(), pause.author, pause.host, pause.reason, pause.expires_at.map(Timestamp::as_microsecond)],
    )?;
    Ok(())
}

/// Ends the pauses of a scope. Returns whether a pause was in force.
pub(super) fn end(conn: &Connection, scope: &PauseScope, by: &str, now: Timestamp) -> Result<bool> {
    let (scope, name) = stored(scope);
    let at = now.as_microsecond();
    // An expired pause ended at its expiry time, not now.
    conn.prepare_cached(
        "UPDATE pauses SET lifted_at = expires_at WHERE lifted_at IS NULL AND expires_at <= ?1",
    )?
    .execute([at])?;
    let ended = conn
        .prepare_cached("UPDATE pauses SET lifted_at = ?3, lifted_by = ?4 WHERE scope = ?1 AND name = ?2 AND lifted_at IS NULL")?
        .execute(params![scope, name, at, by])?;
    Ok(ended > 0)
}

const IN_FORCE: &str = "SELECT scope, name, since, author, host, reason, expires_at FROM pauses
    WHERE lifted_at IS NULL AND scope <> 'run' AND (expires_at IS NULL OR expires_at > ?1)";

pub(super) fn in_force(conn: &Connection, now: Timestamp) -> Result<Vec<Pause>> {
    let mut query = conn.prepare_cached(IN_FORCE)?;
    let mut rows = query.query([now.as_microsecond()])?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        pauses.push(pause_of(row)?);
    }
    // The index returns the pauses in another order.
    pauses.sort_by_key(|pause| pause.since);
    Ok(pauses)
}

/// The pause that stops this run or this provider. Usually no pause is in force, which a single
/// lookup in an empty index shows.
pub(super) fn holding(
    conn: &Connection,
    seq: i64,
    provider: &str,
    now: Timestamp,
) -> Result<Option<Pause>> {
    let pauses = in_force(conn, now)?;
    if pauses.is_empty() {
        return Ok(None);
    }
    let (campaign, word): (String, String) = conn
        .prepare_cached("SELECT campaign, kind FROM runs WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let kind = kind(&word)?;
    let holds_run = pauses.iter().position(|pause| pause.scope.holds(&campaign, kind));
    let holds =
        holds_run.or_else(|| pauses.iter().position(|pause| pause.scope.holds_provider(provider)));
    Ok(holds.map(|place| pauses[place].clone()))
}

/// Records who latched a gate. Ends this entry when the gate is opened.
pub(super) fn note_gate(
    conn: &Connection,
    run: &str,
    gate: &Gate,
    host: &str,
    now: Timestamp,
) -> Result<()> {
    let scope = PauseScope::Run(run.to_owned());
    let (author, reason) = match gate {
        Gate::Failed { evidence } | Gate::Waiting { evidence } => ("the canary", evidence),
        Gate::Stopped { evidence } => ("a pause rule", evidence),
        Gate::Ahead => return Ok(()),
        Gate::Passed { by, .. } => {
            return end(conn, &scope, by.as_deref().unwrap_or("the canary"), now).map(drop);
        }
    };
    begin(
        conn,
        &NewPause {
            scope,
            author: author.into(),
            host: host.into(),
            reason: reason.clone(),
            expires_at: None,
        },
        now,
    )
}

pub(super) fn latched_by(conn: &Connection, run: &str) -> Result<Option<Pause>> {
    let mut query = conn.prepare_cached(
        "SELECT scope, name, since, author, host, reason, expires_at FROM pauses WHERE lifted_at IS NULL AND scope = 'run' AND name = ?1",
    )?;
    let mut rows = query.query([run])?;
    rows.next()?.map(pause_of).transpose()
}

pub(super) fn under_way(conn: &Connection) -> Result<Vec<UnderWay>> {
    let mut query = conn.prepare_cached(
        "SELECT r.id, r.campaign, r.env, r.kind, b.provider, sum(b.size) FROM batches b JOIN runs r ON r.seq = b.run
         WHERE b.settled_at IS NULL GROUP BY r.seq, b.provider ORDER BY r.seq",
    )?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let word: String = row.get(3)?;
        let count: i64 = row.get(5)?;
        found.push(UnderWay {
            run: row.get(0)?,
            campaign: row.get(1)?,
            env: row.get(2)?,
            kind: kind(&word)?,
            provider: row.get(4)?,
            count: count.unsigned_abs(),
        });
    }
    Ok(found)
}
