//! Provides the values of a row to templates and `--where`. A value is created when it is used.
//!
//! A name is looked up in this order: a column with exactly this name; then the only column whose
//! name in snake_case it is (`First Name` is also `first_name`); then the name `row`, which is the
//! whole row and gives access to any column (`row["First Name"]`). Every other name is undefined,
//! and so is a JSON `null`. Neither can therefore be printed by mistake.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value};
use minijinja::{Error, ErrorKind, State};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::recipient::{Columns, Fields, JsonRow};

/// The name of the variable that contains the whole row.
const ROW: &str = "row";

/// The columns of a list with their indices, for fast lookups.
#[derive(Debug, Default)]
pub struct ColumnIndex {
    columns: Columns,
    places: Places,
    aliases: Places,
    /// The names of columns that occur more than once, with their first two indices. Such a name
    /// refers to no column.
    repeated: HashMap<String, (usize, usize)>,
}

/// Uses a cheap hasher, because names are looked up for every value of every row. The standard
/// hasher would cost more than the rest of the lookup.
type Places = HashMap<String, usize, BuildHasherDefault<NameHasher>>;

/// A hasher for a single text.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// `str` adds a terminating byte, which a hash of a single text does not need.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl ColumnIndex {
    /// Prepares lookups in `columns`. A name that occurs twice refers to no column.
    pub fn new(columns: &Columns) -> Self {
        let mut places = Places::default();
        let mut aliases: HashMap<String, Option<usize>> = HashMap::new();
        let mut repeated = HashMap::new();
        for (place, name) in columns.names().iter().enumerate().filter(|(_, name)| !name.is_empty())
        {
            if let Some(&first) = places.get(name) {
                repeated.entry(name.clone()).or_insert((first, place));
            }
            places.entry(name.clone()).or_insert(place);
            aliases.entry(alias(name)).and_modify(|only| *only = None).or_insert(Some(place));
        }
        places.retain(|name, _| !repeated.contains_key(name));
        let aliases = aliases.into_iter().filter_map(|(name, only)| Some((name, only?))).collect();
        Self { columns: columns.clone(), places, aliases, repeated }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the index of the column called exactly `name`.
    pub fn exact(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Returns the reason why `name` refers to no column, if several columns have that name or
    /// snake_case form.
    pub fn doubt(&self, name: &str) -> Option<Doubt> {
        let (called, (first, second)) =
            self.repeated.iter().find(|(called, _)| *called == name || alias(called) == name)?;
        Some(Doubt(format!(
            "column {called:?} stands twice in the list, as columns {} and {}: rename one of them",
            first + 1,
            second + 1
        )))
    }

    /// Returns the index of the column that `name` refers to in a template: by its exact name, or
    /// by its snake_case form if only one column has it.
    pub fn resolve(&self, name: &str) -> Option<usize> {
        self.exact(name).or_else(|| self.aliases.get(name).copied())
    }
}

/// The reason why a name in a template refers to no column although the list has it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Doubt(String);

impl Doubt {
    /// Returns the [`Doubt`] behind an error of the template engine; `None` if the error has
    /// another cause.
    pub fn behind(error: &Error) -> Option<&Self> {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(doubt) = error.downcast_ref() {
                return Some(doubt);
            }
            cause = error.source();
        }
        None
    }
}

/// Returns the snake_case form of a column name: `First Name`, `first-name` and `FirstName` all
/// give `first_name`.
pub(crate) fn alias(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    let mut gap = false;
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            gap = true;
            lower_before = false;
            continue;
        }
        if (gap || (lower_before && c.is_uppercase())) && !out.is_empty() {
            out.push('_');
        }
        gap = false;
        lower_before = c.is_lowercase();
        out.extend(c.to_lowercase());
    }
    out
}

/// Returns the fields of a row as a template context.
///
/// The names of a CSV row's fields are in `columns`. A JSON row is looked up by its own keys, so
/// earlier rows do not affect it.
pub(crate) fn row_value(columns: &Arc<ColumnIndex>, fields: &Fields) -> Value {
    shared_row_value(columns, Arc::new(fields.clone()))
}

/// Like [`row_value`], for shared fields, which it does not copy.
pub(crate) fn shared_row_value(columns: &Arc<ColumnIndex>, fields: Arc<Fields>) -> Value {
    Value::from_object(RowContext { columns: Arc::clone(columns), fields, whole: false })
}

/// One row as an object of the template engine.
#[derive(Debug)]
pub(crate) struct RowContext {
    columns: Arc<ColumnIndex>,
    fields: Arc<Fields>,
    /// Whether this is the value of the variable `row`, which accepts exact names only and can be
    /// iterated.
    whole: bool,
}

