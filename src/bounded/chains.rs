//! Detects expressions with too many operators in a row. Each operator, filter, attribute, call and
//! `elif` contains the one before it, and the template engine handles this nesting by recursion.

use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// The maximum number of operators, filters, attributes, calls and branches in one chain. The
/// number of elements in a list is not limited.
pub(crate) const LONGEST: usize = 1_000;

/// The operators that are written as words.
const OPERATORS: [&str; 7] = ["not", "and", "or", "if", "else", "in", "is"];

/// Returns the offset at which a template, or a single expression, exceeds [`LONGEST`]. Returns
/// `None` if it does not exceed it.
pub(crate) fn too_long(source: &str, is_expression: bool) -> Option<usize> {
    let tokens: Vec<(Token<'_>, Span)> =
        tokenize(source, is_expression, SyntaxConfig::default()).map_while(Result::ok).collect();
    let (mut row, mut branches) = (Row::default(), Branches::default());
    for (number, (token, span)) in tokens.iter().enumerate() {
        let word = match tokens.get(number + 1) {
            Some((Token::Ident(word), _)) if matches!(token, Token::BlockStart) => word,
            _ => "",
        };
        if row.after(token).max(branches.after(word)) > LONGEST {
            return Some(span.start_offset as usize);
        }
    }
    None
}

/// The nesting depth of the current expression so far.
#[derive(Default)]
struct Row {
    count: usize,
    /// For each open bracket: the depth before it, and the greatest depth inside it.
    open: Vec<(usize, usize)>,
}

impl Row {
    fn after(&mut self, token: &Token<'_>) -> usize {
        match token {
            Token::BlockStart | Token::VariableStart => *self = Self::default(),
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                self.count += 1;
                self.open.push((self.count, self.count));
            }
            // The expression after a comma does not contain the one before it.
            Token::Comma => {
                if let Some((before, most)) = self.open.last_mut() {
                    *most = self.count.max(*most);
                    self.count = *before;
                }
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                let most = self.open.pop().map_or(0, |(_, most)| most);
                self.count = self.count.max(most);
            }
            Token::Ident(word) if !OPERATORS.contains(word) => {}
            Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_) => {}
            Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd
            | Token::Colon
            | Token::Assign => {}
            _ => self.count += 1,
        }
        self.count
    }
}

/// The number of branches of each open `if`, plus those of the `if` blocks around it.
#[derive(Default)]
struct Branches(Vec<usize>);

impl Branches {
    /// Updates the counts for a tag that begins with `word`. Returns the count of the innermost
    /// open `if`.
    fn after(&mut self, word: &str) -> usize {
        let around = self.0.last().copied().unwrap_or_default();
        match word {
            "if" => self.0.push(around + 1),
            "elif" => {
                if let Some(count) = self.0.last_mut() {
                    *count += 1;
                }
            }
            "endif" => {
                self.0.pop();
            }
            _ => {}
        }
        self.0.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    use super::*;

    /// Returns expressions, each with a part to repeat, and the number of repetitions that is just
    /// allowed.
    fn rows() -> Vec<(&'static str, &'static str, &'static str, usize)> {
        vec![
            ("{{ 1", "|string", " }}", LONGEST),
            ("{{ a", ".a", " }}", LONGEST),
            ("{{ a", "[0]", " }}", LONGEST),
            ("{{ a", "()", " }}", LONGEST),
            ("{{ 1", " + 1", " }}", LONGEST),
            ("{{ 'a'", " ~ 'a'", " }}", LONGEST),
            ("{{ 1", " < 1", " }}", LONGEST),
            ("{{ 1", " ** 1", " }}", LONGEST),
            ("{{ 1", " is string", " }}", LONGEST),
            ("{{ 1", " or 1", " }}", LONGEST),
            ("{{ ", "not ", "1 }}", LONGEST),
            ("{{ ", "-", "1 }}", LONGEST),
            ("{{ ", "1 if 1 else ", "1 }}", LONGEST / 2),
            ("{{ (1", " + 1", ")|string }}", LONGEST - 2),
            // The statement's name counts as an operator.
            ("{% if a", " and a", " %}{% endif %}", LONGEST - 1),
            ("{% if a %}", "{% elif a %}", "{% endif %}", LONGEST - 1),
            ("{% for a in b", "|list", " %}{% endfor %}", LONGEST - 1),
        ]
    }

    #[test]
    fn what_lies_too_deep_is_found_and_all_else_is_compiled_on_the_stack_of_a_thread() {
        for (before, part, after, most) in rows() {
            let text = |times: usize| format!("{before}{}{after}", part.repeat(times));
            assert_eq!(too_long(&text(most), false), None, "{part}");
            assert!(too_long(&text(most + 1), false).is_some(), "{part}");
            assert!(too_long(&text(200_000), false).is_some(), "{part}");
            for text in [
                text(most),
                super::super::guarded::Guarded::of(&text(most), false).expect("a template").text,
            ] {
                Environment::new()
                    .add_template_owned("t", text)
                    .unwrap_or_else(|why| panic!("{part}: {why}"));
            }
        }
    }

    #[test]
    fn a_long_list_is_no_long_row() {
        let items = "'a' ~ 'b', ".repeat(5_000);
        for text in [
            format!("{{{{ a in [{items}] }}}}"),
            format!("{{{{ f({items}1) }}}}"),
            "{{ a }}{% if a %}{% endif %}".repeat(5_000),
        ] {
            assert_eq!(too_long(&text, false), None);
        }
        assert_eq!(too_long(&format!("a in [{items}]"), true), None);
        assert!(too_long(&format!("a{}", " or a".repeat(LONGEST + 1)), true).is_some());
    }
}
