//! E-mail addresses: whether they are valid, how they are written on the wire, and when two of them
//! belong to the same person.
//!
//! The syntax is that of RFC 5321 section 4.1.2 with the lengths of section 4.5.3.1, RFC 6531 for
//! non-ASCII local parts, and RFC 5890 for international domains, which are converted to ASCII at
//! once.
//!
//! `reading` parses addresses, `domain` and `characters` apply the rules of Unicode and IDNA2008,
//! `scripts` finds look-alike letters, and `spellings` computes keys.

mod characters;
mod domain;
mod reading;
mod scripts;
mod spellings;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use characters::has_unseen_ends;
pub(crate) use characters::is_absent;
pub use characters::trim;
pub(crate) use characters::{is_unseen as shows_nothing, without_unseen};
pub use domain::domain_to_ascii;
pub use spellings::key_of;
pub(crate) use spellings::{older_spellings, with_unicode_domain};

/// The maximum number of bytes in a local part (RFC 5321 section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The maximum number of bytes in an address (RFC 5321 section 4.5.3.1.3: a path of 256 bytes, two
/// of which are angle brackets).
const LONGEST: usize = 254;

/// An address as it is sent to a server. The local part is as typed, but in NFC and without
/// unnecessary quotes; the domain is in lowercase ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: Box<str>,
    at: u16,
}

/// When two addresses count as the same recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedupe {
    /// The addresses are equal without case: `Ann@x.org` and `ann@X.org` are one recipient. This is
    /// the default.
    #[default]
    Ci,
    /// The local parts are equal, and the domains are equal without case.
    Exact,
    /// Never: every row is a separate recipient.
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

/// The reason why a text is not a valid address. The messages do not repeat the address; at most
/// they name one invalid character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("address is empty")]
    Empty,
    #[error("address is a placeholder for a missing value, such as NULL or n/a")]
    Nothing,
    #[error("address has no @")]
    NoAt,
    #[error("address has nothing before the @")]
    NoLocalPart,
    #[error("address has no domain")]
    NoDomain,
    #[error("local part is longer than 64 bytes")]
    LocalTooLong,
    #[error("address is longer than 254 bytes")]
    TooLong,
    #[error("address contains a space or a line break")]
    Space,
    #[error("address contains an invisible character, {}; remove it", Named(*.0))]
    Unseen(char),
    #[error("address has more than one @")]
    SecondAt,
    #[error("local part starts or ends with a dot, or has two dots in a row")]
    Dots,
    #[error("local part contains a character that needs quotes")]
    LocalCharacter,
    #[error("quoted local part has no closing quote directly before the @")]
    Quotes,
    #[error("domain is not a valid host name")]
    Domain,
    #[error("domain contains {}, which IDNA2008 does not allow there", Named(*.0))]
    Disallowed(char),
    #[error("domain is an IP address; use a domain name")]
    Literal,
    #[error("address has a display name; keep only the part between < and >")]
    DisplayName,
    #[error("address begins with mailto:; keep only what follows it")]
    Mailto,
    #[error("address is in quotation marks or brackets, or has a spreadsheet's text mark before it; remove the {}", Named(*.0))]
    Wrapped(char),
    #[error("address ends in {}; remove it", Named(*.0))]
    Trailing(char),
    #[error("address begins with {0}, which marks a row as struck out; remove the sign to mail it")]
    StruckOut(&'static str),
    #[error("address contains {}, a typographic sign; did you mean {meant} ?", Named(*.found))]
    Sign { found: char, meant: char },
    #[error("local part contains {}, which is punctuation", Named(*.0))]
    Punctuation(char),
    #[error("address contains {}, a full-width letter or another variant; write the plain character", Named(*.0))]
    Variant(char),
    #[error("address contains {}, which is not a character of any script", Named(*.0))]
    NoCharacter(char),
    #[error("local part begins with {}, a combining mark that must follow a letter", Named(*.0))]
    LeadingMark(char),
    #[error("address contains {}, a mark over or through the character before it; remove it", Named(*.0))]
    LooseMark(char),
    #[error("address mixes letters of scripts that look alike; {} is of another script than the rest of its word", Named(*.0))]
    MixedScripts(char),
}

/// Displays a character as its code point, followed by the character itself if it can be shown.
struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(c) = *self;
        write!(f, "U+{:04X}", u32::from(c))?;
        // A mark or an invisible character cannot be shown without other characters, and a
        // right-to-left letter would reverse the line.
        let is_shown = !characters::is_unseen(c)
            && !characters::is_mark(c)
            && !matches!(c, '\u{590}'..='\u{8ff}' | '\u{e000}'..='\u{f8ff}');
        if is_shown { write!(f, " ({c})") } else { Ok(()) }
    }
}

