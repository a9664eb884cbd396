//! Marks by which people strike out a row of a list, and what looks like an address.

/// Whether a cell begins with a mark that strikes out what follows.
pub(crate) fn is_marked(cell: &str) -> bool {
    let cell = cell.trim_start();
    cell.starts_with(['#', '*', '!']) || cell.starts_with("//") || cell.starts_with("--")
}

/// The cell without marks before it.
pub(super) fn without_mark(cell: &str) -> &str {
    cell.trim_start_matches(['#', '*', '!', '/', '-', ' ']).trim()
}

/// Whether the whole of a cell looks like an address; quotes, blanks and angle brackets around it do not count.
pub(super) fn looks_like_address(cell: &str) -> bool {
    let cell = cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\u{feff}'));
    let Some((local, domain)) = cell.split_once('@') else { return false };
    let is_part =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '@' | '"' | '<' | '>'));
    is_part(local) && is_part(domain) && domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty())
}

/// Whether a mark at the beginning of a row whose first cell is no address strikes the row out. `*` and `!` may belong to the text, and
/// dashes alone stand for nothing.
pub(super) fn strikes_row(cell: &str) -> bool {
    let cell = cell.trim_start();
    cell.starts_with('#') || cell.starts_with("//") || (cell.starts_with("--") && !without_mark(cell).is_empty())
}
