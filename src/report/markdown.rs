//! Writes the report as GitHub-flavoured Markdown, for the summary page of a CI job.
//!
//! Many people can read such a page, so it names rows by list and line and never by address. It
//! omits the replies of providers, which may quote an address.

use std::io::{self, Write};

use super::checks::{self, Check, Verdict};
use super::table::reasons;
use super::text::outcome;
use super::{Failing, Head, Layout, Options, ReportRow};
use crate::ledger::Standing;
use crate::model::exit::Exit;
use crate::model::figures::{between, clean, duration, grouped, percent, rows, seconds};
use crate::model::outcome::Outcome;

/// The first line of a report: a comment by which mailbatch recognizes it.
pub(super) const MARK: &str = "<!-- mailbatch report -->";

/// The text that precedes the reason of a failed check.
pub(super) const FAILED: &str = "**failed**";

/// The maximum number of rows to list. Further rows are only counted.
const MOST_ROWS: u64 = 50;

pub(super) struct Markdown {
    head: Head,
    standing: Standing,
    failing: Failing,
    shown: u64,
    left_out: u64,
}

impl Markdown {
    pub(super) fn new(head: &Head, standing: &Standing, options: &Options) -> Self {
        Self {
            head: head.clone(),
            standing: standing.clone(),
            failing: options.failing.clone(),
            shown: 0,
            left_out: 0,
        }
    }
}

/// The report of a command that has no run, such as a refused one.
pub(super) struct Checked {
    checks: Vec<Check>,
}

impl Checked {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self { checks }
    }
}

impl Layout for Checked {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{MARK}\n## mailbatch\n")?;
        table(&self.checks, out)
    }

    fn row(&mut self, _row: &ReportRow, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the table of the checks.
fn table(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| check | result | numbers |\n| --- | --- | --- |")?;
    for check in checks {
        let result = match &check.verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed(why) => format!("{FAILED}: {}", plain(&without_addresses(why))),
            Verdict::Skipped(why) => format!("skipped: {}", plain(why)),
        };
        writeln!(
            out,
            "| {} | {result} | {} |",
            check.name,
            plain(&without_addresses(&check.numbers))
        )?;
    }
    Ok(())
}

/// Joins a text into one line and replaces words that may be addresses. Errors and results of the
/// canary can quote addresses.
fn without_addresses(text: &str) -> String {
    text.split_whitespace()
        .map(|word| if word.contains('@') { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Escapes text for a cell of a table.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' | '!' => {
                out.extend(['\\', c])
            }
            _ => out.push(c),
        }
    }
    out
}

impl Layout for Markdown {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = &self.head;
        let env = head.env.as_deref().map(|env| format!(" ({})", plain(env))).unwrap_or_default();
        writeln!(out, "{MARK}")?;
        writeln!(
            out,
            "## {}{env}\n",
            if head.campaign.is_empty() { "mailbatch".to_owned() } else { plain(&head.campaign) }
        )?;
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
            facts.push(format!(
                "exit {}: {}",
                exit.code(),
                plain(&without_addresses(&head.exit_why(exit)))
            ));
        }
        if !facts.is_empty() {
            writeln!(out, "{}\n", facts.join(", "))?;
        }
        table(&checks::of_run(head, &self.standing, &self.failing), out)?;
        let total = self.standing.tally.total();
        writeln!(out, "\n| outcome | recipients | share | reasons |\n| --- | ---: | ---: | --- |")?;
        for (of, n) in self.standing.tally.non_zero() {
            let why: Vec<String> = reasons(&self.standing, of)
                .iter()
                .map(|(r, n)| format!("{} {}", plain(r.as_str()), grouped(*n)))
                .collect();
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                outcome(Some(of)),
                grouped(n),
                plain(&percent(n, total)),
                why.join(", ")
            )?;
        }
        if self.standing.tally.open > 0 {
            let open = self.standing.tally.open;
            writeln!(
                out,
                "| {} | {} | {} | |",
                outcome(None),
                grouped(open),
                plain(&percent(open, total))
            )?;
        }
        writeln!(out, "| **rows in** | **{}** | | |", grouped(total))
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        if !matches!(
            row.outcome,
            Some(Outcome::Rejected | Outcome::Deferred | Outcome::Unknown | Outcome::Invalid)
        ) {
            return Ok(());
        }
        if self.shown == MOST_ROWS {
            self.left_out += 1;
            return Ok(());
        }
        if self.shown == 0 {
            writeln!(
                out,
                "\n| row | where | outcome | reason | code |\n| ---: | --- | --- | --- | --- |"
            )?;
        }
        self.shown += 1;
        let reason = row.reason.map(|r| plain(r.as_str())).unwrap_or_default();
        writeln!(
            out,
            "| {} | {} | {} | {reason} | {} |",
            row.row,
            plain(&self.head.place(row)),
            outcome(row.outcome),
            plain(&row.code)
        )
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
    use super::super::{Format, Options, fixture, fixture::write};

    #[test]
    fn the_summary_names_rows_and_no_addresses() {
        let (mut head, standing, rows) = fixture::run();
        head.campaign = "spring|<b>".into();
        let mut out = Vec::new();
        write(Format::Markdown, &head, &standing, rows, Options::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("example.org"));
        insta::assert_snapshot!(text, @r"
        <!-- mailbatch report -->
        ## spring\|&lt;b> (staging)

        Run `20261121-034500-k3f9`, through relay, started 2026-11-21T03:45:00Z, took 2m 14s, exit 3: finished, some rejected in this run (beyond --fail-over)

        | check | result | numbers |
        | --- | --- | --- |
        | list | passed | 5 rows in, 1 invalid, 0 duplicate, 12 left out by --where |
        | template | passed | 0 of 5 rows cannot be rendered |
        | suppression | passed | 1 suppressed: 1 unsubscribe |
        | canary | skipped: no canary | 0 rows in the canary |
        | hand-over | **failed**: not mailed: 1 rejected, 1 open | 1 of 2 attempted accepted, 1 rejected, 0 deferred, 0 unknown; 0 held, 0 already accepted |
        | completeness | **failed**: 1 row without an outcome | 5 rows in = 1 accepted + 1 rejected + 1 suppressed + 1 invalid + 1 open |

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
