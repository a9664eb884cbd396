//! Generated text that remembers which parts were copied from which line of a file, so that errors
//! can name the line in the author's file.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A part of a text that was copied from a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The offset of the part in the text. `length` is in bytes, too.
    at: usize,
    length: usize,
    /// The name of the file. `None` for the message file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line of that file on which the part begins, from 1.
    line: u32,
}

/// Returns the file and line of an offset in a text. The file is `None` for the message file. The
/// result is `None` if the text at that offset was generated.
pub(super) fn find<'p>(
    places: &'p [Place],
    text: &str,
    offset: usize,
) -> Option<(Option<&'p str>, u32)> {
    let place = places.iter().rfind(|place| place.at <= offset)?;
    let end = place.at + place.length;
    let before = text.get(place.at..offset)?;
    // An error at the end of the whole text, such as a missing end tag, belongs to the last part.
    if offset > end || (offset == end && end < text.len()) {
        return None;
    }
    Some((place.file.as_deref(), place.line.saturating_add(lines(before))))
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// A text with the places of its copied parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
}

impl Mapped {
    /// Creates the text of a message file's body.
    pub(super) fn of(text: &str, line: u32) -> Self {
        let place = Place { at: 0, length: text.len(), file: None, line };
        Self { text: text.to_owned(), places: vec![place] }
    }

    /// Appends generated text.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends text copied from a file.
    pub(super) fn push_from(&mut self, text: &str, file: Option<&str>, line: u32) {
        let at = self.text.len();
        self.text.push_str(text);
        self.places.push(Place { at, length: text.len(), file: file.map(str::to_owned), line });
    }

    /// Returns `file:line` of an offset, or only the file if the line is not known. `own` is the
    /// name of the message file.
    pub(super) fn shown_place(&self, offset: usize, own: &str) -> String {
        match find(&self.places, &self.text, offset) {
            Some((file, line)) => format!("{}:{line}", file.unwrap_or(own)),
            None => own.to_owned(),
        }
    }

    /// The places of the parts with template tags. Errors refer to no other parts.
    pub(super) fn places_of_tags(&self) -> Vec<Place> {
        let has_tags = |place: &&Place| {
            let text = &self.text[place.at..place.at + place.length];
            text.contains("{{") || text.contains("{%")
        };
        self.places.iter().filter(has_tags).cloned().collect()
    }
}

/// A text from which parts are copied into other texts.
pub(super) struct Stretches<'m> {
    of: &'m Mapped,
    /// The offsets of its line ends.
    ends: Vec<usize>,
}

impl<'m> Stretches<'m> {
    pub(super) fn of(of: &'m Mapped) -> Self {
        Self { of, ends: memchr::memchr_iter(b'\n', of.text.as_bytes()).collect() }
    }

    /// Appends a part of the text with its places.
    pub(super) fn push(&self, out: &mut Mapped, range: Range<usize>) {
        let at = out.text.len();
        out.text.push_str(&self.of.text[range.clone()]);
        let places = &self.of.places;
        let first = places.partition_point(|place| place.at + place.length <= range.start);
        for place in places[first..].iter().take_while(|place| place.at < range.end) {
            let from = place.at.max(range.start);
            let to = (place.at + place.length).min(range.end);
            let lines = self.lines(from) - self.lines(place.at);
            out.places.push(Place {
                at: at + from - range.start,
                length: to - from,
                file: place.file.clone(),
                line: place.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
            });
        }
    }

    /// Returns the number of line ends before an offset.
    fn lines(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_keeps_the_lines_of_its_file() {
        let body = Mapped::of("one\ntwo {{ a }}\nthree {{ b }}\n", 5);
        let mut other = Mapped::default();
        other.push("<p>\n\n\n");
        let stretches = Stretches::of(&body);
        stretches.push(&mut other, 4..13);
        other.push("</p>");
        other.push_from("x\n{{ c }}", Some("footer.mjml"), 7);
        stretches.push(&mut other, 14..body.text.len());
        let line = |what: &str| {
            find(&other.places, &other.text, other.text.find(what).expect("it is there"))
        };
        assert_eq!(line("{{ a"), Some((None, 6)));
        assert_eq!(line("</p>"), None);
        assert_eq!(line("{{ c"), Some((Some("footer.mjml"), 8)));
        assert_eq!(line("{{ b"), Some((None, 7)));
        assert_eq!(other.places_of_tags().len(), 3);
    }
}
