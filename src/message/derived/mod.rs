//! Derives the text part of a message that has only HTML: readable text with the words that a
//! reader of the HTML sees.
//!
//! The rules it keeps: hidden content is not written; a link is written once, as `text <url>`;
//! lines are not wrapped, because the transfer encoding does that; the same HTML gives the same
//! text. While a template is prepared, Unicode private-use characters stand for values. They are
//! treated as letters and keep their places in the text.
//!
//! Time and memory grow linearly with the length of the HTML. The exception is an element's
//! attributes: the tokenizer compares each attribute with all before it.

mod flow;
mod hidden;
mod kind;
mod link;
mod render;
mod summary;
mod tree;

use tree::Tree;

/// Returns the text of HTML. `elements::bounded` must have accepted the HTML before. Lines end in
/// `\n`; the last line has no line end.
pub(super) fn text_of(html: &str) -> String {
    render::text(&Tree::of(html))
}

#[cfg(test)]
mod tests;
