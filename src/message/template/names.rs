//! The names of templates. A name decides how the template's values are escaped.

use super::super::escape::Escape;

/// The names of the body's templates.
pub(in crate::message) const TEXT_BODY: &str = "text body";
pub(in crate::message) const HTML_BODY: &str = "html body";
pub(in crate::message) const MARKDOWN_BODY: &str = "body";
/// Separates such a name from the name of the file, for bodies that rows choose.
pub(in crate::message) const OF: &str = " of ";
/// The name of the template that chooses a body.
pub(in crate::message) const BODY_FILE: &str = "body file";
/// The prefixes of the names of included files. A file is compiled once for each way in which
/// values are escaped, under a separate name.
pub(super) const INCLUDED: [(&str, Escape); 3] =
    [("html:", Escape::Html), ("markdown:", Escape::Markdown), ("text:", Escape::None)];

/// Returns how the values of a template are escaped.
pub(super) fn escape_of(name: &str) -> Escape {
    let included = INCLUDED.iter().find(|(prefix, _)| name.starts_with(prefix));
    match included {
        _ if is_body(name, HTML_BODY) => Escape::Html,
        _ if is_body(name, MARKDOWN_BODY) => Escape::Markdown,
        Some((_, escape)) => *escape,
        None => Escape::None,
    }
}

/// Whether a template's name is `body`, or `body` followed by the file of a chosen body.
pub(super) fn is_body(name: &str, body: &str) -> bool {
    name.strip_prefix(body).is_some_and(|rest| rest.is_empty() || rest.starts_with(OF))
}

/// Returns the prefix for files that a template with this escaping includes.
pub(super) fn prefix_of(escape: Escape) -> &'static str {
    let known = INCLUDED.iter().find(|(_, known)| *known == escape);
    known.map_or("text:", |(prefix, _)| prefix)
}

/// Returns the file of an included template. `None` for any other template.
pub(super) fn file_of(name: &str) -> Option<&str> {
    let is_own = [TEXT_BODY, HTML_BODY, MARKDOWN_BODY].iter().any(|body| is_body(name, body));
    INCLUDED.iter().find_map(|(prefix, _)| name.strip_prefix(prefix)).filter(|_| !is_own)
}
