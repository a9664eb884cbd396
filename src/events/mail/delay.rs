//! Warnings of systems that have not given up yet.

use crate::replies::normal;

/// Whether a system only says that it goes on trying.
pub(super) fn is_delay(subject: &str, said: &str) -> bool {
    const SUBJECTS: [&str; 11] = [
        "delivery warning",
        "postponed",
        "delayed",
        "delay",
        "warning: could not send",
        "warning: message",
        "verzogert",
        "retard",
        "retraso",
        "still being retried",
        "delivery is taking",
    ];
    const SENTENCES: [&str; 28] = [
        "will continue to try",
        "will continue trying",
        "will continue to attempt",
        "will continue attempting",
        "will keep on trying",
        "will go on trying",
        "has been postponed",
        "was postponed",
        "have been postponed",
        "has been temporarily delayed",
        "is still trying to deliver",
        "will be attempted again",
        "will try to deliver it again",
        "wird weiterhin versucht",
        "continuera d'essayer",
        "se seguira intentando",
        "you do not need to resend",
        "you need not resend",
        "no action is required on your part",
        "delivery attempts will continue",
        "will continue to be",
        "this is a warning message only",
        "will keep trying",
        "do not need to resend",
        "has not yet been delivered",
        "delivery to the following recipients has been delayed",
        "will be retried",
        "will retry for",
    ];
    let (subject, said) = (normal(subject), normal(said));
    SUBJECTS.iter().any(|word| subject.contains(word)) && !subject.contains("fail") || SENTENCES.iter().any(|sentence| said.contains(sentence))
}
