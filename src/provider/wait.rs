//! Finds the wait that a service asks for in the text of a reply. It is used for replies without a
//! header that states the wait.
//!
//! The wait is a number with a unit, or a date.

use std::time::Duration;

use jiff::Timestamp;

/// The words before a wait, in lowercase.
const BEFORE: [&str; 8] = [
    "try again after ",
    "try again in ",
    "retry after ",
    "retry in ",
    "again at ",
    "wait ",
    "will be enabled in ",
    "disabled until ",
];

/// Returns how long the service asks the client to wait, counted from `now`. `now` is the service's
/// own clock if it is known. Returns zero if the date has passed, and `None` if the text names no
/// wait.
pub(super) fn wait_in_prose(words: &str, now: Timestamp) -> Option<Duration> {
    // Dates are parsed in the original text, because their names have capitals. Lowercasing changes
    // ASCII letters only, so byte offsets are the same in both texts.
    let lower = words.to_ascii_lowercase();
    BEFORE.iter().find_map(|before| {
        let at = lower.find(before)? + before.len();
        number(&lower[at..]).or_else(|| date(&words[at..], now))
    })
}

/// Parses a duration such as `120 seconds`, `5 minutes`, `2 hours` or `30s`.
fn number(text: &str) -> Option<Duration> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok()?;
    let unit: String =
        text[digits..].trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let seconds = match unit.as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

/// Parses a date such as `Sun, 29 Nov 2026 20:54:00 UTC` or `2026-11-29T20:54:00Z`.
fn date(text: &str, now: Timestamp) -> Option<Duration> {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', ';', ')', '"', '\'']))
        .take(6)
        .collect();
    let stamp = words.first().and_then(|first| first.parse().ok());
    let at = stamp.or_else(|| {
        let zone = words
            .get(5)
            .map(|zone| if zone.eq_ignore_ascii_case("utc") { "+0000" } else { zone })?;
        jiff::fmt::rfc2822::parse(&format!("{} {zone}", words[..5].join(" ")))
            .ok()
            .map(|zoned| zoned.timestamp())
    })?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_with_its_unit_or_a_date() {
        let now: Timestamp = "2026-11-29T20:34:00Z".parse().expect("a time");
        let wait = |words: &str| wait_in_prose(words, now).map(|wait| wait.as_secs());
        let limit = "Domain mg.acme.example is not allowed to send: recipient limit exceeded,";
        for (words, seconds) in [
            (format!("{limit} try again after 120 seconds"), 120),
            (format!("{limit} Try again after 2 Minutes."), 120),
            (format!("{limit} try again after Sun, 29 Nov 2026 20:54:00 UTC"), 1_200),
            (format!("{limit} try again after Sun, 29 Nov 2026 20:54:00 GMT."), 1_200),
            (format!("{limit} try again after Sun, 29 Nov 2026 21:54:00 +0100"), 1_200),
            (format!("{limit} try again after Sun, 29 Nov 2026 20:33:00 UTC"), 0),
            ("Rate limited; retry after 2026-11-29T20:35:00Z.".into(), 60),
            ("Please wait 30s".into(), 30),
            ("Your account is on probation. Account will be enabled in 341 seconds".into(), 341),
            ("the account has been disabled until Sun, 29 Nov 2026 20:35:00 GMT.".into(), 60),
            ("Please try again in 1 hour (daily limit)".into(), 3_600),
        ] {
            assert_eq!(wait(&words), Some(seconds), "{words}");
        }
    }

    #[test]
    fn words_without_a_wait_name_none() {
        for words in [
            "",
            "try again after",
            "try again after a while",
            "try again after 5 attempts",
            "try again after 99999999999999999999 seconds",
            "try again after 18446744073709551615 hours",
            "try again after Sun, 99 Nov 2026 20:54:00 UTC",
            "try again after Sün, 29 Növ",
            "wait for the review",
            "ＴＲＹ again after é",
        ] {
            assert_eq!(wait_in_prose(words, Timestamp::UNIX_EPOCH), None, "{words}");
        }
    }
}