impl RowContext {
    fn look_up(&self, name: &str) -> Option<Value> {
        let found = match &*self.fields {
            Fields::Text(record) => {
                let place =
                    if self.whole { self.columns.exact(name) } else { self.columns.resolve(name) };
                match place {
                    Some(place) => Some(record.get(place).map(Value::from)),
                    None => self.columns.doubt(name).map(|why| {
                        let error = Error::new(ErrorKind::UndefinedError, why.to_string());
                        Some(Value::from(error.with_source(why)))
                    }),
                }
            }
            Fields::Json(row) if name == NUMBERS => {
                row.has_texts().then(|| Some(Value::from_object(Floats::of(row))))
            }
            Fields::Json(row) => {
                let value = row
                    .value(name)
                    .or_else(|| if self.whole { None } else { row.value(only_alias(row, name)?) });
                value.map(|(value, texts)| (!value.is_null()).then(|| json_value(value, texts)))
            }
        };
        match found {
            Some(value) => value,
            None if name == ROW && !self.whole => {
                let whole = Self {
                    columns: Arc::clone(&self.columns),
                    fields: Arc::clone(&self.fields),
                    whole: true,
                };
                Some(Value::from_object(whole))
            }
            None => None,
        }
    }

    fn names(&self) -> Vec<Value> {
        match &*self.fields {
            Fields::Text(_) => self
                .columns
                .columns()
                .names()
                .iter()
                .map(|name| Value::from(name.as_str()))
                .collect(),
            Fields::Json(row) => row.keys().map(|name| Value::from(name.as_str())).collect(),
        }
    }
}

impl Object for RowContext {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.look_up(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.look_up(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names())
    }
}

/// Returns the only key whose snake_case form is `name`.
fn only_alias<'a>(row: &'a JsonRow, name: &str) -> Option<&'a str> {
    let mut with_alias = row.keys().filter(|key| alias(key) == name);
    let key = with_alias.next()?;
    with_alias.next().is_none().then_some(key)
}

/// Converts a JSON value for the template engine. `texts` contains the original texts of the row's
/// numbers, if the row keeps them.
fn json_value(value: &serde_json::Value, texts: &[Box<str>]) -> Value {
    match value {
        serde_json::Value::String(text) => Value::from(text.as_str()),
        other if texts.is_empty() => Value::from(Serde(other)),
        other => exact_value(other, &mut texts.iter()),
    }
}

fn exact_value<'a>(
    value: &serde_json::Value,
    texts: &mut impl Iterator<Item = &'a Box<str>>,
) -> Value {
    match value {
        serde_json::Value::Number(number) => texts
            .next()
            .map_or_else(|| Value::from(Serde(number)), |text| exact_number(number, text)),
        serde_json::Value::Array(items) => {
            items.iter().map(|item| exact_value(item, texts)).collect()
        }
        serde_json::Value::Object(map) => Value::from_pairs(
            map.iter()
                .map(|(key, value)| (Value::from(key.as_str()), exact_value(value, texts)))
                .collect::<Vec<_>>(),
        ),
        other => Value::from(Serde(other)),
    }
}

/// Converts an integer. An integer of up to 38 digits stays exact. A longer one becomes a string,
/// because as a number it would lose its last digits and be equal to other numbers.
fn exact_number(number: &serde_json::Number, text: &str) -> Value {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit())
        || text.strip_prefix('-').is_some_and(|digits| !digits.starts_with('0'));
    let is_whole = is_whole && !text.contains(['.', 'e', 'E']);
    match text.parse::<i128>() {
        Ok(whole) if is_whole => Value::from(whole),
        _ if is_whole => Value::from(text),
        _ => Value::from(Serde(number)),
    }
}

/// The name under which the floats of a row are stored; a valid list has no such column.
const NUMBERS: &str = "\0numbers";

/// The floats of a row with their original texts.
#[derive(Debug)]
struct Floats(Vec<(f64, Option<Box<str>>)>);

impl Floats {
    /// Collects the floats of a row. A float that the row writes in several ways has no text.
    fn of(row: &JsonRow) -> Self {
        let mut found: Vec<(f64, Option<Box<str>>)> = Vec::new();
        for (value, text) in row.floats() {
            match found.iter_mut().find(|(known, _)| known.to_bits() == value.to_bits()) {
                Some((_, known)) if known.as_deref() == Some(text) => {}
                Some((_, known)) => *known = None,
                None => found.push((value, Some(text.into()))),
            }
        }
        Self(found)
    }
}

