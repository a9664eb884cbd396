//! Recognizes sentences of mail systems, and quoted replies of SMTP servers.

use super::phrases::{List, holds};
use crate::replies::bounce::{Codes, codes_in};
use crate::replies::{normal, says_undelivered};

/// Removes quoted lines from a text. Transcript lines such as `>>> RCPT TO:` are kept.
pub(super) fn unquoted(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('>') || line.starts_with(">>>"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Whether a text contains a sentence that only mail systems write.
pub(super) fn has_signature(text: &str) -> bool {
    holds(&normal(text), List::Sentences)
}

/// Whether a text says that a message was not delivered.
pub(super) fn says_failure(text: &str) -> bool {
    has_signature(text) || says_undelivered(&normal(text))
}

/// Whether a text quotes the reply of an SMTP server: a reply code with an enhanced status, or a
/// code after "said".
pub(super) fn quotes_reply(text: &str) -> bool {
    let Codes { status, code } = codes_in(text);
    let low = normal(text);
    !code.is_empty()
        && (!status.is_empty()
            || ["said: ", "responded: ", "response: ", "replied: ", ">>> ", "<<< ", "error: "]
                .iter()
                .any(|word| low.contains(&format!("{word}{code}"))))
}
