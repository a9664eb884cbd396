//! Sends mail through Emitlo's API.
//!
//! - API: <https://emitlo-docs.pages.dev/api/send-email/>, read on 2026-11-21.
//! - Limits: 500 messages per request. No size limit is documented; mailbatch limits a request to
//!   10 MB. The limits per minute, hour and day are shown only in Emitlo's dashboard.
//! - One request: up to 500 messages with one recipient each, rendered by mailbatch. A message is
//!   HTML: a plain-text message is sent as preformatted HTML, and the text alternative of an HTML
//!   message is not sent. Headers cannot be set, so marketing mail is refused.
//! - Partial failure: the answer names suppressed recipients by address, and lists the ids of the
//!   others in order. This is used only if the counts agree and no address occurs twice in a
//!   request. The effect of one invalid message on the others is not documented; the batch is
//!   bisected.
//! - Idempotency: none. If a written request gets no answer, its members are `Unknown`.
//! - Quirks: the request for a single message gives the same answer for suppressed recipients, so a
//!   single message is also sent as a batch. No field accepts a correlation id.

mod account;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

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
use crate::content::{Attachment, Content};
use crate::model::address::key_of;
use crate::model::error::Result;
use crate::model::outcome::Reason;

const BASE: &str = "https://api.emitlo.com";
const PATH: &str = "/api/v1/messages/batch";
const LIMITS: Limits = Limits { recipients: 500, bytes: 10_000_000, idempotency_window: None };
const CAPABILITIES: Capabilities = Capabilities {
    unsubscribe_headers: UnsubscribeHeaders::None,
    custom_headers: false,
    inline_images: false,
    several_reply_to: false,
    ..http::capabilities(&LIMITS)
};

/// Emitlo's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "emitlo",
    summary: "Emitlo: batches of 500, HTML only, transactional mail only",
    keys: http::keys![],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let http = Http::with_bearer(&keys, BASE)?;
    let owned = [
        "from_email",
        "from_name",
        "to_email",
        "to_name",
        "subject",
        "body",
        "reply_to",
        "attachments",
    ];
    Ok(Box::new(Emitlo { http, options: keys.options(&owned, &[])? }))
}

struct Emitlo {
    http: Http,
    /// Additional fields of each message. Emitlo documents none.
    options: Map<String, Value>,
}

impl Service for Emitlo {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    messages: Vec<Mail<'a>>,
}

#[derive(Serialize)]
struct Mail<'a> {
    from_email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    from_name: &'a str,
    to_email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    to_name: &'a str,
    subject: &'a str,
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(flatten)]
    options: &'a Map<String, Value>,
}

#[derive(Serialize)]
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

impl Api for Emitlo {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], _key: &str) -> Result<Request, Inexpressible> {
        // The reply names suppressed recipients only by address, so an address may occur only once
        // in a request. After this error the caller divides the request.
        let mut seen = HashSet::with_capacity(jobs.len());
        if !jobs.iter().all(|job| seen.insert(name(job))) {
            return Err(Inexpressible(Refusal::new(
                Reason::Repeated,
                "",
                "an address occurs twice in one request",
            )));
        }
        let messages = jobs.iter().map(|job| self.mail(job)).collect::<Result<Vec<_>, _>>()?;
        Ok(Request::json(PATH, &Batch { messages }))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::OK | StatusCode::ACCEPTED => verdicts(jobs, answer),
            _ => failure(answer),
        }
    }
}

impl Emitlo {
    fn mail<'a>(&'a self, job: &'a Job) -> Result<Mail<'a>, Inexpressible> {
        let content = http::content(job)?;
        // A template in `reply_to` can produce a list of mailboxes that the earlier check of the
        // configuration could not see.
        if content.reply_to.len() > 1 {
            return Err(Inexpressible(Refusal::new(
                Reason::Content,
                "",
                "reply_to has more than one mailbox, the service takes one",
            )));
        }
        Ok(Mail {
            from_email: &content.from.address,
            from_name: &content.from.name,
            to_email: job.to.as_str(),
            to_name: &content.to_name,
            subject: &content.subject,
            body: body(content),
            reply_to: content.reply_to.first().map(|party| party.address.as_str()),
            attachments: content.attachments.iter().map(File::from).collect(),
            options: &self.options,
        })
    }
}

/// Returns the recipient's address in the form used to match the reply.
fn name(job: &Job) -> String {
    job.to.folded()
}

/// Returns the HTML body, or for a plain-text message HTML that displays the text unchanged.
fn body(content: &Content) -> Cow<'_, str> {
    if let Some(html) = &content.html {
        return Cow::Borrowed(html);
    }
    let escaped = content.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Cow::Owned(format!(
        "<pre style=\"white-space: pre-wrap; font-family: inherit\">{escaped}</pre>"
    ))
}

/// A success reply:
/// `{"status":"success","data":{"accepted":1,"rejected":1,"message_ids":["…"],"suppressed":[{"email":"…","reason":"hard_bounce"}]}}`.
#[derive(Deserialize)]
struct Taken {
    data: Counts,
}

