//! Converts domains to ASCII by UTS #46, and checks the result against the stricter rules of
//! IDNA2008 (RFC 5891 to 5893).

use icu_normalizer::ComposingNormalizerBorrowed;

use super::AddressError;
use super::characters::{
    is_allowed_by_idna2008, is_mark, is_unseen, refuse_foreign, refuse_loose_marks,
    without_letter_apostrophes,
};
use super::scripts::{Mix, mix};

/// Converts a domain to lowercase ASCII. Checks that the domain is a host name and, if it is
/// international, that IDNA2008 allows it.
pub fn domain_to_ascii(domain: &str) -> Result<String, AddressError> {
    if domain.is_empty() {
        return Err(AddressError::NoDomain);
    }
    if domain.starts_with('[') {
        return Err(AddressError::Literal);
    }
    let is_international = !domain.is_ascii() || domain.split('.').any(is_a_label);
    let ascii = if is_international { international(domain)? } else { domain.to_ascii_lowercase() };
    let labels_are_fine = ascii.split('.').all(|label| {
        // RFC 952 does not allow underscores in host names, but some domains with an underscore
        // receive mail.
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    if !labels_are_fine || ascii.len() > 253 {
        return Err(domain.chars().find(|c| is_unseen(*c)).map_or(AddressError::Domain, unseen));
    }
    if ascii.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err(AddressError::Literal);
    }
    Ok(ascii)
}

/// The domain in Unicode; labels that cannot be decoded stay unchanged.
pub(super) fn to_unicode(ascii: &str) -> String {
    idna::domain_to_unicode(ascii).0
}

pub(super) fn unseen(c: char) -> AddressError {
    if matches!(c, ' ' | '\t' | '\r' | '\n') {
        AddressError::Space
    } else {
        AddressError::Unseen(c)
    }
}

fn is_a_label(label: &str) -> bool {
    label.len() >= 4 && label.as_bytes()[..4].eq_ignore_ascii_case(b"xn--")
}

fn international(typed: &str) -> Result<String, AddressError> {
    // This check is needed because UTS #46 silently drops invisible characters and maps full-width
    // letters.
    if let Some(c) = typed.chars().find(|c| is_unseen(*c) && !is_joiner(*c)) {
        return Err(unseen(c));
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(typed);
    refuse_foreign(&without_letter_apostrophes(&composed.replace(is_joiner, "")))?;
    refuse_loose_marks(&composed.replace(is_joiner, ""))?;
    let ascii = idna::domain_to_ascii(&composed).map_err(|_| refusal(&composed))?;
    for label in to_unicode(&ascii).split('.').filter(|label| !label.is_ascii()) {
        check_label(label)?;
    }
    Ok(ascii)
}

/// The zero-width joiner and non-joiner, which some scripts need. IDNA2008 allows them in certain
/// contexts, which UTS #46 checks.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The reason why UTS #46 refuses a domain, with the refused character if it can be identified.
fn refusal(domain: &str) -> AddressError {
    let is_refused = |c: &char| !c.is_ascii() && !c.to_lowercase().all(is_allowed_by_idna2008);
    match domain.chars().find(is_refused) {
        Some(c) => AddressError::Disallowed(c),
        None => domain
            .chars()
            .find(|c| is_joiner(*c))
            .map_or(AddressError::Domain, AddressError::Disallowed),
    }
}

/// Checks the rules of RFC 5891, section 4.2.3, and the scripts of a non-ASCII label.
fn check_label(label: &str) -> Result<(), AddressError> {
    let chars: Vec<char> = label.chars().collect();
    if let Some(c) = chars.first().filter(|c| is_mark(**c)) {
        return Err(AddressError::Disallowed(*c));
    }
    if chars.get(2..4) == Some(&['-', '-'])
        || chars.first() == Some(&'-')
        || chars.last() == Some(&'-')
    {
        return Err(AddressError::Domain);
    }
    for (place, c) in chars.iter().enumerate() {
        if !is_allowed_by_idna2008(*c) || !fits_context(&chars, place) {
            return Err(AddressError::Disallowed(*c));
        }
    }
    match mix(label) {
        Mix::Confusable(c) => Err(AddressError::MixedScripts(c)),
        Mix::Sound | Mix::Listed => Ok(()),
    }
}

/// The rules of RFC 5892, appendix A, for the characters called CONTEXTO.
fn fits_context(label: &[char], place: usize) -> bool {
    use icu_properties::CodePointMapData;
    use icu_properties::props::Script;
    let script = |c: &char| CodePointMapData::<Script>::new().get(*c);
    let before = place.checked_sub(1).and_then(|place| label.get(place));
    let after = label.get(place + 1);
    match label[place] {
        '\u{b7}' => before == Some(&'l') && after == Some(&'l'),
        '\u{375}' => after.is_some_and(|c| script(c) == Script::Greek),
        '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| script(c) == Script::Hebrew),
        '\u{30fb}' => label
            .iter()
            .any(|c| matches!(script(c), Script::Hiragana | Script::Katakana | Script::Han)),
        '\u{660}'..='\u{669}' => !label.iter().any(|c| ('\u{6f0}'..='\u{6f9}').contains(c)),
        '\u{6f0}'..='\u{6f9}' => !label.iter().any(|c| ('\u{660}'..='\u{669}').contains(c)),
        _ => true,
    }
}
