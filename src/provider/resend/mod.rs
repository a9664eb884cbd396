//! Sends mail through Resend's API.
//!
//! - API: <https://resend.com/docs/api-reference/emails/send-batch-emails>, read on 2026-11-21.
//! - Limits: 100 messages per request; five requests a second for a team, unless Resend has agreed
//!   to another rate. No size limit of a request is documented; mailbatch uses 40 MB, the limit of
//!   one message.
//! - One request: up to 100 messages with one recipient each, rendered by mailbatch. A batch
//!   accepts no attachments.
//! - Partial failure: in permissive mode, `data` has an id for each accepted message, and `errors`
//!   gives the others by index. The documentation does not say that `data` has no gaps. If the two
//!   do not together match the number of messages, every outcome is unknown.
//! - Idempotency: the header `Idempotency-Key`, recognised for 24 hours. After a lost reply the
//!   request is repeated.
//! - Quirks: a 429 is a rate (wait) or a quota (stop); `name` distinguishes the two. A suppressed
//!   address is accepted, and reported later as an event.

mod account;
mod log;
mod suppressions;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Limits, Read, Request, Service, by_status,
};
use super::{Capabilities, Job, Provider, ProviderSettings, ProviderSpec, Verdict};
use crate::content::Party;
use crate::model::error::Result;
use crate::model::outcome::Reason;

const BASE: &str = "https://api.resend.com";
const PATH: &str = "/emails/batch";
const LIMITS: Limits = Limits {
    recipients: 100,
    bytes: 40_000_000,
    idempotency_window: Some(Duration::from_secs(24 * 3_600)),
};
const CAPABILITIES: Capabilities = Capabilities {
    attachments: false,
    inline_images: false,
    request_rate: http::request_rate(5, Duration::from_secs(1)),
    ..http::capabilities(&LIMITS)
};

/// Resend's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "resend",
    summary: "Resend: batches of 100, safe to repeat after a lost reply",
    keys: http::keys![],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    Ok(Box::new(Resend {
        http: Http::with_bearer(&keys, BASE)?,
        is_sandboxed: false,
        options: keys.options(
            &["from", "to", "cc", "bcc", "subject", "html", "text", "reply_to", "headers"],
            &["tags"],
        )?,
    }))
}

struct Resend {
    http: Http,
    /// Whether every message is sent to the simulator address.
    is_sandboxed: bool,
    /// Additional fields of each message: `topic_id`, `tags`.
    options: serde_json::Map<String, serde_json::Value>,
}

impl Service for Resend {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    /// Sends every message to Resend's test address instead of its recipient. The address contains
    /// the correlation id as a label.
    fn sandbox(&mut self, _name: &str) -> Result<()> {
        self.is_sandboxed = true;
        Ok(())
    }
}

#[derive(Serialize)]
struct Mail<'a> {
    from: String,
    to: [String; 1],
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Addresses>,
    #[serde(serialize_with = "http::map")]
    headers: &'a [(String, String)],
    tags: Vec<serde_json::Value>,
    #[serde(flatten)]
    options: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Api for Resend {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let mails = jobs.iter().map(|job| self.mail(job)).collect::<Result<Vec<_>, _>>()?;
        Ok(Request::json(PATH, &mails)
            .header("idempotency-key", key)
            .header("x-batch-validation", "permissive"))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        match answer.status {
            StatusCode::OK => verdicts(jobs.len(), answer),
            _ => failure(answer),
        }
    }
}

impl Resend {
    fn mail<'a>(&self, job: &'a Job) -> Result<Mail<'a>, Inexpressible> {
        let content = http::content(job)?;
        let mut options = self.options.clone();
        let tags = http::tags_with_id(&mut options, job);
        let address = match self.is_sandboxed {
            true => format!("delivered+{}@resend.dev", http::correlation_id(job)),
            false => job.to.as_str().to_owned(),
        };
        Ok(Mail {
            from: content.from.to_string(),
            to: [Party { name: content.to_name.clone(), address }.to_string()],
            subject: &content.subject,
            html: content.html.as_deref(),
            text: &content.text,
            reply_to: match &*content.reply_to {
                [] => None,
                [one] => Some(Addresses::One(one.to_string())),
                several => {
                    Some(Addresses::Several(several.iter().map(ToString::to_string).collect()))
                }
            },
            headers: &content.headers,
            tags,
            options,
        })
    }
}

