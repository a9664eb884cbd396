//! Decides which HTML elements are hidden.
//!
//! The rule it keeps: an element is shown unless it is known to be hidden. Hidden words in the text
//! part are a nuisance; missing words are a loss.

use std::collections::HashMap;

use super::tree::Element;

/// Limits that mail rarely reaches and that keep the lookup of rules fast. `MOST_RULES`: rules kept
/// for one class or id. `MOST_KEYS`: further classes and ids in one selector. `MOST_CLASSES`:
/// classes of an element that are looked up.
const MOST_RULES: usize = 16;
const MOST_KEYS: usize = 4;
const MOST_CLASSES: usize = 20;

/// What the declarations of a style say about visibility and layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether the style hides (`true`) or shows (`false`) the element. `None` if it does neither.
    pub(super) hides: Option<bool>,
    /// Whether the declaration that hides or shows is `!important`.
    is_important: bool,
    /// Whether the font size is above zero. `None` if the style sets no font size.
    pub(super) has_size: Option<bool>,
    pub(super) white_space: Option<WhiteSpace>,
    pub(super) display: Option<Display>,
    pub(super) has_no_bullets: bool,
}

/// How line breaks and blanks are kept, as CSS `white-space` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhiteSpace {
    /// Line breaks count as blanks, and adjacent blanks become one.
    Collapsed,
    /// Line breaks are kept; adjacent blanks become one.
    Lines,
    /// Line breaks and blanks are kept.
    Kept,
}

/// The values of CSS `display` that change how an element is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    Inline,
    InlineTable,
    Block,
}

impl Style {
    /// Parses the declarations of a `style` attribute or of a rule.
    pub(super) fn of(declarations: &str) -> Self {
        let mut style = Self::default();
        let (mut no_height, mut no_overflow, mut see_through, mut outlook) =
            (false, false, false, false);
        let (mut is_tiny, mut is_invisible) = (false, false);
        for declaration in declarations.split(';') {
            let Some((name, value)) = declaration.split_once(':') else { continue };
            let (value, is_important) = match value.rsplit_once('!') {
                Some((value, word)) if word.trim().eq_ignore_ascii_case("important") => {
                    (value, true)
                }
                _ => (value, false),
            };
            let (name, value) =
                (name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
            match name.as_str() {
                "display" => {
                    style.hides = Some(value == "none");
                    style.is_important |= is_important;
                    style.display = display(&value);
                }
                "visibility" if matches!(value.as_str(), "hidden" | "collapse") => {
                    is_invisible = true;
                    style.is_important |= is_important;
                }
                "max-height" | "height" if is_nothing(&value) => no_height = true,
                "overflow" if value == "hidden" => no_overflow = true,
                "opacity" if is_nothing(&value) => see_through = true,
                "mso-hide" if value == "all" => outlook = true,
                "font-size" => {
                    style.has_size = Some(!is_nothing(&value));
                    is_tiny = is_nothing(&value) || value == "1px";
                }
                "white-space" => {
                    style.white_space = Some(match value.as_str() {
                        "pre" | "pre-wrap" | "break-spaces" => WhiteSpace::Kept,
                        "pre-line" => WhiteSpace::Lines,
                        _ => WhiteSpace::Collapsed,
                    });
                }
                "list-style" | "list-style-type" => {
                    style.has_no_bullets = value.split(' ').any(|word| word == "none");
                }
                _ => {}
            }
        }
        // Each of these properties alone also occurs on visible elements: `mso-hide` on buttons
        // that Outlook draws itself, font size zero on cells around pictures, height zero on
        // elements whose content overflows.
        let is_flat = no_height && (no_overflow || is_tiny || see_through || outlook);
        let is_faint = see_through && (is_tiny || outlook);
        if is_invisible || is_flat || is_faint || (outlook && is_tiny) {
            style.hides = Some(true);
        }
        style
    }
}

fn display(value: &str) -> Option<Display> {
    match value {
        "inline" => Some(Display::Inline),
        "inline-table" => Some(Display::InlineTable),
        "block" | "flex" | "grid" | "list-item" | "flow-root" => Some(Display::Block),
        _ => None,
    }
}

/// Whether a CSS length or number is zero.
fn is_nothing(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    !number.is_empty() && number.parse::<f32>() == Ok(0.0)
}

/// The rules in `style` elements that hide or show elements. Only selectors that consist of an
/// optional element name, classes and ids are read. Rules inside `@` blocks such as `@media` are
/// ignored, because they do not apply on every screen.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The rules by the last class or id of their selectors.
    by_key: HashMap<String, Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    /// The selector's other classes, with their dots, and ids, with their hashes.
    keys: Vec<String>,
    hides: bool,
    is_important: bool,
}

