//! Recognizes warnings that a message is delayed and that the server will try again.

use super::phrases::{List, holds};
use super::subjects::is_delay_subject;
use crate::replies::{normal, says_not_yet};

/// Whether a bounce only warns of a delay. `said` is its text.
pub(super) fn is_delay(subject: &str, said: &str) -> bool {
    let said = normal(said);
    is_delay_subject(subject) || holds(&said, List::Delays) || says_not_yet(&said)
}
