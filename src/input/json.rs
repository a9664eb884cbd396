//! Reads JSON arrays of objects and NDJSON, one object at a time.

use std::fmt;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::encoding::Text;
use super::problem::{MAX_BLANK_LINES, Place, Problem, only_line_ends};
use super::{MAX_FIELD_BYTES, MAX_RECORD_BYTES};
use crate::model::recipient::JsonRow;

/// An object with its number, counted from 1: its line in NDJSON, its position in an array.
type Numbered = (u64, JsonRow);

/// A text that is read in blocks as needed.
struct Window {
    text: Text,
    buffer: String,
    at: usize,
    ended: bool,
}

impl Window {
    fn new(text: Text, buffer: String) -> Self {
        Self { text, buffer, at: 0, ended: false }
    }

    /// Returns the text that has been read but not yet used.
    fn waiting(&self) -> &[u8] {
        self.waiting_text().as_bytes()
    }

    fn waiting_text(&self) -> &str {
        &self.buffer[self.at..]
    }

    /// Reads until the unread text has at least doubled. Returns `false` if the text has ended.
    fn more(&mut self) -> Result<bool, Problem> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        while self.buffer.len() <= 2 * before && !self.ended {
            self.ended = !self.text.fill(&mut self.buffer)?;
        }
        Ok(self.buffer.len() > before)
    }

    /// Returns the next byte that is not white space, without consuming it. Returns `None` at the
    /// end.
    fn peek(&mut self) -> Result<Option<u8>, Problem> {
        loop {
            let waiting = self.waiting();
            if let Some(skip) = waiting.iter().position(|byte| !byte.is_ascii_whitespace()) {
                let byte = waiting[skip];
                self.at += skip;
                return Ok(Some(byte));
            }
            self.at = self.buffer.len();
            if !self.more()? {
                return Ok(None);
            }
        }
    }
}

/// Reads the objects of a top-level array.
pub(super) struct Array {
    window: Window,
    element: u64,
    state: State,
}

enum State {
    Begin,
    Inside,
    Done,
}

impl Array {
    pub(super) fn new(text: Text, buffer: String) -> Self {
        Self { window: Window::new(text, buffer), element: 0, state: State::Begin }
    }

    /// Returns the next object and its position in the array, counted from 1.
    pub(super) fn next_object(&mut self) -> Result<Option<Numbered>, Problem> {
        match self.state {
            State::Done => return Ok(None),
            State::Begin => {
                self.open()?;
                if self.window.peek()? == Some(b']') {
                    return self.close();
                }
            }
            State::Inside => match self.window.peek()? {
                Some(b',') => self.window.at += 1,
                Some(b']') => return self.close(),
                Some(_) => {
                    return Err(Problem::new(
                        Place::Element(self.element),
                        "is followed by neither a comma nor the end of the array",
                    ));
                }
                None => return Err(self.truncated()),
            },
        }
        self.state = State::Inside;
        self.element += 1;
        let place = Place::Element(self.element);
        match self.window.peek()? {
            Some(b'{') => {}
            Some(first) => return Err(no_object(place, first)),
            None => return Err(self.truncated()),
        }
        let Some(length) = self.object_length(place)? else { return Err(self.truncated()) };
        let map = parse(&self.window.waiting_text()[..length], place)?;
        self.window.at += length;
        Ok(Some((self.element, map)))
    }

    fn open(&mut self) -> Result<(), Problem> {
        match self.window.peek()? {
            Some(b'[') => {
                self.window.at += 1;
                Ok(())
            }
            Some(b'{') => Err(Problem::new(Place::List, "holds an object where an array of objects is expected")
                .hint("if it has one object per line, use --format ndjson; if the array is inside an object, extract it first")),
            _ => Err(Problem::new(Place::List, "is no JSON array").hint("set the format of the list: --format csv, tsv, json or ndjson")),
        }
    }

    fn close(&mut self) -> Result<Option<Numbered>, Problem> {
        self.window.at += 1;
        self.state = State::Done;
        match self.window.peek()? {
            None => Ok(None),
            Some(_) => {
                Err(Problem::new(Place::List, "something follows the end of the JSON array")
                    .hint("a list is a single array; give several lists as several files"))
            }
        }
    }

    fn truncated(&self) -> Problem {
        Problem::new(
            Place::List,
            format!(
                "the file ends inside the JSON array, at element {}: truncated?",
                self.element.max(1)
            ),
        )
        .hint("fetch or export it again")
    }

