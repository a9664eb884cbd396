//! Leases of a rate, as the limiter asks for them and gets them.

use std::time::Duration;

use jiff::Timestamp;

/// How far ahead of its window a rate may be leased by those who share it. What is further ahead
/// was leased before the clock was set back.
pub(crate) const LEASED_AHEAD: Duration = Duration::from_secs(10);

/// A grant by the limiter: `count` hand-overs between `from` and `until`; what is unused then has
/// expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub count: u32,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// How many hand-overs are wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// As many as go in one slice of the window at an even pace, and no more than this. The lease
    /// is as long as they take.
    UpTo(u32),
    /// So many at one instant, or none yet. The lease is one slice long, and the next one begins
    /// when they would have gone at an even pace.
    Whole(u32),
}

/// A wish for a lease.
#[derive(Clone, Debug)]
pub struct Wish {
    pub portion: Portion,
    /// How long it lasts, as far as `portion` says.
    pub slice: Duration,
    /// When it was wished for, and how long after that it begins at the earliest.
    pub asked: Timestamp,
    pub after: Duration,
    /// What became of earlier leases of the key.
    pub spent: Vec<Spent>,
}

/// A lease that is over for its holder. What `used` leaves of its hand-overs goes back, and the
/// time after `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub lease: Lease,
    pub used: u32,
    pub until: Timestamp,
}

/// The answer to a wish for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    Granted(Lease),
    /// The window is full; ask again then.
    NotBefore(Timestamp),
}
