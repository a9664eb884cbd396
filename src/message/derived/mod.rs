//! The text part of a message that has HTML alone: what a reader of the HTML sees, as text that is
//! worth reading.
//!
//! The rules it keeps: nothing that is not shown is written; a link is written once, as
//! `text <url>`; lines are as long as the author made them, for what encodes the part wraps them;
//! the same HTML gives the same text. Characters of Unicode's private use, which stand for values
//! while a template is prepared, are letters like others and come out where they stood.
//!
//! Time and memory grow with the length of the HTML and with nothing else, but for the attributes of
//! one element, each of which the tokenizer compares with all before it.

mod flow;
mod hidden;
mod kind;
mod link;
mod render;
mod summary;
mod tree;

use tree::Tree;

/// The text of HTML, whose attributes `elements::bounded` has counted; lines end in `\n`, and the
/// last in nothing.
pub(super) fn text_of(html: &str) -> String {
    render::text(&Tree::of(html))
}

#[cfg(test)]
mod tests;
