//! Sends mail through Bird's regional e-mail API.
//!
//! - API: <https://bird.com/en-it/docs/api/reference/create-email-message-batch/>, read on
//!   2026-11-21. The API at `api.bird.com` is a different one.
//! - Limits: 100 messages and 20 MB per request; 998 characters for a subject or a header, 524,288
//!   for each body. Five batches a minute, unless Bird has agreed to another rate.
//! - One request: up to 100 messages with one recipient each, rendered by mailbatch. The guide does
//!   not allow attachments in a batch although the newest SDK does, so mailbatch refuses them.
//! - Partial failure: none. One invalid message refuses the whole batch. The documentation does not
//!   say how the refusal names a message, so the batch is bisected.
//! - Idempotency: the header `Idempotency-Key`, recognised for about 3 hours. After a lost reply
//!   the request is repeated.
//! - Quirks: `category` decides which recipients Bird suppresses, so it is always written. Bird
//!   adds its own unsubscribe headers to marketing mail and refuses mail that already has them;
//!   transactional mail keeps those of mailbatch. A key works only in its own region. Errors are
//!   nested under `error` or, in older documentation, at the top level. Bird stores a refusal under
//!   its key just as it stores a success, and marks a repeated answer with `Idempotency-Replay:
//!   true`. Such a refusal proves that the first request was refused, so no recipient's outcome is
//!   unknown.

mod account;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Mailbox, Read, Request, Service,
    by_status,
};
use super::{
    Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Refusal, UnsubscribeHeaders,
    Verdict,
};
use crate::content::{Content, Needs};
use crate::model::error::Result;
use crate::model::outcome::{Kind, Reason};

const BASE: &str = "https://us1.platform.bird.com";
const BASE_EU: &str = "https://eu1.platform.bird.com";
const PATH: &str = "/v1/email/batches";
const LIMITS: Limits = Limits {
    recipients: 100,
    bytes: 20_000_000,
    idempotency_window: Some(Duration::from_secs(3 * 3_600)),
};
/// The maximum number of characters of a subject, and of a header's value.
const MAX_LINE: usize = 998;
/// The maximum number of characters of `html`, and of `text`.
const MAX_BODY: usize = 524_288;
/// The maximum number of mailboxes in `reply_to`.
const MAX_REPLY_TO: usize = 25;
/// Headers that Bird writes itself.
const RESERVED: [&str; 13] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "reply-to",
    "sender",
    "return-path",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "received",
];
/// Bird's test address. Bird accepts every message to it and reports the message as delivered.
const SANDBOX: &str = "delivered@messagebird.dev";
const CAPABILITIES: Capabilities = Capabilities {
    attachments: false,
    inline_images: false,
    unsubscribe_headers: UnsubscribeHeaders::Provider,
    refused_headers: &RESERVED,
    request_rate: http::request_rate(5, Duration::from_secs(60)),
    ..http::capabilities(&LIMITS)
};

/// Bird's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "bird",
    summary: "Bird: batches of 100, safe to repeat after a lost reply",
    keys: http::keys![],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let key = keys.key("api_key")?;
    let mut http = Http::new(settings, base(key.current().secret.expose()))?;
    http.send_key(&keys, http::BEARER, key)?;
    let owned = [
        "from",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "html",
        "text",
        "headers",
        "category",
        "attachments",
        "parameters",
        "template",
        "scheduled_at",
    ];
    let mut options = keys.options(&owned, &["metadata"])?;
    let refused = ("not a table", "write options = { metadata = { NAME = \"VALUE\" } }");
    let metadata = keys.take(&mut options, "metadata", refused, |value| match value {
        Value::Object(metadata) => Some(metadata),
        _ => None,
    })?;
    Ok(Box::new(Bird {
        http,
        is_sandboxed: false,
        kind: Kind::Marketing,
        capabilities: CAPABILITIES,
        metadata,
        options,
    }))
}

/// Returns the API address of the key's region. The key's prefix names the region: `bk_eu1_…`.
fn base(key: &str) -> &'static str {
    if key.starts_with("bk_eu1_") { BASE_EU } else { BASE }
}

struct Bird {
    http: Http,
    /// Whether every message is sent to the sandbox address.
    is_sandboxed: bool,
    /// The kind of mail, sent as `category`.
    kind: Kind,
    capabilities: Capabilities,
    /// The metadata of every message, in addition to the correlation id.
    metadata: Map<String, Value>,
    /// Additional fields of each message: `tags`, `ip_pool`, `track_opens`, `track_clicks`.
    options: Map<String, Value>,
}

impl Service for Bird {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn adapt(&mut self, name: &str, needs: &Needs) -> Result<()> {
        if !needs.is_marketing {
            self.kind = Kind::Transactional;
            self.capabilities.unsubscribe_headers = UnsubscribeHeaders::Ours;
        }
        self.capabilities.refuse_inexpressible(name, needs)
    }

