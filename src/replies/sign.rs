//! The signature of a refusal: the part that repeats from recipient to recipient.

use super::prose::prose;

/// The longest sign, in characters; texts that agree so far agree.
const MOST: usize = 200;

/// A refusal's code and words with all that names this recipient, this message or this moment left
/// out: addresses, the recipient's own `local` part and `domain`, and every word that holds a digit
/// (numbers, queue ids, IP addresses, times). It holds no address.
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

/// A text with every word that holds an address left out, for what is shown about a provider.
pub(crate) fn anonymous(text: &str) -> String {
    text.split(' ')
        .map(|word| if word.contains('@') { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}
