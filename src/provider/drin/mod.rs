//! Sends mail through Drin's API.
//!
//! - API: <https://drin.run/docs/api-reference/emails/batch>, read on 2026-11-21.
//! - Limits: 100 messages per request. No size limit is documented; mailbatch limits a request to
//!   20 MB, and halves the batch after a 413.
//! - One request: up to 100 messages with one recipient each, rendered by mailbatch. Attachments
//!   are allowed.
//! - Partial failure: 207 with one result for each message. Two forms are published: `results` with
//!   an index, and `data` in order. Both are read. If the number of results differs from the number
//!   of messages, every outcome is unknown.
//! - Idempotency: the header `Idempotency-Key`, which a project recognises for 24 hours. After a
//!   lost reply the request is repeated.
//! - Quirks: a used-up quota is reported as 403, not 429. A 409 means that the key was used for
//!   another body, or that every recipient is suppressed; `type` distinguishes the two. A key for
//!   the whole account needs `project`.

mod account;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Mailbox, Read, Request, Service,
    by_status,
};
use super::{Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Verdict};
use crate::content::Attachment;
use crate::model::error::Result;
use crate::model::outcome::Reason;

const BASE: &str = "https://api.drin.run";
const PATH: &str = "/v1/emails/batch";
const LIMITS: Limits = Limits {
    recipients: 100,
    bytes: 20_000_000,
    idempotency_window: Some(Duration::from_secs(24 * 3_600)),
};
/// Inline images are not supported, because no field is documented for the name of an image in the
/// HTML.
const CAPABILITIES: Capabilities =
    Capabilities { inline_images: false, ..http::capabilities(&LIMITS) };

/// Drin's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "drin",
    summary: "Drin: batches of 100, safe to repeat after a lost reply",
    keys: http::keys!["project"],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let http = Http::with_bearer(&keys, BASE)?;
    let project = keys.text("project")?;
    if project.is_some_and(|name| name.is_empty() || !name.bytes().all(|b| matches!(b, 33..=126))) {
        return Err(keys
            .error("project", "empty, or contains a character that is not allowed in a header")
            .hint("write the project's name as Drin shows it"));
    }
    let owned = [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "html",
        "text",
        "replyTo",
        "headers",
        "attachments",
        "templateId",
        "data",
        "scheduledAt",
    ];
    Ok(Box::new(Drin {
        http,
        project: project.map(str::to_owned),
        options: keys.options(&owned, &["tags"])?,
    }))
}

struct Drin {
    http: Http,
    /// The project to use if the key is valid for the whole account.
    project: Option<String>,
    /// Additional fields of each message: `tags`.
    options: serde_json::Map<String, serde_json::Value>,
}

impl Service for Drin {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    emails: Vec<Mail<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mail<'a> {
    from: Mailbox<'a>,
    to: [Mailbox<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to: Vec<Mailbox<'a>>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "http::map")]
    headers: &'a [(String, String)],
    tags: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(flatten)]
    options: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    filename: &'a str,
    content: &'a str,
    content_type: &'a str,
}

impl<'a> From<&'a Attachment> for File<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self { filename: &file.name, content: &file.data, content_type: &file.content_type }
    }
}

impl Api for Drin {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let emails = jobs.iter().map(|job| self.mail(job)).collect::<Result<Vec<_>, _>>()?;
        let request = Request::json(PATH, &Batch { emails }).header("idempotency-key", key);
        Ok(self.of_project(request))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        if answer.status.is_success() {
            verdicts(jobs.len(), answer)
        } else {
            failure(jobs.len(), answer)
        }
    }
}

impl Drin {
    fn of_project(&self, request: Request) -> Request {
        match &self.project {
            Some(project) => request.header("x-drin-product", project),
            None => request,
        }
    }

    fn mail<'a>(&self, job: &'a Job) -> Result<Mail<'a>, Inexpressible> {
        let content = http::content(job)?;
        let mut options = self.options.clone();
        let tags = http::tags_with_id(&mut options, job);
        Ok(Mail {
            from: (&*content.from).into(),
            to: [Mailbox { email: job.to.as_str(), name: &content.to_name }],
            reply_to: content.reply_to.iter().map(Mailbox::from).collect(),
            subject: &content.subject,
            html: content.html.as_deref(),
            text: &content.text,
            headers: &content.headers,
            tags,
            attachments: content.attachments.iter().map(File::from).collect(),
            options,
        })
    }
}

/// A success reply:
/// `{"results":[{"index":0,"id":"msg_…","status":"queued"},{"index":1,"error":{…}}]}`, or
/// `{"data":[{"id":"msg_…"},{"error":{…}}]}`.
#[derive(Deserialize)]
struct Taken {
    #[serde(alias = "data")]
    results: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<Problem>,
}

/// An error in a reply: `{"type":"validation_error","message":"…","code":"…","param":"to"}`.
#[derive(Clone, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    param: Option<String>,
}

/// The reply to a failed request: `{"error":{…}}`.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Problem,
}

