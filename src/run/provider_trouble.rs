//! The error that ends a command which asks a provider's API for more than sending.

use crate::model::error::Error;
use crate::model::exit::Exit;
use crate::provider::account::{Trouble, in_words};

/// The error that ends the command: exit 7 until the operator mends the cause, 5 where a later
/// attempt may succeed.
pub(crate) fn failed(name: &str, trouble: &Trouble) -> Error {
    let message = format!("providers.{name}: {}", in_words(trouble.refusal()));
    match trouble {
        Trouble::Refused(_) => Error::new(Exit::NO_PROVIDER, message).hint(format!(
            "`mailbatch provider test {name}` says more; the same command goes on where it stopped"
        )),
        Trouble::Failing(_) => Error::new(Exit::RETRYABLE, message)
            .hint("what was read is kept; the same command goes on where it stopped"),
    }
}
