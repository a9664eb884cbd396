//! Stores each event once, links it to its recipient, and stores the suppression that follows from
//! it in the same transaction.
//!
//! An event never changes an outcome. Every learned suppression is listed in `unfiled` until it is
//! in the suppression file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{Fault, Result};
use super::names::{self, Found};
use super::run_row::seq_of;
use super::{codes, workspace};
use crate::ledger::{EventQuery, KeptEvent, LedgerSuppression, LinkedBy, Seen, Unfiled};
use crate::model::address::{Address, key_of};
use crate::model::event::{
    Believe, Bounce, Event, EventKind, RAW_LIMIT, Raw, SoftBounces, Source, VERSION, feedback_word,
};
use crate::model::outcome::Reason;
use crate::provider::Feedback;

/// Stores an event. Returns `None` if the index of names is incomplete, so that the recipient
/// cannot be found yet. The caller must then try again.
pub(super) fn take(
    conn: &Connection,
    event: &Event,
    believe: Believe,
    now: Timestamp,
) -> Result<Option<Seen>> {
    let known: Option<(Option<i64>, Option<String>)> = conn
        .prepare_cached(
            "SELECT recipient, linked_by FROM events WHERE provider = ?1 AND event_id = ?2",
        )?
        .query_row([&event.provider, &event.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((recipient, by)) = known {
        return Ok(Some(Seen {
            about: about(conn, recipient)?,
            linked_by: linked_by(by.as_deref())?,
            ..Seen::default()
        }));
    }
    // An event that only free text reports is not linked to a recipient. It must not count as a
    // soft bounce either, because soft bounces are counted by address.
    if event.is_hearsay {
        write(conn, event, None, "", now)?;
        return Ok(Some(Seen { is_new: true, is_hearsay: true, ..Seen::default() }));
    }
    if !names::gather(conn)? {
        return Ok(None);
    }
    let found = names::find(conn, event)?;
    // An unsubscribe link works even after its run was removed. Then only the token identifies the
    // recipient.
    let kept = if found.is_none() && !event.token.is_empty() {
        names::person(conn, &event.token, now)?.flatten()
    } else {
        None
    };
    // If the event identifies a message of mailbatch, it concerns the address that was mailed, even
    // if the event names the address of a forward.
    let email = match (&found, &kept) {
        (Some(found), _) if found.by.is_exact() => key_of(&found.email),
        (_, Some(kept)) => kept.entry.clone(),
        _ => event.recipient.as_deref().map(key_of).unwrap_or_default(),
    };
    write(conn, event, found.as_ref(), &email, now)?;
    if let Some(found) = &found {
        tell(conn, found.id, event.word())?;
    }
    let (learned, doubted) =
        learn(conn, event, found.is_some() || kept.is_some(), &email, believe, now)?;
    Ok(Some(Seen {
        is_new: true,
        about: about(conn, found.as_ref().map(|found| found.id))?,
        linked_by: found.map(|found| found.by),
        learned,
        doubted,
        is_hearsay: false,
    }))
}

fn about(conn: &Connection, recipient: Option<i64>) -> Result<Option<(String, u64)>> {
    let Some(id) = recipient else { return Ok(None) };
    let run = conn
        .prepare_cached("SELECT id FROM runs WHERE seq = ?1")?
        .query_row([codes::seq_of(id)], |row| row.get(0))
        .optional()?;
    Ok(run.map(|run| (run, codes::row_of(id))))
}

fn word_of(by: LinkedBy) -> Result<String> {
    match serde_json::to_value(by)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Fault::Damaged(format!("{other} is not a word"))),
    }
}

fn linked_by(word: Option<&str>) -> Result<Option<LinkedBy>> {
    word.map(|word| Ok(serde_json::from_value(word.into())?)).transpose()
}

