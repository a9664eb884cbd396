//! Mail through Drin's API.
//!
//! - API: <https://drin.run/docs/api-reference/emails/batch>, read on 2026-11-21.
//! - Limits: 100 messages of a request. No limit on its octets is documented; 20 MB is ours, and a
//!   413 halves the batch.
//! - One request: up to 100 messages with one recipient each, rendered here; attachments may be
//!   among them.
//! - Partial failure: 207 with one result for each message. Two shapes are published for it,
//!   `results` with an index and `data` in order; both are read. Where the results are not as many
//!   as the messages, nothing is concluded.
//! - Idempotency: the header `Idempotency-Key`, known to the project for 24 hours; a lost reply is
//!   asked for again.
//! - Quirks: a quota that is used up is 403 and not 429. 409 is a key used for another body, or
//!   that everybody is suppressed, told apart by `type`. A key for the whole account needs
//!   `project`.

mod by_hand;

use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::http::{self, Answer, Api, Http, Inexpressible, Keys, Limits, Read, Request, by_status};
use super::{
    BoxFuture, Capabilities, Claim, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Reply,
    Verdict, Wire,
};
use crate::content::{Attachment, Party};
use crate::model::error::Result;
use crate::model::outcome::Reason;

const BASE: &str = "https://api.drin.run";
const PATH: &str = "/v1/emails/batch";
const LIMITS: Limits = Limits {
    recipients: 100,
    bytes: 20_000_000,
    idempotency_window: Some(Duration::from_secs(24 * 3_600)),
};
const CAPABILITIES: Capabilities = http::capabilities(&LIMITS);
/// The tag that carries the correlation id.
const TAG: &str = "mailbatch_id";

