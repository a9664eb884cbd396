//! Wraps the filters and tests of the template engine so that they count the text they read and
//! produce.
//!
//! A filter that can produce much text from little input estimates its output before it runs. A
//! filter that compares elements, or works on each element, estimates how much it reads. All other
//! filters count their input and output.
//!
//! Operators are not filters, so [`super::guarded`] applies one of the filters below to each
//! operand. The engine would evaluate some lazy sequences again at each use, for example mapped,
//! reversed or sliced ones. This module evaluates them once into a list, and counts the list.

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters, functions, tests};

use super::allowance::{Exceeded, MOST, look_at, make, pop_factor, push_factor};
use super::weight::{
    ELEMENT, MOST_ELEMENTS, bounded_depth, elements, size, weigh, weigh_for_order, write, written,
};

/// Filters that count their input and return it unchanged.
pub(super) const JOINED: &str = "_mb_joined";
pub(super) const ADDED: &str = "_mb_added";
pub(super) const FACTOR: &str = "_mb_factor";
pub(super) const TIMES: &str = "_mb_times";
pub(super) const MADE: &str = "_mb_made";
pub(super) const COMPARED: &str = "_mb_compared";
pub(super) const INDEXED: &str = "_mb_indexed";
pub(super) const NESTED: &str = "_mb_nested";
pub(super) const HELD: &str = "_mb_held";
/// The filter that evaluates a lazy sequence into a list. It returns any other value unchanged.
pub(super) const LISTED: &str = "_mb_listed";
/// The filter that refuses an empty argument list.
pub(super) const SOME: &str = "_mb_some";

/// Counts a filter's arguments before the filter runs.
type Before = fn(&[Value]) -> Result<(), Exceeded>;

/// Checks a filter's arguments in addition to counting, for example that none is missing.
pub(crate) type Check = fn(&mut State<'_, '_>, &str, &[Value]) -> Result<(), Error>;

/// Converts a filter's result. It also receives the filter's arguments.
pub(crate) type Made = fn(&State<'_, '_>, &str, &[Value], Value) -> Value;

/// The functions that the renderer runs before and after each filter of the engine.
#[derive(Clone, Copy)]
pub(crate) struct Around {
    pub(crate) check: Check,
    pub(crate) made: Made,
}

impl Around {
    /// Runs nothing before or after a filter.
    pub(crate) const NOTHING: Self = Self { check: |_, _, _| Ok(()), made: |_, _, _, made| made };
}

/// Adds the counting filters to an environment, and wraps the engine's own filters and tests.
pub(crate) fn install(env: &mut Environment<'static>, around: Around) {
    pass(env, JOINED, write);
    pass(env, ADDED, |value| make(size(value)?));
    pass(env, NESTED, bounded_depth);
    pass(env, FACTOR, |value| {
        push_factor(value.clone());
        Ok(())
    });
    pass(env, TIMES, times);
    pass_all(env, COMPARED, |value| weigh(&value).map(|_| value));
    pass_all(env, HELD, |value| bounded_depth(&value).map(|()| value));
    pass_all(env, INDEXED, |value| indexed(&value).map(|()| value));
    env.add_filter(MADE, |state: &mut State<'_, '_>, value: Value| {
        make(size(&value)?)?;
        worked_out(state, value)
    });
    env.add_filter(LISTED, |state: &mut State<'_, '_>, value: Value| worked_out(state, value));
    env.add_filter(SOME, |value: Value| {
        weigh(&value)?;
        match value.len() {
            Some(0) => {
                Err(Error::new(ErrorKind::MissingArgument, "cycle needs at least one value"))
            }
            _ => Ok(value),
        }
    });
    // `debug` would print all variables of the template, at any depth.
    env.remove_global("debug");
    hold(env, "dict", |env, inner| env.add_function(inner, functions::dict));
    hold(env, "namespace", |env, inner| env.add_function(inner, functions::namespace));
    count_filters(env, around);
    count_tests(env);
}

