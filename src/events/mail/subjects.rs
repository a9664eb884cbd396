//! Recognizes the subjects of replies, forwards, bounces and delay warnings.

use super::phrases::{List, holds};
use crate::replies::{normal, says_undelivered};

/// Whether a subject is that of a reply or a forward.
pub(super) fn is_answer(subject: &str) -> bool {
    let subject = normal(subject);
    ["re:", "fw:", "fwd:", "aw:", "wg:", "tr:", "rv:", "sv:"]
        .iter()
        .any(|prefix| subject.starts_with(prefix))
}

/// Whether a subject is that of a forward.
pub(super) fn is_forward(subject: &str) -> bool {
    let subject = normal(subject);
    ["fw:", "fwd:", "wg:", "tr:", "rv:", "i:", "enc:", "vs:", "doorst:", "转发"]
        .iter()
        .any(|prefix| subject.starts_with(prefix))
}

/// Whether the subject is that of a bounce.
pub(super) fn is_bounce_subject(subject: &str) -> bool {
    let subject = normal(subject);
    holds(&subject, List::Subjects) || says_undelivered(&subject)
}

/// Whether a subject is that of a delay warning. Text after a colon may be the returned message's
/// subject, as in `Undeliverable: delayed trains`.
pub(super) fn is_delay_subject(subject: &str) -> bool {
    let subject = normal(subject);
    let before = subject.split([':', '\u{ff1a}']).next().unwrap_or_default();
    let is_decided = is_bounce_subject(before) && !holds(before, List::DelaySubjects);
    !is_decided && holds(&subject, List::DelaySubjects) && !subject.contains("fail")
}
