//! A row as the templates see it: cheap look-ups for plain templates, and the engine's own value
//! where one of them asks for more.

use std::cell::OnceCell;
use std::sync::Arc;

use minijinja::value::{Object, Value};

use crate::input::context::{ColumnIndex, row_value};
use crate::model::recipient::Fields;

use super::UNSUBSCRIBE_URL;

/// One row, and for bodies the recipient's `unsubscribe_url`, which a column of that name hides.
pub(super) struct Row<'a> {
    index: &'a Arc<ColumnIndex>,
    fields: &'a Fields,
    unsubscribe_url: Option<&'a str>,
    value: OnceCell<Value>,
}

impl<'a> Row<'a> {
    /// The row as the templates of headers see it.
    pub(super) fn new(index: &'a Arc<ColumnIndex>, fields: &'a Fields) -> Self {
        Self { index, fields, unsubscribe_url: None, value: OnceCell::new() }
    }

    /// The row as the templates of bodies see it.
    pub(super) fn with_unsubscribe_url(self, url: Option<&'a str>) -> Self {
        if url.is_none() {
            self
        } else {
            Self { unsubscribe_url: url, value: OnceCell::new(), ..self }
        }
    }

    /// The text that a name stands for; `None` where only the engine can tell, be it that there is
    /// none.
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

    /// The row as the engine's value.
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

/// What a body sees: the row, and `unsubscribe_url` unless the row has a column of that name.
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