/// A success reply: `{"data":[{"id":"…"}],"errors":[{"index":0,"message":"…"}]}`.
#[derive(Deserialize)]
struct Taken {
    data: Vec<Id>,
    #[serde(default)]
    errors: Vec<Bad>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Bad {
    index: usize,
    #[serde(default)]
    message: String,
}

/// An error reply: `{"statusCode":422,"name":"missing_required_field","message":"…"}`.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

fn verdicts(sent: usize, answer: &Answer) -> Read {
    let doubt = |what: &str| Read::Doubt(answer.refusal(Reason::NoReply, "", what));
    let Some(Taken { data, errors }) = answer.json() else {
        return doubt("the reply cannot be read");
    };
    let mut bad: Vec<Option<String>> = vec![None; sent];
    for Bad { index, message } in errors {
        match bad.get_mut(index) {
            Some(place @ None) => *place = Some(message),
            _ => return doubt("the reply names a message that was not sent, or one twice"),
        }
    }
    if data.len() + bad.iter().flatten().count() != sent {
        return doubt("the reply does not account for every message");
    }
    let mut ids = data.into_iter();
    let verdict = |refused: Option<String>| match refused {
        Some(message) => {
            Verdict::Rejected(answer.refusal(blames(&message), "validation_error", &message))
        }
        None => Verdict::Accepted {
            provider_id: ids.next().map(|taken| taken.id),
            code: "200".into(),
            detail: String::new(),
        },
    };
    Read::Each(bad.into_iter().map(verdict).collect())
}

/// Returns the reason why Resend refused one message. Only the text of the error shows it. A text
/// that names the field `to` concerns the recipient's address: "Invalid `to` field. The email
/// address needs to follow the `email@example.com` or `Name <email@example.com>` format." Any other
/// text may apply to every recipient.
fn blames(message: &str) -> Reason {
    if message.contains("`to`") { Reason::BadAddress } else { Reason::Policy }
}

/// Interprets an error by its `name`, because Resend does not document the status of some names.
fn failure(answer: &Answer) -> Read {
    let Failure { name, message } = answer.json().unwrap_or_default();
    let refusal = |reason: Reason| answer.refusal(reason, &name, &message);
    match name.as_str() {
        "rate_limit_exceeded" => Read::Again {
            wait: answer.retry_after().or_else(|| reset(answer)),
            refusal: refusal(Reason::Rate),
        },
        "concurrent_idempotent_requests" => {
            Read::Again { wait: None, refusal: refusal(Reason::NoReply) }
        }
        "daily_quota_exceeded" | "monthly_quota_exceeded" => Read::Stop(refusal(Reason::Cap)),
        "missing_api_key" | "restricted_api_key" | "invalid_api_key" => {
            Read::Stop(refusal(Reason::Auth))
        }
        // Only a defect in mailbatch can cause these errors.
        "invalid_idempotent_request" | "invalid_idempotency_key" => {
            Read::Stop(refusal(Reason::Session))
        }
        // These errors concern the sender's domain, the account, or a mode that allows mail only to
        // the account's owner. They apply to every recipient.
        "invalid_from_address"
        | "invalid_access"
        | "invalid_region"
        | "security_error"
        | "not_found"
        | "method_not_allowed" => Read::Stop(refusal(Reason::Policy)),
        // These errors are `validation_error`, `invalid_parameter`, `missing_required_field` and
        // `invalid_attachment`.
        _ if matches!(
            answer.status,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
        ) =>
        {
            Read::Unnamed(refusal(blames(&message)))
        }
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}

/// Returns the wait from the header `ratelimit-reset`, in seconds.
fn reset(answer: &Answer) -> Option<Duration> {
    answer.header("ratelimit-reset").parse().ok().map(Duration::from_secs)
}
