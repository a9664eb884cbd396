//! Text parts whose fixed text is encoded once. For each row, the encoded text is copied, and only
//! the values are encoded.
//!
//! The rule it keeps: equal pieces and values give equal bytes. A part is sent as 7bit if all its
//! lines are ASCII and short. It is sent as base64 if quoted-printable would escape more than a
//! third of its bytes. Otherwise it is sent as quoted-printable (RFC 2045). In quoted-printable,
//! long fixed text after a value begins a new line, so that its encoding does not depend on the
//! value.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::piece::{As, Piece, Values};

/// The most bytes of a line (RFC 2045 section 6.7). `GOING_ON` leaves room for the `=` of a soft
/// line break.
const LONGEST: usize = 76;
const GOING_ON: usize = LONGEST - 1;
/// The number of bytes encoded in one line of base64.
const BASE64_BYTES: usize = 57;
const CRLF: &str = "\r\n";
/// The subtype of an HTML part.
pub(super) const HTML: &str = "html";

/// A part whose fixed text is encoded.
#[derive(Debug)]
pub(super) struct Prepared {
    spans: Vec<Span>,
    /// The length of the fixed text in bytes, and the number of these bytes that must be escaped.
    bytes: usize,
    quoted: usize,
    /// Whether the fixed text can be sent as 7bit.
    is_plain: bool,
}

#[derive(Debug)]
enum Span {
    /// Fixed text within one line, or fixed text that begins with a line break. `quoted` is its
    /// encoding from the beginning of a line. `columns` holds the length of the last line of
    /// `plain` and of `quoted`.
    Text {
        plain: String,
        quoted: Vec<u8>,
        columns: (usize, usize),
        is_literal: bool,
    },
    Slot(usize, As),
}

impl Prepared {
    /// Encodes the fixed text.
    pub(super) fn new(pieces: &[Piece]) -> Self {
        let mut part = Self { spans: Vec::new(), bytes: 0, quoted: 0, is_plain: true };
        for piece in pieces {
            match piece {
                Piece::Slot(place, how) => part.spans.push(Span::Slot(*place, *how)),
                Piece::Text(text) => {
                    let text = with_crlf(text);
                    let (line, lines) = text.split_at(text.find(CRLF).unwrap_or(text.len()));
                    part.push_text(line);
                    part.push_text(lines);
                }
            }
        }
        part
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        self.quoted += count_quoted(text);
        self.is_plain &= text.is_ascii() && text.split(CRLF).all(|line| line.len() <= LONGEST);
        let mut quoted = Vec::with_capacity(text.len() + text.len() / 8);
        let mut line = Quoted { out: &mut quoted, column: 0 };
        line.push_lines(text);
        let columns = (text.rsplit(CRLF).next().map_or(0, str::len), line.column);
        let is_literal = is_literal(text.as_bytes());
        self.spans.push(Span::Text { plain: text.to_owned(), quoted, columns, is_literal });
    }

    /// The approximate size of the part in bytes, with values of ordinary length.
    pub(super) fn usual_size(&self) -> usize {
        let spans = self.spans.iter().map(|span| match span {
            Span::Text { plain, .. } if self.is_plain => plain.len(),
            Span::Text { quoted, .. } => quoted.len(),
            Span::Slot(..) => LONGEST,
        });
        spans.sum::<usize>() + 4 * LONGEST
    }

    /// Appends the part, filled with the values of one row.
    pub(super) fn push(&self, out: &mut Vec<u8>, subtype: &str, values: &Values) {
        let start = out.len();
        for encoding in ["7bit", "quoted-printable", "base64"] {
            let head = ["Content-Type: text/", subtype, "; charset=utf-8\r\n"];
            let encoded = ["Content-Transfer-Encoding: ", encoding, "\r\n\r\n"];
            head.iter().chain(&encoded).for_each(|text| out.extend_from_slice(text.as_bytes()));
            let body = out.len();
            let is_done = match encoding {
                "7bit" => self.is_plain && self.push_plain(out, values),
                "quoted-printable" => self.push_quoted(out, values),
                _ => self.push_base64(out, subtype, values),
            };
            if is_done {
                // In a multipart, the line break before a boundary belongs to the boundary (RFC
                // 2046 section 5.1.1). HTML is always in a multipart and keeps its own last one.
                if subtype == HTML || !out[body..].ends_with(CRLF.as_bytes()) {
                    out.extend_from_slice(CRLF.as_bytes());
                }
                return;
            }
            out.truncate(start);
        }
    }

