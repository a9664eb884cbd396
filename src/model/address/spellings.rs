//! The key of an address, and the spellings under which the same address may have been kept before.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::Address;
use super::characters::LETTER_APOSTROPHE;
use super::domain::to_unicode;

/// Lowercase, as suppressions and duplicates are compared.
pub(super) fn fold(text: &str) -> String {
    // ASCII first: it is nearly every address, and costs a tenth.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Making a letter small can leave it apart from its mark. An apostrophe that is a letter is
    // typed as the keyboard's as often.
    let small = text.to_lowercase().replace(LETTER_APOSTROPHE, "'");
    ComposingNormalizerBorrowed::new_nfc().normalize(&small).into_owned()
}

/// The key of an address as the ledger, an event or a provider has it: what [`Address::folded`]
/// gives, or for a text that is no address the text in lowercase.
pub fn key_of(text: &str) -> String {
    // What has been read once, is ASCII and has no quotes is in its one spelling already.
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if is_plain {
        text.to_ascii_lowercase()
    } else {
        Address::parse(text).map_or_else(|_| text.trim().to_lowercase(), |address| address.folded())
    }
}

/// Other spellings of the address with this key, under which earlier versions or others may have
/// kept it: in quotes, decomposed (NFD), and with apostrophes that are letters.
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

/// The spelling with its domain in Unicode, where that is another one.
pub(crate) fn with_unicode_domain(key: &str) -> Option<String> {
    let (local, domain) = key.rsplit_once('@')?;
    domain.contains("xn--").then(|| format!("{local}@{}", to_unicode(domain)))
}
