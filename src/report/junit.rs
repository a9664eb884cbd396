//! The report as JUnit XML, for the test page of a CI job: every recipient that was rejected, deferred or is unknown is a failing case; the
//! other outcomes are one case each, so that a list of a million stays readable.

use std::io::{self, Write};

use super::text::{between, grouped, outcome, time};
use super::{Head, Layout, Options, ReportRow};
use crate::ledger::Standing;
use crate::outcome::Outcome;

const FAILING: [Outcome; 3] = [Outcome::Rejected, Outcome::Deferred, Outcome::Unknown];
const PASSING: [Outcome; 4] = [Outcome::Accepted, Outcome::AlreadyAccepted, Outcome::Suppressed, Outcome::Duplicate];

pub(super) struct Junit {
    head: Head,
    /// Outcomes that become one case each, with their counts; `None` is open.
    folded: Vec<(Option<Outcome>, u64)>,
    failures: u64,
}

impl Junit {
    pub(super) fn new(head: &Head, standing: &Standing, options: &Options) -> Self {
        let tally = &standing.tally;
        let mut folded: Vec<(Option<Outcome>, u64)> = tally.non_zero().map(|(o, n)| (Some(o), n)).collect();
        if tally.open > 0 {
            folded.push((None, tally.open));
        }
        folded.retain(|(o, _)| options.wants(*o) && !o.is_some_and(|o| FAILING.contains(&o)));
        let failures = FAILING.into_iter().filter(|o| options.wants(Some(*o))).map(|o| tally.get(o)).sum();
        Self { head: head.clone(), folded, failures }
    }

    fn passes(of: Option<Outcome>) -> bool {
        of.is_some_and(|o| PASSING.contains(&o))
    }
}

/// Escapes for text and attributes; what XML 1.0 (section 2.2) has no character for becomes U+FFFD.
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

impl Layout for Junit {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = &self.head;
        let tests = self.failures + self.folded.len() as u64;
        let skipped = self.folded.iter().filter(|(o, _)| !Self::passes(*o)).count();
        let seconds = match (head.started_at, head.finished_at) {
            (Some(from), Some(to)) => between(from, to).as_secs_f64(),
            _ => 0.0,
        };
        let name = if head.campaign.is_empty() { "mailbatch" } else { &head.campaign };
        let failures = self.failures;
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            out,
            "<testsuites name=\"mailbatch\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\">"
        )?;
        write!(
            out,
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\"",
            xml(name)
        )?;
        if let Some(at) = head.started_at {
            write!(out, " timestamp=\"{}\"", time(at))?;
        }
        writeln!(out, ">")?;
        writeln!(out, "    <properties>")?;
        for (name, value) in [("run", Some(&head.run)), ("env", head.env.as_ref()), ("provider", Some(&head.provider))] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", xml(value))?;
            }
        }
        writeln!(out, "    </properties>")?;
        for (of, n) in &self.folded {
            let case = format!("classname=\"{}\" name=\"{}: {}\" time=\"0\"", xml(name), outcome(*of), grouped(*n));
            if Self::passes(*of) {
                writeln!(out, "    <testcase {case}/>")?;
            } else {
                writeln!(out, "    <testcase {case}><skipped message=\"not sent\"/></testcase>")?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        let Some(of) = row.outcome.filter(|o| FAILING.contains(o)) else { return Ok(()) };
        let class = if self.head.campaign.is_empty() { "mailbatch" } else { &self.head.campaign };
        let seconds = match (row.first_at, row.last_at) {
            (Some(from), Some(to)) => between(from, to).as_secs_f64(),
            _ => 0.0,
        };
        let reason = row.reason.map_or("", |r| r.as_str());
        let answer = format!("{} {}", row.code, row.detail);
        writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"row {}: {}\" time=\"{seconds:.3}\"><failure type=\"{of}\" message=\"{}\">{}</failure></testcase>",
            xml(class),
            row.row,
            xml(&row.email),
            xml(format!("{of} {reason}").trim()),
            xml(format!("{} {}", self.head.place(row), answer.trim()).trim()),
        )
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "  </testsuite>\n</testsuites>")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, fixture, write};
    use super::*;

    fn junit(options: Options) -> String {
        let (head, standing, rows) = fixture::run();
        let mut out = Vec::new();
        write(Format::Junit, &head, &standing, rows, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn failing_recipients_are_cases_and_the_rest_is_folded() {
        insta::assert_snapshot!(junit(Options::default()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="mailbatch" tests="5" failures="1" errors="0" skipped="2" time="134.500">
          <testsuite name="spring" tests="5" failures="1" errors="0" skipped="2" time="134.500" timestamp="2026-11-21T03:45:00.000Z">
            <properties>
              <property name="run" value="20261121-034500-k3f9"/>
              <property name="env" value="staging"/>
              <property name="provider" value="relay"/>
            </properties>
            <testcase classname="spring" name="accepted: 1" time="0"/>
            <testcase classname="spring" name="suppressed: 1" time="0"/>
            <testcase classname="spring" name="invalid: 1" time="0"><skipped message="not sent"/></testcase>
            <testcase classname="spring" name="open: 1" time="0"><skipped message="not sent"/></testcase>
            <testcase classname="spring" name="row 2: bob@example.org" time="0.250"><failure type="rejected" message="rejected mailbox_gone">list.csv:3 550 5.1.1 no &lt;such&gt; user, &quot;bob&quot;</failure></testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn the_announced_number_of_cases_is_the_number_written() {
        for options in [Options::default(), Options { outcomes: Some(vec![Outcome::Rejected, Outcome::Suppressed]), ..Options::default() }] {
            let text = junit(options);
            let announced = format!("tests=\"{}\"", text.matches("<testcase ").count());
            assert_eq!(text.matches(&announced).count(), 2, "{text}");
        }
    }

    #[test]
    fn nothing_from_a_list_can_break_the_document() {
        assert_eq!(xml("a<b>&\"'\u{0}\u{8}\u{ffff}\nZoë"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}\u{fffd} Zoë");
    }
}