    /// Appends the body as 7bit. Returns false if it must be encoded.
    fn push_plain(&self, out: &mut Vec<u8>, values: &Values) -> bool {
        let (mut column, mut value) = (0, String::new());
        for span in &self.spans {
            match span {
                Span::Text { plain, columns: (last, _), .. } => {
                    if !plain.starts_with(CRLF) {
                        column += plain.len();
                    } else if column > LONGEST {
                        return false;
                    } else {
                        column = *last;
                    }
                    out.extend_from_slice(plain.as_bytes());
                }
                Span::Slot(place, how) => {
                    let value = written(&mut value, *how, values.get(*place));
                    for (number, line) in lines(value).enumerate() {
                        if number > 0 && std::mem::take(&mut column) > LONGEST {
                            return false;
                        }
                        column += line.len();
                    }
                    if !value.is_ascii() {
                        return false;
                    }
                    out.extend_from_slice(value.as_bytes());
                }
            }
        }
        column <= LONGEST
    }

    /// Appends the body as quoted-printable. Returns false if too many bytes must be escaped.
    fn push_quoted(&self, out: &mut Vec<u8>, values: &Values) -> bool {
        let (mut bytes, mut quoted, mut value) = (self.bytes, self.quoted, String::new());
        let mut line = Quoted { out, column: 0 };
        for span in &self.spans {
            match span {
                Span::Text { plain, is_literal: true, .. }
                    if line.column > 0 && plain.len() < GOING_ON =>
                {
                    line.push_literal(plain.as_bytes());
                }
                Span::Text { plain, quoted, columns: (_, column), .. } => {
                    line.push_encoded(plain, quoted, *column)
                }
                Span::Slot(place, how) => {
                    let value = written(&mut value, *how, values.get(*place));
                    bytes += value.len();
                    if is_literal(value.as_bytes()) {
                        line.push_literal(value.as_bytes());
                    } else {
                        quoted += count_quoted(value);
                        line.push_lines(value);
                    }
                }
            }
        }
        line.end();
        quoted <= bytes / 3
    }

    fn push_base64(&self, out: &mut Vec<u8>, subtype: &str, values: &Values) -> bool {
        let (mut text, mut value) = (String::new(), String::new());
        for span in &self.spans {
            text.push_str(match span {
                Span::Text { plain, .. } => plain,
                Span::Slot(place, how) => written(&mut value, *how, values.get(*place)),
            });
        }
        let text = text.strip_suffix(CRLF).filter(|_| subtype != HTML).unwrap_or(&text);
        let mut line = String::with_capacity(LONGEST + CRLF.len());
        for bytes in text.as_bytes().chunks(BASE64_BYTES) {
            line.clear();
            BASE64_STANDARD.encode_string(bytes, &mut line);
            line.push_str(CRLF);
            out.extend_from_slice(line.as_bytes());
        }
        true
    }
}

/// Returns a value as its slot writes it, with CRLF line breaks and a space for each NUL.
fn written<'b>(buffer: &'b mut String, how: As, value: &str) -> &'b str {
    buffer.clear();
    how.push(buffer, value);
    if memchr::memchr3(b'\r', b'\n', b'\0', buffer.as_bytes()).is_some() {
        *buffer = with_crlf(buffer);
    }
    buffer
}

/// Returns the text with CRLF line breaks and a space for each NUL.
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' | '\n' => {
                chars.next_if(|next| c == '\r' && *next == '\n');
                out.push_str(CRLF);
            }
            '\0' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The lines of a text with CRLF line breaks. A search for CRLF takes long to set up, so it is left
/// out for a text without a line break.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let has_breaks = memchr::memchr(b'\r', text.as_bytes()).is_some();
    let (one, several) =
        if has_breaks { (None, Some(text.split(CRLF))) } else { (Some(text), None) };
    one.into_iter().chain(several.into_iter().flatten())
}

/// Whether no byte of a text must be escaped, unless a dot begins a line. Reads all bytes without a
/// branch, because compilers turn this into vector instructions.
fn is_literal(text: &[u8]) -> bool {
    let special = |byte: &u8| !(b' '..=b'~').contains(byte) & (*byte != b'\t') | (*byte == b'=');
    !text.iter().fold(false, |any, byte| any | special(byte))
}

