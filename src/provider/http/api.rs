//! Defines the interface between the submission of messages and an API: an adapter builds requests
//! and interprets replies.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::content::{Content, Party};
use crate::model::literal::Rate;
use crate::model::outcome::Reason;
use crate::provider::{BoxFuture, Capabilities, Form, Job, Refusal, Verdict};

/// The API of a service. Each adapter implements it.
pub(in crate::provider) trait Api: Send + Sync {
    /// Returns the limits of one request, and whether a request can be repeated.
    fn limits(&self) -> &Limits;

    /// Builds the request that submits these messages. The caller passes no more messages than the
    /// limits allow. The same messages and key give the same bytes.
    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible>;

    /// Returns a number that is equal for messages that can share a request. If a request for
    /// several messages cannot be built, messages with equal numbers are tried together. The
    /// default returns one number for all messages, so a failed request is divided.
    fn kind_of(&self, _job: &Job) -> u64 {
        0
    }

    /// Interprets the reply to a request for these messages. The caller has already handled
    /// redirects and HTML pages.
    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read;

    /// Returns whether the service marks this reply as a repetition of its reply to an earlier
    /// request with the same key. The default is false.
    fn is_replay(&self, _answer: &Answer) -> bool {
        false
    }

    /// Interprets the reply to a status request ([`Later::ask`]). The default is for an API that
    /// reports all results in its first reply.
    fn progress(&self, _jobs: &[&Job], answer: &Answer, _later: &Later) -> Read {
        Read::Doubt(answer.refusal(
            Reason::NoReply,
            "",
            "a reply to a status request that was never sent",
        ))
    }

    /// Returns headers for this attempt only, such as a signature with a timestamp. The default is
    /// none.
    fn sign<'a>(
        &'a self,
        _request: &'a Request,
        _at: Timestamp,
    ) -> BoxFuture<'a, Result<HeaderMap, Refusal>> {
        Box::pin(std::future::ready(Ok(HeaderMap::new())))
    }
}

/// The limits of one request to an API.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) struct Limits {
    /// The maximum number of recipients of one request.
    pub(in crate::provider) recipients: usize,
    /// The maximum number of bytes of one request's body.
    pub(in crate::provider) bytes: usize,
    /// The time for which the service recognises an idempotency key. `None` if it has no keys, so
    /// that a repeated request sends the messages a second time.
    pub(in crate::provider) idempotency_window: Option<Duration>,
}

/// The reason why a message cannot be put into a request.
#[derive(Debug)]
pub(in crate::provider) struct Inexpressible(pub(in crate::provider) Refusal);

/// The meaning of a reply.
#[derive(Debug)]
pub(in crate::provider) enum Read {
    /// One verdict for each message, in the order of the request.
    Each(Vec<Verdict>),
    /// Like `Each`, but the provider will accept nothing more until an operator fixes the cause
    /// stated in the refusal. Messages refused for that cause already have the verdict `NotTaken`.
    EachAndStop(Vec<Verdict>, Refusal),
    /// The service accepted the batch as a whole and will report the result of each message later.
    Later(Later),
    /// Nothing was accepted, and the same request may be repeated, after `wait` if the service
    /// names a time. This is the result for throttling, and while the service still works on the
    /// first request. If the service reports a result for each message, all messages must have this
    /// result.
    Again { wait: Option<Duration>, refusal: Refusal },
    /// The service permanently refused the whole request because of messages that the reply does
    /// not name. If the request has one message, it refused that message.
    Unnamed(Refusal),
    /// Nothing was accepted, only because of these messages, given by their position in the
    /// request. The others may be sent again without them.
    Named(Vec<(usize, Refusal)>),
    /// Nothing was accepted, because the account allows at most this number of recipients in a
    /// request. The messages may be sent again in smaller requests.
    TooMany(usize, Refusal),
    /// Nothing was accepted, and nothing will be accepted until an operator fixes the cause, such
    /// as credentials, account, quota, or a defect in mailbatch.
    Stop(Refusal),
    /// It is unknown whether the service accepted the messages.
    Doubt(Refusal),
}

