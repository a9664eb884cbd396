//! Text parts whose fixed lines are encoded once; only lines with values in them are encoded for
//! each recipient.
//!
//! The rule it keeps: the bytes are those of building the part whole (`mime::text_part`). Where
//! that cannot be promised cheaply, as for a value with a line break or a part that wants base64,
//! `push` says so and the caller builds it whole.

use lettre::message::SinglePart;
use lettre::message::header::{ContentTransferEncoding, ContentType};

use super::mime::with_crlf;
use super::plain::Piece;
use super::template::Escape;

/// From this many bytes on, the line break before included, the builder takes a line for too long
/// to go unencoded.
const LONG: usize = 76;

/// A part of which the fixed lines are encoded.
#[derive(Debug)]
pub(super) struct PreparedPart {
    /// The part's header block with the empty line, as 7bit and as quoted-printable.
    plain_head: Vec<u8>,
    quoted_head: Vec<u8>,
    runs: Vec<Run>,
    escape: Escape,
    /// Bytes of the fixed text, line breaks included, and how many of them are not printable
    /// ASCII.
    bytes: usize,
    unprintable: usize,
    /// Whether the fixed lines and texts are ASCII and short.
    is_plain: bool,
}

/// Whole lines.
#[derive(Debug)]
enum Run {
    /// Without values, each with its line break but for the part's last line.
    Fixed { plain: Vec<u8>, quoted: Vec<u8> },
    /// One line with values.
    Filled(Line),
}

#[derive(Debug)]
struct Line {
    pieces: Vec<Piece>,
    is_last: bool,
    /// The most bytes that go unencoded.
    longest: usize,
    /// What its fixed texts have been counted as already.
    bytes: usize,
    unprintable: usize,
}

impl PreparedPart {
    /// Encodes what is fixed. `None` where a line break might be made of a value and the text
    /// around it.
    pub(super) fn new(
        pieces: &[Piece],
        escape: Escape,
        content_type: &ContentType,
    ) -> Option<Self> {
        let lines = lines(pieces)?;
        let head = |encoding| {
            let empty = lettre::message::Body::dangerous_pre_encoded(Vec::new(), encoding);
            let mut head =
                SinglePart::builder().header(content_type.clone()).body(empty).formatted();
            head.truncate(head.len() - 2);
            head
        };
        let mut part = Self {
            plain_head: head(ContentTransferEncoding::SevenBit),
            quoted_head: head(ContentTransferEncoding::QuotedPrintable),
            runs: Vec::new(),
            escape,
            bytes: 0,
            unprintable: 0,
            is_plain: true,
        };
        let last = lines.len() - 1;
        for (i, line) in lines.into_iter().enumerate() {
            part.push_line(line, i == 0, i == last);
        }
        Some(part)
    }

    fn push_line(&mut self, pieces: Vec<Piece>, is_first: bool, is_last: bool) {
        // The builder counts a line's break only where there is one, and that of the line before as
        // one byte.
        let longest = LONG - 1 - usize::from(!is_first) - usize::from(!is_last);
        let line_break: &[u8] = if is_last { b"" } else { b"\r\n" };
        let (bytes, unprintable) = (self.bytes, self.unprintable);
        for piece in &pieces {
            if let Piece::Text(text) = piece {
                self.count(text.as_bytes());
            }
        }
        let (bytes, unprintable) = (self.bytes - bytes, self.unprintable - unprintable);
        self.count(line_break);
        let fixed = match &pieces[..] {
            [] => "",
            [Piece::Text(text)] => text.as_str(),
            _ => {
                self.is_plain &= pieces.iter().all(|piece| {
                    matches!(piece, Piece::Slot(_))
                        || matches!(piece, Piece::Text(text) if text.is_ascii())
                });
                self.runs.push(Run::Filled(Line { pieces, is_last, longest, bytes, unprintable }));
                return;
            }
        };
        self.is_plain &= fixed.is_ascii() && fixed.len() <= longest;
        if !matches!(self.runs.last(), Some(Run::Fixed { .. })) {
            self.runs.push(Run::Fixed { plain: Vec::new(), quoted: Vec::new() });
        }
        if let Some(Run::Fixed { plain, quoted }) = self.runs.last_mut() {
            plain.extend_from_slice(fixed.as_bytes());
            plain.extend_from_slice(line_break);
            quoted.extend_from_slice(&quoted_printable::encode(fixed));
            quoted.extend_from_slice(line_break);
        }
    }

    fn count(&mut self, text: &[u8]) {
        self.bytes += text.len();
        self.unprintable += unprintable(text);
    }

    /// About how many bytes it has with values of ordinary length; never less than its fixed
    /// lines.
    pub(super) fn usual_size(&self) -> usize {
        let runs = self.runs.iter().map(|run| match run {
            Run::Fixed { plain, quoted } => plain.len().max(quoted.len()),
            Run::Filled(_) => 2 * LONG,
        });
        self.plain_head.len().max(self.quoted_head.len()) + runs.sum::<usize>()
    }

