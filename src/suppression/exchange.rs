//! Exchanges suppressions with operators and other tools: lists the entries of files, imports
//! exports of a provider or CRM, and exports to standard formats.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use super::entry::{Entry, Scope, parse_entry, parse_reason};
use super::format::{Columns, Day, HEADER, TIME_HINT, time};
use super::records::{Position, Record, Records, Tail};
use super::rows::{self, Flaw};
use super::watched::refused;
use crate::files;
use crate::input::{Finding, ReadOptions};
use crate::ledger::LedgerSuppression;
use crate::model::error::Result;
use crate::model::outcome::Reason;

/// One entry, with the file and line that contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The path of the file, as it was given.
    pub file: PathBuf,
    /// The line on which the entry begins, counted from 1.
    pub line: u64,
    /// The entry, which may have expired.
    pub entry: Entry,
}

/// Returns every entry of these files in order, including expired ones. Memory use does not grow
/// with the files. An unreadable file or an invalid line gives an error with exit 4, and the rest
/// of that file is skipped.
pub fn list(files: &[PathBuf]) -> List {
    List { files: VecDeque::from(files.to_vec()), open: None }
}

/// The iterator of [`list`].
pub struct List {
    files: VecDeque<PathBuf>,
    open: Option<(PathBuf, Records<File>)>,
}

impl Iterator for List {
    type Item = Result<Listed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((path, records)) = &mut self.open else {
                let path = self.files.pop_front()?;
                match files::open_once(&path) {
                    Ok(file) => {
                        self.open = Some((
                            path,
                            Records::new(file, Position::default(), Tail::Take).with_entries(),
                        ))
                    }
                    Err(why) => return Some(Err(refused(&path, why.into()))),
                }
                continue;
            };
            match records.next() {
                Ok(Some(Record::Entry(entry))) => {
                    return Some(Ok(Listed {
                        file: path.clone(),
                        line: records.line(),
                        entry: *entry,
                    }));
                }
                Ok(Some(Record::Plain(_))) => {}
                Ok(None) => self.open = None,
                Err(trouble) => {
                    let error = refused(path, trouble);
                    self.open = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The settings with which [`import`] reads a list of suppressions.
#[derive(Clone, Debug)]
pub(crate) struct Import<'a> {
    /// The name of the input in messages.
    pub name: &'a str,
    /// The column that contains the addresses. If it is `None`, [`import`] looks for the only
    /// column with a known name.
    pub column: Option<&'a str>,
    /// The reason for rows that have none. `None` means `manual`.
    pub reason: Option<Reason>,
    /// The source for rows that have none.
    pub source: &'a str,
    /// The date for rows that have none.
    pub now: Timestamp,
    /// The encoding and the delimiter, if known.
    pub reading: ReadOptions,
}

/// The result of [`import`].
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub entries: Vec<LedgerSuppression>,
    /// The findings about rows that the reader skipped or repaired.
    pub findings: Vec<Finding>,
}

const EMAIL_NAMES: [&str; 7] =
    ["email", "emailaddress", "recipient", "recipientemail", "address", "subscriber", "entry"];
const REASON_NAMES: [&str; 4] = ["reason", "type", "suppressionreason", "status"];
const CREATED_NAMES: [&str; 7] =
    ["createdat", "created", "createdtime", "timestamp", "date", "lastupdatetime", "suppressedat"];

/// Imports a CSV of suppressions, in mailbatch's own format or another one. Finds the columns of
/// addresses, reasons and dates by their usual names. Without a header, the first field of each
/// line is the address.
///
/// If one row is invalid, nothing is imported, and the error has exit 4.
pub(crate) fn import(reader: impl Read + Send + 'static, how: &Import<'_>) -> Result<Imported> {
    let mut layout = None;
    let mut entries = Vec::new();
    let reading = ReadOptions { email: how.column.map(str::to_owned), ..how.reading.clone() };
    let findings = rows::each(reader, how.name, &reading, |fields| {
        let layout = match &layout {
            Some(layout) => layout,
            None => {
                let (found, is_header) = Layout::of(fields, how)?;
                let found = layout.insert(found);
                if is_header {
                    return Ok(Some(found.email));
                }
                found
            }
        };
        entries.push(layout.read(fields, how)?);
        Ok(None)
    })?;
    Ok(Imported { entries, findings })
}

/// The columns of an import.
struct Layout {
    email: usize,
    reason: Option<usize>,
    scope: Option<usize>,
    source: Option<usize>,
    created_at: Option<usize>,
    expires_at: Option<usize>,
    note: Option<usize>,
}

impl Layout {
    /// Finds the columns, and whether this first row is a header.
    fn of(first: &[&str], how: &Import<'_>) -> Result<(Self, bool), Flaw> {
        let names: Vec<String> = first.iter().map(|name| plain_name(name)).collect();
        let find = |known: &[&str]| {
            known.iter().find_map(|known| names.iter().position(|name| name == known))
        };
        let candidates: Vec<usize> =
            (0..names.len()).filter(|i| EMAIL_NAMES.contains(&names[*i].as_str())).collect();
        let email = match (how.column, candidates.as_slice()) {
            (Some(wanted), _) => {
                names.iter().position(|name| *name == plain_name(wanted)).ok_or_else(|| {
                    let columns: Vec<&str> =
                        first.iter().copied().filter(|name| !name.contains('@')).collect();
                    (
                        format!(
                            "there is no column {wanted:?}; the columns are: {}",
                            columns.join(", ")
                        ),
                        "use one of these names",
                    )
                })?
            }
            (None, [one]) => *one,
            (None, []) if first.first().is_some_and(|field| parse_entry(field).is_ok()) => {
                let layout = Self {
                    email: 0,
                    reason: None,
                    scope: None,
                    source: None,
                    created_at: None,
                    expires_at: None,
                    note: None,
                };
                return Ok((layout, false));
            }
            // This is a list without a header whose first address is invalid, so the error concerns
            // the address.
            (None, []) if first.first().is_some_and(|field| field.contains('@')) => {
                let what = parse_entry(first[0]).err().unwrap_or_default();
                return Err((what, "correct the row, or remove it"));
            }
            (None, []) => {
                return Err((
                    "no column can be meant for addresses: none has a known name".to_owned(),
                    "name the column of addresses with --column, or call it email in the header",
                ));
            }
            (None, many) => {
                let columns: Vec<&str> = many.iter().map(|i| first[*i]).collect();
                return Err((
                    format!("several columns may contain the addresses: {}", columns.join(", ")),
                    "choose one with --column",
                ));
            }
        };
        let layout = Self {
            email,
            reason: find(&REASON_NAMES),
            scope: find(&["scope"]),
            source: find(&["source"]),
            created_at: find(&CREATED_NAMES),
            expires_at: find(&["expiresat"]),
            note: find(&["note"]),
        };
        Ok((layout, true))
    }

