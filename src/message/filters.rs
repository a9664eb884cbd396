//! Filters of the engine that would accept an undefined value, made strict: an
//! undefined name is an error wherever it stands, as what a filter is applied to, as one of its
//! arguments, and in a list that it joins.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

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
