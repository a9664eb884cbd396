//! The columns of a suppression file and its CSV quoting (RFC 4180), for reading and writing.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use memchr::{memchr, memchr3};

use super::entry::{Entry, Scope, parse_entry, parse_reason, rank_of};
use super::plain::{hash_plain_address, is_plain_time, plain_reason, plain_scope};
use crate::input::{is_email_heading, is_marked, unwrapped};
use crate::model::outcome::Reason;

/// The columns and their names in the header. A file without a header has the same columns.
const STANDARD: [(&str, Column); 7] = [
    ("email", Column::Email),
    ("reason", Column::Reason),
    ("scope", Column::Scope),
    ("source", Column::Source),
    ("created_at", Column::CreatedAt),
    ("expires_at", Column::ExpiresAt),
    ("note", Column::Note),
];

/// The header of a file that this program creates.
pub(super) const HEADER: &str = "email,reason,scope,source,created_at,expires_at,note";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Reason,
    Scope,
    Source,
    CreatedAt,
    ExpiresAt,
    Note,
    /// A column with an unknown name. Its values are ignored.
    Other,
}

/// The error of a line and its hint. Contains no text from the line, because that may be an
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) hint: String,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// The reasons why a record cannot be split into fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsplit {
    /// The last field opens a quote and does not close it. The record may continue on the next
    /// line.
    Open,
    /// A quote that spans several lines is closed in the middle of a field. The closing quote is
    /// probably the opening quote of the next line's field.
    Astray,
}

/// An entry as read by the fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) hash: u128,
    pub(super) rank: u8,
    pub(super) is_marketing_only: bool,
}

/// The columns of a file, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    kinds: Vec<Column>,
    /// Whether the file has a header.
    is_named: bool,
}

impl Columns {
    /// The columns of a file without a header.
    pub(super) fn standard() -> Self {
        Self { kinds: STANDARD.iter().map(|(_, kind)| *kind).collect(), is_named: false }
    }

    /// The columns of a file that begins with [`HEADER`].
    pub(super) fn named_standard() -> Self {
        Self { is_named: true, ..Self::standard() }
    }

