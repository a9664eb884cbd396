//! Extracts the text about one address from a bounce that names several.

use std::collections::{HashMap, HashSet};

use super::addresses::all_in;
use super::listed::alias_of;
use crate::replies::{gives_reason, normal, without_addresses};

/// The maximum number of lines to read about one address.
const MOST_LINES: usize = 12;

/// The maximum length, in bytes, of each line to read about one address.
const MOST_OF_LINE: usize = 1_000;

/// Returns the beginning of a line, at most `2 * MOST_OF_LINE` bytes.
fn shortened(line: &str) -> &str {
    &line[..line.floor_char_boundary(2 * MOST_OF_LINE)]
}

/// Returns the text from the line that names an address to the next address in `people`. `places`
/// maps each address to its first position. The addresses in both are in lowercase.
pub(super) fn about(
    text: &str,
    places: &HashMap<String, usize>,
    people: &HashSet<String>,
    address: &str,
) -> String {
    let Some(at) =
        places.get(&address.to_lowercase()).copied().filter(|at| text.is_char_boundary(*at))
    else {
        return String::new();
    };
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let below = below(
        &text[line.max(text.floor_char_boundary(at.saturating_sub(MOST_OF_LINE)))..],
        people,
        address,
    );
    match above(&text[..line]).filter(|(_, is_free)| *is_free || !says_something(&below)) {
        Some((above, _)) => format!("{above} {below}"),
        None => below,
    }
}

/// Returns the lines from the address on. Some servers write several addresses above one reason, so
/// such lines are included.
fn below(text: &str, people: &HashSet<String>, address: &str) -> String {
    let mut out = String::new();
    for (number, line) in text.lines().map(shortened).enumerate() {
        let is_of_another = || {
            let mut others =
                all_in(line).into_iter().filter(|other| !other.eq_ignore_ascii_case(address));
            let is_person = |other: String| {
                people.contains(&other.to_lowercase()) || gives_reason(&normal(&out))
            };
            others.any(is_person)
        };
        if number > 0 && alias_of(line).is_none() && is_of_another() && says_something(&out) {
            break;
        }
        if number > MOST_LINES || out.len() > 2_000 {
            break;
        }
        out.push_str(line.trim());
        out.push(' ');
    }
    out.trim().to_owned()
}

/// Returns the line directly above an address, if it gives a reason. The flag is true if no address
/// precedes that line in its paragraph.
fn above(text: &str) -> Option<(&str, bool)> {
    let mut lines = text.trim_end_matches('\n').rsplit('\n').map(shortened).take(MOST_LINES);
    let above = lines.next().filter(|line| {
        !text.ends_with("\n\n") && all_in(line).is_empty() && gives_reason(&normal(line))
    })?;
    let is_free =
        lines.take_while(|line| !line.trim().is_empty()).all(|line| all_in(line).is_empty());
    Some((above.trim(), is_free))
}

/// Whether a text contains words in addition to addresses.
fn says_something(text: &str) -> bool {
    without_addresses(text).chars().filter(|c| c.is_alphanumeric()).count() > 3
}
