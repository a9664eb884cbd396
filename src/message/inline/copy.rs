//! The copy of a page on which the styles are computed: its elements are numbered, and the files
//! that it includes, extends or imports are part of it.

use std::collections::HashMap;
use std::ops::Range;

use super::File;
use crate::message::mapped::Mapped;
use crate::message::start_tag::{self, Attribute, StartTag, Wrong};
use crate::message::{confined, escape, tags};

/// Elements whose content is not HTML.
const TEXT: [&str; 7] = ["script", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

/// The most bytes of a page together with the files that it includes, each as often as it is
/// included, and the greatest depth of nested files.
const MOST_BYTES: usize = 64 << 20;
const DEEPEST: usize = 64;

/// An element of a file.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) file: usize,
    /// The offset of its start tag. `inner_end` is the offset at which an attribute can be added.
    pub(super) at: usize,
    pub(super) inner_end: usize,
    /// The ranges of its `style` attribute and of the attribute's value.
    pub(super) style: Option<(Range<usize>, Range<usize>)>,
    /// The indexes of the template tags in the element's attributes.
    pub(super) templates: Range<usize>,
    /// Whether template tags between its attributes can add or remove attributes.
    is_conditional: bool,
}

/// A template tag for which a word stands in the copy.
#[derive(Debug)]
pub(super) struct Template {
    /// The file that contains the tag. `None` for CSS that is not part of the HTML.
    pub(super) file: Option<usize>,
    pub(super) range: Range<usize>,
    /// Whether the tag stands for whole declarations and not for a part of one.
    pub(super) is_whole: bool,
}

/// A block of a template that another template extends or that extends another.
#[derive(Clone, Debug)]
struct Block<'f> {
    name: &'f str,
    file: usize,
    content: Range<usize>,
    /// The offset after its end tag.
    end: usize,
}

/// Why a copy cannot be made.
#[derive(Debug)]
pub(super) enum Stop {
    /// A template tag is not closed. The template engine reports this error with its place.
    Template,
    TooLarge,
}

impl From<tags::Unclosed> for Stop {
    fn from(_: tags::Unclosed) -> Self {
        Self::Template
    }
}

/// A copy of the HTML with numbered elements and with words for template tags.
pub(super) struct Copy<'f> {
    files: &'f [File<'f>],
    pub(super) out: String,
    pub(super) word: String,
    pub(super) elements: Vec<Element>,
    pub(super) templates: Vec<Template>,
    /// The places of elements whose CSS is not inlined because of conditions or loops, and why.
    pub(super) left_out: Vec<(usize, usize, &'static str)>,
    /// Whether the CSS of `<style>` elements is inlined.
    has_styles: bool,
    /// Files with macros, which have no place on the page.
    imported: Vec<usize>,
    bytes: usize,
    depth: usize,
}

