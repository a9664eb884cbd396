//! Where links lead, as text names it.

/// The target of a link that a reader of text can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// As it is written: without `mailto:` or `tel:` where the rest alone says it.
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
    /// The target of an `href`. `None` for one that leads nowhere outside the HTML: to a place in
    /// the same document, to a script, or to a page whose site is not said.
    pub(super) fn of(href: &str) -> Option<Self> {
        let href = clean(href);
        let Some(colon) = scheme(&href) else {
            return match href.strip_prefix("//") {
                Some(rest) if !rest.is_empty() => {
                    Some(Self { shown: format!("https:{href}"), kind: Kind::Page })
                }
                // A value that is filled in may be a whole URL.
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

    /// The target as text names it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether a link's text is its target.
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

/// An `href` without what browsers leave out, and with what would end it in text encoded.
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

/// Where the scheme of a URL ends.
fn scheme(href: &str) -> Option<usize> {
    let colon = href.find(':')?;
    let is_scheme = href.starts_with(|c: char| c.is_ascii_alphabetic())
        && href[..colon].bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some(colon)
}

/// Whether a character is of Unicode's private use, as those are that stand for values.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// A URL as people write it: without scheme, `www.` and the last slash.
fn bare(url: &str) -> String {
    let url = url.trim().to_ascii_lowercase();
    let url = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(&url);
    let url = url.strip_prefix("www.").unwrap_or(url);
    url.strip_suffix('/').unwrap_or(url).to_owned()
}

/// Whether two texts are the same but for case and blanks.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    one.split_whitespace()
        .map(str::to_lowercase)
        .eq(other.split_whitespace().map(str::to_lowercase))
}
