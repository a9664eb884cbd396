//! Computes the key of an address, and other spellings of the address that may have been stored
//! earlier.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::Address;
use super::characters::LETTER_APOSTROPHE;
use super::domain::to_unicode;

/// The lowercase form used to compare suppressions and duplicates.
pub(super) fn fold(text: &str) -> String {
    // A fast path: almost every address is ASCII, for which this takes a tenth of the time.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // NFC is applied again, because lowercasing can separate a letter from its mark. The letter
    // apostrophe is replaced by the ASCII apostrophe, because both are in use.
    let small = text.to_lowercase().replace(LETTER_APOSTROPHE, "'");
    ComposingNormalizerBorrowed::new_nfc().normalize(&small).into_owned()
}

/// The key of an address from the ledger, an event or a provider: the result of
/// [`Address::folded`], or the lowercase text if the text is not a valid address.
pub fn key_of(text: &str) -> String {
    // Visible ASCII characters without quotes are always in normal form.
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if is_plain {
        text.to_ascii_lowercase()
    } else {
        Address::parse(text).map_or_else(|_| text.trim().to_lowercase(), |address| address.folded())
    }
}

/// Other spellings of the address with this key, as earlier versions or other programs may have
/// stored it: quoted, decomposed (NFD), and with letter apostrophes.
pub(crate) fn older_spellings(key: &str) -> Vec<String> {
    let Some((local, domain)) = key.rsplit_once('@') else { return Vec::new() };
    let mut spellings = Vec::new();
    if !local.starts_with('"') {
        spellings.push(format!("\"{local}\"@{domain}"));
    }
    if !local.is_ascii() {
        let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(local);
        if decomposed != local {
            spellings.push(format!("{decomposed}@{domain}"));
        }
        if local.contains('\'') {
            spellings
                .push(format!("{}@{domain}", local.replace('\'', &LETTER_APOSTROPHE.to_string())));
        }
    }
    spellings
}

/// The address with its domain in Unicode; `None` if this is the same text.
pub(crate) fn with_unicode_domain(key: &str) -> Option<String> {
    let (local, domain) = key.rsplit_once('@')?;
    domain.contains("xn--").then(|| format!("{local}@{}", to_unicode(domain)))
}
