//! Restores an author's text in rendered MJML. A token stands for each range of the source that
//! must stay unchanged. After rendering, the tokens are replaced by these ranges.

use std::ops::Range;

use crate::model::error::{Error, Result};

use super::super::mapped::Mapped;
use super::super::tags;

/// A file from which MJML is read.
#[derive(Debug)]
pub(super) struct Source {
    /// The file's name in errors.
    pub(super) shown: String,
    /// The path below the message's folder.
    pub(super) name: String,
    /// The MJML text. `line` is the line of the file on which it begins.
    pub(super) text: String,
    pub(super) line: u32,
    /// The offsets of its line ends.
    ends: Vec<usize>,
}

impl Source {
    pub(super) fn new(shown: String, name: String, text: String, line: u32) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Self { shown, name, text, line, ends }
    }

    /// Returns the line and column of an offset, both from 1.
    fn place(&self, offset: usize) -> (u32, usize) {
        let lines = self.lines(offset);
        let start = lines.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        let column = self.text.get(start..offset).map_or(0, |line| line.chars().count()) + 1;
        (self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)), column)
    }

    /// Returns the number of line ends before an offset.
    pub(super) fn lines(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset)
    }

    /// Returns an offset as `file:line:column`.
    pub(super) fn shown_place(&self, offset: usize) -> String {
        let (line, column) = self.place(offset);
        format!("{}:{line}:{column}", self.shown)
    }
}

/// The kind of source text that a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A template tag or comment between elements. It must appear once and in order.
    Between,
    /// Template tags in an attribute's value.
    Value,
    /// The whole content of an element.
    Content,
    /// The whole content of `<mj-raw>`.
    Raw,
    /// The content of `<mj-title>`. MJML also writes it into an attribute.
    Title,
}

/// A range of a source for which a token stands.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) role: Role,
    pub(super) source: usize,
    pub(super) range: Range<usize>,
}

/// MJML text with the source position of each part.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) text: String,
    /// For each part: its offset in `text`, the index of its source, and its offset there.
    from: Vec<(usize, usize, usize)>,
}

impl Out {
    pub(super) fn push(&mut self, text: &str, source: usize, offset: usize) {
        self.from.push((self.text.len(), source, offset));
        self.text.push_str(text);
    }

    /// Inserts another text at an offset.
    pub(super) fn insert(&mut self, at: usize, other: &Self) {
        let length = other.text.len();
        let behind = self.from.partition_point(|(from, ..)| *from < at);
        self.from[behind..].iter_mut().for_each(|(from, ..)| *from += length);
        let moved = other.from.iter().map(|(from, source, offset)| (from + at, *source, *offset));
        self.from.splice(behind..behind, moved);
        self.text.insert_str(at, &other.text);
    }
}

/// The MJML that is given to the renderer, with everything needed to restore its tokens.
#[derive(Debug)]
pub(super) struct Protected {
    pub(super) text: String,
    pub(super) css: Mapped,
    out: Out,
    sources: Vec<Source>,
    stretches: Vec<Stretch>,
    prefix: String,
    /// Template tags before and after the root element.
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

    /// Returns the source position of an offset in the text as `file:line:column`.
    pub(super) fn shown_place(&self, offset: usize) -> String {
        let known = self.out.from.iter().rfind(|(from, ..)| *from <= offset);
        let (from, source, at) = known.copied().unwrap_or_default();
        let source = &self.sources[source];
        source.shown_place((at + offset - from).min(source.text.len()))
    }

    /// Returns the offset of a line and column, both from 1.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let mut lines = self.text.split_inclusive('\n');
        let before: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
        let within = lines.next().unwrap_or_default();
        let at =
            within.char_indices().nth(column.saturating_sub(1)).map_or(within.len(), |(at, _)| at);
        before + at
    }

    /// Replaces the tokens in the rendered text. Returns an error if a token is missing, or if
    /// tokens between elements are repeated or out of order.
    pub(super) fn restored(&self, rendered: &str) -> Result<Mapped> {
        let mut html = Mapped::default();
        let (mut met, mut between) = (vec![0_usize; self.stretches.len()], Vec::new());
        self.above.iter().for_each(|stretch| self.put(&mut html, stretch));
        let (mut rest, mut comment) = (rendered, None);
        while let Some((before, behind)) = rest.split_once(self.prefix.as_str()) {
            html.push(before);
            comment = open_comment(comment, before);
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            let number: Option<usize> = behind[..digits].parse().ok();
            let found = number.and_then(|number| Some((number, self.stretches.get(number)?)));
            rest = behind[digits..].strip_prefix('x').unwrap_or(&behind[digits..]);
            let Some((number, stretch)) = found else { continue };
            match (stretch.role, comment) {
                // Between the sections of `<mj-wrapper>`, MJML writes a comment that only Outlook
                // reads. It is closed and opened again, so that every reader gets the stretch.
                (Role::Between | Role::Raw, Some(opening)) => {
                    html.push("<![endif]-->");
                    self.put(&mut html, stretch);
                    html.push(opening);
                }
                _ => self.put(&mut html, stretch),
            }
            let is_hidden =
                matches!(stretch.role, Role::Content | Role::Title) && comment.is_some();
            met[number] += usize::from(!is_hidden);
            if stretch.role == Role::Between {
                between.push(number);
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
            .hint("use a fixed value, because MJML calculates the layout before any row is known"),
            Role::Content | Role::Raw | Role::Title => Error::refused(format!("{place}: MJML does not output this content"))
                .hint("remove the element, or move it to a place where MJML outputs it"),
            Role::Between => Error::refused(format!(
                "{place}: MJML would drop, repeat or move this template tag"
            ))
            .hint("put the tag around a whole <mj-section>, <mj-column> or element of a column"),
        }
    }
}

/// Returns the opening of the comment in which MJML's own text ends, such as `<!--[if mso | IE]>`.
/// `open` is the comment that is open before the text.
fn open_comment<'r>(open: Option<&'r str>, text: &'r str) -> Option<&'r str> {
    let last = |what: &[u8]| memchr::memmem::rfind(text.as_bytes(), what);
    match (last(b"<!--"), last(b"-->")) {
        (None, None) => open,
        (Some(opened), closed) if closed.is_none_or(|closed| closed < opened) => {
            let end = text[opened..].find('>').map_or(text.len(), |end| opened + end + 1);
            Some(&text[opened..end])
        }
        _ => None,
    }
}

/// Replaces quotation marks outside template tags with `&quot;`.
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