impl Object for Floats {}

/// Returns the original text of a float if the row contains it: `1.10`, where the number alone
/// would print as `1.1`.
pub(crate) fn float_text(state: &State<'_, '_>, value: &Value) -> Option<String> {
    if !value.is_number() || value.is_integer() {
        return None;
    }
    let float = f64::try_from(value.clone()).ok()?;
    let floats = state.lookup(NUMBERS)?;
    let Floats(known) = floats.downcast_object_ref()?;
    known
        .iter()
        .find(|(known, _)| known.to_bits() == float.to_bits())
        .and_then(|(_, text)| text.as_deref().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, UndefinedBehavior};

    use super::*;

    fn render(source: &str, names: &[&str], fields: &Fields) -> Result<String, minijinja::Error> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        let columns = Columns::new(names.iter().map(|&name| name.to_owned()).collect());
        env.render_str(source, row_value(&Arc::new(ColumnIndex::new(&columns)), fields))
    }

    fn text(cells: &[&str]) -> Fields {
        Fields::Text(csv::StringRecord::from(cells.to_vec()))
    }

    fn json(source: &str) -> Fields {
        Fields::decode(source).expect("valid")
    }

    #[test]
    fn snake_case_forms() {
        for name in
            ["First Name", "first-name", "FirstName", " first  name ", "FIRST_NAME", "first.name"]
        {
            assert_eq!(alias(name), "first_name", "{name:?}");
        }
        assert_eq!(alias("EMAIL"), "email");
        assert_eq!(alias("Straße Nr."), "straße_nr");
        assert_eq!(alias("--"), "");
    }

    #[test]
    fn a_cell_is_found_by_its_name_its_snake_case_form_and_through_row() {
        let fields = text(&["Zoë", "a@example.com"]);
        let names = ["First Name", "email"];
        assert_eq!(
            render(r#"{{ first_name }} {{ row["First Name"] }} {{ email }}"#, &names, &fields)
                .unwrap(),
            "Zoë Zoë a@example.com"
        );
        assert!(
            render("{{ row.first_name }}", &names, &fields).is_err(),
            "row knows exact names only"
        );
        assert_eq!(
            render("{% for name in row %}{{ name }}={{ row[name] }};{% endfor %}", &names, &fields)
                .unwrap(),
            "First Name=Zoë;email=a@example.com;"
        );
    }

    #[test]
    fn an_exact_name_wins_over_a_snake_case_form() {
        let fields = text(&["long", "short"]);
        assert_eq!(
            render("{{ first_name }}", &["First Name", "first_name"], &fields).unwrap(),
            "short"
        );
        assert_eq!(render("{{ row }}", &["row", "x"], &fields).unwrap(), "long");
    }

    #[test]
    fn an_ambiguous_snake_case_form_is_undefined() {
        assert!(
            render("{{ first_name }}", &["First Name", "First-Name"], &text(&["a", "b"])).is_err()
        );
        assert!(
            render("{{ first_name }}", &[], &json(r#"{"First Name":1,"First-Name":2}"#)).is_err()
        );
    }

    #[test]
    fn a_missing_column_and_a_null_are_undefined() {
        assert!(render("{{ naem }}", &["name"], &text(&["x"])).is_err());
        assert!(render("{{ name }}", &["name", "other"], &json(r#"{"name":null}"#)).is_err());
        assert_eq!(
            render("{{ name | default('friend') }}", &[], &json(r#"{"name":null}"#)).unwrap(),
            "friend"
        );
        assert_eq!(
            render("[{{ name }}]", &["name"], &text(&[""])).unwrap(),
            "[]",
            "an empty cell is a value"
        );
    }

    #[test]
    fn json_keeps_its_types() {
        let fields = json(r#"{"n":3,"f":1.5,"b":true,"Tags":["x","y"],"o":{"k":"v"}}"#);
        let fields2 =
            json(r#"{"n":89490200001234567891,"long":123456789012345678901234567890123456789012}"#);
        assert_eq!(
            render("{{ n + 1 }} {{ n == 89490200001234567891 }} {{ long }}", &[], &fields2)
                .unwrap(),
            "89490200001234567892 True 123456789012345678901234567890123456789012"
        );
        assert_eq!(
            render("{{ n + 1 }} {{ f }} {{ b }} {{ tags[1] }} {{ o.k }} {{ row.n }}", &[], &fields)
                .unwrap(),
            "4 1.5 True y v 3"
        );
    }
}
