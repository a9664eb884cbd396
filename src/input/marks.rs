//! Marks by which people strike out a row of a list, and what looks like an address.

/// Whether a cell begins with a mark that strikes out what follows.
pub(crate) fn is_marked(cell: &str) -> bool {
    let cell = cell.trim_start();
    cell.starts_with(['#', '*', '!']) || cell.starts_with("//") || cell.starts_with("--")
}

/// The mark that a cell begins with.
pub(super) fn mark_of(cell: &str) -> Option<&'static str> {
    let cell = cell.trim_start();
    ["#", "*", "!", "//", "--"].into_iter().find(|mark| cell.starts_with(mark))
}

/// Whether a cell is a mark with an address behind it, which it strikes out.
pub(super) fn is_struck_address(cell: &str) -> bool {
    is_marked(cell) && cell.contains('@')
}

/// Whether a cell is an error that a spreadsheet shows in place of a value, such as `#N/A`, `#REF!`
/// or the German `#NV`.
fn is_formula_error(cell: &str) -> bool {
    let Some(name) = cell.trim().strip_prefix('#') else { return false };
    let is_of_name = |c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '_');
    let word = name.trim_end_matches(['!', '?']);
    let is_word = word.chars().any(char::is_uppercase) && word.chars().all(is_of_name);
    is_word && (word.len() < name.len() || word.contains('/') || word == "NV")
}

/// Whether a sign before a cell belongs to its text: the name of an order (`#1001`, `#D12`), a
/// colour, a spreadsheet's error.
pub(super) fn is_data(cell: &str) -> bool {
    const LETTERS: usize = 4;
    let Some(name) = cell.trim().strip_prefix('#') else { return false };
    let number = name.trim_start_matches(char::is_alphabetic).trim_start_matches('-');
    let is_order = number.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().take_while(|c| c.is_alphabetic()).count() <= LETTERS;
    is_order || is_formula_error(cell)
}

/// What a text is made of: its letters as one `a`, its digits as one `9`, the rest as it stands.
/// `#1001` without its sign has the shape of `1002`, and not that of `WEB-1002`.
pub(super) fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in text.trim().chars() {
        let c = if c.is_alphabetic() {
            'a'
        } else if c.is_numeric() {
            '9'
        } else {
            c
        };
        if !(matches!(c, 'a' | '9') && shape.ends_with(c)) {
            shape.push(c);
        }
    }
    shape
}

/// The cell without marks before it.
pub(super) fn without_mark(cell: &str) -> &str {
    cell.trim_start_matches(['#', '*', '!', '/', '-', ' ']).trim()
}

/// Whether the whole of a cell looks like an address; quotes, blanks and angle brackets around it
/// do not count.
pub(crate) fn looks_like_address(cell: &str) -> bool {
    let cell = cell.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\u{feff}')
    });
    let Some((local, domain)) = cell.split_once('@') else { return false };
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| {
                c.is_whitespace() || matches!(c, ',' | ';' | '|' | '@' | '"' | '<' | '>')
            })
    };
    is_part(local)
        && is_part(domain)
        && domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty())
}

/// Why the domain of a plain address is none that the Internet delivers to, so that it is doubtful
/// among others.
pub(super) fn odd_domain(cell: &str) -> Option<&'static str> {
    let (local, domain) = cell.trim().split_once('@')?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    if !is_plain(local) || !is_plain(domain) {
        return None;
    }
    if !domain.contains('.') {
        return Some("domain has no dot, unlike those of the other rows: is it cut off?");
    }
    domain.contains('_').then_some("domain holds an underscore, unlike those of the other rows")
}

/// Whether a mark at the beginning of a row whose first cell is no address strikes the row out. `*`
/// and `!` may belong to the text, and dashes alone stand for nothing.
pub(super) fn strikes_row(cell: &str) -> bool {
    let cell = cell.trim_start();
    // A letter behind the sign leaves it open whether it belongs to the text.
    let is_hash =
        cell.strip_prefix('#').is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            && !is_data(cell);
    is_hash || cell.starts_with("//") || (cell.starts_with("--") && !without_mark(cell).is_empty())
}
