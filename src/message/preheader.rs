//! The preheader: the preview text that mail programs show next to the subject. It is hidden at the
//! beginning of the HTML body and is not part of the text part.
//!
//! The rule it keeps: the preheader is inserted as one escaped value, so the author's HTML around
//! it stays unchanged.

use super::header;
use super::piece::{As, Piece};

/// The number of characters that mail programs show. A shorter preheader is padded with invisible
/// characters; otherwise the first words of the message would follow it.
const SHOWN: usize = 150;
/// One unit of invisible padding: a grapheme joiner, a non-joiner and a no-break space.
const FILLER: &str = "&#847;&zwnj;&nbsp;";
/// The element is hidden in several ways, because mail programs support different ones. A
/// `font-size` of 1px is not used: it matches SpamAssassin's FONT_INVIS rules.
const OPEN: &str = "<div style=\"display:none;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all\">";
const CLOSE: &str = "</div>";
/// Replaces each value while the HTML is searched for tags. A letter cannot begin or end a tag.
const VALUE: char = 'v';

/// Returns the HTML of a preheader. Empty if the text is empty.
pub(super) fn element(text: &str) -> String {
    let text = header::sanitise(text);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let filler = SHOWN.saturating_sub(text.chars().count());
    let mut html =
        String::with_capacity(OPEN.len() + text.len() + filler * FILLER.len() + CLOSE.len());
    html.push_str(OPEN);
    As::HtmlLine.push(&mut html, text);
    (0..filler).for_each(|_| html.push_str(FILLER));
    html.push_str(CLOSE);
    html
}

/// Adds a slot for the preheader to the pieces of HTML. The preheader's value comes after all other
/// values.
pub(super) fn with_place(pieces: Vec<Piece>) -> Vec<Piece> {
    let places = pieces.iter().filter_map(|piece| match piece {
        Piece::Slot(place, _) => Some(place + 1),
        Piece::Text(_) => None,
    });
    let slot = Piece::Slot(places.max().unwrap_or_default(), As::Text);
    let mut html = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => html.push_str(text),
            Piece::Slot(..) => html.push(VALUE),
        }
    }
    let mut left = beginning(&html);
    let mut out = Vec::with_capacity(pieces.len() + 2);
    let mut slot = Some(slot);
    for piece in pieces {
        match piece {
            Piece::Text(text) if slot.is_some() && left <= text.len() => {
                let (before, behind) = text.split_at(left);
                out.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
                out.extend(slot.take());
                out.extend((!behind.is_empty()).then(|| Piece::Text(behind.to_owned())));
            }
            Piece::Text(text) => {
                left = left.saturating_sub(text.len());
                out.push(Piece::Text(text));
            }
            Piece::Slot(..) => {
                if left == 0 {
                    out.extend(slot.take());
                }
                left = left.saturating_sub(VALUE.len_utf8());
                out.push(piece);
            }
        }
    }
    out.extend(slot);
    out
}

/// Returns the offset at which the visible HTML begins: after the tag `<body>`, `</head>`, `<html>`
/// or the doctype, or else 0.
fn beginning(html: &str) -> usize {
    let (mut at, mut found) = (0, 0);
    while let Some(next) = html[at..].find('<').map(|next| at + next) {
        let rest = &html[next..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            // Tags inside a comment, such as a conditional comment for Outlook, do not count.
            at = next + comment.find("-->").map_or(rest.len(), |end| end + "<!---->".len());
            continue;
        }
        let end = next + end_of_tag(rest);
        let is = |name: &str| {
            rest[1..].get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name))
                && !rest[1 + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        if is("body") {
            return end;
        } else if is("!doctype") || is("html") || is("/head") {
            found = end;
        } else if let Some(name) = ["style", "script", "title"].into_iter().find(|name| is(name)) {
            let lower = html[end..].to_ascii_lowercase();
            at = end + lower.find(&format!("</{name}")).unwrap_or(0);
            if at == end {
                at = end.max(next + 1);
            }
            continue;
        }
        at = end.max(next + 1);
    }
    found
}

/// Returns the length of the tag at the beginning of a text. A quoted value may contain any
/// character.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::derived;
    use super::super::piece::{Values, fill, push_text};
    use super::*;

    /// Returns the HTML with `|` at the place of the preheader. `{}` stands for a value.
    fn placed(html: &str) -> String {
        let (mut pieces, mut values) = (Vec::new(), Values::default());
        for (place, text) in html.split("{}").enumerate() {
            if let Some(before) = place.checked_sub(1) {
                pieces.push(Piece::Slot(before, As::Html));
                values.push("ü>");
            }
            push_text(&mut pieces, text);
        }
        values.push("|");
        fill(&with_place(pieces), &values)
    }

    #[test]
    fn it_stands_where_the_body_begins() {
        for (html, expected) in [
            ("<p>Hi</p>", "|<p>Hi</p>"),
            ("", "|"),
            ("{}", "|ü&gt;"),
            ("<!DOCTYPE html>\n<p>Hi", "<!DOCTYPE html>|\n<p>Hi"),
            (
                "<html><head><title><body></title></head><BODY class=\"a>b\">\nHi",
                "<html><head><title><body></title></head><BODY class=\"a>b\">|\nHi",
            ),
            ("<html><head></head><p>Hi</p></html>", "<html><head></head>|<p>Hi</p></html>"),
            (
                "<!--[if mso]><body class=mso><![endif]--><body style='{}'>{}",
                "<!--[if mso]><body class=mso><![endif]--><body style='ü&gt;'>|ü&gt;",
            ),
            (
                "<style>a{}<body></style><bodyguard><body>x",
                "<style>aü&gt;<body></style><bodyguard><body>|x",
            ),
            ("{}<body>{}<body>", "ü&gt;<body>|ü&gt;<body>"),
        ] {
            assert_eq!(placed(html), expected, "{html}");
        }
    }

    #[test]
    fn it_is_hidden_text_and_filled_up() {
        let html = element("R&D <b>\r\nnew\u{2028}s");
        assert!(
            html.starts_with(OPEN) && html.contains(">R&amp;D &lt;b&gt; new s&#847;"),
            "{html}"
        );
        assert_eq!(html.matches(FILLER).count(), SHOWN - "R&D <b> new s".chars().count());
        assert_eq!(derived::text_of(&format!("{html}<p>Hi</p>")).trim(), "Hi");
        assert_eq!(element(" \r\n"), "");
        assert!(!element(&"x".repeat(400)).contains(FILLER));
    }
}
