//! Decodes a list to UTF-8: byte order marks, UTF-16 with and without a mark, and any encoding
//! given by its label.
//!
//! Text is never repaired. An invalid byte stops the list, because a replacement character could
//! become part of an address.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::compression::Plain;
use super::detect::{Detected, Guess, KnownBy, ReadAs, detect};
use super::foreign::{Foreign, foreign};
use super::problem::{Place, Problem};

/// The hint for an error because of a wrong encoding.
const OTHER_ENCODING: &str =
    "name its encoding: --encoding LABEL; for cp850 or cp437, convert it: iconv -f CP850 -t UTF-8";

/// The number of bytes read at a time. The first block determines the encoding.
const BLOCK_BYTES: usize = 64 << 10;

/// Reads a list as UTF-8 text without a byte order mark.
pub(super) struct Text {
    bytes: Plain,
    block: Vec<u8>,
    /// The number of bytes at the beginning of `block` that have not been decoded.
    held: usize,
    /// The offset in the decompressed data of the first byte that has not been decoded.
    offset: u64,
    line: u64,
    decoder: Option<Decoder>,
    ended: bool,
    guess: Option<Guess>,
    read_as: ReadAs,
}

impl Text {
    /// Reads the first block and determines the encoding: by `label` if given, else by the byte
    /// order mark, else by the bytes. Refuses a guessed encoding unless `accept_guess` is true.
    pub(super) fn new(
        mut bytes: Plain,
        label: Option<&'static Encoding>,
        accept_guess: bool,
    ) -> Result<Self, Problem> {
        let mut block = vec![0; BLOCK_BYTES];
        let held = bytes.read_full(&mut block)?;
        let first = &block[..held];
        if let Some(Foreign { what, hint }) = foreign(first) {
            return Err(Problem::new(Place::List, what).hint(hint));
        }
        let mut guess = None;
        let (encoding, skip, known_by) = match (label, Encoding::for_bom(first)) {
            (None, Some((encoding, mark))) => (encoding, mark, KnownBy::Mark),
            (None, None) => match detect(first, held < BLOCK_BYTES) {
                Detected::Known(encoding) => (encoding, 0, KnownBy::Content),
                Detected::Guessed(guessed) if accept_guess => {
                    (guess.insert(guessed).encoding, 0, KnownBy::Guess)
                }
                Detected::Guessed(guessed) => {
                    return Err(Problem::new(Place::List, guessed.message()).hint(guessed.hint()));
                }
                Detected::Unknown => return Err(no_text()),
            },
            // A byte order mark takes precedence over the label. Other text does not begin with a
            // mark, and the label `utf-16` does not give the byte order.
            (Some(_), Some((marked, mark))) => (marked, mark, KnownBy::Mark),
            (Some(label), None) => {
                if label != UTF_8 && is_utf_8_beyond_ascii(first) {
                    return Err(not_as_named(label));
                }
                (label, 0, KnownBy::Named)
            }
        };
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        block.copy_within(skip..held, 0);
        let read_as = ReadAs { encoding, known_by };
        Ok(Self {
            bytes,
            block,
            held: held - skip,
            offset: skip as u64,
            line: 1,
            decoder,
            ended: false,
            guess,
            read_as,
        })
    }

    /// Returns the guess, if the encoding is only a guess.
    pub(super) fn guess(&self) -> Option<&Guess> {
        self.guess.as_ref()
    }

    /// Returns the encoding and how mailbatch knows it.
    pub(super) fn read_as(&self) -> ReadAs {
        self.read_as
    }

    /// Returns whether the whole text has been read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Appends the next block of text to `out`. Returns `false` when the text has ended.
    pub(super) fn fill(&mut self, out: &mut String) -> Result<bool, Problem> {
        if self.ended {
            return Ok(false);
        }
        let start = out.len();
        let read = self.bytes.read_full(&mut self.block[self.held..])?;
        self.held += read;
        self.ended = self.held < BLOCK_BYTES;
        let used = match self.decoder {
            Some(_) => self.decode(out)?,
            None => self.validate(out)?,
        };
        self.block.copy_within(used..self.held, 0);
        self.held -= used;
        self.offset += used as u64;
        let fresh = &out.as_bytes()[start..];
        if let Some(nul) = memchr::memchr(0, fresh) {
            let line = self.line + newlines(&fresh[..nul]);
            return Err(Problem::new(
                Place::Line(line),
                "holds a NUL byte: this is not a text file",
            )
            .hint("export the list again as plain CSV or JSON"));
        }
        self.line += newlines(fresh);
        Ok(true)
    }

