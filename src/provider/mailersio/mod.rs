//! Sends mail through Mailers.io's API.
//!
//! - API: <https://mailers.io/api>, read on 2026-11-21. It names two requests and no fields. The
//!   field names used here are assumed, and each can be changed under `names`.
//! - Limits: 1,000 messages per batch. No size limit is documented; mailbatch limits a request to
//!   20 MB, and halves the batch after a 413.
//! - One request: up to 1,000 recipients, each with its own subject, HTML and text, rendered by
//!   mailbatch. No attachments.
//! - Partial failure: the service accepts a batch as a whole and returns its id. mailbatch then
//!   polls for each recipient's result until the batch is completed. A recipient without a result
//!   is `Unknown` when the batch is completed or `patience` ends. In the second case the detail
//!   contains the batch's id, with which the next run or `reconcile` continues polling.
//! - Idempotency: a header, assumed to be recognised for 24 hours. After a lost reply the request
//!   is repeated and returns the same batch. A failed status request is repeated; it submits
//!   nothing.
//! - Quirks: results are matched by address, because their order is not guaranteed. An unknown
//!   status is not a result.

mod account;
mod log;
mod names;
mod results;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use self::names::Names;
use super::http::{
    self, Answer, Api, Http, Inexpressible, Keys, Later, Limits, Read, Request, Service, by_status,
};
use super::{Capabilities, Job, Provider, ProviderSettings, ProviderSpec};
use crate::content::list_of;
use crate::model::error::Result;
use crate::model::literal::parse_duration;
use crate::model::outcome::Reason;

const LIMITS: Limits = Limits {
    recipients: 1_000,
    bytes: 20_000_000,
    idempotency_window: Some(Duration::from_secs(24 * 3_600)),
};
const CAPABILITIES: Capabilities =
    Capabilities { attachments: false, inline_images: false, ..http::capabilities(&LIMITS) };
/// The default time for which a batch is polled, and the longest pause between two status requests.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const POLL: Duration = Duration::from_secs(5);

/// Mailers.io's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "mailersio",
    summary: "Mailers.io: batches of 1,000, results polled; field names are assumed, see `names`",
    keys: http::keys!["names", "patience", "poll"],
    leaves_the_machine: true,
    webhooks: &[&webhook::WEBHOOK],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let keys = Keys::checked(settings, SPEC.keys)?;
    let names = Names::of(&keys, settings)?;
    let mut http = Http::new(settings, names::BASE)?;
    let header = |name: &str| HeaderName::try_from(name).expect("the names have been checked");
    let prefix = names.auth_prefix.clone();
    http.send_key_as(&keys, header(&names.auth_header), keys.key("api_key")?, move |key| {
        prefix.clone() + key
    })?;
    let provider = MailersIo {
        http,
        key_header: header(&names.key_header),
        options: keys.options(
            &[
                &names.from,
                &names.recipients,
                &names.subject,
                &names.html,
                &names.text,
                &names.headers,
            ],
            &[],
        )?,
        patience: duration(&keys, "patience", PATIENCE)?,
        every: duration(&keys, "poll", POLL)?,
        recent: tokio::sync::Mutex::default(),
        names,
    };
    Ok(Box::new(provider))
}

fn duration(keys: &Keys<'_>, key: &str, default: Duration) -> Result<Duration> {
    let Some(text) = keys.text(key)? else { return Ok(default) };
    match parse_duration(text) {
        Ok(duration) if !duration.is_zero() && duration <= Duration::from_secs(86_400) => {
            Ok(duration)
        }
        _ => Err(keys
            .error(key, "not a duration of at most a day")
            .hint(format!("write {key} = \"{}s\"", default.as_secs()))),
    }
}

struct MailersIo {
    http: Http,
    names: Names,
    key_header: HeaderName,
    /// Additional fields of each batch: `tags`, `metadata`, `provider_policy`.
    options: Map<String, Value>,
    patience: Duration,
    every: Duration,
    recent: tokio::sync::Mutex<Option<results::Recent>>,
}

impl Service for MailersIo {
    fn http(&self) -> &Http {
        &self.http
    }

