//! Builds a tree from html5ever's tokens, with only the parts of HTML that the text part needs.
//!
//! The tree construction of the HTML standard is not used. It moves misplaced content out of
//! tables, scans all open elements for many tags, and keeps data that the text part does not need.
//! The rule kept here: time and memory grow linearly with the input, for any input.

use std::cell::RefCell;

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::kind::{self, Kind};

/// The greatest depth of nested elements. Deeper elements are dropped; their content belongs to the
/// deepest element that is kept.
const DEEPEST: usize = 512;

/// The index that means that there is no such node.
pub(super) const NONE: usize = usize::MAX;

/// Parsed HTML.
#[derive(Debug)]
pub(super) struct Tree {
    /// The nodes in document order: a parent precedes its children.
    pub(super) nodes: Vec<Node>,
    /// The text of all text nodes, in document order.
    pub(super) text: String,
    /// The content of all `style` elements.
    pub(super) css: String,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: usize,
    pub(super) first: usize,
    pub(super) next: usize,
    last: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// A range of bytes in [`Tree::text`].
    Text {
        start: usize,
        end: usize,
    },
    Element(Element),
}

/// An element with the attributes that the text part needs.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: LocalName,
    pub(super) kind: Kind,
    attributes: Vec<(LocalName, StrTendril)>,
}

impl Element {
    /// Returns the value of an attribute. Only attributes that the text part needs are kept.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }

    fn of(tag: Tag, kind: Kind) -> Self {
        let is_needed = |name: &str| {
            matches!(
                name,
                "href"
                    | "src"
                    | "alt"
                    | "style"
                    | "class"
                    | "id"
                    | "hidden"
                    | "role"
                    | "aria-hidden"
                    | "border"
                    | "start"
                    | "value"
                    | "reversed"
                    | "width"
                    | "height"
            )
        };
        let attributes = tag
            .attrs
            .into_iter()
            .filter(|attribute| is_needed(&attribute.name.local))
            .map(|attribute| (attribute.name.local, attribute.value))
            .collect();
        Self { name: tag.name, kind, attributes }
    }
}

impl Tree {
    /// Parses HTML.
    pub(super) fn of(html: &str) -> Self {
        let sink = Sink(RefCell::new(Builder::new(html.len())));
        let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from_slice(html));
        // The tokenizer's results ask the caller to run scripts or change the encoding. This sink
        // never asks for either.
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.into_inner().tree
    }

    pub(super) fn element(&self, node: usize) -> Option<&Element> {
        match &self.nodes[node].content {
            Content::Element(element) => Some(element),
            Content::Text { .. } => None,
        }
    }
}