impl<'f> Copy<'f> {
    pub(super) fn new(files: &'f [File<'f>], css: Option<&Mapped>) -> Self {
        let texts = files.iter().map(|file| file.html).chain(css);
        let word = tags::unused_word(texts.map(|html| html.text.as_str()));
        Self {
            files,
            out: String::new(),
            word,
            elements: Vec::new(),
            templates: Vec::new(),
            left_out: Vec::new(),
            has_styles: css.is_none(),
            imported: Vec::new(),
            bytes: 0,
            depth: 0,
        }
    }

    pub(super) fn text(&self, file: usize) -> &'f str {
        &self.files[file].html.text
    }

    fn word(&mut self, file: Option<usize>, range: Range<usize>, is_whole: bool) -> String {
        self.templates.push(Template { file, range, is_whole });
        format!("{}{}x", self.word, self.templates.len() - 1)
    }

    /// Returns separate CSS with a word for each template tag. The error is the offset of a
    /// statement, which cannot be inlined.
    pub(super) fn css(&mut self, css: &Mapped) -> std::result::Result<String, usize> {
        let found = tags::all(&css.text).map_err(|tags::Unclosed(at)| at)?;
        let (mut out, mut done) = (String::new(), 0);
        for tag in found {
            out.push_str(&css.text[done..tag.range.start]);
            done = tag.range.end;
            match tag.kind {
                tags::Kind::Print => out.push_str(&self.word(None, tag.range, false)),
                tags::Kind::Comment => {}
                tags::Kind::Block | tags::Kind::Raw => return Err(tag.range.start),
            }
        }
        out.push_str(&css.text[done..]);
        Ok(out)
    }

    /// Writes the copy of a page.
    pub(super) fn read(&mut self, page: usize) -> Result<(), Stop> {
        self.file(page, &[])?;
        let mut done = 0;
        while let Some(file) = self.imported.get(done).copied() {
            self.file(file, &[])?;
            done += 1;
        }
        Ok(())
    }

    /// Copies a file, or the file that it extends. `blocks` are those of the files that extend it,
    /// the last file's first.
    fn file(&mut self, file: usize, blocks: &[Block<'f>]) -> Result<(), Stop> {
        let text = self.text(file);
        let found = tags::all(text)?;
        let statements = || found.iter().filter(|tag| tag.kind == tags::Kind::Block);
        let extends = statements().find(|tag| tags::word(&text[tag.range.clone()]) == "extends");
        let base = extends.and_then(|tag| self.named(&text[tag.range.clone()]));
        let Some(base) = base else { return self.walk(file, 0..text.len(), blocks) };
        statements().for_each(|tag| self.import(&text[tag.range.clone()]));
        let blocks = [blocks, &self.blocks(file)?].concat();
        self.deeper(|copy| copy.file(base, &blocks))
    }

    fn deeper(&mut self, copy: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop::TooLarge);
        }
        copy(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Returns the file that a statement names.
    fn named(&self, statement: &str) -> Option<usize> {
        let start = statement.find(['"', '\''])?;
        let rest = &statement[start + 1..];
        let name = &rest[..rest.find(&statement[start..=start])?];
        let name = confined::joined("", name)?;
        self.files.iter().position(|file| file.name == Some(&name))
    }

    /// Remembers the file with macros that a statement imports.
    fn import(&mut self, statement: &str) {
        let file =
            matches!(tags::word(statement), "import" | "from").then(|| self.named(statement));
        self.imported.extend(file.flatten().filter(|file| !self.imported.contains(file)));
    }

    /// Returns the blocks of a file.
    fn blocks(&self, file: usize) -> Result<Vec<Block<'f>>, Stop> {
        let text = self.text(file);
        let (mut open, mut found) = (Vec::new(), Vec::new());
        for tag in tags::all(text)?.into_iter().filter(|tag| tag.kind == tags::Kind::Block) {
            let code = &text[tag.range.clone()];
            match tags::word(code) {
                "block" => open.push((block_name(code), tag.range.end)),
                "endblock" => found.extend(open.pop().map(|(name, start)| Block {
                    name,
                    file,
                    content: start..tag.range.start,
                    end: tag.range.end,
                })),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Copies a range of a file.
    fn walk(&mut self, file: usize, range: Range<usize>, blocks: &[Block<'f>]) -> Result<(), Stop> {
        self.bytes += range.len() + 1;
        if self.bytes > MOST_BYTES {
            return Err(Stop::TooLarge);
        }
        let text = self.text(file);
        let mut at = range.start;
        while at < range.end {
            let rest = &text[at..range.end];
            if let Some(tag) = tags::at(text, at)? {
                at = self.tag(file, &tag, blocks)?;
            } else if rest.starts_with("<!--") {
                at += rest.find("-->").map_or(rest.len(), |end| end + 3);
            } else if start_tag::begins(rest) {
                match start_tag::read(text, at) {
                    Ok(tag) => at = self.element(file, at, &tag)?,
                    Err(Wrong::Unclosed(_)) => at += 1,
                    Err(Wrong::UnclosedTemplate(_)) => return Err(Stop::Template),
                }
            } else if rest.starts_with("</") || rest.starts_with("<!") {
                let end = rest.find('>').map_or(rest.len(), |end| end + 1);
                self.out.push_str(&rest[..end]);
                at += end;
            } else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                let end = rest[first..].find(['<', '{']).map_or(rest.len(), |end| first + end);
                self.out.push_str(if rest[..end].trim().is_empty() { " " } else { "x" });
                at += end;
            }
        }
        Ok(())
    }

    /// Copies what a template tag between elements shows. Returns the offset after it.
    fn tag(&mut self, file: usize, tag: &tags::Tag, blocks: &[Block<'f>]) -> Result<usize, Stop> {
        let text = self.text(file);
        let code = &text[tag.range.clone()];
        match tag.kind {
            // The output of the tag counts as content for selectors such as `:empty`.
            tags::Kind::Print => self.out.push('x'),
            tags::Kind::Block if tags::word(code) == "include" => {
                if let Some(included) = self.named(code) {
                    self.deeper(|copy| copy.file(included, &[]))?;
                }
            }
            tags::Kind::Block if tags::word(code) == "block" => {
                let other = blocks.iter().find(|block| block.name == block_name(code));
                if let Some(Block { file: other, content, .. }) =
                    other.filter(|other| (other.file, other.content.start) != (file, tag.range.end))
                {
                    self.deeper(|copy| copy.walk(*other, content.clone(), blocks))?;
                    let own = self.blocks(file)?;
                    let own = own.iter().find(|own| own.content.start == tag.range.end);
                    let has_super = self.text(*other)[content.clone()].contains("super()");
                    return Ok(own.filter(|_| !has_super).map_or(tag.range.end, |own| own.end));
                }
            }
            tags::Kind::Block => self.import(code),
            tags::Kind::Comment | tags::Kind::Raw => {}
        }
        Ok(tag.range.end)
    }

    /// Copies an element's start tag, and the whole element if its content is not HTML. Returns the
    /// offset after it.
    fn element(&mut self, file: usize, at: usize, tag: &StartTag) -> Result<usize, Stop> {
        let text = self.text(file);
        let (first, number) = (self.templates.len(), self.elements.len());
        self.out.push_str(&format!("<{} data-{}=\"{number}\"", tag.name, self.word));
        for attribute in &tag.attributes {
            let value = self.value(file, attribute).replace('"', "&quot;");
            self.out.push_str(&format!(" {}=\"{value}\"", attribute.name));
        }
        let style = tag.attribute("style");
        self.elements.push(Element {
            file,
            at,
            inner_end: tag.inner_end,
            style: style.map(|style| (style.range.clone(), style.value.clone())),
            templates: first..self.templates.len(),
            is_conditional: tag.tag_among.is_some(),
        });
        if tag.tag_among.is_some() {
            self.leave_out(
                file,
                at,
                "CSS is not inlined into an element with template tags among its attributes",
            );
        }
        let is_style = tag.name.eq_ignore_ascii_case("style");
        let is_text = is_style || TEXT.iter().any(|name| tag.name.eq_ignore_ascii_case(name));
        if !is_text || tag.is_empty {
            self.out.push_str(if tag.is_empty { "/>" } else { ">" });
            return Ok(tag.end);
        }
        let end = tag.end + content_length(&text[tag.end..], &tag.name);
        // CSS for print or small screens must not be inlined, because it does not apply everywhere.
        let is_for_some = tag.attribute("media").is_some_and(|media| {
            let media = text[media.value.clone()].trim();
            !matches!(media, "" | "all" | "screen")
        });
        self.out.push('>');
        if is_style && self.has_styles && !is_for_some {
            self.style(file, tag.end..end)?;
        }
        Ok(end)
    }

    fn leave_out(&mut self, file: usize, at: usize, why: &'static str) {
        if !self.left_out.contains(&(file, at, why)) {
            self.left_out.push((file, at, why));
        }
    }

    /// Returns an attribute's value with a word for the template tags in it.
    fn value(&mut self, file: usize, attribute: &Attribute) -> String {
        let (html, value) = (self.text(file), attribute.value.clone());
        let Some(template) = attribute.template.clone() else { return html[value].to_owned() };
        let before = &html[value.start..template.start];
        let behind = &html[template.end..value.end];
        let is_whole = attribute.name.eq_ignore_ascii_case("style")
            && (before.trim_end().is_empty() || before.trim_end().ends_with(';'))
            && (behind.trim_start().is_empty() || behind.trim_start().starts_with(';'));
        let word = self.word(Some(file), template, is_whole);
        if is_whole {
            format!("{before}--{word}:0{behind}")
        } else {
            format!("{before}{word}{behind}")
        }
    }

    /// Copies the CSS of a `<style>` element, unless it contains conditions or loops.
    fn style(&mut self, file: usize, range: Range<usize>) -> Result<(), Stop> {
        let css = &self.text(file)[range.clone()];
        let found = tags::all(css)?;
        if found.iter().any(|tag| matches!(tag.kind, tags::Kind::Block | tags::Kind::Raw)) {
            let why = "CSS is not inlined from a <style> with conditions or loops";
            self.leave_out(file, range.start, why);
            return Ok(());
        }
        let mut done = 0;
        for tag in found {
            self.out.push_str(&css[done..tag.range.start]);
            done = tag.range.end;
            if tag.kind == tags::Kind::Print {
                let place = range.start + tag.range.start..range.start + tag.range.end;
                let word = self.word(Some(file), place, false);
                self.out.push_str(&word);
            }
        }
        self.out.push_str(&css[done..]);
        Ok(())
    }

    /// Returns the `style` attribute of each element after inlining, by the element's number.
    pub(super) fn styles<'i>(&self, inlined: &'i str) -> HashMap<usize, &'i str> {
        let (mut styles, mut at) = (HashMap::new(), 0);
        let number_name = format!("data-{}", self.word);
        while let Some(start) = inlined[at..].find('<').map(|start| at + start) {
            at = start + 1;
            if inlined[start..].starts_with("<!--") {
                at = inlined[start..].find("-->").map_or(inlined.len(), |end| start + end + 3);
            } else if start_tag::begins(&inlined[start..]) {
                let Ok(tag) = start_tag::read(inlined, start) else { continue };
                at = tag.end;
                let value = |name: &str| Some(&inlined[tag.attribute(name)?.value.clone()]);
                let number = value(&number_name).and_then(|number| number.parse().ok());
                if let (Some(number), Some(style)) = (number, value("style")) {
                    // The HTML parser may repeat an element. Its first copy has the styles.
                    styles.entry(number).or_insert(style);
                }
                if tag.name == "style" {
                    at += content_length(&inlined[at..], &tag.name);
                }
            }
        }
        styles
    }

    /// Whether inlining changed an element's style.
    pub(super) fn is_new(&self, element: &Element, style: &str) -> bool {
        if element.is_conditional {
            return false;
        }
        let Some((_, value)) = &element.style else { return true };
        let mut old = self.text(element.file)[value.clone()].to_owned();
        for number in element.templates.clone().rev() {
            let template = &self.templates[number];
            if template.range.start >= value.start && template.range.end <= value.end {
                let word = format!("{}{number}x", self.word);
                let word = if template.is_whole { format!("--{word}:0") } else { word };
                let from = template.range.start - value.start;
                old.replace_range(from..template.range.end - value.start, &word);
            }
        }
        escape::without_references(&old) != escape::without_references(style)
    }
}

/// Returns the name in a `block` statement.
fn block_name(code: &str) -> &str {
    let rest = code.split_once("block").map_or("", |(_, rest)| rest).trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    &rest[..end]
}

/// Returns the length of the content of an element whose content is not HTML.
fn content_length(text: &str, name: &str) -> usize {
    let end = memchr::memmem::find_iter(text.as_bytes(), "</").find(|at| {
        let found = text.as_bytes().get(at + 2..at + 2 + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    });
    end.unwrap_or(text.len())
}
