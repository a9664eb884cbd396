//! Markdown bodies. The text part is the Markdown source with its values filled in. For the HTML
//! part, the source is converted with placeholders, and the values are filled in afterwards.
//!
//! The rule it keeps: a value is text and never Markdown structure. The exception is a value that
//! the template marks as `safe`: it is converted like the author's own Markdown.

use pulldown_cmark::{Options, Parser, html};

use super::marks;
use super::piece::{As, Piece, push_text};

const URL_FORM: &str = "https://";

/// Returns how a value after a `<` is written. A URL or an e-mail address forms a link; other text
/// does not.
pub(super) fn form_of(value: &str) -> As {
    if value.bytes().any(|b| b <= b' ' || b == b'<' || b == b'>') {
        As::Text
    } else if value.starts_with(URL_FORM) || value.starts_with("http://") {
        As::Url
    } else if value.contains('@') {
        As::Mail
    } else {
        As::Text
    }
}

/// Returns the pieces of the text part.
pub(super) fn to_text(source: &[Piece]) -> Vec<Piece> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => Piece::Text(marks::without(text).into_owned()),
        slot => slot.clone(),
    };
    source.iter().map(piece).collect()
}

/// Returns the pieces of the HTML part, which is a complete document.
pub(super) fn to_html(source: &[Piece]) -> Vec<Piece> {
    let (prefix, markdown, forms) = with_placeholders(source);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut converted = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut converted, Parser::new_ext(&markdown, options));
    let mut pieces = Vec::new();
    push_text(
        &mut pieces,
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n",
    );
    let (mut rest, mut place) = (converted.as_str(), Place::Text);
    while let Some((before, placeholder)) = rest.split_once(prefix.as_str()) {
        let digits = placeholder.bytes().take_while(u8::is_ascii_digit).count();
        rest = placeholder[digits..].strip_prefix('x').unwrap_or(&placeholder[digits..]);
        let slot = placeholder[..digits].parse().ok();
        let form = slot.and_then(|slot: usize| forms.get(slot));
        let before = match form {
            Some(As::Url) => before.strip_suffix(URL_FORM).unwrap_or(before),
            _ => before,
        };
        if form == Some(&As::Mail) {
            let behind = rest.strip_prefix('@').and_then(|rest| rest.strip_prefix(prefix.as_str()));
            rest = behind.unwrap_or(rest);
        }
        push_text(&mut pieces, before);
        place = place.after(before);
        if let (Some(slot), Some(_)) = (slot, form) {
            let how = if place == Place::Text { As::HtmlLines } else { As::HtmlLine };
            pieces.push(Piece::Slot(slot, how));
        }
    }
    push_text(&mut pieces, rest);
    push_text(&mut pieces, "</body>\n</html>\n");
    pieces
}

/// Returns the prefix of every placeholder, the source with a placeholder for each value, and the
/// form of each value. The prefix occurs nowhere else in the source.
fn with_placeholders(source: &[Piece]) -> (String, String, Vec<As>) {
    // The prefix begins with a digit: after a `<`, a letter would begin a tag.
    let mut prefix = "0mbslot".to_owned();
    while source.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(&prefix))) {
        prefix.push('q');
    }
    let (mut markdown, mut forms) = (String::new(), Vec::new());
    for piece in source {
        let (place, form) = match piece {
            Piece::Text(text) => {
                markdown.push_str(&marks::without(text));
                continue;
            }
            Piece::Slot(place, form) => (*place, *form),
        };
        if forms.len() <= place {
            forms.resize(place + 1, As::Text);
        }
        forms[place] = form;
        if form == As::Url {
            markdown.push_str(URL_FORM);
        }
        markdown.push_str(&format!("{prefix}{place}x"));
        if form == As::Mail {
            markdown.push('@');
            markdown.push_str(&prefix);
        }
    }
    (prefix, markdown, forms)
}

/// The context in HTML at the end of a text: outside tags, in a tag, or in a quoted attribute
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    Tag,
    Quotes(char),
}

impl Place {
    fn after(self, html: &str) -> Self {
        let mut place = self;
        for (at, c) in html.char_indices() {
            place = match (place, c) {
                (Self::Text, '<')
                    if html[at + 1..]
                        .starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) =>
                {
                    Self::Tag
                }
                (Self::Tag, '>') => Self::Text,
                (Self::Tag, '"' | '\'') => Self::Quotes(c),
                (Self::Quotes(quote), _) if c == quote => Self::Tag,
                _ => place,
            };
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::escape::push_html_escaped;
    use super::super::piece::{Values, fill};
    use super::*;

    fn body(source: &str, value: &str) -> String {
        let (before, after) = source.split_once("{}").expect("a place");
        let form = if before.ends_with('<') { form_of(value) } else { As::Text };
        let pieces =
            [Piece::Text(before.to_owned()), Piece::Slot(0, form), Piece::Text(after.to_owned())];
        let mut values = Values::default();
        values.push(value);
        let whole = fill(&to_html(&pieces), &values);
        let (_, body) = whole.split_once("<body>\n").expect("a body");
        body.strip_suffix("</body>\n</html>\n").expect("an end").to_owned()
    }

    #[test]
    fn values_are_text_and_never_structure() {
        for (source, value, expected) in [
            ("Hi {}!", "Zoë", "<p>Hi Zoë!</p>\n"),
            ("Hi **{}**", "*a* _b_", "<p>Hi <strong>*a* _b_</strong></p>\n"),
            ("{} x", "# no heading", "<p># no heading x</p>\n"),
            ("{}# x", "", "<p># x</p>\n"),
            ("Hi {}", "[click](http://evil.example)", "<p>Hi [click](http://evil.example)</p>\n"),
            ("Hi {}", "<script>", "<p>Hi &lt;script&gt;</p>\n"),
            ("Hi <{}>", "script", "<p>Hi &lt;script&gt;</p>\n"),
            ("Hi {}", "a\n\n- b", "<p>Hi a<br><br>- b</p>\n"),
            ("`{}`", "a*b`c", "<p><code>a*b`c</code></p>\n"),
            ("    {}", "a\nb", "<pre><code>a<br>b</code></pre>\n"),
            ("<i title=\"{}\">x</i>", "a\nb", "<p><i title=\"a b\">x</i></p>\n"),
            ("![{}](a.png)", "a\nb", "<p><img src=\"a.png\" alt=\"a b\" /></p>\n"),
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
            ("0mbslot0x {}", "y", "<p>0mbslot0x y</p>\n"),
        ] {
            assert_eq!(body(source, value), expected, "{source}");
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_out_as_its_escaped_self(value in any::<String>()) {
            let one_line = value.replace(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c), "");
            let mut escaped = String::new();
            push_html_escaped(&mut escaped, &one_line).expect("a String takes everything");
            prop_assert_eq!(body("a {} b", &one_line), format!("<p>a {escaped} b</p>\n"));
        }
    }
}
