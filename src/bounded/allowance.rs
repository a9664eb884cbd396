//! Limits of the templates of one row: how much text they may produce, and how much work they may
//! do.
//!
//! Both are counted in bytes instead of time, so that a row that renders on one machine renders on
//! every machine. [`super::counted`] does the counting.

use std::cell::{Cell, RefCell};
use std::io;

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

/// The most text in bytes that one template may produce for one row, including intermediate values.
pub(crate) const MOST: usize = 64 << 20;
/// The most text in bytes that it may read: about a second of work.
const MOST_LOOKED_AT: usize = 1 << 30;
/// The deepest nesting of lists.
pub(super) const DEEPEST: usize = 64;

/// A limit that a row exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("it produces more than {} MiB of text for one row", MOST >> 20)]
    Text,
    #[error("it takes more than a second's work for one row")]
    Work,
    #[error("its lists lie more than {DEEPEST} deep in each other")]
    Depth,
}

impl Exceeded {
    /// The exceeded limit that caused an error of the template engine, if one did.
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
    /// What the template that this thread is rendering has used; a thread renders one at a time.
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

/// Leaves a template only this many bytes to read.
#[cfg(test)]
pub(super) fn leave(bytes: usize) {
    begin();
    SPENT.with(|spent| spent.looked_at.set(MOST_LOOKED_AT - bytes));
}

/// Counts text before it is produced.
pub(crate) fn make(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let made = spent.made.get().saturating_add(bytes);
        spent.made.set(made);
        if made > MOST { Err(Exceeded::Text) } else { Ok(()) }
    })
}

/// Counts text before it is read.
pub(super) fn look_at(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let looked_at = spent.looked_at.get().saturating_add(bytes);
        spent.looked_at.set(looked_at);
        if looked_at > MOST_LOOKED_AT { Err(Exceeded::Work) } else { Ok(()) }
    })
}

/// Keeps the left operand of a multiplication until the right operand has been evaluated.
pub(super) fn push_factor(value: Value) {
    SPENT.with(|spent| spent.factors.borrow_mut().push(value));
}

/// The left operand that was kept last.
pub(super) fn pop_factor() -> Option<Value> {
    SPENT.with(|spent| spent.factors.borrow_mut().pop())
}

/// The number of instructions that a template may run, if its captured blocks have stretches of
/// plain text of at most this many bytes.
pub(crate) fn fuel(longest_kept: usize) -> u64 {
    const FUEL: u64 = 1_000_000;
    FUEL.min((4 * MOST / longest_kept.max(1)) as u64)
}
