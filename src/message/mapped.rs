//! Text that was generated from files, with the place of every copied stretch in its file, so that
//! an error in the text names the line that the author wrote.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A stretch of a text that is the same as a stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Where the stretch begins in the text, and its length, in bytes.
    at: usize,
    length: usize,
    /// The file, where it is not the message file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line of that file on which the stretch begins, from 1.
    line: u32,
}

/// The file, if not the message's own, and the line of an offset of a text; `None` where the text
/// at that offset is not copied from a file.
pub(super) fn find<'p>(
    places: &'p [Place],
    text: &str,
    offset: usize,
) -> Option<(Option<&'p str>, u32)> {
    let place = places.iter().rfind(|place| place.at <= offset)?;
    let end = place.at + place.length;
    let before = text.get(place.at..offset)?;
    // What is missing at the end of a template is missed there.
    if offset > end || (offset == end && end < text.len()) {
        return None;
    }
    Some((place.file.as_deref(), place.line.saturating_add(lines(before))))
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// A text under construction with its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
}

impl Mapped {
    /// The body of a message file.
    pub(super) fn of(text: &str, line: u32) -> Self {
        let place = Place { at: 0, length: text.len(), file: None, line };
        Self { text: text.to_owned(), places: vec![place] }
    }

    /// Appends generated text.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends text that is copied from a file.
    pub(super) fn push_from(&mut self, text: &str, file: Option<&str>, line: u32) {
        let at = self.text.len();
        self.text.push_str(text);
        self.places.push(Place { at, length: text.len(), file: file.map(str::to_owned), line });
    }

    /// The places that hold template tags: no error names another.
    pub(super) fn places_of_tags(&self) -> Vec<Place> {
        let has_tags = |place: &&Place| {
            let text = &self.text[place.at..place.at + place.length];
            text.contains("{{") || text.contains("{%")
        };
        self.places.iter().filter(has_tags).cloned().collect()
    }
}

/// A text of which stretches are copied into others.
pub(super) struct Stretches<'m> {
    of: &'m Mapped,
    /// Where its lines end.
    ends: Vec<usize>,
}

impl<'m> Stretches<'m> {
    /// The stretches of a text.
    pub(super) fn of(of: &'m Mapped) -> Self {
        Self { of, ends: memchr::memchr_iter(b'\n', of.text.as_bytes()).collect() }
    }

    /// Appends a stretch with its places.
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

    /// How many lines end before an offset.
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
