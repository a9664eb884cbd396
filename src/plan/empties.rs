//! Judges rows with an empty address cell. In some lists, such as exports of contacts or orders,
//! people without an address are normal. In others, an empty cell is a sign of a damaged list.
//!
//! Such rows are left out, counted and reported. `--max-invalid` counts them only in three cases
//! that show a broken list: no row has an address, the address is in a column where other rows have
//! none, or the column ends in the middle of the list.

use std::collections::BTreeMap;

use memchr::memchr_iter;

use super::OnItsWay;
use crate::input::{is_about_mail, looks_like_address};
use crate::model::address::is_absent;
use crate::model::recipient::Fields;

/// The maximum number of rows with an address in a wrong column that a message names.
const PLACES: usize = 3;
/// The maximum number of rows with several addresses that are examined to find the columns with
/// addresses.
const LOOKED_AT: u32 = 1_000;
/// The maximum number of column sets that are counted separately, because in a hostile list every
/// row could have a different set.
const SETS: usize = 256;
/// The minimum number of empty cells at the end of a column, and of filled cells above them, to
/// conclude that the column is truncated.
const TAIL: u64 = 20;

/// Counts the empty address cells of all lists.
#[derive(Debug, Default)]
pub(super) struct Empties {
    lists: Vec<OfList>,
}

#[derive(Debug, Default)]
struct OfList {
    rows: u64,
    /// The name of the address column.
    column: String,
    /// Rows with a nonempty address cell.
    filled: u64,
    empty: u64,
    /// The number of empty cells above the last filled one.
    above: u64,
    /// The line of the first empty cell below the last filled one.
    below_from: u64,
    /// For each column: whether it contains an address in a row whose address cell is filled.
    known: Vec<bool>,
    /// The largest number of `@` in a row with a filled address cell, and how many such rows were
    /// examined.
    most: usize,
    looked_at: u32,
    /// Rows with an empty address cell and addresses in other columns. For each set of these
    /// columns: the number of rows and the first lines.
    elsewhere: BTreeMap<Vec<usize>, (u64, Vec<u64>)>,
    /// The first letters of the previous row's address, and how often an address sorts before the
    /// previous one.
    beginning: u64,
    descents: u64,
}

/// The conclusions from the empty cells of all lists.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Rows with an empty address cell.
    pub(super) all: u64,
    /// The number of those rows that are signs of a broken list.
    pub(super) faults: u64,
    /// Descriptions of the faults.
    pub(super) why: Vec<String>,
    /// For each list with a broken address column: the number of affected rows, and of all rows.
    pub(super) broken: Vec<(u64, u64)>,
    /// The hint for the operator. `None` for the usual hint, to correct the rows.
    pub(super) hint: Option<String>,
}

impl Empties {
    /// Creates the counters for this many lists.
    pub(super) fn of(lists: usize) -> Self {
        Self { lists: (0..lists).map(|_| OfList::default()).collect() }
    }

    /// Counts a row. `cell` is the row's address cell.
    pub(super) fn look(&mut self, row: &OnItsWay, cell: &str) {
        let Some(list) = self.lists.get_mut(row.list as usize) else { return };
        if list.rows == 0 {
            row.view.email.name().clone_into(&mut list.column);
        }
        list.rows += 1;
        if row.defect.is_some() {
            return;
        }
        let signs = memchr_iter(b'@', row.encoded.as_bytes()).count();
        if is_absent(cell) {
            list.empty(row, signs);
        } else {
            list.filled(row, cell, signs);
        }
    }

    /// The number of rows of a list.
    pub(super) fn rows(&self, list: usize) -> u64 {
        self.lists.get(list).map_or(0, |list| list.rows)
    }

    /// Decides whether the empty cells are signs of a broken list. Must be called after the last
    /// row.
    pub(super) fn judge(&self, names: &[String], columns: &[Vec<String>]) -> Judged {
        let mut judged = Judged::default();
        for (at, list) in self.lists.iter().enumerate().filter(|(_, list)| list.empty > 0) {
            judged.all += list.empty;
            let name = names.get(at).map_or("?", String::as_str);
            list.judge(name, columns.get(at).map_or(&[][..], Vec::as_slice), &mut judged);
        }
        judged
    }

    /// The notes about rows whose address cell is empty, but which have an address in another
    /// address column.
    pub(super) fn with_another(&self, names: &[String], columns: &[Vec<String>]) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, list) in self.lists.iter().enumerate().filter(|(_, list)| list.filled > 0) {
            let (name, columns) = (
                names.get(at).map_or("?", String::as_str),
                columns.get(at).map_or(&[][..], Vec::as_slice),
            );
            let mut by_column = BTreeMap::<usize, u64>::new();
            for (set, (count, _)) in
                list.elsewhere.iter().filter(|(set, _)| list.is_home(set, columns))
            {
                set.iter().for_each(|place| *by_column.entry(*place).or_default() += count);
            }
            let line = |(place, count): (usize, u64)| {
                let other = columns.get(place).map_or("", String::as_str);
                format!(
                    "{name}: {count} of the rows without an address in {:?} have one in {other:?}",
                    list.column
                )
            };
            lines.extend(by_column.into_iter().map(line));
        }
        lines
    }
}

