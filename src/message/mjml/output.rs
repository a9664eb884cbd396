//! MJML with a token for each stretch that must not change, and the stretches put back into what
//! was rendered.

use std::ops::Range;

use crate::model::error::{Error, Result};

use super::super::mapped::Mapped;
use super::super::tags;

/// A file that MJML is read from.
#[derive(Debug)]
pub(super) struct Source {
    /// The file in errors.
    pub(super) shown: String,
    /// Its name below the message's folder.
    pub(super) name: String,
    /// Its text, and the line on which that begins.
    pub(super) text: String,
    pub(super) line: u32,
    /// Where its lines end.
    ends: Vec<usize>,
}

impl Source {
    pub(super) fn new(shown: String, name: String, text: String, line: u32) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Self { shown, name, text, line, ends }
    }

    /// The line and column of an offset, from 1.
    fn place(&self, offset: usize) -> (u32, usize) {
        let lines = self.lines(offset);
        let start = lines.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        let column = self.text.get(start..offset).map_or(0, |line| line.chars().count()) + 1;
        (self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)), column)
    }

    /// How many lines end before an offset.
    pub(super) fn lines(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset)
    }

    /// The file, line and column of an offset, as errors name them.
    pub(super) fn shown_place(&self, offset: usize) -> String {
        let (line, column) = self.place(offset);
        format!("{}:{line}:{column}", self.shown)
    }
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A template tag or a comment between elements: it comes out once, in its order.
    Between,
    /// A part of the value of an attribute.
    Value,
    /// All that is in an element.
    Content,
    /// The same of the title, which MJML prints into an attribute, too.
    Title,
}

/// A stretch of a file that a token stands for.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) role: Role,
    pub(super) source: usize,
    pub(super) range: Range<usize>,
}

/// Text with the places that its stretches come from.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) text: String,
    /// Where text from a file begins, and the source and offset it has there.
    from: Vec<(usize, usize, usize)>,
}

impl Out {
    pub(super) fn push(&mut self, text: &str, source: usize, offset: usize) {
        self.from.push((self.text.len(), source, offset));
        self.text.push_str(text);
    }

    /// Puts another text in at an offset.
    pub(super) fn insert(&mut self, at: usize, other: &Self) {
        let length = other.text.len();
        let behind = self.from.partition_point(|(from, ..)| *from < at);
        self.from[behind..].iter_mut().for_each(|(from, ..)| *from += length);
        let moved = other.from.iter().map(|(from, source, offset)| (from + at, *source, *offset));
        self.from.splice(behind..behind, moved);
        self.text.insert_str(at, &other.text);
    }
}

/// All that MJML is rendered from.
#[derive(Debug)]
pub(super) struct Protected {
    pub(super) text: String,
    pub(super) css: Mapped,
    out: Out,
    sources: Vec<Source>,
    stretches: Vec<Stretch>,
    prefix: String,
    /// Template tags above and below the root element.
    above: Vec<Stretch>,
    below: Vec<Stretch>,
}

impl Protected {
    pub(super) fn new(
        mut out: Out,
        (sources, stretches): (Vec<Source>, Vec<Stretch>),
        (above, below): (Vec<Stretch>, Vec<Stretch>),
        (prefix, css): (String, Mapped),
    ) -> Self {
        let text = std::mem::take(&mut out.text);
        Self { text, css, out, sources, stretches, prefix, above, below }
    }

    /// The file, line and column from which an offset of the text comes.
    pub(super) fn shown_place(&self, offset: usize) -> String {
        let known = self.out.from.iter().rfind(|(from, ..)| *from <= offset);
        let (from, source, at) = known.copied().unwrap_or_default();
        let source = &self.sources[source];
        source.shown_place((at + offset - from).min(source.text.len()))
    }

