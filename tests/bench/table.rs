//! The results as a Markdown table for people and as JSON for scripts.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::digits;
use crate::machine::Machine;
use crate::row::{Bound, Row, Side, Spread, Unit};

/// A row that was not measured, and why.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// The table, ready to be pasted.
pub(crate) fn markdown(
    machine: &Machine,
    rounds: u32,
    rows: &[Row],
    skipped: &[Skipped],
) -> String {
    let mut text = format!("{machine}; {rounds} x in turns: median (min..max).\n\n");
    text.push_str("| what | mailbatch | yardstick | compared | must be | CPU µs each | peak MiB |\n|---|---|---|---|---|---|---|\n");
    for row in rows {
        let (unit, comparison) = (row.unit, row.comparison());
        let kept = if row.is_kept() { "" } else { " **missed**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} {} | **{}** | {}{kept} | {} / {} | {} / {} |",
            row.what,
            spread(Spread::of(row.ours.values(unit)), unit),
            row.yardstick.who,
            spread(Spread::of(row.yardstick.values(unit)), unit),
            compared(comparison, unit),
            bound(row.bound, unit),
            digits::measured(row.ours.cpu().median),
            digits::measured(row.yardstick.cpu().median),
            digits::measured(row.ours.peak().median),
            digits::measured(row.yardstick.peak().median),
        );
    }
    for skipped in skipped {
        let _ = writeln!(text, "\nskipped: {}: {}", skipped.what, skipped.why);
    }
    text
}

/// Everything that was measured, each round of it.
pub(crate) fn json(machine: &Machine, rounds: u32, rows: &[Row], skipped: &[Skipped]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "row": row.group, "what": row.what, "unit": unit_word(row.unit),
                "mailbatch": side(&row.ours, row.unit), "yardstick": side(&row.yardstick, row.unit),
                "compared": spread_json(row.comparison()), "kept": row.is_kept(),
                "at_least": if let Bound::AtLeast(least) | Bound::AtLeastOr(least, _) = row.bound { Some(least) } else { None },
                "at_most": if let Bound::AtMost(most) = row.bound { Some(most) } else { None },
            })
        })
        .collect();
    let skipped: Vec<Value> =
        skipped.iter().map(|skipped| json!({"what": skipped.what, "why": skipped.why})).collect();
    json!({"v": 1, "machine": machine.json(), "rounds": rounds, "rows": rows, "skipped": skipped})
}

fn side(side: &Side, unit: Unit) -> Value {
    json!({
        "who": side.who, "items": side.items, "value": spread_json(Spread::of(side.values(unit))),
        "cpu_us_each": spread_json(side.cpu()), "peak_mib": spread_json(side.peak()), "costs": side.costs,
    })
}

fn spread_json(spread: Spread) -> Value {
    json!({"median": spread.median, "min": spread.min, "max": spread.max})
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Rate => "items_per_second",
        Unit::Time => "seconds",
        Unit::Memory => "peak_mib",
    }
}

fn spread(spread: Spread, unit: Unit) -> String {
    let unit = match unit {
        Unit::Rate => "/s",
        Unit::Time => " s",
        Unit::Memory => " MiB",
    };
    format!(
        "{}{unit} ({}..{})",
        digits::measured(spread.median),
        digits::measured(spread.min),
        digits::measured(spread.max)
    )
}

fn compared(spread: Spread, unit: Unit) -> String {
    match unit {
        Unit::Memory => {
            format!("{:+.0} MiB ({:+.0}..{:+.0})", spread.median, spread.min, spread.max)
        }
        Unit::Rate | Unit::Time => format!(
            "{} x ({}..{})",
            digits::ratio(spread.median),
            digits::ratio(spread.min),
            digits::ratio(spread.max)
        ),
    }
}

fn bound(bound: Bound, unit: Unit) -> String {
    let unit = if unit == Unit::Memory { "MiB" } else { "x" };
    match bound {
        Bound::AtLeast(least) => format!("≥ {least} {unit}"),
        Bound::AtMost(most) => format!("≤ {most} {unit}"),
        Bound::AtLeastOr(least, rate) => format!("≥ {least} {unit} or ≥ {rate}/s"),
        Bound::None => String::new(),
    }
}
