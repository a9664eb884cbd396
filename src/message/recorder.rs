//! Splits a template's output for a row into fixed text and values while the template renders.
//!
//! The rule it keeps: only output that goes into the message is split. Output that the template
//! captures first (`{% set %}`, macros, `{% filter %}`) holds its values between marks until the
//! template prints it. If the marks change the output, the row is rendered again without marks.

use std::cell::Cell;
use std::io;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, Output, State};
use xxhash_rust::xxh3::xxh3_64;

use crate::bounded::allowance::{self, Exceeded};
use crate::bounded::weight;
use crate::input::context::float_text;

use super::escape::{self, Escape};
use super::piece::{As, Piece, Values, push_text};
use super::{markdown, marks};

/// What the next write to the recorder contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Fixed,
    /// An empty text. If it reaches the recorder, output goes into the message and is not captured.
    Question,
    /// The recorder received the question.
    Answered,
    Value,
    /// A number in Markdown. Before the first letter or digit of a line it could begin a list item,
    /// so it is recorded as fixed text there.
    Number,
}

/// Whether captured values are written between marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    Unused,
    Used,
    /// Values are never marked. Captured text is printed unchanged. In Markdown it is printed as
    /// one value, because values could give it structure.
    Never,
}

thread_local! {
    /// Set by `write_value` for the recorder that receives the write. A thread renders one template
    /// at a time.
    static TURN: Cell<Turn> = const { Cell::new(Turn::Fixed) };
    /// How values are escaped in the template that this thread renders.
    static ESCAPE: Cell<Escape> = const { Cell::new(Escape::None) };
    static MARKS: Cell<Marks> = const { Cell::new(Marks::Unused) };
}

/// A part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A range of the texts of the template and of the files that it includes, concatenated: its
    /// offset and its length in bytes.
    Template(u32, u32),
    /// Text that is not part of these, such as a value's markup. The number is its length in bytes.
    Other(u32),
    Value(As),
}

/// The fixed texts of a template's output, and the places of the values between them. Equal fixed
/// texts and places make the same variant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) hash: u64,
    /// The number of the template among those whose variants are kept together.
    template: u32,
    parts: Vec<Part>,
    others: String,
}

impl Fixed {
    fn push(&mut self, part: Part, number: u64) {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(FACTOR);
        self.parts.push(part);
    }

    /// Marks the output as that of the template with this number.
    pub(super) fn of_template(mut self, number: u32) -> Self {
        self.template = number;
        self.hash ^= u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self
    }

    /// Returns the output as pieces. `texts` are those of the rendered template and of the files
    /// that it includes.
    pub(super) fn pieces(&self, texts: &[&str]) -> Vec<Piece> {
        let (mut pieces, mut others, mut slots) = (Vec::new(), self.others.as_str(), 0..);
        for part in &self.parts {
            match *part {
                Part::Template(at, length) => {
                    push_text(&mut pieces, stretch(texts, at as usize, length as usize));
                }
                Part::Other(length) => {
                    let (text, rest) = others.split_at(length as usize);
                    push_text(&mut pieces, text);
                    others = rest;
                }
                Part::Value(how) => {
                    pieces.extend(slots.next().map(|place| Piece::Slot(place, how)));
                }
            }
        }
        pieces
    }

    /// The approximate memory use in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.others.len() + self.parts.len() * size_of::<Part>()
    }
}

/// A range of concatenated texts that lies within one of them.
fn stretch<'t>(texts: &[&'t str], mut at: usize, length: usize) -> &'t str {
    for text in texts {
        if at + length <= text.len() {
            return text.get(at..at + length).unwrap_or_default();
        }
        at = at.saturating_sub(text.len());
    }
    ""
}

/// Receives a template's output.
pub(super) struct Recorder<'t> {
    texts: &'t [&'t str],
    escape: Escape,
    pub(super) fixed: Fixed,
    pub(super) values: Values,
    written: usize,
    /// Used for Markdown. `is_bare`: the line so far has no letter or digit. `is_angled`: the
    /// output so far ends with `<`.
    is_bare: bool,
    is_angled: bool,
}

impl<'t> Recorder<'t> {
    /// Creates a recorder for a template that renders on this thread. `texts` must be the engine's
    /// own copies of its text and of the files that it includes, because output is recognized by
    /// its address.
    pub(super) fn new(texts: &'t [&'t str], escape: Escape, marks: Marks) -> Self {
        TURN.set(Turn::Fixed);
        ESCAPE.set(escape);
        MARKS.set(marks);
        Self {
            texts,
            escape,
            fixed: Fixed::default(),
            values: Values::default(),
            written: 0,
            is_bare: true,
            is_angled: false,
        }
    }

    /// Whether the template captured values between marks. The template's code may have seen those
    /// marks.
    pub(super) fn used_marks(&self) -> bool {
        MARKS.get() == Marks::Used
    }

    fn push_fixed(&mut self, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        match self.place(text).and_then(|at| u32::try_from(at).ok()) {
            Some(at) => {
                self.fixed.push(Part::Template(at, length), u64::from(at) << 32 | u64::from(length))
            }
            None => {
                self.fixed.push(Part::Other(length), !xxh3_64(text));
                self.fixed.others.push_str(as_text(text)?);
            }
        }
        if self.escape == Escape::Markdown {
            let line = memchr::memrchr(b'\n', text).map(|at| &text[at + 1..]);
            self.is_bare = (self.is_bare || line.is_some())
                && !line.unwrap_or(text).iter().any(u8::is_ascii_alphanumeric);
            self.is_angled = text.last().map_or(self.is_angled, |last| *last == b'<');
        }
        Ok(())
    }

    /// The offset of output in the concatenated texts. Output at an address within one of them is
    /// part of that template. Templates outlive the recorder and never change, so the offset
    /// identifies the text without reading it.
    fn place(&self, text: &[u8]) -> Option<usize> {
        let mut before = 0;
        for template in self.texts {
            let at = text.as_ptr().addr().wrapping_sub(template.as_ptr().addr());
            if at.checked_add(text.len()).is_some_and(|end| end <= template.len()) {
                return Some(before + at);
            }
            before += template.len();
        }
        None
    }

    fn push_value(&mut self, value: &[u8]) -> io::Result<()> {
        let value = as_text(value)?;
        let how = match self.escape {
            Escape::Html => As::Html,
            Escape::Markdown if self.is_angled => markdown::form_of(value),
            Escape::Markdown | Escape::None => As::Text,
        };
        self.fixed.push(Part::Value(how), 1 + how as u64);
        self.values.push(value);
        (self.is_bare, self.is_angled) = (false, false);
        Ok(())
    }
}