    fn read(&self, row: &[&str], how: &Import<'_>) -> Result<LedgerSuppression, Flaw> {
        let of = |column: Option<usize>| column.and_then(|i| row.get(i)).copied().unwrap_or("");
        let entry = parse_entry(of(Some(self.email)))
            .map_err(|what| (what, "correct the row, or remove it"))?;
        let reason = match of(self.reason) {
            "" => how.reason.unwrap_or(Reason::Manual),
            word => foreign_reason(word).or(how.reason).ok_or_else(|| {
                ("reason is not known".to_owned(), "use hard_bounce, complaint, unsubscribe or manual, or set --reason for rows with another reason")
            })?,
        };
        let scope: Scope = of(self.scope)
            .parse()
            .map_err(|what| (what, "leave the scope empty to use the reason's default"))?;
        let created_at = match of(self.created_at) {
            "" => how.now,
            text => foreign_time(text).ok_or_else(|| {
                ("date is not known".to_owned(), "write 2026-11-21, 2026-11-21T08:00:00Z, or seconds since 1970, or leave it empty")
            })?,
        };
        let expires_at = time("expires_at", of(self.expires_at), Day::End)
            .map_err(|problem| (problem.what, TIME_HINT))?;
        Ok(LedgerSuppression {
            entry,
            reason,
            scope: scope.as_str().to_owned(),
            source: Some(of(self.source))
                .filter(|text| !text.is_empty())
                .unwrap_or(how.source)
                .to_owned(),
            created_at,
            expires_at,
            note: of(self.note).to_owned(),
        })
    }
}

/// Removes case, spaces and punctuation from a column name, so that `E-mail Address` and
/// `email_address` are equal.
pub(super) fn plain_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Converts a reason in the words of other services' exports to the reason of an entry; `None` for
/// an unknown word.
fn foreign_reason(word: &str) -> Option<Reason> {
    parse_reason(word).or_else(|| match plain_name(word).as_str() {
        "bounce" | "bounced" | "hardbounce" | "hard" | "permanent" | "permanentbounce"
        | "invalid" => Some(Reason::HardBounce),
        "complaint" | "complained" | "spam" | "spamreport" | "spamcomplaint" | "abuse" => {
            Some(Reason::Complaint)
        }
        "unsubscribe" | "unsubscribed" | "optout" | "optedout" => Some(Reason::Unsubscribe),
        "manual" | "manualsuppression" | "blocked" | "cleaned" => Some(Reason::Manual),
        _ => None,
    })
}

/// Parses a time in the formats that exports use: RFC 3339, a date, a date and a time (as UTC), or
/// seconds since 1970.
pub(super) fn foreign_time(text: &str) -> Option<Timestamp> {
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// The output format of [`export`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// A suppression file with a header.
    #[default]
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl std::str::FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(format!("unknown format {text:?}, expected one of: csv, ndjson")),
        }
    }
}

