//! Parses the replies of an SMTP server (RFC 5321 section 4.2) from bytes as they arrive.
//!
//! A parsed reply is well formed and has no control characters. Data too long for a reply is an
//! error and does not grow the buffer.

use std::fmt;

/// The maximum length of a line. RFC 5321 section 4.5.3.1.5 allows 512 bytes, but real servers
/// exceed it.
const MAX_LINE: usize = 4_096;
/// The minimum free space in the buffer for each read.
const PIECE: usize = 1_024;
/// The maximum number of lines of one reply.
const MAX_LINES: usize = 200;
/// The maximum number of characters of a text that is kept for the report.
const MAX_TEXT: usize = 300;

/// One complete reply of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The three digits of the code. The first one is 2 to 5.
    pub(crate) code: u16,
    /// The text after the code, one entry for each line.
    pub(crate) lines: Vec<String>,
}

/// An enhanced status code (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enhanced {
    pub(crate) class: u16,
    pub(crate) subject: u16,
    pub(crate) detail: u16,
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Answer {
    /// Returns the first digit: 2 success, 3 continue, 4 temporary failure, 5 permanent failure.
    pub(crate) fn class(&self) -> u16 {
        self.code / 100
    }

    /// Returns the enhanced code at the start of the first line. Returns `None` if it is missing.
    pub(crate) fn enhanced(&self) -> Option<Enhanced> {
        self.lines.first().and_then(|line| split_enhanced(line)).map(|(enhanced, _)| enhanced)
    }

    /// Returns the code in the form for scripts: `550 5.1.1`, or `550` alone.
    pub(crate) fn code_text(&self) -> String {
        match self.enhanced() {
            Some(enhanced) => format!("{} {enhanced}", self.code),
            None => self.code.to_string(),
        }
    }

    /// Returns the text without enhanced codes, with its lines joined by spaces, shortened for the
    /// report.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let line = split_enhanced(line).map_or(line.as_str(), |(_, rest)| rest).trim();
            if !text.is_empty() && !line.is_empty() {
                text.push(' ');
            }
            text.push_str(line);
        }
        shorten(&text)
    }

    /// Returns the whole text without enhanced codes, with its lines joined by spaces, for
    /// classification.
    pub(crate) fn whole_text(&self) -> String {
        self.lines
            .iter()
            .map(|line| split_enhanced(line).map_or(line.as_str(), |(_, rest)| rest))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Returns the text of the first line without its enhanced code.
    pub(crate) fn first_line(&self) -> String {
        self.texts().next().unwrap_or_default()
    }

    /// Returns the texts of the lines without their enhanced codes.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.iter().map(|line| {
            shorten(split_enhanced(line).map_or(line.as_str(), |(_, rest)| rest).trim())
        })
    }
}

/// Returns at most `MAX_TEXT` characters of `text`, with control characters replaced by spaces.
pub(crate) fn shorten(text: &str) -> String {
    text.chars()
        .take(MAX_TEXT)
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

/// Splits `5.1.1 no such user` into the enhanced code and the rest. If a part of the code is
/// missing or has more than three digits, the line is plain text.
fn split_enhanced(line: &str) -> Option<(Enhanced, &str)> {
    let end = line.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(line.len());
    let mut parts = line[..end]
        .split('.')
        .map(|part| if (1..=3).contains(&part.len()) { part.parse().ok() } else { None });
    let code = Enhanced { class: parts.next()??, subject: parts.next()??, detail: parts.next()?? };
    (matches!(code.class, 2 | 4 | 5) && parts.next().is_none()).then_some((code, &line[end..]))
}

/// Collects bytes into replies.
#[derive(Debug, Default)]
pub(crate) struct ReplyBuffer {
    bytes: Vec<u8>,
    /// The start of the next line in the buffer.
    start: usize,
    code: Option<u16>,
    lines: Vec<String>,
}

impl ReplyBuffer {
    /// Adds bytes that were read.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.room().extend_from_slice(bytes);
    }

    /// Returns the buffer to which the next read appends, with free space.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(PIECE);
        &mut self.bytes
    }

    /// Returns whether all bytes have been returned as replies.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len() && self.lines.is_empty()
    }

    /// Returns the next complete reply. Returns `None` if the reply has not arrived completely. The
    /// error says what is wrong with the data.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, &'static str> {
        loop {
            let rest = &self.bytes[self.start..];
            let Some(length) = memchr::memchr(b'\n', rest) else {
                return if rest.len() > MAX_LINE { Err("a line is too long") } else { Ok(None) };
            };
            if length > MAX_LINE {
                return Err("a line is too long");
            }
            let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]);
            let (code, is_last, text) = parse_line(line)?;
            let text = String::from_utf8_lossy(text).into_owned();
            self.start += length + 1;
            if *self.code.get_or_insert(code) != code {
                return Err("a reply whose lines have different codes");
            }
            self.lines.push(text);
            if is_last {
                self.code = None;
                return Ok(Some(Answer { code, lines: std::mem::take(&mut self.lines) }));
            }
            if self.lines.len() >= MAX_LINES {
                return Err("a reply with too many lines");
            }
        }
    }
}

