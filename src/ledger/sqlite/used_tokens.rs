//! The table of one-time tokens that have been used.

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Result;
use crate::ledger::UsedToken;

/// Marks a token as used. Returns false if the token was used before with another body. Deletes
/// expired tokens.
pub(super) fn use_up(conn: &Connection, token: &UsedToken) -> Result<bool> {
    let now = token.at.as_microsecond();
    conn.prepare_cached("DELETE FROM used_tokens WHERE expires_at < ?1")?.execute([now])?;
    let known: Option<Vec<u8>> = conn
        .prepare_cached("SELECT body FROM used_tokens WHERE hash = ?1")?
        .query_row([&token.hash], |row| row.get(0))
        .optional()?;
    if let Some(body) = known {
        return Ok(body == token.body);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO used_tokens(hash, body, expires_at) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![token.hash, token.body, token.expires_at.as_microsecond()])?;
    Ok(true)
}
