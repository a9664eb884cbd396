//! Reads the history of one recipient from its row, its batches and its attempts.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Result;
use super::run_row::seq_of;
use super::{codes, former};
use crate::ledger::Decision;
use crate::model::address::key_of;
use crate::model::outcome::Outcome;

/// The columns of the recipient's row that the history needs.
struct Person {
    id: i64,
    list: usize,
    line: i64,
    cohort: i64,
    outcome: Option<Outcome>,
    reason: String,
    code: String,
    detail: String,
    batch: Option<i64>,
    provider_id: String,
    last_at: Option<i64>,
    feedback: String,
    carried_from: Option<String>,
    next_at: Option<i64>,
}

/// An entry of the history. `order` sorts entries that have the same time.
struct Event {
    at: i64,
    order: u8,
    what: String,
    detail: String,
}

/// Every decision about the rows of a run with this address, oldest first.
pub(super) fn why(conn: &Connection, run: &str, email: &str) -> Result<Vec<Decision>> {
    let seq = seq_of(conn, run)?;
    let (first, last) = codes::ids_of(seq);
    let wanted = key_of(email);
    let mut ids = Vec::new();
    let mut all = conn.prepare("SELECT id, email FROM recipients WHERE id BETWEEN ?1 AND ?2")?;
    let mut rows = all.query([first, last])?;
    while let Some(row) = rows.next()? {
        if key_of(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) == wanted {
            ids.push(row.get(0)?);
        }
    }
    let mut story = Vec::new();
    for id in &ids {
        for event in events(conn, seq, *id)? {
            let detail = match (ids.len(), event.detail.is_empty()) {
                (1, _) => event.detail,
                (_, true) => format!("row {}", codes::row_of(*id)),
                (_, false) => format!("row {}: {}", codes::row_of(*id), event.detail),
            };
            story.push((event.at, event.what, detail));
        }
    }
    // The sort is stable, so entries of one row with the same time stay in order.
    story.sort_by_key(|(at, ..)| *at);
    story
        .into_iter()
        .map(|(at, what, detail)| Ok(Decision { at: codes::time(at)?, what, detail }))
        .collect()
}

fn person(conn: &Connection, id: i64) -> Result<Person> {
    let mut query = conn.prepare(
        "SELECT list, line, cohort, outcome, reason, code, detail, batch, provider_id, last_at, feedback, carried_from, next_at
         FROM recipients WHERE id = ?1",
    )?;
    let mut rows = query.query([id])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Person {
        id,
        list: row.get::<_, i64>(0)?.max(0) as usize,
        line: row.get(1)?,
        cohort: row.get(2)?,
        outcome: codes::outcome(row.get(3)?)?,
        reason: codes::reason(row.get(4)?)?.map_or_else(String::new, |reason| reason.to_string()),
        code: row.get(5)?,
        detail: row.get(6)?,
        batch: row.get(7)?,
        provider_id: row.get(8)?,
        last_at: row.get(9)?,
        feedback: row.get(10)?,
        carried_from: row.get(11)?,
        next_at: row.get(12)?,
    })
}

/// The non-empty parts, joined by commas.
fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

fn events(conn: &Connection, seq: i64, id: i64) -> Result<Vec<Event>> {
    let person = person(conn, id)?;
    let mut events = attempts(conn, &person)?;
    let tried = !events.is_empty();
    events.extend(planned(conn, seq, &person, tried)?);
    events.extend(claims(conn, &person, &events)?);
    if let (Some(Outcome::Accepted), Some(at)) = (person.outcome, person.last_at) {
        let id = if person.provider_id.is_empty() {
            String::new()
        } else {
            format!("the provider's id is {}", person.provider_id)
        };
        events.push(Event {
            at,
            order: 4,
            what: "accepted".into(),
            detail: joined(&[&person.code, &person.detail, &id]),
        });
    }
    if let (Some(at), None) = (person.next_at, person.outcome) {
        events.push(Event {
            at,
            order: 7,
            what: "may be claimed again".into(),
            detail: String::new(),
        });
    }
    if let (false, Some(at)) = (person.feedback.is_empty(), person.last_at) {
        events.push(Event {
            at,
            order: 5,
            what: "feedback".into(),
            detail: person.feedback.clone(),
        });
    }
    events.sort_by_key(|event| (event.at, event.order));
    with_decisions_of_the_run(conn, seq, events)
}