    fn abilities(&self) -> &Capabilities {
        &CAPABILITIES
    }
}

impl Api for MailersIo {
    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let recipients =
            jobs.iter().map(|job| self.recipient(job)).collect::<Result<Vec<_>, _>>()?;
        let mut batch = self.options.clone();
        if let Some(job) = jobs.first() {
            batch.insert(self.names.from.clone(), http::content(job)?.from.to_string().into());
        }
        batch.insert(self.names.recipients.clone(), recipients.into());
        let mut request = Request::json(self.names.path.clone(), &batch);
        if let Ok(key) = HeaderValue::from_str(key) {
            request.headers.insert(self.key_header.clone(), key);
        }
        Ok(request)
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        if !answer.status.is_success() {
            return self.failure(answer);
        }
        let body: Value = answer.json().unwrap_or_default();
        let id = match names::find(&body, &self.names.id) {
            Some(Value::String(id)) => answer.clean(id),
            Some(Value::Number(id)) => id.to_string(),
            _ => String::new(),
        };
        // The id becomes part of a path, and an id of dots would change the path of the status
        // request.
        if id.bytes().all(|b| b == b'.') {
            return Read::Doubt(answer.refusal(
                Reason::NoReply,
                "",
                "the reply has no id of a batch",
            ));
        }
        let ask = self.question(&id);
        let so_far = results::nothing_yet(jobs, &id);
        let later = Later { handle: id, ask, every: self.every, patience: self.patience, so_far };
        results::read(&self.names, jobs, answer, &body, later)
    }

    fn progress(&self, jobs: &[&Job], answer: &Answer, later: &Later) -> Read {
        match answer.json::<Value>() {
            Some(body) if answer.status.is_success() => {
                results::read(&self.names, jobs, answer, &body, later.clone())
            }
            _ if answer.status.is_success() => {
                Read::Doubt(answer.refusal(Reason::NoReply, "", "the reply cannot be read"))
            }
            _ => self.failure(answer),
        }
    }
}

impl MailersIo {
    /// Returns the status request for a batch.
    fn question(&self, id: &str) -> Request {
        Request::get(format!("{}/{}", self.names.path, http::encoded(id)))
    }

    fn recipient(&self, job: &Job) -> Result<Value, Inexpressible> {
        let content = http::content(job)?;
        let names = &self.names;
        let mut headers: Map<String, Value> =
            content.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        // No name is known for a Reply-To field, so Reply-To is sent as a header.
        if let Some(reply_to) = list_of(&content.reply_to) {
            headers.insert("Reply-To".into(), reply_to.into());
        }
        let mut recipient = Map::new();
        recipient.insert(names.email.clone(), job.to.as_str().into());
        if !content.to_name.is_empty() {
            recipient.insert(names.name.clone(), content.to_name.clone().into());
        }
        recipient.insert(names.subject.clone(), content.subject.clone().into());
        if let Some(html) = &content.html {
            recipient.insert(names.html.clone(), html.clone().into());
        }
        recipient.insert(names.text.clone(), content.text.clone().into());
        if !headers.is_empty() {
            recipient.insert(names.headers.clone(), headers.into());
        }
        recipient.insert(names.metadata.clone(), json!({ (http::ID): http::correlation_id(job) }));
        Ok(recipient.into())
    }

    /// Interprets an error reply, `{"error":{"code":"…","message":"…"}}`, mainly by its status.
    fn failure(&self, answer: &Answer) -> Read {
        let body: Value = answer.json().unwrap_or_default();
        let (code, message) = (
            names::text(&body, &self.names.error_code),
            names::text(&body, &self.names.error_message),
        );
        let refusal = |reason: Reason| answer.refusal(reason, code, message);
        match answer.status {
            // Only a defect in mailbatch can use a key for another body.
            StatusCode::CONFLICT => Read::Stop(refusal(Reason::Session)),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Read::Unnamed(refusal(Reason::Policy))
            }
            StatusCode::TOO_EARLY => {
                Read::Again { wait: answer.retry_after(), refusal: refusal(Reason::NoReply) }
            }
            _ => by_status(answer, refusal(Reason::Policy)),
        }
    }
}
