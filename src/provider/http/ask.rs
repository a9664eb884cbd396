//! Sends API requests that submit no mail, such as requests about the account and suppressions.
//!
//! These requests are idempotent. If the service is busy, a request is repeated a few times within
//! a short time.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, Fault};
use super::api::{Api, Read, by_status};
use super::client::{FIRST_WAIT, Http, MAX_REPLY};
use super::request::Request;
use crate::model::outcome::Reason;
use crate::provider::account::{About, Finding, Trouble, in_words};
use crate::provider::{Refusal, without_addresses};

/// The maximum number of attempts of a request.
const TIMES: u32 = 5;
/// The longest wait before a repeat. If the service asks for a longer wait, the request fails, and
/// its error contains the service's reply.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The maximum number of times that a key is fetched again for one request. The service may refuse
/// this request whatever the key. Fetching more keys would then replace keys that work for other
/// requests.
pub(super) const RENEWALS: u32 = 2;

impl Http {
    /// Sends a request, and repeats it while the service is busy. The returned reply is never
    /// throttling, a server failure, a redirect or a web page.
    pub(in crate::provider) async fn ask(
        &self,
        api: &dyn Api,
        request: &Request,
    ) -> Result<Answer, Trouble> {
        self.ask_for(api, request, MAX_REPLY).await
    }

    /// Like [`Self::ask`], for a reply of up to `most` bytes.
    pub(in crate::provider) async fn ask_for(
        &self,
        api: &dyn Api,
        request: &Request,
        most: usize,
    ) -> Result<Answer, Trouble> {
        let mut wait = FIRST_WAIT;
        let mut times = TIMES;
        let mut renewals = RENEWALS;
        loop {
            let signed = api.sign(request, Timestamp::now()).await.map_err(Trouble::Refused)?;
            let (trouble, asked) = match self.exchange_up_to(request, signed, most, None).await {
                Ok(answer)
                    if answer.status == StatusCode::UNAUTHORIZED
                        && renewals > 0
                        && self.has_another_key(&answer).await =>
                {
                    renewals -= 1;
                    continue;
                }
                Ok(answer) => match self.sort(answer) {
                    Sorted::Answer(answer) => return Ok(answer),
                    Sorted::Wait(trouble, asked) => (trouble, asked),
                    Sorted::Trouble(trouble) => return Err(trouble),
                },
                Err(Fault::NotWritten(health)) => match Trouble::from(health) {
                    refused @ Trouble::Refused(_) => return Err(refused),
                    failing @ Trouble::Failing(_) => (failing, None),
                },
                Err(Fault::Lost(refusal)) => (Trouble::Failing(refusal), None),
            };
            times -= 1;
            let pause = asked.unwrap_or(wait);
            if times == 0 || pause > LONGEST_WAIT {
                return Err(trouble);
            }
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
    }

    fn sort(&self, answer: Answer) -> Sorted {
        match self.foreign(&answer) {
            Some(Read::Stop(refusal)) => return Sorted::Trouble(Trouble::Refused(refusal)),
            Some(_) => {
                return Sorted::Wait(Trouble::Failing(refusal(&answer, Reason::Session)), None);
            }
            None => {}
        }
        let status = answer.status;
        if status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT
            || status.is_server_error()
        {
            let reason = if status == StatusCode::TOO_MANY_REQUESTS {
                Reason::Rate
            } else {
                Reason::Session
            };
            return Sorted::Wait(Trouble::Failing(refusal(&answer, reason)), answer.retry_after());
        }
        Sorted::Answer(answer)
    }
}

enum Sorted {
    Answer(Answer),
    Wait(Trouble, Option<Duration>),
    Trouble(Trouble),
}

/// Parses the body of a success reply as this type.
pub(in crate::provider) fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, Trouble> {
    succeeded(answer)?;
    let what = if answer.is_whole {
        "the reply cannot be read"
    } else {
        "the reply is longer than it may be"
    };
    answer.json().ok_or_else(|| Trouble::Failing(answer.refusal(Reason::NoReply, "", what)))
}

/// Returns an error unless the reply is a success.
pub(in crate::provider) fn succeeded(answer: &Answer) -> Result<(), Trouble> {
    if answer.status.is_success() {
        return Ok(());
    }
    match by_status(answer, refusal(answer, Reason::Policy)) {
        Read::Stop(refusal) | Read::Unnamed(refusal) => Err(Trouble::Refused(refusal)),
        _ => Err(Trouble::Failing(refusal(answer, Reason::NoReply))),
    }
}

/// The JSON fields in which services put the text of an error.
const WORDS: [&str; 6] =
    ["/message", "/Message", "/error/message", "/errors/0/message", "/error/detail", "/detail"];

/// Converts an error reply into a refusal. Addresses are removed from it, because every operator
/// can see it.
fn refusal(answer: &Answer, reason: Reason) -> Refusal {
    let body: Value = answer.json().unwrap_or_default();
    let words = WORDS
        .iter()
        .find_map(|place| body.pointer(place).and_then(Value::as_str))
        .unwrap_or_default();
    without_addresses(answer.refusal(reason, "", words))
}

/// Returns the finding about the key after a request that needs only a valid key. A missing
/// permission does not mean that the key is invalid.
pub(in crate::provider) fn credentials(answer: &Answer, asked_for: &str) -> Finding {
    match answer.status {
        StatusCode::FORBIDDEN => {
            let words = in_words(&refusal(answer, Reason::Auth));
            Finding::not_reported(
                About::Credentials,
                format!(
                    "the key has no permission to read {asked_for}, and the API offers no other check of a key: {words}"
                ),
            )
        }
        _ => match succeeded(answer) {
            Ok(()) => Finding::good(About::Credentials, "the key is accepted"),
            Err(trouble) => Finding::of_trouble(&trouble),
        },
    }
}

/// Converts a service's word to a reason for suppression. An unknown word counts as a manual
/// decision.
pub(in crate::provider) fn suppression_reason(word: &str) -> Reason {
    match word.parse() {
        Ok(reason @ (Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe)) => reason,
        _ => Reason::Manual,
    }
}

/// The characters that are escaped in a path or query: all except the unreserved ones (RFC 3986
/// section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns a part of a path or query, percent-encoded.
pub(in crate::provider) fn encoded(part: &str) -> String {
    utf8_percent_encode(part, UNRESERVED).to_string()
}
