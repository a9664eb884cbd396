//! Computes the numbers that gates and pause rules use: how many recipients were accepted, bounced,
//! complained or failed.
//!
//! Events are few and indexed, so they are counted first. The rows of a run are read only if there
//! are enough events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::canary::EXTENDED;
use super::codes;
use super::fault::Result;
use super::former::{self, NotTried};
use super::read::by_provider;
use super::run_row::seq_of;
use crate::ledger::{CanaryEvidence, Hold, Through};
use crate::model::event::{Class, EventKind, Source};
use crate::model::outcome::{Outcome, Reason};
use crate::model::pause::{FeedbackRate, Watched};
use crate::provider::RowNumber;

/// The SQL condition for events of one kind. A "not spam" report is not counted as a complaint.
fn counts_as(kind: EventKind) -> String {
    format!("e.type = '{kind}' AND coalesce(e.class, '') <> '{}'", Class::NotSpam)
}

pub(super) fn has_feedback(conn: &Connection, since: Timestamp) -> Result<bool> {
    // Searches only the newest events, because there may be many events from replies or webhooks,
    // which do not count here.
    let sql = "SELECT 1 FROM (SELECT source, received_at FROM events ORDER BY id DESC LIMIT 10000)
               WHERE source NOT IN (?1, ?2) AND received_at >= ?3 LIMIT 1";
    Ok(conn.prepare_cached(sql)?.exists(params![
        Source::Reply.as_str(),
        Source::Webhook.as_str(),
        since.as_microsecond()
    ])?)
}

pub(super) fn canary(conn: &Connection, run: &str) -> Result<CanaryEvidence> {
    let seq = seq_of(conn, run)?;
    let accepted = codes::outcome_number(Outcome::Accepted);
    let count = |kind: EventKind| -> Result<u64> {
        let sql = format!(
            "SELECT count(DISTINCT r.id) FROM events e JOIN recipients r ON r.id = e.recipient
             WHERE e.run = ?1 AND {} AND r.cohort = 0 AND r.state = 0 AND r.outcome = ?2",
            counts_as(kind)
        );
        Ok(
            conn.prepare_cached(&sql)?
                .query_row([seq, accepted], |row| row.get::<_, i64>(0))?
                .max(0) as u64,
        )
    };
    let extensions: u32 = conn
        .prepare_cached("SELECT count(*) FROM decisions WHERE run = ?1 AND what = ?2")?
        .query_row(params![seq, EXTENDED], |row| row.get(0))?;
    Ok(CanaryEvidence {
        bounced: count(EventKind::Bounced)?,
        complained: count(EventKind::Complained)?,
        extensions,
    })
}

