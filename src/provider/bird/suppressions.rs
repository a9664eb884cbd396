//! Reads and extends the suppression list of a Bird workspace.

use serde::Deserialize;
use serde_json::json;

use super::Bird;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Trouble};
use crate::provider::http::{ListedAddress, ListedPage, Request, next_page, page_path};

pub(super) const SUPPRESSIONS: &str = "/v1/email/suppressions";
/// The page size. The documentation does not say that larger pages are accepted.
const PAGE: &str = "limit=100";

#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    listed: ListedAddress,
    #[serde(default)]
    origin: Option<String>,
}

impl RemoteList for Bird {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let path = page_path(SUPPRESSIONS, PAGE, "starting_after", cursor);
            let (listed, answer): (ListedPage<Entry>, _) =
                self.http.fetch(self, &Request::get(path)).await?;
            let theirs =
                |entry: Entry| entry.listed.theirs(&answer, &entry.origin.unwrap_or_default());
            let entries = listed.data.into_iter().map(theirs).collect();
            Ok(Page { entries, left_out: None, next: next_page(listed.next_cursor) })
        })
    }

    /// Bird stores an added address as suppressed manually, which stops all kinds of mail.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(self.http.push_each(self, entries, None, |ours| {
            Request::json(SUPPRESSIONS, &json!({ "email": ours.email }))
        }))
    }
}
