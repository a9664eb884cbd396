//! The preheader: what mail programs show of a mail beside its subject. It stands hidden at the
//! beginning of the HTML's body, and in no text part.
//!
//! The rule it keeps: it is one value of the HTML, escaped as a whole, so that it changes nothing of
//! what the author wrote around it.

use super::header;
use super::piece::{As, Piece};

/// The number of characters that mail programs show. A shorter preheader is padded with invisible
/// characters; otherwise they would show the first words of the message after it.
const SHOWN: usize = 150;
/// A blank that neither breaks nor joins, and no visible character.
const FILLER: &str = "&#847;&zwnj;&nbsp;";
/// Hidden from readers and from screen readers, in several ways because mail programs support
/// different ones. A `font-size` of 1px is left out: it matches SpamAssassin's FONT_INVIS rules.
const OPEN: &str = "<div style=\"display:none;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all\">";
const CLOSE: &str = "</div>";
/// Stands for a value where it is looked for a tag: a letter, which ends none.
const VALUE: char = 'v';

/// The HTML of a preheader; empty where there is no text.
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

/// HTML in pieces with a place for the preheader, which is the value behind all others.
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

/// Where the visible part of HTML begins: behind the tag of its body, of its head, or of the whole;
/// at its beginning where it has none.
fn beginning(html: &str) -> usize {
    let (mut at, mut found) = (0, 0);
    while let Some(next) = html[at..].find('<').map(|next| at + next) {
        let rest = &html[next..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            // What stands between conditional comments is read as part of them by no other program.
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

/// How long the tag is that a text begins with. A value in quotes may hold anything.
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

    /// The HTML with a mark where the preheader stands; `{}` is a value.
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
