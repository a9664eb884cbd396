//! One suppression: its address, its reason, and the kind of mail that it stops.

use std::fmt;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use crate::ledger::LedgerSuppression;
use crate::model::address::{self, Address, AddressError, Note, domain_to_ascii};
use crate::model::outcome::{Kind, Reason};

/// The kind of mail that an entry stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The default for the reason: `unsubscribe` stops marketing, the other reasons stop all mail.
    #[default]
    Own,
    /// Every kind of mail.
    All,
    /// Marketing only.
    Marketing,
}

impl Scope {
    /// The value of the `scope` column; empty for the reason's default.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::All => "all",
            Self::Marketing => "marketing",
        }
    }

    /// Whether an entry with this scope and `reason` lets transactional mail pass.
    pub fn is_marketing_only(self, reason: Reason) -> bool {
        match self {
            Self::Own => reason == Reason::Unsubscribe,
            Self::All => false,
            Self::Marketing => true,
        }
    }

    /// Whether an entry with this scope and `reason` stops mail of `kind`.
    pub fn stops(self, reason: Reason, kind: Kind) -> bool {
        kind == Kind::Marketing || !self.is_marketing_only(reason)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        [Self::Own, Self::All, Self::Marketing]
            .into_iter()
            .find(|scope| text.eq_ignore_ascii_case(scope.as_str()))
            .ok_or_else(|| "scope is none of: all, marketing, empty".to_owned())
    }
}

/// One suppression, with the values of all columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Lowercased address, `@domain`, or `sha256:` and 64 hex digits.
    pub entry: String,
    /// One of `hard_bounce`, `complaint`, `unsubscribe`, `manual`.
    pub reason: Reason,
    /// The kind of mail that the entry stops.
    pub scope: Scope,
    /// The origin of the entry, in the operator's words.
    pub source: String,
    /// When the entry was created.
    pub created_at: Option<Timestamp>,
    /// The time at which the entry expires. From then on it suppresses nothing.
    pub expires_at: Option<Timestamp>,
    /// A comment.
    pub note: String,
}

impl Entry {
    /// Whether the entry suppresses `address`, by the address itself, its hash, or its domain.
    pub fn covers(&self, address: &Address) -> bool {
        let (hash, form) = key_of(&self.entry);
        match form {
            Form::Address => address.folded() == self.entry,
            Form::Domain => self.entry.strip_prefix('@') == Some(address.domain()),
            Form::Hash => sha256_keys(&address.folded()).any(|key| key == hash),
        }
    }

    /// Whether the entry has expired at `now` and suppresses nothing.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Converts the entry to the form stored in the ledger. An entry without a creation date gets
    /// the date `now`.
    pub fn into_ledger(self, now: Timestamp) -> LedgerSuppression {
        LedgerSuppression {
            entry: self.entry,
            reason: self.reason,
            scope: self.scope.as_str().to_owned(),
            source: self.source,
            created_at: self.created_at.unwrap_or(now),
            expires_at: self.expires_at,
            note: self.note,
        }
    }
}

impl From<&LedgerSuppression> for Entry {
    /// An unknown scope is converted to `all`, and an invalid entry is treated as a lowercased
    /// address. Both suppress more rather than less.
    fn from(kept: &LedgerSuppression) -> Self {
        Self {
            entry: parse_entry(&kept.entry)
                .or_else(|why| without_unseen(kept).ok_or(why))
                .unwrap_or_else(|_| address::key_of(&kept.entry)),
            reason: kept.reason,
            scope: kept.scope.parse().unwrap_or(Scope::All),
            source: kept.source.clone(),
            created_at: Some(kept.created_at),
            expires_at: kept.expires_at,
            note: kept.note.clone(),
        }
    }
}

/// The address without the invisible character that an earlier version accepted inside it. `None`
/// for a bounce, because it concerned the exact text.
fn without_unseen(kept: &LedgerSuppression) -> Option<String> {
    let is_meant = kept.reason != Reason::HardBounce;
    is_meant.then(|| parse_entry(&address::without_unseen(&kept.entry)).ok()).flatten()
}

