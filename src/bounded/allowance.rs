//! What the templates of one row may make: so much text, and so much work with it.
//!
//! Both are counted in bytes and not in time, so that a row that renders on one machine renders on
//! all. Every filter that can make much of little is asked beforehand what it would make; all
//! others are counted by what they took and made.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::io;

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters, functions};

/// The most text that one template may make for one row, everything on the way included, in bytes.
pub(crate) const MOST: usize = 64 << 20;
/// The most text that it may look through: about a second's work.
const MOST_LOOKED_AT: usize = 1 << 30;
/// The most elements of a sequence, and the deepest that lists may lie in each other.
const MOST_ELEMENTS: usize = 1 << 20;
const DEEPEST: usize = 64;
/// As many elements a list counts for in a list, however few it has.
const FOR_EACH_LIST: usize = 16;
/// About what an element of a sequence takes.
const ELEMENT: usize = 32;

/// Filters of ours that give back what they were given, and count it.
pub(crate) const JOINED: &str = "_mb_joined";
pub(crate) const ADDED: &str = "_mb_added";
pub(crate) const FACTOR: &str = "_mb_factor";
pub(crate) const TIMES: &str = "_mb_times";
pub(crate) const MADE: &str = "_mb_made";
pub(crate) const COMPARED: &str = "_mb_compared";
pub(crate) const NESTED: &str = "_mb_nested";
pub(crate) const HELD: &str = "_mb_held";

/// A row that needs more than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("it makes more than {} MiB of text for one row", MOST >> 20)]
    Text,
    #[error("it takes more than a second's work for one row")]
    Work,
    #[error("its lists lie more than {DEEPEST} deep in each other")]
    Depth,
}

impl Exceeded {
    /// What made the engine fail, if it is one of these.
    pub(crate) fn behind(error: &Error) -> Option<Self> {
        if error.kind() == ErrorKind::OutOfFuel {
            return Some(Self::Work);
        }
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(exceeded) = error.downcast_ref::<Self>().or_else(|| inner?.downcast_ref()) {
                return Some(*exceeded);
            }
            cause = match error.downcast_ref::<Error>() {
                Some(inner) if inner.kind() == ErrorKind::OutOfFuel => return Some(Self::Work),
                _ => error.source(),
            };
        }
        None
    }
}

impl From<Exceeded> for Error {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(ErrorKind::InvalidOperation, exceeded.to_string()).with_source(exceeded)
    }
}

struct Spent {
    made: Cell<usize>,
    looked_at: Cell<usize>,
    /// The left-hand sides of products whose right-hand sides are being worked out.
    factors: RefCell<Vec<Value>>,
}

thread_local! {
    /// What the template has spent that this thread is rendering; a thread renders one at a time.
    static SPENT: Spent = const { Spent { made: Cell::new(0), looked_at: Cell::new(0), factors: RefCell::new(Vec::new()) } };
}

/// Begins anew, for the next template.
pub(crate) fn begin() {
    SPENT.with(|spent| {
        spent.made.set(0);
        spent.looked_at.set(0);
        spent.factors.borrow_mut().clear();
    });
}

/// Counts text before it is made.
pub(crate) fn make(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let made = spent.made.get().saturating_add(bytes);
        spent.made.set(made);
        if made > MOST { Err(Exceeded::Text) } else { Ok(()) }
    })
}

fn look_at(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let looked_at = spent.looked_at.get().saturating_add(bytes);
        spent.looked_at.set(looked_at);
        if looked_at > MOST_LOOKED_AT { Err(Exceeded::Work) } else { Ok(()) }
    })
}

/// The number of instructions that a template may run whose kept text has stretches of at most so
/// many bytes.
pub(crate) fn fuel(longest_kept: usize) -> u64 {
    const FUEL: u64 = 1_000_000;
    FUEL.min((4 * MOST / longest_kept.max(1)) as u64)
}

/// About how many bytes a value takes: its text, or its elements without what is in them.
fn size(value: &Value) -> Result<usize, Exceeded> {
    if let Some(bytes) = value.as_bytes() {
        return Ok(bytes.len());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            Ok(elements(value)?.saturating_mul(ELEMENT))
        }
        _ => Ok(ELEMENT),
    }
}

