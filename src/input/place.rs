//! Refers to a column's cells: by index in a CSV row, by name in a JSON object.

use std::borrow::Cow;

use super::column::{guess_email_column, is_by_content, twice};
use super::{Format, Kind, ListReader};
use crate::model::error::{Error, Result};
use crate::model::recipient::Fields;

/// A column of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    at: usize,
    name: String,
    /// Whether the column was chosen by its values, because no heading means an address.
    is_by_content: bool,
}

impl Place {
    /// Finds the address column: the column called `configured`, else the only possible one. The
    /// first object of a JSON list may lack the configured column, and a JSON list without objects
    /// has no columns. Exit 4 if no column or several columns are possible.
    pub(crate) fn of_email(
        reader: &ListReader,
        configured: Option<&str>,
        list: &str,
    ) -> Result<Self> {
        let columns = reader.columns();
        match configured {
            Some(name) if is_json(reader) => Ok(Self::new(0, name)),
            None if is_json(reader) && columns.names().is_empty() => Ok(Self::new(0, "email")),
            _ => {
                let at = guess_email_column(columns, configured, reader.by_content(), list)?;
                let name = &columns.names()[at];
                Ok(Self {
                    is_by_content: configured.is_none() && is_by_content(name),
                    ..Self::new(at, name)
                })
            }
        }
    }

    fn new(at: usize, name: &str) -> Self {
        Self { at, name: name.to_owned(), is_by_content: false }
    }

    /// Finds the column called `name`, which comes from the setting `setting`. Exit 4 if a list
    /// with a header has no such column.
    pub(crate) fn named(
        reader: &ListReader,
        name: &str,
        setting: &str,
        list: &str,
    ) -> Result<Self> {
        if let Some((first, second)) = reader.columns().repeated(name) {
            return Err(twice(list, name, first, second));
        }
        match reader.columns().position(name) {
            Some(at) => Ok(Self::new(at, name)),
            None if is_json(reader) => Ok(Self::new(0, name)),
            None => {
                let error = Error::refused(format!(
                    "{list}: has no column {name:?}, which {setting} names"
                ));
                Err(error
                    .hint(format!("correct {setting} in mailbatch.toml, or the list's first line")))
            }
        }
    }

    /// Returns the column's name in the list.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tells the reader that this is the address column.
    pub(crate) fn mark_in(&self, reader: &mut ListReader) {
        reader.set_email(self.at, &self.name);
        if self.is_by_content {
            reader.found(Kind::ByContent, reader.header_line().unwrap_or(1));
        }
    }

    /// Checks that the guessed column is still the only possible one after a JSON list got new
    /// columns. Exit 4 if it is not.
    pub(crate) fn still_only(
        &self,
        reader: &ListReader,
        configured: Option<&str>,
        list: &str,
    ) -> Result<()> {
        if configured.is_none() && is_json(reader) {
            guess_email_column(reader.columns(), None, None, list).map(drop)
        } else {
            Ok(())
        }
    }

    /// Returns the cell's text, or an empty text if there is no cell. A JSON number is returned as
    /// written in the list, a boolean as `true` or `false`.
    pub(crate) fn of<'a>(&self, fields: &'a Fields) -> Cow<'a, str> {
        match fields {
            Fields::Text(record) => record.get(self.at).unwrap_or_default().into(),
            Fields::Json(row) => row.text(&self.name).unwrap_or_default(),
        }
    }
}

fn is_json(reader: &ListReader) -> bool {
    matches!(reader.format(), Format::Json | Format::Ndjson)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ReadOptions;

    fn reader(name: &str, text: &'static str) -> ListReader {
        ListReader::open_reader(name.into(), Box::new(text.as_bytes()), &ReadOptions::default())
            .unwrap()
    }

    #[test]
    fn a_json_list_without_rows_has_no_column_to_complain_about() {
        assert!(Place::of_email(&reader("l.json", "[]"), None, "l.json").is_ok());
        assert!(Place::of_email(&reader("l.csv", "name\n"), None, "l.csv").is_err());
    }

    #[test]
    fn a_named_column_may_be_missing_in_the_first_object_only() {
        let list = "{\"name\": \"a\"}\n{\"email\": \"b@example.com\"}\n";
        let mut reader = reader("l.ndjson", list);
        let place = Place::of_email(&reader, Some("email"), "l.ndjson").unwrap();
        let mut cells = Vec::new();
        while let Some(row) = reader.next_row() {
            cells.push(place.of(&row.unwrap().fields).into_owned());
        }
        assert_eq!(cells, ["", "b@example.com"]);
    }

    #[test]
    fn a_second_candidate_in_a_later_object_is_refused() {
        let list = "{\"email\": \"a@example.com\"}\n{\"email\": \"b@example.com\", \"Email Address\": \"c@example.com\"}\n";
        let mut reader = reader("l.ndjson", list);
        let place = Place::of_email(&reader, None, "l.ndjson").unwrap();
        while reader.next_row().is_some() {}
        assert!(place.still_only(&reader, None, "l.ndjson").is_err());
        assert!(place.still_only(&reader, Some("email"), "l.ndjson").is_ok());
    }
}
