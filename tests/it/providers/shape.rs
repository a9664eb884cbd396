//! What a service takes as the body of a request: fields, types and sizes. Whatever else there is,
//! it refuses by name.

use serde_json::Value;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A text with at most so many characters, perhaps empty.
    Text(usize),
    /// A text with at least one character.
    Filled(usize),
    /// Something with one `@` and no space around it, perhaps after a display name.
    Mailbox,
    OneOf(&'static [&'static str]),
    /// Between so many and so many of these.
    List(usize, usize, &'static Shape),
    /// At most so many entries, each of these.
    Map(usize, &'static Shape),
    Object(&'static [Field]),
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(pub(super) &'static str, pub(super) Need, pub(super) Shape);

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Must,
    May,
    /// One of all those that say so.
    OneOfThese,
}

impl Shape {
    /// What is wrong with a body of JSON, if anything is.
    pub(super) fn fault(&self, body: &[u8]) -> Option<String> {
        match serde_json::from_slice(body) {
            Ok(value) => self.check("", &value).err(),
            Err(error) => Some(format!("not JSON: {error}")),
        }
    }

    fn check(&self, path: &str, value: &Value) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{path}: {what}"));
        match self {
            Self::Text(most) | Self::Filled(most) => match value.as_str() {
                None => wrong("not a text"),
                Some("") if matches!(self, Self::Filled(_)) => wrong("empty"),
                Some(text) if text.chars().count() > *most => wrong("too long"),
                Some(_) => Ok(()),
            },
            Self::Mailbox => match value.as_str().map(|text| text.matches('@').count()) {
                Some(1..) => Ok(()),
                _ => wrong("not a mailbox"),
            },
            Self::OneOf(words) => match value.as_str() {
                Some(text) if words.contains(&text) => Ok(()),
                _ => wrong("none of the known words"),
            },
            Self::List(least, most, shape) => match value.as_array() {
                None => wrong("not a list"),
                Some(all) if !(*least..=*most).contains(&all.len()) => {
                    wrong(&format!("{} entries", all.len()))
                }
                Some(all) => all
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, value)| shape.check(&format!("{path}[{index}]"), value)),
            },
            Self::Map(most, shape) => match value.as_object() {
                None => wrong("not an object"),
                Some(all) if all.len() > *most => wrong("too many entries"),
                Some(all) => all
                    .iter()
                    .try_for_each(|(name, value)| shape.check(&format!("{path}.{name}"), value)),
            },
            Self::Object(fields) => match value.as_object() {
                None => wrong("not an object"),
                Some(all) => object(path, fields, all),
            },
        }
    }
}

fn object(
    path: &str,
    fields: &[Field],
    all: &serde_json::Map<String, Value>,
) -> Result<(), String> {
    for (name, value) in all {
        let Some(Field(_, _, shape)) = fields.iter().find(|Field(known, ..)| known == name) else {
            return Err(format!("{path}.{name}: unknown"));
        };
        shape.check(&format!("{path}.{name}"), value)?;
    }
    let is_there = |Field(name, ..): &&Field| all.contains_key(*name);
    if let Some(Field(name, ..)) =
        fields.iter().find(|field| field.1 == Need::Must && !is_there(field))
    {
        return Err(format!("{path}.{name}: missing"));
    }
    let these: Vec<&Field> = fields.iter().filter(|field| field.1 == Need::OneOfThese).collect();
    match these.first() {
        Some(Field(name, ..)) if !these.iter().any(is_there) => {
            Err(format!("{path}.{name}: missing, and so is what could stand for it"))
        }
        _ => Ok(()),
    }
}

#[test]
fn a_body_of_another_shape_is_refused_by_the_name_of_what_is_wrong() {
    use Need::{May, Must, OneOfThese};
    const NAMES: Shape = Shape::List(1, 2, &Shape::Filled(3));
    const SHAPE: Shape = Shape::Object(&[
        Field("to", Must, Shape::Mailbox),
        Field("names", May, NAMES),
        Field("html", OneOfThese, Shape::Text(5)),
        Field("text", OneOfThese, Shape::Text(5)),
        Field("kind", May, Shape::OneOf(&["a", "b"])),
        Field("more", May, Shape::Map(1, &Shape::Text(9))),
    ]);
    assert_eq!(
        SHAPE.fault(br#"{"to":"a@b","html":"","names":["x"],"kind":"a","more":{"k":"v"}}"#),
        None
    );
    for (body, fault) in [
        (r#"{"to":"a@b"}"#, ".html: missing, and so is what could stand for it"),
        (r#"{"text":""}"#, ".to: missing"),
        (r#"{"to":"a","text":""}"#, ".to: not a mailbox"),
        (r#"{"to":"a@b","text":"","cc":"c@d"}"#, ".cc: unknown"),
        (r#"{"to":"a@b","text":7}"#, ".text: not a text"),
        (r#"{"to":"a@b","text":"123456"}"#, ".text: too long"),
        (r#"{"to":"a@b","text":"","names":[]}"#, ".names: 0 entries"),
        (r#"{"to":"a@b","text":"","names":["x",""]}"#, ".names[1]: empty"),
        (r#"{"to":"a@b","text":"","kind":"c"}"#, ".kind: none of the known words"),
        (r#"{"to":"a@b","text":"","more":{"k":1}}"#, ".more.k: not a text"),
        ("[]", ": not an object"),
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
    ] {
        assert_eq!(SHAPE.fault(body.as_bytes()).as_deref(), Some(fault), "{body}");
    }
}