/// The number of elements; they are counted where the sequence does not know, and not further than
/// any may go.
fn elements(value: &Value) -> Result<usize, Exceeded> {
    if let Some(length) = value.len() {
        return Ok(length);
    }
    let Ok(items) = value.try_iter() else { return Ok(0) };
    let mut count = 0;
    for _ in items {
        count += 1;
        if count > MOST_ELEMENTS {
            return Err(Exceeded::Work);
        }
    }
    Ok(count)
}

/// Takes text up to an end and keeps nothing.
struct Counter {
    left: usize,
}

impl fmt::Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// How long the text is as which a value is written.
fn written(value: &Value) -> Result<usize, Exceeded> {
    if let Some(text) = value.as_str() {
        return Ok(text.len());
    }
    bounded_depth(value)?;
    size(value).and_then(|bytes| if bytes > MOST { Err(Exceeded::Text) } else { Ok(()) })?;
    let mut counter = Counter { left: MOST };
    write!(counter, "{value}").map_err(|_| Exceeded::Text)?;
    Ok(MOST - counter.left)
}

/// Counts a value that is about to be written.
pub(crate) fn write(value: &Value) -> Result<(), Exceeded> {
    make(written(value)?)
}

/// Errs where lists and maps are nested too deep, or hold too many elements in all: the engine
/// follows the nesting to its end, and visits a value in each of the places that hold it.
fn bounded_depth(value: &Value) -> Result<(), Exceeded> {
    descend(value, DEEPEST, &mut 0)
}

fn descend(value: &Value, left: usize, seen: &mut usize) -> Result<(), Exceeded> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map)
        || (left == DEEPEST && value.len().is_none_or(|length| length > MOST_ELEMENTS))
    {
        return Ok(());
    }
    let left = left.checked_sub(1).ok_or(Exceeded::Depth)?;
    look_at(ELEMENT)?;
    *seen += FOR_EACH_LIST;
    let Ok(items) = value.try_iter() else { return Ok(()) };
    for item in items {
        *seen += 1;
        if *seen > MOST_ELEMENTS {
            return Err(Exceeded::Work);
        }
        descend(&item, left, seen)?;
        if value.kind() == ValueKind::Map {
            descend(&value.get_item(&item).unwrap_or_default(), left, seen)?;
        }
    }
    Ok(())
}

/// What is asked before a filter is run, of what it is given.
type Before = fn(&[Value]) -> Result<(), Exceeded>;

/// What is asked of a filter and its arguments beside that: whether they are all there.
pub(crate) type Check = fn(&mut State<'_, '_>, &str, &[Value]) -> Result<(), Error>;

/// Gives an environment the filters that count, and makes those of the engine count. `check` is
/// asked before any of those is run.
pub(crate) fn install(env: &mut Environment<'static>, check: Check) {
    let pass = |env: &mut Environment<'static>,
                name: &'static str,
                count: fn(&Value) -> Result<(), Exceeded>| {
        env.add_filter(name, move |value: Value| {
            count(&value).map(|()| value).map_err(Error::from)
        });
    };
    pass(env, JOINED, write);
    pass(env, ADDED, |value| make(size(value)?));
    pass(env, MADE, |value| make(size(value)?));
    pass(env, COMPARED, |value| {
        look_at(value.as_bytes().map_or(ELEMENT, <[u8]>::len))?;
        bounded_depth(value)
    });
    pass(env, NESTED, bounded_depth);
    // Also of what is undefined, which may be kept.
    env.add_filter(HELD, |args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let value = args.0.into_iter().next().map(ValueOrKwargs::into_value).unwrap_or_default();
        bounded_depth(&value)?;
        Ok(value)
    });
    // It shows all that the template can see, as deep as it lies.
    env.remove_global("debug");
    hold(env, "dict", |env, inner| env.add_function(inner, functions::dict));
    hold(env, "namespace", |env, inner| env.add_function(inner, functions::namespace));
    pass(env, FACTOR, |value| {
        SPENT.with(|spent| spent.factors.borrow_mut().push(value.clone()));
        Ok(())
    });
    pass(env, TIMES, |right| {
        let left = SPENT.with(|spent| spent.factors.borrow_mut().pop()).unwrap_or_default();
        let times = |text: &Value, count: &Value| {
            let repeated = text.as_bytes().map(<[u8]>::len).or_else(|| {
                text.as_object().and_then(|_| text.len()).map(|n| n.saturating_mul(ELEMENT))
            });
            repeated.map_or(0, |bytes| bytes.saturating_mul(count.as_usize().unwrap_or_default()))
        };
        if times(&left, right).max(times(right, &left)) > MOST {
            Err(Exceeded::Text)
        } else {
            Ok(())
        }
    });
    macro_rules! count {
        ($before:expr, $($filter:ident)*) => {
            $(wrap(env, stringify!($filter), ($before, check), |env, inner| env.add_filter(inner, filters::$filter));)*
        };
    }
    count!(|_| Ok(()), upper lower title capitalize trim string safe length sum min max first last float int round);
    count!(spread, reverse sort list unique dictsort items groupby split lines select selectattr reject rejectattr map chain zip);
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
    wrap(env, "e", (escaped, check), |env, inner| env.add_filter(inner, filters::escape));
    wrap(env, "count", (|_| Ok(()), check), |env, inner| env.add_filter(inner, filters::length));
}

