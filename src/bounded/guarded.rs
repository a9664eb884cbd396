//! Adds checks to a template wherever text can grow fast, or a large value is read, without a
//! filter: at `~`, `+`, `*`, `in`, comparisons, subscripts, slices, nested lists, and arguments of
//! loops.
//!
//! The engine counts instructions, but a single instruction can double a text. Each operand of
//! these operators therefore passes through a filter of [`super::counted`], which counts the
//! operand and returns it. Line breaks do not move, and every position in the new text maps to a
//! position in the original.

use std::ops::Range;

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

mod reader;

/// The error for a template that the engine accepts without the added checks but refuses with them.
pub(crate) const TOO_DEEP: &str = "its brackets lie too deep in each other: use fewer levels";

/// A template with added checks.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) text: String,
    /// The positions in the new text and the lengths of the inserted pieces, in order.
    inserted: Vec<(usize, usize)>,
    /// The length in bytes of the longest plain text inside a macro or another block whose output
    /// is captured.
    pub(crate) longest_kept: usize,
}

impl Guarded {
    /// Adds checks to a template, or to a single expression. Returns `None` if the text is invalid.
    pub(crate) fn of(source: &str, is_expression: bool) -> Option<Self> {
        let tokens: Vec<(Token<'_>, Span)> =
            tokenize(source, is_expression, SyntaxConfig::default())
                .collect::<Result<_, _>>()
                .ok()?;
        let longest_kept = longest_kept(&tokens);
        let mut put = reader::checks(tokens)?;
        // The sort is stable, so insertions at the same position stay in order.
        put.sort_by_key(|(place, _)| *place);
        let mut guarded = Self {
            text: String::with_capacity(source.len() + 8 * put.len()),
            inserted: Vec::with_capacity(put.len()),
            longest_kept,
        };
        let mut copied = 0;
        for (place, what) in put {
            guarded.text.push_str(source.get(copied..place)?);
            guarded.inserted.push((guarded.text.len(), what.len()));
            guarded.text.push_str(&what);
            copied = place;
        }
        guarded.text.push_str(source.get(copied..)?);
        Some(guarded)
    }

    /// Converts a range of the new text to the corresponding range of the original text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    fn place(&self, at: usize) -> usize {
        let before = self
            .inserted
            .iter()
            .take_while(|(place, _)| *place < at)
            .map(|(place, length)| (*length).min(at - place));
        at - before.sum::<usize>()
    }
}