/// Writes all columns of the entries, and returns the number of entries. The CSV output is a valid
/// suppression file.
pub fn export(
    entries: impl IntoIterator<Item = Entry>,
    format: ExportFormat,
    mut writer: impl Write,
) -> io::Result<u64> {
    let columns = Columns::named_standard();
    if format == ExportFormat::Csv {
        writeln!(writer, "{HEADER}")?;
    }
    let mut count = 0;
    for entry in entries {
        match format {
            ExportFormat::Csv => writeln!(writer, "{}", columns.line(&entry))?,
            ExportFormat::Ndjson => {
                let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
                let object = json!({
                    "email": entry.entry,
                    "reason": entry.reason.as_str(),
                    "scope": entry.scope.as_str(),
                    "source": entry.source,
                    "created_at": time(entry.created_at),
                    "expires_at": time(entry.expires_at),
                    "note": entry.note,
                });
                writeln!(writer, "{object}")?;
            }
        }
        count += 1;
    }
    writer.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how() -> Import<'static> {
        Import {
            name: "theirs.csv",
            column: None,
            reason: None,
            source: "import",
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            reading: ReadOptions::default(),
        }
    }

    fn imported(text: &str, how: &Import<'_>) -> Result<Vec<(String, Reason, String)>, String> {
        let entries = import(std::io::Cursor::new(text.to_owned()), how)
            .map_err(|why| why.to_string())?
            .entries;
        Ok(entries
            .into_iter()
            .map(|kept| (kept.entry, kept.reason, kept.created_at.to_string()))
            .collect())
    }

    fn row(entry: &str, reason: Reason, at: &str) -> (String, Reason, String) {
        (entry.to_owned(), reason, at.to_owned())
    }

    #[test]
    fn exports_of_others_are_understood() {
        let now = "2026-11-21T12:00:00Z";
        assert_eq!(
            imported(
                "\u{feff}status,\"Email Address\",created\nBounced,Ann@X.org,1767225600\nspam report,b@x.org,2026-01-02 03:04:05\n,c@x.org,\n",
                &how()
            ),
            Ok(vec![
                row("ann@x.org", Reason::HardBounce, "2026-01-01T00:00:00Z"),
                row("b@x.org", Reason::Complaint, "2026-01-02T03:04:05Z"),
                row("c@x.org", Reason::Manual, now),
            ])
        );
        let bounces = Import { reason: Some(Reason::HardBounce), ..how() };
        assert_eq!(
            imported("ann@x.org\n@y.org\n", &bounces),
            Ok(vec![
                row("ann@x.org", Reason::HardBounce, now),
                row("@y.org", Reason::HardBounce, now)
            ])
        );
        assert_eq!(
            imported("kind,who\nx,ann@x.org\n", &Import { column: Some("Who"), ..how() }),
            Ok(vec![row("ann@x.org", Reason::Manual, now)])
        );
        assert!(imported("", &how()).expect_err("nothing").starts_with("theirs.csv: is empty"));
        assert_eq!(imported("email\n", &how()), Ok(Vec::new()));
    }

    #[test]
    fn a_file_is_read_whatever_spreadsheet_wrote_it() {
        let now = "2026-11-21T12:00:00Z";
        let wanted = Ok(vec![
            row("ann@x.org", Reason::Unsubscribe, now),
            row("@y.org", Reason::Manual, now),
        ]);
        let utf_16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let tabs = utf_16("\u{feff}email\treason\r\nann@x.org\tunsubscribe\r\n@y.org\t\r\n");
        for text in [
            &b"sep=;\r\nemail;reason\r\nann@x.org;unsubscribe\r\n@y.org;\r\n"[..],
            "\u{feff}\"email\";\"reason\"\n\"ann@x.org\";\"unsubscribe\"\n\"@y.org\"\n".as_bytes(),
            b"Whom we do not mail;;\n\nName;E-Mail;Reason\nAnn;ann@x.org;unsubscribe\nAll;@y.org\n",
            b"# of spring\nemail,reason\n#ben@x.org,\nann@x.org,unsubscribe\n@y.org,,\n",
            &tabs,
        ] {
            let read =
                import(std::io::Cursor::new(text.to_vec()), &how()).map_err(|why| why.to_string());
            let read = read.map(|found| {
                found
                    .entries
                    .into_iter()
                    .map(|kept| (kept.entry, kept.reason, kept.created_at.to_string()))
                    .collect()
            });
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(
            imported("@y.org\nann@x.org\n", &how()).map(|found| found.len()),
            Ok(2),
            "a first line that is an entry is no header"
        );
        let marked = "name,email\n*VIP Ann,ann@x.org\n";
        assert_eq!(
            imported(marked, &how()).map(|found| found.len()),
            Ok(1),
            "when unsure, it suppresses"
        );
    }

    #[test]
    fn what_is_in_doubt_is_refused_with_its_line() {
        for (text, line, what) in [
            ("email,reason\n\r\n# note\n\nperson@x.org,sad\n", 5, "reason is not known"),
            ("email,created\nperson@x.org,soon\n", 2, "date is not known"),
            ("email\nperson@@x.org\n", 2, "more than one @"),
            ("email,recipient\nperson@x.org,b@x.org\n", 1, "several columns"),
            ("name,phone\nperson,1\n", 1, "no column"),
            ("'person@x.org\nb@x.org\n", 1, "spreadsheet's text mark"),
            ("email,scope\nperson@x.org,some\n", 2, "scope is none of"),
        ] {
            let message = imported(text, &how()).expect_err(text);
            assert!(
                message.starts_with(&format!("theirs.csv:{line}: ")) && message.contains(what),
                "{message}"
            );
            assert!(message.contains("\nhint: ") && !message.contains("person"), "{message}");
        }
        assert!(
            import(&b"email\n\xff@x.org\n"[..], &how())
                .expect_err("no UTF-8")
                .to_string()
                .contains("--encoding")
        );
    }

    #[test]
    fn what_is_exported_imports_and_lists_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("out.csv");
        let text = "ann@x.org,unsubscribe,all,crm,2026-01-02T03:04:05Z,2027-01-02T03:04:05Z,\"a, \"\"b\"\"\"\n@y.org\n\"\"\"q u\"\"@x.org\"\n";
        std::fs::write(&file, text).expect("a file");
        let entries: Vec<Entry> =
            list(std::slice::from_ref(&file)).map(|listed| listed.expect("sound").entry).collect();
        let mut csv = Vec::new();
        assert_eq!(export(entries.clone(), ExportFormat::Csv, &mut csv).ok(), Some(3));
        std::fs::write(&file, &csv).expect("a file");
        assert_eq!(
            list(&[file]).map(|listed| listed.expect("sound").entry).collect::<Vec<_>>(),
            entries
        );
        let imported = import(std::io::Cursor::new(csv), &how()).expect("sound").entries;
        assert_eq!(imported[0], entries[0].clone().into_ledger(how().now));
        assert_eq!(imported.len(), 3);

        let mut ndjson = Vec::new();
        export(entries, ExportFormat::Ndjson, &mut ndjson).expect("room");
        let first: serde_json::Value =
            serde_json::from_slice(ndjson.split(|b| *b == b'\n').next().expect("a line"))
                .expect("JSON");
        assert_eq!(first["email"], "ann@x.org");
        assert_eq!(first["expires_at"], "2027-01-02T03:04:05Z");
    }

    #[test]
    fn listing_goes_on_with_the_next_file_after_a_bad_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, two) = (dir.path().join("one.csv"), dir.path().join("two.csv"));
        std::fs::write(&one, "a@x.org\nb@@x.org\nc@x.org\n").expect("a file");
        std::fs::write(&two, "\nd@x.org\n").expect("a file");
        let found: Vec<Option<(u64, String)>> = list(&[one, dir.path().join("none"), two])
            .map(|item| item.ok().map(|listed| (listed.line, listed.entry.entry)))
            .collect();
        assert_eq!(
            found,
            [Some((1, "a@x.org".to_owned())), None, None, Some((2, "d@x.org".to_owned()))]
        );
    }
}
