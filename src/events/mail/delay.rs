//! Recognizes warnings that a server is still trying to deliver.

use super::phrases::{List, holds};
use super::subjects::is_delay_subject;
use crate::replies::{normal, says_not_yet};

/// Whether a report only says that the server is still trying to deliver.
pub(super) fn is_delay(subject: &str, said: &str) -> bool {
    let said = normal(said);
    is_delay_subject(subject) || holds(&said, List::Delays) || says_not_yet(&said)
}
