//! Detects the layout of a delimited text from its beginning: the delimiter, the lines before the
//! header, and the header.
//!
//! The chosen delimiter is the one that gives a column of addresses. The header is the first line
//! with a heading that means an address. The lines before it are skipped, unless one of them is a
//! recipient. In that case the list has no header, and its first row is kept.

use std::collections::BTreeMap;

use super::column::is_email_heading;
use super::findings::{Findings, Kind};
use super::marks::{is_marked, looks_like_address, mark_of, odd_domain, shape, without_mark};
use super::problem::{Place, Problem};
use sample::{Lines, Sample, line_text};

mod sample;

/// The delimiters that are tried, the most likely first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// The number of lines searched for the header.
const HEADER_LINES: usize = 40;
/// The number of records examined to find the delimiter.
const SAMPLE_RECORDS: usize = 50;
/// The minimum number of rows with equal length before other rows are compared with them.
const FEWEST_ALIKE: usize = 5;
/// The minimum number of addresses before other domains are compared with theirs.
const FEWEST_PLAIN: usize = 10;
/// The maximum number of rows below a header that can describe its columns. Qualtrics writes two.
const DESCRIPTIONS: usize = 3;

/// The settings that are known before the text is examined.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// The delimiter, if a flag sets it.
    pub(super) delimiter: Option<u8>,
    /// The delimiter to prefer if several fit equally well.
    pub(super) preferred: Option<u8>,
    /// The number of lines to skip, if a flag sets it.
    pub(super) skip_lines: Option<u64>,
    /// The name of the address column, if configured.
    pub(super) email: Option<&'a str>,
}

/// The position of the records in a text, and the properties of its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The byte offset of the header, or of the first row if there is no header.
    pub(super) at: usize,
    /// The line number of that offset, counted from 1.
    pub(super) line: u64,
    /// The index of the address column, for a list without a header.
    pub(super) headless: Option<usize>,
    /// Whether a mark such as `#` precedes the header.
    pub(super) is_marked: bool,
    /// The number of records below the header that describe its columns.
    pub(super) descriptions: usize,
    /// A mark that begins the first cells of the list and is part of their text, so it does not
    /// strike out rows.
    pub(super) own_mark: Option<&'static str>,
    /// The number of fields that almost all rows have. `None` if too few rows were examined.
    pub(super) usual: Option<usize>,
    /// The only column that contains addresses and almost nothing else.
    pub(super) by_content: Option<usize>,
    /// The properties of the rows of the most frequent length.
    pub(super) alike: Alike,
    /// The shape of more than half of the first cells without a mark.
    pub(super) plain_shape: Option<String>,
    /// Whether the list omits empty cells at the end of its rows.
    pub(super) is_trimmed: bool,
    /// Whether almost all addresses are at public domains. False if too few addresses were
    /// examined.
    pub(super) has_plain_domains: bool,
}

/// The common properties of the rows that have the most frequent length.
#[derive(Clone, Debug, Default)]
pub(super) struct Alike {
    /// The number of fields of these rows; 0 if too few rows have the same length.
    pub(super) length: usize,
    /// For each column, whether any of these rows has an address there.
    pub(super) addresses: Vec<bool>,
    /// Whether all of these rows have a value in their last field.
    pub(super) is_last_filled: bool,
}

