//! Warnings of systems that have not given up yet.

use super::phrases::{List, holds};
use super::text;
use crate::replies::{normal, says_not_yet};

/// Whether a system only says that it goes on trying.
pub(super) fn is_delay(subject: &str, said: &str) -> bool {
    let said = normal(said);
    is_delay_subject(subject) || holds(&said, List::Delays) || says_not_yet(&said)
}

/// Whether a subject is that of a warning. Behind a colon may stand the subject of the message that
/// came back: `Undeliverable: delayed trains`.
pub(super) fn is_delay_subject(subject: &str) -> bool {
    let subject = normal(subject);
    let before = subject.split([':', '\u{ff1a}']).next().unwrap_or_default();
    let is_decided = text::is_bounce_subject(before) && !holds(before, List::DelaySubjects);
    !is_decided && holds(&subject, List::DelaySubjects) && !subject.contains("fail")
}
