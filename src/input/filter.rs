//! Selects the rows of a list by `--where EXPR`. The expression must give true or false, so that no
//! row is selected by mistake.

use std::sync::{Arc, LazyLock};

use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior};

use super::ListRow;
use super::context::{ColumnIndex, row_value};
use crate::bounded::allowance::{self, Exceeded};
use crate::bounded::guarded::{self, Guarded};
use crate::bounded::{chains, counted};
use crate::model::error::{Error, Result};

/// The maximum number of engine instructions for one row. Ordinary expressions need a few dozen.
const FUEL: u64 = 100_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // Without the engine's debug mode, errors in release builds have no position.
    environment.set_debug(true);
    counted::install(&mut environment, counted::Around::NOTHING);
    environment
});

/// A compiled `--where` expression. In it, CSV cells are strings, and JSON values keep their types.
#[derive(Debug)]
pub struct Filter {
    expression: Expression<'static, 'static>,
}

impl Filter {
    /// Compiles an expression. Exit 2, with the column of the error, if the expression is invalid.
    pub fn parse(source: &str) -> Result<Self> {
        if let Some(at) = chains::too_long(source, true) {
            let column = source[..at].chars().count() + 1;
            let what = format!(
                "--where: more than {} operators, filters or attributes in a row (column {column})",
                chains::LONGEST
            );
            return Err(
                Error::usage(what).hint(r#"a list may have any length: country in ["AT", "FI"]"#)
            );
        }
        let expression = Guarded::of(source, true)
            .and_then(|guarded| ENVIRONMENT.compile_expression_owned(guarded.text).ok());
        if let Some(expression) = expression {
            return Ok(Self { expression });
        }
        // The original text is compiled, so that the error's column refers to the text as typed.
        Err(match ENVIRONMENT.compile_expression_owned(source.to_owned()) {
            Ok(_) => Error::usage(format!("--where: {}", guarded::TOO_DEEP))
                .hint("use fewer levels of nested lists and brackets"),
            Err(error) => {
                let column = error
                    .range()
                    .and_then(|range| source.get(..range.start))
                    .map(|before| before.chars().count() + 1);
                let place = column.map(|column| format!(" (column {column})")).unwrap_or_default();
                Error::usage(format!("--where: {}{place}", described(&error)))
                    .hint(r#"an example: --where 'country == "AT" and plan != "free"'"#)
            }
        })
    }

    /// Returns whether the expression selects the row. Exit 2 if evaluation fails or gives neither
    /// true nor false.
    pub fn admits(
        &self,
        columns: &Arc<ColumnIndex>,
        row: &ListRow,
        list_name: &str,
    ) -> Result<bool> {
        let place = || format!("--where, at {list_name}:{}", row.line);
        allowance::begin();
        let value = self.expression.eval(row_value(columns, &row.fields)).map_err(|error| {
            let failed = Error::usage(format!("{}: {}", place(), described(&error)));
            match error.kind() {
                ErrorKind::UndefinedError => {
                    failed.hint("write a column by its name, or by that name in snake_case; `X is defined and ...` handles rows without X")
                }
                _ => failed.hint("cells of a CSV list are text: compare them with text, or write `age | int > 17`"),
            }
        })?;
        if value.kind() != ValueKind::Bool {
            let error = Error::usage(format!(
                "{}: the expression gives {}, neither true nor false",
                place(),
                value.kind()
            ));
            return Err(error.hint(r#"compare the value, for example: vip == "yes""#));
        }
        Ok(value.is_true())
    }
}

/// Returns the engine's error message without parts that may quote a row.
fn described(error: &minijinja::Error) -> String {
    if let Some(exceeded) = Exceeded::behind(error) {
        return exceeded.to_string();
    }
    match (error.kind(), error.detail()) {
        (
            ErrorKind::SyntaxError
            | ErrorKind::UndefinedError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction,
            Some(detail),
        ) => {
            format!("{}: {detail}", error.kind())
        }
        (kind, _) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::Exit;
    use crate::model::recipient::{Columns, Fields};

    fn admits(source: &str, fields: Fields) -> Result<bool> {
        let columns =
            Columns::new(vec!["email".to_owned(), "First Name".to_owned(), "age".to_owned()]);
        let row = ListRow { line: 7, fields, defect: None };
        Filter::parse(source)?.admits(&Arc::new(ColumnIndex::new(&columns)), &row, "l.csv")
    }

    fn cells() -> Fields {
        Fields::Text(csv::StringRecord::from(vec!["ann@example.com", "Ann", "9"]))
    }

    #[test]
    fn cells_are_compared_as_text_and_json_by_type() {
        assert!(admits(r#"first_name == "Ann" and age == "9""#, cells()).unwrap());
        assert!(!admits(r#"row["First Name"] != "Ann""#, cells()).unwrap());
        assert!(admits("age | int > 8", cells()).unwrap());
        assert!(admits(r#"email is endingwith("@example.com")"#, cells()).unwrap());
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(r#"{"age":9,"vip":true}"#).unwrap();
        assert!(admits("vip and age > 8", Fields::Json(object.into())).unwrap());
    }

    #[test]
    fn an_expression_that_cannot_be_understood_names_the_column() {
        let error = Filter::parse("age = = 3").unwrap_err();
        assert_eq!(error.exit(), Exit::USAGE);
        assert!(error.to_string().contains("(column "), "{error}");
        assert!(Filter::parse("").is_err());
    }

    #[test]
    fn an_unknown_column_and_a_value_that_is_no_boolean_are_refused_by_line() {
        let error = admits("naem == 'x'", cells()).unwrap_err();
        assert_eq!(error.exit(), Exit::USAGE);
        assert!(
            error.to_string().starts_with("--where, at l.csv:7: undefined value")
                && error.to_string().contains("naem"),
            "{error}"
        );
        let error = admits("email", cells()).unwrap_err();
        assert!(error.to_string().contains("gives string, neither true nor false"), "{error}");
        let error = admits("email | int > 3", cells()).unwrap_err();
        assert!(!error.to_string().contains("ann@"), "{error}");
    }
}
