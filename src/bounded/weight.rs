//! Computes the sizes of values and the cost of reading them.
//!
//! Every function here counts each element that it visits, so the measurement itself stays within
//! the limits.

use std::fmt::{self, Write as _};

use minijinja::value::{Value, ValueKind};

use super::allowance::{DEEPEST, Exceeded, MOST, look_at, make};

/// The maximum number of elements of a sequence.
pub(super) const MOST_ELEMENTS: usize = 1 << 20;
/// The approximate size of an element of a sequence, in bytes.
pub(super) const ELEMENT: usize = 32;
/// The cost of comparing an element, as bytes of text that could be read in the same time.
const VISIT: usize = 64;
/// The minimum number of elements that a nested list counts as.
const FOR_EACH_LIST: usize = 16;

/// Returns the approximate size of a value in bytes: its text, or its elements without their
/// contents.
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

/// Returns the number of elements of a value. If a sequence does not know its length, this function
/// steps through its elements, up to the limit.
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

/// A writer that counts text up to a limit and discards it.
struct Counter {
    left: usize,
}

impl fmt::Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Returns the length in bytes of a value's text form.
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

/// Counts a value before it is written.
pub(crate) fn write(value: &Value) -> Result<(), Exceeded> {
    make(written(value)?)
}

/// Returns an error if lists and maps are nested too deeply, or contain too many elements in total.
/// The engine follows all nesting, and visits a shared value again in each place that contains it.
pub(super) fn bounded_depth(value: &Value) -> Result<(), Exceeded> {
    Walk { visit: ELEMENT, per_byte: 0, times: 1, nested: 0, bytes: 0 }.through(value, DEEPEST)
}

/// Counts every text and element of a value before the value is compared.
pub(super) fn weigh(value: &Value) -> Result<usize, Exceeded> {
    let mut walk = Walk { visit: VISIT, per_byte: 1, times: 1, nested: 0, bytes: 0 };
    walk.through(value, DEEPEST)?;
    Ok(walk.bytes)
}

/// Counts a sequence before it is sorted. A sort compares each element about log2(n) times. It
/// compares texts character by character, ignoring case.
pub(super) fn weigh_for_order(value: &Value) -> Result<(), Exceeded> {
    const PER_CHARACTER: usize = 8;
    let digits = usize::BITS - elements(value)?.leading_zeros();
    let times = digits.max(1) as usize;
    Walk { visit: VISIT, per_byte: PER_CHARACTER, times, nested: 0, bytes: 0 }
        .through(value, DEEPEST)
}

/// The state of a traversal of a value and everything in it.
struct Walk {
    /// The cost of visiting an element.
    visit: usize,
    /// The cost of a byte of text; 0 if the traversal does not read texts.
    per_byte: usize,
    /// The number of times each element is visited.
    times: usize,
    /// The number of visited elements below the outermost list.
    nested: usize,
    /// The total cost so far.
    bytes: usize,
}

impl Walk {
    fn count(&mut self, bytes: usize) -> Result<(), Exceeded> {
        let bytes = bytes.saturating_mul(self.times);
        self.bytes = self.bytes.saturating_add(bytes);
        look_at(bytes)
    }

    /// Visits a value. `left` is the number of nesting levels still allowed.
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
                // Looking up a value reads its key.
                self.count(item.as_bytes().map_or(0, <[u8]>::len))?;
                self.through(&value.get_item(&item).unwrap_or_default(), left)?;
            }
            self.through(&item, left)?;
        }
        Ok(())
    }
}
