//! Sends mail through Postmark's API.
//!
//! - API: <https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails>, read on
//!   2026-11-21.
//! - Limits: 500 messages and 50 MB per request; 10 MB per message, and 5 MB for each of its two
//!   bodies.
//! - One request: up to 500 messages with one recipient each, rendered by mailbatch.
//! - Partial failure: HTTP 200, and each element of the reply has its own `ErrorCode`. During
//!   incidents the `ErrorCode` of an accepted message is missing. Failed elements name no
//!   recipient, so elements are matched by position.
//! - Idempotency: none. If a written request gets no answer, its recipients are `Unknown`.
//! - Quirks: an `ErrorCode` can look like an HTTP status and means something else, so the code
//!   never mixes them. A broadcast stream writes the unsubscribe headers itself. A 403 with a web
//!   page comes from a network filter in front of the API.

mod account;
mod log;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Read, Request, Service, by_status,
};
use super::{
    Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Refusal, UnsubscribeHeaders,
    Verdict,
};
use crate::content::{Attachment, Content, Party, list_of};
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;
use crate::secret::Secret;

const BASE: &str = "https://api.postmarkapp.com";
const PATH: &str = "/email/batch";
const LIMITS: Limits = Limits { recipients: 500, bytes: 50_000_000, idempotency_window: None };
/// The maximum number of bytes of one body of a message, and of a message with its attachments.
const MAX_TEXT: usize = 5 * 1024 * 1024;
const MAX_MESSAGE: usize = 10 * 1024 * 1024;
/// The header for the server's token, and the test token that every server accepts.
const TOKEN: &str = "x-postmark-server-token";
const TEST_TOKEN: &str = "POSTMARK_API_TEST";
/// The broadcast stream that every server has.
const BROADCAST: &str = "broadcast";
/// The fields of a message that mailbatch writes itself.
const OWNED: [&str; 14] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "ReplyTo",
    "Subject",
    "HtmlBody",
    "TextBody",
    "Headers",
    "Attachments",
    "MessageStream",
    "TemplateId",
    "TemplateAlias",
    "TemplateModel",
];

/// Postmark's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "postmark",
    summary: "Postmark: batches of 500 through a message stream",
    keys: http::keys!["stream", "unsubscribe_headers"],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let mut http = Http::new(settings, BASE)?;
    http.send_key(&keys, (TOKEN, ""), keys.key("api_key")?)?;
    let stream = keys.text("stream")?.unwrap_or("outbound");
    let unsubscribe_headers = match keys.text("unsubscribe_headers")? {
        None if stream == BROADCAST => UnsubscribeHeaders::Provider,
        None | Some("ours") => UnsubscribeHeaders::Ours,
        Some("provider") => UnsubscribeHeaders::Provider,
        Some(_) => {
            return Err(keys
                .error("unsubscribe_headers", "neither ours nor provider")
                .hint("write provider for a broadcast stream"));
        }
    };
    let mut options = keys.options(&OWNED, &["Metadata"])?;
    let refused = ("not a table of texts", "write options = { Metadata = { NAME = \"…\" } }");
    let metadata = keys.take(&mut options, "Metadata", refused, |value| match value {
        Value::Object(metadata) if metadata.values().all(Value::is_string) => Some(metadata),
        _ => None,
    })?;
    let capabilities = Capabilities { unsubscribe_headers, ..http::capabilities(&LIMITS) };
    Ok(Box::new(Postmark { http, capabilities, stream: stream.to_owned(), metadata, options }))
}

struct Postmark {
    http: Http,
    capabilities: Capabilities,
    stream: String,
    /// The metadata of every message, in addition to the correlation id.
    metadata: Map<String, Value>,
    /// Additional fields of each message: `Tag`, `TrackOpens`, `TrackLinks`.
    options: Map<String, Value>,
}

impl Service for Postmark {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Switches to the test token: the service validates messages but does not send them.
    fn sandbox(&mut self, name: &str) -> Result<()> {
        let cannot = |what: String| Error::internal(format!("providers.{name}: {what}"));
        self.http.secret_header(TOKEN, "", Secret::new(TEST_TOKEN)).map_err(cannot)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_body: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    text_body: &'a str,
    headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    metadata: Map<String, Value>,
    message_stream: &'a str,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File<'a> {
    name: &'a str,
    content: &'a str,
    content_type: &'a str,
    #[serde(rename = "ContentID", skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
}

impl<'a> From<&'a Attachment> for File<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self {
            name: &file.name,
            content: &file.data,
            content_type: &file.content_type,
            content_id: file.cid.as_ref().map(|cid| format!("cid:{cid}")),
        }
    }
}