/// The number of accepted canary recipients at each of these domains. Domains without such
/// recipients are omitted.
pub(super) fn canary_at(
    conn: &Connection,
    run: &str,
    domains: &[&str],
) -> Result<Vec<(String, u64)>> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let sql = "SELECT domain, count(*) FROM recipients
               WHERE id BETWEEN ?1 AND ?2 AND cohort = 0 AND state = 0 AND outcome = ?3 AND domain IN (SELECT value FROM json_each(?4))
               GROUP BY domain ORDER BY 2 DESC, 1";
    let domains = serde_json::json!(domains).to_string();
    let mut query = conn.prepare_cached(sql)?;
    let accepted = codes::outcome_number(Outcome::Accepted);
    let rows = query.query_map(params![first, last, accepted, domains], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.max(0) as u64))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn feedback_rates(
    conn: &Connection,
    run: &str,
    watched: Watched,
    since: Timestamp,
    least: u64,
) -> Result<Vec<FeedbackRate>> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let failed = [Outcome::Rejected, Outcome::Deferred, Outcome::Unknown];
    let outcomes = match watched {
        Watched::Failed => codes::list_of(failed.iter().chain(&[Outcome::Accepted])),
        Watched::Bounced | Watched::Complained => codes::list_of(&[Outcome::Accepted]),
    };
    let handed_over =
        format!("r.state = 0 AND r.outcome IN ({outcomes}) AND r.attempts > 0 AND r.last_at >= ?3");
    let events = |kind| {
        format!(
            "SELECT r.provider, r.domain, count(DISTINCT r.id) FROM events e JOIN recipients r ON r.id = e.recipient
             WHERE e.run = ?4 AND {} AND r.id BETWEEN ?1 AND ?2 AND {handed_over} GROUP BY r.provider, r.domain",
            counts_as(kind)
        )
    };
    let happened = match watched {
        Watched::Bounced => events(EventKind::Bounced),
        Watched::Complained => events(EventKind::Complained),
        // Acceptances do not create rows in `attempts`.
        Watched::Failed => format!(
            "SELECT r.provider, r.domain, count(*) FROM recipients r
             WHERE r.id IN (SELECT recipient FROM attempts WHERE recipient BETWEEN ?1 AND ?2 AND at >= ?3) AND ?4 = r.run AND {handed_over}
               AND r.outcome IN ({}) GROUP BY r.provider, r.domain",
            codes::list_of(&failed)
        ),
    };
    let sent = format!(
        "SELECT r.provider, r.domain, count(*) FROM recipients r WHERE r.id BETWEEN ?1 AND ?2 AND ?4 = r.run AND {handed_over}
         GROUP BY r.provider, r.domain"
    );
    let ask = |sql: &str| -> Result<Vec<(String, String, u64)>> {
        let mut query = conn.prepare_cached(sql)?;
        let rows = query.query_map(params![first, last, since.as_microsecond(), seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.max(0) as u64))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let happened = ask(&happened)?;
    if happened.iter().map(|(.., count)| count).sum::<u64>() < least {
        return Ok(Vec::new());
    }
    let mut found: BTreeMap<(String, String), FeedbackRate> = BTreeMap::new();
    for (provider, domain, sent) in ask(&sent)? {
        found.insert(
            (provider.clone(), domain.clone()),
            FeedbackRate { provider, domain, sent, events: 0 },
        );
    }
    for (provider, domain, count) in happened {
        if let Some(rate) = found.get_mut(&(provider, domain)) {
            rate.events = count;
        }
    }
    Ok(found.into_values().collect())
}

/// Holds open and waiting recipients of one domain or of some providers.
pub(super) fn hold(
    conn: &Connection,
    run: &str,
    hold: &Hold,
    except: &[RowNumber],
    detail: &str,
    now: Timestamp,
) -> Result<u64> {
    let seq = seq_of(conn, run)?;
    let through = match hold {
        Hold::Domain(_) => Through::Any,
        Hold::Through(through) => through.clone(),
    };
    let domain = match hold {
        Hold::Domain(domain) => Some(domain.as_str()),
        Hold::Through(_) => None,
    };
    let (provider, providers) = by_provider(&through, "?3")?;
    let except = except.iter().map(|row| codes::id_of(seq, *row)).collect::<Result<Vec<_>>>()?;
    let except = serde_json::to_string(&except)?;
    let (outcome, reason) =
        (codes::outcome_number(Outcome::Held), codes::reason_number(Reason::Paused));
    let mut held = 0;
    for state in [codes::OPEN, codes::WAITING] {
        let who = format!(
            "r.run = ?1 AND r.cohort IN (0, 1) AND r.state = {state} AND (?2 IS NULL OR r.domain = ?2) AND {provider}
             AND r.id NOT IN (SELECT value FROM json_each(?4))"
        );
        let found: Vec<i64> = conn
            .prepare_cached(&format!("SELECT r.id FROM recipients r WHERE {who}"))?
            .query_map(params![seq, domain, providers, except], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut change =
            conn.prepare_cached("UPDATE recipients SET state = 0, outcome = ?2, reason = ?3, code = '', detail = ?4, next_at = NULL WHERE id = ?1")?;
        // The decision is recorded with each recipient, because it does not concern the whole run.
        let mut tell = conn.prepare_cached("INSERT INTO attempts(recipient, at, what, reason, code, detail) VALUES (?1, ?2, 'held', ?3, '', ?4)")?;
        for id in &found {
            if former::keep(
                conn,
                *id,
                &NotTried { outcome: Outcome::Held, reason: Reason::Paused, detail },
                now,
            )? {
                continue;
            }
            change.execute(params![id, outcome, reason, detail])?;
            tell.execute(params![id, now.as_microsecond(), reason, detail])?;
        }
        held += found.len();
    }
    Ok(held as u64)
}
