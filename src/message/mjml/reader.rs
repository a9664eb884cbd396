//! Reads MJML and the files that it includes. A token replaces each template tag, each comment, and
//! the content of each element that contains HTML, so the renderer sees only elements, attributes
//! and tokens.

use crate::model::error::{Error, Result};

use super::super::confined::Folder;
use super::super::mapped::Mapped;
use super::super::start_tag::{self, StartTag, Wrong};
use super::super::tags;
use super::output::{Out, Protected, Role, Source, Stretch};

mod include;

/// The greatest depth of nested elements. The MJML parser is recursive.
const DEEPEST: usize = 100;
/// The most bytes of MJML, including all included files.
const MOST: usize = 8 << 20;

/// Elements that contain text, HTML or CSS.
const WITH_CONTENT: [&str; 11] = [
    "mj-text",
    "mj-button",
    "mj-table",
    "mj-raw",
    "mj-title",
    "mj-preview",
    "mj-style",
    "mj-navbar-link",
    "mj-social-element",
    "mj-accordion-title",
    "mj-accordion-text",
];
/// Elements that may contain only certain other elements. A template tag between these is refused.
const ELEMENTS_ONLY: [&str; 6] = [
    "mj-attributes",
    "mj-social",
    "mj-navbar",
    "mj-accordion",
    "mj-accordion-element",
    "mj-carousel",
];
/// All elements that mrml can render.
const KNOWN: [&str; 32] = [
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-text",
    "mj-accordion-title",
    "mj-all",
    "mj-attributes",
    "mj-body",
    "mj-breakpoint",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-class",
    "mj-column",
    "mj-divider",
    "mj-font",
    "mj-group",
    "mj-head",
    "mj-hero",
    "mj-image",
    "mj-navbar",
    "mj-navbar-link",
    "mj-preview",
    "mj-raw",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-style",
    "mj-table",
    "mj-text",
    "mj-title",
    "mj-wrapper",
];
/// Statements without output, which are allowed in the head.
const SILENT: [&str; 4] = ["set", "import", "from", "do"];
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

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
        // The source contains text that looks like a token. A longer prefix makes the tokens
        // unique.
        if self.sources.iter().any(|source| source.text.contains(&self.prefix)) {
            let longer = format!("{}q", self.prefix);
            return Self::again(self, longer);
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

    /// Handles a template tag between elements.
    fn tag(&mut self, text: &str, at: usize) -> Result<usize> {
        let tag = tags::at(text, at).map_err(|why| self.wrong(Wrong::UnclosedTemplate(why.0)))?;
        let Some(tag) = tag else { return Ok(self.copy(text, at, at + 1)) };
        let (end, shown) = (tag.range.end, &text[tag.range.clone()]);
        if tag.kind == tags::Kind::Comment {
            return Ok(end);
        }
        let is_silent = tag.kind == tags::Kind::Block
            && SILENT.contains(&tags::word(shown))
            && start_tag::nesting(shown) == 0;
        match self.parent() {
            None => {
                let stretch =
                    Stretch { role: Role::Between, source: self.source(), range: at..end };
                if self.has_root { &mut self.below } else { &mut self.above }.push(stretch);
            }
            Some("mjml") => {
                return Err(self
                    .error(at, "a template tag cannot be between <mj-head> and <mj-body>")
                    .hint("put it above <mjml>, or into <mj-body>"));
            }
            Some("mj-head") if !is_silent => {
                return Err(self
                    .error(at, "only {% set %} and {% import %} can be between the elements of <mj-head>")
                    .hint("put other template tags into <mj-raw>, <mj-style>, <mj-title> or <mj-preview>"));
            }
            Some(parent) if ELEMENTS_ONLY.contains(&parent) => {
                return Err(self
                    .error(
                        at,
                        format!("a template tag cannot be between the elements of <{parent}>"),
                    )
                    .hint(format!(
                        "put it around the whole <{parent}>, or into the values of its attributes"
                    )));
            }
            Some(_) => self.raw(Role::Between, at, end),
        }
        Ok(end)
    }

    /// Writes a token inside `<mj-raw>`, which MJML outputs unchanged.
    fn raw(&mut self, role: Role, at: usize, end: usize) {
        self.write("<mj-raw>", at);
        self.token(role, at, end);
        self.write("</mj-raw>", at);
    }

    fn comment(&mut self, text: &str, at: usize) -> Result<usize> {
        let Some(end) = text[at + 4..].find("-->").map(|end| at + 4 + end + 3) else {
            return Err(self
                .error(at, "this comment is not closed")
                .hint("write --> where it ends"));
        };
        let has_tags = tags::all(&text[at..end])
            .map_err(|why| self.wrong(Wrong::UnclosedTemplate(at + why.0)))?
            .iter()
            .any(|tag| tag.kind != tags::Kind::Comment);
        match self.parent() {
            Some(parent) if parent != "mjml" && !ELEMENTS_ONLY.contains(&parent) => {
                if parent == "mj-head" && has_tags {
                    return Err(self
                        .error(at, "a comment with template tags cannot be between the elements of <mj-head>")
                        .hint("write it as {# ... #}"));
                }
                self.raw(Role::Between, at, end);
            }
            _ if has_tags => {
                return Err(self
                    .error(at, "MJML drops this comment together with its template tags")
                    .hint("write it as {# ... #}"));
            }
            _ => {}
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
                .hint("remove it, or open the element before it")),
        }
    }

    fn start_tag(&mut self, text: &str, at: usize) -> Result<usize> {
        let tag = start_tag::read(text, at).map_err(|wrong| self.wrong(wrong))?;
        if let Some(among) = tag.tag_among {
            return Err(self
                .error(
                    among,
                    "a template tag is allowed in the value of an attribute, not between attributes",
                )
                .hint("write it as name=\"{% if ... %}a{% else %}b{% endif %}\""));
        }
        if let Some(half) = tag.attributes.iter().find(|attribute| attribute.is_half) {
            return Err(self
                .error(
                    half.value.start,
                    "a condition or loop begins in this value and does not end in it",
                )
                .hint(
                    "write all of it, {% endif %} or {% endfor %} included, between the quotes",
                ));
        }
        let is_included = self.reading.len() > 1;
        match tag.name.as_str() {
            "mj-include" => return self.include(text, at, &tag),
            "mjml" if self.open.is_empty() && self.has_root => {
                return Err(self.error(at, "there is a second <mjml>").hint("remove it"));
            }
            "mjml" if self.open.is_empty() => self.has_root = true,
            _ if self.open.is_empty() => {
                return Err(self
                    .error(at, format!("<{}> is outside of <mjml>", tag.name))
                    .hint("MJML begins with <mjml><mj-body>; write HTML in a .html file"));
            }
            name if name.starts_with("mj-") && !KNOWN.contains(&name) => {
                return Err(self
                    .error(at, format!("the element <{name}> is not known here"))
                    .hint("see the elements at https://documentation.mjml.io"));
            }
            "mj-style" if self.style(text, &tag)? => return self.behind(text, at, &tag),
            _ => {}
        }
        if WITH_CONTENT.contains(&tag.name.as_str()) && !tag.is_empty {
            return self.with_content(text, at, &tag);
        }
        // An included file may be a complete document.
        let is_dropped = is_included && matches!(tag.name.as_str(), "mjml" | "mj-body" | "mj-head");
        let is_moved = is_dropped && tag.name == "mj-head" && !self.is_in_head();
        if !is_dropped {
            self.write_start(text, at, &tag);
            if tag.name == "mjml" {
                self.root_start = Some(self.out.text.len());
            }
        }
        if !tag.is_empty && !VOID.contains(&tag.name.as_str()) {
            self.is_moving |= is_moved;
            self.open.push(Open { name: tag.name, at, is_dropped, is_moved });
            if self.open.len() > DEEPEST {
                return Err(self
                    .error(at, format!("elements are nested more than {DEEPEST} deep here"))
                    .hint("close elements where they end"));
            }
        }
        Ok(tag.end)
    }

    fn is_in_head(&self) -> bool {
        self.is_moving || self.open.iter().any(|open| open.name == "mj-head")
    }

    /// Writes a start tag with tokens for the template tags in its attributes.
    fn write_start(&mut self, text: &str, at: usize, tag: &StartTag) {
        self.write(&format!("<{}", tag.name), at);
        for attribute in &tag.attributes {
            let start = attribute.value.start;
            if attribute.value.is_empty() && !text[..start].ends_with(['"', '\'']) {
                self.write(&format!(" {}", attribute.name), start - attribute.name.len());
                continue;
            }
            self.write(&format!(" {}=\"", attribute.name), start);
            let quoted = |text: &str| text.replace('"', "&quot;");
            match &attribute.template {
                None => self.write(&quoted(&text[attribute.value.clone()]), start),
                Some(template) => {
                    self.write(&quoted(&text[start..template.start]), start);
                    self.token(Role::Value, template.start, template.end);
                    self.write(&quoted(&text[template.end..attribute.value.end]), template.end);
                }
            }
            self.write("\"", attribute.value.end);
        }
        if tag.name == "mj-image" && tag.attribute("alt").is_none() && !self.is_in_head() {
            // MJML adds an empty `alt`, so that programs that do not load images show nothing.
            self.write(" alt=\"\"", tag.end - 1);
        }
        self.write(if tag.is_empty { "/>" } else { ">" }, tag.end - 1);
    }

    /// Returns the offset at which an element's content ends, and the offset after its end tag.
    fn content(&self, text: &str, at: usize, tag: &StartTag) -> Result<(usize, usize)> {
        let end = format!("</{}", tag.name);
        let ends = text[tag.end..].match_indices(&end).find_map(|(found, _)| {
            let behind = tag.end + found + end.len();
            let close = text[behind..].find('>')?;
            text[behind..behind + close]
                .trim()
                .is_empty()
                .then_some((tag.end + found, behind + close + 1))
        });
        ends.ok_or_else(|| {
            self.error(at, format!("<{}> is not closed", tag.name))
                .hint(format!("write </{}> where it ends", tag.name))
        })
    }

    fn with_content(&mut self, text: &str, at: usize, tag: &StartTag) -> Result<usize> {
        let (end, behind) = self.content(text, at, tag)?;
        // For an unclosed tag, the engine would report the end of the HTML instead of the place of
        // the tag.
        tags::all(&text[tag.end..end])
            .map_err(|why| self.wrong(Wrong::UnclosedTemplate(tag.end + why.0)))?;
        self.write_start(text, at, tag);
        if !text[tag.end..end].trim().is_empty() {
            let role = if tag.name == "mj-title" { Role::Title } else { Role::Content };
            self.token(role, tag.end, end);
        }
        self.copy(text, end, behind);
        Ok(behind)
    }

    /// Returns the offset after an element.
    fn behind(&self, text: &str, at: usize, tag: &StartTag) -> Result<usize> {
        if tag.is_empty {
            Ok(tag.end)
        } else {
            self.content(text, at, tag).map(|(_, behind)| behind)
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
