//! E-mail addresses: what can be mailed, what it is called on the wire, and when two of them are the same person.
//!
//! The syntax is RFC 5321 section 4.1.2 with the lengths of section 4.5.3.1, RFC 6531 for non-ASCII local parts, and RFC 5890 for
//! international domains, which are made ASCII at once.

use std::fmt;

/// An address as it goes on the wire: the local part as typed, the domain in lowercase ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: Box<str>,
    at: u16,
}

/// When two addresses count as one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedupe {
    /// Case-insensitively: `Ann@x.org` and `ann@X.org` are one person. The default.
    #[default]
    Ci,
    /// The local part as typed, the domain in any case.
    Exact,
    /// Every row is a recipient of its own.
    Off,
}

impl std::str::FromStr for Dedupe {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ci" => Ok(Self::Ci),
            "exact" => Ok(Self::Exact),
            "off" => Ok(Self::Off),
            _ => Err(format!("unknown word {text:?}, expected one of: ci, exact, off")),
        }
    }
}

impl fmt::Display for Dedupe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ci => "ci",
            Self::Exact => "exact",
            Self::Off => "off",
        })
    }
}

/// Why a text is not an address that can be mailed. The messages never repeat the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("address is empty")]
    Empty,
    #[error("address has no @")]
    NoAt,
    #[error("address has nothing before the @")]
    NoLocalPart,
    #[error("address has no domain")]
    NoDomain,
    #[error("local part is longer than 64 octets")]
    LocalTooLong,
    #[error("address is longer than 254 octets")]
    TooLong,
    #[error("address holds a space or a control character")]
    Space,
    #[error("address has more than one @")]
    SecondAt,
    #[error("local part has a dot at its end or two in a row")]
    Dots,
    #[error("local part holds a character that needs quotes")]
    LocalCharacter,
    #[error("quoted local part is not closed or escapes nothing")]
    Quotes,
    #[error("domain is not a valid host name")]
    Domain,
    #[error("domain is an IP address; mail goes to names")]
    Literal,
    #[error("address comes with a display name; keep only what stands between < and >")]
    DisplayName,
}

/// What is legal about an address and yet often a mistake; listed by `check`, never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// `postmaster`, `abuse`, `info` and the like (RFC 2142): seldom one person who subscribed.
    Role,
    /// The domain has no dot.
    NoDot,
    /// The local part is in quotes.
    QuotedLocalPart,
}

impl Note {
    /// One fragment for a table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role address",
            Self::NoDot => "domain without a dot",
            Self::QuotedLocalPart => "quoted local part",
        }
    }
}

impl Address {
    /// Reads one bare address; surrounding white space is dropped, anything else that does not belong is an error.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.ends_with('>') && text.contains('<') {
            return Err(AddressError::DisplayName);
        }
        let (local, domain) = if text.starts_with('"') { split_quoted(text)? } else { split_plain(text)? };
        if local.len() > 64 {
            return Err(AddressError::LocalTooLong);
        }
        let domain = domain_to_ascii(domain)?;
        // RFC 5321 section 4.5.3.1.3: a path of 256 octets, two of which are the angle brackets.
        if local.len() + 1 + domain.len() > 254 {
            return Err(AddressError::TooLong);
        }
        let mut whole = String::with_capacity(local.len() + 1 + domain.len());
        whole.push_str(local);
        whole.push('@');
        whole.push_str(&domain);
        let at = u16::try_from(local.len()).map_err(|_| AddressError::LocalTooLong)?;
        Ok(Self { text: whole.into_boxed_str(), at })
    }

    /// The address as it goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, for good.
    pub fn into_string(self) -> String {
        self.text.into()
    }

    /// What stands before the `@`, as typed.
    pub fn local(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// The domain, in lowercase ASCII.
    pub fn domain(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }

    /// The whole address in lowercase: what suppression entries and, unless told otherwise, duplicates are compared by.
    pub fn folded(&self) -> String {
        // ASCII first: it is nearly every address, and costs a tenth.
        if self.text.is_ascii() { self.text.to_ascii_lowercase() } else { self.text.to_lowercase() }
    }

    /// The text by which a recipient without an id column is known under `dedupe`.
    pub fn key(&self, dedupe: Dedupe) -> String {
        match dedupe {
            Dedupe::Ci | Dedupe::Off => self.folded(),
            Dedupe::Exact => self.text.to_string(),
        }
    }

    /// Whether the server must offer SMTPUTF8 (RFC 6531) to take this address.
    pub fn needs_smtputf8(&self) -> bool {
        !self.text.is_ascii()
    }

    /// What is legal and yet worth a look.
    pub fn notes(&self) -> Vec<Note> {
        const ROLES: [&str; 14] = [
            "abuse",
            "admin",
            "administrator",
            "contact",
            "hostmaster",
            "info",
            "marketing",
            "no-reply",
            "noreply",
            "postmaster",
            "sales",
            "security",
            "support",
            "webmaster",
        ];
        let mut notes = Vec::new();
        if ROLES.contains(&self.local().to_ascii_lowercase().as_str()) {
            notes.push(Note::Role);
        }
        if !self.domain().contains('.') {
            notes.push(Note::NoDot);
        }
        if self.local().starts_with('"') {
            notes.push(Note::QuotedLocalPart);
        }
        notes
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_plain(text: &str) -> Result<(&str, &str), AddressError> {
    let (local, domain) = text.split_once('@').ok_or(AddressError::NoAt)?;
    if local.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if local.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::Space);
    }
    if domain.contains('@') {
        return Err(AddressError::SecondAt);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::Dots);
    }
    if !local.chars().all(|c| c == '.' || is_atext(c)) {
        return Err(AddressError::LocalCharacter);
    }
    Ok((local, domain))
}

