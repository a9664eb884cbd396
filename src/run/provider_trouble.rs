//! Builds the error of a command that uses a provider's API for anything except sending.

use crate::model::error::Error;
use crate::model::exit::Exit;
use crate::provider::account::{Trouble, in_words};

/// Builds the error: exit 7 if the operator must fix the cause, exit 5 if a later attempt may
/// succeed.
pub(crate) fn failed(name: &str, trouble: &Trouble) -> Error {
    let message = format!("providers.{name}: {}", in_words(trouble.refusal()));
    match trouble {
        Trouble::Refused(_) => Error::new(Exit::NO_PROVIDER, message).hint(format!(
            "run `mailbatch provider test {name}` for details; the same command goes on where it stopped"
        )),
        Trouble::Failing(_) => Error::new(Exit::RETRYABLE, message)
            .hint("what was read so far is kept; the same command goes on where it stopped"),
    }
}
