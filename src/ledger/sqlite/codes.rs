//! The numbers that represent outcomes, reasons and other words in the tables. They are on disk, so
//! new words may only be added at the end of a list.

use jiff::Timestamp;

use super::fault::{Fault, Result};
use crate::model::outcome::{Cohort, Outcome, Reason};
use crate::provider::RowNumber;

const OUTCOMES: [Outcome; 9] = [
    Outcome::Accepted,
    Outcome::Rejected,
    Outcome::Deferred,
    Outcome::Unknown,
    Outcome::Suppressed,
    Outcome::Invalid,
    Outcome::Duplicate,
    Outcome::AlreadyAccepted,
    Outcome::Held,
];

const REASONS: [Reason; 22] = [
    Reason::BadAddress,
    Reason::Render,
    Reason::Repeated,
    Reason::EarlierRun,
    Reason::HardBounce,
    Reason::Complaint,
    Reason::Unsubscribe,
    Reason::Manual,
    Reason::MailboxGone,
    Reason::MailboxTransient,
    Reason::Rate,
    Reason::Policy,
    Reason::Content,
    Reason::Session,
    Reason::Auth,
    Reason::NoReply,
    Reason::Canary,
    Reason::Paused,
    Reason::Window,
    Reason::Cap,
    Reason::Limit,
    Reason::Interrupted,
];

/// The values of `recipients.state`.
pub(crate) const FINAL: i64 = 0;
pub(crate) const OPEN: i64 = 1;
pub(crate) const WAITING: i64 = 2;
pub(crate) const CLAIMED: i64 = 3;

fn place<T: PartialEq>(list: &[T], value: &T) -> i64 {
    list.iter().position(|v| v == value).expect("a test ensures that the lists contain every value")
        as i64
}

fn at<T: Copy>(list: &[T], number: i64, what: &str) -> Result<T> {
    usize::try_from(number)
        .ok()
        .and_then(|n| list.get(n).copied())
        .ok_or_else(|| Fault::Damaged(format!("{number} is not the number of a known {what}")))
}

pub(crate) fn outcome_number(outcome: Outcome) -> i64 {
    place(&OUTCOMES, &outcome)
}

/// The numbers of several outcomes as a comma-separated list for SQL.
pub(crate) fn list_of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> String {
    outcomes
        .into_iter()
        .map(|outcome| outcome_number(*outcome).to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) fn outcome(number: Option<i64>) -> Result<Option<Outcome>> {
    number.map(|n| at(&OUTCOMES, n, "outcome")).transpose()
}

pub(crate) fn reason_number(reason: Reason) -> i64 {
    place(&REASONS, &reason)
}

pub(crate) fn reason(number: Option<i64>) -> Result<Option<Reason>> {
    number.map(|n| at(&REASONS, n, "reason")).transpose()
}

pub(crate) fn cohort_number(cohort: Cohort) -> i64 {
    match cohort {
        Cohort::Canary => 0,
        Cohort::Rest => 1,
    }
}

pub(crate) fn cohort(number: i64) -> Cohort {
    if number == 0 { Cohort::Canary } else { Cohort::Rest }
}

pub(crate) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| Fault::Damaged(format!("{micros} is not a valid time in microseconds")))
}

pub(crate) fn times(micros: Option<i64>) -> Result<Option<Timestamp>> {
    micros.map(time).transpose()
}

const ROW_BITS: u32 = 40;

/// The lowest and the highest id that a recipient of run number `seq` can have.
pub(crate) fn ids_of(seq: i64) -> (i64, i64) {
    (seq << ROW_BITS, (seq << ROW_BITS) | ((1 << ROW_BITS) - 1))
}

/// The id of a recipient, from the run's number and the row.
pub(crate) fn id_of(seq: i64, row: RowNumber) -> Result<i64> {
    match i64::try_from(row) {
        Ok(row) if row < 1 << ROW_BITS => Ok((seq << ROW_BITS) | row),
        _ => Err(Fault::Damaged(format!("row {row} exceeds the maximum size of a run"))),
    }
}

/// The row number in an id.
pub(crate) fn row_of(id: i64) -> RowNumber {
    (id & ((1 << ROW_BITS) - 1)) as RowNumber
}

/// The run number in an id.
pub(crate) fn seq_of(id: i64) -> i64 {
    id >> ROW_BITS
}

/// Encodes the members of a batch for its row: eight bytes each, little-endian.
pub(crate) fn pack(members: impl Iterator<Item = RowNumber>) -> Vec<u8> {
    members.flat_map(RowNumber::to_le_bytes).collect()
}

/// Decodes the bytes written by `pack`.
pub(crate) fn unpack(members: &[u8]) -> impl Iterator<Item = RowNumber> + '_ {
    members.as_chunks::<8>().0.iter().map(|eight| RowNumber::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_number_that_reads_back() {
        for o in Outcome::ALL {
            assert_eq!(outcome(Some(outcome_number(*o))).unwrap(), Some(*o));
        }
        for r in Reason::ALL {
            assert_eq!(reason(Some(reason_number(*r))).unwrap(), Some(*r));
        }
        assert!(outcome(Some(99)).is_err() && reason(Some(-1)).is_err());
    }

    #[test]
    fn ids_hold_the_run_and_the_row() {
        assert_eq!(row_of(id_of(7, 123).unwrap()), 123);
        let (first, last) = ids_of(7);
        assert!(first <= id_of(7, 0).unwrap() && id_of(7, (1 << ROW_BITS) - 1).unwrap() == last);
        assert!(id_of(7, 1 << ROW_BITS).is_err());
        assert_eq!(
            unpack(&pack([3, 1, u64::MAX].into_iter())).collect::<Vec<_>>(),
            [3, 1, u64::MAX]
        );
    }
}