fn longest_kept(tokens: &[(Token<'_>, Span)]) -> usize {
    let (mut depth, mut longest) = (0_usize, 0);
    for (number, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::TemplateData(text) if depth > 0 => longest = longest.max(text.len()),
            Token::BlockStart => match tokens.get(number + 1) {
                Some((Token::Ident("macro" | "call" | "filter"), _)) => depth += 1,
                Some((Token::Ident("set"), _)) if !is_assignment(&tokens[number..]) => depth += 1,
                Some((Token::Ident("endmacro" | "endcall" | "endfilter" | "endset"), _)) => {
                    depth = depth.saturating_sub(1)
                }
                _ => {}
            },
            _ => {}
        }
    }
    longest
}

/// Returns whether this tag contains a `=`.
fn is_assignment(tokens: &[(Token<'_>, Span)]) -> bool {
    tokens
        .iter()
        .take_while(|(token, _)| !matches!(token, Token::BlockEnd))
        .any(|(token, _)| matches!(token, Token::Assign))
}

#[cfg(test)]
mod tests {
    use super::super::counted::{
        ADDED, COMPARED, FACTOR, INDEXED, JOINED, LISTED, MADE, NESTED, SOME, TIMES,
    };
    use super::*;

    fn guarded(text: &str) -> String {
        let guarded = Guarded::of(text, false).expect("a template").text;
        [
            (JOINED, "J"),
            (ADDED, "A"),
            (FACTOR, "F"),
            (TIMES, "T"),
            (MADE, "M"),
            (COMPARED, "C"),
            (NESTED, "N"),
            (INDEXED, "I"),
            (LISTED, "L"),
            (SOME, "S"),
        ]
        .iter()
        .fold(guarded, |text, (long, short)| text.replace(*long, short))
    }

    #[test]
    fn operands_are_taken_whole_and_nothing_else_is_touched() {
        for (text, wanted) in [
            ("a ~ b", "a ~ b"),
            ("{{ a }} ~ {% if b %}*{% endif %}", "{{ a }} ~ {% if b %}*{% endif %}"),
            ("{{ a ~ b }}", "{{ (a)|J ~ (b)|J }}"),
            ("{{ a.b[0]|upper ~ -c(1)|f(x) }}", "{{ (a.b[0]|upper)|J ~ (-c(1)|f(x))|J }}"),
            ("{{ (a ~ b) ~ 'c' 'd' }}", "{{ (((a)|J ~ (b)|J))|J ~ ('c' 'd')|J }}"),
            ("{{ not (a) ~ b }}", "{{ not ((a))|J ~ (b)|J }}"),
            ("{% if (a) ~ b == c %}x{% endif %}", "{% if ((a))|J ~ (b)|J == (c)|C %}x{% endif %}"),
            ("{{ 'a' * 2 ** 9 * 3 }}", "{{ (('a')|F * (2 ** 9)|T * 3)|M }}"),
            ("{{ 6 / 2 - 1 }}", "{{ 6 / 2 - 1 }}"),
            ("{{ a + b - c }}", "{{ ((a)|A + (b)|A - (c)|A)|L }}"),
            (
                "{% for x in y if x not in z %}{% endfor %}",
                "{% for x in (y)|C if (x)|C not in (z)|C %}{% endfor %}",
            ),
            (
                "{% for a, b in y recursive %}{{ loop(b) }}{% endfor %}",
                "{% for a, b in (y)|C recursive %}{{ loop((b)|C) }}{% endfor %}",
            ),
            (
                "{% macro m(a, b=1) %}{{ a[1:] }}{% endmacro %}",
                "{% macro m(a, b=1) %}{{ (((a|M)[1:])|L) }}{% endmacro %}",
            ),
            ("{{ a[b[1:]] ~ 'x' }}", "{{ ((a|I)[((((b|M)[1:])|L))|C])|J ~ ('x')|J }}"),
            ("{{ a['x'][-1].b }}", "{{ (a['x']|I)[(-1)|C].b }}"),
            ("{{ 'x' in a or a in b in c }}", "{{ 'x' in (a)|C or (a)|C in (b)|C in (c)|C }}"),
            (
                "{{ loop.changed(a, *b, c=d) }}{{ loop(a) }}",
                "{{ loop.changed((a)|C, *(b)|C, c=(d)|C) }}{{ loop((a)|C) }}",
            ),
            (
                "{{ loop.cycle() ~ loop.cycle(*a) }}{{ f(a, *b) }}",
                "{{ (loop.cycle([]|S))|J ~ (loop.cycle(*(a)|S))|J }}{{ f(a, *(b)|C) }}",
            ),
            ("{{ {'a': [1]}.a }}", "{{ (({'a': (([1])|N)})|N).a }}"),
            (
                "{{ 'x' if a is startingwith(b) else c is defined }}",
                "{{ 'x' if a is startingwith(b) else c is defined }}",
            ),
            (
                "{% raw %}{{ a ~ b }}{% endraw %}{# a ~ b #}",
                "{% raw %}{{ a ~ b }}{% endraw %}{# a ~ b #}",
            ),
        ] {
            assert_eq!(guarded(text), wanted, "{text}");
        }
        assert!(Guarded::of("{{ 'a", false).is_none());
        for unfinished in [
            "{{ a[b.",
            "{{ a[",
            "{{ f(a ~",
            "{%",
            "{% if a[b not in",
            "{{ a is",
            "{{ a | ",
            "{{ [1, (2 * ",
            "{{ -",
            "{{ a[b.1:",
        ] {
            // The text is invalid, so the engine itself reports the error.
            let _ = Guarded::of(unfinished, false);
        }
        for bracket in ["(", "[", "{", "a[", "f(", "-("] {
            assert!(
                Guarded::of(&format!("{{{{ {} }}}}", bracket.repeat(100_000)), false)
                    .is_none_or(|guarded| !guarded.text.is_empty())
            );
        }
        assert_eq!(
            Guarded::of("a ~ b", true).expect("an expression").text,
            format!("(a)|{JOINED} ~ (b)|{JOINED}")
        );
    }

    #[test]
    fn every_place_has_one_in_the_text_that_was_given() {
        let text = "é {{ one ~ two }} {{ three }}";
        let guarded = Guarded::of(text, false).expect("a template");
        for word in ["one", "two", "three"] {
            let at = guarded.text.find(word).expect("it is there");
            assert_eq!(&text[guarded.original(at..at + word.len())], word);
        }
    }

    #[test]
    fn text_that_is_kept_is_found() {
        let longest = |text: &str| Guarded::of(text, false).expect("a template").longest_kept;
        assert_eq!(longest("long long long{% for a in b %}long{% endfor %}{% set a = b %}long"), 0);
        assert_eq!(longest("{% set a %}{% for b in c %}12345{% endfor %}{% endset %}123456"), 5);
        assert_eq!(
            longest(
                "{% macro m() %}123{% endmacro %}{% filter upper %}1234{% endfilter %}{% call m() %}12{% endcall %}12345"
            ),
            4
        );
    }
}
