//! Reads and extends the suppression list of a Resend team.

use serde::Deserialize;
use serde_json::json;

use super::Resend;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request, page_path};

const SUPPRESSIONS: &str = "/suppressions";
/// The maximum number of entries of a page, and of a request that adds entries.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Listed {
    data: Vec<Entry>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    email: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    created_at: String,
}

impl RemoteList for Resend {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let path = page_path(SUPPRESSIONS, &format!("limit={PAGE}"), "after", cursor);
            let (Listed { data, has_more }, answer) =
                self.http.fetch(self, &Request::get(path)).await?;
            let next = data.last().filter(|_| has_more).map(|entry| entry.id.clone());
            let theirs = |entry: Entry| Theirs {
                reason: match entry.origin.as_str() {
                    "bounce" => Reason::HardBounce,
                    "complaint" => Reason::Complaint,
                    _ => Reason::Manual,
                },
                created_at: entry.created_at.parse().ok(),
                note: answer.clean(&entry.origin),
                email: entry.email,
            };
            Ok(Page { entries: data.into_iter().map(theirs).collect(), left_out: None, next })
        })
    }

    /// Resend sends no mail of any kind to an added address.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
    }

    fn most_pushed(&self) -> usize {
        PAGE
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let emails: Vec<&str> = entries.iter().map(|ours| ours.email.as_str()).collect();
            let request =
                Request::json(format!("{SUPPRESSIONS}/batch/add"), &json!({ "emails": emails }));
            http::succeeded(&self.http.ask(self, &request).await?)?;
            Ok(0)
        })
    }
}
