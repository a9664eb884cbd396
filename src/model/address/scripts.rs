//! Finds words whose letters look like letters of another script. Written with a Cyrillic `е`,
//! `еxample` looks the same but is a different domain.
//!
//! The rule is that of UTS #39, section 5.2. The characters of a word must have one script in
//! common. Han counts as part of Japanese, Korean and Chinese writing, and Latin may occur together
//! with these ("highly restrictive"). Latin together with a script whose letters do not look Latin
//! ("moderately restrictive") is accepted, but listed by `check`.

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use icu_properties::script::ScriptWithExtensions;

/// The result of checking the scripts of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mix {
    /// The letters belong to one script, or to scripts that are normally written together.
    Sound,
    /// The letters are Latin and of another script that cannot be confused with Latin.
    Listed,
    /// The letters are of scripts that look alike. Contains the first letter whose script differs
    /// from that of the word's first letter.
    Confusable(char),
}

/// Scripts whose letters do not look like Latin letters.
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

/// The scripts that Chinese, Japanese and Korean use together, in addition to Latin.
const WRITTEN_TOGETHER: [&[Script]; 3] = [
    &[Script::Han, Script::Bopomofo],
    &[Script::Han, Script::Hiragana, Script::Katakana],
    &[Script::Han, Script::Hangul],
];

/// Checks one word: a label of a domain, or a part of a local part between special characters.
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

/// Whether the whole word looks Latin, because all its letters are Cyrillic or Greek letters that
/// look like small Latin ones.
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

/// Whether a character belongs to certain scripts although Unicode assigns it to the common script,
/// such as the Japanese mark of a long vowel.
fn is_bound(c: char) -> bool {
    !c.is_ascii() && !belongs(c, Script::Common) && !belongs(c, Script::Inherited)
}