/// Normalizes an entry such as `ann@Example.com`, `@domain` or `sha256:HEX`. The error message does
/// not contain the entry.
pub fn parse_entry(text: &str) -> Result<String, String> {
    let text = address::trim(text);
    if let Some((scheme, digits)) = text.split_once(':')
        && scheme.eq_ignore_ascii_case("sha256")
    {
        let digits = digits.trim();
        return if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(format!("sha256:{}", digits.to_ascii_lowercase()))
        } else {
            Err("sha256 entry does not have 64 hex digits".to_owned())
        };
    }
    if text.starts_with("*@") {
        return Err("entry begins with *; write @example.com for a whole domain".to_owned());
    }
    if let Some(domain) = text.strip_prefix('@') {
        return match domain_to_ascii(domain) {
            Ok(domain) => Ok(format!("@{domain}")),
            Err(AddressError::Domain) if domain.starts_with("*.") => {
                Err("domain entry contains a wildcard, but an entry names exactly one domain"
                    .to_owned())
            }
            Err(why) => Err(why.to_string()),
        };
    }
    Address::parse(text).map(|address| address.folded()).map_err(|why| why.to_string())
}

/// A suspicious property of a valid entry. It is often a mistake that leaves the intended address
/// unsuppressed.
pub(crate) fn odd_note(entry: &str) -> Option<Note> {
    if let Some(domain) = entry.strip_prefix('@') {
        return (!domain.contains('.')).then_some(Note::NoDot);
    }
    let notes = Address::parse(entry).ok()?.notes();
    notes
        .into_iter()
        .find(|note| !matches!(note, Note::Role | Note::QuotedLocalPart | Note::Invalid))
}

/// The reasons of suppressions, weakest first. The position is the rank.
const RANKED: [Reason; 4] =
    [Reason::Manual, Reason::Unsubscribe, Reason::HardBounce, Reason::Complaint];

/// The rank of a reason. Of several reasons for an address, the highest rank counts: complaint,
/// hard bounce, unsubscribe, manual.
pub(super) fn rank_of(reason: Reason) -> u8 {
    match reason {
        Reason::Complaint => 3,
        Reason::HardBounce => 2,
        Reason::Unsubscribe => 1,
        _ => 0,
    }
}

/// The reason with this rank.
pub(super) fn reason_of(rank: u8) -> Reason {
    RANKED[usize::from(rank & 3)]
}

/// Parses a value of the `reason` column; empty means `manual`.
pub(super) fn parse_reason(text: &str) -> Option<Reason> {
    let text = text.trim();
    if text.is_empty() {
        Some(Reason::Manual)
    } else {
        RANKED.into_iter().find(|reason| text.eq_ignore_ascii_case(reason.as_str()))
    }
}

/// The form of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Address,
    Domain,
    Hash,
}

/// The 128-bit key of a normalized entry. Addresses never begin with `@`, so the keys of domains
/// and addresses never coincide. The key of a `sha256:` entry is a part of its hash.
pub(super) fn key_of(entry: &str) -> (u128, Form) {
    if let Some(first_half) = entry.strip_prefix("sha256:").and_then(|digits| digits.get(..32)) {
        return (u128::from_str_radix(first_half, 16).unwrap_or_default(), Form::Hash);
    }
    (xxh3_128(entry.as_bytes()), if entry.starts_with('@') { Form::Domain } else { Form::Address })
}

/// The keys of all `sha256:` entries that may stand for this lowercased address. Earlier versions
/// hashed other spellings of it, and each spelling may have been hashed with a Unicode domain.
pub(super) fn sha256_keys(folded: &str) -> impl Iterator<Item = u128> {
    let spellings = std::iter::once(folded.to_owned()).chain(address::older_spellings(folded));
    spellings.flat_map(|spelling| {
        let unicode = address::with_unicode_domain(&spelling).map(|unicode| sha256_key(&unicode));
        std::iter::once(sha256_key(&spelling)).chain(unicode)
    })
}

