//! Splits a message at its boundaries (RFC 2046) into its non-empty parts, in order, and decodes
//! their transfer encodings.
//!
//! The code is not recursive, and the parts share the message's bytes, so deep nesting costs no
//! extra memory. A nested message is returned as one part; the caller may split it.

use bytes::Bytes;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{ContentType, GetHeader, HeaderName, HeaderValue, MessageParser, MimeHeaders};

use super::headers;

/// The maximum nesting of multiparts. Mail programs use at most five levels.
const DEEPEST: usize = 20;

/// The maximum number of parts to read from one message.
const MOST_PARTS: usize = 1_000;

/// A part that is not a multipart.
#[derive(Debug)]
pub(super) struct Part {
    /// The type in lowercase, such as `text`.
    pub(super) kind: String,
    pub(super) subtype: String,
    /// The declared character set.
    charset: Option<String>,
    /// The body with its transfer encoding decoded.
    pub(super) body: Bytes,
}

impl Part {
    /// The body as text, with uniform line ends.
    pub(super) fn text(&self) -> String {
        let text = self.in_its_encoding();
        if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
    }

    fn in_its_encoding(&self) -> String {
        let declared = self.charset.as_deref().unwrap_or_default();
        // Many programs declare a single-byte encoding or none, but write UTF-8.
        if is_single_byte(declared)
            && !self.body.is_ascii()
            && std::str::from_utf8(&self.body).is_ok()
        {
            return decoded(&self.body);
        }
        charset_decoder(declared.as_bytes())
            .map_or_else(|| decoded(&self.body), |decode| decode(&self.body))
    }
}

/// A message split into parts.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) parts: Vec<Part>,
    /// The subject with its encoded words decoded, if there is one.
    pub(super) subject: Option<String>,
    /// The `report-type` of the outermost multipart, in lowercase.
    pub(super) report_type: String,
    /// Whether parts were omitted because there were too many or they were nested too deeply.
    pub(super) is_cut_short: bool,
}

/// A piece of a message that has not been split yet.
struct Piece {
    bytes: Bytes,
    /// Whether the piece is in a digest. If its header names no type, it is then a message;
    /// elsewhere it is text (RFC 2046 section 5.1.5).
    is_message: bool,
    depth: usize,
}

/// Splits a message into its parts.
pub(super) fn cut(raw: &Bytes) -> Cut {
    let mut cut = Cut::default();
    let mut left = vec![Piece { bytes: raw.clone(), is_message: false, depth: 0 }];
    while let Some(piece) = left.pop() {
        if cut.parts.len() >= MOST_PARTS {
            cut.is_cut_short = true;
            break;
        }
        let (header, body) = split_header(&piece);
        let parsed = MessageParser::default().parse_headers(&header);
        let content_type = parsed.as_ref().and_then(|message| message.content_type());
        if piece.depth == 0 {
            cut.subject = parsed.as_ref().and_then(|message| message.subject()).map(str::to_owned);
            cut.report_type =
                content_type.filter(|kind| is_multipart(kind)).map(report_type).unwrap_or_default();
        }
        let boundary = content_type
            .filter(|kind| is_multipart(kind))
            .and_then(|kind| kind.attribute("boundary"));
        let pieces = boundary
            .map(|boundary| between(&body, boundary.trim_end().as_bytes()))
            .unwrap_or_default();
        if !pieces.is_empty() {
            if piece.depth >= DEEPEST {
                cut.is_cut_short = true;
                continue;
            }
            let is_message = content_type
                .and_then(|kind| kind.subtype())
                .is_some_and(|subtype| subtype.eq_ignore_ascii_case("digest"));
            let room = MOST_PARTS.saturating_sub(cut.parts.len() + left.len());
            cut.is_cut_short |= pieces.len() > room;
            let pieces = pieces.into_iter().take(room).rev();
            left.extend(pieces.map(|bytes| Piece { bytes, is_message, depth: piece.depth + 1 }));
            continue;
        }
        let encoding = parsed.as_ref().and_then(|message| message.parts.first()).and_then(|part| {
            match part.headers.header_value(&HeaderName::ContentTransferEncoding) {
                Some(HeaderValue::Text(encoding)) => Some(encoding.trim().to_ascii_lowercase()),
                _ => None,
            }
        });
        let (kind, subtype) = match content_type {
            // The declared boundary does not occur, so the body is read as text.
            Some(kind) if is_multipart(kind) => ("text".to_owned(), "plain".to_owned()),
            Some(kind) => (
                kind.ctype().to_ascii_lowercase(),
                kind.subtype().unwrap_or_default().to_ascii_lowercase(),
            ),
            None if piece.is_message => ("message".to_owned(), "rfc822".to_owned()),
            None => ("text".to_owned(), "plain".to_owned()),
        };
        let charset = content_type.and_then(|kind| kind.attribute("charset")).map(str::to_owned);
        cut.parts.push(Part {
            kind,
            subtype,
            charset,
            body: unencoded(body, encoding.as_deref().unwrap_or_default()),
        });
    }
    cut
}

