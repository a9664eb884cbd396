//! Writes the report as NDJSON (one object per line) or as one JSON document. The member `v` is the
//! version of the format.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::row::Union;
use super::text::counts_json;
use super::{Head, Layout, ReportRow};
use crate::ledger::Standing;
use crate::model::figures::time;

pub(super) struct Json {
    head: Head,
    union: Union,
    /// The members of the document before its rows. `None` for NDJSON.
    opening: Option<String>,
    first: bool,
    line: Vec<u8>,
}

impl Json {
    pub(super) fn lines(head: &Head) -> Self {
        Self {
            union: Union::new(&head.columns),
            head: head.clone(),
            opening: None,
            first: true,
            line: Vec::with_capacity(1_024),
        }
    }

    pub(super) fn document(head: &Head, standing: &Standing) -> Self {
        let reasons: Vec<_> = standing
            .reasons
            .iter()
            .map(|((outcome, reason), n)| json!({"outcome": outcome, "reason": reason, "count": n}))
            .collect();
        let opening = json!({
            "v": 1,
            "type": "report",
            "run": head.run,
            "campaign": head.campaign,
            "env": head.env,
            "kind": head.kind,
            "provider": head.provider,
            "lists": head.lists,
            "started_at": head.started_at.map(time),
            "finished_at": head.finished_at.map(time),
            "as_of": head.as_of.map(time),
            "exit": head.exit,
            "input": standing.tally.total(),
            "filtered": head.filtered,
            "counts": counts_json(&standing.tally),
            "reasons": reasons,
        })
        .to_string();
        Self { opening: Some(opening), ..Self::lines(head) }
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> io::Result<()> {
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.line, value)?;
        Ok(())
    }
}

impl Layout for Json {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match &self.opening {
            // The closing brace is omitted, because the rows follow within the object.
            Some(opening) => write!(out, "{},\"rows\":[", &opening[..opening.len() - 1]),
            None => Ok(()),
        }
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        self.line.clear();
        if self.opening.is_some() {
            self.line.extend_from_slice(if self.first { b"\n{" } else { b",\n{" });
            self.first = false;
        } else {
            self.line.extend_from_slice(b"{\"v\":1,");
        }
        write!(self.line, "\"row\":{}", row.row)?;
        let list = self.head.list(row.list).into_owned();
        self.member("list", &list)?;
        self.member("line", &row.line)?;
        self.member("email", &row.email)?;
        self.member("outcome", &row.outcome)?;
        self.member("reason", &row.reason)?;
        self.member("code", &row.code)?;
        self.member("detail", &row.detail)?;
        self.member("provider", &row.provider)?;
        self.member("batch", &row.batch)?;
        self.member("attempts", &row.attempts)?;
        self.member("message_id", &row.message_id)?;
        self.member("provider_id", &row.provider_id)?;
        self.member("cohort", &row.cohort)?;
        self.member("first_at", &row.first_at.map(time))?;
        self.member("last_at", &row.last_at.map(time))?;
        self.member("feedback", &row.feedback)?;
        self.member("as_of", &self.head.as_of.map(time))?;
        let version = self.head.version(row).to_owned();
        self.member("message", &version)?;
        self.line.extend_from_slice(b",\"fields\":");
        self.union.object(row, &self.head.columns, &mut self.line)?;
        self.line.push(b'}');
        if self.opening.is_none() {
            self.line.push(b'\n');
        }
        out.write_all(&self.line)
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.opening.is_some() { out.write_all(b"\n]}\n") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, NAMES, Options, fixture, fixture::write};
    use serde_json::Value;

