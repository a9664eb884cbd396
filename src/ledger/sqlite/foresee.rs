//! Predicts what sealing a run would carry over, without planning the run. Applies the rules of
//! `carry`.

use rusqlite::Connection;

use super::carry::{Earlier, Scope, compare, taken_over};
use super::fault::Result;
use super::workspace;
use crate::ledger::CarryQuery;
use crate::model::outcome::Outcome;

/// The outcome that each recipient would take over; `None` for a recipient without such an outcome.
/// Returns `None` for the whole query if the campaign has no earlier run, removed or not.
pub(super) fn foresee(
    conn: &Connection,
    query: &CarryQuery,
) -> Result<Option<Vec<Option<Outcome>>>> {
    let scope = Scope {
        campaign: query.campaign.clone(),
        env: query.env.clone(),
        compare: compare(query.dedupe),
    };
    let Some(earlier) = Earlier::find(conn, &workspace::secret_key(conn)?, scope, i64::MAX)? else {
        return Ok(None);
    };
    if query.people.is_empty() {
        return Ok(Some(Vec::new()));
    }
    // The temporary table needs a connection that may write, but the ledger's own tables are only
    // read.
    conn.pragma_update(None, "query_only", false)?;
    let found = outcomes(conn, &earlier, query);
    conn.pragma_update(None, "query_only", true)?;
    found.map(Some)
}

fn outcomes(
    conn: &Connection,
    earlier: &Earlier,
    query: &CarryQuery,
) -> Result<Vec<Option<Outcome>>> {
    earlier.gather(conn)?;
    let mut lookup = earlier.lookup(conn)?;
    let mut outcomes = Vec::with_capacity(query.people.len());
    for person in &query.people {
        let found = earlier.decision(&mut lookup, &person.key, &person.email)?;
        outcomes.push(found.and_then(|found| taken_over(&found, person.is_open)));
    }
    drop(lookup);
    earlier.forget(conn)?;
    Ok(outcomes)
}