fn count_quoted(text: &str) -> usize {
    text.bytes().filter(|b| !matches!(b, b'\t' | b'\r' | b'\n' | b' '..=b'~')).count()
}

/// Writes lines as quoted-printable.
struct Quoted<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl Quoted<'_> {
    /// Encodes text without line breaks.
    fn push(&mut self, text: &[u8]) {
        let is_literal = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~') && *byte != b'=';
        let mut rest = text;
        while let Some(first) = rest.first() {
            // SMTP would double a dot at the beginning of a line.
            let is_escaped = !is_literal(first) || (*first == b'.' && self.column == 0);
            if self.column + if is_escaped { 3 } else { 1 } > GOING_ON {
                self.go_on();
            } else if is_escaped {
                self.push_escaped(*first);
                rest = &rest[1..];
            } else {
                let room = rest.len().min(GOING_ON - self.column);
                let length = rest[..room].iter().take_while(|byte| is_literal(byte)).count();
                let (literal, after) = rest.split_at(length);
                self.out.extend_from_slice(literal);
                self.column += length;
                rest = after;
            }
        }
    }

    /// Appends text without line breaks of which no byte must be escaped, unless a dot begins a
    /// line.
    fn push_literal(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(first) = rest.first() {
            if self.column == 0 && *first == b'.' {
                self.push_escaped(*first);
                rest = &rest[1..];
            } else if self.column == GOING_ON {
                self.go_on();
            } else {
                let (line, after) = rest.split_at(rest.len().min(GOING_ON - self.column));
                self.out.extend_from_slice(line);
                self.column += line.len();
                rest = after;
            }
        }
    }

    fn push_lines(&mut self, text: &str) {
        for (number, line) in lines(text).enumerate() {
            if number > 0 {
                self.end();
                self.out.extend_from_slice(CRLF.as_bytes());
                self.column = 0;
            }
            self.push(line.as_bytes());
        }
    }

    /// Appends fixed text. `quoted` is its encoding from the beginning of a line, and `column` is
    /// the length of the last line of `quoted`.
    fn push_encoded(&mut self, plain: &str, quoted: &[u8], column: usize) {
        if plain.starts_with(CRLF) {
            self.end();
        } else if self.column > 0 && plain.len() < GOING_ON {
            return self.push(plain.as_bytes());
        } else if self.column > 0 {
            self.go_on();
        }
        self.out.extend_from_slice(quoted);
        self.column = column;
    }

    fn push_escaped(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
        self.out.extend_from_slice(&[b'=', high, low]);
        self.column += 3;
    }

    fn go_on(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }

    /// Ends a line. A blank at the end of a line must be escaped.
    fn end(&mut self) {
        let last = self.out.last().copied();
        let Some(blank) = last.filter(|last| self.column > 0 && b" \t".contains(last)) else {
            return;
        };
        self.out.pop();
        self.column -= 1;
        if self.column + 3 > LONGEST {
            self.go_on();
        }
        self.push_escaped(blank);
    }
}

#[cfg(test)]
mod tests {
    use mail_parser::decoders::quoted_printable::quoted_printable_decode;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_line_break_becomes_crlf() {
        assert_eq!(with_crlf("a\r\nb\rc\nd\r\r\ne\0f\n"), "a\r\nb\r\nc\r\nd\r\n\r\ne f\r\n");
        assert_eq!(with_crlf(""), "");
    }

    proptest! {
        #[test]
        fn a_line_reads_back_and_is_never_too_long(line in "[a-z .]{0,80}[a-z =é.\t]{0,9}[a-z. ]{0,170}") {
            let mut out = Vec::new();
            let mut quoted = Quoted { out: &mut out, column: 0 };
            quoted.push(line.as_bytes());
            quoted.end();
            if is_literal(line.as_bytes()) {
                let mut literal = Vec::new();
                let mut quoted = Quoted { out: &mut literal, column: 0 };
                quoted.push_literal(line.as_bytes());
                quoted.end();
                prop_assert_eq!(&literal, &out);
            }
            prop_assert_eq!(quoted_printable_decode(&out), Some(line.into_bytes()));
            for line in String::from_utf8(out).expect("ASCII").split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.starts_with('.') && !line.ends_with([' ', '\t']), "{line:?}");
            }
        }
    }
}