    /// Returns the columns that a file's first record names; `None` if the record is not a header.
    pub(super) fn from_header(fields: &[Cow<'_, str>]) -> Result<Option<Self>, Problem> {
        let has_email = fields.iter().any(|name| name.trim().eq_ignore_ascii_case("email"));
        // A header may use another name for the email column, as in recipient lists. A record with
        // an address is an entry, even if its note contains such a name.
        let is_entry = fields
            .iter()
            .any(|field| field.contains('@') || field.trim_start().starts_with("sha256:"));
        if !has_email && (is_entry || !fields.iter().any(|field| is_heading(field))) {
            return Ok(None);
        }
        let kind_of = |name: &Cow<'_, str>| match STANDARD
            .iter()
            .find(|(known, _)| name.trim().eq_ignore_ascii_case(known))
        {
            Some((_, kind)) => *kind,
            None if !has_email && is_heading(name) => Column::Email,
            None => Column::Other,
        };
        let kinds: Vec<Column> = fields.iter().map(kind_of).collect();
        for (name, kind) in STANDARD {
            if kinds.iter().filter(|other| **other == kind).count() > 1 {
                return Err(Problem::new(
                    format!("header names the column {name} twice"),
                    "rename or remove one of them",
                ));
            }
        }
        Ok(Some(Self { kinds, is_named: true }))
    }

    /// Whether a record repeats the header, as in files that were joined. Returns an error if the
    /// record is a header with other columns.
    pub(super) fn is_repeated(&self, fields: &[Cow<'_, str>]) -> Result<bool, Problem> {
        let email = self.field(Column::Email, fields);
        let is_entry = email.contains('@') || email.contains(':');
        if !self.is_named || is_entry || !fields.iter().any(|field| is_heading(field)) {
            return Ok(false);
        }
        match Self::from_header(fields)? {
            Some(again) if again.kinds == self.kinds => Ok(true),
            Some(_) => {
                let hint = "separate the two files, or convert them to the same columns";
                Err(Problem::new(
                    "line is a header with other columns than the header above: were two files joined?",
                    hint,
                ))
            }
            None => Ok(false),
        }
    }

    pub(super) fn place_of_email(&self) -> Option<usize> {
        self.kinds.iter().position(|kind| *kind == Column::Email)
    }

    fn has(&self, kind: Column) -> bool {
        self.kinds.contains(&kind)
    }

    /// Fast path for a line without quotes, spaces or unusual dates. Returns `None` for any other
    /// line, which [`Columns::entry`] must then parse.
    #[inline(always)]
    pub(super) fn plain(&self, line: &[u8]) -> Option<Plain> {
        // The line may be commented out by a mark or a dash.
        if matches!(line.first(), Some(b'#' | b'*' | b'!' | b'/' | b'-')) {
            return None;
        }
        let mut rest = line;
        let (mut hash, mut reason, mut scope) = (None, Reason::Manual, Scope::Own);
        for kind in &self.kinds {
            let (field, more) = match memchr(b',', rest) {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            };
            match kind {
                Column::Email => hash = Some(hash_plain_address(field)?),
                Column::Reason => reason = plain_reason(field)?,
                Column::Scope => scope = plain_scope(field)?,
                Column::CreatedAt if is_plain_time(field) => {}
                Column::ExpiresAt if field.is_empty() => {}
                Column::CreatedAt | Column::ExpiresAt => return None,
                Column::Source | Column::Note | Column::Other => {
                    if !field.is_ascii() || memchr3(b'"', 0, b'\r', field).is_some() {
                        return None;
                    }
                }
            }
            match more {
                Some(more) => rest = more,
                None => {
                    return Some(Plain {
                        hash: hash?,
                        rank: rank_of(reason),
                        is_marketing_only: scope.is_marketing_only(reason),
                    });
                }
            }
        }
        None
    }

    /// The raw text of the first field that belongs to this column; empty if the record has no such
    /// field.
    pub(super) fn field<'a>(&self, kind: Column, fields: &'a [Cow<'_, str>]) -> &'a str {
        self.kinds
            .iter()
            .position(|other| *other == kind)
            .and_then(|place| fields.get(place))
            .map_or("", |field| field)
    }

    /// Parses the fields of one record; `None` if all of them are empty.
    pub(super) fn entry(&self, fields: &[Cow<'_, str>]) -> Result<Option<Entry>, Problem> {
        if fields.iter().all(|field| field.trim().is_empty()) {
            return Ok(None);
        }
        if let Some(extra) = fields.get(self.kinds.len()..)
            && extra.iter().any(|field| !field.trim().is_empty())
        {
            let what = format!(
                "line has {} fields, the file has {} columns",
                fields.len(),
                self.kinds.len()
            );
            return Err(Problem::new(what, "put quotes around a field that contains a comma"));
        }
        let is_joined = |(place, field): (usize, &Cow<'_, str>)| {
            self.kinds.get(place) != Some(&Column::Email) && field.contains('@')
        };
        if fields.len() > self.kinds.len() && fields.iter().enumerate().any(is_joined) {
            return Err(Problem::new(
                "line has more fields than columns, and another address",
                "were two lines joined? write each entry on its own line",
            ));
        }
        let of = |kind| self.field(kind, fields).trim();
        let cell = unwrapped(of(Column::Email)).unwrap_or(Cow::Borrowed(of(Column::Email)));
        let email = cell.trim();
        if email.is_empty() {
            return Err(Problem::new("email is empty", "add the address, or remove the line"));
        }
        let entry = parse_entry(email).map_err(|what| Problem::new(what, entry_hint(email)))?;
        let reason = parse_reason(of(Column::Reason)).ok_or_else(|| {
            Problem::new(
                "reason is none of: hard_bounce, complaint, unsubscribe, manual",
                "use one of these words, or leave the reason empty for manual",
            )
        })?;
        let scope = of(Column::Scope).parse().map_err(|what: String| {
            Problem::new(what, "leave the scope empty to use the reason's default")
        })?;
        Ok(Some(Entry {
            entry,
            reason,
            scope,
            source: of(Column::Source).to_owned(),
            created_at: time("created_at", of(Column::CreatedAt), Day::Start)?,
            expires_at: time("expires_at", of(Column::ExpiresAt), Day::End)?,
            note: of(Column::Note).to_owned(),
        }))
    }

    /// Formats an entry as a line with these columns, without the line feed. A value is omitted if
    /// there is no column for it. If this would suppress less, a stricter reason is written
    /// instead.
    pub(super) fn line(&self, entry: &Entry) -> String {
        let is_bare = entry.reason == Reason::Manual
            && entry.scope == Scope::Own
            && entry.source.is_empty()
            && entry.expires_at.is_none()
            && entry.note.is_empty();
        if !self.is_named && is_bare {
            return quote(&entry.entry).into_owned();
        }
        let needs_scope = Scope::Own.is_marketing_only(entry.reason)
            && !entry.scope.is_marketing_only(entry.reason);
        let reason =
            if needs_scope && !self.has(Column::Scope) { Reason::Manual } else { entry.reason };
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let mut line = String::with_capacity(96);
        for (i, kind) in self.kinds.iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            let value: Cow<'_, str> = match kind {
                Column::Email => Cow::Borrowed(&entry.entry),
                Column::Reason => Cow::Borrowed(reason.as_str()),
                Column::Scope => Cow::Borrowed(entry.scope.as_str()),
                Column::Source => Cow::Borrowed(&entry.source),
                Column::CreatedAt => Cow::Owned(time(entry.created_at)),
                Column::ExpiresAt => Cow::Owned(time(entry.expires_at)),
                Column::Note => Cow::Borrowed(&entry.note),
                Column::Other => Cow::Borrowed(""),
            };
            line.push_str(&quote(&value));
        }
        line
    }
}

/// Whether a field is a name of the email column. `mail` is excluded, because it may be the rest of
/// a truncated address.
fn is_heading(field: &str) -> bool {
    is_email_heading(field) && !field.trim().eq_ignore_ascii_case("mail")
}

fn entry_hint(email: &str) -> &'static str {
    if email.contains(['\t', ';']) {
        "columns are separated by commas; `mailbatch suppress import FILE` reads files with other delimiters"
    } else if email.starts_with("@*.") {
        "list each domain: @domain stands for that domain without its subdomains"
    } else if !email.contains('@') && email.contains('.') {
        "write @example.com for a whole domain"
    } else {
        "write an address, @domain, or sha256:<64 hex digits>; a header needs a column called email, and a comment begins with #; \
         `mailbatch suppress import FILE` reads exports as they are"
    }
}

/// Splits a record into its fields. A quote opens a quoted field only at the beginning of a field,
/// after optional blanks. If text follows the closing quote, the field keeps its quotes, so that
/// `"a b"@example.com` is an address with a quoted local part.
pub(super) fn split(record: &str) -> Result<Vec<Cow<'_, str>>, Unsplit> {
    let bytes = record.as_bytes();
    let mut fields = Vec::with_capacity(STANDARD.len());
    let mut start = 0;
    loop {
        let mut end = start;
        let mut quoted = None;
        let open = start + blanks(&bytes[start..]);
        if bytes.get(open) == Some(&b'"') {
            let close = closing_quote(bytes, open + 1).ok_or(Unsplit::Open)?;
            end = close + 1;
            let after = end + blanks(&bytes[end..]);
            if matches!(bytes.get(after), None | Some(b',')) {
                quoted = Some(&record[open + 1..close]);
                end = after;
            } else if memchr(b'\n', &bytes[open..end]).is_some() {
                return Err(Unsplit::Astray);
            }
        }
        if let Some(inner) = quoted {
            fields.push(if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(inner)
            });
        } else {
            end += memchr(b',', &bytes[end..]).unwrap_or(bytes.len() - end);
            fields.push(Cow::Borrowed(&record[start..end]));
        }
        if end == bytes.len() {
            return Ok(fields);
        }
        start = end + 1;
    }
}