fn parse_line(line: &[u8]) -> Result<(u16, bool, &[u8]), &'static str> {
    let wrong = Err("a line without a valid reply code");
    let Some((digits, rest)) = line.split_first_chunk::<3>() else { return wrong };
    if !(b'2'..=b'5').contains(&digits[0]) || !digits.iter().all(u8::is_ascii_digit) {
        return wrong;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Ok((code, true, rest)),
        Some((b' ', text)) => Ok((code, true, text)),
        Some((b'-', text)) => Ok((code, false, text)),
        Some(_) => wrong,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Answer>, &'static str> {
        let mut buffer = ReplyBuffer::default();
        buffer.extend(bytes);
        buffer.next()
    }

    #[test]
    fn lines_of_one_reply_are_joined() {
        let answer =
            read(b"550-5.1.1 The mailbox\r\n550-5.1.1 you tried\r\n550 5.1.1 is not there\r\n")
                .unwrap()
                .unwrap();
        assert_eq!(answer.code_text(), "550 5.1.1");
        assert_eq!(answer.text(), "The mailbox you tried is not there");
        assert_eq!(answer.first_line(), "The mailbox");
    }

    #[test]
    fn bare_codes_and_bare_line_feeds_are_understood() {
        assert_eq!(read(b"250\r\n").unwrap().unwrap().text(), "");
        assert_eq!(read(b"250 ok\n").unwrap().unwrap().text(), "ok");
        assert_eq!(read(b"250-\r\n250 \r\n").unwrap().unwrap().lines.len(), 2);
        assert_eq!(read(b"250 o"), Ok(None));
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for garbage in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\r\n",
            b"99 x\r\n",
            b"150 x\r\n",
            b"650 x\r\n",
            b"25\xe9 x\r\n",
            b"2500 x\r\n",
            b"250-a\r\n550 b\r\n",
        ] {
            assert!(read(garbage).is_err(), "{}", garbage.escape_ascii());
        }
        assert!(read(&[b'2'; MAX_LINE + 1]).is_err());
        assert!(read(&b"250-x\r\n".repeat(MAX_LINES)).is_err());
    }

    #[test]
    fn texts_are_short_and_free_of_control_characters() {
        let mut line = b"250 a\x1b[31mb\x00\xff".to_vec();
        line.extend([b'x'; 1_000]);
        line.extend(b"\r\n");
        let text = read(&line).unwrap().unwrap().text();
        assert_eq!(text.chars().count(), MAX_TEXT);
        assert!(!text.contains(char::is_control));
    }

    #[test]
    fn enhanced_codes_are_three_short_numbers_of_a_known_class() {
        let enhanced = |text: &str| {
            Answer { code: 550, lines: vec![text.into()] }.enhanced().map(|e| e.to_string())
        };
        assert_eq!(enhanced("5.1.10 no mail here").as_deref(), Some("5.1.10"));
        assert_eq!(enhanced("4.7.1").as_deref(), Some("4.7.1"));
        for text in
            ["192.0.2.1 is blocked", "5.1 x", "3.1.1 x", "5.1111.1 x", "5..1 x", "", "no 5.1.1"]
        {
            assert_eq!(enhanced(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_pieces_read_like_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let whole = read(&bytes);
            let cut = cut.min(bytes.len());
            let mut buffer = ReplyBuffer::default();
            buffer.extend(&bytes[..cut]);
            let mut pieces = buffer.next();
            if pieces == Ok(None) {
                buffer.extend(&bytes[cut..]);
                pieces = buffer.next();
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