    fn report(format: Format) -> String {
        let (head, standing, rows) = fixture::run();
        let mut out = Vec::new();
        write(format, &head, &standing, rows, Options::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ndjson_has_a_versioned_object_a_line_with_the_names_of_the_columns() {
        let text = report(Format::Ndjson);
        for line in text.lines() {
            let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            let names: Vec<&str> = object.keys().map(String::as_str).collect();
            assert_eq!(names, [&["v"], &NAMES[..], &["fields"]].concat());
        }
        insta::assert_snapshot!(text, @r#"
        {"v":1,"row":1,"list":"list.csv","line":2,"email":"ann@example.com","outcome":"accepted","reason":null,"code":"250","detail":"2.0.0 Ok: queued as 4F1","provider":"relay","batch":1,"attempts":1,"message_id":"m1@mailbatch","provider_id":"","cohort":"rest","first_at":"2026-11-21T03:45:01.000Z","last_at":"2026-11-21T03:45:01.250Z","feedback":"","as_of":"2026-11-21T03:48:00.000Z","message":"m of 2026-11-21T03:45:00Z","fields":{"email":"ann@example.com","name":"Zoë \"Z\""}}
        {"v":1,"row":2,"list":"list.csv","line":3,"email":"bob@example.org","outcome":"rejected","reason":"mailbox_gone","code":"550 5.1.1","detail":"no <such> user, \"bob\"","provider":"relay","batch":1,"attempts":1,"message_id":"m2@mailbatch","provider_id":"","cohort":"rest","first_at":"2026-11-21T03:45:01.000Z","last_at":"2026-11-21T03:45:01.250Z","feedback":"","as_of":"2026-11-21T03:48:00.000Z","message":"m of 2026-11-21T03:45:00Z","fields":{"email":"bob@example.org","name":"Zoë \"Z\""}}
        {"v":1,"row":3,"list":"list.csv","line":4,"email":"not an address","outcome":"invalid","reason":"bad_address","code":"","detail":"","provider":"","batch":null,"attempts":0,"message_id":"","provider_id":"","cohort":null,"first_at":null,"last_at":null,"feedback":"","as_of":"2026-11-21T03:48:00.000Z","message":"","fields":{"email":"not an address","name":"Zoë \"Z\""}}
        {"v":1,"row":4,"list":"list.csv","line":5,"email":"eve@example.net","outcome":null,"reason":null,"code":"","detail":"","provider":"relay","batch":1,"attempts":1,"message_id":"m4@mailbatch","provider_id":"","cohort":"rest","first_at":"2026-11-21T03:45:01.000Z","last_at":"2026-11-21T03:45:01.250Z","feedback":"","as_of":"2026-11-21T03:48:00.000Z","message":"m of 2026-11-21T03:45:00Z","fields":{"email":"eve@example.net","name":"Zoë \"Z\""}}
        {"v":1,"row":5,"list":"more.ndjson","line":1,"email":"kim@example.com","outcome":"suppressed","reason":"unsubscribe","code":"","detail":"","provider":"","batch":null,"attempts":0,"message_id":"","provider_id":"","cohort":null,"first_at":null,"last_at":null,"feedback":"","as_of":"2026-11-21T03:48:00.000Z","message":"","fields":{"email":"kim@example.com","age":41}}
        "#);
    }

    #[test]
    fn json_is_one_document_whose_rows_are_those_of_ndjson() {
        let document: Value = serde_json::from_str(&report(Format::Json)).unwrap();
        let rows = document["rows"].as_array().unwrap();
        for (row, line) in rows.iter().zip(report(Format::Ndjson).lines()) {
            let mut expected: Value = serde_json::from_str(line).unwrap();
            expected.as_object_mut().unwrap().shift_remove("v");
            assert_eq!(row, &expected);
        }
        insta::assert_json_snapshot!(document, {".rows" => "[rows]"}, @r#"
        {
          "v": 1,
          "type": "report",
          "run": "20261121-034500-k3f9",
          "campaign": "spring",
          "env": "staging",
          "kind": "marketing",
          "provider": "relay",
          "lists": [
            "list.csv",
            "more.ndjson"
          ],
          "started_at": "2026-11-21T03:45:00.000Z",
          "finished_at": "2026-11-21T03:47:14.500Z",
          "as_of": "2026-11-21T03:48:00.000Z",
          "exit": 3,
          "input": 5,
          "filtered": 12,
          "counts": {
            "accepted": 1,
            "rejected": 1,
            "deferred": 0,
            "unknown": 0,
            "suppressed": 1,
            "invalid": 1,
            "duplicate": 0,
            "already_accepted": 0,
            "held": 0,
            "open": 1
          },
          "reasons": [
            {
              "outcome": "rejected",
              "reason": "mailbox_gone",
              "count": 1
            },
            {
              "outcome": "suppressed",
              "reason": "unsubscribe",
              "count": 1
            },
            {
              "outcome": "invalid",
              "reason": "bad_address",
              "count": 1
            }
          ],
          "rows": "[rows]"
        }
        "#);
    }

    #[test]
    fn json_without_rows_is_still_a_document() {
        let (head, standing, _) = fixture::run();
        let mut out = Vec::new();
        write(
            Format::Json,
            &head,
            &standing,
            Vec::<super::ReportRow>::new(),
            Options::default(),
            &mut out,
        )
        .unwrap();
        assert!(
            serde_json::from_slice::<Value>(&out).unwrap()["rows"].as_array().unwrap().is_empty()
        );
    }
}
