//! What an adapter is: how a service's requests look, and what its answers mean.

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

/// A service's API, as its adapter knows it.
pub(in crate::provider) trait Api: Send + Sync {
    /// What one request may hold, and whether it can be repeated.
    fn limits(&self) -> &Limits;

    /// The request that hands over these members, at most as many as the limits say. The same
    /// members and key give the same bytes.
    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible>;

    /// What distinguishes members that cannot share a request, or hardly, from those that can:
    /// where a request cannot be made, the members of each number are tried by themselves. By
    /// default nothing, and members are halved.
    fn kind_of(&self, _job: &Job) -> u64 {
        0
    }

    /// What an answer means for these members. The status has been looked at already: never a
    /// redirect, never HTML.
    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read;

    /// Whether the service says that this is what it answered to an earlier request under the same
    /// key; none does by default.
    fn is_replay(&self, _answer: &Answer) -> bool {
        false
    }

    /// What an answer to [`Later::ask`] means; an API that says everything at once is not asked.
    fn progress(&self, _jobs: &[&Job], answer: &Answer, _later: &Later) -> Read {
        Read::Doubt(answer.refusal(Reason::NoReply, "", "an answer without a question"))
    }

    /// Headers that belong to this attempt alone, such as a signature with its time; none by
    /// default.
    fn sign<'a>(
        &'a self,
        _request: &'a Request,
        _at: Timestamp,
    ) -> BoxFuture<'a, Result<HeaderMap, Refusal>> {
        Box::pin(std::future::ready(Ok(HeaderMap::new())))
    }
}

/// What one request may hold.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) struct Limits {
    /// The most recipients of one request.
    pub(in crate::provider) recipients: usize,
    /// The most bytes of one request's body.
    pub(in crate::provider) bytes: usize,
    /// For how long the service knows an idempotency key; `None` where a repeat is a second send.
    pub(in crate::provider) idempotency_window: Option<Duration>,
}

/// Why a member cannot be put into a request.
#[derive(Debug)]
pub(in crate::provider) struct Inexpressible(pub(in crate::provider) Refusal);

/// What an answer means.
#[derive(Debug)]
pub(in crate::provider) enum Read {
    /// One verdict for each member, in the order of the request.
    Each(Vec<Verdict>),
    /// The same, and nothing more will be taken until an operator mends it. The members that this
    /// concerns already are `NotTaken`.
    EachAndStop(Vec<Verdict>, Refusal),
    /// It was taken as a whole, and what becomes of each member is reported later.
    Later(Later),
    /// Nothing was taken; the same request may go again, after so long where the service says.
    /// Throttling, and a first request that is still being worked on. Who concludes it from results
    /// of single members has to have one of each.
    Again { wait: Option<Duration>, refusal: Refusal },
    /// Nothing was taken, because of members that are not named, and it is permanent. With one
    /// member it is that member's refusal.
    Unnamed(Refusal),
    /// Nothing was taken, because of these members alone, by their place in the request; the others
    /// may go once more without them.
    Named(Vec<(usize, Refusal)>),
    /// Nothing was taken, because the account may have no more than so many recipients in a
    /// request; the members may go again in smaller ones.
    TooMany(usize, Refusal),
    /// Nothing was taken, and nothing will be until an operator mends it: credentials, account,
    /// quota, a defect of ours.
    Stop(Refusal),
    /// It may have been taken.
    Doubt(Refusal),
}

/// A batch that was taken, and how to learn what became of its members.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Later {
    /// The service's name for the batch.
    pub(in crate::provider) handle: String,
    /// Asks how far the batch is, and changes nothing however often it goes.
    pub(in crate::provider) ask: Request,
    /// The longest pause between two questions.
    pub(in crate::provider) every: Duration,
    /// For how long it is asked at most.
    pub(in crate::provider) patience: Duration,
    /// What is concluded about each member where that time ends, in the order of the request.
    pub(in crate::provider) so_far: Vec<Verdict>,
}

/// What a provider with structured content can do, for adapters to begin from.
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

/// A documented number of requests per window; none where it is zero.
pub(in crate::provider) const fn request_rate(count: u32, per: Duration) -> Option<Rate> {
    match NonZeroU32::new(count) {
        Some(count) => Some(Rate { count, per }),
        None => None,
    }
}

/// What a status means where an adapter knows nothing better. `refusal` is made of the answer's
/// words.
///
/// A 4xx that the adapter does not know as a refusal of members is about us: nothing goes any more,
/// and no recipient is charged with it.
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

/// The parts of a member's message, which every claim of a provider with [`Form::Parts`]
/// has.
pub(in crate::provider) fn content(job: &Job) -> Result<&Content, Inexpressible> {
    job.content
        .as_deref()
        .ok_or_else(|| Inexpressible(Refusal::new(Reason::Render, "", "the message has no parts")))
}

/// The name of one message in tags, metadata and events: the part of its Message-ID before the `@`,
/// 24 hexadecimal digits. A keyed hash of campaign and recipient, so no personal data.
pub(in crate::provider) fn correlation_id(job: &Job) -> &str {
    correlation_of(&job.message_id)
}

/// The same of a Message-ID.
pub(in crate::provider) fn correlation_of(message_id: &str) -> &str {
    message_id.split('@').next().unwrap_or_default()
}

/// The name under which each message carries its correlation id, in tags, metadata and events.
pub(in crate::provider) const ID: &str = "mailbatch_id";

/// The tags of a message: those of the options, and its correlation id.
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

/// Serialises a list of pairs as an object.
pub(in crate::provider) fn map<S: serde::Serializer>(
    pairs: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
