//! Mail through Emitlo's API.
//!
//! - API: <https://emitlo-docs.pages.dev/api/send-email/>, read on 2026-11-21.
//! - Limits: 500 messages of a request. No limit on its octets is documented; 10 MB are kept to.
//!   How many messages a minute, an hour and a day stands in Emitlo's dashboard alone.
//! - One request: up to 500 messages with one recipient each, rendered here. A message is HTML: one
//!   that is only text is sent as preformatted HTML, and the text beside an HTML body is not sent.
//!   There are no headers, so no marketing mail.
//! - Partial failure: suppressed recipients are named by address, and the ids of all others follow
//!   in order. That holds only where the counts say so and no address stands twice in a request.
//!   What one invalid message does to the others is not documented; it is bisected.
//! - Idempotency: none. A request that was written and not answered leaves its members `Unknown`.
//! - Quirks: the request for a single message answers alike for those who are suppressed, so the
//!   batch is used for one as well. No field takes a correlation id.

mod by_hand;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::{self, Answer, Api, Http, Inexpressible, Keys, Limits, Read, Request, by_status};
use super::{
    BoxFuture, Capabilities, Claim, Job, Provider, ProviderSettings, ProviderSpec, Refusal, Reply,
    UnsubscribeHeaders, Verdict, Wire,
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
    ..http::capabilities(&LIMITS)
};

/// Emitlo's row in the table of providers.
pub(super) const SPEC: ProviderSpec = ProviderSpec {
    kind: "emitlo",
    summary: "Emitlo: batches of 500, HTML only, transactional mail only",
    keys: &http::KEYS,
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    settings.refuse_unknown_keys(SPEC.keys)?;
    let keys = Keys::of(settings);
    let mut http = Http::new(settings, BASE)?;
    http.secret_header("authorization", "Bearer ", keys.secret("api_key")?)
        .map_err(|what| keys.error("api_key", &what))?;
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
    /// More fields of each message; none is documented.
    options: Map<String, Value>,
}

