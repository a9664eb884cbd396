//! Parses start tags of HTML and MJML that may contain template tags.

use std::ops::Range;

use super::tags;

/// An attribute of a start tag.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// The range from the name to the end of the value, including quotes.
    pub(super) range: Range<usize>,
    pub(super) value: Range<usize>,
    /// The range from the first template tag in the value to the end of the last.
    pub(super) template: Option<Range<usize>>,
    /// Whether a condition or loop begins in the value but does not end there.
    pub(super) is_half: bool,
}

#[derive(Debug)]
pub(super) struct StartTag {
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    /// The offset of the first template tag that is not in an attribute's value.
    pub(super) tag_among: Option<usize>,
    pub(super) is_empty: bool,
    /// The offset after the last attribute. `end` is the offset after the `>`.
    pub(super) inner_end: usize,
    pub(super) end: usize,
}

impl StartTag {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// An error in a start tag, with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Unclosed(usize),
    UnclosedTemplate(usize),
}

/// Whether a text begins with a start tag.
pub(super) fn begins(text: &str) -> bool {
    matches!(text.as_bytes(), [b'<', first, ..] if first.is_ascii_alphabetic())
}

/// Parses the start tag whose `<` is at this offset.
pub(super) fn read(text: &str, start: usize) -> Result<StartTag, Wrong> {
    let bytes = text.as_bytes();
    let behind_name = name_end(bytes, start + 1);
    let mut tag = StartTag {
        name: text[start + 1..behind_name].to_owned(),
        attributes: Vec::new(),
        tag_among: None,
        is_empty: false,
        inner_end: behind_name,
        end: behind_name,
    };
    if let Some(brace) = tag.name.find('{').filter(|brace| tags::opens(&tag.name[*brace..])) {
        tag.tag_among = Some(start + 1 + brace);
        tag.end = behind_template(text, start + 1 + brace)?;
    }
    let mut at = tag.end;
    loop {
        at = behind_spaces(bytes, at);
        match bytes.get(at) {
            None | Some(b'<') => return Err(Wrong::Unclosed(start)),
            Some(b'>') => {
                tag.end = at + 1;
                return Ok(tag);
            }
            Some(b'/') => {
                tag.is_empty = bytes.get(at + 1) == Some(&b'>');
                at += 1;
            }
            Some(b'{') if tags::opens(&text[at..]) => {
                tag.tag_among = tag.tag_among.or(Some(at));
                at = behind_template(text, at)?;
                tag.inner_end = at;
            }
            Some(_) => {
                let name_end = attribute_name_end(text, at);
                let name = &text[at..name_end];
                match name.find('{').filter(|brace| tags::opens(&name[*brace..])) {
                    Some(brace) => {
                        tag.tag_among = tag.tag_among.or(Some(at + brace));
                        at = behind_template(text, at + brace)?;
                    }
                    None => {
                        let attribute = read_attribute(text, at..name_end, start)?;
                        at = attribute.range.end;
                        tag.attributes.push(attribute);
                    }
                }
                tag.inner_end = at;
            }
        }
    }
}

fn behind_template(text: &str, at: usize) -> Result<usize, Wrong> {
    match tags::at(text, at) {
        Ok(tag) => Ok(tag.map_or(at + 1, |tag| tag.range.end)),
        Err(tags::Unclosed(at)) => Err(Wrong::UnclosedTemplate(at)),
    }
}

fn read_attribute(text: &str, name: Range<usize>, start: usize) -> Result<Attribute, Wrong> {
    let bytes = text.as_bytes();
    let mut attribute = Attribute {
        name: text[name.clone()].to_owned(),
        range: name.clone(),
        value: name.end..name.end,
        template: None,
        is_half: false,
    };
    let equals = behind_spaces(bytes, name.end);
    if bytes.get(equals) != Some(&b'=') {
        return Ok(attribute);
    }
    let open = behind_spaces(bytes, equals + 1);
    let quote = bytes.get(open).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let from = open + usize::from(quote.is_some());
    let (mut at, mut depth) = (from, 0_i32);
    loop {
        match (quote, bytes.get(at)) {
            (_, None) => return Err(Wrong::Unclosed(start)),
            (Some(quote), Some(byte)) if *byte == quote => break,
            (None, Some(byte)) if byte.is_ascii_whitespace() || *byte == b'>' => break,
            (_, Some(b'{')) if tags::opens(&text[at..]) => {
                let end = behind_template(text, at)?;
                depth += nesting(&text[at..end]);
                let first = attribute.template.map_or(at, |template| template.start);
                attribute.template = Some(first..end);
                at = end;
            }
            (_, Some(_)) => at += 1,
        }
    }
    attribute.value = from..at;
    attribute.range.end = at + usize::from(quote.is_some());
    attribute.is_half = depth != 0;
    Ok(attribute)
}

/// Returns 1 for a template tag that begins a block, -1 for one that ends a block, and 0 for any
/// other.
pub(super) fn nesting(tag: &str) -> i32 {
    match tags::word(tag) {
        _ if !tag.starts_with("{%") => 0,
        "if" | "for" | "filter" | "macro" | "call" | "with" | "block" | "autoescape" => 1,
        "set" if !tag.contains('=') => 1,
        "endraw" | "raw" => 0,
        word if word.starts_with("end") => -1,
        _ => 0,
    }
}

/// Returns the end of the attribute name at an offset. A stray `=` or quote counts as a name, so
/// that parsing always advances.
fn attribute_name_end(text: &str, at: usize) -> usize {
    let first = text[at..].chars().next().map_or(1, char::len_utf8);
    name_end(text.as_bytes(), at + first)
}

fn name_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"=></\"'".contains(byte);
    from + rest.iter().position(ends).unwrap_or(rest.len())
}

fn behind_spaces(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_with_the_template_tags_in_them() {
        let text =
            "<a HREF=\"{{ u['a\"b'] }}/x\" b='1' c d=e{{ f }} {% if x %}g=\"h\"{% endif %}/>rest";
        let tag = read(text, 0).expect("a tag");
        let value = |name: &str| {
            let attribute = tag.attribute(name).expect("it is there");
            (&text[attribute.value.clone()], attribute.template.clone().map(|range| &text[range]))
        };
        assert_eq!(value("href"), ("{{ u['a\"b'] }}/x", Some("{{ u['a\"b'] }}")));
        assert_eq!((value("b"), value("c")), (("1", None), ("", None)));
        assert_eq!((value("d"), value("g")), (("e{{ f }}", Some("{{ f }}")), ("h", None)));
        assert!(tag.is_empty && tag.tag_among == text.find("{% if"));
        assert_eq!((&text[tag.end..], &text[tag.inner_end..]), ("rest", "/>rest"));
        let text = "<p style=\"{% if a %}x{% else %}y{% endif %}\" class='{% if a %}'>";
        let tag = read(text, 0).expect("a tag");
        assert_eq!(tag.attributes.iter().map(|a| a.is_half).collect::<Vec<_>>(), [false, true]);
        for text in ["<a", "<a b", "<a b=\"c", "<a <b>", "<é"] {
            assert!(read(text, 0).is_err(), "{text}");
        }
        assert_eq!(read("<a b=\"{{ c\">", 0).err(), Some(Wrong::UnclosedTemplate(6)));
        for text in ["<a =\"b\">", "<a é=\"b\" ' \" / {>", "<h{{ n }} a=b>"] {
            assert!(read(text, 0).is_ok_and(|tag| tag.end == text.len()), "{text}");
        }
    }
}