/// How the row was planned, and the outcome that it got by planning.
fn planned(conn: &Connection, seq: i64, person: &Person, tried: bool) -> Result<Vec<Event>> {
    let (at, lists, message): (i64, String, String) = conn.query_row(
        "SELECT started_at, lists, message_fingerprint FROM runs WHERE seq = ?1",
        [seq],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let message = format!("message {}", message.get(..12).unwrap_or(&message));
    let lists: Vec<String> = serde_json::from_str(&lists)?;
    let place =
        lists.get(person.list).map_or_else(String::new, |list| format!("{list}:{}", person.line));
    let cohort = format!("cohort {}", codes::cohort(person.cohort));
    let first = first_choice(conn, seq, person.id)?
        .map_or_else(String::new, |name| format!("first choice {name}"));
    let mut events = vec![Event {
        at,
        order: 0,
        what: "planned".into(),
        detail: joined(&[
            &format!("row {}", codes::row_of(person.id)),
            &place,
            &cohort,
            &first,
            &message,
        ]),
    }];
    match (person.outcome, &person.carried_from) {
        (Some(outcome), Some(from))
            if !tried && person.batch.is_none() && outcome != Outcome::Held =>
        {
            let detail = format!("carried over from {}", with_version(conn, from)?);
            events.push(Event { at, order: 1, what: outcome.to_string(), detail });
        }
        (_, Some(from)) => {
            events.push(Event {
                at,
                order: 1,
                what: "carried over".into(),
                detail: format!("from {}", with_version(conn, from)?),
            });
        }
        (Some(outcome), None) if !tried && person.batch.is_none() && outcome != Outcome::Held => {
            events.push(Event {
                at,
                order: 1,
                what: outcome.to_string(),
                detail: joined(&[&person.reason, &person.detail]),
            });
        }
        (Some(Outcome::Held), None) if person.reason == "limit" => {
            events.push(Event { at, order: 1, what: "held".into(), detail: person.reason.clone() });
        }
        _ => {}
    }
    Ok(events)
}

/// The run named in `carried_from`, with the version of the message that it sent.
fn with_version(conn: &Connection, from: &str) -> Result<String> {
    let id = from.strip_prefix("run ").unwrap_or_default();
    let found: Option<(String, i64)> = conn
        .prepare_cached("SELECT message_fingerprint, started_at FROM runs WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        Some((message, at)) => format!(
            "{from}, message {} of {:.0}",
            message.get(..12).unwrap_or(&message),
            codes::time(at)?
        ),
        None => from.to_owned(),
    })
}

/// The provider that the recipient was planned for, if the run has several.
fn first_choice(conn: &Connection, seq: i64, id: i64) -> Result<Option<String>> {
    let settings: String =
        conn.query_row("SELECT settings FROM runs WHERE seq = ?1", [seq], |row| row.get(0))?;
    let settings: serde_json::Value = serde_json::from_str(&settings)?;
    if settings.get("route").is_none_or(serde_json::Value::is_null) {
        return Ok(None);
    }
    // The recipient's row names the latest provider. The first failover entry names the planned
    // one.
    let passed_over = conn
        .query_row("SELECT code FROM attempts WHERE recipient = ?1 AND what = 'failover' ORDER BY id LIMIT 1", [id], |row| row.get(0))
        .optional()?;
    let planned: String =
        conn.query_row("SELECT provider FROM recipients WHERE id = ?1", [id], |row| row.get(0))?;
    Ok(Some(passed_over.unwrap_or(planned)).filter(|name| !name.is_empty()))
}