fn write(
    conn: &Connection,
    event: &Event,
    found: Option<&Found>,
    email: &str,
    now: Timestamp,
) -> Result<()> {
    let payload = event.raw.as_deref().map(|raw| keep_payload(conn, raw)).transpose()?;
    conn.prepare_cached(
        "INSERT INTO events(provider, event_id, source, type, bounce, class, at, received_at, run, recipient, linked_by, told, email, code, status,
           reason, provider_id, message_id, token, correlation, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )?
    .execute(params![
        event.provider,
        event.id,
        event.source.as_str(),
        event.kind.as_str(),
        event.bounce.map(Bounce::as_str),
        event.class.map(|class| class.as_str()),
        event.at.as_microsecond(),
        now.as_microsecond(),
        found.map(|found| codes::seq_of(found.id)),
        found.map(|found| found.id),
        found.map(|found| word_of(found.by)).transpose()?,
        event.recipient,
        email,
        event.code,
        event.status,
        event.reason,
        event.provider_id,
        event.message_id,
        event.token,
        event.correlation.as_ref().map(serde_json::to_string).transpose()?,
        payload,
    ])?;
    Ok(())
}

/// Stores a raw payload and returns its number. A payload that reports several events is stored
/// only once.
fn keep_payload(conn: &Connection, raw: &Raw) -> Result<i64> {
    let hash = raw.hash();
    let mut find = conn.prepare_cached("SELECT id FROM payloads WHERE hash = ?1")?;
    if let Some(id) = find.query_row([hash], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let body = zstd::bulk::compress(raw.bytes(), 3)
        .map_err(|e| Fault::Damaged(format!("a payload cannot be compressed: {e}")))?;
    conn.prepare_cached("INSERT INTO payloads(hash, body) VALUES (?1, ?2)")?
        .execute(params![hash, body])?;
    Ok(conn.last_insert_rowid())
}

/// Adds a word to the recipient's feedback if it does not contain the word yet.
fn tell(conn: &Connection, id: i64, word: &str) -> Result<()> {
    conn.prepare_cached(
        "UPDATE recipients SET feedback = CASE WHEN feedback = '' THEN ?2 ELSE feedback || ' ' || ?2 END
         WHERE id = ?1 AND instr(' ' || feedback || ' ', ' ' || ?2 || ' ') = 0",
    )?
    .execute(params![id, word])?;
    Ok(())
}

/// Stores feedback that the provider reported together with its reply to an accepted message.
pub(super) fn with_reply(
    conn: &Connection,
    seq: i64,
    id: i64,
    feedback: Feedback,
    now: Timestamp,
) -> Result<()> {
    let (kind, bounce) = match feedback {
        Feedback::Delivered => (EventKind::Delivered, None),
        Feedback::BouncedHard => (EventKind::Bounced, Some(Bounce::Hard)),
        Feedback::Complained => (EventKind::Complained, None),
    };
    tell(conn, id, feedback_word(kind, bounce))?;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO events(provider, event_id, source, type, bounce, at, received_at, run, recipient, linked_by, told, email, code, status,
           reason, provider_id, message_id, token)
         SELECT provider, ?2 || '-' || batch || '-' || (id & 0xffffffffff), ?3, ?2, ?4, ?5, ?5, ?6, id, 'correlation', email, lower(email), '', '',
           '', provider_id, message_id, '' FROM recipients WHERE id = ?1",
    )?
    .execute(params![id, kind.as_str(), Source::Reply.as_str(), bounce.map(Bounce::as_str), now.as_microsecond(), seq])?;
    Ok(())
}

