//! Writes the report as one HTML page without external resources. The page is readable without its
//! short script.
//!
//! All external text is escaped, and the page's content security policy forbids it to load
//! anything.

use std::io::{self, Write};

use super::junit::xml as escaped;
use super::table::reasons;
use super::text::outcome;
use super::{Head, Layout, ReportRow};
use crate::ledger::Standing;
use crate::model::exit::Exit;
use crate::model::figures::{between, duration, grouped, percent, rate, rows, seconds};
use crate::model::outcome::Outcome;

/// The maximum number of rows on the page, so that a browser can open it. Further rows are only
/// counted.
const MOST_ROWS: u64 = 10_000;

pub(super) struct Html {
    head: Head,
    standing: Standing,
    shown: u64,
    left_out: u64,
}

impl Html {
    pub(super) fn new(head: &Head, standing: &Standing) -> Self {
        Self { head: head.clone(), standing: standing.clone(), shown: 0, left_out: 0 }
    }

    /// Returns the number of rows per outcome, in the order of the tables, and then the open rows.
    fn parts(&self) -> Vec<(Option<Outcome>, u64)> {
        let mut parts: Vec<_> = self.standing.tally.non_zero().map(|(o, n)| (Some(o), n)).collect();
        if self.standing.tally.open > 0 {
            parts.push((None, self.standing.tally.open));
        }
        parts
    }

    fn facts(&self, out: &mut dyn Write) -> io::Result<()> {
        let tally = &self.standing.tally;
        let mut facts = vec![
            (grouped(tally.total()), "rows in"),
            (grouped(tally.get(Outcome::Accepted)), "accepted"),
        ];
        let failed = tally.get(Outcome::Rejected)
            + tally.get(Outcome::Deferred)
            + tally.get(Outcome::Unknown);
        facts.push((grouped(failed), "rejected, deferred or unknown"));
        if let (Some(from), Some(to)) = (self.head.started_at, self.head.finished_at) {
            let took = between(from, to);
            facts.push((duration(took), "from start to end"));
            let handed_over = tally.get(Outcome::Accepted) + failed;
            if handed_over > 0 && !took.is_zero() {
                facts.push((
                    rate(handed_over as f64 / took.as_secs_f64()),
                    "handed over on average",
                ));
            }
        }
        if self.head.filtered > 0 {
            facts.push((grouped(self.head.filtered), "rows excluded by --where"));
        }
        write!(out, "<div class=\"facts\">")?;
        for (value, name) in facts {
            write!(out, "<div><b>{value}</b><span>{name}</span></div>")?;
        }
        writeln!(out, "</div>")
    }

    fn chart(&self, out: &mut dyn Write) -> io::Result<()> {
        let total = self.standing.tally.total();
        if total == 0 {
            return Ok(());
        }
        write!(
            out,
            "<svg class=\"bar\" viewBox=\"0 0 1000 28\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Outcomes\">"
        )?;
        let mut x = 0.0;
        for (of, n) in self.parts() {
            let width = n as f64 * 1_000.0 / total as f64;
            write!(
                out,
                "<rect x=\"{x:.2}\" width=\"{width:.2}\" height=\"28\" style=\"fill:var(--{})\"><title>{} {}</title></rect>",
                of.map_or("open", |o| o.as_str()),
                outcome(of),
                grouped(n)
            )?;
            x += width;
        }
        writeln!(out, "</svg>")
    }

    fn outcomes(&self, out: &mut dyn Write) -> io::Result<()> {
        let total = self.standing.tally.total();
        write!(
            out,
            "<table><thead><tr><th>outcome<th class=\"n\">recipients<th class=\"n\">share<th>reasons</tr></thead><tbody>"
        )?;
        for (of, n) in self.parts() {
            let why = of.map(|o| reasons(&self.standing, o)).unwrap_or_default();
            let why: Vec<String> =
                why.iter().map(|(reason, n)| format!("{reason} {}", grouped(*n))).collect();
            write!(
                out,
                "<tr><td><span class=\"dot\" style=\"background:var(--{})\"></span>{}<td class=\"n\">{}<td class=\"n\">{}<td>{}",
                of.map_or("open", |o| o.as_str()),
                outcome(of),
                grouped(n),
                escaped(&percent(n, total)),
                why.join(", ")
            )?;
        }
        writeln!(
            out,
            "<tr class=\"sum\"><td>rows in<td class=\"n\">{}<td><td></tbody></table>",
            grouped(total)
        )
    }
}

