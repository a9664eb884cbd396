//! Classes of characters in addresses: invisible characters, variants of other characters, and
//! characters that no mailbox name contains.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, Script};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::AddressError;

/// Whether a character is invisible. Invisible characters are spaces of every kind, controls,
/// direction marks, joiners, fillers, variation selectors and tags.
pub(crate) fn is_unseen(c: char) -> bool {
    use GeneralCategory as G;
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_control();
    }
    // Symbols and marks that fonts draw as nothing: the empty Braille cell, the object replacement
    // character, the null notehead, the Khitan filler.
    matches!(c, '\u{2800}' | '\u{fffc}' | '\u{1d159}' | '\u{16fe4}')
        || matches!(
            category(c),
            G::Control | G::Format | G::SpaceSeparator | G::LineSeparator | G::ParagraphSeparator
        )
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// The text without invisible characters at its beginning and end.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_unseen)
}

/// Placeholders that databases, programs and people write for a missing value.
const NOTHING: [&str; 26] = [
    "NULL", "Null", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", "\\N", "NaN", "nan",
    "None", "none", "NONE", "nil", "N/A", "n/a", "NA", "n.a.", "k.A", "k.A.", "-", "--", "–", "—",
    "(blank)",
];

/// Whether a text is one of the placeholders for a missing value.
pub(super) fn is_word_for_nothing(text: &str) -> bool {
    text.len() <= 7 && NOTHING.contains(&text)
}

/// Whether a cell contains no address, not even an invalid one: the cell is empty or contains a
/// placeholder.
pub(crate) fn is_absent(cell: &str) -> bool {
    // A fast path, because almost every cell is longer than the placeholders.
    if cell.len() > 7 && cell.as_bytes()[0].is_ascii_alphanumeric() {
        return false;
    }
    let text = trim(cell);
    text.is_empty() || is_word_for_nothing(text)
}

/// The text without invisible characters.
pub(crate) fn without_unseen(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).collect()
}

/// Whether the text begins or ends with an invisible character other than an ordinary blank.
pub(crate) fn has_unseen_ends(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    text.starts_with(is_unseen) || text.ends_with(is_unseen)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// The ASCII quotation mark for a typographic quote, a prime, or a letter that looks like an
/// apostrophe; `None` for other characters.
pub(super) fn plain_quote(c: char) -> Option<char> {
    match c {
        '\u{2018}'..='\u{201b}'
        | '\u{2032}'
        | '\u{2035}'
        | '\u{2039}'
        | '\u{203a}'
        | '\u{b4}'
        | '\u{ff07}'
        | '\u{ff40}' => Some('\''),
        '\u{275b}' | '\u{275c}' | '\u{55a}' | '\u{a78b}' | '\u{a78c}' => Some('\''),
        '\u{2b9}' | '\u{2bb}'..='\u{2bd}' | '\u{2c8}' | '\u{2ca}' | '\u{2cb}' => Some('\''),
        '\u{201c}'..='\u{201f}'
        | '\u{2033}'
        | '\u{2036}'
        | '\u{ab}'
        | '\u{bb}'
        | '\u{ff02}'
        | '\u{275d}'
        | '\u{275e}' => Some('"'),
        '\u{2ba}' | '\u{2ee}' | '\u{300a}'..='\u{300f}' | '\u{301d}'..='\u{301f}' | '\u{2e42}' => {
            Some('"')
        }
        _ => None,
    }
}

/// The ASCII character that word processors and foreign keyboards replace by this one; `None` for
/// other characters.
pub(super) fn plain_sign(c: char) -> Option<char> {
    match c {
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => Some('-'),
        '\u{3002}' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' | '\u{ff61}' => Some('.'),
        '\u{ff20}' | '\u{fe6b}' => Some('@'),
        _ => plain_quote(c),
    }
}

/// Refuses characters that are invalid on both sides of the `@`: typographic signs, variants such
/// as `ａ`, `𝐚`, `ﬁ` and `²`, and code points without a character. The text must be in NFC and
/// without invisible characters.
pub(super) fn refuse_foreign(text: &str) -> Result<(), AddressError> {
    use GeneralCategory as G;
    for c in text.chars().filter(|c| !c.is_ascii()) {
        if let Some(meant) = plain_sign(c) {
            return Err(AddressError::Sign { found: c, meant });
        }
        if matches!(category(c), G::Unassigned | G::PrivateUse | G::Surrogate) || c == '\u{fffd}' {
            return Err(AddressError::NoCharacter(c));
        }
    }
    first_variant(text).map_or(Ok(()), |c| Err(AddressError::Variant(c)))
}

/// Refuses combining marks that do not form a letter with the character before: strokes, underlines
/// and circles around letters, and any mark after an ASCII character.
pub(super) fn refuse_loose_marks(text: &str) -> Result<(), AddressError> {
    let is_drawn = |c: char| matches!(c, '\u{305}' | '\u{332}'..='\u{338}' | '\u{33f}' | '\u{20d0}'..='\u{20ff}');
    let mut before = ' ';
    for c in text.chars() {
        // A dot above after `i`: this is the lowercase form of the Turkish capital I with a dot.
        let is_dot = matches!(before, 'i' | 'j') && c == '\u{307}';
        if is_mark(c) && !is_dot && (before.is_ascii() || is_drawn(c)) {
            return Err(if before == ' ' {
                AddressError::LeadingMark(c)
            } else {
                AddressError::LooseMark(c)
            });
        }
        before = c;
    }
    Ok(())
}

/// Whether a letter belongs to a phonetic alphabet. Most such letters look like ordinary letters.
pub(super) fn is_phonetic(c: char) -> bool {
    matches!(c, '\u{250}'..='\u{2af}' | '\u{1d00}'..='\u{1dbf}')
}

/// The letter that looks like an apostrophe, as used in Ukrainian and other languages.
pub(super) const LETTER_APOSTROPHE: char = '\u{2bc}';

/// Removes each letter apostrophe between two letters of a script that uses it. Keeps it between
/// Latin letters, as in `oʼbrien`, where the ASCII apostrophe is meant and the parser later returns
/// an error.
pub(super) fn without_letter_apostrophes(text: &str) -> Cow<'_, str> {
    if !text.contains(LETTER_APOSTROPHE) {
        return Cow::Borrowed(text);
    }
    let is_of_such_a_script = |c: Option<&char>| {
        c.is_some_and(|c| {
            c.is_alphabetic() && !c.is_ascii() && !is_latin(*c) && *c != LETTER_APOSTROPHE
        })
    };
    let chars: Vec<char> = text.chars().collect();
    let is_kept = |place: usize| {
        let beside =
            |place: Option<usize>| is_of_such_a_script(place.and_then(|place| chars.get(place)));
        chars[place] != LETTER_APOSTROPHE
            || !beside(place.checked_sub(1))
            || !beside(Some(place + 1))
    };
    Cow::Owned((0..chars.len()).filter(|place| is_kept(*place)).map(|place| chars[place]).collect())
}