/// A property of a valid address that is often a mistake. `check` lists such addresses, but does
/// not refuse them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The local part is a role name such as `postmaster`, `abuse` or `info` (RFC 2142), which is
    /// seldom the address of a single subscriber.
    Role,
    /// The domain has no dot.
    NoDot,
    /// The local part is in quotes.
    QuotedLocalPart,
    /// The local part begins or ends with a special character, often left over from a formula, a
    /// list or a quotation.
    SignAtEnd,
    /// The local part contains an emoji or another non-ASCII symbol.
    Symbol,
    /// A word mixes Latin letters with another script, or a word in another script looks like a
    /// Latin word.
    LookAlike,
    /// The local part contains a special character that few mailboxes have. It may come from an old
    /// mail route or from program code.
    OddSign,
    /// The domain contains an underscore, which is not allowed in host names.
    Underscore,
    /// The domain ends in a label of a single letter. No public domain ends so, and the address may
    /// be truncated.
    OneLetter,
    /// The domain ends in `.invalid`, which people append to disable an address.
    Invalid,
}

impl Note {
    /// A short description for a table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role address",
            Self::NoDot => "domain without a dot",
            Self::QuotedLocalPart => "quoted local part",
            Self::SignAtEnd => "sign at an end of the local part",
            Self::Symbol => "symbol in the local part",
            Self::LookAlike => "letters that look like others",
            Self::OddSign => "unusual sign in the local part",
            Self::Underscore => "underscore in the domain",
            Self::OneLetter => "domain that ends in a single letter",
            Self::Invalid => "domain under .invalid, which never takes mail",
        }
    }
}

impl Address {
    /// Parses one address without a display name. Removes spaces and invisible characters at the
    /// beginning and end. Returns the same address for all spellings of one mailbox.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (text, at) = reading::read(text)?;
        Ok(Self { text: text.into_boxed_str(), at })
    }

    /// Parses an address of an earlier plan. Keeps the stored spelling even if this version would
    /// write the address differently. Returns an error if the address is no longer valid.
    pub(crate) fn as_planned(text: &str) -> Result<Self, AddressError> {
        let read = Self::parse(text)?;
        let is_one_word = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        Ok(match text.rfind('@').and_then(|at| u16::try_from(at).ok()) {
            Some(at) if is_one_word && text != read.as_str() => Self { text: text.into(), at },
            _ => read,
        })
    }

    /// The address as it is sent to a server.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Like `as_str`, but returns an owned string.
    pub fn into_string(self) -> String {
        self.text.into()
    }

    /// The part before the `@`, in NFC and without unnecessary quotes.
    pub fn local(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// The domain, in lowercase ASCII.
    pub fn domain(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }

    /// The whole address in lowercase. Suppressions are compared in this form, and so are
    /// duplicates by default.
    pub fn folded(&self) -> String {
        spellings::fold(&self.text)
    }

    /// The key of a recipient without an id column, under the rule `dedupe`.
    pub fn key(&self, dedupe: Dedupe) -> String {
        match dedupe {
            Dedupe::Ci | Dedupe::Off => self.folded(),
            Dedupe::Exact => self.text.to_string(),
        }
    }

    /// Whether the server must support SMTPUTF8 (RFC 6531) for this address.
    pub fn needs_smtputf8(&self) -> bool {
        !self.text.is_ascii()
    }

    /// The unusual properties of this address, each of which is often a mistake.
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
        } else if has_sign_at_end(self.local()) {
            notes.push(Note::SignAtEnd);
        } else if self.local().contains(['%', '!', '`', '|', '^', '~', '{', '}', '$', '?', '*']) {
            notes.push(Note::OddSign);
        }
        if self.domain().contains('_') {
            notes.push(Note::Underscore);
        }
        if let [.., b'.', last] = self.domain().as_bytes()
            && last.is_ascii_alphabetic()
        {
            notes.push(Note::OneLetter);
        } else if self.domain().ends_with(".invalid") {
            notes.push(Note::Invalid);
        }
        if self.local().chars().any(characters::is_symbol) {
            notes.push(Note::Symbol);
        }
        if self.has_look_alikes() {
            notes.push(Note::LookAlike);
        }
        notes
    }

    fn has_look_alikes(&self) -> bool {
        if self.text.is_ascii() && !self.domain().contains("xn--") {
            return false;
        }
        if self
            .local()
            .contains(|c| c == characters::LETTER_APOSTROPHE || characters::is_phonetic(c))
        {
            return true;
        }
        let domain = domain::to_unicode(self.domain());
        let words = || {
            self.local()
                .split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
                .chain(domain.split('.'))
        };
        let is_latin_domain = domain.rsplit('.').next().is_some_and(str::is_ascii);
        words().any(|word| {
            scripts::mix(word) == scripts::Mix::Listed
                || (is_latin_domain && scripts::reads_as_latin(word))
        })
    }
}

fn has_sign_at_end(local: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_punctuation() && c != '_';
    local.starts_with(is_sign) || local.ends_with(|c: char| is_sign(c) && c != '-')
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