/// Detects the layout of a text from its beginning, `sample`. `whole` is true if the sample is the
/// whole text.
pub(super) fn find(
    sample: &str,
    whole: bool,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Result<Layout, Problem> {
    let lines = Lines::of(sample);
    let mut first = 0;
    let mut delimiter = known.delimiter;
    if let Some((at, line)) = lines.starts.first().copied()
        && let Some(separator) = separator(line_text(sample, at))
    {
        delimiter = delimiter.or(Some(separator));
        findings.add(Kind::Separator, line);
        first = 1;
    }
    if let Some(skip) = known.skip_lines {
        let named = lines.starts.iter().position(|&(_, line)| line > skip);
        first = first.max(named.ok_or_else(|| too_many_skipped(skip))?);
    }
    let named_start = known.skip_lines.is_some();
    let starts = &lines.starts[first.min(lines.starts.len())..];
    let starts = if named_start {
        &starts[..starts.len().min(1)]
    } else {
        &starts[..starts.len().min(HEADER_LINES)]
    };
    let Some(&(begin, begin_line)) = starts.first() else {
        let delimiter = delimiter.or(known.preferred).unwrap_or(DELIMITERS[0]);
        let (at, line) = (sample.len(), lines.last);
        return Ok(Layout { delimiter, at, line, ..Layout::default() });
    };
    let text = Sample { text: sample, whole };
    let candidates: Vec<u8> = match delimiter {
        Some(only) => vec![only],
        None => known.preferred.into_iter().chain(DELIMITERS).collect(),
    };
    let mut best: Option<(Split, (usize, bool, u64, usize))> = None;
    for candidate in candidates {
        let split = Split::under(candidate, text, starts, known.email);
        let score = (split.addresses, split.has_heading, split.agreeing, split.width);
        if best.as_ref().is_none_or(|(_, most)| score > *most) {
            best = Some((split, score));
        }
    }
    let (split, _) = best.expect("there is at least one candidate");
    let (at, line) =
        if split.headless.is_some() { (begin, begin_line) } else { starts[split.header] };
    if split.headless.is_some() {
        findings.add(Kind::NoHeader, line);
    } else {
        starts[..split.header].iter().for_each(|&(_, line)| findings.add(Kind::Preamble, line));
    }
    if split.headless == Some(Headless::Unclear) {
        let problem = Problem::new(
            Place::Line(line),
            "the list has no header, and its first line contains several addresses",
        );
        return Err(problem.hint("name the columns in a first line, e.g. email,other_email,name"));
    }
    Ok(split.into_layout(at, line))
}

fn too_many_skipped(skip: u64) -> Problem {
    let problem = Problem::new(
        Place::List,
        format!(
            "--skip-lines {skip} leaves no header: the list, or its first 64 KiB, has no more lines"
        ),
    );
    problem.hint("set --skip-lines to the number of lines before the header")
}

/// Returns the delimiter of Excel's `sep=` line. The line may be quoted.
pub(crate) fn separator(line: &str) -> Option<u8> {
    let line = line.trim_start_matches(['\u{feff}', ' ']);
    let line = match line.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches([',', ';']).strip_suffix('"')?,
        None => line,
    };
    let (name, value) = line.split_at_checked(4)?;
    if !name.eq_ignore_ascii_case("sep=") {
        return None;
    }
    match value.as_bytes() {
        [b'\\', b't'] => Some(b'\t'),
        // Excel fills the line with delimiters up to the width of the table.
        [first, rest @ ..]
            if is_delimiter(*first) && rest.iter().all(|byte| byte == first || *byte == b' ') =>
        {
            Some(*first)
        }
        _ => None,
    }
}