/// Stores the suppression that follows from an event. The returned flag is true if the suppression
/// was refused, because the event comes from an unauthenticated source and matches no recipient.
fn learn(
    conn: &Connection,
    event: &Event,
    is_ours: bool,
    email: &str,
    believe: Believe,
    now: Timestamp,
) -> Result<(Option<LedgerSuppression>, bool)> {
    // The recipient of a removed run is known only by the hash of its address.
    if Address::parse(email).is_err() && !email.starts_with("sha256:") {
        return Ok((None, false));
    }
    let (reason, why) = match event.suppresses() {
        Some(reason) => (
            reason,
            [event.status.as_str(), &event.code]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default()
                .to_owned(),
        ),
        None if SoftBounces::counts(event) => match believe.soft {
            Some(rule) if soft_bounces(conn, email, event.at, rule)? >= u64::from(rule.count) => {
                (Reason::HardBounce, rule.to_string())
            }
            _ => return Ok((None, false)),
        },
        None => return Ok((None, false)),
    };
    if !is_ours && !event.source.is_authenticated() && !believe.mail_about_anybody {
        return Ok((None, true));
    }
    let why = if why.is_empty() { String::new() } else { format!("{why}, ") };
    let learned = LedgerSuppression {
        entry: email.to_owned(),
        reason,
        scope: String::new(),
        source: if event.provider.is_empty() {
            event.source.to_string()
        } else {
            event.provider.clone()
        },
        created_at: now,
        expires_at: None,
        note: format!("{why}event {}", event.id),
    };
    if workspace::suppress(conn, std::slice::from_ref(&learned))? == 0 {
        return Ok((None, false));
    }
    conn.prepare_cached("INSERT OR IGNORE INTO unfiled(suppression) SELECT id FROM suppressions WHERE entry = ?1 AND reason = ?2 AND scope = ''")?
        .execute(params![learned.entry, codes::reason_number(reason)])?;
    Ok((Some(learned), false))
}

/// The highest number of soft bounces of an address in any period of the rule that includes `at`.
/// The number does not depend on the order in which reports arrive.
fn soft_bounces(conn: &Connection, email: &str, at: Timestamp, rule: SoftBounces) -> Result<u64> {
    let within = i64::try_from(rule.within.as_micros()).unwrap_or(i64::MAX);
    let classes = SoftBounces::CLASSES.map(|class| format!("'{class}'")).join(", ");
    let sql = format!(
        "SELECT at FROM events WHERE email = ?1 AND type = 'bounced' AND at BETWEEN ?2 AND ?3 AND bounce = 'soft'
           AND coalesce(class, 'other') IN ({classes}) ORDER BY at"
    );
    let at = at.as_microsecond();
    let times: Vec<i64> = conn
        .prepare_cached(&sql)?
        .query_map(params![email, at.saturating_sub(within), at.saturating_add(within)], |row| {
            row.get(0)
        })?
        .collect::<rusqlite::Result<_>>()?;
    let most = times
        .iter()
        .enumerate()
        .map(|(first, start)| {
            times[first..].partition_point(|time| *time <= start.saturating_add(within))
        })
        .max();
    Ok(most.unwrap_or_default() as u64)
}

/// Suppressions that may be missing from the suppression file. Those that were removed in the
/// meantime are omitted.
pub(super) fn unfiled(conn: &Connection, limit: usize) -> Result<Vec<Unfiled>> {
    let mut query = conn.prepare_cached(
        "SELECT s.id, u.begun, s.entry, s.reason, s.scope, s.source, s.created_at, s.expires_at, s.note
         FROM unfiled u JOIN suppressions s ON s.id = u.suppression ORDER BY s.id LIMIT ?1",
    )?;
    let mut rows = query.query([limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Unfiled {
            number: row.get(0)?,
            begun: row.get(1)?,
            entry: workspace::suppression(row, 2)?,
        });
    }
    Ok(found)
}

pub(super) fn filed(conn: &Connection, numbers: &[i64], done: bool) -> Result<()> {
    let mut sql = conn.prepare_cached(if done {
        "DELETE FROM unfiled WHERE suppression = ?1"
    } else {
        "UPDATE unfiled SET begun = 1 WHERE suppression = ?1"
    })?;
    for number in numbers {
        sql.execute([number])?;
    }
    Ok(())
}

/// The number of recipients of a run with each feedback word.
pub(super) fn counts(conn: &Connection, seq: i64) -> Result<BTreeMap<String, u64>> {
    let mut query = conn.prepare_cached("SELECT type, bounce, count(DISTINCT recipient) FROM events WHERE run = ?1 GROUP BY type, bounce")?;
    let mut rows = query.query([seq])?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let kind = word(row, 0)?.ok_or_else(|| Fault::Damaged("an event has no type".into()))?;
        counts.insert(
            feedback_word(kind, word(row, 1)?).to_owned(),
            row.get::<_, i64>(2)?.max(0) as u64,
        );
    }
    Ok(counts)
}