impl Problem {
    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// Returns whether the error concerns a field, such as `to` in `emails[3].to[0].email`.
    fn is_about(&self, field: &str) -> bool {
        self.param.as_deref().is_some_and(|param| {
            param.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == field)
        })
    }

    /// Returns whether the error would apply to every recipient, because its cause is the
    /// credentials, the project, the quota or the sender.
    fn concerns_account(&self) -> bool {
        match self.r#type.as_str() {
            "authentication_error" | "permission_error" | "not_found" => true,
            "validation_error" => self.is_about("from"),
            _ => false,
        }
    }

    fn refusal(&self, answer: &Answer) -> Refusal {
        let reason = match self.r#type.as_str() {
            "authentication_error" => Reason::Auth,
            "rate_limited" => Reason::Rate,
            "internal_error" => Reason::Session,
            "validation_error" if self.is_about("to") => Reason::BadAddress,
            // The codes are the reasons of Drin's suppression list. If there is no code, the
            // recipient or an operator suppressed the address.
            "suppressed" => match self.code() {
                "hard_bounce" => Reason::HardBounce,
                "complaint" => Reason::Complaint,
                "unsubscribe" => Reason::Unsubscribe,
                _ => Reason::Manual,
            },
            _ => Reason::Policy,
        };
        answer.refusal(
            reason,
            &self.r#type,
            if self.message.is_empty() { &self.r#type } else { &self.message },
        )
    }
}

fn verdicts(sent: usize, answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(Taken { results }) = answer.json() else { return doubt("the reply cannot be read") };
    if results.len() != sent {
        return doubt(&format!("{} results for {sent} messages", results.len()));
    }
    let mut places: Vec<Option<Item>> = std::iter::repeat_with(|| None).take(sent).collect();
    for (position, item) in results.into_iter().enumerate() {
        match places.get_mut(item.index.unwrap_or(position)) {
            Some(place @ None) => *place = Some(item),
            _ => return doubt("the reply names a message that was not sent, or one twice"),
        }
    }
    let items: Vec<Item> = places.into_iter().flatten().collect();
    // If every message has an error of the account or sender, nothing was accepted and no recipient
    // is to blame.
    let shared = items.iter().all(|item| {
        item.id.is_none() && item.error.as_ref().is_some_and(Problem::concerns_account)
    });
    match items.first().and_then(|item| item.error.as_ref()).filter(|_| shared) {
        Some(problem) => Read::Stop(problem.refusal(answer)),
        None => Read::Each(items.iter().map(|item| verdict(item, answer)).collect()),
    }
}

fn verdict(item: &Item, answer: &Answer) -> Verdict {
    let Item { id, status, error, .. } = item;
    match (id, error, status.as_deref()) {
        (Some(id), None, None | Some("queued" | "scheduled" | "accepted" | "sending" | "sent"))
            if !id.is_empty() =>
        {
            let detail = answer.clean(status.as_deref().unwrap_or_default());
            Verdict::Accepted {
                provider_id: Some(answer.clean(id)),
                code: answer.status.as_str().into(),
                detail,
            }
        }
        (None, Some(problem), _) => {
            let refusal = problem.refusal(answer);
            match problem.r#type.as_str() {
                "" => Verdict::Unknown { detail: "an error without a type".into() },
                "suppressed" => Verdict::Suppressed(refusal),
                "internal_error" => Verdict::NotTaken { refusal, counts: true },
                // A repeat with the same key would get the same results, so these messages are sent
                // later in another batch.
                "rate_limited" => Verdict::NotTaken { refusal, counts: false },
                _ if problem.concerns_account() => Verdict::NotTaken { refusal, counts: false },
                _ => Verdict::Rejected(refusal),
            }
        }
        _ => Verdict::Unknown {
            detail: answer.clean(&format!(
                "a result that cannot be read, status {}",
                status.as_deref().unwrap_or("none")
            )),
        },
    }
}

fn failure(sent: usize, answer: &Answer) -> Read {
    let Failure { error } = answer.json().unwrap_or_default();
    // If the reply has no error in Drin's format, the refusal shows the reply's body.
    let refusal = if error.r#type.is_empty() {
        answer.refusal(Reason::Policy, "", &error.message)
    } else {
        error.refusal(answer)
    };
    match (answer.status, error.r#type.as_str()) {
        (StatusCode::CONFLICT, "suppressed") => {
            Read::Each(vec![Verdict::Suppressed(refusal); sent])
        }
        // Drin does not document its reply while it still works on the first request with a key.
        (StatusCode::CONFLICT, "conflict")
            if format!("{} {}", error.code(), error.message).contains("progress") =>
        {
            Read::Again {
                wait: answer.retry_after(),
                refusal: Refusal { reason: Reason::NoReply, ..refusal },
            }
        }
        // Drin reports that the key was used for another body, which only a defect in mailbatch can
        // cause.
        (StatusCode::CONFLICT, "conflict") => {
            Read::Stop(Refusal { reason: Reason::Session, ..refusal })
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _)
            if error.concerns_account() =>
        {
            Read::Stop(refusal)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => Read::Unnamed(refusal),
        // Drin also uses 403 for plan, quota, sandbox and project errors, so the key may be valid.
        (StatusCode::FORBIDDEN, _) => Read::Stop(Refusal { reason: Reason::Policy, ..refusal }),
        _ => by_status(answer, refusal),
    }
}
