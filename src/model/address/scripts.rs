//! The scripts of a word, to detect look-alike letters: with a Cyrillic `е`, `еxample` is a
//! different domain and looks the same.
//!
//! The rule is that of UTS #39, section 5.2. The characters of a word must have one script in
//! common. Han counts as part of Japanese, Korean and Chinese writing, and Latin may occur together
//! with these ("highly restrictive"). Latin together with a script whose letters do not look Latin
//! ("moderately restrictive") is accepted and listed.

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use icu_properties::script::ScriptWithExtensions;

/// How the scripts of a word go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mix {
    /// One script, or scripts that are normally written together.
    Sound,
    /// Latin and another script that cannot be confused with it.
    Listed,
    /// Scripts that look alike, with the first character whose script differs from that of the
    /// first letter.
    Confusable(char),
}

/// Scripts that share no look-alike letters with Latin.
const BESIDE_LATIN: [Script; 19] = [
    Script::Arabic,
    Script::Bengali,
    Script::Devanagari,
    Script::Ethiopic,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Hebrew,
    Script::Kannada,
    Script::Khmer,
    Script::Lao,
    Script::Malayalam,
    Script::Myanmar,
    Script::Oriya,
    Script::Sinhala,
    Script::Tamil,
    Script::Telugu,
    Script::Thaana,
    Script::Thai,
    Script::Tibetan,
];

/// The scripts used together in Chinese, Japanese and Korean, each also with Latin.
const WRITTEN_TOGETHER: [&[Script]; 3] = [
    &[Script::Han, Script::Bopomofo],
    &[Script::Han, Script::Hiragana, Script::Katakana],
    &[Script::Han, Script::Hangul],
];

/// Judges one word: a label of a domain, or the text between signs of a local part.
pub(super) fn mix(word: &str) -> Mix {
    let own =
        |c: &char| !matches!(script_of(*c), Script::Common | Script::Inherited) || is_bound(*c);
    let letters = || word.chars().filter(own);
    let all_in =
        |scripts: &[Script]| letters().all(|c| scripts.iter().any(|script| belongs(c, *script)));
    let Some(first) = letters().next() else { return Mix::Sound };
    if extensions(first).any(|script| all_in(&[script])) {
        return Mix::Sound;
    }
    for together in WRITTEN_TOGETHER {
        if letters()
            .all(|c| belongs(c, Script::Latin) || together.iter().any(|script| belongs(c, *script)))
        {
            return Mix::Sound;
        }
    }
    if BESIDE_LATIN.iter().any(|script| all_in(&[Script::Latin, *script])) {
        return Mix::Listed;
    }
    let stranger = letters().find(|c| !extensions(first).any(|script| belongs(*c, script)));
    Mix::Confusable(stranger.unwrap_or(first))
}

/// Whether all letters of a word are Cyrillic or Greek letters that look like small Latin ones, so
/// that the whole word looks Latin.
pub(super) fn reads_as_latin(word: &str) -> bool {
    const TWINS: &str = "аеіјоӏрсуһԁԛѕԝхѵοανρυ";
    let mut letters = word.chars().filter(|c| c.is_alphabetic()).peekable();
    letters.peek().is_some() && letters.all(|c| TWINS.contains(c))
}

fn script_of(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

fn belongs(c: char, script: Script) -> bool {
    ScriptWithExtensions::new().get_script_extensions_val(c).contains(&script)
}

fn extensions(c: char) -> impl Iterator<Item = Script> {
    ScriptWithExtensions::new().get_script_extensions_val(c).iter()
}

/// Whether a character of the common script is used with certain scripts only, such as the Japanese
/// mark of a long vowel.
fn is_bound(c: char) -> bool {
    !c.is_ascii() && !belongs(c, Script::Common) && !belongs(c, Script::Inherited)
}
