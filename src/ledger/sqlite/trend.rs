//! Counts feedback by week, provider and receiving domain, over all runs that are still in the
//! ledger.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::codes;
use super::fault::Result;
use crate::ledger::Trend;
use crate::model::event::Class;
use crate::model::outcome::Outcome;

/// The number of seconds in a week, and between Monday 1969-12-29, when week 0 begins, and 1970.
const WEEK: i64 = 604_800;
const FIRST_MONDAY: i64 = 3 * 86_400;

/// The SQL expression for the week number of a column with microseconds.
fn week_of(column: &str) -> String {
    format!("(({column}) / 1000000 + {FIRST_MONDAY}) / {WEEK}")
}

/// The feedback of the last `weeks` weeks, including the week of `now`, oldest first. A week begins
/// on Monday 00:00 UTC.
pub(super) fn trend(conn: &Connection, weeks: u32, now: Timestamp) -> Result<Vec<Trend>> {
    let this = (now.as_second() + FIRST_MONDAY).div_euclid(WEEK);
    let first = this - i64::from(weeks.max(1)) + 1;
    let since = (first * WEEK - FIRST_MONDAY) * 1_000_000;
    let mut found: BTreeMap<(i64, String, String), Trend> = BTreeMap::new();
    let mut add =
        |week: i64, provider: String, domain: String, change: &dyn Fn(&mut Trend)| -> Result<()> {
            let begins = codes::time((week * WEEK - FIRST_MONDAY) * 1_000_000)?;
            let entry = found.entry((week, provider.clone(), domain.clone()));
            change(entry.or_insert_with(|| Trend {
                week: begins,
                provider,
                domain,
                ..Trend::default()
            }));
            Ok(())
        };
    let sql = format!(
        "SELECT {}, provider, domain, outcome = ?1, count(*) FROM recipients
         WHERE state = 0 AND outcome IN (?1, ?3) AND attempts > 0 AND last_at >= ?2 GROUP BY 1, 2, 3, 4",
        week_of("last_at")
    );
    let mut query = conn.prepare(&sql)?;
    let mut rows = query.query(params![
        codes::outcome_number(Outcome::Accepted),
        since,
        codes::outcome_number(Outcome::Rejected)
    ])?;
    while let Some(row) = rows.next()? {
        let (is_accepted, count): (bool, u64) = (row.get(3)?, row.get::<_, i64>(4)?.max(0) as u64);
        let change = |trend: &mut Trend| {
            if is_accepted { trend.accepted += count } else { trend.rejected += count }
        };
        add(row.get(0)?, row.get(1)?, row.get(2)?, &change)?;
    }
    // If the clock of an event's source is ahead, the time of receipt counts. The events of a
    // removed run have no recipient or address, so each counts as one recipient.
    let sql = format!(
        "SELECT {}, coalesce(r.provider, e.provider), coalesce(r.domain, substr(e.email, instr(e.email, '@') + 1)), e.type, e.bounce,
           count(DISTINCT CASE WHEN e.recipient IS NOT NULL THEN 'r' || e.recipient WHEN e.email <> '' THEN 'e' || e.email ELSE 'n' || e.id END)
         FROM events e LEFT JOIN recipients r ON r.id = e.recipient
         WHERE min(e.at, e.received_at) >= ?1 AND e.type IN ('bounced', 'complained', 'unsubscribed') AND coalesce(e.class, '') <> '{}'
         GROUP BY 1, 2, 3, 4, 5",
        week_of("min(e.at, e.received_at)"),
        Class::NotSpam
    );
    let mut query = conn.prepare(&sql)?;
    let mut rows = query.query([since])?;
    while let Some(row) = rows.next()? {
        let (kind, bounce): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let count = row.get::<_, i64>(5)?.max(0) as u64;
        let change = |trend: &mut Trend| match (kind.as_str(), bounce.as_deref()) {
            ("bounced", Some("hard")) => trend.bounced_hard += count,
            ("bounced", _) => trend.bounced_soft += count,
            ("complained", _) => trend.complained += count,
            _ => trend.unsubscribed += count,
        };
        add(row.get(0)?, row.get(1)?, row.get(2)?, &change)?;
    }
    Ok(found.into_values().collect())
}
