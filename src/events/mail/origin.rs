//! Decides who sent a message: a mail system, another program, or a person.

use super::addresses::{all_in, is_daemon};
use super::parts::Parts;
use super::phrases::{List, holds};
use super::subjects::is_answer;
use crate::replies::normal;

/// Whether the sender's address or name is that of a mail system.
pub(super) fn has_system_sender(parts: &Parts) -> bool {
    let from = parts.get("from").unwrap_or_default();
    let sender = parts.get("sender").unwrap_or_default();
    let by_address = all_in(from).iter().chain(&all_in(sender)).any(|address| is_daemon(address))
        || is_daemon(from.trim_start_matches(['<', '"', ' ']));
    let low = normal(from);
    let path = parts.get("return-path").unwrap_or_default().trim_start_matches(['<', ' ']);
    by_address || holds(&low, List::Senders) || is_daemon(path) || (low.is_empty() || low == "<>")
}

/// Whether the message has the null return path. Bounces and automatic replies have it.
pub(super) fn has_null_path(parts: &Parts) -> bool {
    parts.get("return-path").is_some_and(|path| path.trim() == "<>")
}

/// Whether a program sent the message, judged by its return path, its sender's address or its
/// Auto-Submitted field.
pub(super) fn is_from_program(parts: &Parts) -> bool {
    has_null_path(parts)
        || is_named_as_program(parts)
        || parts
            .get("auto-submitted")
            .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("auto-"))
}

/// Whether the message has an address or a header field that only mail systems use.
fn is_named_as_program(parts: &Parts) -> bool {
    ["return-path", "from", "sender"].iter().filter_map(|name| parts.get(name)).any(is_program)
        || parts.get("x-failed-recipients").is_some()
}

/// Whether a field contains an address that only programs use. `postmaster` does not count, because
/// a person may use it.
fn is_program(field: &str) -> bool {
    const PROGRAMS: [&str; 8] = [
        "mailer-daemon",
        "mailerdaemon",
        "mailer_daemon",
        "mailer.daemon",
        "mail-daemon",
        "mdaemon@",
        "post_master",
        "double-bounce",
    ];
    let low = field.to_ascii_lowercase();
    let bare = low.trim_start_matches(['<', '"', ' ']);
    let is_exchange = |address: &str| {
        let digits = address
            .strip_prefix("microsoftexchange")
            .and_then(|rest| rest.split('@').next())
            .unwrap_or_default();
        digits.len() >= 16 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    PROGRAMS.iter().any(|program| {
        bare.starts_with(program) || all_in(&low).iter().any(|address| address.starts_with(program))
    }) || all_in(&low).iter().any(|address| is_exchange(address))
}

/// Whether the message looks like a person's reply or forward.
pub(super) fn is_answering(parts: &Parts) -> bool {
    is_answer(&parts.subject) || parts.get("in-reply-to").is_some()
}

/// Whether a mail system wrote the message. A sender named postmaster is not enough, because people
/// and help desks use that name too.
pub(super) fn is_from_mail_system(parts: &Parts) -> bool {
    let answers = is_answer(&parts.subject) || (is_answering(parts) && !has_null_path(parts));
    has_system_sender(parts)
        && (is_named_as_program(parts)
            || !answers
            || (has_null_path(parts) && introduces_itself(parts)))
}

/// Whether a text begins like the bounces of qmail and its successors. Some of these bounces have
/// the subject of a reply.
fn introduces_itself(parts: &Parts) -> bool {
    parts.texts.first().is_some_and(|text| normal(text).starts_with("hi. this is the "))
}
