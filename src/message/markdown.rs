//! Markdown bodies: one rendering gives the text part (the source with its values) and the HTML
//! part.
//!
//! The rule it keeps: a value is text and never structure. While the template is rendered each
//! value is put between two marks; for HTML the marked values are taken out, the rest becomes HTML,
//! and only then are they put back, escaped. A value that the template marks as `safe` is Markdown
//! of the author's and takes part like the rest.

use std::fmt;

use pulldown_cmark::{Options, Parser, html};

use super::escape::push_html_escaped;
use super::plain::Piece;

/// Unicode noncharacters, which no text to be exchanged may hold.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// Writes a value between marks.
pub(super) fn push_slot(out: &mut impl fmt::Write, value: &str) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    out.write_char(OPEN)?;
    if value.contains([OPEN, CLOSE]) {
        out.write_str(&value.replace([OPEN, CLOSE], ""))?;
    } else {
        out.write_str(value)?;
    }
    out.write_char(CLOSE)
}

/// The text part: the rendered source without the marks.
pub(super) fn to_text(rendered: &str) -> String {
    rendered.replace([OPEN, CLOSE], "")
}

/// The HTML part, a whole document.
pub(super) fn to_html(rendered: &str) -> String {
    let slots = Slots::take_out(rendered);
    let mut out = String::with_capacity(rendered.len() * 2 + 128);
    for part in slots.convert() {
        match part {
            Part::Html(html) => out.push_str(&html),
            Part::Value(slot) => push_html_escaped(&mut out, slots.values[slot].1)
                .expect("a String takes everything"),
        }
    }
    out
}

/// The HTML part of a plain template for values of these shapes, in pieces: what `to_html` gives,
/// with slots where the values come.
pub(super) fn html_pieces(template: &[Piece], shapes: &[Shape]) -> Vec<Piece> {
    let mut rendered = String::new();
    let mut places = Vec::new();
    for piece in template {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Slot(place) => {
                push_slot(&mut rendered, shapes[*place].example())
                    .expect("a String takes everything");
                if shapes[*place] != Shape::Empty {
                    places.push(*place);
                }
            }
        }
    }
    let piece = |part| match part {
        Part::Html(html) => Piece::Text(html),
        Part::Value(slot) => Piece::Slot(places[slot]),
    };
    Slots::take_out(&rendered).convert().into_iter().map(piece).collect()
}

/// How a value looks to Markdown while it is taken out: in `<...>` a URL and an address make a
/// link, and a word does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// Nothing at all, not even a placeholder.
    Empty,
    Word,
    Url,
    Mail,
}

impl Shape {
    fn of(value: &str) -> Self {
        if value.is_empty() {
            Self::Empty
        } else if value.bytes().any(|b| b <= b' ' || b == b'<' || b == b'>') {
            Self::Word
        } else if value.starts_with(URL_SHAPE) || value.starts_with("http://") {
            Self::Url
        } else if value.contains('@') {
            Self::Mail
        } else {
            Self::Word
        }
    }

    /// A value of this shape.
    fn example(self) -> &'static str {
        match self {
            Self::Empty => "",
            Self::Word => "word",
            Self::Url => URL_SHAPE,
            Self::Mail => "@",
        }
    }
}

/// The shape of a value; `None` for one that holds a mark or the beginning of a placeholder.
pub(super) fn shape_of(value: &str) -> Option<Shape> {
    (!has_marks(value) && !value.contains(PREFIX)).then(|| Shape::of(value))
}

/// Whether a text holds what marks a value.
pub(super) fn has_marks(text: &str) -> bool {
    text.contains([OPEN, CLOSE])
}

/// A stretch of converted Markdown.
enum Part {
    Html(String),
    /// The value of a slot, to be escaped.
    Value(usize),
}

const URL_SHAPE: &str = "https://";
const PREFIX: &str = "mbslot";

struct Slots<'a> {
    /// Starts every placeholder; occurs nowhere else in `markdown`.
    prefix: String,
    values: Vec<(Shape, &'a str)>,
    markdown: String,
}

impl<'a> Slots<'a> {
    fn take_out(rendered: &'a str) -> Self {
        let mut prefix = PREFIX.to_owned();
        while rendered.contains(&prefix) {
            prefix.push('q');
        }
        let mut values = Vec::new();
        let mut markdown = String::with_capacity(rendered.len());
        let mut rest = rendered;
        while let Some((before, marked)) = rest.split_once(OPEN) {
            markdown.push_str(before);
            let (value, after) = marked.split_once(CLOSE).unwrap_or((marked, ""));
            let shape = Shape::of(value);
            if shape == Shape::Url {
                markdown.push_str(URL_SHAPE);
            }
            markdown.push_str(&format!("{prefix}{}x", values.len()));
            if shape == Shape::Mail {
                markdown.push('@');
                markdown.push_str(&prefix);
            }
            values.push((shape, value));
            rest = after;
        }
        markdown.push_str(rest);
        Self { prefix, values, markdown }
    }