    /// The offset of a line and a column of the text, from 1.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let mut lines = self.text.split_inclusive('\n');
        let before: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
        let within = lines.next().unwrap_or_default();
        let at =
            within.char_indices().nth(column.saturating_sub(1)).map_or(within.len(), |(at, _)| at);
        before + at
    }

    /// The rendered text with the stretches instead of their tokens. Refused unless each is there,
    /// and those between elements once and in their order.
    pub(super) fn restored(&self, rendered: &str) -> Result<Mapped> {
        let mut html = Mapped::default();
        let (mut met, mut between) = (vec![0_usize; self.stretches.len()], Vec::new());
        self.above.iter().for_each(|stretch| self.put(&mut html, stretch));
        let mut rest = rendered;
        while let Some((before, behind)) = rest.split_once(self.prefix.as_str()) {
            html.push(before);
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            let number: Option<usize> = behind[..digits].parse().ok();
            let found = number.and_then(|number| Some((number, self.stretches.get(number)?)));
            rest = behind[digits..].strip_prefix('x').unwrap_or(&behind[digits..]);
            if let Some((number, stretch)) = found {
                met[number] += 1;
                let source = &self.sources[stretch.source];
                let text = &source.text[stretch.range.clone()];
                if stretch.role == Role::Between
                    && text.starts_with("<!--")
                    && is_in_comment(&html.text)
                {
                    // MJML prints it into a comment of its own, which it would end.
                    if tags::all(text).is_ok_and(|tags| tags.is_empty()) {
                        continue;
                    }
                    return Err(self.lost(stretch));
                }
                if stretch.role == Role::Between {
                    between.push(number);
                }
                self.put(&mut html, stretch);
            }
        }
        html.push(rest);
        self.below.iter().for_each(|stretch| self.put(&mut html, stretch));
        for (stretch, met) in self.stretches.iter().zip(met) {
            if met == 0 || (stretch.role == Role::Between && met > 1) {
                return Err(self.lost(stretch));
            }
        }
        let out_of_order = between.windows(2).find(|pair| pair[0] > pair[1]);
        match out_of_order {
            Some(pair) => Err(self.lost(&self.stretches[pair[1]])),
            None => Ok(html),
        }
    }

    fn put(&self, html: &mut Mapped, stretch: &Stretch) {
        let source = &self.sources[stretch.source];
        let name = (stretch.source > 0).then_some(source.name.as_str());
        let text = &source.text[stretch.range.clone()];
        let line = source.place(stretch.range.start).0;
        if stretch.role == Role::Title && text.contains('"') {
            html.push_from(&without_quotes(text), name, line);
        } else {
            html.push_from(text, name, line);
        }
    }

    fn lost(&self, stretch: &Stretch) -> Error {
        let place = self.sources[stretch.source].shown_place(stretch.range.start);
        match stretch.role {
            Role::Value => Error::refused(format!(
                "{place}: MJML does not output the value of this attribute, so it cannot contain a template tag"
            ))
            .hint("MJML calculates the layout before any row is known: give it a fixed value"),
            Role::Content | Role::Title => Error::refused(format!("{place}: MJML does not output this content"))
                .hint("remove the element, or put it where MJML prints it"),
            Role::Between => Error::refused(format!(
                "{place}: MJML does not output this template tag exactly once and in its original order"
            ))
            .hint("put the tag around a whole <mj-section>, <mj-column> or element of a column"),
        }
    }
}

/// Whether a text ends within a comment.
fn is_in_comment(html: &str) -> bool {
    let bytes = html.as_bytes();
    let last = |what: &[u8]| memchr::memmem::rfind(bytes, what);
    last(b"<!--") > last(b"-->")
}

/// A text with a reference for each quote outside of template tags.
fn without_quotes(text: &str) -> String {
    let (mut out, mut done) = (String::new(), 0);
    for tag in tags::all(text).unwrap_or_default() {
        out.push_str(&text[done..tag.range.start].replace('"', "&quot;"));
        out.push_str(&text[tag.range.clone()]);
        done = tag.range.end;
    }
    out.push_str(&text[done..].replace('"', "&quot;"));
    out
}
