//! Reads MJML and the files that it includes. A token replaces each template tag, each comment, and
//! the content of each element that contains HTML, so the renderer sees only elements, attributes
//! and tokens.

use crate::model::error::{Error, Result};

use super::super::confined::Folder;
use super::super::mapped::Mapped;
use super::super::start_tag::{self, Wrong};
use super::super::tags;
use super::output::{Out, Protected, Role, Source, Stretch};

mod between;
mod defaults;
mod include;
mod start;

use defaults::Defaults;

/// The greatest depth of nested elements. The MJML parser is recursive.
const DEEPEST: usize = 100;
/// The most bytes of MJML, including all included files.
const MOST: usize = 8 << 20;

/// An element whose end tag has not been reached.
#[derive(Debug)]
struct Open {
    name: String,
    at: usize,
    /// Whether its tags are left out, because it is the root, head or body of an included file.
    is_dropped: bool,
    /// Whether its content is moved into the head.
    is_moved: bool,
}

pub(super) struct Reader<'f> {
    folder: &'f Folder,
    prefix: String,
    sources: Vec<Source>,
    /// The chain of sources that are being read, each included by the one before it.
    reading: Vec<usize>,
    stretches: Vec<Stretch>,
    above: Vec<Stretch>,
    below: Vec<Stretch>,
    open: Vec<Open>,
    out: Out,
    /// Content that included files add to the head.
    head: Out,
    /// Whether output goes to `head` instead of `out`.
    is_moving: bool,
    /// The offset of the head's end tag in `out`. `root_start` is the offset after the root's start
    /// tag, where a head is inserted if there is none.
    head_end: Option<usize>,
    root_start: Option<usize>,
    has_root: bool,
    has_body: bool,
    defaults: Defaults,
    css: Mapped,
    bytes: usize,
}

impl<'f> Reader<'f> {
    fn new(folder: &'f Folder, prefix: String) -> Self {
        Self {
            folder,
            prefix,
            sources: Vec::new(),
            reading: Vec::new(),
            stretches: Vec::new(),
            above: Vec::new(),
            below: Vec::new(),
            open: Vec::new(),
            out: Out::default(),
            head: Out::default(),
            is_moving: false,
            head_end: None,
            root_start: None,
            has_root: false,
            has_body: false,
            defaults: Defaults::default(),
            css: Mapped::default(),
            bytes: 0,
        }
    }

    /// Reads the MJML of a message with its includes.
    pub(super) fn read(
        (shown, name): (&str, &str),
        (body, line): (&str, u32),
        folder: &'f Folder,
    ) -> Result<Protected> {
        let mut reader = Self::new(folder, "mbq".to_owned());
        reader.add(Source::new(shown.to_owned(), name.to_owned(), body.to_owned(), line))?;
        if !reader.has_root {
            return Err(Error::refused(format!("{shown}: there is no <mjml> element"))
                .hint("MJML begins with <mjml><mj-body>; write HTML in a .html file"));
        }
        if !reader.has_body {
            return Err(Error::refused(format!("{shown}: there is no <mj-body> in <mjml>"))
                .hint("put the sections of the message into <mj-body>"));
        }
        reader.finish()
    }

    fn finish(mut self) -> Result<Protected> {
        if !self.head.text.is_empty() {
            let (at, around) = match (self.head_end, self.root_start) {
                (Some(at), _) => (at, ("", "")),
                (None, at) => (at.unwrap_or_default(), ("<mj-head>", "</mj-head>")),
            };
            let mut head = Out::default();
            head.push(around.0, 0, 0);
            head.insert(around.0.len(), &self.head);
            head.push(around.1, 0, 0);
            self.out.insert(at, &head);
        }
        // The source contains text that looks like a token, so the tokens need another prefix.
        let texts = || self.sources.iter().map(|source| source.text.as_str());
        if texts().any(|text| text.contains(&self.prefix)) {
            let prefix = tags::unused_word(texts());
            return Self::again(self, prefix);
        }
        Ok(Protected::new(
            self.out,
            (self.sources, self.stretches),
            (self.above, self.below),
            (self.prefix, self.css),
        ))
    }

    /// Reads everything again with another prefix.
    fn again(old: Self, prefix: String) -> Result<Protected> {
        let mut sources = old.sources;
        let root = sources.swap_remove(0);
        let mut reader = Self::new(old.folder, prefix);
        reader.add(root)?;
        reader.finish()
    }

