//! The error that ends a command. It has a message, a hint and an exit code.

use std::fmt;

use crate::model::exit::Exit;
use crate::model::shown::{bounded_lines, visible_lines};

/// The input of a send that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    List,
    Template,
    Suppression,
    Canary,
}

/// An error that ends the program. The message says what is wrong and where; the hint says how to
/// fix it.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    message: String,
    hint: Option<String>,
    subject: Option<Subject>,
}

impl Error {
    /// Creates an error with the exit code `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, subject: None }
    }

    /// Exit 1: a defect in mailbatch, a full disk, a damaged ledger.
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

    /// Adds a hint that says how to fix the error.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the subject of the error. An existing subject stays, because it was set closer to the
    /// cause.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = self.subject.or(Some(subject));
        self
    }

    /// The input that the error is about, if known.
    pub fn subject(&self) -> Option<Subject> {
        self.subject
    }

    /// The message and the hint.
    pub fn parts(&self) -> (&str, Option<&str>) {
        (&self.message, self.hint.as_deref())
    }

    /// The exit code of the process.
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

/// The result of an operation that can end the program.
pub type Result<T, E = Error> = std::result::Result<T, E>;
