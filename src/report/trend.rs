//! Formats the feedback per week: as a table for people, and as CSV and JSON for programs. None of
//! them contains an address.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Format;
use super::table::{align_right, drawn, grid};
use crate::ledger::Trend;
use crate::model::error::{Error, Result};
use crate::model::figures::{clean, grouped, percent};

/// The maximum number of domains to name for a week and provider. The others are summed in one
/// line.
const MOST_DOMAINS: usize = 10;

const COLUMNS: [&str; 9] = [
    "week",
    "provider",
    "domain",
    "accepted",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "unsubscribed",
    "rejected",
];

/// Formats the trend. `width` is the width of the terminal, for the table. Fails with exit code 2
/// if the format is not supported.
pub(crate) fn trend(rows: &[Trend], format: Format, width: u16) -> Result<String> {
    match format {
        Format::Table => Ok(table(rows, width)),
        Format::Csv => csv(rows)
            .map_err(|e| Error::internal(format!("the trend cannot be written as CSV: {e}"))),
        Format::Ndjson => Ok(rows.iter().map(|row| format!("{}\n", object(row))).collect()),
        Format::Json => {
            let rows: Vec<Value> = rows.iter().map(object).collect();
            Ok(format!("{}\n", json!({"v": 1, "type": "trend", "weeks": rows})))
        }
        Format::Html | Format::Junit | Format::Markdown => {
            Err(Error::usage(format!("--trend has no form {}", format.as_str()))
                .hint("use table, csv, ndjson or json"))
        }
    }
}

/// Formats the first day of the week.
fn day(row: &Trend) -> String {
    row.week.strftime("%Y-%m-%d").to_string()
}

fn object(row: &Trend) -> Value {
    json!({
        "week": day(row),
        "provider": row.provider,
        "domain": row.domain,
        "accepted": row.accepted,
        "bounced_hard": row.bounced_hard,
        "bounced_soft": row.bounced_soft,
        "complained": row.complained,
        "unsubscribed": row.unsubscribed,
        "rejected": row.rejected,
    })
}

fn counts(row: &Trend) -> [u64; 6] {
    [
        row.accepted,
        row.bounced_hard,
        row.bounced_soft,
        row.complained,
        row.unsubscribed,
        row.rejected,
    ]
}

fn csv(rows: &[Trend]) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        let names = [day(row), row.provider.clone(), row.domain.clone()];
        writer.write_record(names.into_iter().chain(counts(row).map(|count| count.to_string())))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|e| e.to_string())?)?)
}

fn table(rows: &[Trend], width: u16) -> String {
    if rows.is_empty() {
        return "nothing was sent in these weeks, and no feedback was received\n".to_owned();
    }
    let mut groups: BTreeMap<(String, &str), Vec<&Trend>> = BTreeMap::new();
    for row in rows {
        groups.entry((day(row), &row.provider)).or_default().push(row);
    }
    let mut table = grid(
        width,
        &[
            "week",
            "provider",
            "domain",
            "accepted",
            "rejected",
            "hard",
            "soft",
            "bounced",
            "complained",
            "unsubscribed",
        ],
    );
    align_right(&mut table, &[3, 4, 5, 6, 7, 8, 9]);
    let mut add = |week: &str, provider: &str, domain: &str, counts: [u64; 6]| {
        let [accepted, hard, soft, complained, unsubscribed, rejected] = counts;
        // Feedback for earlier mail may arrive in a week without accepted mail. The share is then
        // unknown.
        let share = if accepted == 0 { "-".to_owned() } else { percent(hard + soft, accepted) };
        let named =
            |name: &str| if name.is_empty() { "-".to_owned() } else { clean(name).into_owned() };
        table.add_row([
            week.to_owned(),
            named(provider),
            named(domain),
            grouped(accepted),
            grouped(rejected),
            grouped(hard),
            grouped(soft),
            share,
            grouped(complained),
            grouped(unsubscribed),
        ]);
    };
    for ((week, provider), mut rows) in groups {
        rows.sort_by(|a, b| {
            counts(b)
                .iter()
                .sum::<u64>()
                .cmp(&counts(a).iter().sum())
                .then_with(|| a.domain.cmp(&b.domain))
        });
        let sum = |rows: &[&Trend]| {
            rows.iter().fold([0; 6], |sum, row| std::array::from_fn(|at| sum[at] + counts(row)[at]))
        };
        let named = if rows.len() > MOST_DOMAINS + 1 { MOST_DOMAINS } else { rows.len() };
        if rows.len() > 1 {
            add(&week, provider, "(all)", sum(&rows));
        }
        rows[..named].iter().for_each(|row| add(&week, provider, &row.domain, counts(row)));
        if named < rows.len() {
            add(
                &week,
                provider,
                &format!("({} others)", grouped((rows.len() - named) as u64)),
                sum(&rows[named..]),
            );
        }
    }
    drawn(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(week: &str, provider: &str, domain: &str, counts: [u64; 6]) -> Trend {
        let [accepted, bounced_hard, bounced_soft, complained, unsubscribed, rejected] = counts;
        let week = format!("{week}T00:00:00Z").parse().unwrap();
        Trend {
            week,
            provider: provider.into(),
            domain: domain.into(),
            accepted,
            bounced_hard,
            bounced_soft,
            complained,
            unsubscribed,
            rejected,
        }
    }

    fn weeks() -> Vec<Trend> {
        let mut rows = vec![
            row("2026-11-09", "relay", "gmail.com", [12_000, 30, 6, 2, 11, 46]),
            row("2026-11-16", "", "", [0, 1, 0, 0, 0, 0]),
            row("2026-11-16", "relay", "gmail.com", [4_000, 10, 2, 0, 3, 0]),
        ];
        rows.extend((0..12).map(|n| {
            row("2026-11-16", "relay", &format!("d{n}.example"), [20 - n, 0, 0, 0, 0, n])
        }));
        rows
    }

    #[test]
    fn a_table_names_the_largest_domains_and_sums_the_others() {
        insta::assert_snapshot!(trend(&weeks(), Format::Table, 120).unwrap());
        assert!(trend(&[], Format::Table, 80).unwrap().starts_with("nothing was sent"));
    }

    #[test]
    fn programs_get_every_domain() {
        let csv = trend(&weeks(), Format::Csv, 80).unwrap();
        assert_eq!(csv.lines().count(), 16);
        assert_eq!(csv.lines().nth(1), Some("2026-11-09,relay,gmail.com,12000,30,6,2,11,46"));
        let json: Value =
            serde_json::from_str(&trend(&weeks(), Format::Json, 80).unwrap()).unwrap();
        assert_eq!(
            (json["type"].as_str(), json["weeks"][2]["bounced_soft"].as_u64()),
            (Some("trend"), Some(2))
        );
        assert_eq!(trend(&weeks(), Format::Ndjson, 80).unwrap().lines().count(), 15);
        assert!(
            trend(&weeks(), Format::Junit, 80).unwrap_err().to_string().contains("hint: use table")
        );
    }
}
