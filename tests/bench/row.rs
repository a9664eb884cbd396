//! One row of the table: the same work done by mailbatch and by a yardstick, in turns, and how the
//! two compare.
//!
//! The rule it keeps: only costs of the same round are compared, because a machine is not equally
//! fast from one minute to the next.

use crate::measure::Cost;

/// What a row compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Items for each second; the ratio of the two.
    Rate,
    /// Seconds; the ratio of the two.
    Time,
    /// Peak memory in MiB; the difference of the two.
    Memory,
}

/// What the comparison has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// At least this, or else so many items a second.
    AtLeastOr(f64, f64),
    /// It is for orientation.
    None,
}

impl Bound {
    /// Whether `value` keeps it, at so many items a second.
    fn is_kept_by(self, value: f64, rate: f64) -> bool {
        match self {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
            Bound::AtLeastOr(least, items) => value >= least || rate >= items,
            Bound::None => true,
        }
    }
}

/// Who did the work, how much, and what each round of it cost.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) who: String,
    pub(crate) items: u64,
    pub(crate) costs: Vec<Cost>,
}

impl Side {
    /// Nothing measured yet.
    pub(crate) fn new(who: impl Into<String>, items: u64) -> Self {
        Self { who: who.into(), items, costs: Vec::new() }
    }

    /// The value of each round in `unit`.
    pub(crate) fn values(&self, unit: Unit) -> Vec<f64> {
        self.costs
            .iter()
            .map(|cost| match unit {
                Unit::Rate => self.items as f64 / cost.seconds,
                Unit::Time => cost.seconds,
                Unit::Memory => cost.peak_mib,
            })
            .collect()
    }

    /// CPU microseconds for each item.
    pub(crate) fn cpu(&self) -> Spread {
        Spread::of(self.costs.iter().map(|cost| cost.cpu_seconds * 1e6 / self.items as f64))
    }

    /// Peak memory in MiB.
    pub(crate) fn peak(&self) -> Spread {
        Spread::of(self.costs.iter().map(|cost| cost.peak_mib))
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The name under which the row can be asked for.
    pub(crate) group: &'static str,
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Side,
    pub(crate) yardstick: Side,
    pub(crate) bound: Bound,
}

impl Row {
    /// Whether the comparison is what it has to be.
    pub(crate) fn is_kept(&self) -> bool {
        self.bound
            .is_kept_by(self.comparison().median, Spread::of(self.ours.values(Unit::Rate)).median)
    }

    /// How the two compare: the ratio, or for memory the difference, of each round.
    pub(crate) fn comparison(&self) -> Spread {
        let pairs = self.ours.values(self.unit).into_iter().zip(self.yardstick.values(self.unit));
        Spread::of(pairs.map(|(ours, yardstick)| {
            if self.unit == Unit::Memory { ours - yardstick } else { ours / yardstick }
        }))
    }
}

/// The middle and the ends of what several rounds gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value; without any, all three are NaN.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            at(middle)
        } else {
            (at(middle.wrapping_sub(1)) + at(middle)) / 2.0
        };
        Self { median, min: at(0), max: values.last().copied().unwrap_or(f64::NAN) }
    }
}