fn sha256_key(text: &str) -> u128 {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHED: &str = "sha256:4D4A9C3C1F4A1B1FDFC0DC0A5CD4DD95F7EB9D8C6C9B37A0C8B2E1B4C2F3A5D6";

    #[test]
    fn entries_are_brought_into_one_form() {
        assert_eq!(parse_entry("  Ann@EXAMPLE.com "), Ok("ann@example.com".to_owned()));
        assert_eq!(parse_entry("JÖSÉ@exämple.com"), Ok("jösé@xn--exmple-cua.com".to_owned()));
        assert_eq!(parse_entry("@Exämple.COM"), Ok("@xn--exmple-cua.com".to_owned()));
        assert_eq!(parse_entry(HASHED), Ok(HASHED.to_ascii_lowercase()));
        assert_eq!(
            parse_entry(&HASHED.replace("sha256:", "SHA256: ")),
            Ok(HASHED.to_ascii_lowercase())
        );
    }

    #[test]
    fn what_is_no_entry_is_refused_without_repeating_it() {
        for text in [
            "",
            "ann",
            "example.com",
            "@",
            "@*.example.com",
            "@[10.0.0.1]",
            "sha256:abcd",
            "a b@example.com",
        ] {
            let why = parse_entry(text).expect_err(text);
            assert!(text.len() < 2 || !why.contains(text), "{why}");
        }
    }

    #[test]
    fn an_entry_covers_by_address_domain_and_hash() {
        let address = Address::parse("Ann@Example.com").expect("an address");
        let covers = |text: &str| entry(text).covers(&address);
        let digest = ring::digest::digest(&ring::digest::SHA256, b"ann@example.com");
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert!(covers("ann@example.com"));
        assert!(covers("@example.com"));
        assert!(covers(&format!("sha256:{hex}")));
        assert!(!covers("@www.example.com"));
        assert!(!covers("anna@example.com"));
        assert!(!covers(HASHED));
    }

    #[test]
    fn a_hash_of_the_unicode_spelling_names_the_same_person() {
        let digest = ring::digest::digest(&ring::digest::SHA256, "ann@exämple.com".as_bytes());
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert!(
            entry(&format!("sha256:{hex}"))
                .covers(&Address::parse("ann@exämple.com").expect("an address"))
        );
    }

    #[test]
    fn a_hash_of_an_older_spelling_names_the_same_person() {
        for (hashed, now) in [
            ("\"ann\"@example.com", "ann@example.com"),
            ("jo\u{308}rg@example.com", "jörg@example.com"),
            ("\"ann\"@exämple.com", "ann@exämple.com"),
        ] {
            let digest = ring::digest::digest(&ring::digest::SHA256, hashed.as_bytes());
            let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            assert!(
                entry(&format!("sha256:{hex}")).covers(&Address::parse(now).expect("an address")),
                "{hashed}"
            );
        }
    }

    #[test]
    fn what_the_ledger_kept_in_an_older_spelling_names_who_was_meant() {
        let named = |entry: &str, reason: Reason| {
            let kept = LedgerSuppression {
                entry: entry.to_owned(),
                reason,
                scope: String::new(),
                source: String::new(),
                created_at: Timestamp::UNIX_EPOCH,
                expires_at: None,
                note: String::new(),
            };
            Entry::from(&kept).entry
        };
        assert_eq!(named("\"ann\"@x.org", Reason::HardBounce), "ann@x.org");
        assert_eq!(named("\u{200b}ann@x.org", Reason::Complaint), "ann@x.org");
        assert_eq!(named("dan\u{200b}@x.org", Reason::Manual), "dan@x.org");
        assert_eq!(named("dan\u{200b}@x.org", Reason::HardBounce), "dan\u{200b}@x.org");
        assert_eq!(named("'ann@x.org", Reason::Manual), "'ann@x.org");
    }

    #[test]
    fn unsubscribe_alone_stops_marketing_only() {
        for reason in RANKED {
            assert!(Scope::Own.stops(reason, Kind::Marketing));
            assert_eq!(
                Scope::Own.stops(reason, Kind::Transactional),
                reason != Reason::Unsubscribe
            );
            assert!(Scope::All.stops(reason, Kind::Transactional));
            assert!(!Scope::Marketing.stops(reason, Kind::Transactional));
            assert_eq!(reason_of(rank_of(reason)), reason);
        }
    }

    fn entry(text: &str) -> Entry {
        Entry {
            entry: parse_entry(text).expect("an entry"),
            reason: Reason::Manual,
            scope: Scope::Own,
            source: String::new(),
            created_at: None,
            expires_at: None,
            note: String::new(),
        }
    }
}