    fn validate(&mut self, out: &mut String) -> Result<usize, Problem> {
        let held = &self.block[..self.held];
        let error = match std::str::from_utf8(held) {
            Ok(text) => {
                out.push_str(text);
                return Ok(held.len());
            }
            Err(error) => error,
        };
        let (good, bad) = held.split_at(error.valid_up_to());
        if error.error_len().is_none() && !self.ended {
            out.push_str(std::str::from_utf8(good).expect("checked just before"));
            return Ok(good.len());
        }
        let line = self.line + newlines(good);
        let at = self.offset + good.len() as u64;
        let problem = Problem::new(
            Place::Line(line),
            format!("byte 0x{:02X} at offset {at} is no UTF-8", bad[0]),
        );
        Err(problem.hint("fix that byte; if the whole list comes from Excel or an old system, try --encoding windows-1252"))
    }

    /// Returns an error if a text contains control characters beyond ASCII, which prove that the
    /// encoding is wrong.
    fn refuse_controls(&self, text: &str) -> Result<(), Problem> {
        let is_control = |c: char| matches!(c, '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}');
        let Some(at) = text.find(is_control) else { return Ok(()) };
        let line = self.line + newlines(&text.as_bytes()[..at]);
        let found = text[at..].chars().next().map_or(0, u32::from);
        let what = format!(
            "holds U+{found:04X}, a control character that does not occur in text: the encoding is wrong"
        );
        Err(Problem::new(Place::Line(line), what).hint(OTHER_ENCODING))
    }

    fn decode(&mut self, out: &mut String) -> Result<usize, Problem> {
        let decoder = self.decoder.as_mut().expect("only called with a decoder");
        let mut used = 0;
        let start = out.len();
        loop {
            let rest = &self.block[used..self.held];
            out.reserve(
                decoder
                    .max_utf8_buffer_length_without_replacement(rest.len())
                    .unwrap_or(4 * BLOCK_BYTES),
            );
            let (result, read) =
                decoder.decode_to_string_without_replacement(rest, out, self.ended);
            used += read;
            match result {
                DecoderResult::InputEmpty => {
                    self.refuse_controls(&out[start..])?;
                    return Ok(used);
                }
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(_, _) => {
                    let line = self.line + newlines(&out.as_bytes()[start..]);
                    let at = self.offset + used as u64;
                    let name = decoder.encoding().name();
                    let problem = Problem::new(
                        Place::Line(line),
                        format!("the bytes before offset {at} are no {name} text"),
                    );
                    return Err(problem.hint("name its encoding: --encoding LABEL"));
                }
            }
        }
    }
}

/// Returns the encoding with this label (`utf-8`, `windows-1252`, `utf-16`, `shift_jis`, ...).
pub(super) fn by_label(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes())
}

/// Returns whether a text is valid UTF-8 with enough non-ASCII characters. Text in another encoding
/// is very unlikely to be valid UTF-8.
fn is_utf_8_beyond_ascii(first: &[u8]) -> bool {
    let valid = match std::str::from_utf8(first) {
        Ok(_) => first,
        Err(error) if error.error_len().is_none() => &first[..error.valid_up_to()],
        Err(_) => return false,
    };
    // The two bytes of a single non-ASCII character could also be two characters in another
    // encoding.
    let beyond = String::from_utf8_lossy(valid).chars().filter(|c| !c.is_ascii()).take(2).count();
    beyond >= 2 || (beyond == 1 && valid.iter().filter(|byte| !byte.is_ascii()).count() > 2)
}

fn not_as_named(label: &'static Encoding) -> Problem {
    let name = label.name().to_ascii_lowercase();
    Problem::new(Place::List, format!("is valid UTF-8, but {name} is named as its encoding"))
        .hint("name its encoding: --encoding utf-8, which takes precedence over [list] encoding in mailbatch.toml")
}

