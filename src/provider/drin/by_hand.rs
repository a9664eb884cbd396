//! Drin by hand: the key, and the project's suppressions.

use serde::Deserialize;
use serde_json::json;

use super::Drin;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{ByHand, Finding, Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};

const SUPPRESSIONS: &str = "/v1/suppressions";
/// The most entries of a page.
const PAGE: usize = 100;

impl ByHand for Drin {
    fn reply(&self) -> &'static str {
        "one result for each message, by index or place"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            match self
                .http
                .ask(self, &self.of_project(Request::get(format!("{SUPPRESSIONS}?limit=1"))))
                .await
            {
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
#[serde(rename_all = "camelCase")]
struct Listed {
    data: Vec<Entry>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    email: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    created_at: String,
}

impl RemoteList for Drin {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let after = cursor
                .map(|cursor| format!("&cursor={}", http::encoded(cursor)))
                .unwrap_or_default();
            let request =
                self.of_project(Request::get(format!("{SUPPRESSIONS}?limit={PAGE}{after}")));
            let answer = self.http.ask(self, &request).await?;
            let Listed { data, next_cursor } = http::told(&answer)?;
            let theirs = |entry: Entry| Theirs {
                reason: http::suppression_reason(&entry.reason),
                created_at: entry.created_at.parse().ok(),
                note: answer.clean(&entry.reason),
                email: entry.email,
            };
            let entries = data.into_iter().map(theirs).collect();
            Ok(Page {
                entries,
                left_out: None,
                next: next_cursor.filter(|cursor| !cursor.is_empty()),
            })
        })
    }

    /// Whoever is added stands there as suppressed by hand, which stops mail of every kind.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            for ours in entries {
                let request =
                    self.of_project(Request::json(SUPPRESSIONS, &json!({ "email": ours.email })));
                http::succeeded(&self.http.ask(self, &request).await?)?;
            }
            Ok(0)
        })
    }
}
