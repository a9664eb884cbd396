//! Derives the text part from HTML whose values are not known yet: a placeholder stands for each.

use std::collections::HashSet;

use super::piece::{As, Piece, push_text};
use super::template::{HTML_BODY, RenderError};
use super::{derived, elements};

/// HTML in which a placeholder stands for each value.
pub(super) struct Placeholders {
    html: String,
    open: char,
    close: char,
}

impl Placeholders {
    /// Derives the text part from HTML.
    pub(super) fn text_of(pieces: &[Piece]) -> Result<Vec<Piece>, RenderError> {
        let placeholders = Self::new(pieces);
        let text = derived::text_of(placeholders.bounded_html()?);
        Ok(placeholders.pieces_of(&text))
    }

    /// A placeholder is a number between two private-use characters. Both characters must not occur
    /// in the HTML, directly or as a numeric reference.
    pub(super) fn new(pieces: &[Piece]) -> Self {
        let mut held = HashSet::new();
        for piece in pieces {
            if let Piece::Text(text) = piece {
                held.extend(text.chars().filter(|c| *c >= '\u{e000}'));
                held.extend(text.split("&#").skip(1).filter_map(referred));
            }
        }
        let mut free = private().filter(|c| !held.contains(c));
        // HTML within the limits of `elements` cannot contain all private-use characters.
        let (open, close) = free.next().zip(free.next()).unwrap_or(('\u{f8f0}', '\u{f8f1}'));
        let mut html = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => html.push_str(text),
                Piece::Slot(place, _) => html.push_str(&format!("{open}{place}{close}")),
            }
        }
        Self { html, open, close }
    }

    /// Returns the HTML, or an error if it is too large to derive a text part.
    pub(super) fn bounded_html(&self) -> Result<&str, RenderError> {
        elements::bounded(&self.html).map_err(|why| RenderError::of(HTML_BODY, None, why))?;
        Ok(&self.html)
    }

    /// Splits a text derived from the HTML into pieces, with a slot for each placeholder.
    fn pieces_of(&self, text: &str) -> Vec<Piece> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once(self.open) {
            push_text(&mut pieces, before);
            let (place, after) = behind.split_once(self.close).unwrap_or((behind, ""));
            pieces.extend(place.parse().ok().map(|place| Piece::Slot(place, As::Line)));
            rest = after;
        }
        push_text(&mut pieces, rest);
        pieces
    }
}

/// The private-use characters, with the least used ones first.
fn private() -> impl Iterator<Item = char> {
    let numbers = (0xf8f0..=0xf8ff).chain(0xe000..=0xf8ef).chain(0xf_0000..=0xf_fffd);
    numbers.filter_map(char::from_u32)
}

/// Returns the character of a numeric reference. `text` is the text after its `&#`.
fn referred(text: &str) -> Option<char> {
    let (radix, digits) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    u32::from_str_radix(&digits[..end], radix).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_gives_text_with_its_links() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><h1>Hi</h1><p>Zoë &amp; co</p>\
                    <table><tr><td><a href=\"https://acme.example/x\">Shop</a></td></tr></table></body></html>";
        assert_eq!(derived::text_of(html), "Hi\n\nZoë & co\n\nShop <https://acme.example/x>");
    }
}