/// Adds the missing multipart header to a body that begins with a boundary line. Archives store
/// such bodies without their Content-Type field. Returns `None` for other bodies.
pub(super) fn with_lost_boundary(body: &Bytes) -> Option<Bytes> {
    const LONGEST: usize = 72;
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let is_note = |line: &[u8]| line.is_empty() || line.starts_with(b"This is a ");
    let boundary = lines.find(|line| !is_note(line))?.strip_prefix(b"--")?;
    let is_header =
        lines.next()?.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    let is_boundary = (1..LONGEST).contains(&boundary.len())
        && boundary.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"');
    let boundary = std::str::from_utf8(boundary).ok().filter(|_| is_header && is_boundary)?;
    Some(Bytes::from(
        [format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n").as_bytes(), body]
            .concat(),
    ))
}

fn is_multipart(kind: &ContentType<'_>) -> bool {
    kind.ctype().eq_ignore_ascii_case("multipart")
}

fn report_type(kind: &ContentType<'_>) -> String {
    kind.attribute("report-type").unwrap_or_default().trim().to_ascii_lowercase()
}

/// Splits a piece into its header and its body.
fn split_header(piece: &Piece) -> (Bytes, Bytes) {
    let bytes = &piece.bytes;
    let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    if piece.depth > 0 && first.iter().all(u8::is_ascii_whitespace) {
        return (Bytes::new(), bytes.slice(first.len()..));
    }
    let header = header_of(bytes);
    if piece.depth > 0 && headers::fields(&decoded(header)).is_empty() {
        return (Bytes::new(), bytes.clone());
    }
    let rest = &bytes[header.len()..];
    let empty = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    (bytes.slice(..header.len()), bytes.slice(header.len() + empty.len()..))
}

/// Returns the pieces between the boundary lines, or none if there is no such line. The text before
/// the first and after the last boundary is ignored (RFC 2046 section 5.1.1).
fn between(body: &Bytes, boundary: &[u8]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut begins = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let behind = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary))
            .map(<[u8]>::trim_ascii);
        let is_last = behind.is_some_and(|behind| behind.starts_with(b"--"));
        if is_last || behind.is_some_and(<[u8]>::is_empty) {
            if let Some(start) = begins {
                pieces.push(body.slice(start..before_line_end(body, start, at)));
            }
            begins = (!is_last).then_some(at + line.len());
            if is_last && !pieces.is_empty() {
                return pieces;
            }
        }
        at += line.len();
    }
    // The message was truncated within its last part.
    pieces.extend(begins.map(|start| body.slice(start..)));
    pieces
}

/// Returns the part from `start` to `end` without its last line end, which belongs to the boundary.
fn before_line_end(body: &[u8], start: usize, end: usize) -> usize {
    let part = &body[start..end.max(start)];
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    start + part.strip_suffix(b"\r").unwrap_or(part).len()
}

/// Decodes the transfer encoding. If decoding fails, returns the body unchanged.
fn unencoded(body: Bytes, encoding: &str) -> Bytes {
    let plain = match encoding {
        "base64" => base64_decode(&body).filter(|plain| !plain.is_empty()),
        "quoted-printable" => quoted_printable_decode(&body),
        _ => None,
    };
    plain.map_or(body, Bytes::from)
}

fn is_single_byte(charset: &str) -> bool {
    let low = charset.to_ascii_lowercase();
    low.is_empty()
        || low == "us-ascii"
        || low == "ascii"
        || low.starts_with("iso-8859")
        || low.starts_with("windows-125")
}

/// Returns the bytes of the header, up to the first empty line.
pub(super) fn header_of(raw: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        if line.iter().all(u8::is_ascii_whitespace) && at > 0 {
            return &raw[..at];
        }
        at += line.len();
    }
    raw
}