/// A batch that the service accepted, and how to poll for the results of its messages.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Later {
    /// The service's id for the batch.
    pub(in crate::provider) handle: String,
    /// The status request for the batch. It changes nothing, so it may be repeated.
    pub(in crate::provider) ask: Request,
    /// The longest pause between two status requests.
    pub(in crate::provider) every: Duration,
    /// The time for which to continue polling.
    pub(in crate::provider) patience: Duration,
    /// The verdicts to use when polling ends without a result, in the order of the request.
    pub(in crate::provider) so_far: Vec<Verdict>,
}

/// Returns the default capabilities of an API with structured content, which adapters then adjust.
pub(in crate::provider) const fn capabilities(limits: &Limits) -> Capabilities {
    Capabilities {
        max_recipients: if limits.recipients > 100 { limits.recipients } else { 100 },
        per_request: limits.recipients,
        request_bytes: Some(limits.bytes),
        idempotency_window: limits.idempotency_window,
        form: Form::Parts,
        envelope_sender: false,
        ..Capabilities::mime()
    }
}

/// Returns a documented limit of requests per period. Returns `None` if `count` is zero.
pub(in crate::provider) const fn request_rate(count: u32, per: Duration) -> Option<Rate> {
    match NonZeroU32::new(count) {
        Some(count) => Some(Rate { count, per }),
        None => None,
    }
}

/// Interprets a status for which the adapter has no rule. `refusal` contains the text of the reply.
///
/// A 4xx status that is not listed here means a problem with the account or the request format. The
/// provider stops, and the refusal is charged to no recipient.
pub(in crate::provider) fn by_status(answer: &Answer, refusal: Refusal) -> Read {
    let with = |reason: Reason| Refusal { reason, ..refusal.clone() };
    match answer.status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Read::Stop(with(Reason::Auth)),
        StatusCode::PAYMENT_REQUIRED => Read::Stop(with(Reason::Cap)),
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Read::Stop(with(Reason::Session)),
        StatusCode::TOO_MANY_REQUESTS => {
            Read::Again { wait: answer.retry_after(), refusal: with(Reason::Rate) }
        }
        StatusCode::PAYLOAD_TOO_LARGE => Read::Unnamed(with(Reason::Content)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => Read::Doubt(with(Reason::NoReply)),
        status if status.is_client_error() => Read::Stop(with(Reason::Policy)),
        _ => Read::Doubt(with(Reason::NoReply)),
    }
}

/// Returns the parts of a message. Every message for a provider with [`Form::Parts`] has them.
pub(in crate::provider) fn content(job: &Job) -> Result<&Content, Inexpressible> {
    job.content
        .as_deref()
        .ok_or_else(|| Inexpressible(Refusal::new(Reason::Render, "", "the message has no parts")))
}

/// Returns the id of a message in tags, metadata and events: the part of its Message-ID before the
/// `@`, 24 hexadecimal digits. It is a keyed hash of campaign and recipient, so it contains no
/// personal data.
pub(in crate::provider) fn correlation_id(job: &Job) -> &str {
    correlation_of(&job.message_id)
}

/// Returns the correlation id in a Message-ID.
pub(in crate::provider) fn correlation_of(message_id: &str) -> &str {
    message_id.split('@').next().unwrap_or_default()
}

/// The name of the tag or metadata field that contains the correlation id.
pub(in crate::provider) const ID: &str = "mailbatch_id";

/// Returns the tags of a message: those from `options`, and its correlation id.
pub(in crate::provider) fn tags_with_id(options: &mut Map<String, Value>, job: &Job) -> Vec<Value> {
    let mut tags = match options.remove("tags") {
        Some(Value::Array(tags)) => tags,
        _ => Vec::new(),
    };
    tags.push(json!({ "name": ID, "value": correlation_id(job) }));
    tags
}

/// A mailbox as an object: `{"email":"…","name":"…"}`.
#[derive(Serialize)]
pub(in crate::provider) struct Mailbox<'a> {
    pub(in crate::provider) email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::provider) name: &'a str,
}

impl<'a> From<&'a Party> for Mailbox<'a> {
    fn from(party: &'a Party) -> Self {
        Self { email: &party.address, name: &party.name }
    }
}

/// Serialises a list of pairs as a JSON object.
pub(in crate::provider) fn map<S: serde::Serializer>(
    pairs: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
