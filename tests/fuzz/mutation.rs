//! Makes a document of others: a few changes, each of a kind that has broken readers before.

use std::fmt;

use bolero::{Driver, ValueGenerator};

/// No document is longer, in bytes; what is made to be huge has tests of its own.
const LONGEST: usize = 64 << 10;

/// What a target reads.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Vec<u8>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\" ({} bytes)", self.0.escape_ascii(), self.0.len())
    }
}

/// Bytes that end, open, quote or hide something in one of the languages.
const SIGNS: &[u8] = b"\0\t\n\r\x0b\x1b \"#%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\xa0\xad\xc3\xe2\xef\xf0\xff0159AZaz";

/// Texts that many readers stumble over.
const TRAPS: &[&str] = &[
    "\u{feff}",
    "\u{202e}",
    "\u{200b}",
    "\u{2028}",
    "\u{85}",
    "\u{301}",
    "é",
    "İ",
    "ß",
    "\u{1f4a9}",
    "Ａ",
    "а",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r",
    "\r\n.\r\n",
    "\0",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "9223372036854775807",
    "NaN",
    "null",
    "true",
    "{{",
    "}}",
    "{%",
    "%}",
    "=?utf-8?q?=0d=0aBcc:_a@b.example?=",
    "\u{1b}[2J",
    "../../",
    "%00",
    "%0d%0a",
    "&#x0a;",
    "<script>",
    "]]>",
    "'; DROP TABLE recipients; --",
];

/// Generates documents.
#[derive(Debug)]
pub(crate) struct Mutations {
    corpus: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Mutations {
    pub(crate) fn new(corpus: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        Self { corpus, words }
    }
}

/// A number below `most`, and 0 where `most` is 0.
fn below<D: Driver>(driver: &mut D, most: usize) -> Option<usize> {
    let drawn = driver.produce::<u32>()? as usize;
    Some(if most == 0 { 0 } else { drawn % most })
}

/// Two places in a row of so many bytes, in order.
fn range<D: Driver>(driver: &mut D, length: usize) -> Option<(usize, usize)> {
    let from = below(driver, length + 1)?;
    // Mostly a short one.
    let most = if driver.produce::<u8>()? < 192 { 24 } else { length };
    let to = (from + below(driver, most + 1)?).min(length);
    Some((from, to))
}

fn insert(document: &mut Vec<u8>, at: usize, piece: &[u8]) {
    document.splice(at..at, piece.iter().copied());
}

impl ValueGenerator for Mutations {
    type Output = Document;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Document> {
        let first = below(driver, self.corpus.len() + 1)?;
        let mut document =
            first.checked_sub(1).map(|place| self.corpus[place].clone()).unwrap_or_default();
        let steps = below(driver, 13)?;
        for _ in 0..steps {
            self.change(driver, &mut document)?;
            document.truncate(LONGEST);
        }
        Some(Document(document))
    }
}

impl Mutations {
    /// One change. Draws that have run out are zeros, which change nothing.
    fn change<D: Driver>(&self, driver: &mut D, document: &mut Vec<u8>) -> Option<()> {
        let kind = driver.produce::<u8>()? % 16;
        let at = below(driver, document.len() + 1)?;
        match kind {
            0 => {}
            1 if !document.is_empty() => {
                let at = at % document.len();
                document[at] = driver.produce()?;
            }
            2 if !document.is_empty() => {
                let at = at % document.len();
                document[at] = SIGNS[below(driver, SIGNS.len())?];
            }
            3 => insert(document, at, &[SIGNS[below(driver, SIGNS.len())?]]),
            4 | 5 => {
                let word = if self.words.is_empty() {
                    ""
                } else {
                    self.words[below(driver, self.words.len())?]
                };
                insert(document, at, word.as_bytes());
            }
            6 => insert(document, at, TRAPS[below(driver, TRAPS.len())?].as_bytes()),
            7 => {
                let (from, to) = range(driver, document.len())?;
                document.drain(from..to);
            }
            8 => {
                let (from, to) = range(driver, document.len())?;
                let times = 1 + below(driver, 40)?;
                let piece = document[from..to].repeat(if to - from < 64 { times } else { 1 });
                insert(document, at, &piece);
            }
            9 => document.truncate(at),
            10 | 11 => self.splice(driver, document, at)?,
            12 => {
                let (from, to) = range(driver, document.len())?;
                let upper = driver.produce::<bool>()?;
                document[from..to].iter_mut().for_each(|byte| {
                    *byte =
                        if upper { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }
                });
            }
            13 => swap_lines(driver, document)?,
            14 => number(driver, document, at)?,
            _ => {
                let length = below(driver, 12)?;
                let piece: Vec<u8> =
                    (0..length).map(|_| driver.produce()).collect::<Option<_>>()?;
                insert(document, at, &piece);
            }
        }
        Some(())
    }

    /// Puts a piece of another document in, or goes on with its end.
    fn splice<D: Driver>(&self, driver: &mut D, document: &mut Vec<u8>, at: usize) -> Option<()> {
        let Some(other) = self.corpus.get(below(driver, self.corpus.len())?) else {
            return Some(());
        };
        if driver.produce::<bool>()? {
            document.truncate(at);
            document.extend_from_slice(&other[below(driver, other.len() + 1)?..]);
        } else {
            let (from, to) = range(driver, other.len())?;
            insert(document, at, &other[from..to]);
        }
        Some(())
    }
}

fn swap_lines<D: Driver>(driver: &mut D, document: &mut Vec<u8>) -> Option<()> {
    let mut lines: Vec<Vec<u8>> =
        document.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() > 1 {
        let (one, other) = (below(driver, lines.len())?, below(driver, lines.len())?);
        lines.swap(one, other);
        *document = lines.concat();
    }
    Some(())
}

/// Makes the next number in the document another one.
fn number<D: Driver>(driver: &mut D, document: &mut Vec<u8>, at: usize) -> Option<()> {
    const NUMBERS: [&str; 10] = [
        "",
        "0",
        "-1",
        "1",
        "255",
        "65536",
        "2147483648",
        "9223372036854775808",
        "1e400",
        "0.0000001",
    ];
    let chosen = NUMBERS[below(driver, NUMBERS.len())?];
    let Some(from) = document[at..].iter().position(u8::is_ascii_digit).map(|place| at + place)
    else {
        return Some(());
    };
    let to = document[from..]
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .map_or(document.len(), |end| from + end);
    document.splice(from..to, chosen.bytes());
    Some(())
}
