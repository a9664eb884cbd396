//! Formats numbers, durations and foreign text for display.
//!
//! Text from a list or a provider must never send control characters to a terminal.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::shown::is_harmful;

/// Formats a number with commas as thousands separators.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats a number of rows with its noun: `1 row`, `50,000 rows`.
pub(crate) fn rows(n: u64) -> String {
    format!("{} row{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Formats a percentage with one decimal, rounded down. A share above zero is never shown as 0.
pub(crate) fn percent(n: u64, of: u64) -> String {
    if of == 0 {
        return "0.0%".to_owned();
    }
    let tenths = u128::from(n) * 1_000 / u128::from(of);
    match tenths {
        0 if n > 0 => "<0.1%".to_owned(),
        _ => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// Formats a duration in at most two units: `0.4s`, `42s`, `12m 03s`, `2h 05m`, `3d 04h`.
pub(crate) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", length.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The time between two timestamps; zero if the clock was set back.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Formats a rate per second with a useful number of digits.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 100.0 { format!("{per_second:.0}/s") } else { format!("{per_second:.1}/s") }
}

/// Formats a time for files, as RFC 3339 in UTC with milliseconds.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Formats a time for display, as RFC 3339 in UTC with whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Replaces line breaks and tabs by spaces. Replaces other characters that control a terminal or
/// the text direction by U+FFFD.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mended = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_harmful(c) => '\u{fffd}',
        c => c,
    });
    Cow::Owned(mended.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 7, 999, 1_000, 50_000, 1_234_567].map(grouped),
            ["0", "7", "999", "1,000", "50,000", "1,234,567"]
        );
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(49_999, 50_000), "99.9%");
        assert_eq!(percent(1, 50_000), "<0.1%");
        assert_eq!(percent(50_000, 50_000), "100.0%");
        assert_eq!(percent(0, 0), "0.0%");
    }

    #[test]
    fn durations_show_two_units() {
        let shown =
            [0.42, 42.0, 723.0, 7_500.0, 273_600.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["0.4s", "42s", "12m 03s", "2h 05m", "3d 04h"]);
    }

    #[test]
    fn foreign_text_cannot_command_a_terminal() {
        assert_eq!(clean("Zoë\x1b[31m\r\nred\u{202e}"), "Zoë\u{fffd}[31m  red\u{fffd}");
        assert!(matches!(clean("山田太郎 שלום"), Cow::Borrowed(_)));
    }
}
