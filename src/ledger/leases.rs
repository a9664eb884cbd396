//! Leases of a rate. A process leases part of a rate's window from the ledger before it sends. All
//! processes together thus keep the rate.

use std::time::Duration;

use jiff::Timestamp;

/// How far ahead of the current window a lease may start. A lease further ahead was granted before
/// the clock was set back.
pub(crate) const LEASED_AHEAD: Duration = Duration::from_secs(10);

/// Permission for `count` submissions between `from` and `until`. Unused submissions expire at
/// `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub count: u32,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// How many submissions to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// At most this many, and not more than one slice of the window allows at an even pace. The
    /// lease lasts as long as these submissions take.
    UpTo(u32),
    /// Exactly this many, to be submitted together, or none yet. The lease is one slice long. The
    /// next lease begins when these submissions would have ended at an even pace.
    Whole(u32),
}

/// A request for a lease.
#[derive(Clone, Debug)]
pub struct Wish {
    pub portion: Portion,
    /// The length of one slice, the unit of time in which `portion` is counted.
    pub slice: Duration,
    /// When the lease was requested (`asked`), and the delay after which it may begin (`after`).
    pub asked: Timestamp,
    pub after: Duration,
    /// Earlier leases of the same rate that have ended.
    pub spent: Vec<Spent>,
}

/// A lease that its holder has finished using. The ledger takes back the submissions beyond `used`
/// and the time after `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub lease: Lease,
    pub used: u32,
    pub until: Timestamp,
}

/// The answer to a request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    Granted(Lease),
    /// The window is full. Ask again at this time.
    NotBefore(Timestamp),
}
