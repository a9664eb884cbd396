//! Extracts from a reply how long to wait before the next attempt.

use std::time::Duration;

use super::prose::prose;

/// The maximum wait, in seconds. A longer wait is ignored.
const MOST: u64 = 86_400;

/// Returns the time that a reply names, as in "come back in 20 seconds", "greylisted for 5 minutes"
/// or "wait 300s".
pub(crate) fn named_wait(text: &str) -> Option<Duration> {
    let text = prose(text);
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        if !matches!(*word, "in" | "for" | "after" | "wait" | "least") {
            return None;
        }
        let number = words.get(at + 1)?;
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let count: u64 = number[..digits].parse().ok()?;
        let unit = if digits < number.len() {
            &number[digits..]
        } else {
            words.get(at + 2).copied().unwrap_or_default()
        };
        let seconds = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            _ => return None,
        };
        count.checked_mul(seconds).filter(|wait| *wait <= MOST).map(Duration::from_secs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_behind_its_words() {
        let seconds = |text: &str| named_wait(text).map(|wait| wait.as_secs());
        for (text, wait) in [
            ("Greylisting in action, please come back in 20 seconds", Some(20)),
            ("Greylisted, please try again in 300s.", Some(300)),
            ("You are greylisted for 5 minutes", Some(300)),
            ("greylisted: retry after 00:04:59", None),
            ("greylisted, see http://x.example/in 20 seconds", None),
            ("try again in 99999999999999999999 hours", None),
            ("try again in 20", None),
            ("in 20 days", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), wait, "{text}");
        }
    }
}