/// Parses the word in a column that may be null.
fn word<T: std::str::FromStr<Err = String>>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    text.map(|text| text.parse().map_err(Fault::Damaged)).transpose()
}

pub(super) fn list(conn: &Connection, query: &EventQuery) -> Result<Vec<KeptEvent>> {
    let seq = query.run.as_deref().map(|run| seq_of(conn, run)).transpose()?;
    let raw = if query.raw { "p.body" } else { "NULL" };
    let sql = format!(
        "SELECT e.id, r.id, e.recipient, e.linked_by, e.received_at, e.type, e.bounce, e.class, e.code, e.status, e.reason, e.at, e.provider,
           e.source, e.told, e.provider_id, e.message_id, e.token, e.correlation, e.event_id, {raw}
         FROM events e LEFT JOIN runs r ON r.seq = e.run LEFT JOIN payloads p ON p.id = e.payload
         WHERE e.id > ?1 AND (?2 IS NULL OR e.run = ?2) AND (?3 IS NULL OR e.type = ?3) AND (?4 IS NULL OR e.email = ?4 OR lower(e.told) = ?4)
         ORDER BY e.id LIMIT ?5"
    );
    let mut found = conn.prepare(&sql)?;
    let (kind, email) = (query.kind.map(EventKind::as_str), query.email.as_deref().map(key_of));
    let mut rows = found.query(params![query.after, seq, kind, email, query.limit as i64])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(kept(row)?);
    }
    Ok(page)
}

fn kept(row: &Row<'_>) -> Result<KeptEvent> {
    let damaged = |what: &str| Fault::Damaged(format!("an event has no {what}"));
    let raw = row.get_ref(20)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    let raw = raw
        .map(|body| zstd::bulk::decompress(body, RAW_LIMIT))
        .transpose()
        .map_err(|e| Fault::Damaged(format!("the payload of an event cannot be read: {e}")))?;
    let correlation: Option<String> = row.get(18)?;
    Ok(KeptEvent {
        number: row.get(0)?,
        run: row.get(1)?,
        row: row.get::<_, Option<i64>>(2)?.map(codes::row_of),
        linked_by: linked_by(row.get::<_, Option<String>>(3)?.as_deref())?,
        received_at: codes::time(row.get(4)?)?,
        event: Event {
            v: VERSION,
            kind: word(row, 5)?.ok_or_else(|| damaged("type"))?,
            bounce: word(row, 6)?,
            class: word(row, 7)?,
            code: row.get(8)?,
            status: row.get(9)?,
            reason: row.get(10)?,
            at: codes::time(row.get(11)?)?,
            provider: row.get(12)?,
            source: word(row, 13)?.ok_or_else(|| damaged("source"))?,
            recipient: row.get(14)?,
            provider_id: row.get(15)?,
            message_id: row.get(16)?,
            token: row.get(17)?,
            correlation: correlation.map(|text| serde_json::from_str(&text)).transpose()?,
            id: row.get(19)?,
            is_hearsay: false,
            raw: raw.map(|raw| std::sync::Arc::new(Raw::of(&raw))),
        },
    })
}

/// Anonymizes the events of a run that is being removed. The ids of the events stay, so that a
/// repeated event is not counted twice.
pub(super) fn forget(conn: &Connection, seq: i64) -> Result<()> {
    conn.execute(
        "UPDATE events SET run = NULL, recipient = NULL, linked_by = NULL, told = NULL, email = '', reason = '', provider_id = '', message_id = '',
           token = '', correlation = NULL, payload = NULL WHERE run = ?1",
        [seq],
    )?;
    conn.execute("DELETE FROM payloads WHERE id NOT IN (SELECT payload FROM events WHERE payload IS NOT NULL)", [])?;
    let (first, last) = codes::ids_of(seq);
    conn.execute("DELETE FROM names WHERE recipient BETWEEN ?1 AND ?2", [first, last])?;
    Ok(())
}