struct Sink(RefCell<Builder>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut builder = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return builder.start(tag),
            Token::TagToken(tag) => builder.end(&tag.name),
            Token::CharacterTokens(text) => builder.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// An element whose end tag has not been reached.
struct Open {
    name: LocalName,
    kind: Kind,
    node: usize,
}

struct Builder {
    tree: Tree,
    open: Vec<Open>,
    /// The number of open elements that were dropped because they are nested too deeply.
    beyond: usize,
    /// The index in `open` of the outermost element that is skipped, if there is one.
    unread: Option<usize>,
    /// Whether the skipped element is an `svg`, in which tags follow other rules.
    is_drawing: bool,
}

impl Builder {
    fn new(length: usize) -> Self {
        let root = Element { name: LocalName::from(""), kind: Kind::Block, attributes: Vec::new() };
        let root = Node {
            parent: NONE,
            first: NONE,
            next: NONE,
            last: NONE,
            content: Content::Element(root),
        };
        let tree =
            Tree { nodes: vec![root], text: String::with_capacity(length / 4), css: String::new() };
        Self { tree, open: Vec::new(), beyond: 0, unread: None, is_drawing: false }
    }

    fn start(&mut self, tag: Tag) -> TokenSinkResult<()> {
        let kind = Kind::of(&tag.name);
        let name = tag.name.clone();
        let state = if self.is_drawing { None } else { content_state(&name) };
        let has_end = !kind::is_empty(&name)
            && !(tag.self_closing && (self.is_drawing || matches!(&*name, "svg" | "math")));
        if self.unread.is_none() {
            self.end_what_this_ends(kind);
        }
        if kind != Kind::Transparent {
            self.add(tag, kind, has_end);
        }
        state.unwrap_or(TokenSinkResult::Continue)
    }

    fn add(&mut self, tag: Tag, kind: Kind, has_end: bool) {
        let begins_unread = kind == Kind::Unread && self.unread.is_none();
        if self.open.len() >= DEEPEST && has_end && !begins_unread {
            self.beyond += 1;
            return;
        }
        let name = tag.name.clone();
        let node = match self.unread {
            Some(_) => NONE,
            None => self.push(Content::Element(Element::of(tag, kind))),
        };
        if !has_end {
            return;
        }
        if begins_unread {
            self.unread = Some(self.open.len());
            self.is_drawing = &*name == "svg";
        }
        self.open.push(Open { name, kind, node });
    }

    fn push(&mut self, content: Content) -> usize {
        let parent = self.open.last().map_or(0, |open| open.node);
        let node = self.tree.nodes.len();
        self.tree.nodes.push(Node { parent, first: NONE, next: NONE, last: NONE, content });
        let last = std::mem::replace(&mut self.tree.nodes[parent].last, node);
        if last == NONE {
            self.tree.nodes[parent].first = node;
        } else {
            self.tree.nodes[last].next = node;
        }
        node
    }

    fn text(&mut self, text: &str) {
        if self.unread.is_some() {
            if self.open.last().is_some_and(|open| &*open.name == "style") && !self.is_drawing {
                self.tree.css.push_str(text);
            }
            return;
        }
        let start = self.tree.text.len();
        self.tree.text.push_str(text);
        let parent = self.open.last().map_or(0, |open| open.node);
        let last = self.tree.nodes[parent].last;
        if last != NONE
            && let Content::Text { end, .. } = &mut self.tree.nodes[last].content
            && *end == start
        {
            *end = self.tree.text.len();
            return;
        }
        self.push(Content::Text { start, end: self.tree.text.len() });
    }

    /// Returns the index of the innermost open element that `matches`. The search ends at the first
    /// element for which `stops` is true.
    fn find(
        &self,
        matches: impl Fn(&Open) -> bool,
        stops: impl Fn(&Open) -> bool,
    ) -> Option<usize> {
        for (at, open) in self.open.iter().enumerate().rev() {
            if matches(open) {
                return Some(at);
            }
            if stops(open) {
                return None;
            }
        }
        None
    }

    fn close(&mut self, from: Option<usize>) {
        let Some(from) = from else { return };
        self.open.truncate(from);
        if self.unread.is_some_and(|unread| from <= unread) {
            (self.unread, self.is_drawing) = (None, false);
        }
    }

    /// Ends the open elements that end where an element of this kind begins.
    fn end_what_this_ends(&mut self, kind: Kind) {
        let is = |wanted: Kind| move |open: &Open| open.kind == wanted;
        let is_wall = |open: &Open| open.kind.is_wall();
        if kind.ends_a_paragraph() {
            self.close(self.find(|open| &*open.name == "p", is_wall));
        }
        let ends = match kind {
            Kind::Link => self.find(is(Kind::Link), is_wall),
            Kind::Item => {
                self.find(is(Kind::Item), |open| open.kind.is_list() || open.kind.is_wall())
            }
            Kind::Term | Kind::Definition => self.find(
                |open| matches!(open.kind, Kind::Term | Kind::Definition),
                |open| &*open.name == "dl" || open.kind.is_wall(),
            ),
            Kind::Cell | Kind::HeaderCell => {
                self.find(|open| open.kind.is_cell() || open.kind == Kind::Caption, is(Kind::Table))
            }
            Kind::Row => self
                .find(is(Kind::Row), is(Kind::Table))
                .or_else(|| self.find(is(Kind::Caption), is(Kind::Table))),
            Kind::RowGroup | Kind::Caption => {
                self.find(is(Kind::Table), |_| false).map(|table| table + 1)
            }
            _ => None,
        };
        self.close(ends);
    }

    fn end(&mut self, name: &LocalName) {
        let ends_unread = self.unread.is_some_and(|at| self.open[at].name == *name);
        if self.beyond > 0 && !ends_unread {
            self.beyond -= 1;
            return;
        }
        let kind = Kind::of(name);
        if &**name == "br" {
            self.push_break();
            return;
        }
        let is_named = |open: &Open| open.name == *name;
        let ends = match kind {
            Kind::Table => self.find(is_named, |_| false),
            Kind::RowGroup | Kind::Row | Kind::Cell | Kind::HeaderCell | Kind::Caption => {
                self.find(is_named, |open| open.kind == Kind::Table)
            }
            _ => self.find(is_named, |open| open.kind.is_wall()),
        };
        // An end tag inside a skipped element ends no element outside it.
        if ends.is_none_or(|at| self.unread.is_none_or(|unread| at >= unread)) {
            self.close(ends);
        }
    }

    /// Treats `</br>` as `<br>`.
    fn push_break(&mut self) {
        if self.unread.is_none() {
            let element =
                Element { name: LocalName::from("br"), kind: Kind::Break, attributes: Vec::new() };
            self.push(Content::Element(element));
        }
    }
}

/// Returns how the tokenizer must read the content of an element. `None` if the content is ordinary
/// markup.
fn content_state(name: &str) -> Option<TokenSinkResult<()>> {
    Some(match name {
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => return None,
    })
}
