//! Reads and extends the suppression list of a Drin project.

use serde_json::json;

use super::Drin;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Trouble};
use crate::provider::http::{ListedPage, Request, next_page, page_path};

pub(super) const SUPPRESSIONS: &str = "/v1/suppressions";
/// The maximum number of entries of a page.
const PAGE: &str = "limit=100";

impl RemoteList for Drin {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let path = page_path(SUPPRESSIONS, PAGE, "cursor", cursor);
            let (listed, answer): (ListedPage, _) =
                self.http.fetch(self, &self.of_project(Request::get(path))).await?;
            let entries = listed.data.into_iter().map(|entry| entry.theirs(&answer, "")).collect();
            Ok(Page { entries, left_out: None, next: next_page(listed.next_cursor) })
        })
    }

    /// Drin stores an added address as suppressed manually, which stops all kinds of mail.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(self.http.push_each(self, entries, None, |ours| {
            self.of_project(Request::json(SUPPRESSIONS, &json!({ "email": ours.email })))
        }))
    }
}