/// Drin's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "drin",
    summary: "Drin: batches of 100, a lost reply is asked for again",
    keys: &["api_key", "base_url", "timeouts", "ca_file", "request_rate", "options", "project"],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    settings.refuse_unknown_keys(SPEC.keys)?;
    let keys = Keys::of(settings);
    let mut http = Http::new(settings, BASE)?;
    http.secret_header("authorization", "Bearer ", keys.secret("api_key")?)
        .map_err(|what| keys.error("api_key", &what))?;
    let project = keys.text("project")?;
    if project.is_some_and(|name| name.is_empty() || !name.bytes().all(|b| matches!(b, 33..=126))) {
        return Err(keys
            .error("project", "empty, or with a character that a header cannot hold")
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
    /// Which project a key for the whole account is used for.
    project: Option<String>,
    /// More fields of each message: `tags`.
    options: serde_json::Map<String, serde_json::Value>,
}

impl Provider for Drin {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply> {
        Box::pin(self.http.hand_over(claim, wire, self))
    }

    fn by_hand(&self) -> Option<&dyn super::by_hand::ByHand> {
        Some(self)
    }

    fn has_answered_before(&self) {
        self.http.has_answered_before();
    }

    fn account(&self) -> Option<[u8; 32]> {
        Some(self.http.account())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
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
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<[Mailbox<'a>; 1]>,
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
struct Mailbox<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

impl<'a> From<&'a Party> for Mailbox<'a> {
    fn from(party: &'a Party) -> Self {
        Self { email: &party.address, name: &party.name }
    }
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
        let mut tags = match options.remove("tags") {
            Some(serde_json::Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        tags.push(serde_json::json!({ "name": TAG, "value": http::correlation_id(job) }));
        Ok(Mail {
            from: (&*content.from).into(),
            to: [Mailbox { email: job.to.as_str(), name: &content.to_name }],
            reply_to: content.reply_to.as_deref().map(|party| [party.into()]),
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

/// `{"type":"validation_error","message":"…","code":"…","param":"to"}`
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

/// `{"error":{…}}`
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Problem,
}

impl Problem {
    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// Whether a field, such as `to` of `emails[3].to[0].email`, is what was wrong.
    fn is_about(&self, field: &str) -> bool {
        self.param.as_deref().is_some_and(|param| {
            param.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == field)
        })
    }

    /// Whether the same would be said of everybody: credentials, project, quota, the sender.
    fn is_nobodys_own(&self) -> bool {
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
            // The reasons are those of its suppressions; where none is told, it is somebody's
            // decision.
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
    // Nothing was taken, and nobody among them is to blame.
    let shared = items
        .iter()
        .all(|item| item.id.is_none() && item.error.as_ref().is_some_and(Problem::is_nobodys_own));
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
                // The same key would be answered with the same results, so these wait for another
                // batch.
                "rate_limited" => Verdict::NotTaken { refusal, counts: false },
                _ if problem.is_nobodys_own() => Verdict::NotTaken { refusal, counts: false },
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
    // An answer without an error of Drin's own form shows its body.
    let refusal = if error.r#type.is_empty() {
        answer.refusal(Reason::Policy, "", &error.message)
    } else {
        error.refusal(answer)
    };
    match (answer.status, error.r#type.as_str()) {
        (StatusCode::CONFLICT, "suppressed") => {
            Read::Each(vec![Verdict::Suppressed(refusal); sent])
        }
        // What is said while the first request is still being worked on is not documented.
        (StatusCode::CONFLICT, "conflict")
            if format!("{} {}", error.code(), error.message).contains("progress") =>
        {
            Read::Again {
                wait: answer.retry_after(),
                refusal: Refusal { reason: Reason::NoReply, ..refusal },
            }
        }
        // A key used for another body is a defect of ours.
        (StatusCode::CONFLICT, "conflict") => {
            Read::Stop(Refusal { reason: Reason::Session, ..refusal })
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _)
            if error.is_nobodys_own() =>
        {
            Read::Stop(refusal)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => Read::Unnamed(refusal),
        // Plan, quota, sandbox and project are 403 as well, so not only the key may be wrong.
        (StatusCode::FORBIDDEN, _) => Read::Stop(Refusal { reason: Reason::Policy, ..refusal }),
        _ => by_status(answer, refusal),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::provider::http::testing::answer;
    use crate::provider::testing::settings;

    fn read(status: u16, body: &str) -> Read {
        let answer = answer(status, &[("retry-after", "2")], body);
        if status < 300 { verdicts(3, &answer) } else { failure(3, &answer) }
    }

    fn words(read: Read) -> Vec<String> {
        let Read::Each(verdicts) = read else { panic!("{read:?}") };
        let word = |verdict: Verdict| match verdict {
            Verdict::Accepted { provider_id, .. } => {
                format!("accepted {}", provider_id.unwrap_or_default())
            }
            Verdict::Rejected(refusal) => format!("rejected {}", refusal.reason),
            Verdict::Suppressed(refusal) => format!("suppressed {}", refusal.reason),
            Verdict::NotTaken { counts, .. } => format!("not taken, counts {counts}"),
            Verdict::Unknown { .. } => "unknown".into(),
        };
        verdicts.into_iter().map(word).collect()
    }

    #[test]
    fn both_published_shapes_are_read() {
        let by_index = r#"{"results":[{"index":2,"error":{"type":"suppressed","message":"Suppressed.","param":"to"}},
            {"index":0,"id":"msg_1","status":"queued"},{"index":1,"id":"msg_2","status":"scheduled"}]}"#;
        assert_eq!(
            words(read(207, by_index)),
            ["accepted msg_1", "accepted msg_2", "suppressed manual"]
        );
        let in_order = r#"{"data":[{"id":"msg_1"},{"error":{"type":"validation_error","message":"Invalid.","param":"emails[1].to[0].email"}},
            {"error":{"type":"suppressed","message":"Bounced.","code":"hard_bounce"}}]}"#;
        assert_eq!(
            words(read(207, in_order)),
            ["accepted msg_1", "rejected bad_address", "suppressed hard_bounce"]
        );
    }

    #[test]
    fn each_error_of_one_message_has_its_own_meaning() {
        let one = |error: &str| {
            words(read(
                207,
                &format!(r#"{{"results":[{{"id":"a"}},{{"id":"b"}},{{"error":{error}}}]}}"#),
            ))
            .remove(2)
        };
        assert_eq!(
            one(r#"{"type":"validation_error","message":"too long","param":"subject"}"#),
            "rejected policy"
        );
        assert_eq!(one(r#"{"type":"rate_limited","message":""}"#), "not taken, counts false");
        assert_eq!(
            one(r#"{"type":"permission_error","message":"daily quota"}"#),
            "not taken, counts false"
        );
        assert_eq!(one(r#"{"type":"internal_error","message":""}"#), "not taken, counts true");
        assert_eq!(one(r#"{"type":"brand_new","message":""}"#), "rejected policy");
        assert_eq!(one("{}"), "unknown");
        // An id beside an error, a status nobody knows, or neither.
        for odd in [
            r#"{"id":"c","error":{"type":"suppressed"}}"#,
            r#"{"id":"c","status":"failed"}"#,
            "{}",
            r#"{"id":""}"#,
        ] {
            let body = format!(r#"{{"data":[{{"id":"a"}},{odd},{{"id":"b"}}]}}"#);
            assert_eq!(words(read(207, &body)), ["accepted a", "unknown", "accepted b"], "{odd}");
        }
    }

    #[test]
    fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
        for body in [
            r#"{"data":[{"id":"a"},{"id":"b"}]}"#,
            r#"{"data":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}"#,
            r#"{"results":[{"index":0,"id":"a"},{"index":0,"id":"b"},{"index":1,"id":"c"}]}"#,
            r#"{"results":[{"index":1,"id":"a"},{"index":2,"id":"b"},{"index":3,"id":"c"}]}"#,
            r#"{"results":[],"data":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#,
            r#"{"data":[null,{"id":"b"},{"id":"c"}]}"#,
            "{}",
            "",
            "OK",
        ] {
            assert!(matches!(read(207, body), Read::Doubt(_)), "{body}");
        }
    }

    #[test]
    fn failures_are_told_apart_by_status_and_type() {
        let of = |status: u16, kind: &str, more: &str| {
            read(status, &format!(r#"{{"error":{{"type":"{kind}","message":"words{more}"}}}}"#))
        };
        let param = |name: &str| format!("\",\"param\":\"{name}");
        assert!(
            matches!(of(400, "validation_error", &param("emails.1.to")), Read::Unnamed(r) if r.reason == Reason::BadAddress)
        );
        assert!(
            matches!(of(422, "validation_error", ""), Read::Unnamed(r) if r.reason == Reason::Policy && r.code == "422 validation_error")
        );
        assert!(matches!(of(422, "validation_error", &param("from")), Read::Stop(_)));
        assert!(
            matches!(of(429, "rate_limited", ""), Read::Again { wait: Some(wait), refusal } if wait.as_secs() == 2 && refusal.reason == Reason::Rate)
        );
        assert!(
            matches!(of(409, "conflict", " is still in progress"), Read::Again { refusal, .. } if refusal.reason == Reason::NoReply)
        );
        for (status, kind) in [
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found"),
            (409, "conflict"),
        ] {
            assert!(
                matches!(of(status, kind, ""), Read::Stop(refusal) if refusal.detail == "words"),
                "{kind}"
            );
        }
        assert!(matches!(of(500, "internal_error", ""), Read::Doubt(_)));
        assert!(matches!(read(502, "bad gateway"), Read::Doubt(_)));
        assert!(matches!(read(409, "?"), Read::Doubt(_)));
        assert_eq!(words(of(409, "suppressed", "")), ["suppressed manual"; 3]);
    }

    #[test]
    fn what_concerns_everybody_stops_and_blames_nobody() {
        let quota = r#"{"error":{"type":"permission_error","message":"daily quota reached"}}"#;
        let body = format!(r#"{{"results":[{quota},{quota},{quota}]}}"#);
        assert!(
            matches!(read(207, &body), Read::Stop(refusal) if refusal.detail == "daily quota reached")
        );
        let body = format!(r#"{{"results":[{{"id":"a"}},{quota},{quota}]}}"#);
        assert_eq!(
            words(read(207, &body)),
            ["accepted a", "not taken, counts false", "not taken, counts false"]
        );
    }

    #[test]
    fn a_project_is_what_a_header_can_hold() {
        let connects = |project: &str| {
            connect(&settings(
                &format!("api_key = {{ env = \"k\" }}\n{project}"),
                Path::new("/nowhere"),
            ))
            .is_ok()
        };
        assert!(connects("") && connects("project = \"prj_1\""));
        for wrong in [
            "project = \"\"",
            "project = \"a b\"",
            "project = \"a\\nb\"",
            "project = 3",
            "options = { to = 1 }",
            "projekt = \"a\"",
        ] {
            assert!(!connects(wrong), "{wrong}");
        }
    }
}
