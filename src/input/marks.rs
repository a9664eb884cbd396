//! Recognizes marks that strike out a row of a list, and cells that look like addresses.

/// Returns whether a cell begins with a mark that can strike out a row.
pub(crate) fn is_marked(cell: &str) -> bool {
    let cell = cell.trim_start();
    cell.starts_with(['#', '*', '!']) || cell.starts_with("//") || cell.starts_with("--")
}

/// Returns the mark with which a cell begins.
pub(super) fn mark_of(cell: &str) -> Option<&'static str> {
    let cell = cell.trim_start();
    ["#", "*", "!", "//", "--"].into_iter().find(|mark| cell.starts_with(mark))
}

/// Returns whether a cell is an address that follows a mark and is therefore struck out.
pub(super) fn is_struck_address(cell: &str) -> bool {
    is_marked(cell) && cell.contains('@')
}

/// Returns whether a cell is an error value of a spreadsheet, such as `#N/A`, `#REF!` or the German
/// `#NV`.
fn is_formula_error(cell: &str) -> bool {
    let Some(name) = cell.trim().strip_prefix('#') else { return false };
    let is_of_name = |c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '_');
    let word = name.trim_end_matches(['!', '?']);
    let is_word = word.chars().any(char::is_uppercase) && word.chars().all(is_of_name);
    is_word && (word.len() < name.len() || word.contains('/') || word == "NV")
}

/// Returns whether the `#` at the beginning of a cell is part of the text: an order name (`#1001`,
/// `#D12`), a colour, or a spreadsheet's error value.
pub(super) fn is_data(cell: &str) -> bool {
    const LETTERS: usize = 4;
    let Some(name) = cell.trim().strip_prefix('#') else { return false };
    let number = name.trim_start_matches(char::is_alphabetic).trim_start_matches('-');
    let is_order = number.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().take_while(|c| c.is_alphabetic()).count() <= LETTERS;
    is_order || is_formula_error(cell)
}

/// Returns the shape of a text: `a` for each run of letters, `9` for each run of digits, and all
/// other characters unchanged. Without its `#`, `#1001` has the same shape as `1002`, but another
/// shape than `WEB-1002`.
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

/// Returns a cell without the marks at its beginning.
pub(super) fn without_mark(cell: &str) -> &str {
    cell.trim_start_matches(['#', '*', '!', '/', '-', ' ']).trim()
}

/// Returns whether a whole cell looks like an address, ignoring surrounding quotes, blanks and
/// angle brackets.
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

/// Returns the reason why the domain of an address is not a public domain. This is suspicious if
/// almost all other domains of the list are public.
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

/// Returns whether a mark at the beginning of a row strikes out the row, if the first cell is not
/// an address. `*` and `!` may be part of the text, and a cell of dashes alone is an empty cell.
pub(super) fn strikes_row(cell: &str) -> bool {
    let cell = cell.trim_start();
    // If a letter or digit follows the `#`, it is unclear whether the `#` is part of the text.
    let is_hash =
        cell.strip_prefix('#').is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            && !is_data(cell);
    is_hash || cell.starts_with("//") || (cell.starts_with("--") && !without_mark(cell).is_empty())
}
