//! The templates of one message, compiled once and used for every row.
//!
//! An undefined name is an error, and so is a `null`. A template that runs too long is stopped.
//! Errors show only the template's own text and never a value from the row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::bounded::allowance::{self, Exceeded};
use crate::bounded::guarded::{self, Guarded};
use crate::bounded::{chains, counted};
use crate::input::context::Doubt;
use crate::model::error::{Error, Result};

use super::confined;
use super::escape::Escape;
use super::filters;
use super::mapped::{self, Place};
use super::piece::{Piece, Values, fill};
use super::plain::Plain;
use super::recorder::{Fixed, Marks, Recorder, write_value};
use super::row::Row;

/// The most bytes of a template that an error quotes.
const LONGEST_EXCERPT: usize = 200;
const MARKDOWN: &str = "markdown";
/// The names of the body's templates.
pub(super) const TEXT_BODY: &str = "text body";
pub(super) const HTML_BODY: &str = "html body";
pub(super) const MARKDOWN_BODY: &str = "body";
/// Separates such a name from the name of the file, for bodies that rows choose.
pub(super) const OF: &str = " of ";
/// The name of the template that chooses a body.
pub(super) const BODY_FILE: &str = "body file";
/// The prefixes of the names of included files. A file is compiled once for each way in which
/// values are escaped, under a separate name.
const INCLUDED: [(&str, Escape); 3] =
    [("html:", Escape::Html), ("markdown:", Escape::Markdown), ("text:", Escape::None)];

/// The text of a template, with its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) text: String,
    /// The file that contains it. `None` for mailbatch.toml and flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// The line of that file on which it begins, from 1.
    pub(super) line: u32,
    /// For a generated text: the origins of its parts. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) places: Vec<Place>,
}

impl Source {
    /// Creates a text that begins on a line of a file. `file` is `None` for mailbatch.toml and
    /// flags.
    pub(super) fn new(text: &str, file: Option<String>, line: u32) -> Self {
        Self { text: text.to_owned(), file, line, places: Vec::new() }
    }
}

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
    pub(super) fn of(template: &str, line: Option<u32>, message: impl Into<String>) -> Self {
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

pub(super) struct Templates {
    env: Environment<'static>,
    sources: Vec<(String, Source)>,
    places: HashMap<String, usize>,
    /// The names of the included files, with their prefixes.
    included: Vec<String>,
    /// The templates that need no engine, in the order of `sources`.
    plain: Vec<Option<Plain>>,
    /// The templates compiled with additional checks, in the order of `sources`.
    guarded: Vec<Option<Guarded>>,
}

/// Returns how the values of a template are escaped.
fn escape_of(name: &str) -> Escape {
    let included = INCLUDED.iter().find(|(prefix, _)| name.starts_with(prefix));
    match included {
        _ if is_body(name, HTML_BODY) => Escape::Html,
        _ if is_body(name, MARKDOWN_BODY) => Escape::Markdown,
        Some((_, escape)) => *escape,
        None => Escape::None,
    }
}

/// Whether a template's name is `body`, or `body` followed by the file of a chosen body.
fn is_body(name: &str, body: &str) -> bool {
    name.strip_prefix(body).is_some_and(|rest| rest.is_empty() || rest.starts_with(OF))
}

/// Returns the prefix for files that a template with this escaping includes.
fn prefix_of(escape: Escape) -> &'static str {
    let known = INCLUDED.iter().find(|(_, known)| *known == escape);
    known.map_or("text:", |(prefix, _)| prefix)
}

/// Returns the file of an included template. `None` for any other template.
fn file_of(name: &str) -> Option<&str> {
    let is_own = [TEXT_BODY, HTML_BODY, MARKDOWN_BODY].iter().any(|body| is_body(name, body));
    INCLUDED.iter().find_map(|(prefix, _)| name.strip_prefix(prefix)).filter(|_| !is_own)
}

/// The output of a template for a row.
pub(super) enum Print {
    /// The values for the slots of a plain template.
    Plain(Values),
    Recorded(Fixed, Values),
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|(name, _)| name)).finish()
    }
}