fn no_text() -> Problem {
    Problem::new(Place::List, "is neither UTF-8 nor text in an encoding that can be guessed")
        .hint("is it a spreadsheet (.xlsx) or another file? export it as CSV in UTF-8; if it is text, name its encoding: --encoding LABEL")
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use super::*;

    pub(in crate::input) fn utf_16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    fn read(data: Vec<u8>, label: Option<&str>) -> Result<(String, Option<String>), String> {
        let show = |problem: Problem| problem.in_list("l").to_string();
        let plain = Plain::new("l", Box::new(Cursor::new(data))).map_err(show)?;
        let mut text = Text::new(plain, label.map(|label| by_label(label).expect("known")), true)
            .map_err(show)?;
        let mut out = String::new();
        while text.fill(&mut out).map_err(show)? {}
        Ok((out, text.guess().map(Guess::label)))
    }

    #[test]
    fn utf_8_with_and_without_a_mark_survives_any_block_border() {
        let long = "é".repeat(BLOCK_BYTES);
        for source in ["Zoë,山田\n", "", &long, &format!("x{long}")] {
            assert_eq!(read(source.as_bytes().to_vec(), None).unwrap(), (source.to_owned(), None));
            assert_eq!(read(format!("\u{feff}{source}").into_bytes(), None).unwrap().0, source);
        }
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_mark_in_either_order() {
        let source = "email,name\na@example.com,Zoë 山\n".repeat(5000);
        for big in [false, true] {
            assert_eq!(read(utf_16(&source, big), None).unwrap().0, source);
            assert_eq!(read(utf_16(&format!("\u{feff}{source}"), big), None).unwrap().0, source);
            assert_eq!(
                read(utf_16(&format!("\u{feff}{source}"), big), Some("utf-16")).unwrap().0,
                source
            );
        }
    }

    #[test]
    fn utf_16_cut_inside_a_character_is_refused() {
        let mut data = utf_16("email\nabc", false);
        data.pop();
        assert!(read(data, Some("utf-16le")).unwrap_err().contains("no UTF-16LE"));
    }

    #[test]
    fn what_is_no_utf_8_from_the_start_is_refused_unless_a_guess_is_accepted() {
        let list = b"email,name\na@example.com,Zo\xeb \x80\n";
        let (text, guess) = read(list.to_vec(), None).unwrap();
        assert_eq!(
            (text.as_str(), guess.as_deref()),
            ("email,name\na@example.com,Zoë €\n", Some("windows-1252"))
        );
        let plain = Plain::new("l", Box::new(Cursor::new(list.to_vec()))).unwrap();
        let error = Text::new(plain, None, false).err().expect("a guess").in_list("l").to_string();
        assert!(
            error.contains("2: …@example.com,Zoë €") && error.contains("--encoding windows-1252"),
            "{error}"
        );
        assert_eq!(read(b"Zo\xeb".to_vec(), Some("latin1")).unwrap(), ("Zoë".to_owned(), None));
    }

    #[test]
    fn a_stray_byte_later_on_is_refused_with_line_and_offset() {
        let mut data = "0123456\n".repeat(BLOCK_BYTES / 8).into_bytes();
        data.extend_from_slice(b"abc\nd\xe9f\n");
        let error = read(data, None).unwrap_err();
        assert!(
            error.starts_with("l:8194: byte 0xE9 at offset 65541 is no UTF-8\nhint: "),
            "{error}"
        );
        assert!(error.contains("--encoding windows-1252"));
        assert!(
            read(b"abc\nd\xe9f\n".to_vec(), Some("utf-8"))
                .unwrap_err()
                .starts_with("l:2: byte 0xE9 at offset 5")
        );
        assert!(read(b"\xef\xbb\xbfab\xe9".to_vec(), None).unwrap_err().contains("offset 5"));
    }

    #[test]
    fn a_nul_byte_is_refused_with_its_line() {
        assert!(
            read(b"email\nann\0@example.com\n".to_vec(), None)
                .unwrap_err()
                .starts_with("l:2: holds a NUL byte")
        );
    }

    #[test]
    fn labels_are_those_of_the_encoding_standard() {
        assert_eq!(by_label("Windows-1252"), Some(encoding_rs::WINDOWS_1252));
        assert!(by_label("shift_jis").is_some() && by_label("utf-7").is_none());
    }
}
