//! Writes the report as JUnit XML, for the test page of a CI job: the six checks of
//! [`super::checks`] as test cases. The suite's output shows the numbers. The failure of
//! `hand-over` lists the recipients who were not mailed, up to a limit.
//!
//! The XML conforms to the schemas of Ant's JUnit task and of Jenkins' xUnit plugin. They allow at
//! most one child in a test case, and no attributes in the root element.

use std::io::{self, Write};

use jiff::Timestamp;

use super::checks::{self, Check, HAND_OVER, Verdict, is_unmailed};
use super::{Failing, Head, Layout, Options, ReportRow};
use crate::ledger::Standing;
use crate::model::figures::{between, rows, seconds};

/// The maximum number of rows to list. Further rows are only counted.
const MOST_ROWS: u64 = 1_000;

pub(super) struct Junit {
    head: Head,
    class: String,
    checks: Vec<Check>,
    failing: Failing,
    shown: u64,
    left_out: u64,
}

impl Junit {
    pub(super) fn new(head: &Head, standing: &Standing, options: &Options) -> Self {
        let class = if options.class.is_empty() { "mailbatch" } else { &options.class };
        let checks = checks::of_run(head, standing, &options.failing);
        Self {
            head: head.clone(),
            failing: options.failing.clone(),
            ..Self::of_checks(class, checks)
        }
    }

    /// Creates the report of a command that has no run, such as a refused one.
    pub(super) fn of_checks(class: &str, checks: Vec<Check>) -> Self {
        Self {
            head: Head::default(),
            class: class.to_owned(),
            checks,
            failing: Failing::default(),
            shown: 0,
            left_out: 0,
        }
    }

    /// Writes a test case up to the place where a failure lists its rows.
    fn open(&self, check: &Check, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
            xml(&self.class),
            check.name
        )?;
        match &check.verdict {
            Verdict::Passed => writeln!(out, "/>"),
            Verdict::Skipped(why) => {
                writeln!(out, "><skipped message=\"{}\"/></testcase>", xml(why))
            }
            Verdict::Failed(why) => {
                let first = why.lines().next().unwrap_or_default();
                write!(
                    out,
                    "><failure type=\"{}\" message=\"{}\">{}\n{}",
                    check.name,
                    xml(first),
                    xml_lines(why),
                    xml(&check.numbers)
                )
            }
        }
    }

    fn close(check: &Check, out: &mut dyn Write) -> io::Result<()> {
        if check.has_failed() { writeln!(out, "</failure></testcase>") } else { Ok(()) }
    }

    fn all(&self, checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
        checks.iter().try_for_each(|check| {
            self.open(check, out)?;
            Self::close(check, out)
        })
    }
}

/// Escapes text for an attribute. Characters that XML 1.0 forbids (section 2.2) become U+FFFD.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Escapes the text of an element and keeps its line breaks.
fn xml_lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}

