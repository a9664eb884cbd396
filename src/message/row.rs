//! A row as templates see it. Plain templates look up single texts cheaply. The engine's own value
//! is created only if a template needs it.

use std::cell::OnceCell;
use std::sync::Arc;

use minijinja::value::{Object, Value};

use crate::input::context::{ColumnIndex, row_value};
use crate::model::recipient::Fields;

use super::UNSUBSCRIBE_URL;

/// One row. For bodies, it also has the recipient's `unsubscribe_url`; a column of that name takes
/// precedence.
pub(super) struct Row<'a> {
    index: &'a Arc<ColumnIndex>,
    fields: &'a Fields,
    unsubscribe_url: Option<&'a str>,
    value: OnceCell<Value>,
}

impl<'a> Row<'a> {
    /// The row as templates of headers see it.
    pub(super) fn new(index: &'a Arc<ColumnIndex>, fields: &'a Fields) -> Self {
        Self { index, fields, unsubscribe_url: None, value: OnceCell::new() }
    }

    /// The row as templates of bodies see it.
    pub(super) fn with_unsubscribe_url(self, url: Option<&'a str>) -> Self {
        if url.is_none() {
            self
        } else {
            Self { unsubscribe_url: url, value: OnceCell::new(), ..self }
        }
    }

    /// Returns the text of a name. `None` if the engine must look it up, for example because the
    /// name is undefined.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.fields {
            Fields::Text(record) => match self.index.resolve(name) {
                Some(place) => record.get(place),
                None if name == UNSUBSCRIBE_URL => self.unsubscribe_url,
                None => None,
            },
            Fields::Json(row) => match row.value(name)? {
                (serde_json::Value::String(text), _) => Some(text),
                (serde_json::Value::Number(_), [text, ..]) => Some(text),
                _ => None,
            },
        }
    }

    /// Returns the row as a value of the engine.
    pub(super) fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            let row = row_value(self.index, self.fields);
            match self.unsubscribe_url {
                None => row,
                Some(url) => {
                    Value::from_object(BodyContext { row, unsubscribe_url: url.to_owned() })
                }
            }
        })
    }
}

/// The context of a body: the row, and `unsubscribe_url` unless the row has a column of that name.
#[derive(Debug)]
struct BodyContext {
    row: Value,
    unsubscribe_url: String,
}

impl Object for BodyContext {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.row.get_attr(key).ok().filter(|value| !value.is_undefined()) {
            None if key == "unsubscribe_url" => Some(Value::from(self.unsubscribe_url.as_str())),
            found => found,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
}
