//! How large values are, and what it takes to go through them.
//!
//! Everything here that goes through a value counts each element that it visits, so that it is
//! itself within the bounds that it guards.

use std::fmt::{self, Write as _};

use minijinja::value::{Value, ValueKind};

use super::allowance::{DEEPEST, Exceeded, MOST, look_at, make};

/// The most elements of a sequence.
pub(super) const MOST_ELEMENTS: usize = 1 << 20;
/// About what an element of a sequence takes, in bytes.
pub(super) const ELEMENT: usize = 32;
/// What it takes to compare an element, in bytes of text that could be looked through meanwhile.
const VISIT: usize = 64;
/// As many elements a list counts for in a list, however few it has.
const FOR_EACH_LIST: usize = 16;

/// About how many bytes a value takes: its text, or its elements without what is in them.
pub(super) fn size(value: &Value) -> Result<usize, Exceeded> {
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
pub(super) fn elements(value: &Value) -> Result<usize, Exceeded> {
    if let Some(length) = value.len() {
        return Ok(length);
    }
    let Ok(items) = value.try_iter() else { return Ok(0) };
    let mut count = 0;
    for _ in items {
        look_at(VISIT)?;
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
pub(super) fn written(value: &Value) -> Result<usize, Exceeded> {
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
pub(super) fn bounded_depth(value: &Value) -> Result<(), Exceeded> {
    Walk { visit: ELEMENT, per_byte: 0, times: 1, nested: 0, bytes: 0 }.through(value, DEEPEST)
}

/// Counts a value that is about to be compared: every text and every element in it.
pub(super) fn weigh(value: &Value) -> Result<usize, Exceeded> {
    let mut walk = Walk { visit: VISIT, per_byte: 1, times: 1, nested: 0, bytes: 0 };
    walk.through(value, DEEPEST)?;
    Ok(walk.bytes)
}

/// Counts a sequence that is about to be put in order: each element is compared about as often as
/// the number of elements has binary digits, and texts character by character without regard to
/// case.
pub(super) fn weigh_for_order(value: &Value) -> Result<(), Exceeded> {
    const PER_CHARACTER: usize = 8;
    let digits = usize::BITS - elements(value)?.leading_zeros();
    let times = digits.max(1) as usize;
    Walk { visit: VISIT, per_byte: PER_CHARACTER, times, nested: 0, bytes: 0 }
        .through(value, DEEPEST)
}

/// A way through a value and all that lies in it.
struct Walk {
    /// What an element counts for.
    visit: usize,
    /// What a byte of text counts for; 0 where texts are not looked at.
    per_byte: usize,
    /// How often each element is looked at.
    times: usize,
    /// The elements so far that lie deeper than in the outermost list.
    nested: usize,
    /// What has been counted.
    bytes: usize,
}

impl Walk {
    fn count(&mut self, bytes: usize) -> Result<(), Exceeded> {
        let bytes = bytes.saturating_mul(self.times);
        self.bytes = self.bytes.saturating_add(bytes);
        look_at(bytes)
    }

    /// `left`: how many lists may lie in each other from here on.
    fn through(&mut self, value: &Value, left: usize) -> Result<(), Exceeded> {
        if let Some(bytes) = value.as_bytes() {
            return self.count(bytes.len().saturating_mul(self.per_byte));
        }
        let is_map = value.kind() == ValueKind::Map;
        if !is_map && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            return Ok(());
        }
        let is_outermost = left == DEEPEST;
        let left = left.checked_sub(1).ok_or(Exceeded::Depth)?;
        if !is_outermost {
            self.nested += FOR_EACH_LIST;
        }
        self.count(self.visit)?;
        let Ok(items) = value.try_iter() else { return Ok(()) };
        for item in items {
            self.count(self.visit)?;
            self.nested += usize::from(!is_outermost);
            if self.nested > MOST_ELEMENTS {
                return Err(Exceeded::Work);
            }
            if is_map {
                // A key is looked at to find its value.
                self.count(item.as_bytes().map_or(0, <[u8]>::len))?;
                self.through(&value.get_item(&item).unwrap_or_default(), left)?;
            }
            self.through(&item, left)?;
        }
        Ok(())
    }
}
