//! Attributes that `<mj-attributes>` sets for all elements of a kind or class.
//!
//! The renderer applies them itself, except for those in `MISSED`. These are written into the start
//! tags of the elements.

use std::collections::HashMap;

use crate::message::start_tag::StartTag;

/// The attributes that mrml 6 takes only from the element's own start tag.
const MISSED: [(&str, &[&str]); 8] = [
    (
        "mj-accordion-element",
        &[
            "border",
            "font-family",
            "icon-align",
            "icon-height",
            "icon-unwrapped-alt",
            "icon-unwrapped-url",
            "icon-width",
            "icon-wrapped-alt",
            "icon-wrapped-url",
        ],
    ),
    ("mj-accordion-text", &["font-family"]),
    ("mj-accordion-title", &["font-family"]),
    ("mj-body", &["background-color", "width"]),
    ("mj-carousel-image", &["border-radius", "tb-border", "tb-border-radius"]),
    ("mj-divider", &["align"]),
    ("mj-image", &["alt"]),
    (
        "mj-social-element",
        &[
            "border-radius",
            "color",
            "font-family",
            "font-size",
            "icon-size",
            "line-height",
            "text-decoration",
        ],
    ),
];

/// The attributes of `<mj-attributes>` as they were written, by element; a class has a `.` before
/// its name.
#[derive(Debug, Default)]
pub(super) struct Defaults(HashMap<String, Vec<(String, String)>>);

impl Defaults {
    /// Adds an attribute of an element in `<mj-attributes>`.
    pub(super) fn add(&mut self, element: &str, name: &str, value: String) {
        self.0.entry(element.to_owned()).or_default().push((name.to_owned(), value));
    }

    /// Returns the attributes that an element's start tag lacks. The element's classes come before
    /// its kind, and the last class first, as in MJML.
    pub(super) fn missed(&self, text: &str, tag: &StartTag) -> Vec<(&'static str, &str)> {
        let missed = MISSED.iter().find(|(element, _)| *element == tag.name);
        let names = missed.map_or(&[][..], |(_, names)| *names);
        let classes = tag.attribute("mj-class").map_or("", |class| &text[class.value.clone()]);
        let classes = classes.split_whitespace().rev().map(|class| format!(".{class}"));
        let keys: Vec<String> = classes.chain([tag.name.clone(), "mj-all".to_owned()]).collect();
        let value = |name: &str| {
            let mut sets = keys.iter().filter_map(|key| self.0.get(key));
            sets.find_map(|set| set.iter().rfind(|(known, _)| known == name))
                .map(|(_, value)| value.as_str())
        };
        let lacks = |name: &&&str| tag.attribute(name).is_none();
        names.iter().filter(lacks).filter_map(|name| Some((*name, value(name)?))).collect()
    }
}
