//! Limits how much text the templates of one row may produce, and how much work they may do.
//!
//! Both are counted in bytes and not in time, so a template that renders on one machine renders on
//! every machine. [`super::counted`] does the counting.

use std::cell::{Cell, RefCell};
use std::io;

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

/// The maximum text in bytes that one template may produce for one row, including intermediate
/// values.
pub(crate) const MOST: usize = 64 << 20;
/// The maximum text in bytes that one template may read for one row: about a second of work.
const MOST_LOOKED_AT: usize = 1 << 30;
/// The maximum nesting depth of lists and maps.
pub(super) const DEEPEST: usize = 64;

/// A limit that a template exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("it produces more than {} MiB of text for one row", MOST >> 20)]
    Text,
    #[error("it takes more than a second's work for one row")]
    Work,
    #[error("its lists are nested more than {DEEPEST} levels deep in each other")]
    Depth,
}

impl Exceeded {
    /// Returns the exceeded limit that caused this template engine error; `None` if it has another
    /// cause.
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
    /// The left operands of multiplications whose right operands are being evaluated.
    factors: RefCell<Vec<Value>>,
}

thread_local! {
    /// The usage counters of the template that this thread is rendering. A thread renders one
    /// template at a time.
    static SPENT: Spent = const { Spent { made: Cell::new(0), looked_at: Cell::new(0), factors: RefCell::new(Vec::new()) } };
}

/// Resets the counters for the next template.
pub(crate) fn begin() {
    SPENT.with(|spent| {
        spent.made.set(0);
        spent.looked_at.set(0);
        spent.factors.borrow_mut().clear();
    });
}

/// Resets the counters and reduces the text that a template may still read to this many bytes.
#[cfg(test)]
pub(super) fn leave(bytes: usize) {
    begin();
    SPENT.with(|spent| spent.looked_at.set(MOST_LOOKED_AT - bytes));
}

/// Adds to the amount of produced text. Called before the text is produced.
pub(crate) fn make(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let made = spent.made.get().saturating_add(bytes);
        spent.made.set(made);
        if made > MOST { Err(Exceeded::Text) } else { Ok(()) }
    })
}

/// Adds to the amount of text read. Called before the text is read.
pub(super) fn look_at(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let looked_at = spent.looked_at.get().saturating_add(bytes);
        spent.looked_at.set(looked_at);
        if looked_at > MOST_LOOKED_AT { Err(Exceeded::Work) } else { Ok(()) }
    })
}

/// Stores the left operand of a multiplication until its right operand has been evaluated.
pub(super) fn push_factor(value: Value) {
    SPENT.with(|spent| spent.factors.borrow_mut().push(value));
}

/// Removes and returns the left operand that was stored last.
pub(super) fn pop_factor() -> Option<Value> {
    SPENT.with(|spent| spent.factors.borrow_mut().pop())
}

/// Returns the maximum number of engine instructions for a template. `longest_kept` is the length
/// in bytes of its longest plain text inside a captured block.
pub(crate) fn fuel(longest_kept: usize) -> u64 {
    const FUEL: u64 = 1_000_000;
    FUEL.min((4 * MOST / longest_kept.max(1)) as u64)
}
