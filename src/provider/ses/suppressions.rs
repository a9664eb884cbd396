//! Reads and extends the suppression list of the SES account in its region.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Ses;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{Request, next_page, page_path};

const SUPPRESSIONS: &str = "/v2/email/suppression/addresses";
/// The page size. The documentation does not say that larger pages are accepted.
const PAGE: &str = "PageSize=100";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    suppressed_destination_summaries: Vec<Summary>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    email_address: String,
    reason: String,
    #[serde(default)]
    last_update_time: Option<f64>,
}

impl RemoteList for Ses {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let path = page_path(SUPPRESSIONS, PAGE, "NextToken", cursor);
            let (listed, answer): (Listed, _) = self.http.fetch(self, &Request::get(path)).await?;
            let theirs = |summary: Summary| Theirs {
                reason: if summary.reason == "COMPLAINT" {
                    Reason::Complaint
                } else {
                    Reason::HardBounce
                },
                created_at: summary
                    .last_update_time
                    .and_then(|at| Timestamp::from_second(at as i64).ok()),
                note: answer.clean(&summary.reason),
                email: summary.email_address,
            };
            let entries = listed.suppressed_destination_summaries.into_iter().map(theirs).collect();
            Ok(Page { entries, left_out: None, next: next_page(listed.next_token) })
        })
    }

    fn takes(&self, reason: Reason) -> bool {
        matches!(reason, Reason::HardBounce | Reason::Complaint)
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(self.http.push_each(self, entries, None, |ours| {
            let reason = if ours.reason == Reason::Complaint { "COMPLAINT" } else { "BOUNCE" };
            let body = json!({ "EmailAddress": ours.email, "Reason": reason });
            Request::json(SUPPRESSIONS, &body).by(Method::PUT)
        }))
    }
}
