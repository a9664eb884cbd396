//! The templates of one message, compiled once and used for every row.
//!
//! An undefined name is an error, and so is a `null`. A template that runs too long is stopped.
//! Errors show only the template's own text and never a value from the row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::bounded::allowance;
use crate::bounded::guarded::{self, Guarded};
use crate::bounded::{chains, counted};
use crate::model::error::Result;

use super::confined;
use super::escape::Escape;
use super::filters;
use super::mapped::Place;
use super::piece::{Piece, Values, fill};
use super::plain::Plain;
use super::recorder::{Fixed, Marks, Recorder, write_value};
use super::row::Row;

mod errors;
mod names;

pub(crate) use errors::RenderError;
pub(super) use names::{BODY_FILE, HTML_BODY, MARKDOWN_BODY, OF, TEXT_BODY};

use errors::{column, refusal, refusal_in_generated};
use names::{INCLUDED, escape_of, file_of, prefix_of};

const MARKDOWN: &str = "markdown";

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

    /// Returns the line on which a template begins. `None` if it is not in a file.
    pub(super) fn line(&self, name: &str) -> Option<u32> {
        self.source(name).filter(|source| source.file.is_some()).map(|source| source.line)
    }

    fn source(&self, name: &str) -> Option<&Source> {
        self.place(name).map(|place| &self.sources[place].1)
    }
}

#[cfg(test)]
mod tests;