impl OfList {
    fn empty(&mut self, row: &OnItsWay, signs: usize) {
        if self.empty == self.above {
            self.below_from = row.line;
        }
        self.empty += 1;
        if signs == 0 {
            return;
        }
        let places = places(row);
        if places.is_empty()
            || (self.elsewhere.len() >= SETS && !self.elsewhere.contains_key(&places))
        {
            return;
        }
        let (count, lines) = self.elsewhere.entry(places).or_default();
        *count += 1;
        if lines.len() < PLACES {
            lines.push(row.line);
        }
    }

    fn filled(&mut self, row: &OnItsWay, cell: &str, signs: usize) {
        self.filled += 1;
        self.above = self.empty;
        let beginning = beginning(cell);
        self.descents += u64::from(beginning < self.beginning);
        self.beginning = beginning;
        if signs < 2 || (signs <= self.most && self.looked_at >= LOOKED_AT) {
            return;
        }
        self.most = self.most.max(signs);
        self.looked_at += 1;
        for place in places(row) {
            if self.known.len() <= place {
                self.known.resize(place + 1, false);
            }
            self.known[place] = true;
        }
    }

    /// Whether all of these columns are address columns.
    fn is_home(&self, places: &[usize], columns: &[String]) -> bool {
        let is_home = |place: &usize| {
            self.known.get(*place) == Some(&true)
                || columns.get(*place).is_some_and(|name| is_about_mail(name))
        };
        places.iter().all(is_home)
    }

    fn judge(&self, name: &str, columns: &[String], judged: &mut Judged) {
        let column = &self.column;
        let below = self.empty - self.above;
        if self.filled == 0 {
            judged.faults += self.empty;
            judged.broken.push((self.empty, self.rows));
            let most = self
                .elsewhere
                .iter()
                .max_by_key(|(_, (count, _))| *count)
                .and_then(|(places, _)| columns.get(*places.first()?));
            let other = most.filter(|name| !name.is_empty());
            let there =
                other.map(|other| format!("; the addresses are in {other:?}")).unwrap_or_default();
            judged
                .why
                .push(format!("{name}: no row has an address in its column {column:?}{there}"));
            judged.hint = judged.hint.take().or_else(|| {
                other.map(|other| {
                    format!("if {other:?} is the right column, name it: --email-column {other:?}")
                })
            });
        } else if self.above == 0 && below >= TAIL && self.filled >= TAIL && !self.is_sorted() {
            judged.faults += self.empty;
            judged.broken.push((self.empty, self.rows));
            let line = self.below_from;
            judged.why.push(format!("{name}: the column {column:?} has no address from line {line} on, in {below} rows, and one in each row above"));
            judged.hint = judged.hint.take().or_else(|| {
                Some("if the column is complete, exclude these rows with --where".to_owned())
            });
        } else {
            for (places, (count, lines)) in
                self.elsewhere.iter().filter(|(places, _)| !self.is_home(places, columns))
            {
                judged.faults += count;
                let there: Vec<String> = places
                    .iter()
                    .map(|place| {
                        columns.get(*place).map_or_else(String::new, |name| format!("{name:?}"))
                    })
                    .collect();
                let lines: Vec<String> =
                    lines.iter().map(|line| format!("{name}:{line}")).collect();
                let more = if *count > lines.len() as u64 { ", …" } else { "" };
                let (there, lines) = (there.join(", "), lines.join(", "));
                judged.why.push(format!(
                    "rows have no address in {column:?} and one in {there}, where other rows have none ({count}): are cells shifted? {lines}{more}"
                ));
            }
        }
    }

    /// Whether the list is sorted by address. If so, empty cells at the end are normal.
    fn is_sorted(&self) -> bool {
        10 * self.descents <= self.filled
    }
}

/// The columns of a row that contain addresses, as indices.
fn places(row: &OnItsWay) -> Vec<usize> {
    match &row.fields {
        Fields::Text(record) => record
            .iter()
            .enumerate()
            .filter(|(_, cell)| is_address(cell))
            .map(|(place, _)| place)
            .collect(),
        Fields::Json(object) => {
            let keys = object
                .iter()
                .filter(|(_, value)| value.as_str().is_some_and(is_address))
                .map(|(key, _)| key);
            keys.filter_map(|key| row.view.index.columns().position(key)).collect()
        }
    }
}

fn is_address(cell: &str) -> bool {
    cell.contains('@') && looks_like_address(cell)
}

/// The first letters of an address, without case, as a number that sorts like them.
fn beginning(cell: &str) -> u64 {
    let mut first = [0; 8];
    first
        .iter_mut()
        .zip(cell.trim_ascii_start().bytes())
        .for_each(|(to, byte)| *to = byte.to_ascii_lowercase());
    u64::from_be_bytes(first)
}
