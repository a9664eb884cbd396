//! Decides whether the domain of a signature is aligned with the domain of From, as DMARC requires
//! (RFC 9989).

/// Second-level labels under which many countries register domains of organizations, as in `co.uk`.
const PUBLIC: [&str; 18] = [
    "ac", "co", "com", "edu", "go", "gob", "gov", "id", "ltd", "me", "mil", "ne", "net", "nom",
    "or", "org", "plc", "sch",
];

/// Returns whether two domains belong to the same organization, as in DMARC's relaxed alignment.
/// Both must be in lowercase ASCII. The function compares the names only, and returns true if only
/// DNS could decide.
pub(crate) fn is_aligned(from: &str, signed: &str) -> bool {
    let common = from
        .rsplit('.')
        .zip(signed.rsplit('.'))
        .take_while(|(one, other)| one == other)
        .map(|(label, _)| label)
        .collect::<Vec<_>>();
    match common.as_slice() {
        [] => false,
        // The domains share only the last label, so they are aligned only if they are equal, such
        // as `localhost`.
        [_] => from == signed,
        [top, second] => from == signed || !(top.len() == 2 && PUBLIC.contains(second)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_of_one_organization_are_aligned() {
        for (from, signed, expected) in [
            ("acme.example", "acme.example", true),
            ("news.acme.example", "acme.example", true),
            ("acme.example", "mail.acme.example", true),
            ("news.acme.example", "mail.acme.example", true),
            ("news.acme.co.uk", "mail.acme.co.uk", true),
            ("acme.de", "acme.de", true),
            ("co.uk", "co.uk", true),
            ("localhost", "localhost", true),
            ("acme.example", "acme.test", false),
            ("acme.example", "evil.example", false),
            ("notacme.example", "acme.example", false),
            ("acme.co.uk", "other.co.uk", false),
            ("acme.com", "esp.com", false),
        ] {
            assert_eq!(is_aligned(from, signed), expected, "{from} {signed}");
        }
    }
}
