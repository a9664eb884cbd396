//! The scripts of a word, for letters that look alike: a Cyrillic `е` in `еxample` is another
//! domain and cannot be seen.
//!
//! The rule is that of UTS #39, section 5.2: the characters of a word must have one script in
//! common, where Han counts for Japanese, Korean and Chinese writing, and Latin may stand beside
//! these ("highly restrictive"). Latin beside a script whose letters look like no Latin ones
//! ("moderately restrictive") is taken and listed.

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use icu_properties::script::ScriptWithExtensions;

/// How the scripts of a word go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mix {
    /// One script, or scripts that are written together.
    Sound,
    /// Latin and another script that cannot be confused with it.
    Listed,
    /// Scripts that look alike; the first character of another script than the first one's.
    Confusable(char),
}

/// Scripts with which Latin can stand in a word without any letter being taken for another.
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

/// Scripts in which Chinese, Japanese and Korean are written, each language with Latin.
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

/// Whether all letters of a word are Cyrillic or Greek ones that look like small Latin letters, so
/// that the whole word reads as a Latin one.
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

/// Whether a common character is used with certain scripts only, as the Japanese mark of a long
/// vowel is.
fn is_bound(c: char) -> bool {
    !c.is_ascii() && !belongs(c, Script::Common) && !belongs(c, Script::Inherited)
}
