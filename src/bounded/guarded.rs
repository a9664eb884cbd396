//! Templates with a check at each place where text can grow out of proportion and no filter is
//! called: `~`, `+`, `*`, slices, lists in lists.
//!
//! The engine counts instructions, and one of them may double a text. So each operand of such an
//! operator is sent through a filter of [`super::allowance`], which gives back what it was given
//! and counts it. Nothing else is changed: lines stay where they are, and every place in the new
//! text has one in the old.

use std::ops::Range;

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::allowance::{ADDED, COMPARED, FACTOR, HELD, JOINED, MADE, NESTED, TIMES};

/// More brackets in each other than the engine takes.
const DEEPEST: usize = 200;

/// Words of the language that begin no operand.
const WORDS: [&str; 8] = ["not", "and", "or", "if", "else", "in", "is", "recursive"];

/// A template with its checks.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) text: String,
    /// Where something was put in, as a place in the new text, and how long it is; in order.
    inserted: Vec<(usize, usize)>,
    /// The longest stretch of plain text inside a macro, or another block whose text is kept before
    /// it is written, in bytes.
    pub(crate) longest_kept: usize,
}

impl Guarded {
    /// A template, or a single expression. `None` where the text is none.
    pub(crate) fn of(source: &str, is_expression: bool) -> Option<Self> {
        let tokens: Vec<(Token<'_>, Span)> =
            tokenize(source, is_expression, SyntaxConfig::default())
                .collect::<Result<_, _>>()
                .ok()?;
        let longest_kept = longest_kept(&tokens);
        let mut reader = Reader { tokens, at: 0, put: Vec::new(), depth: 0, is_too_deep: false };
        reader.scan(|_| false);
        if reader.is_too_deep {
            return None;
        }
        let mut put = reader.put;
        // What is put in at one place stays in its order.
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

    /// The same range in the text that was given.
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

/// Whether a tag that begins here has a `=`.
fn is_assignment(tokens: &[(Token<'_>, Span)]) -> bool {
    tokens
        .iter()
        .take_while(|(token, _)| !matches!(token, Token::BlockEnd))
        .any(|(token, _)| matches!(token, Token::Assign))
}

/// Reads expressions by the engine's precedences, as far as they matter here.
struct Reader<'s> {
    tokens: Vec<(Token<'s>, Span)>,
    at: usize,
    put: Vec<(usize, String)>,
    /// How many brackets are open.
    depth: usize,
    is_too_deep: bool,
}

/// The bytes of an operand.
type Extent = (usize, usize);

impl<'s> Reader<'s> {
    fn token(&self) -> Option<&Token<'s>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// What is not finished may end behind the first.
    fn skip_two(&mut self) {
        self.at = (self.at + 2).min(self.tokens.len());
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token(), Some(Token::Ident(name)) if *name == word)
    }

    fn wrap(&mut self, (start, end): Extent, filter: &str) {
        self.put.push((start, "(".to_owned()));
        self.put.push((end, format!(")|{filter}")));
    }

    /// Reads what `read` reads; its extent, where it has read anything.
    fn extent(&mut self, read: impl FnOnce(&mut Self)) -> Option<Extent> {
        let first = self.at;
        read(self);
        let (start, end) = (
            self.tokens.get(first)?.1.start_offset,
            self.tokens.get(self.at.checked_sub(1)?)?.1.end_offset,
        );
        (self.at > first).then_some((start as usize, end as usize))
    }

    /// Reads expression after expression up to a token that ends them.
    fn scan(&mut self, ends: impl Fn(&Token<'s>) -> bool) {
        while let Some(token) = self.token() {
            if ends(token) {
                return;
            }
            let before = self.at;
            if matches!(token, Token::BlockStart) {
                let is_set = matches!(self.tokens.get(self.at + 1), Some((Token::Ident("set"), _)));
                // The name of the statement.
                self.skip_two();
                if is_set {
                    self.assignment();
                }
                continue;
            }
            self.compare();
            if self.at == before {
                self.at += 1;
            }
        }
    }

    /// `TARGET = VALUE`. What is put into a namespace may hold what was in it before, and so on, or
    /// the namespace itself.
    fn assignment(&mut self) {
        let first = self.at;
        while self.token().is_some_and(|token| !matches!(token, Token::Assign | Token::BlockEnd)) {
            self.at += 1;
        }
        let is_attribute =
            self.tokens[first..self.at].iter().any(|(token, _)| matches!(token, Token::Dot));
        if !matches!(self.token(), Some(Token::Assign)) {
            return;
        }
        self.at += 1;
        let value = self.extent(|reader| reader.scan(|token| matches!(token, Token::BlockEnd)));
        if let (true, Some(value)) = (is_attribute, value) {
            self.wrap(value, HELD);
        }
    }

    fn compare(&mut self) {
        self.sum();
        loop {
            let is_not_in = self.is_word("not")
                && matches!(self.tokens.get(self.at + 1), Some((Token::Ident("in"), _)));
            match self.token() {
                _ if is_not_in => self.skip_two(),
                Some(
                    Token::Eq
                    | Token::Ne
                    | Token::Lt
                    | Token::Lte
                    | Token::Gt
                    | Token::Gte
                    | Token::Ident("in"),
                ) => self.at += 1,
                _ => return,
            }
            // Only the right-hand side: on the left of the `in` of a loop stands no value.
            if let Some(right) = self.extent(Self::sum) {
                self.wrap(right, COMPARED);
            }
        }
    }

    fn sum(&mut self) {
        self.chain(
            Self::joint,
            |token| matches!(token, Token::Plus | Token::Minus),
            |token| matches!(token, Token::Plus),
            ADDED,
        );
    }

    fn joint(&mut self) {
        self.chain(Self::product, |token| matches!(token, Token::Tilde), |_| true, JOINED);
    }

    /// Operands of one level, each of which goes through the filter where one of the operators can
    /// make text grow.
    fn chain(
        &mut self,
        operand: fn(&mut Self),
        is_operator: fn(&Token<'_>) -> bool,
        grows: fn(&Token<'_>) -> bool,
        filter: &str,
    ) {
        let Some(first) = self.extent(operand) else { return };
        let (mut operands, mut may_grow) = (vec![first], false);
        while self.token().is_some_and(is_operator) {
            may_grow |= self.token().is_some_and(grows);
            self.at += 1;
            operands.extend(self.extent(operand));
        }
        if may_grow && operands.len() > 1 {
            operands.into_iter().for_each(|operand| self.wrap(operand, filter));
        }
    }

    fn product(&mut self) {
        let Some(first) = self.extent(Self::power) else { return };
        let (mut last, mut factors) = (first, None);
        while let Some(Token::Mul | Token::Div | Token::FloorDiv | Token::Mod) = self.token() {
            let is_first = last == first;
            let is_times = matches!(self.token(), Some(Token::Mul));
            self.at += 1;
            let Some(right) = self.extent(Self::power) else { return };
            if is_times && is_first {
                self.wrap(first, FACTOR);
                self.wrap(right, TIMES);
            }
            factors = factors.or(is_times.then_some(()));
            last = right;
        }
        if factors.is_some() {
            self.wrap((first.0, last.1), MADE);
        }
    }

    fn power(&mut self) {
        self.operand();
        while matches!(self.token(), Some(Token::Pow)) {
            self.at += 1;
            self.operand();
        }
    }

    /// One value with what follows it: attributes, calls, filters and tests.
    fn operand(&mut self) {
        let first = self.at;
        while matches!(self.token(), Some(Token::Minus)) {
            self.at += 1;
        }
        if !self.primary() {
            self.at = first;
            return;
        }
        loop {
            match self.token() {
                Some(Token::Pipe) => {
                    self.at += 1;
                    self.name();
                    self.arguments();
                }
                Some(Token::Ident("is")) => self.test(),
                _ => return,
            }
        }
    }

    fn test(&mut self) {
        let place = self.tokens[self.at].1.start_offset as usize;
        self.at += 1;
        if self.is_word("not") {
            self.at += 1;
        }
        self.name();
        let before = self.at;
        self.arguments();
        if self.at == before {
            self.primary();
        }
        // Only those with an argument look at all of a text.
        if self.at > before {
            self.put.push((place, format!("|{COMPARED} ")));
        }
    }

    /// A name with dots.
    fn name(&mut self) {
        while matches!(self.token(), Some(Token::Ident(_))) {
            self.at += 1;
            if !matches!(self.token(), Some(Token::Dot)) {
                return;
            }
            self.at += 1;
        }
    }

    fn arguments(&mut self) {
        if matches!(self.token(), Some(Token::ParenOpen)) {
            self.group(|token| matches!(token, Token::ParenClose));
        }
    }

    /// Scans the tokens in brackets, the closing one included.
    fn group(&mut self, closes: fn(&Token<'_>) -> bool) {
        if self.depth == DEEPEST {
            (self.is_too_deep, self.at) = (true, self.tokens.len());
            return;
        }
        self.at += 1;
        self.depth += 1;
        self.scan(|token| closes(token) || matches!(token, Token::BlockEnd | Token::VariableEnd));
        self.depth -= 1;
        if self.token().is_some_and(closes) {
            self.at += 1;
        }
    }

    fn primary(&mut self) -> bool {
        let first = self.at;
        match self.token() {
            Some(Token::Ident(name)) if WORDS.contains(name) => return false,
            Some(Token::Str(_) | Token::String(_)) => {
                while matches!(self.token(), Some(Token::Str(_) | Token::String(_))) {
                    self.at += 1;
                }
            }
            Some(Token::Ident(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_)) => {
                self.at += 1
            }
            Some(Token::ParenOpen) => self.group(|token| matches!(token, Token::ParenClose)),
            Some(Token::BracketOpen) => self.literal(|token| matches!(token, Token::BracketClose)),
            Some(Token::BraceOpen) => self.literal(|token| matches!(token, Token::BraceClose)),
            _ => return false,
        }
        let start = self.tokens[first].1.start_offset as usize;
        loop {
            match self.token() {
                Some(Token::Dot) => self.skip_two(),
                Some(Token::ParenOpen) => self.arguments(),
                Some(Token::BracketOpen) => self.subscript(start),
                _ => return true,
            }
        }
    }

    /// A list or a map, which may hold the one that it replaces, and so on.
    fn literal(&mut self, closes: fn(&Token<'_>) -> bool) {
        if let Some(extent) = self.extent(|reader| reader.group(closes)) {
            self.wrap(extent, NESTED);
        }
    }

    /// A subscript of the value that begins at `start`; a slice makes a copy.
    fn subscript(&mut self, start: usize) {
        let open = self.tokens[self.at].1.start_offset as usize;
        let first = self.at;
        self.group(|token| matches!(token, Token::BracketClose));
        let mut depth = 0_u32;
        let is_slice = self.tokens[first..self.at].iter().any(|(token, _)| {
            match token {
                Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => depth += 1,
                Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                    depth = depth.saturating_sub(1)
                }
                _ => {}
            }
            depth == 1 && matches!(token, Token::Colon)
        });
        if is_slice {
            self.put.push((start, "(".to_owned()));
            self.put.push((open, format!("|{MADE})")));
        }
    }
}

#[cfg(test)]
mod tests {
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
            ("{{ a + b - c }}", "{{ (a)|A + (b)|A - (c)|A }}"),
            (
                "{% for x in y if x not in z %}{% endfor %}",
                "{% for x in (y)|C if x not in (z)|C %}{% endfor %}",
            ),
            (
                "{% for a, b in y recursive %}{{ loop(b) }}{% endfor %}",
                "{% for a, b in (y)|C recursive %}{{ loop(b) }}{% endfor %}",
            ),
            (
                "{% macro m(a, b=1) %}{{ a[1:] }}{% endmacro %}",
                "{% macro m(a, b=1) %}{{ (a|M)[1:] }}{% endmacro %}",
            ),
            ("{{ a[b[1:]] ~ 'x' }}", "{{ (a[(b|M)[1:]])|J ~ ('x')|J }}"),
            ("{{ {'a': [1]}.a }}", "{{ ({'a': ([1])|N})|N.a }}"),
            (
                "{{ 'x' if a is startingwith(b) else c is defined }}",
                "{{ 'x' if a |C is startingwith(b) else c is defined }}",
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
            // The engine says what is wrong with it.
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
