//! Represents a service's reply for adapters: status, headers, a possibly truncated body, and error
//! text that is safe to show.
//!
//! Text for display is one short line without control characters and secrets.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::model::outcome::Reason;
use crate::provider::wait::wait_in_prose;
use crate::provider::{Health, Refusal};
use crate::secret::Secret;

/// The longest wait that is accepted from a service, because a header may contain any number.
pub(super) const LONGEST_WISH: Duration = Duration::from_secs(7 * 86_400);
/// The maximum number of characters kept of a service's text.
const MAX_TEXT: usize = 300;

/// The reply to one request.
#[derive(Debug)]
pub(in crate::provider) struct Answer {
    pub(in crate::provider) status: StatusCode,
    pub(in crate::provider) headers: HeaderMap,
    pub(in crate::provider) body: Bytes,
    /// Whether the whole body was read. If false, the body continues after this part.
    pub(in crate::provider) is_whole: bool,
    /// The `Authorization` header that was sent with the request, for services that require a
    /// signature on each request.
    pub(in crate::provider) authorization: Option<HeaderValue>,
    /// The number of the key that was sent with the request.
    pub(super) key: u64,
    pub(super) secrets: Vec<Secret>,
}

impl Answer {
    /// Parses the body as JSON of this type. Returns `None` if the body does not match or is
    /// truncated.
    pub(in crate::provider) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        if self.is_whole { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// Returns a header as text; empty if the header is missing.
    pub(in crate::provider) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns how long the service asks the client to wait (RFC 9110 section 10.2.3). The header
    /// contains seconds or a date. The result is at most [`LONGEST_WISH`].
    pub(in crate::provider) fn retry_after(&self) -> Option<Duration> {
        self.wish().map(|wish| wish.min(LONGEST_WISH))
    }

    fn wish(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            // A value that is not a number is ignored. A value that is too large for a duration
            // becomes the longest duration.
            return if seconds.is_nan() {
                None
            } else {
                Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
            };
        }
        let Ok(at) = jiff::fmt::rfc2822::parse(text).map(|at| at.timestamp()) else {
            // The date library supports years only up to 9999.
            let is_beyond = text
                .split_whitespace()
                .any(|word| word.len() >= 4 && word.parse().is_ok_and(|year: u64| year >= 9_999));
            return is_beyond.then_some(Duration::MAX);
        };
        Some(Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO))
    }

    /// Like [`Self::retry_after`], but also finds a wait in the text of the reply.
    pub(in crate::provider) fn wait_in(&self, words: &str) -> Option<Duration> {
        self.retry_after()
            .or_else(|| wait_in_prose(words, self.now()).map(|wish| wish.min(LONGEST_WISH)))
    }

    /// Returns the time of the service's clock, to which dates in the reply refer. Returns the time
    /// of this machine if the reply has no date.
    fn now(&self) -> Timestamp {
        self.clock().unwrap_or_else(Timestamp::now)
    }

    /// Returns the time of the service's clock (RFC 9110 section 6.6.1).
    pub(in crate::provider) fn clock(&self) -> Option<Timestamp> {
        Some(jiff::fmt::rfc2822::parse(self.header("date")).ok()?.timestamp())
    }

    /// Returns whether the reply is a web page. A body that begins like JSON is not a web page,
    /// whatever its content type.
    pub(in crate::provider) fn is_html(&self) -> bool {
        let declared = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let first = self.body.trim_ascii_start().first();
        let is_json = declared.contains("json") || matches!(first, Some(b'{' | b'['));
        !is_json && (declared.starts_with("text/html") || first == Some(&b'<'))
    }

    /// Creates a refusal. Its code is the status and `name`. Its detail is `words`, or the body if
    /// `words` is empty.
    pub(in crate::provider) fn refusal(&self, reason: Reason, name: &str, words: &str) -> Refusal {
        let code = format!("{} {name}", self.status.as_u16());
        let text = if words.is_empty() {
            String::from_utf8_lossy(&self.body[..self.body.len().min(4 * MAX_TEXT)]).into_owned()
        } else {
            words.into()
        };
        let detail = if self.is_html() {
            "a web page instead of an answer".to_owned()
        } else {
            self.clean(&text)
        };
        Refusal::new(reason, self.clean(code.trim()), detail)
    }

    /// Returns a service's text in a form that is safe to show.
    pub(in crate::provider) fn clean(&self, text: &str) -> String {
        clean(text, &self.secrets)
    }
}

/// The reason why a request got no reply.
#[derive(Debug)]
pub(in crate::provider) enum Fault {
    /// No byte of the request was written.
    NotWritten(Health),
    /// At least a part of the request was written.
    Lost(Refusal),
}

/// Shortens a text to one line without control characters and secrets.
pub(super) fn clean(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        text = text.replace(secret.expose(), "…");
    }
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(MAX_TEXT) {
        words.truncate(end);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::without_addresses;

    fn answer(retry_after: &str, body: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().unwrap())]);
        Answer {
            status: StatusCode::OK,
            headers,
            body: body.into(),
            is_whole: true,
            authorization: None,
            key: 0,
            secrets: vec![Secret::new("hunter2")],
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let wait = |text: &str| answer(text, "").retry_after();
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(wait("-3"), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 01 Jan 2100 00:00:00 GMT"), Some(LONGEST_WISH));
        assert_eq!((wait("soon"), wait("NaN"), wait("-1e300")), (None, None, Some(Duration::ZERO)));
        let huge = "9".repeat(400);
        for beyond in [
            "99999999999",
            "18446744073709551615",
            "1e300",
            "inf",
            &huge,
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(wait(beyond), Some(LONGEST_WISH), "{beyond}");
        }
    }

    #[test]
    fn words_are_short_and_hold_no_secret() {
        let refusal =
            answer("1", "key\u{1b}[31m hunter2\r\nis wrong").refusal(Reason::Auth, "bad\nkey", "");
        assert_eq!(
            (refusal.code.as_str(), refusal.detail.as_str()),
            ("200 bad key", "key [31m … is wrong")
        );
        assert_eq!(clean(&"x".repeat(2_000), &[]).len(), MAX_TEXT);
        let refusal = without_addresses(Refusal::new(
            Reason::Policy,
            "",
            "only to ann@x.example (ann@x.example).",
        ));
        assert_eq!(refusal.detail, "only to …@x.example …@x.example).");
    }

    #[test]
    fn a_page_is_distinguished_from_an_answer() {
        assert!(answer("1", " \n<!doctype html><html>").is_html());
        assert!(!answer("1", "{\"a\":\"<p>\"}").is_html());
        let declared = |body: &'static str| {
            let mut answer = answer("1", body);
            answer.headers.insert(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap());
            answer
        };
        assert!(declared("Not found").is_html() && declared("").is_html());
        assert!(!declared("{\"MessageId\":\"x\"}").is_html());
    }
}
