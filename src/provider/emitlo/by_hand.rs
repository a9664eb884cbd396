//! Emitlo by hand: the credential, and the organisation's suppressions.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Emitlo;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{ByHand, Finding, Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};

const SUPPRESSIONS: &str = "/api/v1/suppressions";
/// How pages are asked for is not documented, so the list is taken as it comes.
const MAX_LIST: usize = 256 * 1024 * 1024;

impl ByHand for Emitlo {
    fn reply(&self) -> &'static str {
        "ids of those who were taken, by place, and the suppressed by address"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            match self.http.ask(self, &Request::get(SUPPRESSIONS)).await {
                Ok(answer) => vec![http::credentials(&answer, "suppressions")],
                Err(trouble) => vec![Finding::of_trouble(&trouble)],
            }
        })
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct Listed {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    suppressions: Vec<Entry>,
    #[serde(default)]
    total: u64,
}

#[derive(Deserialize)]
struct Entry {
    email: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    created_at: String,
}

impl RemoteList for Emitlo {
    fn page<'a>(&'a self, _cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let answer = self.http.ask_for(self, &Request::get(SUPPRESSIONS), MAX_LIST).await?;
            let Listed { data: Data { suppressions, total } } = http::told(&answer)?;
            let missing = total.saturating_sub(suppressions.len() as u64);
            let theirs = |entry: Entry| Theirs {
                reason: http::suppression_reason(&entry.reason),
                created_at: entry.created_at.parse().ok(),
                note: answer.clean(&entry.reason),
                email: entry.email,
            };
            let left_out = (missing > 0).then_some((
                missing,
                "not listed by the API, which documents no way to ask for them",
            ));
            Ok(Page {
                entries: suppressions.into_iter().map(theirs).collect(),
                left_out,
                next: None,
            })
        })
    }

    /// Its reasons are ours.
    fn takes(&self, _reason: Reason) -> bool {
        true
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            for ours in entries {
                let body = json!({ "email": ours.email, "reason": ours.reason.as_str() });
                let answer = self.http.ask(self, &Request::json(SUPPRESSIONS, &body)).await?;
                // It is there already.
                if answer.status != StatusCode::CONFLICT {
                    http::succeeded(&answer)?;
                }
            }
            Ok(0)
        })
    }
}
