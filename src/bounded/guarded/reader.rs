//! Parses expressions with the engine's operator precedences, and finds where to insert counting
//! filters. It parses tokens, because the engine's syntax tree does not record the positions of
//! brackets.

use std::ops::Range;

use minijinja::machinery::{Span, Token};

use super::super::counted::{
    ADDED, COMPARED, FACTOR, HELD, INDEXED, JOINED, LISTED, MADE, NESTED, SOME, TIMES,
};

/// A nesting depth of brackets that the engine does not accept.
const DEEPEST: usize = 200;

/// The smallest index for which stepping through a list or text takes noticeable time.
const FAR: u64 = 1_000;

/// Keywords that cannot start an operand.
const WORDS: [&str; 8] = ["not", "and", "or", "if", "else", "in", "is", "recursive"];

/// Returns the texts to insert, with their positions. Returns `None` if brackets are nested more
/// deeply than the engine accepts.
pub(super) fn checks(tokens: Vec<(Token<'_>, Span)>) -> Option<Vec<(usize, String)>> {
    let mut reader = Reader {
        tokens,
        at: 0,
        put: Vec::new(),
        depth: 0,
        is_too_deep: false,
        names_loop_variable: false,
    };
    reader.scan(|_| false);
    (!reader.is_too_deep).then_some(reader.put)
}

struct Reader<'s> {
    tokens: Vec<(Token<'s>, Span)>,
    at: usize,
    put: Vec<(usize, String)>,
    /// The number of open brackets.
    depth: usize,
    is_too_deep: bool,
    /// Whether the reader is between a `for` and its `in`, where names are declared.
    names_loop_variable: bool,
}

/// The byte range of an operand.
type Extent = (usize, usize);

impl<'s> Reader<'s> {
    fn token(&self) -> Option<&Token<'s>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// Skips two tokens, or one if the text ends after it.
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

    /// Like [`Self::wrap`], for a value that an attribute, a call or a subscript may follow.
    fn wrap_primary(&mut self, (start, end): Extent, filter: &str) {
        self.put.push((start, "((".to_owned()));
        self.put.push((end, format!(")|{filter})")));
    }

    /// Returns the byte range of these tokens, if there are any.
    fn bytes(&self, tokens: Range<usize>) -> Option<Extent> {
        let first = self.tokens.get(tokens.start)?;
        let last = self.tokens.get(tokens.end.checked_sub(1)?)?;
        (!tokens.is_empty()).then_some((first.1.start_offset as usize, last.1.end_offset as usize))
    }

    /// Runs `read`, and returns the byte range that it has read, if any.
    fn extent(&mut self, read: impl FnOnce(&mut Self)) -> Option<Extent> {
        let first = self.at;
        read(self);
        self.bytes(first..self.at)
    }

    /// Reads expressions up to a token for which `ends` returns true.
    fn scan(&mut self, ends: impl Fn(&Token<'s>) -> bool) {
        while let Some(token) = self.token() {
            if ends(token) {
                return;
            }
            let before = self.at;
            if matches!(token, Token::BlockStart) {
                let name = match self.tokens.get(self.at + 1) {
                    Some((Token::Ident(name), _)) => *name,
                    _ => "",
                };
                self.skip_two();
                self.names_loop_variable = name == "for";
                if name == "set" {
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

    /// Reads `TARGET = VALUE`. A namespace can store its own previous value or itself, so its
    /// nesting can grow at each assignment.
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
        let first = self.at;
        let left = self.extent(Self::sum);
        let is_literal = self.at == first + 1 && self.is_literal(Some(first));
        let mut is_first = true;
        loop {
            let is_not_in = self.is_word("not")
                && matches!(self.tokens.get(self.at + 1), Some((Token::Ident("in"), _)));
            if is_not_in || self.is_word("in") {
                // The text between `for` and `in` is a name, not a value.
                let is_value = !std::mem::take(&mut self.names_loop_variable) && is_first;
                if let Some(left) = left.filter(|_| is_value && !is_literal) {
                    self.wrap(left, COMPARED);
                }
            }
            is_first = false;
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
            if let Some(right) = self.extent(Self::sum) {
                self.wrap(right, COMPARED);
            }
        }
    }

    fn sum(&mut self) {
        let first = self.at;
        let may_grow = self.chain(
            Self::joint,
            |token| matches!(token, Token::Plus | Token::Minus),
            |token| matches!(token, Token::Plus),
            ADDED,
        );
        if let Some(sum) = self.bytes(first..self.at).filter(|_| may_grow) {
            self.wrap(sum, LISTED);
        }
    }

    fn joint(&mut self) {
        let _ = self.chain(Self::product, |token| matches!(token, Token::Tilde), |_| true, JOINED);
    }

    /// Reads the operands of one precedence level. If an operator can make text grow, each operand
    /// passes through `filter`. Returns whether one of the operators can.
    fn chain(
        &mut self,
        operand: fn(&mut Self),
        is_operator: fn(&Token<'_>) -> bool,
        grows: fn(&Token<'_>) -> bool,
        filter: &str,
    ) -> bool {
        let Some(first) = self.extent(operand) else { return false };
        let (mut operands, mut may_grow) = (vec![first], false);
        while self.token().is_some_and(is_operator) {
            may_grow |= self.token().is_some_and(grows);
            self.at += 1;
            operands.extend(self.extent(operand));
        }
        may_grow &= operands.len() > 1;
        if may_grow {
            operands.into_iter().for_each(|operand| self.wrap(operand, filter));
        }
        may_grow
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

    /// Reads one value and the attributes, calls, filters and tests that follow it.
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

    /// Reads a test. Tests count their own arguments.
    fn test(&mut self) {
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
    }

    /// Reads a name that may contain dots.
    fn name(&mut self) {
        while matches!(self.token(), Some(Token::Ident(_))) {
            self.at += 1;
            if !matches!(self.token(), Some(Token::Dot)) {
                return;
            }
            self.at += 1;
        }
    }

    /// Reads arguments. An argument that is a list, `*LIST`, passes through a counting filter.
    fn arguments(&mut self) {
        if matches!(self.token(), Some(Token::ParenOpen)) {
            let first = self.at;
            self.group(|token| matches!(token, Token::ParenClose));
            for argument in self.separated(first) {
                self.spread(argument, COMPARED);
            }
        }
    }

    /// Reads the arguments of a `loop` function, which compares them or cycles through them.
    fn arguments_of_loop(&mut self, name: &str) {
        let open = self.at;
        self.group(|token| matches!(token, Token::ParenClose));
        let filter = if name == "cycle" { SOME } else { COMPARED };
        let arguments = self.separated(open);
        // The engine would divide by zero if `cycle` had no arguments.
        if arguments.is_empty() && name == "cycle" {
            let place = self.tokens[open].1.end_offset as usize;
            self.put.push((place, format!("[]|{SOME}")));
        }
        for argument in arguments {
            if self.spread(argument.clone(), filter) {
                continue;
            }
            let is_named = matches!(
                self.tokens.get(argument.start..argument.start + 2),
                Some([(Token::Ident(_), _), (Token::Assign, _)])
            );
            let value = argument.start + if is_named { 2 } else { 0 }..argument.end;
            if let Some(value) = self.bytes(value) {
                self.wrap(value, COMPARED);
            }
        }
    }

    /// Passes an argument of the form `*LIST` through a filter. Returns whether the argument has
    /// that form.
    fn spread(&mut self, argument: Range<usize>, filter: &str) -> bool {
        let is_spread =
            matches!(self.tokens.get(argument.start), Some((Token::Mul | Token::Pow, _)));
        if let Some(list) = self.bytes(argument.start + 1..argument.end).filter(|_| is_spread) {
            self.wrap(list, filter);
        }
        is_spread
    }

    /// Returns the token ranges between the commas of a bracket that has been read. `open` is the
    /// index of the opening token.
    fn separated(&self, open: usize) -> Vec<Range<usize>> {
        let (mut found, mut first, mut depth) = (Vec::new(), open + 1, 0_usize);
        for at in open + 1..self.at {
            let ends = match &self.tokens[at].0 {
                Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                    depth += 1;
                    false
                }
                Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                    depth = depth.saturating_sub(1);
                    at + 1 == self.at
                }
                token => depth == 0 && matches!(token, Token::Comma),
            };
            if ends {
                if first < at {
                    found.push(first..at);
                }
                first = at + 1;
            }
        }
        found
    }

    /// Reads the tokens inside brackets and the closing bracket.
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
        let mut called = match &self.tokens[first].0 {
            Token::Ident("loop") if self.at == first + 1 => "loop",
            _ => "",
        };
        loop {
            match self.token() {
                Some(Token::Dot) => {
                    self.skip_two();
                    called = match self.tokens[self.at - 1].0 {
                        Token::Ident(name @ ("changed" | "cycle")) => name,
                        _ => "",
                    };
                    continue;
                }
                Some(Token::ParenOpen) if !called.is_empty() => self.arguments_of_loop(called),
                Some(Token::ParenOpen) => self.arguments(),
                Some(Token::BracketOpen) => self.subscript(first),
                _ => return true,
            }
            called = "";
        }
    }

    /// Reads a list or a map and adds a check of its depth. A loop can nest values without limit:
    /// each pass of `{% set x = [x] %}` puts the old `x` into a new list.
    fn literal(&mut self, closes: fn(&Token<'_>) -> bool) {
        if let Some(extent) = self.extent(|reader| reader.group(closes)) {
            self.wrap_primary(extent, NESTED);
        }
    }

    /// Returns whether a token is a string or an integer literal.
    fn is_literal(&self, at: Option<usize>) -> bool {
        let token = at.and_then(|at| self.tokens.get(at));
        matches!(token, Some((Token::Str(_) | Token::String(_) | Token::Int(_), _)))
    }

    /// Reads a subscript of the value that begins at the token `first`. A slice copies the value,
    /// an index may step through it, and a name is only looked up.
    fn subscript(&mut self, first: usize) {
        let start = self.tokens[first].1.start_offset as usize;
        let open = self.at;
        let place = self.tokens[open].1.start_offset as usize;
        self.group(|token| matches!(token, Token::BracketClose));
        let inside = open + 1..self.at.saturating_sub(1);
        if self.is_slice(open) {
            self.put.push((start, "(((".to_owned()));
            self.put.push((place, format!("|{MADE})")));
            let end = self.tokens[self.at - 1].1.end_offset as usize;
            self.put.push((end, format!(")|{LISTED})")));
            return;
        }
        let is_literal = inside.len() == 1 && self.is_literal(Some(inside.start));
        match self.tokens.get(inside.start) {
            Some((Token::Int(number), _)) if is_literal && *number >= FAR => {}
            _ if is_literal => return,
            _ => {}
        }
        self.put.push((start, "(".to_owned()));
        self.put.push((place, format!("|{INDEXED})")));
        if let Some(key) = self.bytes(inside).filter(|_| !is_literal) {
            self.wrap(key, COMPARED);
        }
    }

    /// Returns whether the brackets that open at this token directly contain a `:`.
    fn is_slice(&self, open: usize) -> bool {
        let mut depth = 0_u32;
        self.tokens[open..self.at].iter().any(|(token, _)| {
            match token {
                Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => depth += 1,
                Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                    depth = depth.saturating_sub(1)
                }
                _ => {}
            }
            depth == 1 && matches!(token, Token::Colon)
        })
    }
}
