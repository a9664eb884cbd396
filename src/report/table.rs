//! Writes the report as text for a terminal: the counts and the first rows that were not accepted.
//! Also defines the layout that all tables share.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::text::{outcome, outcome_words, reason_words};
use super::{Head, Layout, Options, ReportRow};
use crate::ledger::Standing;
use crate::model::figures::{clean, grouped, percent, rows, seconds};
use crate::model::outcome::{Outcome, Reason};

/// The maximum number of rows to show. Further rows are only counted.
const MOST_ROWS: usize = 50;

/// Creates an empty table without a frame, at most `width` columns wide.
pub(super) fn grid(width: u16, header: &[&str]) -> comfy_table::Table {
    const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
    let mut table = comfy_table::Table::new();
    table
        .force_no_tty()
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table.set_header(header.iter().map(Cell::new));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Formats the table without trailing spaces. The text ends with a line break.
pub(super) fn drawn(table: &comfy_table::Table) -> String {
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Aligns these columns to the right, as is usual for numbers.
pub(super) fn align_right(table: &mut comfy_table::Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Returns the reasons of one outcome with their counts, most frequent first.
pub(super) fn reasons(standing: &Standing, of: Outcome) -> Vec<(Reason, u64)> {
    let mut reasons: Vec<(Reason, u64)> = standing
        .reasons
        .iter()
        .filter(|((outcome, _), n)| *outcome == of && **n > 0)
        .map(|((_, reason), n)| (*reason, *n))
        .collect();
    reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(*n), *reason));
    reasons
}

/// Formats the counts by outcome in aligned columns. Below each outcome, its reasons are indented,
/// one per line with a short explanation.
pub(super) fn counts(standing: &Standing) -> String {
    let total = standing.tally.total();
    let mut lines: Vec<(String, u64, bool, &str)> = Vec::new();
    for (of, n) in standing.tally.non_zero() {
        lines.push((outcome(Some(of)).to_owned(), n, true, outcome_words(of)));
        lines.extend(
            reasons(standing, of)
                .into_iter()
                .map(|(reason, n)| (format!("  {reason}"), n, false, reason_words(reason))),
        );
    }
    if standing.tally.open > 0 {
        lines.push((outcome(None).to_owned(), standing.tally.open, true, ""));
    }
    let names = lines.iter().map(|(name, ..)| name.len()).max().unwrap_or(0).max(16);
    let digits = grouped(total).len().max(6);
    lines
        .into_iter()
        .map(|(name, n, share, words)| {
            let share = if share { percent(n, total) } else { String::new() };
            let line = format!("  {name:<names$}  {:>digits$}  {share:>6}  {words}", grouped(n));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

pub(super) struct Table {
    head: Head,
    standing: Standing,
    width: u16,
    filtered: bool,
    shown: Vec<ReportRow>,
    left_out: u64,
}

impl Table {
    pub(super) fn new(head: &Head, standing: &Standing, options: &Options) -> Self {
        Self {
            head: head.clone(),
            standing: standing.clone(),
            width: options.width(),
            filtered: options.outcomes.is_some(),
            shown: Vec::new(),
            left_out: 0,
        }
    }
}

impl Layout for Table {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.head.run.is_empty() {
            let env = self.head.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
            write!(out, "run {} · {}{env}", self.head.run, clean(&self.head.campaign))?;
            if let Some(at) = self.head.started_at {
                write!(out, " · {}", seconds(at))?;
            }
            writeln!(out, "\n")?;
        }
        write!(out, "{}", counts(&self.standing))?;
        writeln!(out, "  {} in", rows(self.standing.tally.total()))
    }

    fn row(&mut self, row: &ReportRow, _: &mut dyn Write) -> io::Result<()> {
        let telling = self.filtered
            || !matches!(row.outcome, None | Some(Outcome::Accepted | Outcome::AlreadyAccepted));
        if telling && self.shown.len() < MOST_ROWS {
            self.shown.push(row.clone());
        } else if telling {
            self.left_out += 1;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.shown.is_empty() {
            return Ok(());
        }
        let mut table = grid(self.width, &["where", "address", "outcome", "answer"]);
        for row in &self.shown {
            let what = match row.reason {
                Some(reason) => format!("{} {reason}", outcome(row.outcome)),
                None => outcome(row.outcome).to_owned(),
            };
            let answer = format!("{} {}", row.code, row.detail);
            table.add_row([
                clean(&self.head.place(row)),
                clean(&row.email),
                what.into(),
                clean(answer.trim()),
            ]);
        }
        write!(out, "\n{}", drawn(&table))?;
        if self.left_out > 0 {
            writeln!(out, "… and {} more; --format csv has every row", rows(self.left_out))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, fixture, fixture::write};
    use super::*;

    #[test]
    fn a_table_shows_counts_and_who_was_not_reached() {
        let (head, standing, rows) = fixture::run();
        let mut out = Vec::new();
        write(
            Format::Table,
            &head,
            &standing,
            rows,
            Options { width: Some(80), ..Options::default() },
            &mut out,
        )
        .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        run 20261121-034500-k3f9 · spring (staging) · 2026-11-21T03:45:00Z

          accepted               1   20.0%
          rejected               1   20.0%
            mailbox_gone         1          the mailbox does not exist
          suppressed             1   20.0%
            unsubscribe          1          the recipient unsubscribed
          invalid                1   20.0%
            bad_address          1          no address that can be mailed
          open                   1   20.0%
          5 rows in

        where          address          outcome                 answer
        ─────────────────────────────────────────────────────────────────────────────
        list.csv:3     bob@example.org  rejected mailbox_gone   550 5.1.1 no <such>
                                                                user, "bob"
        list.csv:4     not an address   invalid bad_address
        more.ndjson:1  kim@example.com  suppressed unsubscribe
        "#);
    }

    #[test]
    fn more_rows_than_fit_are_counted() {
        let (head, standing, rows) = fixture::run();
        let many = (0..70).map(|_| rows[1].clone());
        let mut out = Vec::new();
        write(Format::Table, &head, &standing, many, Options::default(), &mut out).unwrap();
        assert!(
            String::from_utf8(out)
                .unwrap()
                .ends_with("… and 20 rows more; --format csv has every row\n")
        );
    }

    #[test]
    fn a_cell_of_the_list_cannot_command_the_terminal() {
        let (head, standing, mut rows) = fixture::run();
        rows[2].email = "\x1b]0;owned\x07\x1b[2J".into();
        let mut out = Vec::new();
        write(Format::Table, &head, &standing, rows, Options::default(), &mut out).unwrap();
        assert!(out.iter().all(|b| *b == b'\n' || *b >= 0x20), "{}", String::from_utf8_lossy(&out));
    }
}
