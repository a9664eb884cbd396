//! Reads and extends the suppression lists of a SendGrid account.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::SendGrid;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};

const GLOBAL: &str = "/v3/asm/suppressions/global";
/// The lists that stop all mail. Blocks are temporary, and group unsubscribes stop only some mail.
const LISTS: [(&str, Reason); 4] = [
    ("bounces", Reason::HardBounce),
    ("invalid_emails", Reason::HardBounce),
    ("spam_reports", Reason::Complaint),
    ("unsubscribes", Reason::Unsubscribe),
];
/// The maximum number of entries of a page.
const PAGE: usize = 500;

/// An entry of a list: `{"created":1443651125,"email":"ann@x.example","reason":"550 5.1.1
/// …","status":"5.1.1"}`.
#[derive(Deserialize)]
struct Entry {
    email: String,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    status: Option<String>,
}

impl RemoteList for SendGrid {
    /// Reads a page. The cursor is a list and an offset: `bounces:500`.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let (name, offset) =
                cursor.and_then(|cursor| cursor.split_once(':')).unwrap_or((LISTS[0].0, "0"));
            let place = LISTS.iter().position(|(list, _)| *list == name).unwrap_or(0);
            let offset: usize = offset.parse().unwrap_or(0);
            let (name, reason) = LISTS[place];
            let path = format!("/v3/suppression/{name}?limit={PAGE}&offset={offset}");
            let (rows, answer): (Vec<Entry>, _) =
                self.http.fetch(self, &Request::get(path)).await?;
            let next = if rows.len() >= PAGE {
                Some(format!("{name}:{}", offset.saturating_add(rows.len())))
            } else {
                LISTS.get(place + 1).map(|(list, _)| format!("{list}:0"))
            };
            let theirs = |entry: Entry| Theirs {
                email: entry.email,
                reason,
                created_at: entry.created.and_then(|at| Timestamp::from_second(at).ok()),
                note: answer.clean(&format!("{name} {}", entry.status.unwrap_or_default())),
            };
            Ok(Page { entries: rows.into_iter().map(theirs).collect(), left_out: None, next })
        })
    }

    fn takes(&self, _reason: Reason) -> bool {
        true
    }

    fn most_pushed(&self) -> usize {
        PAGE
    }

    /// Adds addresses to the global unsubscribes, which stop all mail. The API cannot add addresses
    /// to the other lists.
    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let emails: Vec<&str> = entries.iter().map(|ours| ours.email.as_str()).collect();
            http::succeeded(
                &self
                    .http
                    .ask(self, &Request::json(GLOBAL, &json!({ "recipient_emails": emails })))
                    .await?,
            )?;
            Ok(0)
        })
    }
}
