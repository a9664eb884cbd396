//! Detects the encoding of a list that has neither a byte order mark nor a configured encoding.
//! UTF-8 and UTF-16 are recognized. Any other encoding is only guessed: the operator sees the guess
//! with sample lines and must agree.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The number of sample lines shown with a guess.
const SHOWN: usize = 3;
/// The maximum number of characters shown of a sample line.
const LONGEST: usize = 120;

/// The detected encoding of the beginning of a list.
#[derive(Debug)]
pub(super) enum Detected {
    /// UTF-8 or UTF-16. An invalid byte in UTF-8 is refused when it is read.
    Known(&'static Encoding),
    /// Any other encoding, with the most likely one.
    Guessed(Guess),
    /// The bytes are not plausible text in any encoding.
    Unknown,
}

/// The way in which mailbatch knows the encoding of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// By a byte order mark.
    Mark,
    /// By a flag or the configuration.
    Named,
    /// By the bytes: UTF-8, or UTF-16 without a mark.
    Content,
    /// By a guess: the most likely encoding.
    Guess,
}

impl KnownBy {
    /// Returns the word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Named => "named",
            Self::Content => "content",
            Self::Guess => "guess",
        }
    }

    /// Returns the text used in messages.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Mark => "by its byte order mark",
            Self::Named => "as set by --encoding or the configuration",
            Self::Content => "by its bytes",
            Self::Guess => "a guess",
        }
    }
}

/// The encoding in which a list is read, and how mailbatch knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAs {
    pub encoding: &'static Encoding,
    pub known_by: KnownBy,
}

impl ReadAs {
    /// Returns the label for `--encoding`.
    pub fn label(self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }
}

/// A likely encoding, with sample lines that let the operator check it.
#[derive(Clone, Debug)]
pub struct Guess {
    pub encoding: &'static Encoding,
    /// Decoded lines with non-ASCII characters, without the local parts of addresses.
    pub lines: Vec<String>,
}

impl Guess {
    /// Returns the question to the operator, which is also the error of an unattended command.
    pub fn message(&self) -> String {
        let name = self.label();
        let lines: String = self.lines.iter().map(|line| format!("\n  {line}")).collect();
        format!("is not UTF-8; as {name}, which is a guess, it contains these lines:{lines}")
    }

    /// Returns the label for `--encoding`.
    pub fn label(&self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }

    /// Returns the hint on how to continue.
    pub fn hint(&self) -> String {
        format!(
            "if the text is right: --encoding {}; otherwise name another (windows-1250, windows-1251, windows-1252, iso-8859-2, shift_jis, \
             gbk, ...), or export the list as UTF-8",
            self.label()
        )
    }
}

/// Detects the encoding by the first bytes of a list. `whole` is true if there are no more bytes.
pub(super) fn detect(first: &[u8], whole: bool) -> Detected {
    if let Some(wide) = utf_16(first) {
        return Detected::Known(wide);
    }
    let is_escaped =
        first.windows(3).any(|bytes| matches!(bytes, b"\x1b$B" | b"\x1b$@" | b"\x1b(J"));
    if !is_escaped && is_utf_8(first, whole) {
        return Detected::Known(UTF_8);
    }
    let mut detector = EncodingDetector::new();
    detector.feed(first, whole);
    let encoding = detector.guess(None, false);
    if encoding.is_single_byte() && has_utf_8_among_wrong_bytes(first) {
        return Detected::Known(UTF_8);
    }
    match lines(first, whole, encoding) {
        Some(lines) => Detected::Guessed(Guess { encoding, lines }),
        None => Detected::Unknown,
    }
}

/// Returns whether most non-ASCII characters are valid UTF-8. The text is then UTF-8, possibly with
/// a few invalid bytes.
fn is_utf_8(first: &[u8], whole: bool) -> bool {
    let (mut right, mut wrong, mut rest) = (0_usize, 0_usize, first);
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                right += text.chars().filter(|c| !c.is_ascii()).count();
                return wrong == 0 || right > wrong;
            }
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                right += String::from_utf8_lossy(good).chars().filter(|c| !c.is_ascii()).count();
                let Some(length) = error.error_len() else {
                    wrong += usize::from(whole);
                    return wrong == 0 || right > wrong;
                };
                wrong += 1;
                rest = &bad[length..];
            }
        }
    }
}

/// Returns whether there are at least as many valid UTF-8 characters as invalid places. In a
/// single-byte encoding, a valid UTF-8 character would look like `Ã¼`, which is unlikely text.
fn has_utf_8_among_wrong_bytes(first: &[u8]) -> bool {
    let (mut right, mut wrong, mut rest, mut is_after_wrong) = (0_usize, 0_usize, first, false);
    loop {
        let (good, bad) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &rest[..0]),
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(good).unwrap_or_default(), bad)
            }
        };
        right += good.chars().filter(|c| !c.is_ascii()).count();
        if bad.is_empty() {
            return right > 0 && right >= wrong;
        }
        wrong += usize::from(!is_after_wrong || !good.is_empty());
        is_after_wrong = true;
        rest = &bad[1..];
    }
}

