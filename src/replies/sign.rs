//! Computes the signature of a refusal: the part of its text that does not depend on the recipient.
//! Refusals with the same signature have the same cause.

use super::prose::prose;

/// The maximum length of a signature, in characters. The rest of a text is ignored.
const MOST: usize = 200;

/// Returns a refusal's code and words without everything specific to this recipient, message or
/// time. Addresses are removed. The recipient's `local` part and `domain`, and every word with a
/// digit (numbers, queue ids, IP addresses, times), are replaced by `#`.
pub(crate) fn sign(code: &str, text: &str, local: &str, domain: &str) -> String {
    let (local, domain) = (local.to_lowercase(), domain.to_lowercase());
    let mut out = code.to_lowercase();
    for word in prose(text)
        .split(|c: char| c == ' ' || "<>()[]\"',;:=/".contains(c))
        .filter(|word| !word.is_empty())
    {
        let bare = word.trim_matches('.');
        let names = bare == local
            || bare == domain
            || bare
                .strip_suffix(&domain)
                .is_some_and(|rest| !domain.is_empty() && rest.ends_with('.'));
        out.push(' ');
        out.push_str(if names || bare.bytes().any(|b| b.is_ascii_digit()) { "#" } else { bare });
    }
    out.chars().take(MOST).collect()
}

/// Replaces every word that contains an address by `…`, for messages about a provider.
pub(crate) fn anonymous(text: &str) -> String {
    text.split(' ')
        .map(|word| if word.contains('@') { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}