    /// Appends the part with these values. Returns false, and leaves `out` as it was, where the
    /// part has to be built whole.
    pub(super) fn push(&self, out: &mut Vec<u8>, values: &[&str]) -> bool {
        let start = out.len();
        if self.is_plain {
            if let Some(done) = self.push_plain(out, values) {
                return done;
            }
            out.truncate(start);
        }
        let done = self.push_quoted(out, values);
        if !done {
            out.truncate(start);
        }
        done
    }

    /// `None` where it has to be encoded, `Some(false)` where it has to be built whole.
    fn push_plain(&self, out: &mut Vec<u8>, values: &[&str]) -> Option<bool> {
        out.extend_from_slice(&self.plain_head);
        let mut filled = String::with_capacity(2 * LONG);
        for run in &self.runs {
            match run {
                Run::Fixed { plain, .. } => out.extend_from_slice(plain),
                Run::Filled(line) => {
                    if !self.fill(line, values, &mut filled) {
                        return Some(false);
                    }
                    if filled.len() > line.longest || !filled.is_ascii() {
                        return None;
                    }
                    out.extend_from_slice(filled.as_bytes());
                    out.extend_from_slice(line.line_break());
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        Some(true)
    }

    fn push_quoted(&self, out: &mut Vec<u8>, values: &[&str]) -> bool {
        out.extend_from_slice(&self.quoted_head);
        let (mut bytes, mut not_printable) = (self.bytes, self.unprintable);
        let mut filled = String::with_capacity(2 * LONG);
        for run in &self.runs {
            match run {
                Run::Fixed { quoted, .. } => out.extend_from_slice(quoted),
                Run::Filled(line) => {
                    if !self.fill(line, values, &mut filled) {
                        return false;
                    }
                    bytes += filled.len() - line.bytes;
                    not_printable += push_quoted_line(out, filled.as_bytes()) - line.unprintable;
                    out.extend_from_slice(line.line_break());
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        // Beyond a third the builder takes base64.
        not_printable <= bytes / 3
    }

    /// Fills a line; false where its values could change the lines themselves.
    fn fill(&self, line: &Line, values: &[&str], filled: &mut String) -> bool {
        filled.clear();
        for piece in &line.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Slot(place) => {
                    let value = values[*place];
                    if memchr::memchr3(b'\r', b'\n', b'\0', value.as_bytes()).is_some() {
                        return false;
                    }
                    if self.escape.push(filled, value).is_err() {
                        return false;
                    }
                }
            }
        }
        // The break before an empty last line is left out.
        !(line.is_last && filled.is_empty())
    }
}

impl Line {
    fn line_break(&self) -> &'static [u8] {
        if self.is_last { b"" } else { b"\r\n" }
    }
}

/// The pieces of each line, without the breaks. An empty last line is left out, as `with_crlf`
/// does.
fn lines(pieces: &[Piece]) -> Option<Vec<Vec<Piece>>> {
    let mut lines = vec![Vec::new()];
    for piece in pieces {
        let Piece::Text(text) = piece else {
            lines.last_mut()?.push(piece.clone());
            continue;
        };
        // A value may turn out empty, and a line feed after it would then belong to this.
        if text.ends_with('\r') {
            return None;
        }
        // `with_crlf` takes the last break off again.
        for (i, part) in with_crlf(&format!("{text}\n")).split("\r\n").enumerate() {
            if i > 0 {
                lines.push(Vec::new());
            }
            if !part.is_empty() {
                lines.last_mut()?.push(Piece::Text(part.to_owned()));
            }
        }
    }
    if lines.len() > 1 && lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    Some(lines)
}

fn unprintable(text: &[u8]) -> usize {
    text.iter().filter(|&&b| !matches!(b, b'\t' | b' '..=b'~')).count()
}

/// Appends a line as quoted-printable (RFC 2045 section 6.7). Most lines only have to be cut, which
/// needs no look at each byte: a piece has 75 bytes and `=`, the last one up to 76. Returns how
/// many of its bytes are not printable.
fn push_quoted_line(out: &mut Vec<u8>, line: &[u8]) -> usize {
    let stands_for_itself =
        line.iter().fold(true, |all, &b| all & matches!(b, b' '..=b'~') & (b != b'='));
    if !stands_for_itself || line.ends_with(b" ") {
        out.extend_from_slice(&quoted_printable::encode(line));
        return unprintable(line);
    }
    let mut rest = line;
    while let Some((piece, more)) = rest.split_at_checked(75).filter(|(_, more)| more.len() > 1) {
        out.extend_from_slice(piece);
        out.extend_from_slice(b"=\r\n");
        rest = more;
    }
    out.extend_from_slice(rest);
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_cut_where_the_encoder_cuts_it(line in "[a-z ]{0,70}[a-z =é\t]{0,2}[a-z ]{0,170}") {
            let mut out = Vec::new();
            push_quoted_line(&mut out, line.as_bytes());
            prop_assert_eq!(String::from_utf8(out), String::from_utf8(quoted_printable::encode(&line)));
        }
    }
}