fn as_text(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(io::Error::other)
}

impl io::Write for Recorder<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        if self.written > allowance::MOST {
            return Err(io::Error::other(Exceeded::Text));
        }
        match TURN.get() {
            Turn::Question => TURN.set(Turn::Answered),
            Turn::Value => self.push_value(bytes)?,
            Turn::Number if !self.is_bare => self.push_value(bytes)?,
            _ => self.push_fixed(bytes)?,
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a text as this kind of write.
fn write_as(out: &mut Output<'_>, turn: Turn, text: &str) -> std::fmt::Result {
    TURN.set(turn);
    let written = out.write_str(text);
    TURN.set(Turn::Fixed);
    written
}

/// Whether output goes into the message now, and is not captured by the template.
fn is_recorded(out: &mut Output<'_>) -> bool {
    TURN.set(Turn::Question);
    let asked = out.write_str("");
    asked.is_ok() && TURN.replace(Turn::Fixed) == Turn::Answered
}

/// Writes a value that a template prints.
pub(super) fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    weight::write(value)?;
    // An `if` expression without `else` gives an undefined value. All other undefined values have
    // been refused before.
    if value.is_undefined() {
        return Ok(());
    }
    let is_text = value.kind() != ValueKind::Bool && !value.is_number();
    let own = match value.kind() {
        ValueKind::Bool => Some(if value.is_true() { "true" } else { "false" }.to_owned()),
        _ if value.as_str().is_some() => None,
        _ => Some(float_text(state, value).unwrap_or_else(|| value.to_string())),
    };
    let text = own.as_deref().or_else(|| value.as_str()).unwrap_or_default();
    let escape = match state.auto_escape() {
        _ if value.is_safe() || !is_text => Escape::None,
        AutoEscape::Html => Escape::Html,
        AutoEscape::Custom(_) => Escape::Markdown,
        _ => Escape::None,
    };
    let written = if is_recorded(out) {
        write_recorded(out, escape, text, is_text)
    } else {
        write_kept(out, escape, text)
    };
    written.map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// Writes a value into captured output. A value that is escaped like the template's other values is
/// put between marks. It is then still a value when the template prints the captured text.
fn write_kept(out: &mut Output<'_>, escape: Escape, text: &str) -> std::fmt::Result {
    let is_marked = escape != Escape::None && escape == ESCAPE.get() && MARKS.get() != Marks::Never;
    if is_marked && !text.is_empty() {
        MARKS.set(Marks::Used);
        return marks::push(out, escape, text);
    }
    escape.push(out, text)
}

/// Writes a value into the message. It is recorded as a value, or as fixed text if it may be markup
/// by the author.
fn write_recorded(
    out: &mut Output<'_>,
    escape: Escape,
    text: &str,
    is_text: bool,
) -> std::fmt::Result {
    match (ESCAPE.get(), escape) {
        (Escape::None, Escape::Html) => {
            let mut escaped = String::with_capacity(text.len() + 16);
            escape.push(&mut escaped, text)?;
            write_as(out, Turn::Value, &escaped)
        }
        (Escape::None, _) => write_as(out, Turn::Value, text),
        (own @ (Escape::Html | Escape::Markdown), Escape::None)
            if MARKS.get() == Marks::Used && marks::are_in(text) =>
        {
            write_stretches(out, own, text)
        }
        (Escape::Html, Escape::None) if text.contains(['&', '<', '>', '"', '\'']) => {
            write_as(out, Turn::Fixed, text)
        }
        (Escape::Markdown, Escape::None) if is_text && MARKS.get() != Marks::Never => {
            write_as(out, Turn::Fixed, text)
        }
        (Escape::Markdown, Escape::None) if !is_text => write_as(out, Turn::Number, text),
        // A filter may have changed captured text.
        (Escape::Html | Escape::Markdown, _) if MARKS.get() == Marks::Used => {
            write_as(out, Turn::Value, &marks::without(text))
        }
        (Escape::Html | Escape::Markdown, _) => write_as(out, Turn::Value, text),
    }
}

/// Writes captured text: the text between marks as values, the rest as fixed text.
fn write_stretches(out: &mut Output<'_>, escape: Escape, text: &str) -> std::fmt::Result {
    marks::take_apart(text, |stretch, is_value| match is_value {
        true if escape == Escape::Html => {
            write_as(out, Turn::Value, &escape::without_references(stretch))
        }
        true => write_as(out, Turn::Value, stretch),
        false => write_as(out, Turn::Fixed, stretch),
    })
}