impl Api for Postmark {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], _key: &str) -> Result<Request, Inexpressible> {
        let contents = jobs.iter().map(|job| http::content(job)).collect::<Result<Vec<_>, _>>()?;
        // The size is checked before serialisation. Otherwise up to 500 messages with attachments
        // would be serialised in memory, only to be divided afterwards.
        if contents.iter().map(|content| size(content)).sum::<usize>() > LIMITS.bytes {
            return Err(too_large("the messages of a request are larger than 50 MB"));
        }
        let mails = jobs
            .iter()
            .zip(contents)
            .map(|(job, content)| self.mail(job, content))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Request::json(PATH, &mails))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::OK => verdicts(jobs, answer),
            _ => failure(jobs.len(), answer),
        }
    }
}

impl Postmark {
    fn mail<'a>(&'a self, job: &'a Job, content: &'a Content) -> Result<Mail<'a>, Inexpressible> {
        let html = content.html.as_deref();
        if content.text.len().max(html.map_or(0, str::len)) > MAX_TEXT {
            return Err(too_large("a text of the message is larger than 5 MB"));
        }
        let attached: usize = content.attachments.iter().map(|file| file.data.len() / 4 * 3).sum();
        if content.text.len() + html.map_or(0, str::len) + attached > MAX_MESSAGE {
            return Err(too_large("the message is larger than 10 MB"));
        }
        let mut metadata = self.metadata.clone();
        metadata.insert(http::ID.into(), http::correlation_id(job).into());
        Ok(Mail {
            from: content.from.to_string(),
            to: Party { name: content.to_name.clone(), address: job.to.as_str().to_owned() }
                .to_string(),
            reply_to: list_of(&content.reply_to),
            subject: &content.subject,
            html_body: html,
            text_body: &content.text,
            headers: content.headers.iter().map(|(name, value)| Header { name, value }).collect(),
            attachments: content.attachments.iter().map(File::from).collect(),
            metadata,
            message_stream: &self.stream,
            options: &self.options,
        })
    }
}

/// Returns a lower bound for the number of bytes of a message in a request.
fn size(content: &Content) -> usize {
    let attached: usize = content.attachments.iter().map(|file| file.data.len()).sum();
    content.text.len() + content.html.as_ref().map_or(0, String::len) + attached
}

fn too_large(what: &str) -> Inexpressible {
    Inexpressible(Refusal::new(Reason::Content, "", what))
}

/// One element of the reply:
/// `{"ErrorCode":0,"Message":"OK","MessageID":"guid","SubmittedAt":"…","To":"a@b"}`. For a failed
/// message, only the first two fields are present.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    error_code: Option<i64>,
    message: Option<String>,
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
    to: Option<String>,
    /// The errors of single messages, if `ErrorCode` is 11.
    errors: Option<Vec<Problem>>,
}

/// An element of `Errors`. Its form is not documented.
#[derive(Deserialize)]
#[serde(untagged)]
enum Problem {
    Item(Box<Item>),
    Other(serde::de::IgnoredAny),
}

impl Item {
    fn words(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    fn id(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }
}

/// The meaning of an `ErrorCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// The stream suppresses this recipient. The code does not show whether the cause is a bounce,
    /// a complaint, or a manual entry.
    Inactive,
    /// The service permanently refuses this message.
    Refused(Reason),
    /// The refusal applies to every recipient until an operator fixes the cause.
    Stop(Reason),
    /// The service temporarily refuses this message.
    Again(Reason),
    /// The message failed, but may have been accepted before the failure.
    Doubt,
}

impl Says {
    /// Maps the codes listed at <https://postmarkapp.com/developer/api/overview#error-codes>.
    fn of(item: &Item) -> Self {
        match item.error_code.unwrap_or_default() {
            406 => Self::Inactive,
            300 => Self::of_prose(item.words()),
            403 | 411 => Self::Refused(Reason::Content),
            11 => {
                let inner = item.errors.iter().flatten().filter_map(|problem| match problem {
                    Problem::Item(item)
                        if item.error_code.is_some_and(|code| !matches!(code, 0 | 11)) =>
                    {
                        Some(Self::of(item))
                    }
                    _ => None,
                });
                // An error that applies to every recipient takes precedence, so that no recipient
                // is charged with it.
                inner
                    .reduce(|one, other| if matches!(other, Self::Stop(_)) { other } else { one })
                    .unwrap_or(Self::Refused(Reason::Policy))
            }
            10 => Self::Stop(Reason::Auth),
            400 | 401 | 412 | 413 => Self::Stop(Reason::Policy),
            405 => Self::Stop(Reason::Cap),
            // Errors about JSON, the content type or the number of messages mean a defect in
            // mailbatch. Errors about templates and streams mean a wrong configuration.
            402 | 409 | 410 | 1_101 | 1_120..=1_123 | 1_221..=1_299 => Self::Stop(Reason::Session),
            100 => Self::Again(Reason::Session),
            429 => Self::Again(Reason::Rate),
            500 => Self::Doubt,
            _ => Self::Refused(Reason::Policy),
        }
    }

