//! Checks the server and its message stream through Postmark's API.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Postmark;
use crate::provider::BoxFuture;
use crate::provider::account::{
    About, AccountApi, EventLog, Finding, RemoteList, Trouble, in_words,
};
use crate::provider::http::{self, Answer, Request};

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

impl AccountApi for Postmark {
    fn reply(&self) -> &'static str {
        "one result for each message, by its place"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let asked = self.http.ask(self, &json_only(Request::get("/server"))).await;
            let (answer, server) =
                match asked.and_then(|answer| Ok((http::parsed::<Server>(&answer)?, answer))) {
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
                Finding::not_reported(
                    About::Sender,
                    "signatures and domains can be read only with an account token, which mailbatch does not have",
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
    pub(super) fn stream_path(&self) -> String {
        format!("/message-streams/{}", http::encoded(&self.stream))
    }

    async fn examined_stream(&self) -> Finding {
        let name = &self.stream;
        let read = |answer: Answer| match answer.status {
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Finding::bad(About::Stream, format!("the server has no stream {name}")))
            }
            _ => {
                let Stream { message_stream_type: kind, archived_at } = http::parsed(&answer)?;
                let detail = answer.clean(&format!("{name} is a stream of type {kind}"));
                Ok(if archived_at.is_some() {
                    Finding::bad(About::Stream, format!("{name} is archived"))
                } else {
                    Finding::good(About::Stream, detail)
                })
            }
        };
        let found: Result<Finding, Trouble> =
            self.http.ask(self, &json_only(Request::get(self.stream_path()))).await.and_then(read);
        found.unwrap_or_else(|trouble| {
            Finding::not_reported(About::Stream, in_words(trouble.refusal()))
        })
    }
}
