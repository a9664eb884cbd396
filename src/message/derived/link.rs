//! The targets of links, as the text part shows them.

/// The target of a link that a reader of the text part can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The target as the text shows it. `mailto:` and `tel:` are left out if the rest is enough.
    shown: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Mail,
    Phone,
}

impl Target {
    /// Returns the target of an `href`. `None` if a reader of the text cannot follow it: an anchor
    /// in the same document, a script, or a path without a host.
    pub(super) fn of(href: &str) -> Option<Self> {
        let href = clean(href);
        let Some(colon) = scheme(&href) else {
            return match href.strip_prefix("//") {
                Some(rest) if !rest.is_empty() => {
                    Some(Self { shown: format!("https:{href}"), kind: Kind::Page })
                }
                // A placeholder at the beginning may stand for a whole URL.
                _ => href.starts_with(is_private).then_some(Self { shown: href, kind: Kind::Page }),
            };
        };
        let (name, rest) = (href[..colon].to_ascii_lowercase(), &href[colon + 1..]);
        let (shown, kind) = match name.as_str() {
            "mailto" if rest.is_empty() || rest.starts_with('?') => return None,
            "mailto" if rest.contains('?') => (href, Kind::Mail),
            "mailto" => (rest.to_owned(), Kind::Mail),
            "tel" | "sms" if !rest.contains(|c: char| c.is_ascii_digit() || is_private(c)) => {
                return None;
            }
            "tel" => (rest.replace("%20", " "), Kind::Phone),
            "javascript" | "vbscript" | "data" | "cid" | "mid" | "about" | "file" | "blob" => {
                return None;
            }
            "http" | "https" if rest.trim_matches('/').is_empty() => return None,
            _ => (href, Kind::Page),
        };
        Some(Self { shown, kind })
    }

    /// The target as the text shows it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether a link's text already shows its target.
    pub(super) fn is_said_by(&self, text: &str) -> bool {
        match self.kind {
            Kind::Page => bare(text) == bare(&self.shown),
            Kind::Mail => text.trim().eq_ignore_ascii_case(&self.shown),
            Kind::Phone => {
                let digits =
                    |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
                !text.contains(char::is_alphabetic)
                    && !digits(text).is_empty()
                    && digits(&self.shown).ends_with(digits(text).trim_start_matches('0'))
            }
        }
    }
}

/// Removes the characters from an `href` that browsers ignore. Encodes the characters that would
/// end the URL in plain text.
fn clean(href: &str) -> String {
    let mut kept = String::with_capacity(href.len());
    for c in href.trim().chars() {
        match c {
            ' ' => kept.push_str("%20"),
            '<' => kept.push_str("%3C"),
            '>' => kept.push_str("%3E"),
            c if c.is_control() => {}
            c => kept.push(c),
        }
    }
    kept
}

/// Returns the offset of the colon that ends a URL's scheme.
fn scheme(href: &str) -> Option<usize> {
    let colon = href.find(':')?;
    let is_scheme = href.starts_with(|c: char| c.is_ascii_alphabetic())
        && href[..colon].bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some(colon)
}

/// Whether a character is a Unicode private-use character. The placeholders for values are written
/// with them.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Shortens a URL for comparison: without scheme, `www.` and the last slash, in lower case.
fn bare(url: &str) -> String {
    let url = url.trim().to_ascii_lowercase();
    let url = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(&url);
    let url = url.strip_prefix("www.").unwrap_or(url);
    url.strip_suffix('/').unwrap_or(url).to_owned()
}

/// Whether two texts consist of the same words, ignoring case and white space.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    one.split_whitespace()
        .map(str::to_lowercase)
        .eq(other.split_whitespace().map(str::to_lowercase))
}
