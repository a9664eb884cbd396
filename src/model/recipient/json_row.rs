//! A JSON object as a row. Numbers are output exactly as the list contains them: `1.10` stays
//! `1.10`, and twenty digits stay twenty digits.

use std::borrow::Cow;
use std::ops::Deref;

use serde_json::{Map, Number, Value};

/// A row of a JSON list: its keys and values in their original order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonRow {
    map: Map<String, Value>,
    /// The original texts of all numbers, in order. Empty if `serde_json` would write all of them
    /// the same way.
    numbers: Vec<Box<str>>,
}

/// An object inside the row contains a key twice, so the row's numbers cannot be matched with their
/// original texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is repeated in an object inside it")]
pub struct RepeatedKey;

impl JsonRow {
    /// Creates a row. `source` is the text of a single JSON object, and `map` is its parsed form.
    pub fn new(map: Map<String, Value>, source: &str) -> Result<Self, RepeatedKey> {
        // A number is written differently only if it was parsed as a float, which includes large
        // integers and -0.
        if !map.values().any(has_float) {
            return Ok(Self { map, numbers: Vec::new() });
        }
        let texts = number_texts(source);
        let mut numbers = Vec::with_capacity(texts.len());
        map.values().for_each(|value| collect(value, &mut numbers));
        let is_of = |(text, number): (&&str, &&Number)| {
            text.parse::<Number>().is_ok_and(|read| read == **number)
        };
        if texts.len() != numbers.len() || !texts.iter().zip(&numbers).all(is_of) {
            return Err(RepeatedKey);
        }
        let is_plain =
            texts.iter().zip(&numbers).all(|(text, number)| number.to_string() == **text);
        let numbers =
            if is_plain { Vec::new() } else { texts.into_iter().map(Box::from).collect() };
        Ok(Self { map, numbers })
    }

    /// Whether the row contains a number that `serde_json` would write differently.
    pub fn has_texts(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// The value of `key`. Also returns the original texts of the numbers in this value, if the row
    /// keeps such texts.
    pub fn value(&self, key: &str) -> Option<(&Value, &[Box<str>])> {
        let value = self.map.get(key)?;
        if self.numbers.is_empty() {
            return Some((value, &[]));
        }
        let before = self
            .map
            .iter()
            .take_while(|(name, _)| *name != key)
            .map(|(_, value)| count(value))
            .sum::<usize>();
        Some((value, self.numbers.get(before..before + count(value)).unwrap_or_default()))
    }

    /// The text of the value of `key`: numbers as in the list, other values as JSON. `None` if the
    /// value is missing or `null`.
    pub fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match self.value(key)? {
            (Value::Null, _) => return None,
            (Value::String(text), _) => Cow::Borrowed(text),
            (Value::Number(_), [text, ..]) => Cow::Borrowed(text),
            (other, texts) => {
                let mut out = String::new();
                write(other, &mut texts.iter(), &mut out);
                Cow::Owned(out)
            }
        })
    }

    /// All numbers that were parsed as floats, with their original texts.
    pub fn floats(&self) -> Vec<(f64, &str)> {
        let mut numbers = Vec::with_capacity(self.numbers.len());
        self.map.values().for_each(|value| collect(value, &mut numbers));
        let texts = self.numbers.iter().map(|text| &**text);
        numbers
            .into_iter()
            .zip(texts)
            .filter(|(number, _)| number.is_f64())
            .filter_map(|(number, text)| Some((number.as_f64()?, text)))
            .collect()
    }

    /// The row as JSON, with numbers as in the list.
    pub fn encode(&self) -> String {
        if self.numbers.is_empty() {
            return serde_json::to_string(&self.map).expect("a JSON object can be written");
        }
        let (mut out, mut texts) = (String::new(), self.numbers.iter());
        write_object(&self.map, &mut texts, &mut out);
        out
    }
}

impl Deref for JsonRow {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

/// Creates a row whose numbers are written by `serde_json`.
impl From<Map<String, Value>> for JsonRow {
    fn from(map: Map<String, Value>) -> Self {
        Self { map, numbers: Vec::new() }
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(map) => map.values().any(has_float),
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Number(_) => 1,
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

fn collect<'a>(value: &'a Value, into: &mut Vec<&'a Number>) {
    match value {
        Value::Number(number) => into.push(number),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(map) => map.values().for_each(|value| collect(value, into)),
        _ => {}
    }
}

/// The texts of all numbers in a valid JSON text, in order.
fn number_texts(source: &str) -> Vec<&str> {
    let bytes = source.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'"' => {
                while let Some(&inner) = bytes.get(at) {
                    at += if inner == b'\\' { 2 } else { 1 };
                    if inner == b'"' {
                        break;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| {
                        matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                    })
                    .count();
                found.push(&source[begin..at]);
            }
            _ => {}
        }
    }
    found
}

fn write<'a>(value: &Value, texts: &mut impl Iterator<Item = &'a Box<str>>, out: &mut String) {
    match value {
        Value::Number(number) => match texts.next() {
            Some(text) => out.push_str(text),
            None => out.push_str(&number.to_string()),
        },
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, texts, out);
            }
            out.push(']');
        }
        Value::Object(map) => write_object(map, texts, out),
        other => out.push_str(&other.to_string()),
    }
}

fn write_object<'a>(
    map: &Map<String, Value>,
    texts: &mut impl Iterator<Item = &'a Box<str>>,
    out: &mut String,
) {
    out.push('{');
    for (place, (key, value)) in map.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write(value, texts, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<JsonRow, RepeatedKey> {
        JsonRow::new(serde_json::from_str(source).expect("valid"), source)
    }

    #[test]
    fn numbers_keep_the_digits_they_are_written_with() {
        let source = r#"{"i":89490200001234567891,"f":1.10,"e":1e3,"z":-0,"m":12345678901234567,"t":0.1,"n":[{"p":2.50,"\"7":"8 -1.0"},-3.00E+2]}"#;
        let row = read(source).expect("sound");
        for (key, text) in [
            ("i", "89490200001234567891"),
            ("f", "1.10"),
            ("e", "1e3"),
            ("z", "-0"),
            ("m", "12345678901234567"),
            ("t", "0.1"),
        ] {
            assert_eq!(row.text(key).as_deref(), Some(text));
        }
        assert_eq!(row.text("n").as_deref(), Some(r#"[{"p":2.50,"\"7":"8 -1.0"},-3.00E+2]"#));
        assert_eq!(row.encode(), source);
        assert!(
            row.floats().contains(&(2.5, "2.50"))
                && row.floats().iter().all(|(_, text)| *text != "12345678901234567")
        );
    }

    #[test]
    fn rows_of_ordinary_numbers_keep_no_texts() {
        for source in
            [r#"{"a":1,"b":-2.5,"c":[0.1,{"d":18446744073709551615}]}"#, r#"{"a":"1.10"}"#, "{}"]
        {
            let row = read(source).expect("sound");
            assert!(!row.has_texts());
            assert_eq!(row.encode(), source);
        }
    }

    #[test]
    fn a_key_that_stands_twice_inside_is_refused_where_numbers_could_be_mixed_up() {
        for source in [r#"{"a":{"b":2,"b":1.50}}"#, r#"{"a":{"b":"x","c":5.0,"b":7.0}}"#] {
            assert_eq!(read(source), Err(RepeatedKey), "{source}");
        }
    }
}