/// Makes a function that keeps what it is given look at how deep that lies.
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

/// Filters that take apart what lies in a list, and those that put lists into a list.
const DEEP: [&str; 16] = [
    "sort", "unique", "dictsort", "groupby", "min", "max", "sum", "join", "string", "pprint",
    "tojson", "batch", "slice", "zip", "items", "replace",
];

/// A text that is taken apart into its characters, lines or words.
fn spread(args: &[Value]) -> Result<(), Exceeded> {
    args.first()
        .and_then(Value::as_str)
        .map_or(Ok(()), |text| make(text.len().saturating_mul(ELEMENT)))
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
    // The engine cannot write a number with more places.
    if numbers(text).chain([starred]).any(|places| places > usize::from(u16::MAX)) {
        return Err(Exceeded::Text);
    }
    let widths = numbers(text).fold(starred.saturating_mul(text.len()), usize::saturating_add);
    let given = values.iter().map(written).sum::<Result<usize, _>>()?;
    make(widths.saturating_add(given.saturating_mul(2)))
}

/// Makes a filter count what it takes and makes. `add` adds it under another name, and the two
/// others are asked before it is run.
fn wrap(
    env: &mut Environment<'static>,
    name: &'static str,
    (before, check): (Before, Check),
    add: impl FnOnce(&mut Environment<'static>, String),
) {
    let inner = format!("_mb_{name}");
    add(env, inner.clone());
    env.add_filter(
        name,
        move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let args: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
            check(state, name, &args)?;
            for arg in args.iter() {
                look_at(size(arg)?)?;
                match arg.kind() {
                    ValueKind::Iterable if DEEP.contains(&name) => {
                        let mut seen = 0;
                        arg.try_iter()?
                            .try_for_each(|item| descend(&item, DEEPEST - 1, &mut seen))?;
                    }
                    _ if DEEP.contains(&name) => bounded_depth(arg)?,
                    _ => {}
                }
            }
            before(&args)?;
            let made = state.apply_filter(&inner, &args)?;
            // What is worked out later would not be counted.
            let made = if matches!(name, "chain" | "zip") && made.kind() == ValueKind::Iterable {
                size(&made).and_then(make)?;
                filters::list(state, made)?
            } else {
                made
            };
            size(&made).and_then(make)?;
            Ok(made)
        },
    );
}

/// What is escaped may become six times as long.
fn escaped(args: &[Value]) -> Result<(), Exceeded> {
    args.first().map_or(Ok(()), |value| make(written(value)?.saturating_mul(6)))
}

/// JSON, with its indentation.
fn json(args: &[Value]) -> Result<(), Exceeded> {
    let [value, how @ ..] = args else { return Ok(()) };
    make(written(value)?.saturating_mul(6).saturating_mul(1 + largest(how)))
}

/// The elements of a list with a separator between them.
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

/// The number of parts that a list is cut into, or of elements in each.
fn few(args: &[Value]) -> Result<(), Exceeded> {
    let count = largest(args.get(1..).unwrap_or_default());
    if count > MOST_ELEMENTS { Err(Exceeded::Text) } else { make(count.saturating_mul(ELEMENT)) }
}

/// The largest number among arguments, those with names included.
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

/// The numbers in a text; one that is too large for any is the largest.
fn numbers(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(usize::MAX))
}