impl Layout for Junit {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = &self.head;
        let tests = self.checks.len();
        let failures = self.checks.iter().filter(|check| check.has_failed()).count();
        let skipped =
            self.checks.iter().filter(|check| matches!(check.verdict, Verdict::Skipped(_))).count();
        let took = match (head.started_at, head.finished_at) {
            (Some(from), Some(to)) => between(from, to).as_secs_f64(),
            _ => 0.0,
        };
        let name = if head.campaign.is_empty() { "mailbatch" } else { &head.campaign };
        // Ant's schema allows no time zone in this attribute. The time is in UTC.
        let begun = seconds(head.started_at.unwrap_or_else(Timestamp::now));
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>")?;
        write!(
            out,
            "  <testsuite name=\"{}\" package=\"mailbatch\" id=\"0\" hostname=\"localhost\"",
            xml(name)
        )?;
        write!(
            out,
            " timestamp=\"{}\" tests=\"{tests}\" failures=\"{failures}\"",
            begun.trim_end_matches('Z')
        )?;
        writeln!(out, " errors=\"0\" skipped=\"{skipped}\" time=\"{took:.3}\">\n    <properties>")?;
        for (name, value) in [
            ("run", Some(&head.run)),
            ("env", head.env.as_ref()),
            ("provider", Some(&head.provider)),
        ] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", xml(value))?;
            }
        }
        writeln!(out, "    </properties>")?;
        self.all(&self.checks[..HAND_OVER], out)?;
        self.open(&self.checks[HAND_OVER], out)
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        if !self.checks[HAND_OVER].has_failed()
            || !is_unmailed(&self.failing, row.outcome, row.reason)
        {
            return Ok(());
        }
        if self.shown == MOST_ROWS {
            self.left_out += 1;
            return Ok(());
        }
        self.shown += 1;
        let of = row.outcome.map_or("open", |of| of.as_str());
        let reason = row.reason.map_or("", |r| r.as_str());
        let words = format!(
            "row {} {} {} {of} {reason} {} {}",
            row.row,
            self.head.place(row),
            row.email,
            row.code,
            row.detail
        );
        write!(out, "\n{}", xml(&words.split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.left_out > 0 {
            write!(out, "\nand {} more", rows(self.left_out))?;
        }
        Self::close(&self.checks[HAND_OVER], out)?;
        self.all(&self.checks[HAND_OVER + 1..], out)?;
        let numbers: Vec<String> = self
            .checks
            .iter()
            .map(|check| xml(&format!("{}: {}", check.name, check.numbers)))
            .collect();
        writeln!(
            out,
            "    <system-out>{}</system-out>\n    <system-err></system-err>",
            numbers.join("\n")
        )?;
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, fixture, fixture::write};
    use super::*;
    use crate::model::outcome::Outcome;

    fn junit(options: Options) -> String {
        let (head, standing, rows) = fixture::run();
        let mut out = Vec::new();
        write(Format::Junit, &head, &standing, rows, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn six_cases_with_numbers_and_the_rows_of_those_who_were_not_mailed() {
        insta::assert_snapshot!(junit(Options { class: "mailbatch.run".into(), ..Options::default() }), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites>
          <testsuite name="spring" package="mailbatch" id="0" hostname="localhost" timestamp="2026-11-21T03:45:00" tests="6" failures="2" errors="0" skipped="1" time="134.500">
            <properties>
              <property name="run" value="20261121-034500-k3f9"/>
              <property name="env" value="staging"/>
              <property name="provider" value="relay"/>
            </properties>
            <testcase classname="mailbatch.run" name="list" time="0"/>
            <testcase classname="mailbatch.run" name="template" time="0"/>
            <testcase classname="mailbatch.run" name="suppression" time="0"/>
            <testcase classname="mailbatch.run" name="canary" time="0"><skipped message="no canary"/></testcase>
            <testcase classname="mailbatch.run" name="hand-over" time="0"><failure type="hand-over" message="not mailed: 1 rejected, 1 open">not mailed: 1 rejected, 1 open
        1 of 2 attempted accepted, 1 rejected, 0 deferred, 0 unknown; 0 held, 0 already accepted
        row 2 list.csv:3 bob@example.org rejected mailbox_gone 550 5.1.1 no &lt;such&gt; user, &quot;bob&quot;
        row 4 list.csv:5 eve@example.net open</failure></testcase>
            <testcase classname="mailbatch.run" name="completeness" time="0"><failure type="completeness" message="1 row without an outcome">1 row without an outcome
        5 rows in = 1 accepted + 1 rejected + 1 suppressed + 1 invalid + 1 open</failure></testcase>
            <system-out>list: 5 rows in, 1 invalid, 0 duplicate, 12 left out by --where
        template: 0 of 5 rows cannot be rendered
        suppression: 1 suppressed: 1 unsubscribe
        canary: 0 rows in the canary
        hand-over: 1 of 2 attempted accepted, 1 rejected, 0 deferred, 0 unknown; 0 held, 0 already accepted
        completeness: 5 rows in = 1 accepted + 1 rejected + 1 suppressed + 1 invalid + 1 open</system-out>
            <system-err></system-err>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn the_names_and_the_announced_numbers_are_always_the_same() {
        for options in [
            Options::default(),
            Options { outcomes: Some(vec![Outcome::Suppressed]), ..Options::default() },
        ] {
            let text = junit(options);
            let names: Vec<&str> = text
                .split(" name=\"")
                .filter_map(|rest| rest.split_once("\" time=\"0\""))
                .map(|(name, _)| name)
                .collect();
            assert_eq!(names, checks::NAMES, "{text}");
            assert_eq!(
                text.matches("tests=\"6\" failures=\"2\" errors=\"0\" skipped=\"1\"").count(),
                1,
                "{text}"
            );
            assert_eq!(text.matches("<failure ").count(), 2);
        }
    }

    #[test]
    fn nothing_from_a_list_can_break_the_document() {
        assert_eq!(
            xml("a<b>&\"'\u{0}\u{8}\u{ffff}\nZoë ]]>"),
            "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}\u{fffd} Zoë ]]&gt;"
        );
    }
}