    /// The whole document, in parts.
    fn convert(&self) -> Vec<Part> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let mut converted = String::with_capacity(self.markdown.len() * 2);
        html::push_html(&mut converted, Parser::new_ext(&self.markdown, options));
        let mut parts = Vec::new();
        let mut html =
            "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n".to_owned();
        let mut rest = converted.as_str();
        while let Some((before, placeholder)) = rest.split_once(self.prefix.as_str()) {
            html.push_str(before);
            let digits = placeholder.bytes().take_while(u8::is_ascii_digit).count();
            rest = placeholder[digits..].strip_prefix('x').unwrap_or(&placeholder[digits..]);
            let slot = placeholder[..digits]
                .parse::<usize>()
                .ok()
                .filter(|slot| *slot < self.values.len());
            let Some(slot) = slot else { continue };
            match self.values[slot].0 {
                Shape::Word | Shape::Empty => {}
                Shape::Url => {
                    html.truncate(html.strip_suffix(URL_SHAPE).map_or(html.len(), str::len))
                }
                Shape::Mail => {
                    rest = rest
                        .strip_prefix('@')
                        .and_then(|rest| rest.strip_prefix(self.prefix.as_str()))
                        .unwrap_or(rest)
                }
            }
            parts.push(Part::Html(std::mem::take(&mut html)));
            parts.push(Part::Value(slot));
        }
        html.push_str(rest);
        html.push_str("</body>\n</html>\n");
        parts.push(Part::Html(html));
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(source: &str, value: &str) -> String {
        let mut slot = String::new();
        push_slot(&mut slot, value).expect("a String takes everything");
        let whole = to_html(&source.replace("{}", &slot));
        let (_, body) = whole.split_once("<body>\n").expect("a body");
        body.strip_suffix("</body>\n</html>\n").expect("an end").to_owned()
    }

    #[test]
    fn values_are_text_and_never_structure() {
        for (source, value, expected) in [
            ("Hi {}!", "Zoë", "<p>Hi Zoë!</p>\n"),
            ("Hi **{}**", "*a* _b_", "<p>Hi <strong>*a* _b_</strong></p>\n"),
            ("{} x", "# no heading", "<p># no heading x</p>\n"),
            ("Hi {}", "[click](http://evil.example)", "<p>Hi [click](http://evil.example)</p>\n"),
            ("Hi {}", "<script>", "<p>Hi &lt;script&gt;</p>\n"),
            ("Hi {}", "a\n\n- b", "<p>Hi a\n\n- b</p>\n"),
            ("`{}`", "a*b`c", "<p><code>a*b`c</code></p>\n"),
            (
                "[x](https://a.example/?q={})",
                "\"><b>",
                "<p><a href=\"https://a.example/?q=&quot;&gt;&lt;b&gt;\">x</a></p>\n",
            ),
            (
                "[x]({})",
                "https://a.example/?a=1&b=2",
                "<p><a href=\"https://a.example/?a=1&amp;b=2\">x</a></p>\n",
            ),
            (
                "<{}>",
                "https://a.example/u",
                "<p><a href=\"https://a.example/u\">https://a.example/u</a></p>\n",
            ),
            ("<{}>", "a@b.example", "<p><a href=\"mailto:a@b.example\">a@b.example</a></p>\n"),
            ("mbslot0x {}", "y", "<p>mbslot0x y</p>\n"),
        ] {
            assert_eq!(body(source, value), expected);
        }
    }

    #[test]
    fn the_text_part_is_the_source_with_its_values() {
        let mut rendered = "**Hi** ".to_owned();
        push_slot(&mut rendered, "<Zoë>").expect("a String takes everything");
        assert_eq!(to_text(&rendered), "**Hi** <Zoë>");
    }

    proptest! {
        #[test]
        fn any_value_comes_out_as_its_escaped_self(value in any::<String>()) {
            let clean: String = value.chars().filter(|c| ![OPEN, CLOSE].contains(c)).collect();
            prop_assume!(!clean.is_empty());
            let mut escaped = String::new();
            push_html_escaped(&mut escaped, &clean).expect("a String takes everything");
            prop_assert_eq!(body("a {} b", &value), format!("<p>a {escaped} b</p>\n"));
        }
    }
}
