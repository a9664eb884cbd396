//! The error for a list that cannot be read: the place, the problem, and the fix. It never quotes a
//! cell, because cells are personal data.

use std::fmt;

use crate::model::error::Error;
use crate::model::shown::visible;

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The whole list.
    List,
    /// A line of the text, counted from 1.
    Line(u64),
    /// An element of a JSON array, counted from 1.
    Element(u64),
}

/// The maximum number of consecutive blank lines. A longer series may never end, for example in a
/// stream.
pub(super) const MAX_BLANK_LINES: u64 = 1 << 22;

/// Returns the error for a list that continues with too many blank lines.
pub(super) fn only_line_ends(after: u64) -> Problem {
    let what = format!("from this line on, more than {MAX_BLANK_LINES} lines are empty");
    Problem::new(Place::Line(after.max(1)), what)
        .hint("did the export fail? truncate the list after its last row, or export it again")
}

/// An error in the structure of a list, without the list's name.
#[derive(Debug)]
pub(super) struct Problem {
    place: Place,
    message: String,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn in_list(self, list: &str) -> ReadError {
        ReadError { list: list.to_owned(), problem: self }
    }
}

/// An error in the structure of a list. The rest of the list cannot be read.
#[derive(Debug)]
pub struct ReadError {
    list: String,
    problem: Problem,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = visible(&self.list);
        match self.problem.place {
            Place::List => write!(f, "{list}: {}", self.problem.message)?,
            Place::Line(line) => write!(f, "{list}:{line}: {}", self.problem.message)?,
            Place::Element(number) => {
                write!(f, "{list}: element {number}: {}", self.problem.message)?
            }
        }
        match &self.problem.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        let ReadError { list, problem: Problem { place, message, hint } } = error;
        let bare = ReadError { list, problem: Problem { place, message, hint: None } };
        let error = Self::refused(bare.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