    /// Sends every message to Bird's test address instead of its recipient. Bird does not document
    /// labels for that address.
    fn sandbox(&mut self, _name: &str) -> Result<()> {
        self.is_sandboxed = true;
        Ok(())
    }
}

#[derive(Serialize)]
struct Mail<'a> {
    from: Mailbox<'a>,
    to: [Mailbox<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to: Vec<Mailbox<'a>>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "http::map")]
    headers: &'a [(String, String)],
    category: Kind,
    metadata: Map<String, Value>,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

impl Api for Bird {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let mails = jobs.iter().map(|job| self.mail(job)).collect::<Result<Vec<_>, _>>()?;
        Ok(Request::json(PATH, &mails).header("idempotency-key", key))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::OK | StatusCode::ACCEPTED => verdicts(jobs.len(), answer),
            _ => failure(jobs.len(), answer),
        }
    }

    fn is_replay(&self, answer: &Answer) -> bool {
        answer.header("idempotency-replay").eq_ignore_ascii_case("true")
    }
}

impl Bird {
    fn mail<'a>(&'a self, job: &'a Job) -> Result<Mail<'a>, Inexpressible> {
        let content = http::content(job)?;
        refuse_too_long(content)?;
        let mut metadata = self.metadata.clone();
        metadata.insert(http::ID.to_owned(), Value::from(http::correlation_id(job)));
        Ok(Mail {
            from: (&*content.from).into(),
            to: [Mailbox {
                email: if self.is_sandboxed { SANDBOX } else { job.to.as_str() },
                name: &content.to_name,
            }],
            reply_to: content.reply_to.iter().map(Mailbox::from).collect(),
            subject: &content.subject,
            html: content.html.as_deref(),
            text: &content.text,
            headers: &content.headers,
            category: self.kind,
            metadata,
            options: &self.options,
        })
    }
}

/// Refuses a message that exceeds the service's limits. The service would refuse the whole batch
/// because of one message.
fn refuse_too_long(content: &Content) -> Result<(), Inexpressible> {
    let count = content.reply_to.len();
    if count > MAX_REPLY_TO {
        let words = format!("reply_to has {count} mailboxes, the service takes {MAX_REPLY_TO}");
        return Err(Inexpressible(Refusal::new(Reason::Content, "", words)));
    }
    let headers =
        content.headers.iter().map(|(name, value)| (name.as_str(), value.as_str(), MAX_LINE));
    let parts = [
        ("subject", content.subject.as_str(), MAX_LINE),
        ("text", content.text.as_str(), MAX_BODY),
        ("html", content.html.as_deref().unwrap_or_default(), MAX_BODY),
    ];
    for (name, value, most) in parts.into_iter().chain(headers) {
        // A text has at least as many bytes as characters, so characters are counted only if there
        // are too many bytes.
        let characters = if value.len() > most { value.chars().count() } else { 0 };
        if characters > most {
            let words = format!("{name} has {characters} characters, the service takes {most}");
            return Err(Inexpressible(Refusal::new(Reason::Content, "", words)));
        }
    }
    Ok(())
}

