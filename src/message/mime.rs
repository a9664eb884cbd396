//! The bytes of one mail: a header block of our own over parts that lettre encodes.
//!
//! Lines end in CRLF and are at most 998 bytes long, and equal input gives equal bytes.

use lettre::message::header::ContentType;
use lettre::message::{MultiPart, SinglePart};

use super::body::Parts;
use super::ident::boundary;

/// Puts a message together. `headers` ends in CRLF and holds neither MIME-Version nor Content-Type.
pub(super) fn assemble(
    headers: &str,
    parts: &Parts,
    attachments: &[SinglePart],
    message_id: &str,
) -> Vec<u8> {
    let text = text_part(&parts.text, ContentType::TEXT_PLAIN);
    let html = parts.html.as_ref().map(|html| text_part(html, ContentType::TEXT_HTML));
    let body = match (html, attachments) {
        (None, []) => text.formatted(),
        (Some(html), []) => alternative(text, html, message_id).formatted(),
        (html, attachments) => {
            let mixed = MultiPart::mixed().boundary(boundary(message_id, "mixed"));
            let first = match html {
                None => mixed.singlepart(text),
                Some(html) => mixed.multipart(alternative(text, html, message_id)),
            };
            attachments
                .iter()
                .fold(first, |mixed, attachment| mixed.singlepart(attachment.clone()))
                .formatted()
        }
    };
    let mut out = Vec::with_capacity(headers.len() + 32 + body.len());
    out.extend_from_slice(headers.as_bytes());
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    out.extend_from_slice(&body);
    out
}

fn alternative(text: SinglePart, html: SinglePart, message_id: &str) -> MultiPart {
    MultiPart::alternative()
        .boundary(boundary(message_id, "alternative"))
        .singlepart(text)
        .singlepart(html)
}

fn text_part(text: &str, content_type: ContentType) -> SinglePart {
    SinglePart::builder().header(content_type).body(with_crlf(text))
}

/// The text with every line break as CRLF, without NUL, and without the last line break, which the
/// part's end supplies.
pub(super) fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push_str("\r\n");
            }
            '\n' => out.push_str("\r\n"),
            '\0' => out.push(' '),
            c => out.push(c),
        }
    }
    if out.ends_with("\r\n") {
        out.truncate(out.len() - 2);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_break_becomes_crlf() {
        assert_eq!(with_crlf("a\r\nb\rc\nd\r\r\ne\0f\n"), "a\r\nb\r\nc\r\nd\r\n\r\ne f");
        assert_eq!(with_crlf(""), "");
    }
}