/// Adds a filter that counts a value and returns it. Like the operator, the filter refuses an
/// undefined value.
fn pass(
    env: &mut Environment<'static>,
    name: &'static str,
    count: fn(&Value) -> Result<(), Exceeded>,
) {
    env.add_filter(name, move |value: Value| count(&value).map(|()| value).map_err(Error::from));
}

/// Like [`pass`], but the filter accepts an undefined value, so that the operator reports the
/// value's name.
fn pass_all(
    env: &mut Environment<'static>,
    name: &'static str,
    count: fn(Value) -> Result<Value, Exceeded>,
) {
    env.add_filter(name, move |args: Rest<ValueOrKwargs>| {
        let value = args.0.into_iter().next().map(ValueOrKwargs::into_value).unwrap_or_default();
        count(value).map_err(Error::from)
    });
}

/// Counts the result of a multiplication, given its right operand.
fn times(right: &Value) -> Result<(), Exceeded> {
    let left = pop_factor().unwrap_or_default();
    let times = |text: &Value, count: &Value| {
        let repeated = text.as_bytes().map(<[u8]>::len).or_else(|| {
            text.as_object().and_then(|_| text.len()).map(|n| n.saturating_mul(ELEMENT))
        });
        repeated.map_or(0, |bytes| bytes.saturating_mul(count.as_usize().unwrap_or_default()))
    };
    if times(&left, right).max(times(right, &left)) > MOST { Err(Exceeded::Text) } else { Ok(()) }
}

/// Counts the value before a subscript, because the engine steps through the characters of a text,
/// or the elements of an iterable, up to the index.
fn indexed(value: &Value) -> Result<(), Exceeded> {
    match value.kind() {
        ValueKind::String | ValueKind::Bytes | ValueKind::Iterable => look_at(size(value)?),
        _ => Ok(()),
    }
}

/// Evaluates a lazy sequence into a list, because the engine would evaluate the sequence again at
/// each use.
fn worked_out(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Iterable { filters::list(state, value) } else { Ok(value) }
}

fn count_filters(env: &mut Environment<'static>, around: Around) {
    macro_rules! count {
        ($before:expr, $($filter:ident)*) => {
            $(wrap(env, stringify!($filter), ($before, around), |env, inner| env.add_filter(inner, filters::$filter));)*
        };
    }
    count!(|_| Ok(()), upper lower title capitalize string safe length first last float int round abs attr bool);
    count!(trimmed, trim);
    count!(summed, sum);
    count!(ordered, sort unique dictsort groupby min max);
    count!(for_each, select selectattr reject rejectattr map);
    count!(spread, reverse list items split lines chain zip);
    count!(few, slice batch);
    count!(replaced, replace);
    count!(indented, indent);
    count!(formatted, format);
    count!(
        |args| args.first().map_or(Ok(()), |value| make(written(value)?.saturating_mul(4))),
        pprint
    );
    count!(escaped, urlencode escape);
    count!(json, tojson);
    count!(joined, join);
    wrap(env, "e", (escaped, around), |env, inner| env.add_filter(inner, filters::escape));
    wrap(env, "count", (|_| Ok(()), around), |env, inner| env.add_filter(inner, filters::length));
}

/// Wraps each test that reads a whole text or list, so that the test counts its arguments. Filters
/// such as `select` run tests by name, so they use the wrapped tests too.
fn count_tests(env: &mut Environment<'static>) {
    macro_rules! count {
        ($($test:ident: $($name:literal)*;)*) => {
            $($(count_test(env, $name, |env, inner| env.add_test(inner, tests::$test));)*)*
        };
    }
    count! {
        is_eq: "eq" "equalto" "==";
        is_ne: "ne" "!=";
        is_lt: "lt" "lessthan" "<";
        is_le: "le" "<=";
        is_gt: "gt" "greaterthan" ">";
        is_ge: "ge" ">=";
        is_in: "in";
        is_sameas: "sameas";
        is_startingwith: "startingwith";
        is_endingwith: "endingwith";
        is_lower: "lower";
        is_upper: "upper";
    }
}

