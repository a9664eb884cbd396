//! The report as GitHub-flavoured Markdown, for the summary page of a CI job. Rule: such pages are read by many, so rows are named by list
//! and line, never by address; what a provider answered may quote one and is left out as well.

use std::io::{self, Write};

use super::table::reasons;
use super::text::{between, clean, duration, grouped, outcome, percent, rows, seconds};
use super::{Head, Layout, ReportRow};
use crate::exit::Exit;
use crate::ledger::Standing;
use crate::outcome::Outcome;

/// More rows than this are counted, not shown.
const MOST_ROWS: u64 = 50;

pub(super) struct Markdown {
    head: Head,
    standing: Standing,
    shown: u64,
    left_out: u64,
}

impl Markdown {
    pub(super) fn new(head: &Head, standing: &Standing) -> Self {
        Self { head: head.clone(), standing: standing.clone(), shown: 0, left_out: 0 }
    }
}

/// Makes text harmless inside a table cell.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' | '!' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

impl Layout for Markdown {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = &self.head;
        let env = head.env.as_deref().map(|env| format!(" ({})", plain(env))).unwrap_or_default();
        writeln!(out, "## {}{env}\n", if head.campaign.is_empty() { "mailbatch".to_owned() } else { plain(&head.campaign) })?;
        let mut facts = Vec::new();
        if !head.run.is_empty() {
            facts.push(format!("Run `{}`", head.run));
        }
        if !head.provider.is_empty() {
            facts.push(format!("through {}", plain(&head.provider)));
        }
        if let Some(from) = head.started_at {
            facts.push(format!("started {}", seconds(from)));
            if let Some(to) = head.finished_at {
                facts.push(format!("took {}", duration(between(from, to))));
            }
        }
        if let Some(exit) = head.exit.and_then(Exit::from_code) {
            facts.push(format!("exit {}: {}", exit.code(), plain(exit.meaning())));
        }
        if !facts.is_empty() {
            writeln!(out, "{}\n", facts.join(", "))?;
        }
        let total = self.standing.tally.total();
        writeln!(out, "| outcome | recipients | share | reasons |\n| --- | ---: | ---: | --- |")?;
        for (of, n) in self.standing.tally.non_zero() {
            let why: Vec<String> = reasons(&self.standing, of).iter().map(|(r, n)| format!("{} {}", plain(r.as_str()), grouped(*n))).collect();
            writeln!(out, "| {} | {} | {} | {} |", outcome(Some(of)), grouped(n), plain(&percent(n, total)), why.join(", "))?;
        }
        if self.standing.tally.open > 0 {
            let open = self.standing.tally.open;
            writeln!(out, "| {} | {} | {} | |", outcome(None), grouped(open), plain(&percent(open, total)))?;
        }
        writeln!(out, "| **rows in** | **{}** | | |", grouped(total))
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        if !matches!(row.outcome, Some(Outcome::Rejected | Outcome::Deferred | Outcome::Unknown | Outcome::Invalid)) {
            return Ok(());
        }
        if self.shown == MOST_ROWS {
            self.left_out += 1;
            return Ok(());
        }
        if self.shown == 0 {
            writeln!(out, "\n| row | where | outcome | reason | code |\n| ---: | --- | --- | --- | --- |")?;
        }
        self.shown += 1;
        let reason = row.reason.map(|r| plain(r.as_str())).unwrap_or_default();
        writeln!(out, "| {} | {} | {} | {reason} | {} |", row.row, plain(&self.head.place(row)), outcome(row.outcome), plain(&row.code))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.left_out > 0 {
            writeln!(out, "\n… and {} more.", rows(self.left_out))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Options, fixture, write};

    #[test]
    fn the_summary_names_rows_and_no_addresses() {
        let (mut head, standing, rows) = fixture::run();
        head.campaign = "spring|<b>".into();
        let mut out = Vec::new();
        write(Format::Markdown, &head, &standing, rows, Options::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("example.org"));
        insta::assert_snapshot!(text, @r"
        ## spring\|&lt;b> (staging)

        Run `20261121-034500-k3f9`, through relay, started 2026-11-21T03:45:00Z, took 2m 14s, exit 3: finished, some rejected in this run (beyond --fail-over)

        | outcome | recipients | share | reasons |
        | --- | ---: | ---: | --- |
        | accepted | 1 | 20.0% |  |
        | rejected | 1 | 20.0% | mailbox\_gone 1 |
        | suppressed | 1 | 20.0% | unsubscribe 1 |
        | invalid | 1 | 20.0% | bad\_address 1 |
        | open | 1 | 20.0% | |
        | **rows in** | **5** | | |

        | row | where | outcome | reason | code |
        | ---: | --- | --- | --- | --- |
        | 2 | list.csv:3 | rejected | mailbox\_gone | 550 5.1.1 |
        | 3 | list.csv:4 | invalid | bad\_address |  |
        ");
    }
}