impl Templates {
    pub(super) fn new() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        // Without this setting, the engine's errors in release builds contain neither a place nor a
        // name.
        env.set_debug(true);
        env.set_fuel(Some(allowance::fuel(0)));
        env.set_auto_escape_callback(|name| match escape_of(name) {
            Escape::Html => AutoEscape::Html,
            Escape::Markdown => AutoEscape::Custom(MARKDOWN.into()),
            Escape::None => AutoEscape::None,
        });
        env.set_formatter(write_value);
        env.set_path_join_callback(|name, parent| {
            let file = confined::joined("", name);
            Cow::Owned(prefix_of(escape_of(parent)).to_owned() + file.as_deref().unwrap_or(name))
        });
        counted::install(
            &mut env,
            counted::Around { check: filters::refuse_undefined, made: filters::made },
        );
        Self {
            env,
            sources: Vec::new(),
            places: HashMap::new(),
            included: Vec::new(),
            plain: Vec::new(),
            guarded: Vec::new(),
        }
    }

    /// Compiles a template. A syntax error has exit code 4. It names the file, line and column, or
    /// the template if it is not in a file.
    pub(super) fn add(&mut self, name: &str, source: &Source) -> Result<()> {
        if let Some(at) = chains::too_long(&source.text, false) {
            let line = source.text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
            let what = format!(
                "an expression has more than {} operators, filters, attributes or branches in a row",
                chains::LONGEST
            );
            let refused = match source.places.is_empty() {
                true => refusal(name, source, (line, column(&source.text, at)), &what),
                false => refusal_in_generated(source, at, &what),
            };
            return Err(refused.hint("split it into parts: {% set part = ... %}"));
        }
        let guarded = Guarded::of(&source.text, false).filter(|guarded| {
            self.env.add_template_owned(name.to_owned(), guarded.text.clone()).is_ok()
        });
        if guarded.is_none() {
            // The error must refer to the original text, so that text is compiled, too.
            let Err(why) = self.env.add_template_owned(name.to_owned(), source.text.clone()) else {
                return Err(refusal(name, source, (1, 1), guarded::TOO_DEEP)
                    .hint("split it into parts: {% set part = ... %}"));
            };
            let what = why.detail().map_or_else(|| why.kind().to_string(), str::to_owned);
            let refused = match why.range() {
                Some(range) if !source.places.is_empty() => {
                    refusal_in_generated(source, range.start, &what)
                }
                range => {
                    let column = range.map_or(1, |range| column(&source.text, range.start));
                    refusal(name, source, (why.line().unwrap_or(1), column), &what)
                }
            };
            return Err(refused
                .hint("write values between {{ and }}, conditions and loops between {% and %}"));
        }
        self.places.insert(name.to_owned(), self.sources.len());
        self.sources.push((name.to_owned(), source.clone()));
        self.plain.push(Plain::parse(&source.text, escape_of(name)));
        let kept = self
            .guarded
            .iter()
            .chain([&guarded])
            .flatten()
            .map(|guarded| guarded.longest_kept)
            .max();
        self.env.set_fuel(Some(allowance::fuel(kept.unwrap_or_default())));
        self.guarded.push(guarded);
        Ok(())
    }

    /// The templates with their names, without included files.
    pub(super) fn own(&self) -> impl Iterator<Item = &(String, Source)> {
        self.sources.iter().filter(|(name, _)| file_of(name).is_none())
    }

    /// Compiles an included file, once for each kind of escaping that the templates added so far
    /// use.
    pub(super) fn add_included(&mut self, file: &str, source: &Source) -> Result<()> {
        for (prefix, escape) in INCLUDED {
            let is_needed =
                |(name, _): &(String, Source)| escape_of(name) == escape && file_of(name).is_none();
            if self.sources.iter().any(is_needed) {
                let name = format!("{prefix}{file}");
                self.add(&name, source)?;
                self.included.push(name);
            }
        }
        Ok(())
    }

    /// Returns the name of a template, and the names of the files that it may include.
    fn with_included<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let prefix = prefix_of(escape_of(name));
        let included = self.included.iter().map(String::as_str);
        std::iter::once(name).chain(included.filter(move |name| name.starts_with(prefix)))
    }

    /// Returns a template that needs no engine.
    fn plain(&self, name: &str) -> Option<&Plain> {
        self.plain[self.place(name)?].as_ref()
    }

    /// Returns the pieces of a plain template.
    pub(super) fn plain_pieces(&self, name: &str) -> &[Piece] {
        self.plain(name).map_or(&[], |plain| &plain.pieces)
    }

    /// Returns a template's output as pieces.
    pub(super) fn pieces(&self, name: &str, fixed: &Fixed) -> Vec<Piece> {
        let text = |name| {
            let place = self.place(name)?;
            Some(match &self.guarded[place] {
                Some(guarded) => guarded.text.as_str(),
                None => self.sources[place].1.text.as_str(),
            })
        };
        let texts: Vec<&str> =
            self.with_included(name).map(|name| text(name).unwrap_or_default()).collect();
        fixed.pieces(&texts)
    }

    /// Renders a template for a row.
    pub(super) fn print(&self, name: &str, row: &Row<'_>) -> Result<Print, RenderError> {
        match self.plain(name).and_then(|plain| plain.values(row)) {
            Some(values) => Ok(Print::Plain(values)),
            None => self.record(name, row.value()),
        }
    }

    /// Renders a template for a row as one text.
    pub(super) fn render(&self, name: &str, row: &Row<'_>) -> Result<String, RenderError> {
        Ok(match self.print(name, row)? {
            Print::Plain(values) => fill(self.plain_pieces(name), &values),
            Print::Recorded(fixed, values) => fill(&self.pieces(name, &fixed), &values),
        })
    }

    /// Renders a template for a row as pieces and the values for their slots.
    pub(super) fn render_pieces(
        &self,
        name: &str,
        row: &Row<'_>,
    ) -> Result<(Cow<'_, [Piece]>, Values), RenderError> {
        Ok(match self.print(name, row)? {
            Print::Plain(values) => (Cow::Borrowed(self.plain_pieces(name)), values),
            Print::Recorded(fixed, values) => (Cow::Owned(self.pieces(name, &fixed)), values),
        })
    }

    /// Returns the error that `render` would return. If the engine rendered the template, returns
    /// its output.
    pub(super) fn probe(&self, name: &str, row: &Row<'_>) -> Result<Option<Fixed>, RenderError> {
        if self.plain(name).is_some_and(|plain| plain.is_filled_by(row)) {
            return Ok(None);
        }
        match self.record(name, row.value())? {
            Print::Recorded(fixed, _) => Ok(Some(fixed)),
            Print::Plain(_) => Ok(None),
        }
    }

    fn record(&self, name: &str, context: &Value) -> Result<Print, RenderError> {
        let run = |marks| {
            allowance::begin();
            let recorded = self.env.get_template(name).and_then(|template| {
                let all = self.with_included(name).map(|name| self.env.get_template(name));
                let all = all.collect::<std::result::Result<Vec<_>, _>>()?;
                let texts: Vec<&str> = all.iter().map(|template| template.source()).collect();
                let mut recorder = Recorder::new(&texts, escape_of(name), marks);
                template.render_captured_to(context, &mut recorder)?;
                Ok((recorder.used_marks(), recorder.fixed, recorder.values))
            });
            recorded.map_err(|why| self.explain(name, &why))
        };
        let (used_marks, fixed, values) = run(Marks::Unused)?;
        if used_marks {
            // If the output differs without marks, the template's code has seen the marks, and the
            // output without marks is used.
            let (_, unmarked, plain_values) = run(Marks::Never)?;
            let text = |fixed: &Fixed, values: &Values| fill(&self.pieces(name, fixed), values);
            if text(&fixed, &values) != text(&unmarked, &plain_values) {
                return Ok(Print::Recorded(unmarked, plain_values));
            }
        }
        Ok(Print::Recorded(fixed, values))
    }

    /// Returns the output of the engine without recording.
    #[cfg(test)]
    pub(super) fn by_engine(&self, name: &str, row: &Row<'_>) -> String {
        allowance::begin();
        let _ = Recorder::new(&[], escape_of(name), Marks::Never);
        let template = self.env.get_template(name).expect("a template");
        template.render(row.value()).expect("renders")
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Converts a range of the compiled text to a range of the original text.
    fn original(&self, name: &str, range: Range<usize>) -> Range<usize> {
        match self.place(name).and_then(|place| self.guarded[place].as_ref()) {
            Some(guarded) => guarded.original(range),
            None => range,
        }
    }

    /// Returns the line on which a template begins. `None` if it is not in a file.
    pub(super) fn line(&self, name: &str) -> Option<u32> {
        self.source(name).filter(|source| source.file.is_some()).map(|source| source.line)
    }

    fn source(&self, name: &str) -> Option<&Source> {
        self.place(name).map(|place| &self.sources[place].1)
    }

    fn explain(&self, rendered: &str, why: &minijinja::Error) -> RenderError {
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
fn refusal(name: &str, source: &Source, (line, column): (usize, usize), what: &str) -> Error {
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
fn refusal_in_generated(source: &Source, offset: usize, what: &str) -> Error {
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

fn column(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn with(name: &str, text: &str) -> Templates {
        let mut templates = Templates::new();
        templates
            .add(name, &Source::new(text, Some("welcome.md".to_owned()), 10))
            .expect("compiles");
        templates
    }

    fn render(name: &str, text: &str, context: Value) -> Result<String, RenderError> {
        let templates = with(name, text);
        match templates.record(name, &context)? {
            Print::Plain(_) => unreachable!("the engine records"),
            Print::Recorded(fixed, values) => Ok(fill(&templates.pieces(name, &fixed), &values)),
        }
    }

    #[test]
    fn only_html_bodies_are_escaped() {
        let row = || context! { name => "<b>&\"'/", n => 3, ok => true };
        assert_eq!(
            render(HTML_BODY, "{{ name }} {{ n }} {{ ok }}", row()).expect("renders"),
            "&lt;b&gt;&amp;&quot;&#39;/ 3 true"
        );
        assert_eq!(render(HTML_BODY, "{{ name | safe }}", row()).expect("renders"), "<b>&\"'/");
        assert_eq!(render(TEXT_BODY, "{{ name }} {{ n }}", row()).expect("renders"), "<b>&\"'/ 3");
        assert_eq!(render("subject", "{{ name }}", row()).expect("renders"), "<b>&\"'/");
    }

    #[test]
    fn an_undefined_name_is_named_with_its_line() {
        let why =
            render("subject", "Hi\n{{ naem }}", context! { name => "x" }).expect_err("undefined");
        assert_eq!((why.missing.as_deref(), why.line), (Some("naem"), Some(11)));
        assert_eq!(why.to_string(), "subject, line 11: `naem` is undefined");
        let why = render(
            TEXT_BODY,
            "{{ items[0].titel }}",
            context! { items => vec![context! { title => "x" }] },
        )
        .expect_err("undefined");
        assert_eq!(why.missing.as_deref(), Some("items[0].titel"));
        let why =
            render(TEXT_BODY, "{% if naem %}x{% endif %}", context! {}).expect_err("undefined");
        assert_eq!(why.missing.as_deref(), Some("naem"));
    }

    #[test]
    fn no_filter_makes_something_of_an_undefined_name() {
        const ALL: [&str; 45] = [
            "abs",
            "attr('a')",
            "batch(2)",
            "bool",
            "capitalize",
            "center(3)",
            "chain([1])",
            "count",
            "dictsort",
            "escape",
            "first",
            "float",
            "format",
            "groupby('a')",
            "indent(2)",
            "int",
            "items",
            "join",
            "join(', ')",
            "last",
            "length",
            "lines",
            "list",
            "lower",
            "map('upper')",
            "max",
            "min",
            "pprint",
            "reject",
            "rejectattr('a')",
            "replace('a', 'b')",
            "reverse",
            "round",
            "select",
            "selectattr('a')",
            "slice(2)",
            "sort",
            "split(',')",
            "string",
            "sum",
            "title",
            "trim",
            "unique",
            "upper",
            "zip([1])",
        ];
        let every = || {
            ALL.into_iter().chain([
                "urlencode",
                "tojson",
                "safe",
                "lower | urlencode",
                "urlencode | upper",
            ])
        };
        for body in [TEXT_BODY, HTML_BODY, MARKDOWN_BODY] {
            let taken: Vec<&str> = every()
                .filter(|filter| {
                    render(body, &format!("<{{{{ naem | {filter} }}}}>"), context! { name => "x" })
                        .is_ok()
                })
                .collect();
            assert_eq!(taken, Vec::<&str>::new(), "in {body}");
        }
        let why = render(TEXT_BODY, "{{ naem | urlencode }}", context! {}).expect_err("undefined");
        assert_eq!(why.missing.as_deref(), Some("naem"));
        assert_eq!(
            render(
                TEXT_BODY,
                "{{ a | urlencode }} {{ b | join('+') }}",
                context! { a => "a b", b => vec![1, 2] }
            )
            .expect("renders"),
            "a%20b 1+2"
        );
        assert_eq!(
            render(TEXT_BODY, "{{ naem | default('x y') | urlencode }}", context! {})
                .expect("renders"),
            "x%20y"
        );
    }

    #[test]
    fn no_filter_makes_something_of_an_undefined_argument() {
        let filters = [
            "chain(naem)",
            "format(naem)",
            "groupby(naem)",
            "indent(naem)",
            "join(naem)",
            "replace('a', naem)",
            "replace(naem, 'a')",
            "round(naem)",
            "split(naem)",
            "trim(naem)",
            "urlencode ~ naem",
            "zip(naem)",
        ];
        let row =
            || context! { name => "x", list => vec!["a", "b"], items => vec![context! { a => 1 }] };
        for filter in filters {
            for value in ["name", "list", "items", "gone"] {
                let text = format!("{{{{ {value} | {filter} }}}}");
                assert!(
                    render(TEXT_BODY, &text, row()).is_err(),
                    "{text}: {:?}",
                    render(TEXT_BODY, &text, row())
                );
            }
        }
        for text in [
            "{{ [name, naem] | join(' ') }}",
            "{{ name ~ naem }}",
            "{{ list | join(naem) }}",
            "{{ [name] | chain(naem) | list }}",
            "{{ gone | default(naem) }}",
        ] {
            let why = render(TEXT_BODY, text, row()).expect_err("undefined");
            assert_eq!(why.missing.as_deref(), Some("naem"), "{text}: {why}");
        }
        let why = render(TEXT_BODY, "{{ naem | groupby('a') }}", row()).expect_err("undefined");
        assert_eq!(why.missing.as_deref(), Some("naem"));
        let good = [
            ("{{ items | groupby('a') | length }}", "1"),
            ("{{ list | chain(['c']) | join('+') }}", "a+b+c"),
            ("{{ name | replace('x', '') }}", ""),
        ];
        for (text, expected) in good {
            assert_eq!(render(TEXT_BODY, text, row()).expect("renders"), expected, "{text}");
        }
    }

    #[test]
    fn a_null_is_as_good_as_undefined_and_an_if_without_else_is_empty() {
        let why = render(HTML_BODY, "{{ name }}", context! { name => () }).expect_err("null");
        assert_eq!(why.missing.as_deref(), Some("name"));
        assert_eq!(
            render("subject", "a{{ 'x' if n > 3 }}b", context! { n => 1 }).expect("renders"),
            "ab"
        );
    }

    #[test]
    fn errors_do_not_show_values() {
        let why = render(TEXT_BODY, "{{ age | int }}", context! { age => "ann@example.com" })
            .expect_err("no number");
        assert!(!why.to_string().contains("ann@") && why.to_string().contains("age"), "{why}");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let text = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}";
        let why = render(TEXT_BODY, text, context! {}).expect_err("no fuel");
        assert!(
            why.missing.is_none()
                && why.to_string().contains("takes more than a second's work for one row"),
            "{why}"
        );
    }

    #[test]
    fn a_syntax_error_names_file_line_and_column() {
        let source = |file: Option<&str>| Source::new("Hi\n  {{ name", file.map(str::to_owned), 10);
        let complain = |name: &str, file| {
            Templates::new().add(name, &source(file)).expect_err("refused").to_string()
        };
        assert!(
            complain(MARKDOWN_BODY, Some("welcome.md")).starts_with("welcome.md:11:"),
            "{}",
            complain(MARKDOWN_BODY, Some("welcome.md"))
        );
        assert!(
            complain("subject", Some("welcome.md")).starts_with("welcome.md:11: subject, column ")
        );
        let inline = Templates::new()
            .add("subject", &Source::new("Hi {{ a b }}", None, 1))
            .expect_err("refused");
        assert!(inline.to_string().starts_with("subject:1:9: "), "{inline}");
    }
}
