//! Postmark by hand: the server, its stream, and the stream's suppressions.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Postmark};
use crate::model::outcome::Reason;
use crate::provider::by_hand::{
    About, ByHand, EventLog, Finding, Ours, Page, RemoteList, Theirs, Trouble,
};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, UnsubscribeHeaders};

/// The list comes whole, so it may be large.
const MAX_LIST: usize = 256 * 1024 * 1024;
/// The most entries of an addition; more is not documented to be taken.
const MOST_PUSHED: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    name: String,
    #[serde(default)]
    delivery_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    message_stream_type: String,
    #[serde(default)]
    archived_at: Option<String>,
}

impl ByHand for Postmark {
    fn reply(&self) -> &'static str {
        "one result for each message, by its place"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let asked = self.http.ask(self, &json_only(Request::get("/server"))).await;
            let (answer, server) =
                match asked.and_then(|answer| Ok((http::told::<Server>(&answer)?, answer))) {
                    Ok((server, answer)) => (answer, server),
                    Err(trouble) => return vec![Finding::of_trouble(&trouble)],
                };
            let detail = match server.delivery_type.as_str() {
                "Sandbox" => format!(
                    "accepted by the sandbox server {}, which delivers nothing",
                    server.name
                ),
                _ => format!("accepted by the server {}", server.name),
            };
            vec![
                Finding::good(About::Credentials, answer.clean(&detail)),
                self.examined_stream().await,
                Finding::untold(
                    About::Sender,
                    "signatures and domains are told to an account's token only, which mailbatch does not have",
                ),
            ]
        })
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

pub(super) fn json_only(request: Request) -> Request {
    request.header("accept", "application/json").header("content-type", "application/json")
}

impl Postmark {
    fn stream_path(&self) -> String {
        format!("/message-streams/{}", http::encoded(&self.stream))
    }

    async fn examined_stream(&self) -> Finding {
        let name = &self.stream;
        let told = |answer: Answer| match answer.status {
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Finding::bad(About::Stream, format!("the server has no stream {name}")))
            }
            _ => {
                let Stream { message_stream_type: kind, archived_at } = http::told(&answer)?;
                let detail = answer.clean(&format!("{name} is a stream of type {kind}"));
                Ok(if archived_at.is_some() {
                    Finding::bad(About::Stream, format!("{name} is archived"))
                } else {
                    Finding::good(About::Stream, detail)
                })
            }
        };
        let found: Result<Finding, Trouble> =
            self.http.ask(self, &json_only(Request::get(self.stream_path()))).await.and_then(told);
        found.unwrap_or_else(|trouble| {
            Finding::untold(About::Stream, crate::provider::by_hand::in_words(trouble.refusal()))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dump {
    suppressions: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    email_address: String,
    #[serde(default)]
    suppression_reason: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    created_at: String,
}

impl Entry {
    /// What a recipient did by hand is an unsubscribe.
    fn reason(&self) -> Reason {
        match (self.suppression_reason.as_str(), self.origin.as_str()) {
            ("HardBounce", _) => Reason::HardBounce,
            ("SpamComplaint", _) => Reason::Complaint,
            (_, "Recipient") => Reason::Unsubscribe,
            _ => Reason::Manual,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Added {
    suppressions: Vec<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    status: String,
}

impl RemoteList for Postmark {
    fn page<'a>(&'a self, _cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let request =
                json_only(Request::get(format!("{}/suppressions/dump", self.stream_path())));
            let answer = self.http.ask_for(self, &request, MAX_LIST).await?;
            let Dump { suppressions } = http::told(&answer)?;
            let theirs = |entry: Entry| Theirs {
                reason: entry.reason(),
                created_at: entry.created_at.parse().ok(),
                note: answer.clean(&format!("{} {}", entry.suppression_reason, entry.origin)),
                email: entry.email_address,
            };
            Ok(Page {
                entries: suppressions.into_iter().map(theirs).collect(),
                left_out: None,
                next: None,
            })
        })
    }

    /// Whoever is added stands there as suppressed by hand, which stops all mail of the stream.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
            || self.capabilities.unsubscribe_headers == UnsubscribeHeaders::Provider
    }

    fn most_pushed(&self) -> usize {
        MOST_PUSHED
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let rows: Vec<_> =
                entries.iter().map(|ours| json!({ "EmailAddress": ours.email })).collect();
            let request = Request::json(
                format!("{}/suppressions", self.stream_path()),
                &json!({ "Suppressions": rows }),
            );
            let Added { suppressions } = http::told(&self.http.ask(self, &request).await?)?;
            Ok(suppressions.iter().filter(|added| added.status == "Failed").count() as u64)
        })
    }
}
