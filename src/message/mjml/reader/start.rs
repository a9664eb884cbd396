//! Handles start tags, and elements whose content is text, HTML or CSS.

use crate::message::start_tag::{self, StartTag, Wrong};
use crate::message::tags;
use crate::model::error::Result;

use super::super::output::Role;
use super::{DEEPEST, Open, Reader};

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
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

impl Reader<'_> {
    pub(super) fn start_tag(&mut self, text: &str, at: usize) -> Result<usize> {
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
        self.has_body |= tag.name == "mj-body";
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

    pub(super) fn is_in_head(&self) -> bool {
        self.is_moving || self.open.iter().any(|open| open.name == "mj-head")
    }

    /// Writes a start tag with tokens for the template tags in its attributes.
    fn write_start(&mut self, text: &str, at: usize, tag: &StartTag) {
        // An element in `<mj-attributes>` holds the attributes of others.
        let class = || Some(format!(".{}", &text[tag.attribute("name")?.value.clone()]));
        let default_of = (self.parent() == Some("mj-attributes"))
            .then(|| if tag.name == "mj-class" { class() } else { Some(tag.name.clone()) });
        let default_of = default_of.flatten();
        self.write(&format!("<{}", tag.name), at);
        for attribute in &tag.attributes {
            let start = attribute.value.start;
            if attribute.value.is_empty() && !text[..start].ends_with(['"', '\'']) {
                self.write(&format!(" {}", attribute.name), start - attribute.name.len());
                continue;
            }
            self.write(&format!(" {}=\"", attribute.name), start);
            let from = self.written().len();
            let quoted = |text: &str| text.replace('"', "&quot;");
            match &attribute.template {
                None => self.write(&quoted(&text[attribute.value.clone()]), start),
                Some(template) => {
                    self.write(&quoted(&text[start..template.start]), start);
                    self.token(Role::Value, template.start, template.end);
                    self.write(&quoted(&text[template.end..attribute.value.end]), template.end);
                }
            }
            if let Some(element) = &default_of {
                let value = self.written()[from..].to_owned();
                self.defaults.add(element, &attribute.name, value);
            }
            self.write("\"", attribute.value.end);
        }
        if !self.is_in_head() {
            let missed = self.defaults.missed(text, tag);
            let has_alt = missed.iter().any(|(name, _)| *name == "alt");
            let mut added: String =
                missed.iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect();
            if tag.name == "mj-image" && tag.attribute("alt").is_none() && !has_alt {
                // MJML adds an empty `alt`, so that programs that do not load images show nothing.
                added.push_str(" alt=\"\"");
            }
            self.write(&added, tag.end - 1);
        }
        self.write(if tag.is_empty { "/>" } else { ">" }, tag.end - 1);
    }

    /// Returns the offset at which an element's content ends, and the offset after its end tag.
    pub(super) fn content(&self, text: &str, at: usize, tag: &StartTag) -> Result<(usize, usize)> {
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
            let role = match tag.name.as_str() {
                "mj-title" => Role::Title,
                "mj-raw" => Role::Raw,
                _ => Role::Content,
            };
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
}
