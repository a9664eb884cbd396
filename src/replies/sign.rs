//! The signature of a refusal: the part of its text that is the same for all recipients.

use super::prose::prose;

/// The maximum length of a signature, in characters. Longer texts are compared up to this length.
const MOST: usize = 200;

/// A refusal's code and words without everything specific to this recipient, message or moment.
/// Removes addresses, the recipient's `local` part and `domain`, and every word with a digit
/// (numbers, queue ids, IP addresses, times). The result contains no address.
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

/// A text without the words that contain an address, for messages about a provider.
pub(crate) fn anonymous(text: &str) -> String {
    text.split(' ')
        .map(|word| if word.contains('@') { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}