/// The attempts that did not end in acceptance, with their claims.
fn attempts(conn: &Connection, person: &Person) -> Result<Vec<Event>> {
    let mut query = conn.prepare("SELECT batch, at, what, reason, code, detail FROM attempts WHERE recipient = ?1 ORDER BY id")?;
    let mut rows = query.query([person.id])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let (batch, at, what): (Option<i64>, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let reason =
            codes::reason(row.get(3)?)?.map_or_else(String::new, |reason| reason.to_string());
        let (code, detail): (String, String) = (row.get(4)?, row.get(5)?);
        let (order, what, detail) = match what.as_str() {
            "reopened" => {
                (6, "opened again".to_owned(), format!("was {}", joined(&[&detail, &code])))
            }
            "not_taken" => (3, "not taken".to_owned(), joined(&[&reason, &code, &detail])),
            // The evidence decided the outcome, which is listed after it.
            "reconciled" => (
                3,
                "reconciled".to_owned(),
                if code == "accepted" { detail } else { format!("{code}: {detail}") },
            ),
            "failover" => (1, "failed over".to_owned(), detail),
            former::KEPT => (5, "not tried again".to_owned(), format!("stays {code}: {detail}")),
            "screened" => {
                (3, "suppressed".to_owned(), joined(&[&reason, &detail, "before submission"]))
            }
            other => (3, other.to_owned(), joined(&[&reason, &code, &detail])),
        };
        events.push(Event { at, order, what, detail });
        if let Some(batch) = batch {
            events.extend(claim(conn, batch)?);
        }
    }
    Ok(events)
}

/// The claim by the latest batch, unless an attempt already lists it.
fn claims(conn: &Connection, person: &Person, listed: &[Event]) -> Result<Option<Event>> {
    let listed: BTreeSet<&str> = listed.iter().map(|event| event.what.as_str()).collect();
    let Some(batch) = person.batch else { return Ok(None) };
    Ok(claim(conn, batch)?.filter(|event| !listed.contains(event.what.as_str())))
}

fn claim(conn: &Connection, batch: i64) -> Result<Option<Event>> {
    Ok(conn
        .prepare_cached("SELECT claimed_at, provider FROM batches WHERE id = ?1")?
        .query_row(params![batch], |row| {
            let provider: String = row.get(1)?;
            Ok(Event {
                at: row.get(0)?,
                order: 2,
                what: format!("claimed in batch {batch}"),
                detail: format!("for {provider}"),
            })
        })
        .optional()?)
}

/// Adds the decisions of the run that applied to this row. A decision about all open rows applies
/// if the row was open; a decision about all held rows applies if the row was held.
fn with_decisions_of_the_run(
    conn: &Connection,
    seq: i64,
    events: Vec<Event>,
) -> Result<Vec<Event>> {
    let mut decisions: std::collections::VecDeque<(i64, String, String)> = conn
        .prepare("SELECT at, what, detail FROM decisions WHERE run = ?1 ORDER BY id")?
        .query_map([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut story: Vec<Event> = Vec::new();
    let (mut open, mut held) = (true, false);
    let mut events = events.into_iter().peekable();
    while events.peek().is_some() || !decisions.is_empty() {
        let decision_is_next = match (events.peek(), decisions.front()) {
            (Some(event), Some((at, ..))) => *at < event.at,
            (None, Some(_)) => true,
            _ => false,
        };
        if decision_is_next {
            let Some((at, what, detail)) = decisions.pop_front() else { break };
            if what == "held" && open {
                (open, held) = (false, true);
                story.push(Event { at, order: 6, what: "held".into(), detail });
            } else if what == "slowed" && open {
                story.push(Event { at, order: 6, what: "slowed down".into(), detail });
            } else if what == "reopened" && held {
                (open, held) = (true, false);
                story.push(Event {
                    at,
                    order: 6,
                    what: "opened again".into(),
                    detail: format!("was {detail}"),
                });
            }
            continue;
        }
        let Some(event) = events.next() else { break };
        match event.what.as_str() {
            "opened again" => (open, held) = (true, false),
            "held" => (open, held) = (false, true),
            "not tried again" => (open, held) = (false, false),
            word if word.parse::<Outcome>().is_ok() => (open, held) = (false, false),
            _ => {}
        }
        story.push(event);
    }
    Ok(story)
}