/// A success reply, in the order of the request:
/// `{"data":[{"id":"em_…","status":"accepted","category":"marketing"}]}`.
#[derive(Deserialize)]
struct Taken {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

fn verdicts(sent: usize, answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(Taken { data }) = answer.json() else { return doubt("the reply cannot be read") };
    if data.len() != sent {
        return doubt("the reply does not account for every message");
    }
    let verdict =
        |Entry { id, status }: Entry| match (id.filter(|id| !id.is_empty()), status.as_deref()) {
            (id, Some("accepted")) | (id @ Some(_), None) => Verdict::Accepted {
                provider_id: id.map(|id| answer.clean(&id)),
                code: answer.status.as_str().into(),
                detail: String::new(),
            },
            // Bird documents only the status `accepted` for a message that was just submitted.
            (_, status) => Verdict::Unknown {
                detail: answer.clean(&format!(
                    "{} {}",
                    answer.status.as_str(),
                    status.unwrap_or("without an id")
                )),
            },
        };
    Read::Each(data.into_iter().map(verdict).collect())
}

/// An error reply:
/// `{"error":{"type":"validation_error","code":"E01001","name":"…","message":"…","details":[{"param":"to[0].email","message":"…"}]}}`.
struct Problem {
    class: String,
    code: String,
    name: String,
    /// All messages of the error, joined.
    words: String,
    /// The names of the fields that the error concerns.
    params: Vec<String>,
}

impl Problem {
    /// Parses a nested or top-level error. Returns `None` if the reply has no error in Bird's
    /// format.
    fn of(answer: &Answer) -> Option<Self> {
        let body: Value = answer.json()?;
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
        let text = |value: &Value, key: &str| {
            value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let details =
            error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let words = std::iter::once(error)
            .chain(details)
            .map(|said| text(said, "message"))
            .filter(|words| !words.is_empty());
        let problem = Self {
            class: text(error, "type"),
            code: text(error, "code"),
            name: text(error, "name"),
            words: words.collect::<Vec<_>>().join("; "),
            params: std::iter::once(error)
                .chain(details)
                .map(|said| text(said, "param"))
                .filter(|param| !param.is_empty())
                .collect(),
        };
        (!problem.class.is_empty() || !problem.code.is_empty() || !problem.name.is_empty())
            .then_some(problem)
    }

    /// Returns whether the error concerns `field` of any message, as in `to[0].email` or
    /// `[3].to[0].email`.
    fn concerns(&self, field: &str) -> bool {
        self.params.iter().any(|param| param.split(['.', '[', ']']).any(|part| part == field))
    }

    /// Returns whether the error's code or name contains this word, ignoring case.
    fn is_about(&self, word: &str) -> bool {
        [&self.code, &self.name].iter().any(|text| text.to_ascii_lowercase().contains(word))
    }

    /// Returns the error's name for scripts, or its code or type if it has no name.
    fn label(&self) -> &str {
        [&self.name, &self.code, &self.class]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", String::as_str)
    }
}

fn failure(sent: usize, answer: &Answer) -> Read {
    let Some(problem) = Problem::of(answer) else {
        return by_status_alone(answer, answer.refusal(Reason::Policy, "", ""));
    };
    let refusal = |reason: Reason| answer.refusal(reason, problem.label(), &problem.words);
    let is = |code: &str, name: &str| problem.code == code || problem.name == name;
    match answer.status {
        StatusCode::CONFLICT if is("E01004", "RequestInProgress") => {
            Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::NoReply) }
        }
        // Only a defect in mailbatch can cause this.
        StatusCode::CONFLICT if is("E01005", "IdempotencyKeyReuse") => {
            Read::Stop(refusal(Reason::Session))
        }
        StatusCode::TOO_MANY_REQUESTS
            if problem.is_about("limitexceeded") && problem.is_about("onboarding") =>
        {
            Read::Stop(refusal(Reason::Cap))
        }
        StatusCode::UNPROCESSABLE_ENTITY => unprocessable(sent, &problem, &refusal),
        // In Bird's format, this reply means that nothing was accepted and the key may be used
        // again. The same status from a gateway would prove nothing.
        StatusCode::SERVICE_UNAVAILABLE if problem.class == "service_unavailable_error" => {
            Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::Session) }
        }
        StatusCode::NOT_IMPLEMENTED => Read::Stop(refusal(Reason::Session)),
        StatusCode::BAD_REQUEST => Read::Unnamed(refusal(Reason::Policy)),
        _ => by_status_alone(answer, refusal(Reason::Policy)),
    }
}

fn unprocessable(sent: usize, problem: &Problem, refusal: &dyn Fn(Reason) -> Refusal) -> Read {
    // One suppressed recipient makes Bird refuse the whole batch. Bird documents neither the
    // error's name nor where the error states the reason. The related event is named
    // `recipient_suppressed`.
    if problem.is_about("suppress") || problem.words.to_ascii_lowercase().contains("suppressed") {
        return match sent {
            1 => Read::Each(vec![Verdict::Suppressed(refusal(Reason::Policy))]),
            _ => Read::Unnamed(refusal(Reason::Policy)),
        };
    }
    // The error `RecipientDomainNotAllowed` refuses a domain reserved for tests.
    if problem.concerns("to") || problem.is_about("recipient") {
        return Read::Unnamed(refusal(Reason::BadAddress));
    }
    // The sender is the same for every recipient. The related event is named `domain_unverified`.
    if problem.concerns("from") || (problem.is_about("domain") && problem.is_about("verified")) {
        return Read::Stop(refusal(Reason::Policy));
    }
    Read::Unnamed(refusal(Reason::Policy))
}

fn by_status_alone(answer: &Answer, refusal: Refusal) -> Read {
    let with = |reason: Reason| Refusal { reason, ..refusal.clone() };
    match answer.status {
        // This status means that the key belongs to another region.
        StatusCode::MISDIRECTED_REQUEST => Read::Stop(with(Reason::Auth)),
        StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED => Read::Stop(refusal),
        StatusCode::TOO_MANY_REQUESTS => Read::Again {
            wait: answer.retry_after().or_else(|| reset(answer)),
            refusal: with(Reason::Rate),
        },
        _ => by_status(answer, refusal),
    }
}

/// Returns the wait from the header `RateLimit: "email_batch";r=0;t=35`, where `t` is the number of
/// seconds until the limit's minute ends.
fn reset(answer: &Answer) -> Option<Duration> {
    let seconds =
        answer.header("ratelimit").split(';').find_map(|part| part.trim().strip_prefix("t="))?;
    seconds.parse().ok().map(Duration::from_secs)
}
