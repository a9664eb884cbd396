//! The normal form of campaign names.

use super::paths::nfc;
use crate::model::address::shows_nothing;
use crate::model::error::Error;

/// Converts a name to the form used for comparison: NFC, without invisible characters at the start
/// and the end.
pub(super) fn cleaned(name: &str) -> String {
    nfc(name.trim_matches(|c| shows_nothing(c) && !is_joining(c)))
}

/// Invisible characters that change the appearance of a neighbouring emoji, or of a letter in some
/// scripts.
pub(super) fn is_joining(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

pub(super) fn no_name(typed: &str) -> Error {
    Error::usage(format!("{typed:?} cannot name a campaign"))
        .hint("use up to 200 letters, digits and signs other than # { }; {date}, {week} and {month} are filled in")
}