/// Converts bytes to text. Text that is mostly UTF-8 is decoded as UTF-8. Other text is decoded
/// byte by byte, which keeps addresses and codes readable.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(e) if e.error_len().is_none() || e.valid_up_to() > bytes.len() / 2 => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        Err(_) => encoding_rs::mem::decode_latin1(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(String, String, String)> {
        let cut = cut(&Bytes::copy_from_slice(text.as_bytes()));
        cut.parts
            .iter()
            .map(|part| (part.kind.clone(), part.subtype.clone(), part.text()))
            .collect()
    }

    fn texts(text: &str) -> Vec<String> {
        parts(text).into_iter().map(|(.., text)| text).collect()
    }

    #[test]
    fn parts_come_in_order_without_their_encodings() {
        let mail = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/Mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n\r\none\r\n\
            --b  \r\nContent-Type: multipart/alternative; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nzw=F6lf\r\n--b1--\r\n--b\r\nContent-Type: TEXT/plain\r\n\
            Content-Transfer-Encoding: BASE64\r\n\r\ndGhyZWU=\r\n--b--\r\nepilogue\r\n";
        assert_eq!(texts(mail), ["one", "zwölf", "three"]);
        assert_eq!(cut(&Bytes::copy_from_slice(mail.as_bytes())).subject.as_deref(), Some("Grüße"));
        let unix = mail.replace("\r\n", "\n");
        assert_eq!(texts(&unix), ["one", "zwölf", "three"]);
    }

    #[test]
    fn torn_and_wrongly_declared_parts_are_read_as_they_stand() {
        for (mail, expected) in [
            (
                "A: 1\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntw",
                vec!["one", "tw"],
            ),
            (
                "A: 1\nContent-Type: multipart/mixed; boundary=b\n\nno boundary\n",
                vec!["no boundary\n"],
            ),
            (
                "A: 1\nContent-Type: multipart/mixed\n\n--b\n\none\n--b--\n",
                vec!["--b\n\none\n--b--\n"],
            ),
            (
                "A: 1\nContent-Type: multipart/mixed; boundary=b\n\n--b\nno header here\n--b--\n",
                vec!["no header here"],
            ),
            ("A: 1\nContent-Transfer-Encoding: base64\n\nnot base64!\n", vec!["not base64!\n"]),
            ("A: 1\nContent-Type: text/plain; charset=us-ascii\n\nmüller\n", vec!["müller\n"]),
            ("A: 1\nContent-Type: text/plain; charset=unheard-of\n\nmüller\n", vec!["müller\n"]),
            ("A: 1\n", vec![""]),
        ] {
            assert_eq!(texts(mail), expected, "{mail}");
        }
    }

    #[test]
    fn a_multipart_whose_field_was_lost_is_known_by_its_first_boundary() {
        for (body, is_known) in [
            ("\n--b1\nContent-Type: text/plain\n\none\n--b1--\n", true),
            (
                "This is a MIME-encapsulated message\n\n--b1\ncontent-type: text/plain\n\none\n--b1--\n",
                true,
            ),
            ("Look at this:\n--b1\nContent-Type: text/plain\n\none\n--b1--\n", false),
            ("--b1\none\n", false),
            ("-- \nContent-Type: x\n", false),
            ("", false),
        ] {
            let whole = with_lost_boundary(&Bytes::copy_from_slice(body.as_bytes()));
            let texts: Vec<String> =
                whole.iter().flat_map(|whole| cut(whole).parts).map(|part| part.text()).collect();
            assert_eq!(texts, if is_known { vec!["one"] } else { Vec::new() }, "{body}");
        }
    }

    #[test]
    fn a_digest_holds_messages_and_a_message_is_one_part() {
        let digest = "A: 1\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nbody\n--b--\n";
        assert_eq!(
            parts(digest),
            [("message".into(), "rfc822".into(), "Subject: x\n\nbody".into())]
        );
        let nested = format!("A: 1\nContent-Type: message/rfc822\n\n{digest}");
        assert_eq!(parts(&nested), [("message".into(), "rfc822".into(), digest.into())]);
    }

    #[test]
    fn depth_and_number_of_parts_are_bounded() {
        let mut deep = String::from("A: 1\n");
        for n in 0..20_000 {
            deep.push_str(&format!("Content-Type: multipart/digest; boundary={n}\n\n--{n}\n"));
        }
        let deep = cut(&Bytes::from(deep));
        assert!(deep.parts.is_empty() && deep.is_cut_short);
        let wide = format!(
            "A: 1\nContent-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\n\nx\n".repeat(5_000)
        );
        let wide = cut(&Bytes::from(wide));
        assert!(wide.parts.len() == MOST_PARTS && wide.is_cut_short);
    }
}
