//! Reads and extends the suppression list of a Postmark stream.

use serde::Deserialize;
use serde_json::json;

use super::Postmark;
use super::account::json_only;
use crate::model::outcome::Reason;
use crate::provider::account::{Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, UnsubscribeHeaders};

/// The maximum size in bytes of the list, which the API returns in one reply.
const MAX_LIST: usize = 256 * 1024 * 1024;
/// The maximum number of entries in a request that adds entries. The documentation does not say
/// that more are accepted.
const MOST_PUSHED: usize = 50;

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
    /// Returns the reason. A suppression that the recipient caused is an unsubscribe.
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
            let Dump { suppressions } = http::parsed(&answer)?;
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

    /// Postmark stores an added address as suppressed manually, which stops all mail of the stream.
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
            let Added { suppressions } = http::parsed(&self.http.ask(self, &request).await?)?;
            Ok(suppressions.iter().filter(|added| added.status == "Failed").count() as u64)
        })
    }
}