    /// Reads a source at the current position.
    fn add(&mut self, source: Source) -> Result<()> {
        self.bytes += source.text.len();
        if self.bytes > MOST {
            return Err(Error::refused(format!(
                "{}: more than {} MiB of MJML, including the files that it includes",
                source.shown,
                MOST >> 20
            ))
            .hint("make the message shorter: receivers refuse or truncate mail of this size"));
        }
        let text = source.text.clone();
        self.sources.push(source);
        self.reading.push(self.sources.len() - 1);
        let depth = self.open.len();
        self.elements(&text, depth)?;
        if let Some(open) = self.open.get(depth..).and_then(|open| open.last()) {
            return Err(self
                .error(open.at, format!("<{}> is not closed", open.name))
                .hint(format!("write </{}> where it ends", open.name)));
        }
        self.reading.pop();
        Ok(())
    }

    fn elements(&mut self, text: &str, depth: usize) -> Result<()> {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            at = if tags::opens(rest) {
                self.tag(text, at)?
            } else if rest.starts_with("<!--") {
                self.comment(text, at)?
            } else if rest.starts_with("</") {
                self.end_tag(text, at, depth)?
            } else if rest.starts_with("<!") || rest.starts_with("<?") {
                let end = rest.find('>').map_or(text.len(), |end| at + end + 1);
                if self.open.is_empty() { end } else { self.copy(text, at, end) }
            } else if start_tag::begins(rest) {
                self.start_tag(text, at)?
            } else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                let end = rest[first..].find(['<', '{']).map_or(text.len(), |end| at + first + end);
                self.plain(text, at, end)?
            };
        }
        Ok(())
    }

    fn source(&self) -> usize {
        self.reading.last().copied().unwrap_or_default()
    }

    fn error(&self, at: usize, what: impl AsRef<str>) -> Error {
        let place = self.sources[self.source()].shown_place(at);
        Error::refused(format!("{place}: {}", what.as_ref()))
    }

    fn write(&mut self, text: &str, offset: usize) {
        let source = self.source();
        if self.is_moving { &mut self.head } else { &mut self.out }.push(text, source, offset);
    }

    /// Returns what was written to the place that is being written to.
    fn written(&self) -> &str {
        if self.is_moving { &self.head.text } else { &self.out.text }
    }

    fn copy(&mut self, text: &str, at: usize, end: usize) -> usize {
        self.write(&text[at..end], at);
        end
    }

    /// The name of the innermost open element that is not dropped.
    fn parent(&self) -> Option<&str> {
        self.open.iter().rfind(|open| !open.is_dropped).map(|open| open.name.as_str())
    }

    /// Writes a token for a range of the current source.
    fn token(&mut self, role: Role, at: usize, end: usize) {
        let token = format!("{}{}x", self.prefix, self.stretches.len());
        self.stretches.push(Stretch { role, source: self.source(), range: at..end });
        self.write(&token, at);
    }

    /// Handles text between elements.
    fn plain(&mut self, text: &str, at: usize, end: usize) -> Result<usize> {
        let stretch = &text[at..end];
        if stretch.trim().is_empty() {
            // MJML treats other white space as text, which is not allowed between some elements.
            self.write("\n", at);
        } else if self.parent().is_none() {
            return Err(self
                .error(
                    at + stretch.len() - stretch.trim_start().len(),
                    "there is text outside of <mjml>",
                )
                .hint("put it into an element such as <mj-text>"));
        } else {
            self.write(stretch, at);
        }
        Ok(end)
    }

    fn end_tag(&mut self, text: &str, at: usize, depth: usize) -> Result<usize> {
        let end = text[at..].find('>').map(|end| at + end);
        let end = end.ok_or_else(|| self.wrong(Wrong::Unclosed(at)))?;
        let name = text[at + 2..end].trim();
        let open = if self.open.len() > depth { self.open.pop() } else { None };
        match open {
            Some(open) if open.name == name => {
                if open.is_moved {
                    self.is_moving = false;
                } else if !open.is_dropped {
                    if name == "mj-head" {
                        self.head_end = Some(self.out.text.len());
                    }
                    self.copy(text, at, end + 1);
                }
                Ok(end + 1)
            }
            Some(open) => {
                let place = self.sources[self.source()].shown_place(open.at);
                Err(self
                    .error(
                        at,
                        format!("</{name}> ends <{}>, which was opened at {place}", open.name),
                    )
                    .hint(format!("write </{}> before it", open.name)))
            }
            None => Err(self
                .error(at, format!("</{name}> ends no element"))
                .hint(format!("remove it, or write <{name}> where the element begins"))),
        }
    }

    fn wrong(&self, wrong: Wrong) -> Error {
        match wrong {
            Wrong::Unclosed(at) => self
                .error(at, "this tag is not closed")
                .hint("write > where it ends, and close its quotes"),
            Wrong::UnclosedTemplate(at) => self
                .error(at, "this template tag is not closed")
                .hint("values are between {{ and }}, conditions and loops between {% and %}"),
        }
    }
}
