//! Sends mail through Twilio SendGrid's v3 API.
//!
//! - API: <https://www.twilio.com/docs/sendgrid/api-reference/mail-send>, read on 2026-11-21.
//! - Limits: 20 MB per request (the documentation says 30 MB in one place and 20 MB in another),
//!   1,000 recipients, each address once, and less than 10,000 bytes of substitutions per
//!   recipient.
//! - One request: one message to up to 1,000 recipients with common bodies. The differing text is
//!   in the `substitutions` of each recipient, under tags that cannot be predicted. Subjects and
//!   headers may differ per recipient. With `gzip = true` the request is compressed, which the
//!   documentation calls "mail body compression" and which must be enabled for the account.
//! - Partial failure: none, a request is accepted or refused as a whole. `field` names the wrong
//!   field if SendGrid knows it.
//! - Idempotency: none. If a written request gets no answer, its recipients are `Unknown`.
//! - Quirks: all messages of a request have the same id. A success is 202 with an empty body and
//!   the id in `X-Message-Id`; in sandbox mode it is 200 and SendGrid sends nothing. Suppressed
//!   addresses are accepted, and reported later as events. Display names may contain neither `;`
//!   nor `,`.

mod account;
mod log;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Mark, Read, Request, Service, Shared,
    by_status,
};
use super::{Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Verdict};
use crate::content::{Attachment, Content, Party};
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;

const BASE: &str = "https://api.sendgrid.com";
/// The header with the id of an accepted request. The reply has an empty body.
const ID: &str = "x-message-id";
const PATH: &str = "/v3/mail/send";
const LIMITS: Limits = Limits { recipients: 1_000, bytes: 20_000_000, idempotency_window: None };
const CAPABILITIES: Capabilities = Capabilities {
    refused_headers: &["x-sg-id", "x-sg-eid"],
    shares_attachments: true,
    ..http::capabilities(&LIMITS)
};

/// The limit for one recipient's substitutions: their total size must be below this number of
/// bytes.
const MAX_SUBSTITUTIONS: usize = 10_000;

/// SendGrid's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "sendgrid",
    summary: "Twilio SendGrid: batches of 1,000 by substitutions",
    keys: http::keys!["gzip"],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let http = Http::with_bearer(&keys, BASE)?;
    let owned = [
        "personalizations",
        "from",
        "reply_to",
        "reply_to_list",
        "subject",
        "content",
        "attachments",
        "headers",
        "template_id",
    ];
    Ok(Box::new(SendGrid {
        http,
        is_gzip: keys.flag("gzip", false)?,
        options: keys.options(&owned, &["mail_settings"])?,
    }))
}

struct SendGrid {
    http: Http,
    /// Whether request bodies are compressed with gzip.
    is_gzip: bool,
    /// Additional fields of each request: `categories`, `asm`, `ip_pool_name`, `tracking_settings`,
    /// `mail_settings`.
    options: serde_json::Map<String, serde_json::Value>,
}

impl Service for SendGrid {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    /// Sets `mail_settings.sandbox_mode`: the service validates requests and replies with 200.
    fn sandbox(&mut self, name: &str) -> Result<()> {
        let settings = self.options.entry("mail_settings").or_insert_with(|| serde_json::json!({}));
        let Some(settings) = settings.as_object_mut() else {
            return Err(Error::usage(format!(
                "providers.{name}.options.mail_settings: not a table"
            ))
            .hint("write mail_settings = { NAME = { … } }"));
        };
        // Another spelling of the same option would become a second field, so it is removed.
        settings.retain(|key, _| http::bare(key) != http::bare("sandbox_mode"));
        settings.insert("sandbox_mode".into(), serde_json::json!({ "enable": true }));
        Ok(())
    }
}

#[derive(Serialize)]
struct Mail<'a> {
    personalizations: Vec<Personalization<'a>>,
    from: Mailbox<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Mailbox<'a>>,
    /// Replaces `reply_to` if there are several addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to_list: Vec<Mailbox<'a>>,
    subject: &'a str,
    content: Vec<Part>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "http::map")]
    headers: &'a [(String, String)],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(flatten)]
    options: &'a serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Mailbox<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "http::map")]
    headers: &'a [(String, String)],
    #[serde(skip_serializing_if = "Map::is_empty")]
    substitutions: Map<String, Value>,
    custom_args: Arguments<'a>,
}

/// The custom arguments of a message. Events contain them at their top level.
#[derive(Serialize)]
struct Arguments<'a> {
    mailbatch_id: &'a str,
}

#[derive(Serialize)]
struct Mailbox<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
}