fn count_test(
    env: &mut Environment<'static>,
    name: &'static str,
    add: impl FnOnce(&mut Environment<'static>, String),
) {
    let inner = format!("_mb_{name}");
    add(env, inner.clone());
    env.add_test(
        name,
        move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| -> Result<bool, Error> {
            let args: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
            for arg in &args {
                weigh(arg)?;
            }
            state.perform_test(&inner, &args)
        },
    );
}

/// Wraps a function that stores its arguments, so that their nesting depth is checked.
fn hold(
    env: &mut Environment<'static>,
    name: &'static str,
    add: impl FnOnce(&mut Environment<'static>, String),
) {
    let inner = format!("_mb_{name}");
    add(env, inner.clone());
    env.add_function(
        name,
        move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let args: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
            args.iter().try_for_each(bounded_depth)?;
            let function = state.lookup(&inner).unwrap_or_default();
            function.call(state, &args)
        },
    );
}

/// Filters that read or create nested lists.
const DEEP: [&str; 10] =
    ["sum", "join", "string", "pprint", "tojson", "batch", "slice", "zip", "items", "replace"];

/// Counts the parts of a text that a filter splits into characters, lines or words.
fn spread(args: &[Value]) -> Result<(), Exceeded> {
    args.first()
        .and_then(Value::as_str)
        .map_or(Ok(()), |text| make(text.len().saturating_mul(ELEMENT)))
}

/// Counts a trim, which compares each character at an end with each character to remove.
fn trimmed(args: &[Value]) -> Result<(), Exceeded> {
    let [text, characters, ..] = args else { return Ok(()) };
    look_at(size(text)?.saturating_mul(size(characters)?))
}

/// Counts a sort, which compares the elements with each other.
fn ordered(args: &[Value]) -> Result<(), Exceeded> {
    args.first().map_or(Ok(()), weigh_for_order)?;
    for_each(args)
}

/// Counts the work of a filter that follows an attribute path, or reads an argument, for each
/// element.
fn for_each(args: &[Value]) -> Result<(), Exceeded> {
    spread(args)?;
    let [list, how @ ..] = args else { return Ok(()) };
    let texts = how.iter().map(texts).fold(0, usize::saturating_add);
    look_at(elements(list)?.saturating_mul(texts))
}

/// Returns the length in bytes of a string argument, or of all strings among named arguments.
fn texts(arg: &Value) -> usize {
    let bytes = |value: &Value| value.as_bytes().map_or(0, <[u8]>::len);
    if !arg.is_kwargs() {
        return bytes(arg);
    }
    let names = arg.try_iter().into_iter().flatten();
    names.filter_map(|name| Some(bytes(&arg.get_item(&name).ok()?))).fold(0, usize::saturating_add)
}

/// Counts a sum. If it starts with a text or a list, each step creates a longer one.
fn summed(args: &[Value]) -> Result<(), Exceeded> {
    let [list, how @ ..] = args else { return Ok(()) };
    let named = |arg: &Value| arg.is_kwargs().then(|| arg.get_attr("start").ok()).flatten();
    let start = how.iter().find_map(named).or_else(|| how.get(1).cloned());
    let Some(start) = start.filter(|start| {
        matches!(start.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable)
    }) else {
        return for_each(args);
    };
    for_each(args)?;
    let mut sum = size(&start)?;
    for item in list.try_iter().into_iter().flatten() {
        sum = sum.saturating_add(weigh(&item)?);
        if sum > MOST {
            return Err(Exceeded::Text);
        }
        look_at(sum)?;
    }
    Ok(())
}

fn replaced(args: &[Value]) -> Result<(), Exceeded> {
    let [text, from, to, ..] = args else { return Ok(()) };
    let (text, from) = (text.as_str().unwrap_or_default(), from.as_str().unwrap_or_default());
    let count = if from.is_empty() { text.len() + 1 } else { text.matches(from).count() };
    make(text.len().saturating_add(count.saturating_mul(written(to)?)))
}

fn indented(args: &[Value]) -> Result<(), Exceeded> {
    let [text, how @ ..] = args else { return Ok(()) };
    let lines = text.as_str().unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count() + 2;
    make(lines.saturating_mul(largest(how)))
}

fn formatted(args: &[Value]) -> Result<(), Exceeded> {
    let [format, values @ ..] = args else { return Ok(()) };
    let text = format.as_str().unwrap_or_default();
    let starred = if text.contains('*') { largest(values) } else { 0 };
    // The engine cannot format a number to more places than this.
    if numbers(text).chain([starred]).any(|places| places > usize::from(u16::MAX)) {
        return Err(Exceeded::Text);
    }
    let widths = numbers(text).fold(starred.saturating_mul(text.len()), usize::saturating_add);
    let given = values.iter().map(written).sum::<Result<usize, _>>()?;
    make(widths.saturating_add(given.saturating_mul(2)))
}

/// Wraps a filter so that it counts its input and output. `add` registers the original filter under
/// another name. `before` and the check in `around` run before the original filter.
fn wrap(
    env: &mut Environment<'static>,
    name: &'static str,
    (before, around): (Before, Around),
    add: impl FnOnce(&mut Environment<'static>, String),
) {
    let inner = format!("_mb_{name}");
    add(env, inner.clone());
    env.add_filter(
        name,
        move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let args: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
            (around.check)(state, name, &args)?;
            for arg in args.iter() {
                look_at(size(arg)?)?;
                if DEEP.contains(&name) {
                    bounded_depth(arg)?;
                }
            }
            before(&args)?;
            let made = state.apply_filter(&inner, &args)?;
            let made = if name == "chain" && made.kind() == ValueKind::Map {
                merged(&made)?
            } else {
                worked_out(state, made)?
            };
            size(&made).and_then(make)?;
            Ok((around.made)(state, name, &args, made))
        },
    );
}

/// Merges chained maps into one, because the engine would search them one after another for each
/// name.
fn merged(maps: &Value) -> Result<Value, Error> {
    let names = maps.try_iter()?;
    let pairs = names.map(|name| Ok((name.clone(), maps.get_item(&name)?)));
    Ok(Value::from_pairs(pairs.collect::<Result<Vec<_>, Error>>()?))
}

/// Counts an escaped text, which can be six times as long as the original.
fn escaped(args: &[Value]) -> Result<(), Exceeded> {
    args.first().map_or(Ok(()), |value| make(written(value)?.saturating_mul(6)))
}

/// Counts JSON output with its indentation.
fn json(args: &[Value]) -> Result<(), Exceeded> {
    let [value, how @ ..] = args else { return Ok(()) };
    make(written(value)?.saturating_mul(6).saturating_mul(1 + largest(how)))
}

/// Counts the text of a list's elements with a separator between them.
fn joined(args: &[Value]) -> Result<(), Exceeded> {
    let [list, how @ ..] = args else { return Ok(()) };
    let between = how.first().filter(|value| !value.is_kwargs()).map_or(Ok(0), written)?;
    if size(list)? > MOST {
        return Err(Exceeded::Text);
    }
    let mut bytes = 0_usize;
    if let (ValueKind::Seq | ValueKind::Iterable, Ok(items)) = (list.kind(), list.try_iter()) {
        for item in items {
            bytes = bytes.saturating_add(written(&item)?).saturating_add(between);
            if bytes > MOST {
                return Err(Exceeded::Text);
            }
        }
    } else {
        bytes = written(list)?.saturating_mul(between.saturating_add(1));
    }
    make(bytes)
}

/// Counts the parts that a list is divided into, or the elements in each part.
fn few(args: &[Value]) -> Result<(), Exceeded> {
    let count = largest(args.get(1..).unwrap_or_default());
    if count > MOST_ELEMENTS { Err(Exceeded::Text) } else { make(count.saturating_mul(ELEMENT)) }
}

/// Returns the largest number among the arguments, including named arguments.
fn largest(args: &[Value]) -> usize {
    let named = |arg: &Value| {
        arg.try_iter()
            .into_iter()
            .flatten()
            .filter_map(|name| arg.get_item(&name).ok()?.as_usize())
            .max()
    };
    args.iter()
        .filter_map(|arg| if arg.is_kwargs() { named(arg) } else { arg.as_usize() })
        .max()
        .unwrap_or_default()
}

/// Returns the numbers in a text. A number too large for `usize` becomes `usize::MAX`.
fn numbers(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(usize::MAX))
}
