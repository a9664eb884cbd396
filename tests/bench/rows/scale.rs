//! Long lists and long suppression files: how close to a bare loop, and what ten times as much
//! costs.

use std::path::Path;

use anyhow::Result;

use crate::bench::{Bench, Finding};
use crate::digits::thousands;
use crate::list;
use crate::measure::{self, Cost};
use crate::reference;
use crate::row::{Bound, Row, Side, Unit};

/// A provider that mails nobody and keeps nothing.
const SANDBOX: &str = "kind = \"sandbox\"\nkeep = 0";

pub(super) fn dry_run(bench: &Bench) -> Result<Vec<Finding>> {
    let rows = bench.amount(1_000_000);
    let list = bench.list(rows)?;
    let row = Row {
        group: "dry-run",
        what: format!("`--dry-run` of {} rows", thousands(rows)),
        unit: Unit::Rate,
        ours: Side::new("mailbatch", rows),
        yardstick: Side::new("bare loop", rows),
        bound: Bound::AtLeast(0.4),
    };
    let reference = reference::render(&list)?;
    Ok(vec![bench.duel(row, || dry(bench, &list, &[]), || measure::run(&reference))?])
}

pub(super) fn suppression(bench: &Bench) -> Result<Vec<Finding>> {
    let entries = bench.amount(10_000_000);
    let file = list::suppressions(&bench.dir, entries)?;
    let list = bench.list(1)?;
    let row = Row {
        group: "suppression",
        what: format!("loading {} suppressions", thousands(entries)),
        unit: Unit::Time,
        ours: Side::new("mailbatch", entries),
        yardstick: Side::new("bare loop", entries),
        bound: Bound::AtMost(2.5),
    };
    let reference = reference::hash(&file)?;
    let suppress = file.display().to_string();
    Ok(vec![bench.duel(
        row,
        || dry(bench, &list, &["--suppress", &suppress]),
        || measure::run(&reference),
    )?])
}

/// A run of mailbatch with a list and more arguments.
type Work = fn(&Bench, &Path, &[&str]) -> Result<Cost>;

/// What must not grow faster than the list does.
const WORKS: [(&str, Work); 2] = [("dry run", dry), ("sandbox without .eml", sandbox)];

/// A dry run: reads, screens and renders everything, writes nothing.
fn dry(bench: &Bench, list: &Path, more: &[&str]) -> Result<Cost> {
    let words: Vec<&str> = ["--dry-run"].iter().chain(more).copied().collect();
    bench.send(SANDBOX, list, &words)
}

/// A send through the sandbox, which takes everything and writes no message: reading, ledger and
/// report, no wire.
fn sandbox(bench: &Bench, list: &Path, more: &[&str]) -> Result<Cost> {
    bench.send(SANDBOX, list, more)
}

pub(super) fn growth(bench: &Bench) -> Result<Vec<Finding>> {
    let (few, many) = (bench.amount(100_000), bench.amount(1_000_000));
    let (short, long) = (bench.list(few)?, bench.list(many)?);
    let mut findings = Vec::new();
    for (name, work) in WORKS {
        let mut ours = Side::new("mailbatch", many);
        let mut yardstick = Side::new(format!("{} rows:", thousands(few)), few);
        let (mut long_work, mut short_work) =
            (|| work(bench, &long, &[]), || work(bench, &short, &[]));
        bench.take_turns(
            "growth",
            &mut [(&mut ours, &mut long_work), (&mut yardstick, &mut short_work)],
        )?;
        let row = |what: &str, unit, bound| Row {
            group: "growth",
            what: format!("{what} for {} rows over {}, {name}", thousands(many), thousands(few)),
            unit,
            ours: ours.clone(),
            yardstick: yardstick.clone(),
            bound,
        };
        findings.push(Finding::Row(row("time", Unit::Time, Bound::AtMost(11.0))));
        findings.push(Finding::Row(row("memory", Unit::Memory, Bound::AtMost(40.0))));
    }
    Ok(findings)
}

pub(super) fn memory(bench: &Bench) -> Result<Vec<Finding>> {
    let rows = bench.amount(1_000_000);
    let list = bench.list(rows)?;
    let entries = bench.amount(10_000_000);
    let suppress = list::suppressions(&bench.dir, entries)?.display().to_string();
    let mut findings = Vec::new();
    for (name, work) in WORKS {
        let row = Row {
            group: "memory",
            what: format!("memory with {} suppressions on top, {name}", thousands(entries)),
            unit: Unit::Memory,
            ours: Side::new("mailbatch", rows),
            yardstick: Side::new("without:", rows),
            bound: Bound::AtMost(180.0),
        };
        findings.push(bench.duel(
            row,
            || work(bench, &list, &["--suppress", &suppress]),
            || work(bench, &list, &[]),
        )?);
    }
    Ok(findings)
}
