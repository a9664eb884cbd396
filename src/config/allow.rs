//! The addresses that can be mailed in an environment, from the key `allow` under `[env.NAME]`.

use crate::model::address::{Address, domain_to_ascii};

/// One entry of `allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowRule {
    /// Every address at this domain, but not at its subdomains.
    Domain(String),
    /// One address, compared without regard to case.
    Address(String),
}

impl AllowRule {
    /// Parses `@domain` or an address. The error message does not repeat the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(domain) => domain_to_ascii(domain).map(Self::Domain).map_err(|e| e.to_string()),
            None => {
                Address::parse(text).map(|a| Self::Address(a.folded())).map_err(|e| e.to_string())
            }
        }
    }

    /// Whether this entry allows mail to `address`.
    pub(crate) fn admits(&self, address: &Address) -> bool {
        match self {
            Self::Domain(domain) => address.domain() == domain,
            Self::Address(folded) => address.folded() == *folded,
        }
    }
}

impl std::fmt::Display for AllowRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Domain(domain) => write!(f, "@{domain}"),
            Self::Address(address) => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_admits_its_own_addresses_only() {
        let rule = AllowRule::parse("@Acme.example").unwrap();
        let admits = |text: &str| rule.admits(&Address::parse(text).unwrap());
        assert!(admits("Ann@ACME.example"));
        assert!(!admits("ann@mail.acme.example") && !admits("ann@notacme.example"));
        assert!(
            AllowRule::parse("A@b.example")
                .unwrap()
                .admits(&Address::parse("a@B.example").unwrap())
        );
        assert!(AllowRule::parse("nobody").is_err());
    }
}
