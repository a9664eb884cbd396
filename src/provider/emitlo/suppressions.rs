//! Reads and extends the suppression list of an Emitlo organisation.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Emitlo;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Trouble};
use crate::provider::http::{self, ListedAddress, Request};

pub(super) const SUPPRESSIONS: &str = "/api/v1/suppressions";
/// The maximum size of the list in bytes. The documentation describes no paging, so the whole list
/// is read in one reply.
const MAX_LIST: usize = 256 * 1024 * 1024;

#[derive(Deserialize)]
struct Listed {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    suppressions: Vec<ListedAddress>,
    #[serde(default)]
    total: u64,
}

impl RemoteList for Emitlo {
    fn page<'a>(&'a self, _cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let answer = self.http.ask_for(self, &Request::get(SUPPRESSIONS), MAX_LIST).await?;
            let Listed { data: Data { suppressions, total } } = http::parsed(&answer)?;
            let missing = total.saturating_sub(suppressions.len() as u64);
            let left_out = (missing > 0)
                .then_some((missing, "not listed by the API, which documents no way to list them"));
            let entries = suppressions.into_iter().map(|entry| entry.theirs(&answer, "")).collect();
            Ok(Page { entries, left_out, next: None })
        })
    }

    /// Returns true, because Emitlo has the same reasons as mailbatch.
    fn takes(&self, _reason: Reason) -> bool {
        true
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(self.http.push_each(self, entries, Some(StatusCode::CONFLICT), |ours| {
            let body = json!({ "email": ours.email, "reason": ours.reason.as_str() });
            Request::json(SUPPRESSIONS, &body)
        }))
    }
}
