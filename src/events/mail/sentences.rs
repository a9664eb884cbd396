//! Whether a text has the sentences of a mail system, or quotes a reply of one.

use super::phrases::{List, holds};
use crate::replies::bounce::{Codes, codes_in};
use crate::replies::{normal, says_undelivered};

/// A text without the lines that it quotes. The marks of a transcript, `>>> RCPT TO:`, are none of
/// an answer.
pub(super) fn unquoted(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('>') || line.starts_with(">>>"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Whether a text holds a sentence of a mail system.
pub(super) fn has_signature(text: &str) -> bool {
    holds(&normal(text), List::Sentences)
}

/// Whether a text says in whatever words that a message was not delivered.
pub(super) fn says_failure(text: &str) -> bool {
    has_signature(text) || says_undelivered(&normal(text))
}

/// Whether a text quotes what an SMTP server answered: a reply code and an enhanced status side by
/// side, or a code behind "said".
pub(super) fn quotes_reply(text: &str) -> bool {
    let Codes { status, code } = codes_in(text);
    let low = normal(text);
    !code.is_empty()
        && (!status.is_empty()
            || ["said: ", "responded: ", "response: ", "replied: ", ">>> ", "<<< ", "error: "]
                .iter()
                .any(|word| low.contains(&format!("{word}{code}"))))
}
