//! Stricter behaviour for filters of the template engine. Filters that would accept an undefined
//! value refuse it: as their input, as an argument, and as an item of a list that `join` joins.
//! Filters that could turn values into markup return values instead.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, State};

use super::marks;

/// The names of the filters that must refuse undefined values. The engine's other filters refuse
/// them already, except `default` and `d`, which exist for undefined values.
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

/// Refuses undefined values in a call of a strict filter. A `null` from the row counts as
/// undefined. The exception is an argument, where the engine's `none` has a meaning.
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
        // Another filter refuses the value with an error that names it.
        Some(missing) => Err(state
            .apply_filter("upper", &[missing])
            .err()
            .unwrap_or_else(|| Error::from(ErrorKind::UndefinedError))),
    }
}

/// Filters that keep a captured text whole, so that its marks still delimit the values.
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

/// Returns the result of a filter, as a value if it must not count as markup. In Markdown this
/// applies to JSON, and to parts taken out of a captured text that contains values.
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
