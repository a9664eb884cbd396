//! Filters of the engine that would accept an undefined value, made strict: an
//! undefined name is an error wherever it stands, as what a filter is applied to, as one of its
//! arguments, and in a list that it joins. And those that would make markup of values, which give
//! values.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, State};

use super::marks;

/// Their names. The engine's other filters refuse an undefined value by themselves, `default` and
/// `d` are there for one.
pub(super) const STRICT: [&str; 20] = [
    "urlencode",
    "join",
    "escape",
    "e",
    "tojson",
    "groupby",
    "chain",
    "zip",
    "pprint",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "map",
    "replace",
    "split",
    "trim",
    "format",
    "indent",
    "round",
];

/// A `null` of the row is as good as undefined, except as an argument, where the engine's `none`
/// has a meaning.
pub(super) fn refuse_undefined(
    state: &mut State<'_, '_>,
    name: &str,
    args: &[Value],
) -> Result<(), Error> {
    if !STRICT.contains(&name) {
        return Ok(());
    }
    let Some((value, rest)) = args.split_first() else { return Ok(()) };
    let is_nothing = |value: &Value| value.is_undefined() || value.is_none();
    let mut missing = Some(value)
        .filter(|value| is_nothing(value))
        .or_else(|| rest.iter().find(|arg| arg.is_undefined()))
        .cloned();
    if missing.is_none() && name == "join" && value.kind() == ValueKind::Seq {
        missing = value.try_iter()?.find(is_nothing);
    }
    match missing {
        None => Ok(()),
        // The engine knows the name of the value.
        Some(missing) => Err(state
            .apply_filter("upper", &[missing])
            .err()
            .unwrap_or_else(|| Error::from(ErrorKind::UndefinedError))),
    }
}

/// What keeps a text whole, so that the marks around its values still part them.
const KEEPS_MARKS: [&str; 14] = [
    "safe",
    "string",
    "default",
    "d",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "indent",
    "replace",
    "format",
    "join",
    "chain",
];

/// What a filter made. In Markdown, JSON is no markup, and nor is what was taken out of a kept text
/// that has values in it: these are values.
pub(super) fn made(state: &State<'_, '_>, name: &str, args: &[Value], made: Value) -> Value {
    let has_marks = || args.first().and_then(Value::as_str).is_some_and(marks::are_in);
    if !matches!(state.auto_escape(), AutoEscape::Custom(_))
        || !(name == "tojson" || !KEEPS_MARKS.contains(&name) && has_marks())
    {
        return made;
    }
    let value = |made: Value| match made.as_str() {
        Some(text) => Value::from(marks::without(text)),
        None => made,
    };
    match made.kind() {
        ValueKind::Seq => made.try_iter().map_or(made.clone(), |items| items.map(value).collect()),
        _ => value(made),
    }
}
