//! Errors of templates: in their text, and while a row is rendered.

use std::fmt;
use std::ops::Range;

use minijinja::ErrorKind;

use crate::bounded::allowance::Exceeded;
use crate::input::context::Doubt;
use crate::model::error::Error;

use super::super::{filters, mapped};
use super::names::{HTML_BODY, MARKDOWN_BODY, TEXT_BODY, file_of, is_body};
use super::{Source, Templates};

/// The most bytes of a template that an error quotes.
const LONGEST_EXCERPT: usize = 200;

/// Why a row cannot be rendered. The error shows no value from the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// The name of the template, such as `subject`, `body` or `header X-Name`.
    pub template: String,
    /// The line in the template's file, from 1.
    pub line: Option<u32>,
    pub message: String,
    /// The name that is undefined for this row, as it is written in the template.
    pub missing: Option<String>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for RenderError {}

impl RenderError {
    /// Creates an error about a template's output.
    pub(in crate::message) fn of(
        template: &str,
        line: Option<u32>,
        message: impl Into<String>,
    ) -> Self {
        Self { template: template.to_owned(), line, message: message.into(), missing: None }
    }

    /// Adds the line of the author's file from which a part of a generated text was copied.
    fn in_generated(self, source: &Source, range: Option<Range<usize>>) -> Self {
        let place = range.and_then(|range| mapped::find(&source.places, &source.text, range.start));
        match place {
            Some((None, line)) => Self { line: Some(line), ..self },
            Some((Some(file), line)) => {
                Self { template: format!("{} ({file})", self.template), line: Some(line), ..self }
            }
            None => Self { message: format!("{} (the line is not known)", self.message), ..self },
        }
    }
}

impl Templates {
    /// Returns the error of the engine as an error of the template that a row was rendered with.
    pub(super) fn explain(&self, rendered: &str, why: &minijinja::Error) -> RenderError {
        let cause = innermost(why);
        let name = cause.name().unwrap_or(rendered);
        let found = self.explain_in(name, cause);
        match file_of(name) {
            Some(file) => RenderError { template: format!("{rendered} ({file})"), ..found },
            None => found,
        }
    }

    fn explain_in(&self, name: &str, why: &minijinja::Error) -> RenderError {
        let source = self.source(name);
        let range = why.range().map(|range| self.original(name, range));
        let excerpt = source
            .zip(range.clone())
            .and_then(|(source, range)| source.text.get(range))
            .map(str::trim);
        let tag =
            source.zip(range).and_then(|(source, range)| enclosing_tag(&source.text, range.start));
        // If a filter refuses a value, the error points to the filter. The undefined name is the
        // filter's input.
        let excerpt = match (excerpt, tag) {
            (Some(excerpt), Some(tag))
                if filters::STRICT.contains(&excerpt.split('(').next().unwrap_or_default()) =>
            {
                tag.trim_matches(['{', '}', '%']).split('|').next()
            }
            (excerpt, _) => excerpt,
        };
        let missing = (why.kind() == ErrorKind::UndefinedError)
            .then(|| undefined_name(why.detail(), excerpt.map(str::trim)))
            .flatten();
        let message = match (&missing, tag) {
            (Some(name), _) => format!("`{name}` is undefined"),
            (None, Some(tag)) if tag.len() <= LONGEST_EXCERPT => format!("`{tag}`: {}", why.kind()),
            (None, _) => why.kind().to_string(),
        };
        let message = match (Exceeded::behind(why), tag.filter(|tag| tag.len() <= LONGEST_EXCERPT))
        {
            (Some(exceeded), Some(tag)) => format!("`{tag}`: {exceeded}"),
            (Some(exceeded), None) => exceeded.to_string(),
            (None, _) => Doubt::behind(why).map_or(message, ToString::to_string),
        };
        let found = RenderError { template: name.to_owned(), line: None, message, missing };
        match source.filter(|source| !source.places.is_empty()) {
            Some(source) => {
                found.in_generated(source, why.range().map(|range| self.original(name, range)))
            }
            None => RenderError {
                line: source.zip(why.line()).map(|(source, line)| absolute_line(source, line)),
                ..found
            },
        }
    }

    /// Converts a range of the compiled text to a range of the original text.
    fn original(&self, name: &str, range: Range<usize>) -> Range<usize> {
        match self.place(name).and_then(|place| self.guarded[place].as_ref()) {
            Some(guarded) => guarded.original(range),
            None => range,
        }
    }
}

/// Returns the error in the innermost included file.
fn innermost(why: &minijinja::Error) -> &minijinja::Error {
    let mut innermost = why;
    while let (ErrorKind::BadInclude | ErrorKind::EvalBlock, Some(inner)) =
        (innermost.kind(), std::error::Error::source(innermost))
    {
        let Some(inner) = inner.downcast_ref() else { break };
        innermost = inner;
    }
    innermost
}

/// Returns an error at a line and column of a template's text, both from 1.
pub(super) fn refusal(
    name: &str,
    source: &Source,
    (line, column): (usize, usize),
    what: &str,
) -> Error {
    let line = absolute_line(source, line);
    let is_body = file_of(name).is_some()
        || [TEXT_BODY, HTML_BODY, MARKDOWN_BODY].iter().any(|body| is_body(name, body));
    Error::refused(match &source.file {
        Some(file) if is_body => format!("{file}:{line}:{column}: {what}"),
        // A key's value follows the key's name on its line, so the column in the file is not known.
        Some(file) => format!("{file}:{line}: {name}, column {column} of its text: {what}"),
        None => format!("{name}:{line}:{column}: {what}"),
    })
}

/// Returns an error at an offset of a generated text.
pub(super) fn refusal_in_generated(source: &Source, offset: usize, what: &str) -> Error {
    let own = source.file.as_deref().unwrap_or("message.html");
    Error::refused(match mapped::find(&source.places, &source.text, offset) {
        Some((file, line)) => format!("{}:{line}: {what}", file.unwrap_or(own)),
        None => format!("{own}: {what} (the line is not known)"),
    })
}

/// The engine's detail is "`a.b` is undefined" if it knows the name. Otherwise the failing
/// expression is used as the name.
fn undefined_name(detail: Option<&str>, excerpt: Option<&str>) -> Option<String> {
    let named = detail
        .and_then(|detail| detail.strip_prefix('`'))
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    named
        .or(excerpt)
        .filter(|name| !name.is_empty() && name.len() <= LONGEST_EXCERPT)
        .map(str::to_owned)
}

/// Returns the template tag that contains an offset.
fn enclosing_tag(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let start = before.rfind("{{").max(before.rfind("{%"))?;
    let rest = &text[start..];
    let end = rest.find(if rest.starts_with("{{") { "}}" } else { "%}" })? + 2;
    Some(&rest[..end])
}

fn absolute_line(source: &Source, line: usize) -> u32 {
    source.line.saturating_add(u32::try_from(line).unwrap_or(u32::MAX)).saturating_sub(1)
}

pub(super) fn column(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1
}
