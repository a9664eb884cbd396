//! Reads and extends the bounces, complaints and unsubscribes of a Mailgun domain.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Mailgun;
use super::paging::Paging;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::account::{Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};

const LISTS: [(&str, Reason); 3] = [
    ("bounces", Reason::HardBounce),
    ("complaints", Reason::Complaint),
    ("unsubscribes", Reason::Unsubscribe),
];
/// The maximum number of entries of a page, and of a request that adds entries.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
    #[serde(default)]
    paging: Paging,
}

/// An entry of a list: `{"address":"ann@x.example","code":"550","error":"…","created_at":"Fri, 21
/// Oct 2011 11:02:55 UTC"}`. An unsubscribe also has `tags`.
#[derive(Deserialize)]
struct Item {
    address: String,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Item {
    /// Returns whether the entry stops all mail, and not only mail with certain tags.
    fn is_about_all(&self) -> bool {
        self.tags.as_ref().is_none_or(|tags| tags.is_empty() || tags.iter().any(|tag| tag == "*"))
    }
}

impl RemoteList for Mailgun {
    /// Reads a page. The cursor is a list's name and the path of the list's next page: `bounces
    /// /v3/…`.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let (name, path) =
                cursor.and_then(|cursor| cursor.split_once(' ')).unwrap_or((LISTS[0].0, ""));
            let place = LISTS.iter().position(|(list, _)| *list == name).unwrap_or(0);
            let (name, reason) = LISTS[place];
            // The cursor comes from a file, so it is checked like a link.
            let path = if path.starts_with(&self.list_path(name)) {
                path.to_owned()
            } else {
                format!("{}?limit={PAGE}", self.list_path(name))
            };
            let (Listed { items, paging }, answer) =
                self.http.fetch(self, &Request::get(path)).await?;
            // An empty page ends the list, even if it has a link.
            let next = match items.is_empty() || paging.next.is_empty() {
                true => LISTS.get(place + 1).map(|(list, _)| format!("{list} ")),
                false => Some(format!("{name} {}", self.path_of(&paging.next, name)?)),
            };
            let (all, some): (Vec<Item>, Vec<Item>) =
                items.into_iter().partition(Item::is_about_all);
            let theirs = |item: Item| Theirs {
                reason,
                created_at: jiff::fmt::rfc2822::parse(&item.created_at.replace(" UTC", " GMT"))
                    .ok()
                    .map(|at| at.timestamp()),
                note: answer.clean(item.code.as_str().unwrap_or_default()),
                email: item.address,
            };
            let left_out = (!some.is_empty())
                .then_some((some.len() as u64, "unsubscribed from mail with one tag only"));
            Ok(Page { entries: all.into_iter().map(theirs).collect(), left_out, next })
        })
    }

    fn takes(&self, _reason: Reason) -> bool {
        true
    }

    fn most_pushed(&self) -> usize {
        PAGE
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            for (list, reason) in LISTS {
                // An address that was suppressed manually is stored at Mailgun as unsubscribed from
                // all mail.
                let belongs = |ours: &&Ours| {
                    ours.reason == reason
                        || (reason == Reason::Unsubscribe && ours.reason == Reason::Manual)
                };
                let row = |ours: &Ours| match reason {
                    Reason::Unsubscribe => json!({ "address": ours.email, "tag": "*" }),
                    Reason::HardBounce => {
                        json!({ "address": ours.email, "code": "550", "error": "suppressed by mailbatch" })
                    }
                    _ => json!({ "address": ours.email }),
                };
                let rows: Vec<Value> = entries.iter().filter(belongs).map(row).collect();
                if !rows.is_empty() {
                    http::succeeded(
                        &self.http.ask(self, &Request::json(self.list_path(list), &rows)).await?,
                    )?;
                }
            }
            Ok(0)
        })
    }
}
