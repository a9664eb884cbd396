//! What the templates of one row may make: so much text, and so much work with it.
//!
//! Both are counted in bytes and not in time, so that a row that renders on one machine renders on
//! all. What is counted where: [`super::counted`].

use std::cell::{Cell, RefCell};
use std::io;

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

/// The most text that one template may make for one row, everything on the way included, in bytes.
pub(crate) const MOST: usize = 64 << 20;
/// The most text that it may look through: about a second's work.
const MOST_LOOKED_AT: usize = 1 << 30;
/// The deepest that lists may lie in each other.
pub(super) const DEEPEST: usize = 64;

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

/// Leaves a template no more to look through than so many bytes.
#[cfg(test)]
pub(super) fn leave(bytes: usize) {
    begin();
    SPENT.with(|spent| spent.looked_at.set(MOST_LOOKED_AT - bytes));
}

/// Counts text before it is made.
pub(crate) fn make(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let made = spent.made.get().saturating_add(bytes);
        spent.made.set(made);
        if made > MOST { Err(Exceeded::Text) } else { Ok(()) }
    })
}

/// Counts text before it is looked through.
pub(super) fn look_at(bytes: usize) -> Result<(), Exceeded> {
    SPENT.with(|spent| {
        let looked_at = spent.looked_at.get().saturating_add(bytes);
        spent.looked_at.set(looked_at);
        if looked_at > MOST_LOOKED_AT { Err(Exceeded::Work) } else { Ok(()) }
    })
}

/// Keeps the left-hand side of a product until its right-hand side is worked out.
pub(super) fn push_factor(value: Value) {
    SPENT.with(|spent| spent.factors.borrow_mut().push(value));
}

/// The left-hand side that was kept last.
pub(super) fn pop_factor() -> Option<Value> {
    SPENT.with(|spent| spent.factors.borrow_mut().pop())
}

/// The number of instructions that a template may run whose kept text has stretches of at most so
/// many bytes.
pub(crate) fn fuel(longest_kept: usize) -> u64 {
    const FUEL: u64 = 1_000_000;
    FUEL.min((4 * MOST / longest_kept.max(1)) as u64)
}