/// Returns whether this byte can be a delimiter. Letters, digits, quotes, and characters used in
/// addresses cannot.
pub(crate) fn is_delimiter(byte: u8) -> bool {
    byte == b'\t'
        || (byte.is_ascii_graphic() && !byte.is_ascii_alphanumeric() && !b"\"@.-_".contains(&byte))
        || byte == b' '
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Headless {
    At(usize),
    Unclear,
}

/// The result of splitting a text at a certain delimiter.
struct Split {
    delimiter: u8,
    /// The index of the header among the lines.
    header: usize,
    has_heading: bool,
    is_marked: bool,
    headless: Option<Headless>,
    /// The number of sampled records that have an address in the column with the most addresses.
    addresses: usize,
    /// The share of records with as many fields as the header, per mille.
    agreeing: u64,
    width: usize,
    descriptions: usize,
    own_mark: Option<&'static str>,
    usual: Option<usize>,
    by_content: Option<usize>,
    alike: Alike,
    plain_shape: Option<String>,
    is_trimmed: bool,
    has_plain_domains: bool,
}

impl Split {
    fn under(
        delimiter: u8,
        text: Sample<'_>,
        starts: &[(usize, u64)],
        email: Option<&str>,
    ) -> Self {
        let heads: Vec<Head<'_>> =
            starts.iter().filter_map(|&(at, _)| Head::at(text, at, delimiter, email)).collect();
        let heading = pick(&heads);
        // If a line before the header is a recipient, skipping it would lose the recipient.
        let is_lost = |place: usize, before: usize| {
            heads[..before]
                .iter()
                .any(|head| head.cells.get(place).is_some_and(|cell| is_plain_address(cell)))
        };
        let heading =
            heading.filter(|&at| heads[at].place.is_some_and(|place| !is_lost(place, at)));
        let (header, headless) = match heading {
            Some(at) => (at, None),
            None => without_heading(&heads),
        };
        let mut split = Self {
            delimiter,
            header,
            has_heading: heading.is_some(),
            is_marked: heading.is_some_and(|at| heads[at].is_marked),
            headless,
            addresses: 0,
            agreeing: 0,
            width: heads.get(header).map_or(1, |head| head.cells.len()),
            descriptions: 0,
            own_mark: None,
            usual: None,
            by_content: None,
            alike: Alike::default(),
            plain_shape: None,
            is_trimmed: false,
            has_plain_domains: false,
        };
        let place = heading.and_then(|at| heads[at].place);
        let begin = if headless.is_some() {
            starts[0].0
        } else {
            heads.get(header).map_or(starts[0].0, |head| head.next)
        };
        split.count(text, begin, place);
        split
    }

    /// Returns the layout for this delimiter. The header or first row is at the offset `at`, on
    /// line `line`.
    fn into_layout(self, at: usize, line: u64) -> Layout {
        let headless =
            self.headless.map(|found| if let Headless::At(place) = found { place } else { 0 });
        Layout {
            delimiter: self.delimiter,
            at,
            line,
            headless,
            is_marked: self.is_marked,
            descriptions: self.descriptions,
            own_mark: self.own_mark,
            usual: self.usual,
            by_content: self.by_content,
            alike: self.alike,
            plain_shape: self.plain_shape,
            is_trimmed: self.is_trimmed,
            has_plain_domains: self.has_plain_domains,
        }
    }

    /// Examines the records from the offset `at` on. The function is long because one pass over the
    /// records updates all counters.
    fn count(&mut self, text: Sample<'_>, mut at: usize, place: Option<usize>) {
        let (mut records, mut agreeing, mut marks, mut lengths) =
            (0, 0, BTreeMap::new(), BTreeMap::<usize, (usize, Alike)>::new());
        let mut shapes = BTreeMap::<String, usize>::new();
        let home = place.or(if let Some(Headless::At(place)) = self.headless {
            Some(place)
        } else {
            None
        });
        // `short` counts the short rows with an address, `cut` the rows that end before the address
        // column.
        let (mut short, mut cut) = (0, 0);
        // `plain` counts the addresses at ordinary domains, `odd` the addresses at doubtful
        // domains.
        let (mut plain, mut odd) = (0, 0);
        // For each column, the number of values that are addresses, and of other values.
        let mut by_column: Vec<usize> = Vec::new();
        let mut others: Vec<usize> = Vec::new();
        while let Some((cells, next)) = text.record(at, self.delimiter) {
            at = next;
            if cells.iter().all(|cell| cell.is_empty()) {
                continue;
            }
            records += 1;
            if records <= DESCRIPTIONS
                && by_column.iter().all(|count| *count == 0)
                && is_description(&cells)
            {
                self.descriptions = records;
            }
            agreeing += usize::from(cells.len() == self.width);
            if let Some(cell) = home.and_then(|home| cells.get(home)) {
                let is_odd = odd_domain(cell).is_some();
                odd += usize::from(is_odd);
                plain += usize::from(!is_odd && looks_like_address(cell));
            }
            if let Some(home) = home.filter(|_| cells.len() < self.width) {
                short += usize::from(cells.get(home).is_some_and(|cell| looks_like_address(cell)));
                cut += usize::from(cells.len() <= home);
            }
            let first = cells.first().copied().unwrap_or_default();
            match mark_of(first) {
                Some(mark) => *marks.entry(mark).or_default() += 1,
                None => *shapes.entry(shape(first)).or_default() += 1,
            }
            let (count, alike) = lengths.entry(cells.len()).or_default();
            alike.add(&cells, *count == 0);
            *count += 1;
            if by_column.len() < cells.len() {
                by_column.resize(cells.len(), 0);
                others.resize(cells.len(), 0);
            }
            for (place, cell) in cells.iter().enumerate() {
                let is_address = looks_like_address(cell);
                by_column[place] += usize::from(is_address);
                others[place] += usize::from(!is_address && !cell.is_empty());
            }
            if records == SAMPLE_RECORDS {
                break;
            }
        }
        if self.headless.is_some() {
            self.descriptions = 0;
        }
        let at_heading =
            place.and_then(|place| by_column.get(place)).copied().filter(|count| *count > 0);
        self.addresses = at_heading.or(by_column.iter().max().copied()).unwrap_or(0);
        let mut with_any = (0..by_column.len()).filter(|place| by_column[*place] > 0);
        self.by_content = with_any
            .next()
            .filter(|place| with_any.next().is_none() && by_column[*place] >= 4 * others[*place]);
        self.agreeing = 1_000 * agreeing as u64 / records.max(1) as u64;
        self.own_mark = own_mark(&marks, records);
        self.is_trimmed = short > 0 && short >= cut;
        self.has_plain_domains = plain >= FEWEST_PLAIN && 10 * odd <= plain;
        self.plain_shape = shapes
            .into_iter()
            .find(|(shape, count)| !shape.is_empty() && 2 * count > records)
            .map(|(shape, _)| shape);
        let most = lengths
            .into_values()
            .filter(|(count, _)| *count >= FEWEST_ALIKE)
            .max_by_key(|(count, _)| *count);
        if let Some((count, alike)) = most {
            self.usual = (5 * count >= 4 * records).then_some(alike.length);
            self.alike = alike;
        }
    }
}

impl Alike {
    fn add(&mut self, cells: &[&str], is_first: bool) {
        self.length = cells.len();
        self.addresses.resize(cells.len(), false);
        cells
            .iter()
            .zip(&mut self.addresses)
            .for_each(|(cell, any)| *any |= looks_like_address(cell));
        self.is_last_filled =
            (is_first || self.is_last_filled) && cells.last().is_some_and(|last| !last.is_empty());
    }
}

/// Returns the mark with which almost all first cells begin, if it may be part of their text: `*`,
/// `!` or dashes. Cells with `#` or `//` are judged one by one, because the sampled rows may happen
/// to be those that are struck out.
fn own_mark(marks: &BTreeMap<&'static str, usize>, records: usize) -> Option<&'static str> {
    let of_all = marks.iter().find(|(mark, count)| {
        matches!(**mark, "*" | "!" | "--") && **count > 1 && 20 * **count >= 19 * records
    });
    of_all.map(|(mark, _)| *mark)
}

/// A line that may be the header.
struct Head<'a> {
    cells: Vec<&'a str>,
    /// The offset of the next record.
    next: usize,
    /// The index of the cell whose heading means an address.
    place: Option<usize>,
    is_marked: bool,
}

impl<'a> Head<'a> {
    fn at(text: Sample<'a>, at: usize, delimiter: u8, email: Option<&str>) -> Option<Self> {
        let (cells, next) = text.record(at, delimiter)?;
        let place = match email {
            Some(name) => cells.iter().position(|cell| *cell == name || without_mark(cell) == name),
            None => cells.iter().position(|cell| is_email_heading(cell)),
        };
        let is_marked = cells.first().is_some_and(|cell| {
            is_marked(cell) && (place == Some(0) || !without_mark(cell).is_empty())
        });
        Some(Self { cells, next, place, is_marked })
    }
}

/// Chooses the header: the first line with an address heading and without a mark, else the first
/// such line with a mark. A line with only that heading may be a title if a wider line with an
/// address heading follows.
fn pick(heads: &[Head<'_>]) -> Option<usize> {
    const NEAR: usize = 5;
    let with = |marked: bool| {
        heads.iter().position(|head| head.place.is_some() && head.is_marked == marked)
    };
    let first = with(false).or_else(|| with(true))?;
    if heads[first].cells.len() > 1 {
        return Some(first);
    }
    let wider = (first + 1..heads.len().min(first + NEAR))
        .find(|&at| heads[at].place.is_some() && heads[at].cells.len() > 1);
    Some(wider.unwrap_or(first))
}

/// Handles a list without a heading that means an address. Returns the likely header, or the column
/// of the addresses if the list has no header.
fn without_heading(heads: &[Head<'_>]) -> (usize, Option<Headless>) {
    let is_comment = |head: &Head<'_>| head.cells.first().is_some_and(|cell| is_marked(cell));
    let begin = heads.iter().position(|head| !is_comment(head)).unwrap_or(0);
    let Some(first) = heads.get(begin) else { return (0, None) };
    let addresses: Vec<usize> =
        (0..first.cells.len()).filter(|&place| looks_like_address(first.cells[place])).collect();
    match addresses[..] {
        [] => {}
        [only] => return (0, Some(Headless::At(only))),
        _ => return (0, Some(Headless::Unclear)),
    }
    if first.cells.len() > 1 {
        return (begin, None);
    }
    let people = heads
        .iter()
        .position(|head| head.cells.iter().any(|cell| looks_like_address(cell)))
        .unwrap_or(heads.len());
    ((begin..people).find(|&at| heads[at].cells.len() > 1).unwrap_or(begin), None)
}

/// Returns whether a row describes the columns. Qualtrics writes a row of JSON below its header,
/// and SurveyMonkey a row with the kinds of answers.
fn is_description(cells: &[&str]) -> bool {
    let is_of_answers =
        cells.contains(&"Open-Ended Response") && !cells.iter().any(|cell| cell.contains('@'));
    is_of_answers
        || cells
            .iter()
            .find(|cell| !cell.is_empty())
            .is_some_and(|cell| cell.starts_with('{') && cell.contains("ImportId"))
}

fn is_plain_address(cell: &str) -> bool {
    looks_like_address(cell) && !is_marked(cell)
}

#[cfg(test)]
mod tests;