fn is_latin(c: char) -> bool {
    CodePointMapData::<Script>::new().get(c) == Script::Latin
}

/// The first character that is a variant of another in width, weight or position.
fn first_variant(text: &str) -> Option<char> {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    if nfkc.is_normalized(text) {
        return None;
    }
    // Letters of ordinary words that NFKC would decompose, although they cannot be typed in another
    // way: Armenian ech yiwn, Thai and Lao am.
    let is_ordinary = |c: char| matches!(c, '\u{587}' | '\u{e33}' | '\u{eb3}');
    text.chars().find(|c| {
        !c.is_ascii() && !is_ordinary(*c) && !nfkc.is_normalized(c.encode_utf8(&mut [0; 4]))
    })
}

/// Refuses non-ASCII punctuation, except for characters that are part of words in some language.
pub(super) fn refuse_punctuation(local: &str) -> Result<(), AddressError> {
    use GeneralCategory as G;
    let is_of_words = |c: char| {
        matches!(c, '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{f0b}' | '\u{30fb}')
    };
    let is_punctuation = |c: char| {
        matches!(
            category(c),
            G::ConnectorPunctuation
                | G::DashPunctuation
                | G::OpenPunctuation
                | G::ClosePunctuation
                | G::InitialPunctuation
                | G::FinalPunctuation
                | G::OtherPunctuation
                | G::ModifierSymbol
        )
    };
    let found = local.chars().find(|c| !c.is_ascii() && is_punctuation(*c) && !is_of_words(*c));
    found.map_or(Ok(()), |c| Err(AddressError::Punctuation(c)))
}

/// Whether the character is a combining mark.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory as G;
    !c.is_ascii() && matches!(category(c), G::NonspacingMark | G::SpacingMark | G::EnclosingMark)
}

/// Whether the character is an emoji or another symbol. Few providers allow these in a mailbox
/// name.
pub(super) fn is_symbol(c: char) -> bool {
    use GeneralCategory as G;
    !c.is_ascii()
        && matches!(
            category(c),
            G::OtherSymbol | G::MathSymbol | G::CurrencySymbol | G::OtherNumber | G::LetterNumber
        )
}

/// Whether RFC 5892 gives the character the derived property PVALID, CONTEXTJ or CONTEXTO, provided
/// that UTS #46 leaves the character unchanged.
///
/// UTS #46 has already mapped or refused the characters that section 2.2 of the RFC calls unstable,
/// and [`refuse_foreign`] has refused unassigned ones. The remaining rules of section 3 are
/// computed from the general category, with the exceptions of section 2.6, so that no table has to
/// be kept up to date.
pub(super) fn is_allowed_by_idna2008(c: char) -> bool {
    use GeneralCategory as G;
    match c {
        '-' | '_' | '0'..='9' | 'a'..='z' => true,
        // RFC 5892 section 2.6, PVALID and CONTEXTO.
        '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => true,
        '\u{b7}'
        | '\u{375}'
        | '\u{5f3}'
        | '\u{5f4}'
        | '\u{30fb}'
        | '\u{660}'..='\u{669}'
        | '\u{6f0}'..='\u{6f9}' => true,
        // RFC 5892 section 2.8, CONTEXTJ.
        '\u{200c}' | '\u{200d}' => true,
        // RFC 5892 section 2.6, DISALLOWED.
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            false
        }
        // RFC 5892 section 2.4, ignored blocks: Combining Diacritical Marks for Symbols, Musical
        // Symbols, Ancient Greek Musical Notation.
        '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d1ff}' | '\u{1d200}'..='\u{1d24f}' => false,
        // RFC 5892 section 2.9, the letters of old Hangul syllables.
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' => false,
        _ => {
            matches!(
                category(c),
                G::LowercaseLetter
                    | G::UppercaseLetter
                    | G::OtherLetter
                    | G::DecimalNumber
                    | G::ModifierLetter
                    | G::NonspacingMark
                    | G::SpacingMark
            ) && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        }
    }
}
