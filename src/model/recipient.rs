//! The fields of one input row, as read from a list and as stored in the ledger.

mod json_row;

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

pub(crate) use json_row::JsonRow;

/// The columns of one list, in order. A JSON list may get more columns while it is being read; a
/// CSV list does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// Creates columns with these names, in this order.
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of the column called exactly `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// The first two positions of a name that occurs more than once.
    pub fn repeated(&self, name: &str) -> Option<(usize, usize)> {
        let mut places =
            self.names.iter().enumerate().filter(|(_, n)| *n == name).map(|(place, _)| place);
        Some((places.next()?, places.next()?))
    }

    /// Adds a column at the end, unless there is already a column with this name.
    pub fn add(&mut self, name: &str) {
        if self.position(name).is_none() {
            self.names.push(name.to_owned());
        }
    }
}

/// The merge fields of one row, which the message can use.
#[derive(Clone, Debug, PartialEq)]
pub enum Fields {
    /// The cells of a CSV row, in the order of the list's columns.
    Text(csv::StringRecord),
    /// A JSON object, in its original order.
    Json(JsonRow),
}

impl Fields {
    /// The text in the column called `name`. JSON numbers are as written in the list; `null` counts
    /// as missing.
    pub fn text(&self, columns: &Columns, name: &str) -> Option<String> {
        match self {
            Self::Text(record) => record.get(columns.position(name)?).map(str::to_owned),
            Self::Json(row) => row.text(name).map(Into::into),
        }
    }

    /// The form stored in the ledger: a JSON array of cells, or the JSON object.
    pub fn encode(&self) -> String {
        match self {
            Self::Text(record) => {
                let mut out = String::with_capacity(record.as_slice().len() + 4 * record.len() + 2);
                out.push('[');
                for (i, cell) in record.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    push_json_string(&mut out, cell);
                }
                out.push(']');
                out
            }
            Self::Json(row) => row.encode(),
        }
    }

    /// Reads the output of `encode`.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        if text.starts_with('[') {
            let mut record = csv::StringRecord::with_capacity(text.len(), 8);
            if !each_plain_cell(text, |cell| record.push_field(cell)) {
                let cells: Cells = serde_json::from_str(text)?;
                record = cells.0;
            }
            Ok(Self::Text(record))
        } else {
            let row = JsonRow::new(serde_json::from_str(text)?, text);
            Ok(Self::Json(row.map_err(serde::de::Error::custom)?))
        }
    }
}

/// Calls `cell` for each cell of an array written by `Fields::encode`, until a cell contains an
/// escape. Returns false in this case, and the caller must use a JSON parser instead.
pub(crate) fn each_plain_cell<'a>(text: &'a str, mut cell: impl FnMut(&'a str)) -> bool {
    let Some(mut rest) = text.strip_prefix('[') else { return false };
    if rest == "]" {
        return true;
    }
    while let Some(quoted) = rest.strip_prefix('"') {
        let Some(end) = memchr::memchr2(b'"', b'\\', quoted.as_bytes())
            .filter(|end| quoted.as_bytes()[*end] == b'"')
        else {
            return false;
        };
        cell(&quoted[..end]);
        rest = match &quoted[end + 1..] {
            "]" => return true,
            after => after.strip_prefix(',').unwrap_or_default(),
        };
    }
    false
}

/// Deserializes a JSON array of texts by writing each text directly into a record.
struct Cells(csv::StringRecord);

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CellsVisitor(csv::StringRecord::new()))
    }
}

struct CellsVisitor(csv::StringRecord);

impl<'de> Visitor<'de> for CellsVisitor {
    type Value = Cells;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut cells: A) -> Result<Cells, A::Error> {
        while cells.next_element_seed(Cell(&mut self.0))?.is_some() {}
        Ok(Cells(self.0))
    }
}

/// Deserializes one text by appending it to a record.
struct Cell<'a>(&'a mut csv::StringRecord);

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push_field(text);
        Ok(())
    }
}

fn push_json_string(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_without_escapes_are_read_as_json_reads_them(cells in prop::collection::vec("[a-zé,\\[\\]{} ]{0,4}|\\PC{0,3}", 0..5), damage in any::<usize>()) {
            let encoded = Fields::Text(csv::StringRecord::from(cells.clone())).encode();
            let mut read = Vec::new();
            if each_plain_cell(&encoded, |cell| read.push(cell)) {
                prop_assert_eq!(&read, &cells);
            } else {
                prop_assert!(encoded.contains('\\'));
            }
            prop_assert_eq!(Fields::decode(&encoded).expect("valid"), Fields::Text(csv::StringRecord::from(cells)));
            // A truncated encoding must be an error.
            let cut = (0..encoded.len()).filter(|at| encoded.is_char_boundary(*at)).nth(damage % encoded.chars().count()).expect("a place");
            prop_assert!(!each_plain_cell(&encoded[..cut], |_| ()));
        }
    }

    #[test]
    fn fields_read_back_as_they_were_written() {
        let cells =
            Fields::Text(csv::StringRecord::from(vec!["ann@example.com", "Zoë \"Z\" \\ \n", ""]));
        assert_eq!(Fields::decode(&cells.encode()).expect("valid"), cells);
        let object: serde_json::Map<String, Value> =
            serde_json::from_str(r#"{"b":1,"a":[{"x":null}],"":"é"}"#).expect("valid");
        let json = Fields::Json(object.into());
        assert_eq!(Fields::decode(&json.encode()).expect("valid"), json);
        assert_eq!(json.text(&Columns::default(), "b").as_deref(), Some("1"));
    }
}