    /// Returns the length in bytes of the object that begins here. Returns `None` if the text ends
    /// inside it.
    fn object_length(&mut self, place: Place) -> Result<Option<usize>, Problem> {
        let (mut depth, mut quoted, mut escaped, mut next) = (0_usize, false, false, 0);
        loop {
            for (i, &byte) in self.window.waiting().iter().enumerate().skip(next) {
                if quoted {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quoted = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return if i < MAX_RECORD_BYTES {
                        Ok(Some(i + 1))
                    } else {
                        Err(too_large(place))
                    };
                }
            }
            next = self.window.waiting().len();
            if next > MAX_RECORD_BYTES {
                return Err(too_large(place));
            }
            if !self.window.more()? {
                return Ok(None);
            }
        }
    }
}

/// Reads the objects of an NDJSON text.
pub(super) struct Lines {
    window: Window,
    line: u64,
}

impl Lines {
    pub(super) fn new(text: Text, buffer: String) -> Self {
        Self { window: Window::new(text, buffer), line: 0 }
    }

    /// Returns the next object and its line. Skips blank lines.
    pub(super) fn next_object(&mut self) -> Result<Option<Numbered>, Problem> {
        let before = self.line;
        loop {
            if self.line - before > MAX_BLANK_LINES {
                return Err(only_line_ends(before));
            }
            let end = match memchr(b'\n', self.window.waiting()) {
                Some(end) => end,
                None => {
                    if self.window.waiting().len() > MAX_RECORD_BYTES {
                        return Err(too_large(Place::Line(self.line + 1)));
                    }
                    if self.window.more()? {
                        continue;
                    }
                    if self.window.waiting().is_empty() {
                        return Ok(None);
                    }
                    self.window.waiting().len()
                }
            };
            self.line += 1;
            let place = Place::Line(self.line);
            let line = self.window.waiting_text()[..end].trim_ascii();
            let object = match line.as_bytes().first() {
                None => None,
                Some(_) if line.len() > MAX_RECORD_BYTES => return Err(too_large(place)),
                Some(b'{') => Some(parse(line, place)?),
                Some(&first) => return Err(no_object(place, first)),
            };
            self.window.at = (self.window.at + end + 1).min(self.window.buffer.len());
            if let Some(object) = object {
                return Ok(Some((self.line, object)));
            }
        }
    }
}

/// A JSON object. Repeated keys are an error.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut map = Map::new();
                while let Some(key) = entries.next_key::<String>()? {
                    if map.contains_key(&key) {
                        return Err(serde::de::Error::custom(format_args!(
                            "key {key:?} stands twice"
                        )));
                    }
                    map.insert(key, entries.next_value()?);
                }
                Ok(Object(map))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

fn parse(source: &str, place: Place) -> Result<JsonRow, Problem> {
    let Object(map) = serde_json::from_str(source).map_err(|error| {
        // The parser's position is replaced by one relative to the list: the place of the object,
        // then the line and column inside the object.
        let text = error.to_string();
        let what = text.split_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        let inside = if error.line() > 1 {
            format!("line {} of the object, column {}", error.line(), error.column())
        } else {
            format!("column {}", error.column())
        };
        let problem = Problem::new(place, format!("{what} ({inside})"));
        match place {
            Place::Line(_) if error.is_eof() => problem.hint(
                "write each object on one line; in NDJSON an object cannot span several lines",
            ),
            _ => problem.hint("fix the JSON there, or export the list again"),
        }
    })?;
    let large = source.len() > MAX_FIELD_BYTES
        && map.values().any(|value| {
            value.as_str().map_or_else(|| value.to_string().len(), str::len) > MAX_FIELD_BYTES
        });
    if large {
        return Err(Problem::new(
            place,
            format!("one of its values is larger than {} MiB", MAX_FIELD_BYTES >> 20),
        )
        .hint("put large content into the message instead"));
    }
    JsonRow::new(map, source).map_err(|why| {
        Problem::new(place, why.to_string()).hint("fix the JSON there, or export the list again")
    })
}

fn no_object(place: Place, first: u8) -> Problem {
    let found = match first {
        b'"' => "a string",
        b'[' => "an array",
        b'0'..=b'9' | b'-' => "a number",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b']' => "the end of the array after a comma",
        _ => "something that is not JSON",
    };
    Problem::new(place, format!("is {found}, not an object"))
        .hint(r#"each recipient is an object such as {"email": "ann@example.com"}"#)
}

fn too_large(place: Place) -> Problem {
    Problem::new(place, format!("is larger than {} MiB", MAX_RECORD_BYTES >> 20))
        .hint("is a bracket, quote or line end missing before it?")
}
