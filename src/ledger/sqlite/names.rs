//! Finds the recipient of an event by token, Message-ID, provider's id, key or address.
//!
//! Sending does not write this index. When an event first needs it, the recipients of all batches
//! are added to the table `names` in several steps. A matching hash is only a hint; the recipient's
//! row must confirm the match.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use ring::digest;
use rusqlite::{Connection, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use super::codes;
use super::fault::Result;
use crate::ledger::{LinkedBy, Person};
use crate::message::{is_token, token_of};
use crate::model::address::{key_of, older_spellings};
use crate::model::event::Event;

/// The number of recipients indexed in one transaction. Hashes are random, so even a small
/// transaction writes most pages of the table. Other processes cannot write during the transaction,
/// which takes about 150 ms.
const AT_ONCE: usize = 25_000;

/// How long a token of a removed run identifies its recipient. Recipients may unsubscribe long
/// after a message was sent.
const TOKENS_LAST: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The recipient that an event is about.
pub(super) struct Found {
    /// The recipient's id.
    pub(super) id: i64,
    /// The address that was mailed.
    pub(super) email: String,
    pub(super) by: LinkedBy,
}

fn hash(kind: u8, name: &str) -> i64 {
    let mut text = Vec::with_capacity(name.len() + 1);
    text.push(kind);
    text.extend_from_slice(name.as_bytes());
    xxh3_64(&text).cast_signed()
}

/// The name under which a Message-ID is indexed: its token, or the whole Message-ID if another
/// program generated it.
fn message_name(message_id: &str) -> &str {
    token_of(message_id).unwrap_or(message_id)
}

/// Indexes one part of the batches that are not indexed yet. Returns false if more batches are
/// left.
pub(super) fn gather(conn: &Connection) -> Result<bool> {
    let until: i64 = conn
        .prepare_cached("SELECT value FROM meta WHERE name = 'named_until'")?
        .query_row([], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    let mut query = conn.prepare_cached(
        "SELECT b.id, b.run, b.members, b.settled_at IS NOT NULL FROM batches b LEFT JOIN named n ON n.batch = b.id
         WHERE b.id > ?1 AND (n.batch IS NULL OR (n.settled = 0 AND b.settled_at IS NOT NULL)) ORDER BY b.id",
    )?;
    let mut batches = query.query([until])?;
    let (mut members, mut all, mut hashes) = (0, true, Vec::new());
    while let Some(row) = batches.next()? {
        if members >= AT_ONCE {
            all = false;
            break;
        }
        let (batch, seq, settled): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(3)?);
        for job in codes::unpack(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?) {
            members += 1;
            name(conn, codes::id_of(seq, job)?, &mut hashes)?;
        }
        conn.prepare_cached("INSERT INTO named(batch, settled) VALUES (?1, ?2) ON CONFLICT(batch) DO UPDATE SET settled = excluded.settled")?
            .execute(params![batch, settled])?;
    }
    if members > 0 {
        // Sorted hashes let SQLite read and write each page once.
        hashes.sort_unstable();
        let mut insert =
            conn.prepare_cached("INSERT OR IGNORE INTO names(hash, recipient) VALUES (?1, ?2)")?;
        hashes.into_iter().try_for_each(|(hash, id)| insert.execute([hash, id]).map(drop))?;
        advance(conn, until)?;
    }
    Ok(all)
}

/// Advances `named_until` to the first batch whose provider ids are not indexed yet.
fn advance(conn: &Connection, until: i64) -> Result<()> {
    let next: Option<i64> = conn
        .prepare_cached("SELECT min(b.id) FROM batches b LEFT JOIN named n ON n.batch = b.id WHERE b.id > ?1 AND coalesce(n.settled, 0) = 0")?
        .query_row([until], |row| row.get(0))?;
    let last: i64 = conn
        .prepare_cached("SELECT coalesce(max(batch), 0) FROM named")?
        .query_row([], |row| row.get(0))?;
    let mark = next.map_or(last, |id| id - 1).max(until);
    conn.prepare_cached("DELETE FROM named WHERE batch <= ?1")?.execute([mark])?;
    conn.prepare_cached("INSERT INTO meta(name, value) VALUES ('named_until', ?1) ON CONFLICT(name) DO UPDATE SET value = excluded.value")?
        .execute([mark])?;
    Ok(())
}

/// Adds the hashes of a recipient's names.
fn name(conn: &Connection, id: i64, hashes: &mut Vec<(i64, i64)>) -> Result<()> {
    let mut find = conn.prepare_cached(
        "SELECT email, key, message_id, provider_id FROM recipients WHERE id = ?1",
    )?;
    let mut rows = find.query([id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let text = |column| -> Result<&str> {
        Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
    };
    let email = key_of(text(0)?);
    let (key, message_id, provider_id) = (text(1)?, text(2)?, text(3)?);
    hashes.push((hash(b'a', &email), id));
    if key != email {
        hashes.push((hash(b'k', key), id));
    }
    if !message_id.is_empty() {
        hashes.push((hash(b'm', message_name(message_id)), id));
    }
    if !provider_id.is_empty() {
        hashes.push((hash(b'p', provider_id), id));
    }
    Ok(())
}

/// Rows with this name that meet a condition on the recipient's row, newest first.
fn rows_named(
    conn: &Connection,
    kind: u8,
    name: &str,
    condition: &str,
    value: &str,
) -> Result<Option<(i64, String)>> {
    let sql = format!(
        "SELECT r.id, r.email FROM names n JOIN recipients r ON r.id = n.recipient WHERE n.hash = ?1 AND {condition} ORDER BY n.recipient DESC LIMIT 1"
    );
    Ok(conn
        .prepare_cached(&sql)?
        .query_row(params![hash(kind, name), value], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn by_token(conn: &Connection, token: &str) -> Result<Option<(i64, String)>> {
    if !is_token(token) {
        return Ok(None);
    }
    rows_named(conn, b'm', token, "substr(r.message_id, 1, 25) = ?2 || '@'", token)
}

/// The recipient that an event is about. Tries the identifiers of the event, most exact first.
pub(super) fn find(conn: &Connection, event: &Event) -> Result<Option<Found>> {
    if let Some(correlation) = &event.correlation {
        let found = by_correlation(conn, &correlation.run, &correlation.key)?;
        if let Some((id, email)) = found {
            return Ok(Some(Found { id, email, by: LinkedBy::Correlation }));
        }
    }
    let some = |found: Option<(i64, String)>, by| found.map(|(id, email)| Found { id, email, by });
    let message_id = event.message_id.trim_matches(['<', '>', ' ']);
    if let Some(found) = some(by_token(conn, &event.token)?, LinkedBy::Token) {
        return Ok(Some(found));
    }
    if !message_id.is_empty()
        && let Some(found) = some(
            rows_named(conn, b'm', message_name(message_id), "r.message_id = ?2", message_id)?,
            LinkedBy::MessageId,
        )
    {
        return Ok(Some(found));
    }
    if !event.provider_id.is_empty()
        && let Some(found) = some(by_provider_id(conn, event)?, LinkedBy::ProviderId)
    {
        return Ok(Some(found));
    }
    let Some(recipient) = &event.recipient else { return Ok(None) };
    Ok(some(by_address(conn, recipient)?, LinkedBy::Address))
}

/// The recipient at this address that was mailed last. All spellings of the address are searched.
fn by_address(conn: &Connection, recipient: &str) -> Result<Option<(i64, String)>> {
    let wanted = key_of(recipient);
    let mut spellings = vec![recipient.to_lowercase(), wanted.clone()];
    spellings.extend(older_spellings(&wanted));
    spellings.dedup();
    let mut query =
        conn.prepare_cached("SELECT r.id, r.email FROM names n JOIN recipients r ON r.id = n.recipient WHERE n.hash = ?1 ORDER BY n.recipient DESC")?;
    let mut latest: Option<(i64, String)> = None;
    for spelling in spellings {
        let mut rows = query.query([hash(b'a', &spelling)])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let email = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            if key_of(email) == wanted {
                if latest.as_ref().is_none_or(|(newest, _)| *newest < id) {
                    latest = Some((id, email.to_owned()));
                }
                break;
            }
        }
    }
    Ok(latest)
}

fn by_correlation(conn: &Connection, run: &str, key: &str) -> Result<Option<(i64, String)>> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT seq FROM runs WHERE id = ?1")?
        .query_row([run], |row| row.get(0))
        .optional()?;
    let Some(seq) = found else { return Ok(None) };
    let (first, last) = codes::ids_of(seq);
    let sql = "SELECT r.id, r.email FROM names n JOIN recipients r ON r.id = n.recipient
         WHERE n.hash IN (?1, ?2) AND n.recipient BETWEEN ?3 AND ?4 AND r.key = ?5 LIMIT 1";
    Ok(conn
        .prepare_cached(sql)?
        .query_row(params![hash(b'k', key), hash(b'a', key), first, last, key], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

/// The recipient of the message with this provider id. If the provider gave one id to all
/// recipients of a request, the address in the event decides.
fn by_provider_id(conn: &Connection, event: &Event) -> Result<Option<(i64, String)>> {
    let mut query = conn.prepare_cached(
        "SELECT r.id, r.email, r.provider FROM names n JOIN recipients r ON r.id = n.recipient WHERE n.hash = ?1 AND r.provider_id = ?2
         ORDER BY n.recipient DESC",
    )?;
    let mut rows = query.query(params![hash(b'p', &event.provider_id), event.provider_id])?;
    let named = event.recipient.as_deref().map(key_of);
    let mut only = None;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (id, email, provider): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !event.provider.is_empty() && provider != event.provider {
            continue;
        }
        if named.as_deref() == Some(key_of(&email).as_str()) {
            return Ok(Some((id, email)));
        }
        count += 1;
        only.get_or_insert((id, email));
    }
    // The id belongs to a single message. The event is about its recipient, even if the event names
    // another address, such as that of a forward.
    Ok(only.filter(|_| count == 1))
}

/// The recipient that a token identifies. Returns `None` if the index of names is incomplete; the
/// caller must then try again.
pub(super) fn person(
    conn: &Connection,
    token: &str,
    now: Timestamp,
) -> Result<Option<Option<Person>>> {
    if !gather(conn)? {
        return Ok(None);
    }
    if let Some((id, email)) = by_token(conn, token)? {
        let found = conn
            .prepare_cached("SELECT id, campaign, env FROM runs WHERE seq = ?1")?
            .query_row([codes::seq_of(id)], |row| {
                Ok(Person {
                    about: Some((row.get(0)?, codes::row_of(id))),
                    campaign: row.get(1)?,
                    env: row.get(2)?,
                    entry: key_of(&email),
                    expires_at: None,
                })
            });
        return Ok(Some(found.optional()?));
    }
    let mut query = conn.prepare_cached(
        "SELECT campaign, env, entry, expires_at FROM tokens WHERE token = ?1 AND expires_at > ?2",
    )?;
    let mut rows = query.query(params![token, now.as_microsecond()])?;
    let Some(row) = rows.next()? else { return Ok(Some(None)) };
    let expires_at = Some(codes::time(row.get(3)?)?);
    Ok(Some(Some(Person {
        campaign: row.get(0)?,
        env: row.get(1)?,
        about: None,
        entry: row.get(2)?,
        expires_at,
    })))
}

/// Stores which recipients the tokens of a run identify, before the run's rows are removed. Deletes
/// expired tokens.
pub(super) fn keep_tokens(conn: &Connection, seq: i64, now: Timestamp) -> Result<()> {
    conn.execute("DELETE FROM tokens WHERE expires_at <= ?1", [now.as_microsecond()])?;
    let (first, last) = codes::ids_of(seq);
    let (campaign, env): (String, Option<String>) =
        conn.query_row("SELECT campaign, env FROM runs WHERE seq = ?1", [seq], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut query = conn.prepare("SELECT message_id, key, email FROM recipients WHERE id BETWEEN ?1 AND ?2 AND message_id <> ''")?;
    let mut insert = conn.prepare(
        "INSERT INTO tokens(token, campaign, env, key, entry, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT(token) DO UPDATE SET entry = excluded.entry, expires_at = excluded.expires_at",
    )?;
    let expires_at = now.saturating_add(TOKENS_LAST).unwrap_or(Timestamp::MAX);
    let mut rows = query.query([first, last])?;
    while let Some(row) = rows.next()? {
        let (message_id, key, email): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(token) = token_of(&message_id) else { continue };
        let folded = key_of(&email);
        let entry = format!(
            "sha256:{}",
            HEXLOWER.encode(digest::digest(&digest::SHA256, folded.as_bytes()).as_ref())
        );
        let key = if key.contains('@') { "" } else { key.as_str() };
        insert.execute(params![
            token,
            campaign,
            env,
            key,
            entry,
            now.as_microsecond(),
            expires_at.as_microsecond()
        ])?;
    }
    Ok(())
}