/// Detects UTF-16 without a mark: for Latin script, every other byte is zero.
fn utf_16(first: &[u8]) -> Option<&'static Encoding> {
    let pairs = first.len() / 2;
    if pairs < 2 {
        return None;
    }
    let (mut high_first, mut low_first) = (0, 0);
    for pair in first.chunks_exact(2) {
        high_first += usize::from(pair[0] == 0);
        low_first += usize::from(pair[1] == 0);
    }
    let (most, few) = (pairs * 2 / 5, pairs / 20);
    if low_first > most && high_first <= few {
        Some(UTF_16LE)
    } else if high_first > most && low_first <= few {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Returns the first decoded lines with non-ASCII characters. Returns `None` if the decoded text is
/// not plausible.
fn lines(first: &[u8], whole: bool, encoding: &'static Encoding) -> Option<Vec<String>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(first.len())?);
    let (_, _, has_failed) = decoder.decode_to_string(first, &mut text, whole);
    if has_failed || !is_plausible(&text) {
        return None;
    }
    let numbered = (1_u64..).zip(text.lines()).filter(|(_, line)| !line.is_ascii());
    Some(numbered.take(SHOWN).map(|(number, line)| format!("{number}: {}", shown(line))).collect())
}

/// Returns whether a text is plausible: it has no control or private-use characters, and few words
/// that mix two scripts.
fn is_plausible(text: &str) -> bool {
    let is_odd = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
            || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{2500}'..='\u{259f}')
    };
    let is_mixed = |word: &str| {
        let is_of = |range: fn(char) -> bool| word.chars().any(range);
        let latin = is_of(|c| c.is_ascii_alphabetic() || matches!(c, 'À'..='ɏ'));
        latin && is_of(|c| matches!(c, 'Ͱ'..='ԯ' | '֐'..='ۿ'))
    };
    let mixed = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_ascii())
        .fold((0, 0), |(mixed, all), word| (mixed + usize::from(is_mixed(word)), all + 1));
    !text.chars().any(is_odd) && 10 * mixed.0 <= mixed.1
}

/// Prepares a line for display: shortens it, and removes control characters and the local parts of
/// addresses.
fn shown(line: &str) -> String {
    let mut out = String::new();
    for word in
        line.split_inclusive(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '"'))
    {
        match word.rsplit_once('@') {
            Some((_, domain)) => {
                out.push_str("…@");
                out.push_str(domain);
            }
            None => out.push_str(word),
        }
    }
    let cut: String = out
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
        .collect();
    if cut.len() < out.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(bytes: &[u8]) -> Guess {
        match detect(bytes, true) {
            Detected::Guessed(guess) => guess,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn code_pages_are_guessed_with_lines_as_read() {
        let list = "email;name\nann@example.com;Анна Иванова\nben@example.com;Виктор Павлов\n";
        let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(list);
        let guess = guessed(&bytes);
        assert_eq!(guess.label(), "windows-1251");
        assert_eq!(
            guess.lines,
            ["2: …@example.com;Анна Иванова", "3: …@example.com;Виктор Павлов"]
        );
        let (bytes, _, _) = encoding_rs::SHIFT_JIS
            .encode("email,name\nann@example.com,山田太郎\nben@example.com,さくら\n");
        assert_eq!(guessed(&bytes).encoding, encoding_rs::SHIFT_JIS);
        assert_eq!(
            guessed(b"email\nann@example.com,\x1b$B;3ED\x1b(B\n").encoding,
            encoding_rs::ISO_2022_JP
        );
        assert!(guessed(b"email,name\na@example.com,Zo\xeb\n").lines[0].ends_with("Zoë"));
    }

    #[test]
    fn utf_8_with_a_few_wrong_bytes_is_utf_8() {
        let mut bytes = "email,name\n".to_owned() + &"a@example.com,Jürgen\n".repeat(5);
        bytes.push_str("b@example.com,B");
        let bytes = [bytes.as_bytes(), b"\xff\n"].concat();
        let is_utf_8 = |bytes: &[u8], whole| matches!(detect(bytes, whole), Detected::Known(found) if found == UTF_8);
        assert!(is_utf_8(&bytes, true) && is_utf_8("Zo\u{eb}".as_bytes(), true));
        assert!(is_utf_8(&"Zo\u{eb}".as_bytes()[..3], false), "cut inside a character");
    }

    #[test]
    fn what_is_no_text_is_not_guessed() {
        let noise: Vec<u8> = (0..4_000_u64)
            .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .filter(|byte| *byte != 0)
            .collect();
        assert!(matches!(detect(&noise, true), Detected::Unknown));
    }
}
