//! Questions to an API that hand over no mail: about the account, about suppressions.
//!
//! The rule it keeps: a question changes nothing that asking it twice would change again, so it is
//! asked again, a few times and not for long, where the service is busy.

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

/// How often a question is asked at most.
const TIMES: u32 = 5;
/// The longest wait before it is asked again; a service that asks for more is reported.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A question that is refused under so many keys is refused whatever the key: others are accepted
/// meanwhile, so each would be replaced.
pub(super) const RENEWALS: u32 = 2;

impl Http {
    /// The answer to a question: any status that says something about it, so never throttling, a
    /// server's failure, a redirect or a page.
    pub(in crate::provider) async fn ask(
        &self,
        api: &dyn Api,
        request: &Request,
    ) -> Result<Answer, Trouble> {
        self.ask_for(api, request, MAX_REPLY).await
    }

    /// The same where the answer may have up to `most` bytes.
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

/// What an answer says, where it is a success and of this shape.
pub(in crate::provider) fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, Trouble> {
    succeeded(answer)?;
    let what = if answer.is_whole {
        "the reply cannot be read"
    } else {
        "the reply is longer than it may be"
    };
    answer.json().ok_or_else(|| Trouble::Failing(answer.refusal(Reason::NoReply, "", what)))
}

/// Nothing, where an answer is a success.
pub(in crate::provider) fn succeeded(answer: &Answer) -> Result<(), Trouble> {
    if answer.status.is_success() {
        return Ok(());
    }
    match by_status(answer, refusal(answer, Reason::Policy)) {
        Read::Stop(refusal) | Read::Unnamed(refusal) => Err(Trouble::Refused(refusal)),
        _ => Err(Trouble::Failing(refusal(answer, Reason::NoReply))),
    }
}

/// What the services of this world put their words into.
const WORDS: [&str; 6] =
    ["/message", "/Message", "/error/message", "/errors/0/message", "/error/detail", "/detail"];

/// What an answer says against the question; the addresses are left out, for it is shown to every
/// operator.
fn refusal(answer: &Answer, reason: Reason) -> Refusal {
    let body: Value = answer.json().unwrap_or_default();
    let words = WORDS
        .iter()
        .find_map(|place| body.pointer(place).and_then(Value::as_str))
        .unwrap_or_default();
    without_addresses(answer.refusal(reason, "", words))
}

/// What the answer to a question that only needs a key says about the key: refused permission is
/// not a wrong key.
pub(in crate::provider) fn credentials(answer: &Answer, asked_for: &str) -> Finding {
    match answer.status {
        StatusCode::FORBIDDEN => {
            let words = in_words(&refusal(answer, Reason::Auth));
            Finding::not_reported(
                About::Credentials,
                format!(
                    "the key may not read {asked_for}, which is all that can be asked here: {words}"
                ),
            )
        }
        _ => match succeeded(answer) {
            Ok(()) => Finding::good(About::Credentials, "the key is accepted"),
            Err(trouble) => Finding::of_trouble(&trouble),
        },
    }
}

/// The reason of a suppression in a service's words; what is not known counts as a person's
/// decision.
pub(in crate::provider) fn suppression_reason(word: &str) -> Reason {
    match word.parse() {
        Ok(reason @ (Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe)) => reason,
        _ => Reason::Manual,
    }
}

/// What is escaped in a path or a query: all but the unreserved characters (RFC 3986 section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A part of a path or query, escaped.
pub(in crate::provider) fn encoded(part: &str) -> String {
    utf8_percent_encode(part, UNRESERVED).to_string()
}