impl<'a> Mailbox<'a> {
    fn new(email: &'a str, name: &str) -> Self {
        Self { email, name: name.replace([';', ','], " ") }
    }
}

impl<'a> From<&'a Party> for Mailbox<'a> {
    fn from(party: &'a Party) -> Self {
        Self::new(&party.address, &party.name)
    }
}

#[derive(Serialize)]
struct Part {
    r#type: &'static str,
    value: String,
}

#[derive(Serialize)]
struct File<'a> {
    content: &'a str,
    filename: &'a str,
    r#type: &'a str,
    disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

impl<'a> From<&'a Attachment> for File<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self {
            content: &file.data,
            filename: &file.name,
            r#type: &file.content_type,
            disposition: if file.cid.is_some() { "inline" } else { "attachment" },
            content_id: file.cid.as_deref(),
        }
    }
}

impl Api for SendGrid {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let contents = jobs.iter().map(|job| http::content(job)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = contents.first() else {
            return Err(inexpressible(Reason::Session, "there is no recipient"));
        };
        fit_one_request(jobs, &contents)?;
        let tags = Tags::of(key, &contents)?;
        let mut shared = Shared::new(jobs.len(), tags.mark());
        let text = shared.lines("t", |member| contents[member].text.as_str());
        let html = first.html.as_ref().map(|_| {
            shared.lines("h", |member| contents[member].html.as_deref().unwrap_or_default())
        });
        let has_one = |differs: fn(&Content, &Content) -> bool| {
            !contents.iter().any(|content| differs(content, first))
        };
        let (one_subject, one_header) =
            (has_one(|a, b| a.subject != b.subject), has_one(|a, b| a.headers != b.headers));
        let mut personalizations = Vec::with_capacity(jobs.len());
        for ((job, content), variables) in jobs.iter().zip(&contents).zip(shared.variables()) {
            let substitutions: Map<String, Value> =
                variables.into_iter().map(|(name, value)| (tags.tag(&name), value)).collect();
            let bytes: usize = substitutions
                .iter()
                .map(|(tag, value)| tag.len() + value.as_str().map_or(0, str::len))
                .sum();
            if bytes >= MAX_SUBSTITUTIONS {
                return Err(inexpressible(
                    Reason::Content,
                    "the text that differs per recipient is larger than 10,000 bytes",
                ));
            }
            personalizations.push(Personalization {
                to: [Mailbox::new(job.to.as_str(), &content.to_name)],
                subject: (!one_subject).then_some(content.subject.as_str()),
                headers: if one_header { &[] } else { &content.headers },
                substitutions,
                custom_args: Arguments { mailbatch_id: http::correlation_id(job) },
            });
        }
        let (reply_to, reply_to_list) = match &*first.reply_to {
            [one] => (Some(one.into()), Vec::new()),
            several => (None, several.iter().map(Mailbox::from).collect()),
        };
        let html = html.map(|value| Part { r#type: "text/html", value });
        // SendGrid requires the text part first, and refuses an empty part.
        let parts = std::iter::once(Part { r#type: "text/plain", value: text })
            .chain(html)
            .filter(|part| !part.value.is_empty());
        let mail = Mail {
            personalizations,
            from: (&*first.from).into(),
            reply_to,
            reply_to_list,
            subject: &first.subject,
            content: parts.collect(),
            headers: if one_header { &first.headers } else { &[] },
            attachments: first.attachments.iter().map(File::from).collect(),
            options: &self.options,
        };
        let request = Request::json(PATH, &mail).decided_by(ID);
        Ok(if self.is_gzip { request.in_gzip() } else { request })
    }

    fn kind_of(&self, job: &Job) -> u64 {
        job.content.as_deref().map_or(0, |content| {
            let mut hash = DefaultHasher::new();
            http::shape(content).hash(&mut hash);
            content.reply_to.hash(&mut hash);
            hash.finish()
        })
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::ACCEPTED => accepted(jobs, answer, ""),
            StatusCode::OK => accepted(jobs, answer, "validated in sandbox mode, not sent"),
            _ => failure(jobs, answer),
        }
    }
}

fn inexpressible(reason: Reason, what: &str) -> Inexpressible {
    Inexpressible(Refusal::new(reason, "", what))
}

/// The substitution tags of a request. Each tag contains a part of the request's key, a hash that
/// the author of a message or value cannot know. No text therefore contains a tag, and no tag
/// arises where a text and a value meet.
struct Tags {
    before: String,
}

impl Tags {
    const AFTER: &'static str = "-";

    /// Creates the tags. Returns an error if a text contains the start of a tag.
    fn of(key: &str, contents: &[&Content]) -> Result<Self, Inexpressible> {
        let before = format!("-{}.", key.get(..12).unwrap_or(key));
        let holds_it = |content: &&Content| {
            content.text.contains(&before)
                || content.html.as_ref().is_some_and(|html| html.contains(&before))
        };
        if contents.len() > 1 && contents.iter().any(holds_it) {
            return Err(inexpressible(Reason::Content, "the message contains a substitution tag"));
        }
        Ok(Self { before })
    }

    fn mark(&self) -> Mark {
        Mark { before: self.before.clone(), after: Self::AFTER, edges: &['-'] }
    }

    fn tag(&self, name: &str) -> String {
        format!("{}{name}{}", self.before, Self::AFTER)
    }
}

/// Returns an error if these messages cannot share a request.
fn fit_one_request(jobs: &[&Job], contents: &[&Content]) -> Result<(), Inexpressible> {
    let Some((first, others)) = contents.split_first() else { return Ok(()) };
    // SendGrid refuses a request in which an address occurs twice.
    let people: BTreeSet<String> = jobs.iter().map(|job| job.to.as_str().to_lowercase()).collect();
    let is_empty =
        |content: &Content| (content.text.is_empty(), content.html.as_ref().map(String::is_empty));
    let is_alike = |other: &&Content| {
        is_empty(other) == is_empty(first)
            && other.from == first.from
            && other.reply_to == first.reply_to
            && (Arc::ptr_eq(&other.attachments, &first.attachments)
                || other.attachments == first.attachments)
    };
    if people.len() < jobs.len() || !others.iter().all(is_alike) {
        return Err(inexpressible(Reason::Content, "the messages cannot share a request"));
    }
    Ok(())
}

fn accepted(jobs: &[&Job], answer: &Answer, detail: &str) -> Read {
    // A reply with a body but without an id does not come from SendGrid.
    let id = Some(answer.header(ID)).filter(|id| !id.is_empty()).map(|id| answer.clean(id));
    if id.is_none() && !answer.body.is_empty() {
        return Read::Doubt(answer.refusal(Reason::NoReply, "", "the reply cannot be read"));
    }
    let code = answer.status.as_str().to_owned();
    Read::Each(
        jobs.iter()
            .map(|_| Verdict::Accepted {
                provider_id: id.clone(),
                code: code.clone(),
                detail: detail.into(),
            })
            .collect(),
    )
}

/// An error reply:
/// `{"errors":[{"message":"…","field":"personalizations.0.to.0.email","help":"…"}]}`.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

fn failure(jobs: &[&Job], answer: &Answer) -> Read {
    let Failure { errors } = answer.json().unwrap_or_default();
    let message = errors
        .iter()
        .filter_map(|problem| problem.message.as_deref())
        .collect::<Vec<_>>()
        .join("; ");
    let field = errors
        .first()
        .and_then(|problem| problem.field.as_deref())
        .filter(|field| *field != "null")
        .unwrap_or_default();
    let refusal = |reason: Reason| answer.refusal(reason, field, &message);
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Read::Again {
            wait: answer.retry_after().or_else(|| reset(answer)),
            refusal: refusal(Reason::Rate),
        },
        StatusCode::BAD_REQUEST
            if field.starts_with("personalizations") && field.contains(".to") =>
        {
            named(jobs.len(), answer, &errors)
                .unwrap_or_else(|| Read::Unnamed(refusal(Reason::BadAddress)))
        }
        // The sender is the same for every recipient.
        StatusCode::BAD_REQUEST if field.split('.').next() == Some("from") => {
            Read::Stop(refusal(Reason::Policy))
        }
        StatusCode::BAD_REQUEST => Read::Unnamed(refusal(Reason::Policy)),
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}

/// Returns the refused messages, if every error names one message by its position in a request with
/// several messages.
fn named(sent: usize, answer: &Answer, errors: &[Problem]) -> Option<Read> {
    let mut refused = Vec::with_capacity(errors.len());
    for Problem { message, field } in errors {
        let field = field.as_deref()?;
        let (place, rest) = field.strip_prefix("personalizations.")?.split_once('.')?;
        let place = place.parse().ok().filter(|place| *place < sent && rest.starts_with("to"))?;
        refused.push((
            place,
            answer.refusal(Reason::BadAddress, field, message.as_deref().unwrap_or_default()),
        ));
    }
    (sent > 1).then_some(Read::Named(refused))
}

/// Returns the wait from the header `X-RateLimit-Reset`, a Unix time in seconds.
fn reset(answer: &Answer) -> Option<Duration> {
    let at = Timestamp::from_second(answer.header("x-ratelimit-reset").parse().ok()?).ok()?;
    Some(Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO))
}
