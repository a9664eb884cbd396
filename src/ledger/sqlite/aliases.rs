//! Records which campaign ids belong to the same campaign.

use rusqlite::{Connection, params};

use super::fault::Result;

/// The prefix of an identity that records a former spelling of a campaign's paths. Ids with such an
/// identity in common are not joined, because the files at the paths may have changed.
const SPELLED: &str = "s:";

/// The prefix of an identity that stands for the campaign id of lost runs, so that the operator can
/// still type this id. It joins no ids.
const LOST: &str = "l:";

/// Records the campaign id of lost runs.
pub(super) fn add_lost(conn: &Connection, campaign: &str) -> Result<()> {
    add(conn, &[(format!("{LOST}{campaign}"), campaign.to_owned())])
}

/// All pairs of an identity and a campaign id.
pub(super) fn all(conn: &Connection) -> Result<Vec<(String, String)>> {
    let mut query =
        conn.prepare_cached("SELECT identity, campaign FROM aliases ORDER BY identity, campaign")?;
    Ok(query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn add(conn: &Connection, pairs: &[(String, String)]) -> Result<()> {
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO aliases(identity, campaign) VALUES (?1, ?2)")?;
    pairs
        .iter()
        .try_for_each(|(identity, campaign)| insert.execute([identity, campaign]).map(drop))?;
    Ok(())
}

/// All ids that belong to the same campaign as this id, starting with this id.
pub(super) fn kin(conn: &Connection, campaign: &str) -> Result<Vec<String>> {
    let mut query = conn.prepare_cached(
        "WITH RECURSIVE kin(campaign) AS (
           VALUES (?1)
           UNION
           SELECT other.campaign FROM kin
           JOIN aliases one ON one.campaign = kin.campaign AND substr(one.identity, 1, 2) <> ?2
           JOIN aliases other ON other.identity = one.identity
         ) SELECT campaign FROM kin",
    )?;
    Ok(query
        .query_map(params![campaign, SPELLED], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Like [`kin`], as a JSON array for `IN (SELECT value FROM json_each(?))`.
pub(super) fn kin_json(conn: &Connection, campaign: &str) -> Result<String> {
    Ok(serde_json::to_string(&kin(conn, campaign)?)?)
}