/// The number of blanks at the beginning.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn closing_quote(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + memchr(b'"', &bytes[from..])?;
        if bytes.get(found + 1) != Some(&b'"') {
            return Some(found);
        }
        from = found + 2;
    }
}

/// Formats a field for the file: adds quotes if necessary, and replaces line breaks and NUL by
/// spaces, because each entry is one line.
pub(super) fn quote(field: &str) -> Cow<'_, str> {
    let field = if field.contains(['\r', '\n', '\0']) {
        Cow::Owned(field.replace(['\r', '\n', '\0'], " "))
    } else {
        Cow::Borrowed(field)
    };
    // Without quotes, a leading # would turn the line into a comment, and another mark would make
    // the line invalid.
    if field.contains(['"', ',']) || is_marked(&field) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        field
    }
}

/// Whether a date without a time means the start or the end of the day.
#[derive(Clone, Copy)]
pub(super) enum Day {
    Start,
    End,
}

/// The hint for an invalid time.
pub(super) const TIME_HINT: &str = "write 2026-11-21, 2026-11-21T08:00:00Z, or leave it empty";

/// Parses an RFC 3339 time, or a date in UTC.
pub(super) fn time(column: &str, text: &str, day: Day) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::new(format!("{column} is not a time"), TIME_HINT);
    let parsed = if text.len() == 10 {
        text.parse::<Date>().and_then(|date| match day {
            Day::Start => Ok(date),
            Day::End => date.tomorrow(),
        })
    } else {
        return text.parse().map(Some).map_err(|_| wrong());
    };
    let midnight = parsed.and_then(|date| date.to_zoned(TimeZone::UTC)).map_err(|_| wrong())?;
    Ok(Some(midnight.timestamp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    fn fields(record: &str) -> Vec<String> {
        split(record).expect("a closed record").into_iter().map(Cow::into_owned).collect()
    }

    #[test]
    fn fields_are_split_at_commas_outside_quotes() {
        assert_eq!(fields("a@x.org,manual,"), ["a@x.org", "manual", ""]);
        assert_eq!(
            fields("a@x.org,,,,,,\"left, \"\"angry\"\"\""),
            ["a@x.org", "", "", "", "", "", "left, \"angry\""]
        );
        assert_eq!(fields("\"a,b\"@x.org,manual"), ["\"a,b\"@x.org", "manual"]);
        assert_eq!(fields("\"\"\"a b\"\"@x.org\",manual"), ["\"a b\"@x.org", "manual"]);
        assert_eq!(fields("a@x.org,5\" disk"), ["a@x.org", "5\" disk"]);
        assert_eq!(split("a@x.org,\"open"), Err(Unsplit::Open));
        assert_eq!(split("a@x.org,\"5 feet\nb@x.org,\"6 feet"), Err(Unsplit::Astray));
    }

    #[test]
    fn a_header_names_columns_in_any_order_and_case() {
        let header = split("Note, REASON ,customer,E-Mail,EMAIL").expect("a closed record");
        let columns = Columns::from_header(&header).expect("a sound header").expect("a header");
        let row = split("why not,complaint,4711,,Ann@x.org").expect("a closed record");
        let entry = columns.entry(&row).expect("a sound row").expect("an entry");
        assert_eq!(
            (entry.entry.as_str(), entry.reason, entry.note.as_str()),
            ("ann@x.org", Reason::Complaint, "why not")
        );
        assert_eq!(columns.line(&entry), "why not,complaint,,,ann@x.org");
        assert_eq!(Columns::from_header(&[Cow::Borrowed("ann@x.org")]), Ok(None));
        assert!(Columns::from_header(&[Cow::Borrowed("email"), Cow::Borrowed("Email")]).is_err());
    }

    #[test]
    fn a_missing_column_never_narrows_an_entry() {
        let header = split("email,reason").expect("a closed record");
        let columns = Columns::from_header(&header).expect("a sound header").expect("a header");
        let row = split("ann@x.org,unsubscribe,all").expect("a closed record");
        let entry = Columns::standard().entry(&row).expect("a sound row").expect("an entry");
        assert_eq!(columns.line(&entry), "ann@x.org,manual");
        assert_eq!(Columns::standard().line(&entry), "ann@x.org,unsubscribe,all,,,,");
    }

    #[test]
    fn a_date_ends_with_its_day() {
        let row = split("ann@x.org,,,,2026-01-31,2026-02-28").expect("a closed record");
        let entry = Columns::standard().entry(&row).expect("a sound row").expect("an entry");
        assert_eq!(
            entry.created_at.map(|at| at.to_string()).as_deref(),
            Some("2026-01-31T00:00:00Z")
        );
        assert_eq!(
            entry.expires_at.map(|at| at.to_string()).as_deref(),
            Some("2026-03-01T00:00:00Z")
        );
    }

    #[test]
    fn the_fast_path_leaves_everything_unusual_to_the_careful_one() {
        let plain = |line: &str| Columns::standard().plain(line.as_bytes()).is_some();
        for line in [
            "ann@example.com",
            "Ann.B+tag@EXAMPLE.com",
            "a_b@x.org,hard_bounce,all,crm,2026-11-21T08:00:00Z,,left",
            "a@x.org,",
        ] {
            assert!(plain(line), "{line}");
        }
        for line in [
            "",
            "#ann@example.com",
            " ann@example.com",
            "ann@example.com ",
            "ann@xn--exmple-cua.com",
            "ann@exämple.com",
            "ann@a@b.com",
            "ann@example+.com",
            "ann..b@example.com",
            ".ann@example.com",
            "ann@example.com.",
            "ann@-example.com",
            "ann@127.0.0.1",
            "@example.com",
            "o'brien@example.com",
            "ann@example.com,Manual",
            "ann@example.com,nonsense",
            "ann@example.com,,everything",
            "ann@example.com,,,,2026-02-31T08:00:00Z",
            "ann@example.com,,,,2026-02-11",
            "ann@example.com,,,,,2026-02-11",
            "ann@example.com,,,\"crm\"",
            "ann@example.com,,,a\0b",
            "ann@example.com,,,,,,,more",
        ] {
            assert!(!plain(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(values in prop::collection::vec("[ -~äö]{0,12}", 1..6)) {
            let line = values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(",");
            prop_assert_eq!(fields(&line), values);
        }

        #[test]
        fn the_fast_path_agrees_with_the_careful_one(
            line in "[a-zA-Z0-9.+_@-]{1,9}@[a-zA-Z0-9.-]{1,12}(,(|manual|unsubscribe|complaint|bounce)(,(|all|marketing)(,(x|\")?)?)?)?",
        ) {
            let columns = Columns::standard();
            if let Some(plain) = columns.plain(line.as_bytes()) {
                let entry = columns.entry(&split(&line).expect("no quote")).expect("sound").expect("an entry");
                prop_assert_eq!(plain.hash, xxh3_128(entry.entry.as_bytes()));
                prop_assert_eq!(plain.rank, rank_of(entry.reason));
                prop_assert_eq!(plain.is_marketing_only, entry.scope.is_marketing_only(entry.reason));
            }
        }

        #[test]
        fn the_fast_path_names_what_the_reader_of_addresses_names(text in "[a-zA-Z0-9.+_@'#*!/ -]{0,6}@[a-zA-Z0-9._-]{1,9}[.][a-z]{1,3}|\\PC{1,5}@\\PC{1,8}[.]org|[!-~]{5,140}") {
            if let Some(hash) = hash_plain_address(text.as_bytes()) {
                prop_assert_eq!(crate::model::address::Address::parse(&text).map(|address| xxh3_128(address.folded().as_bytes())), Ok(hash));
            }
        }
    }
}