impl Rules {
    /// Parses style sheets.
    pub(super) fn of(css: &str) -> Self {
        let mut rules = Self::default();
        let css = without_comments(css);
        let mut rest = css.as_str();
        while let Some((prelude, body)) = rest.split_once('{') {
            // A statement such as `@import` may precede the selector.
            let prelude = prelude.rsplit([';', '}']).next().unwrap_or(prelude).trim();
            if prelude.starts_with('@') {
                rest = behind_the_block(body);
                continue;
            }
            let (declarations, after) = body.split_once('}').unwrap_or((body, ""));
            rest = after;
            let style = Style::of(declarations);
            if let Some(hides) = style.hides {
                for selector in prelude.split(',') {
                    rules.add(selector.trim(), hides, style.is_important);
                }
            }
        }
        rules
    }

    fn add(&mut self, selector: &str, hides: bool, is_important: bool) {
        let is_simple = selector
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.#".contains(&byte) || byte >= 0x80);
        let Some(first) = selector.find(['.', '#']).filter(|_| is_simple) else { return };
        let (name, mut rest) = selector.split_at(first);
        let mut keys = Vec::new();
        while !rest.is_empty() {
            let end = rest[1..].find(['.', '#']).map_or(rest.len(), |at| at + 1);
            keys.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        let Some(key) = keys.pop().filter(|_| keys.len() <= MOST_KEYS) else { return };
        let rule = Rule { name: name.to_ascii_lowercase(), keys, hides, is_important };
        let rules = self.by_key.entry(key).or_default();
        if rules.len() == MOST_RULES {
            rules.remove(0);
        }
        rules.push(rule);
    }

    /// Whether an element itself is hidden, by its attributes, its own style or a rule. `own` is
    /// its own style.
    pub(super) fn hide(&self, element: &Element, own: Style) -> bool {
        let is_hidden_by_name = element.attribute("hidden").is_some()
            || element
                .attribute("aria-hidden")
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        if is_hidden_by_name {
            return true;
        }
        match (self.of_element(element), own.hides) {
            (Some((hides, true)), Some(_)) if !own.is_important => hides,
            (_, Some(hides)) => hides,
            (Some((hides, _)), None) => hides,
            (None, None) => false,
        }
    }

    /// Returns whether the rule that applies to an element hides it, and whether that rule is
    /// `!important`. `None` if no rule applies.
    fn of_element(&self, element: &Element) -> Option<(bool, bool)> {
        if self.by_key.is_empty() {
            return None;
        }
        let classes = element.attribute("class").unwrap_or_default();
        let has = |key: &str| match key.split_at(1) {
            (".", class) => classes.split_ascii_whitespace().any(|known| known == class),
            (_, id) => element.attribute("id").is_some_and(|known| known.trim() == id),
        };
        let id = element.attribute("id").map(|id| format!("#{}", id.trim()));
        let keys = classes
            .split_ascii_whitespace()
            .map(|class| format!(".{class}"))
            .take(MOST_CLASSES)
            .chain(id);
        let mut found: Option<(bool, bool)> = None;
        for rule in keys.filter_map(|key| self.by_key.get(&key)).flatten() {
            let is_met = (rule.name.is_empty() || *rule.name == *element.name)
                && rule.keys.iter().all(|key| has(key));
            if is_met && (rule.is_important || !found.is_some_and(|(_, important)| important)) {
                found = Some((rule.hides, rule.is_important));
            }
        }
        found
    }
}

fn without_comments(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.replace("<!--", "").replace("-->", "")
}

/// Returns the text after a block. `body` is the text after the block's `{`.
fn behind_the_block(body: &str) -> &str {
    let mut depth = 1_usize;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &body[at + 1..];
        }
    }
    ""
}