impl Provider for Emitlo {
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
        // The reply names people by address alone, so each stands once in a request; whoever asks
        // cuts the members into halves.
        let mut seen = HashSet::with_capacity(jobs.len());
        if !jobs.iter().all(|job| seen.insert(name(job))) {
            return Err(Inexpressible(Refusal::new(
                Reason::Repeated,
                "",
                "an address stands twice in one request",
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
        Ok(Mail {
            from_email: &content.from.address,
            from_name: &content.from.name,
            to_email: job.to.as_str(),
            to_name: &content.to_name,
            subject: &content.subject,
            body: body(content),
            reply_to: content.reply_to.as_ref().map(|party| party.address.as_str()),
            attachments: content.attachments.iter().map(File::from).collect(),
            options: &self.options,
        })
    }
}

/// As a reply names a recipient.
fn name(job: &Job) -> String {
    job.to.folded()
}

/// The HTML, or the text as HTML that shows it as it stands.
fn body(content: &Content) -> Cow<'_, str> {
    if let Some(html) = &content.html {
        return Cow::Borrowed(html);
    }
    let escaped = content.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Cow::Owned(format!(
        "<pre style=\"white-space: pre-wrap; font-family: inherit\">{escaped}</pre>"
    ))
}

/// `{"status":"success","data":{"accepted":1,"rejected":1,"message_ids":["…"],"suppressed":[{"email":"…","reason":"hard_bounce"}]}}`
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

/// Ids belong to those who are not suppressed, in order. Where the ids are not as many, they are
/// left empty; where the counts do not account for everybody, only a count of all of them says
/// anything.
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

/// Emitlo's reasons are our words; any other is told and concludes nothing.
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

/// `{"status":"error","error":{"code":"VALIDATION_ERROR","message":"…","details":{"to_email":["…"]}}}`
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
        // A text takes whatever is written to it.
        let _ = write!(words, "; {field}: {said}");
    }
    // How a field is named in a batch is not documented: `to_email`, or `messages.3.to_email`.
    let concerns = |fields: &[&str]| {
        details.keys().any(|key| key.split(['.', '[', ']']).any(|part| fields.contains(&part)))
    };
    let refusal = |reason: Reason| answer.refusal(reason, &code, words.trim_start_matches("; "));
    match (answer.status, code.as_str()) {
        // The same for everybody: the sender, and the files.
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
        // Emitlo's own refusal of the whole request; what a gateway means by it is doubt.
        (StatusCode::CONFLICT, "CONFLICT") => Read::Unnamed(refusal(Reason::Policy)),
        _ => by_status(answer, refusal(Reason::Policy)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::content::{Needs, Party};
    use crate::provider::http::testing::answer;
    use crate::provider::testing::{job, settings};

    /// What comes of three members.
    fn read(body: &str) -> Read {
        let jobs = ["ann@x.example", "Bob@X.example", "cy@x.example"].map(|to| job(1, to, ""));
        verdicts(&jobs.iter().collect::<Vec<_>>(), &answer(202, &[], body))
    }

    fn data(accepted: usize, rejected: usize, ids: &[&str], suppressed: &[(&str, &str)]) -> Read {
        let suppressed: Vec<Value> = suppressed
            .iter()
            .map(|(email, reason)| serde_json::json!({ "email": email, "reason": reason }))
            .collect();
        let data = serde_json::json!({ "accepted": accepted, "rejected": rejected, "message_ids": ids, "suppressed": suppressed });
        read(&serde_json::json!({ "status": "success", "data": data }).to_string())
    }

    fn words(read: Read) -> Vec<String> {
        let Read::Each(verdicts) = read else { panic!("a verdict for each, not {read:?}") };
        let word = |verdict| match verdict {
            Verdict::Accepted { provider_id, .. } => {
                format!("accepted {}", provider_id.unwrap_or_default())
            }
            Verdict::Suppressed(refusal) => format!("suppressed {}", refusal.reason),
            other => panic!("{other:?}"),
        };
        verdicts.into_iter().map(word).collect()
    }

    #[test]
    fn ids_belong_to_those_who_are_not_suppressed_in_order() {
        assert_eq!(
            words(data(3, 0, &["a", "b", "c"], &[])),
            ["accepted a", "accepted b", "accepted c"]
        );
        for (said, reason) in [
            ("hard_bounce", "hard_bounce"),
            ("complaint", "complaint"),
            ("unsubscribe", "unsubscribe"),
            ("manual", "manual"),
            ("rate", "policy"),
            ("", "policy"),
        ] {
            let read = data(2, 1, &["a", "c"], &[("bob@x.example", said)]);
            assert_eq!(
                words(read),
                ["accepted a", &format!("suppressed {reason}"), "accepted c"],
                "{said}"
            );
        }
        let none = data(
            0,
            3,
            &[],
            &[("ann@x.example", "manual"), ("bob@x.example", "manual"), ("CY@x.example", "manual")],
        );
        assert_eq!(words(none), ["suppressed manual"; 3]);
    }

    #[test]
    fn the_number_that_was_accepted_decides_where_the_ids_do_not_match() {
        let nameless = ["accepted ", "accepted ", "accepted "];
        assert_eq!(words(data(3, 0, &["a", "b"], &[])), nameless);
        assert_eq!(words(data(3, 0, &["a", "b", "c", "d"], &[])), nameless);
        assert_eq!(words(data(3, 1, &["a", "b", "c"], &[])), nameless);
        assert_eq!(words(read(r#"{"data":{"accepted":3,"suppressed":null}}"#)), nameless);
        assert_eq!(
            words(data(2, 1, &["a"], &[("bob@x.example", "complaint")])),
            ["accepted ", "suppressed complaint", "accepted "]
        );
    }

    #[test]
    fn that_nobody_was_accepted_is_certain_without_names() {
        assert!(
            matches!(data(0, 3, &[], &[]), Read::Unnamed(refusal) if refusal.detail.contains("0 accepted"))
        );
    }

    #[test]
    fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
        for read in [
            data(2, 1, &["a", "b"], &[]),
            data(2, 0, &["a", "b"], &[]),
            data(0, 0, &[], &[]),
            data(0, 3, &["a"], &[]),
            data(2, 1, &["a", "b"], &[("dan@x.example", "manual")]),
            data(1, 1, &["a"], &[("bob@x.example", "manual")]),
            data(1, 2, &["a"], &[("bob@x.example", "manual"), ("bob@x.example", "manual")]),
            data(4, 0, &["a", "b", "c", "d"], &[]),
            read(r#"{"status":"success","data":{"accepted":-1}}"#),
            read(r#"{"status":"success"}"#),
            read(""),
            read("OK"),
        ] {
            assert!(matches!(read, Read::Doubt(_)), "{read:?}");
        }
    }

    #[test]
    fn an_address_stands_once_in_a_request() {
        let settings = settings("", Path::new("/nowhere/.mailbatch"));
        let emitlo = Emitlo { http: Http::new(&settings, BASE).unwrap(), options: Map::new() };
        let party =
            |name: &str| Arc::new(Party { name: name.into(), address: "news@acme.example".into() });
        let content = Arc::new(Content {
            from: party("Acme"),
            reply_to: Some(party("Help")),
            to_name: String::new(),
            subject: "Hi".into(),
            text: "1 < 2 & 3".into(),
            html: None,
            headers: Vec::new(),
            attachments: Arc::new([Attachment {
                name: "a.txt".into(),
                content_type: "text/plain".into(),
                data: "eA==".into(),
            }]),
        });
        let jobs = ["ann@x.example", "Ann@x.example"]
            .map(|to| Job { content: Some(Arc::clone(&content)), ..job(1, to, "") });
        assert!(emitlo.request(&[&jobs[0], &jobs[1]], "").is_err());
        let body = emitlo.request(&[&jobs[0]], "").unwrap().body;
        assert_eq!(
            String::from_utf8_lossy(&body),
            "{\"messages\":[{\"from_email\":\"news@acme.example\",\"from_name\":\"Acme\",\"to_email\":\"ann@x.example\",\"subject\":\"Hi\",\
             \"body\":\"<pre style=\\\"white-space: pre-wrap; font-family: inherit\\\">1 &lt; 2 &amp; 3</pre>\",\"reply_to\":\"news@acme.example\",\
             \"attachments\":[{\"filename\":\"a.txt\",\"content\":\"eA==\",\"content_type\":\"text/plain\"}]}]}"
        );
        for needs in [
            Needs { is_marketing: true, ..Needs::default() },
            Needs { headers: vec!["Feedback-ID".into()], ..Needs::default() },
        ] {
            assert!(emitlo.capabilities().refuse_inexpressible("p", &needs).is_err());
        }
        assert!(
            emitlo
                .capabilities()
                .refuse_inexpressible("p", &Needs { attachments: true, ..Needs::default() })
                .is_ok()
        );
    }

    #[test]
    fn failures_are_told_apart_by_code_and_field() {
        let read = |status: u16, code: &str, details: &str| {
            let body = format!(
                r#"{{"status":"error","error":{{"code":"{code}","message":"Words.","details":{details}}}}}"#
            );
            failure(&answer(status, &[("retry-after", "9")], &body))
        };
        for (status, code) in [
            (401, "UNAUTHENTICATED"),
            (403, "FORBIDDEN"),
            (404, "NOT_FOUND"),
            (422, "ATTACHMENT_TOO_LARGE"),
        ] {
            assert!(
                matches!(read(status, code, "null"), Read::Stop(r) if r.code == format!("{status} {code}") && r.detail == "Words."),
                "{code}"
            );
        }
        assert!(
            matches!(read(429, "RATE_LIMITED", "null"), Read::Again { wait: Some(wait), refusal } if wait == Duration::from_secs(9) && refusal.reason == Reason::Rate)
        );
        assert!(
            matches!(read(422, "VALIDATION_ERROR", r#"{"subject":["too long"]}"#), Read::Unnamed(r) if r.detail == "Words.; subject: too long")
        );
        for field in ["to_email", "messages.3.to_email", "messages[3].to_email"] {
            let details = format!(r#"{{"{field}":["not an address"]}}"#);
            assert!(
                matches!(read(422, "VALIDATION_ERROR", &details), Read::Unnamed(r) if r.reason == Reason::BadAddress),
                "{field}"
            );
        }
        assert!(matches!(
            read(422, "VALIDATION_ERROR", r#"{"from_email":["domain is not verified"]}"#),
            Read::Stop(_)
        ));
        assert!(
            matches!(read(422, "MESSAGE_TOO_LARGE", "null"), Read::Unnamed(r) if r.reason == Reason::Content)
        );
        assert!(matches!(read(409, "CONFLICT", "null"), Read::Unnamed(_)));
        assert!(matches!(failure(&answer(409, &[], "")), Read::Doubt(_)));
        assert!(matches!(read(500, "INTERNAL_ERROR", "null"), Read::Doubt(_)));
        assert!(matches!(failure(&answer(502, &[], "bad gateway")), Read::Doubt(_)));
    }
}