impl Layout for Html {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = &self.head;
        let title = escaped(if head.campaign.is_empty() { "mailbatch" } else { &head.campaign });
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title} · {}</title>\n<style>\n{}</style></head>\n<body><main>\n<h1>{title}</h1>\n",
            escaped(&head.run),
            include_str!("page.css")
        )?;
        let mut facts = vec![format!("run {}", escaped(&head.run))];
        facts.extend(head.env.as_deref().map(|env| format!("environment {}", escaped(env))));
        facts.extend(head.kind.map(|kind| kind.to_string()));
        facts.push(format!("through {}", escaped(&head.provider)));
        facts.push(escaped(&head.lists.join(", ")));
        facts.extend(head.started_at.map(|at| format!("started {}", seconds(at))));
        if let Some(exit) = head.exit.and_then(Exit::from_code) {
            facts.push(format!("exit {} ({})", exit.code(), escaped(&head.exit_why(exit))));
        }
        writeln!(out, "<p class=\"soft\">{}</p>", facts.join(" · "))?;
        self.facts(out)?;
        self.chart(out)?;
        self.outcomes(out)
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        if row.outcome == Some(Outcome::Accepted) {
            return Ok(());
        }
        if self.shown == MOST_ROWS {
            self.left_out += 1;
            return Ok(());
        }
        if self.shown == 0 {
            write!(
                out,
                "<h2>Not accepted</h2>\n<div class=\"tools\" hidden><input id=\"text\" type=\"search\" placeholder=\"Filter by address, reason, answer …\" \
                 aria-label=\"Filter\"><select id=\"outcome\" aria-label=\"Outcome\"><option value=\"\">every outcome</select>\
                 <span class=\"soft\" id=\"shown\"></span></div>\n<div class=\"wide\"><table id=\"rows\"><thead><tr><th class=\"n\">row<th>where<th>address\
                 <th>outcome<th>reason<th>answer</tr></thead><tbody>\n"
            )?;
        }
        self.shown += 1;
        let word = row.outcome.map_or("open", |o| o.as_str());
        let answer = format!("{} {}", row.code, row.detail);
        writeln!(
            out,
            "<tr data-o=\"{word}\"><td class=\"n\">{}<td>{}<td class=\"mail\">{}<td><span class=\"dot\" style=\"background:var(--{word})\"></span>{}\
             <td>{}<td class=\"wrap\">{}",
            row.row,
            escaped(&self.head.place(row)),
            escaped(&row.email),
            outcome(row.outcome),
            row.reason.map_or("", |r| r.as_str()),
            escaped(answer.trim())
        )?;
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.shown > 0 {
            writeln!(out, "</tbody></table></div>")?;
            if self.left_out > 0 {
                writeln!(
                    out,
                    "<p class=\"soft\">… and {} more; the CSV report has every row.</p>",
                    rows(self.left_out)
                )?;
            }
            writeln!(out, "<script>\n{}</script>", include_str!("page.js"))?;
        }
        writeln!(out, "</main></body></html>")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Options, fixture, fixture::write};
    use super::*;

    fn html(rows: Vec<ReportRow>) -> String {
        let (mut head, standing, _) = fixture::run();
        head.campaign = "<script>alert(1)</script>".into();
        let mut out = Vec::new();
        write(Format::Html, &head, &standing, rows, Options::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn foreign_text_is_escaped_and_nothing_is_loaded() {
        let (_, _, mut rows) = fixture::run();
        rows[1].detail = "\"><img src=x onerror=alert(1)>".into();
        rows[2].email = "</table><iframe>".into();
        let page = html(rows);
        for harm in ["<img", "<iframe", "<script>alert", "src=\"", "http://", "https://"] {
            assert!(!page.contains(harm), "{harm}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn accepted_rows_are_counted_and_not_listed() {
        let (_, _, rows) = fixture::run();
        let page = html(rows);
        assert!(!page.contains("ann@example.com"));
        assert!(page.contains("bob@example.org") && page.contains("kim@example.com"));
    }

    #[test]
    fn more_rows_than_a_browser_likes_are_counted() {
        let (_, _, rows) = fixture::run();
        let page = html((0..MOST_ROWS + 5).map(|_| rows[1].clone()).collect());
        assert!(page.contains("and 5 rows more"));
        assert_eq!(page.matches("<tr data-o=").count() as u64, MOST_ROWS);
    }
}
