//! Finds the template tags in a text, for code that processes the text around them.
//!
//! The rule it keeps: tags begin and end where the template engine finds them. Quotes and brackets
//! inside tags are respected.

use std::collections::HashSet;
use std::ops::Range;

/// The placeholder for a value from a row. Templates do not contain this character.
pub(super) const FILLED: &str = "\u{1}";

/// The kinds of template tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{ ... }}`
    Print,
    /// `{% ... %}`
    Block,
    /// `{# ... #}`
    Comment,
    /// `{% raw %} ... {% endraw %}` with the text in between.
    Raw,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// A tag without an end. The number is its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) usize);

/// Whether a text begins with a tag.
pub(super) fn opens(text: &str) -> bool {
    matches!(text.as_bytes(), [b'{', b'{' | b'%' | b'#', ..])
}

/// Whether a text contains template tags.
pub(crate) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag))
}

/// Returns the tag at an offset. `None` if no tag begins there.
pub(super) fn at(text: &str, start: usize) -> Result<Option<Tag>, Unclosed> {
    let rest = &text[start..];
    let (kind, end) = match rest.as_bytes() {
        [b'{', b'{', ..] => (Kind::Print, end_of_code(rest, "}}")),
        [b'{', b'#', ..] => (Kind::Comment, rest.find("#}").map(|at| at + 2)),
        [b'{', b'%', ..] => match end_of_code(rest, "%}") {
            Some(end) if word(&rest[..end]) == "raw" => (Kind::Raw, end_of_raw(rest, end)),
            end => (Kind::Block, end),
        },
        _ => return Ok(None),
    };
    let end = end.ok_or(Unclosed(start))?;
    Ok(Some(Tag { kind, range: start..start + end }))
}

/// Returns all tags of a text in order.
pub(super) fn all(text: &str) -> Result<Vec<Tag>, Unclosed> {
    let (mut tags, mut from) = (Vec::new(), 0);
    while let Some(brace) = memchr::memchr(b'{', &text.as_bytes()[from..]) {
        match at(text, from + brace)? {
            Some(tag) => {
                from = tag.range.end;
                tags.push(tag);
            }
            None => from += brace + 1,
        }
    }
    Ok(tags)
}

/// Returns the first word of a block tag, such as `if`, `endfor` or `set`.
pub(super) fn word(tag: &str) -> &str {
    let code = tag.trim_start_matches(['{', '%', '-', '+', ' ', '\t', '\r', '\n']);
    let end = code.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(code.len());
    &code[..end]
}

/// Returns the end of a tag. Closing characters inside quotes or brackets do not count.
fn end_of_code(text: &str, closing: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quote, mut depth) = (2, None, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, _) if depth == 0 && bytes[at..].starts_with(closing.as_bytes()) => {
                return Some(at + closing.len());
            }
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

/// Returns the end of a raw block. `from` is the end of its first tag.
fn end_of_raw(text: &str, from: usize) -> Option<usize> {
    text[from..].match_indices("{%").find_map(|(at, _)| {
        let tag = &text[from + at..];
        let end = tag.find("%}")? + 2;
        (word(&tag[..end]) == "endraw").then_some(from + at + end)
    })
}

/// Returns a template with a placeholder for each value from a row, and without other tags.
pub(super) fn without_tags(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let (end, mark) = match tag.as_bytes().get(1) {
            Some(b'{') => ("}}", FILLED),
            Some(b'%') => ("%}", ""),
            Some(b'#') => ("#}", ""),
            _ => {
                out.push('{');
                rest = &tag[1..];
                continue;
            }
        };
        rest = tag;
        let Some(length) = tag.find(end) else { break };
        out.push_str(mark);
        rest = &tag[length + end.len()..];
    }
    out.push_str(rest);
    out
}

/// Returns a word that no text contains. Words stand for template tags in copies of a text.
pub(super) fn unused_word<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    const WORD: &str = "mbq";
    const LETTERS: usize = 5;
    let mut behind = HashSet::new();
    for text in texts {
        let text = text.as_bytes();
        let found = memchr::memmem::find_iter(text, WORD);
        behind.extend(found.map(|at| text[at + WORD.len()..].get(..LETTERS).unwrap_or_default()));
    }
    if behind.is_empty() {
        return WORD.to_owned();
    }
    // There are more words than places for them in the texts of a message.
    let letters = |number: u32| -> String {
        let digit = |place: u32| number / 26_u32.pow(place) % 26;
        (0..LETTERS as u32).map(|place| char::from(b'a' + digit(place) as u8)).collect()
    };
    let unused = (0..26_u32.pow(LETTERS as u32)).map(letters);
    let unused = unused.into_iter().find(|letters| !behind.contains(letters.as_bytes()));
    format!("{WORD}{}", unused.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_where_the_engine_finds_them() {
        let found = |text: &str| -> Vec<(Kind, String)> {
            let tags = all(text).expect("closed");
            tags.into_iter().map(|tag| (tag.kind, text[tag.range].to_owned())).collect()
        };
        for (text, kind) in [
            ("{{ a }}", Kind::Print),
            ("{{ '}}' ~ \"\\\"}}\" }}", Kind::Print),
            ("{{ {'a': {'b': 1}} }}", Kind::Print),
            ("{%- if a == '%}' -%}", Kind::Block),
            ("{# {{ a }} {% #}", Kind::Comment),
            ("{% raw %}{{ a }} {% if {% endraw %}", Kind::Raw),
            ("{%- raw -%}}}{%- endraw -%}", Kind::Raw),
        ] {
            assert_eq!(found(&format!("x{text}y")), [(kind, text.to_owned())]);
        }
        assert_eq!(found("a { b } {a{b}} }} %}"), []);
        for text in ["{{ a", "{% if '%} x", "{# a", "{% raw %}{{ a }}"] {
            assert_eq!(all(&format!("x{text}")), Err(Unclosed(1)), "{text}");
        }
    }

    #[test]
    fn an_unused_word_is_in_no_text() {
        assert_eq!(unused_word(["a", "mb"].into_iter()), "mbq");
        let long = format!("mb{}", "q".repeat(1 << 20));
        for text in ["mbq", "mbqaaaaa", "mbqaaaa", "mbqaaaaambqbaaaa mbq", &long] {
            let word = unused_word(["x", text].into_iter());
            assert!(!text.contains(&word) && word.len() == 8, "{word}");
        }
    }

    #[test]
    fn the_word_of_a_tag_is_its_statement() {
        for (tag, expected) in [
            ("{%- if a %}", "if"),
            ("{% endfor %}", "endfor"),
            ("{%set x=1%}", "set"),
            ("{% %}", ""),
        ] {
            assert_eq!(word(tag), expected);
        }
    }
}
