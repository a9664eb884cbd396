//! What stops a run before or while it sends: one message, one hint, one exit code.

use std::fmt;

use crate::model::exit::Exit;
use crate::model::shown::{bounded_lines, visible_lines};

/// The part of a send that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    List,
    Template,
    Suppression,
    Canary,
}

/// An error that ends the program. Its text says what and where; the hint says how to mend it.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    message: String,
    hint: Option<String>,
    subject: Option<Subject>,
}

impl Error {
    /// An error that ends the program with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, subject: None }
    }

    /// Exit 1: a defect, a full disk, a broken ledger.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::INTERNAL, message)
    }

    /// Exit 2: flags or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, message)
    }

    /// Exit 4: list, message or suppression file refused before sending.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::REFUSED, message)
    }

    /// The same error with a line on how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, said to be about a part of a send; the first who says so knows best.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = self.subject.or(Some(subject));
        self
    }

    /// What it is about, where that is known.
    pub fn subject(&self) -> Option<Subject> {
        self.subject
    }

    /// What is wrong, and how to mend it.
    pub fn parts(&self) -> (&str, Option<&str>) {
        (&self.message, self.hint.as_deref())
    }

    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bounded_lines(&visible_lines(&self.message)))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", bounded_lines(&visible_lines(hint))),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The result of anything that can stop the program.
pub type Result<T, E = Error> = std::result::Result<T, E>;
