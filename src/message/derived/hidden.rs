//! Which elements of HTML are not shown.
//!
//! The rule it keeps: what is not understood is shown. Words that a reader of the HTML does not see
//! are a nuisance in the text; words missing from it are a loss.

use std::collections::HashMap;

use super::tree::Element;

/// The most rules that are kept for a class or id, the most further classes and ids in one of them,
/// and the most classes of an element that rules are looked up for: so many that mail has fewer, so
/// few that they are tried quickly.
const MOST_RULES: usize = 16;
const MOST_KEYS: usize = 4;
const MOST_CLASSES: usize = 20;

/// What the declarations of a style say about being shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether it hides (`true`) or shows (`false`); `None` where it says neither.
    pub(super) hides: Option<bool>,
    /// Whether it does so above what the element says itself.
    is_important: bool,
    /// Whether the letters have a size; `None` where it is not said.
    pub(super) has_size: Option<bool>,
    pub(super) white_space: Option<WhiteSpace>,
    pub(super) display: Option<Display>,
    pub(super) has_no_bullets: bool,
}

/// How line breaks and blanks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhiteSpace {
    /// Both are blanks, and any number of them is one.
    Collapsed,
    /// Line breaks are kept.
    Lines,
    /// Both are kept.
    Kept,
}

/// How an element stands among others, where that is not what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    Inline,
    InlineTable,
    Block,
}

impl Style {
    /// Reads the declarations of a `style` attribute or of a rule.
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
        // Each alone is found on what is shown: `mso-hide` on buttons that Outlook draws by itself,
        // a size of nothing on the cells around pictures, a height of nothing on what overflows.
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

/// Whether a length is zero.
fn is_nothing(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    !number.is_empty() && number.parse::<f32>() == Ok(0.0)
}

/// The rules of `style` elements that hide or show, as far as they are of one element by its name,
/// class or id, and in force on every screen.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// By the last class or id of the selector.
    by_key: HashMap<String, Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    /// Every class, with its dot, and every id, with its hash.
    keys: Vec<String>,
    hides: bool,
    is_important: bool,
}

impl Rules {
    /// Reads style sheets.
    pub(super) fn of(css: &str) -> Self {
        let mut rules = Self::default();
        let css = without_comments(css);
        let mut rest = css.as_str();
        while let Some((prelude, body)) = rest.split_once('{') {
            // Statements such as `@import` end before the rule.
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

    /// Whether an element itself is hidden; `own` is its style.
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

    /// What the last of the rules for an element says, and whether it is important.
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

/// The text after a block; `body` is the text after its `{`.
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