/// RFC 5322 `atext`, with every non-ASCII character of RFC 6531; controls have been refused before.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

fn split_quoted(text: &str) -> Result<(&str, &str), AddressError> {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if c.is_control() {
            return Err(AddressError::Space);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let rest = text[i + 1..].strip_prefix('@').ok_or(AddressError::Quotes)?;
                return if i == 1 { Err(AddressError::NoLocalPart) } else { Ok((&text[..=i], rest)) };
            }
            _ => {}
        }
    }
    Err(AddressError::Quotes)
}

/// Makes a domain lowercase ASCII (UTS #46) and checks it as a host name.
pub fn domain_to_ascii(domain: &str) -> Result<String, AddressError> {
    if domain.is_empty() {
        return Err(AddressError::NoDomain);
    }
    if domain.starts_with('[') {
        return Err(AddressError::Literal);
    }
    if domain.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::Space);
    }
    let plain = domain.is_ascii() && !domain.split('.').any(|label| label.len() >= 4 && label.as_bytes()[..4].eq_ignore_ascii_case(b"xn--"));
    let ascii = if plain { domain.to_ascii_lowercase() } else { idna::domain_to_ascii(domain).map_err(|_| AddressError::Domain)? };
    let labels_are_fine = ascii.split('.').all(|label| {
        // An underscore is no host name by RFC 952, yet domains with one do receive mail.
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    if !labels_are_fine || ascii.len() > 253 {
        return Err(AddressError::Domain);
    }
    if ascii.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err(AddressError::Literal);
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_addresses_are_taken_as_typed_with_an_ascii_domain() {
        for (typed, wire) in [
            ("ann@example.com", "ann@example.com"),
            ("  Ann.B+tag@EXAMPLE.com\t", "Ann.B+tag@example.com"),
            ("ann@exämple.com", "ann@xn--exmple-cua.com"),
            ("jösé@example.com", "jösé@example.com"),
            ("o'brien@example.com", "o'brien@example.com"),
            ("\"a b\"@example.com", "\"a b\"@example.com"),
            ("\"a@b\"@example.com", "\"a@b\"@example.com"),
            ("root@localhost", "root@localhost"),
            ("a@b_c.example", "a@b_c.example"),
        ] {
            assert_eq!(Address::parse(typed).map(|a| a.to_string()), Ok(wire.to_owned()), "{typed}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_cause() {
        use AddressError as E;
        for (typed, why) in [
            ("", E::Empty),
            ("   ", E::Empty),
            ("ann", E::NoAt),
            ("@example.com", E::NoLocalPart),
            ("ann@", E::NoDomain),
            ("a..b@example.com", E::Dots),
            (".a@example.com", E::Dots),
            ("a.@example.com", E::Dots),
            ("a b@example.com", E::Space),
            ("a@b@example.com", E::SecondAt),
            ("a@exa mple.com", E::Space),
            ("a\r\nRCPT TO:<b@c.d>@example.com", E::Space),
            ("a@[127.0.0.1]", E::Literal),
            ("a@127.0.0.1", E::Literal),
            ("a@-x.com", E::Domain),
            ("a@x..com", E::Domain),
            ("a@x.com.", E::Domain),
            ("a(b)@example.com", E::LocalCharacter),
            ("\"a@example.com", E::Quotes),
            ("Ann <ann@example.com>", E::DisplayName),
            ("\"\"@example.com", E::NoLocalPart),
        ] {
            assert_eq!(Address::parse(typed), Err(why), "{typed:?}");
        }
        assert_eq!(Address::parse(&format!("{}@example.com", "a".repeat(65))), Err(E::LocalTooLong));
        assert_eq!(Address::parse(&format!("a@{}com", "abcdefgh.".repeat(40))), Err(E::Domain));
    }

    #[test]
    fn keys_fold_case_unless_told_otherwise() {
        let address = Address::parse("Ann@EXAMPLE.com").expect("an address");
        assert_eq!(address.key(Dedupe::Ci), "ann@example.com");
        assert_eq!(address.key(Dedupe::Exact), "Ann@example.com");
        assert_eq!(Address::parse("JÖSÉ@example.com").expect("an address").folded(), "jösé@example.com");
    }

    #[test]
    fn notes_name_what_is_legal_and_odd() {
        let notes = |text: &str| Address::parse(text).expect("an address").notes();
        assert_eq!(notes("Info@example.com"), [Note::Role]);
        assert_eq!(notes("root@localhost"), [Note::NoDot]);
        assert_eq!(notes("\"a b\"@example.com"), [Note::QuotedLocalPart]);
        assert_eq!(notes("ann@example.com"), []);
    }
}
