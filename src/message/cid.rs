//! Finds the `cid:` URLs (RFC 2392) in a body.

use std::collections::HashSet;

use super::tags::without_tags;

/// Returns the identifiers of all `cid:` URLs in a body, each once and in order. They are searched
/// in attributes, in `url(…)` in CSS, and in Markdown images. A template tag in an identifier is
/// part of it.
pub(super) fn references(body: &str) -> Vec<&str> {
    found(body).into_iter().map(|(_, id)| id).collect()
}

/// The most bytes before a `cid:` URL that are read to find out what it is part of.
const BEFORE: usize = 4096;

/// As `references`, with the offset of each URL.
pub(super) fn found(body: &str) -> Vec<(usize, &str)> {
    let lower = body.to_ascii_lowercase();
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for (at, scheme) in lower.match_indices("cid:") {
        let from = (at.saturating_sub(BEFORE)..at).find(|from| body.is_char_boundary(*from));
        let before = before_value(&body[from.unwrap_or(at)..at]);
        let is_next = || before.ends_with(',') && is_in_srcset(before);
        if !before.ends_with(['=', '(']) && !is_next() {
            continue;
        }
        let id = &body[at + scheme.len()..];
        let plain = id.find(ends_value).unwrap_or(id.len());
        let id = match id[..plain].find("{{").and_then(|_| id.find("}}")) {
            Some(end) => &id[..end + 2],
            None => match id[..plain].find("{%") {
                Some(statement) if statement > 0 && is_behind(&id[statement..]) => &id[..statement],
                _ => &id[..plain],
            },
        };
        // A comma ends an image of a `srcset`.
        let id = id.trim_end_matches(',');
        if known.insert(id) {
            found.push((at, id));
        }
    }
    found
}

/// Whether a text ends inside the value of a `srcset` or `imagesrcset` attribute.
fn is_in_srcset(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.rfind("srcset") else {
        return false;
    };
    let value = text[at + "srcset".len()..].trim_start().strip_prefix('=').map(str::trim_start);
    let Some(value) = value else { return false };
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => !without_tags(&value[1..]).contains(quote),
        _ => false,
    }
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || "\"'()<>".contains(c)
}

/// Whether only template statements follow an identifier, up to the end of the attribute's value or
/// another `cid:` URL.
fn is_behind(text: &str) -> bool {
    let mut text = text;
    while let Some(statement) = text.strip_prefix("{%") {
        text = statement.split_once("%}").map_or("", |(_, behind)| behind);
    }
    text.is_empty()
        || text.starts_with(ends_value)
        || text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
}

/// Removes the beginning of an attribute's value or of `url(…)` from the end of a text: blanks,
/// quotes, template statements, and `cid:` URLs in other branches of a condition.
fn before_value(text: &str) -> &str {
    let mut text = text;
    loop {
        let ends = |c: char| c.is_whitespace() || "\"'<".contains(c);
        let without = text.trim_end_matches(ends);
        let Some(statement) = without.strip_suffix("%}") else { return without };
        text = statement.rsplit_once("{%").map_or("", |(before, _)| before);
        // A `cid:` URL in another branch of the condition.
        let other = text.rsplit(ends_value).next().unwrap_or_default();
        if other.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:")) {
            text = &text[..text.len() - other.len()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_where_a_body_makes_them() {
        for (body, expected) in [
            ("<img src=\"cid:logo.png\"><img src='CID:logo.png'>", &["logo.png"][..]),
            ("<td background=cid:a@b style=\"background:url('cid:c.png')\">", &["a@b", "c.png"]),
            ("![x](cid:d.png) ![y](<cid:e.png> \"t\")", &["d.png", "e.png"]),
            ("<img src = \"cid:{{ brand }}\">", &["{{ brand }}"]),
            ("<img src=\" cid:a.png\">", &["a.png"]),
            (
                "<img src=\"{% if x == '=' %} cid:a.png{% else %}cid:b.png{% endif %}\">",
                &["a.png", "b.png"],
            ),
            ("<img src=cid:a{% if x %}-b{% endif %}.png>", &["a{%"]),
            (
                "<img src=a.png srcset=\"cid:a.png 1x, cid:b.png 2x,\n CID:c.png, cid:d.png 4x\">",
                &["a.png", "b.png", "c.png", "d.png"],
            ),
            ("<source SRCSET = 'x.png{% if y == \"a\" %}, cid:e.png 2x{% endif %}'>", &["e.png"]),
            ("<p srcset='x'>a, cid:none</p> srcset: x, cid:none", &[]),
            ("{% if x %}say cid:none{% endif %} \"cid:none\"", &[]),
            ("say cid:none, acid:none, href=\"https://x.example/cid:none\"", &[]),
        ] {
            assert_eq!(references(body), expected, "{body}");
        }
    }

    #[test]
    fn many_references_are_found_in_time_that_grows_with_them() {
        let body = "<img src=\"cid:l.png\">\n".repeat(100_000);
        assert_eq!(references(&body), ["l.png"]);
        assert_eq!(references(&("%} =\"cid:".repeat(20_000) + "%}")), ["%}"]);
    }
}
