//! What sealing a run would carry over, found without planning it: the rules are those of `carry`.

use rusqlite::Connection;

use super::carry::{Earlier, Scope, compare, taken_over};
use super::fault::Result;
use super::workspace;
use crate::ledger::CarryQuery;
use crate::model::outcome::Outcome;

/// The outcome that each recipient would take over, `None` for one that keeps its own; `None` for
/// all where the campaign has no earlier run, nor any that was removed.
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
    // What earlier runs decided is gathered in a table of this connection; the ledger itself is
    // only read.
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