    /// Interprets messages such as "Invalid 'To' address: 'ann@'.", "Error parsing 'To': Illegal
    /// email domain" and "Invalid 'From' address: …". Only the first quoted word is a field name,
    /// because later quotes can contain any text.
    fn of_prose(message: &str) -> Self {
        match message.split('\'').nth(1).unwrap_or_default() {
            "To" => Self::Refused(Reason::BadAddress),
            "From" | "ReplyTo" | "Reply-To" => Self::Stop(Reason::Policy),
            _ => Self::Refused(Reason::Content),
        }
    }
}

fn verdicts(jobs: &[&Job], answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(items) = answer.json::<Vec<Item>>() else { return doubt("the reply cannot be read") };
    if items.len() != jobs.len() {
        return doubt("the reply does not account for every message");
    }
    let names = |item: &Item, job: &Job| item.to.as_deref().is_none_or(|to| is_of(to, job));
    let is_elsewhere = |item: &Item| jobs.iter().any(|job| item.to.is_some() && names(item, job));
    if jobs.iter().zip(&items).any(|(job, item)| !names(item, job) && is_elsewhere(item)) {
        return doubt("the reply is not in the order of the request");
    }
    let mut stop = None;
    let verdict = |(job, item): (&&Job, Item)| {
        let unknown = |what: &str| Verdict::Unknown { detail: what.to_owned() };
        if item.error_code.is_none_or(|code| code == 0) {
            return match item.id() {
                Some(_) if !names(&item, job) => unknown("the reply names another recipient"),
                Some(id) => {
                    let detail = if item.words() == "OK" {
                        String::new()
                    } else {
                        answer.clean(item.words())
                    };
                    Verdict::Accepted {
                        provider_id: Some(answer.clean(id)),
                        code: "200".into(),
                        detail,
                    }
                }
                None => unknown("the reply has neither an id nor an error"),
            };
        }
        let refusal = |reason: Reason| refusal(answer, reason, &item);
        match Says::of(&item) {
            _ if item.id().is_some() => unknown("the reply has an id and an error"),
            Says::Inactive => Verdict::Suppressed(refusal(Reason::Manual)),
            Says::Refused(reason) => Verdict::Rejected(refusal(reason)),
            Says::Stop(reason) => {
                stop.get_or_insert_with(|| refusal(reason));
                Verdict::NotTaken { refusal: refusal(reason), counts: false }
            }
            Says::Again(reason) => {
                Verdict::NotTaken { refusal: refusal(reason), counts: reason != Reason::Rate }
            }
            Says::Doubt => unknown(&refusal(Reason::NoReply).detail),
        }
    };
    let verdicts: Vec<Verdict> = jobs.iter().zip(items).map(verdict).collect();
    match stop {
        Some(refusal) => Read::EachAndStop(verdicts, refusal),
        None => Read::Each(verdicts),
    }
}

/// Returns whether `to`, with or without a display name, is the address of this recipient.
fn is_of(to: &str, job: &Job) -> bool {
    let address = to.rsplit_once('<').map_or(to, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    address.trim().eq_ignore_ascii_case(job.to.as_str())
}

fn refusal(answer: &Answer, reason: Reason, item: &Item) -> Refusal {
    let name = item.error_code.map_or(String::new(), |code| format!("ErrorCode {code}"));
    answer.refusal(reason, &name, item.words())
}

/// Interprets the failure of a whole request: `{"ErrorCode":300,"Message":"…"}`. The status
/// decides; the `ErrorCode` is used only with status 422.
fn failure(sent: usize, answer: &Answer) -> Read {
    let item: Item = answer.json().unwrap_or_default();
    let refusal = |reason: Reason| refusal(answer, reason, &item);
    match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => match Says::of(&item) {
            Says::Inactive if sent == 1 => {
                Read::Each(vec![Verdict::Suppressed(refusal(Reason::Manual))])
            }
            Says::Inactive => Read::Unnamed(refusal(Reason::Manual)),
            Says::Refused(reason) => Read::Unnamed(refusal(reason)),
            Says::Stop(reason) => Read::Stop(refusal(reason)),
            Says::Again(reason) => {
                Read::Again { wait: answer.retry_after(), refusal: refusal(reason) }
            }
            Says::Doubt => Read::Doubt(refusal(Reason::NoReply)),
        },
        // The service reports a planned outage, unless the reply is a gateway's web page.
        StatusCode::SERVICE_UNAVAILABLE if !answer.is_html() => {
            Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::Session) }
        }
        // The service cannot read any request of this form.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Read::Stop(refusal(Reason::Session)),
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}