#[derive(Deserialize)]
struct Counts {
    accepted: usize,
    #[serde(default)]
    rejected: usize,
    message_ids: Option<Vec<String>>,
    suppressed: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    email: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Matches a success reply to the messages. The ids belong to the recipients that are not
/// suppressed, in order. If the number of ids differs from theirs, no id is recorded. If the counts
/// do not fit the messages, the reply is used only if it accepts or refuses all of them.
fn verdicts(jobs: &[&Job], answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(Taken { data: Counts { accepted, rejected, message_ids, suppressed } }) =
        answer.json()
    else {
        return doubt("the reply cannot be read");
    };
    let (message_ids, suppressed) =
        (message_ids.unwrap_or_default(), suppressed.unwrap_or_default());
    let code = answer.status.as_str();
    let taken = |provider_id: Option<String>| Verdict::Accepted {
        provider_id,
        code: code.to_owned(),
        detail: String::new(),
    };
    let named: HashMap<String, &Named> =
        suppressed.iter().map(|named| (key_of(&named.email), named)).collect();
    let who: Vec<Option<&Named>> = jobs.iter().map(|job| named.get(&name(job)).copied()).collect();
    let found = who.iter().flatten().count();
    let is_sound = found == suppressed.len() && found == rejected && accepted == jobs.len() - found;
    if !is_sound {
        let what = format!(
            "{accepted} accepted, {rejected} rejected, {} suppressed, of {} messages",
            suppressed.len(),
            jobs.len()
        );
        if accepted == 0
            && rejected == jobs.len()
            && message_ids.is_empty()
            && suppressed.is_empty()
        {
            return Read::Unnamed(answer.refusal(Reason::Policy, "", &what));
        }
        return if accepted == jobs.len() {
            Read::Each(jobs.iter().map(|_| taken(None)).collect())
        } else {
            doubt(&what)
        };
    }
    let mut ids = (message_ids.len() == accepted).then(|| message_ids.into_iter());
    let verdict = |named: Option<&Named>| match named {
        Some(named) => Verdict::Suppressed(refusal(named, answer)),
        None => taken(
            ids.as_mut()
                .and_then(Iterator::next)
                .filter(|id| !id.is_empty())
                .map(|id| answer.clean(&id)),
        ),
    };
    Read::Each(who.into_iter().map(verdict).collect())
}

/// Converts the reason for a suppression. Emitlo uses the same words as mailbatch. Any other word
/// counts as a policy refusal.
fn refusal(named: &Named, answer: &Answer) -> Refusal {
    let word = named.reason.as_deref().unwrap_or_default();
    let reason = match word.parse() {
        Ok(
            reason
            @ (Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe | Reason::Manual),
        ) => reason,
        _ => Reason::Policy,
    };
    answer.refusal(reason, "suppressed", &format!("suppressed by the provider: {word}"))
}

/// An error reply:
/// `{"status":"error","error":{"code":"VALIDATION_ERROR","message":"…","details":{"to_email":["…"]}}}`.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Problem,
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Value,
}

fn failure(answer: &Answer) -> Read {
    let Failure { error: Problem { code, message, details } } = answer.json().unwrap_or_default();
    let details = details.as_object().cloned().unwrap_or_default();
    let mut words = message;
    for (field, said) in &details {
        let said = said
            .as_array()
            .and_then(|all| all.first())
            .unwrap_or(said)
            .as_str()
            .unwrap_or_default();
        // Writing to a `String` cannot fail.
        let _ = write!(words, "; {field}: {said}");
    }
    // Emitlo does not document the field's name in a batch: it may be `to_email` or
    // `messages.3.to_email`.
    let concerns = |fields: &[&str]| {
        details.keys().any(|key| key.split(['.', '[', ']']).any(|part| fields.contains(&part)))
    };
    let refusal = |reason: Reason| answer.refusal(reason, &code, words.trim_start_matches("; "));
    match (answer.status, code.as_str()) {
        // The sender and the attachments are the same for every recipient.
        (StatusCode::UNPROCESSABLE_ENTITY, _) if concerns(&["from_email", "from_name"]) => {
            Read::Stop(refusal(Reason::Policy))
        }
        (StatusCode::UNPROCESSABLE_ENTITY, "ATTACHMENT_TOO_LARGE") => {
            Read::Stop(refusal(Reason::Content))
        }
        (StatusCode::UNPROCESSABLE_ENTITY, "MESSAGE_TOO_LARGE") => {
            Read::Unnamed(refusal(Reason::Content))
        }
        (StatusCode::UNPROCESSABLE_ENTITY, _) if concerns(&["to_email"]) => {
            Read::Unnamed(refusal(Reason::BadAddress))
        }
        (StatusCode::UNPROCESSABLE_ENTITY, _) => Read::Unnamed(refusal(Reason::Policy)),
        // With this code, Emitlo refused the whole request. The same status from a gateway would
        // leave the outcome unknown.
        (StatusCode::CONFLICT, "CONFLICT") => Read::Unnamed(refusal(Reason::Policy)),
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}
