//! Mailgun by hand: the sending domain, and its bounces, complaints and unsubscribes.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::Mailgun;
use crate::model::outcome::Reason;
use crate::provider::by_hand::{
    About, ByHand, EventLog, Finding, InDoubt, Log, Logged, Ours, Page, RemoteList, Theirs, Trouble,
};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, Refusal, Verdict};

const LISTS: [(&str, Reason); 3] = [
    ("bounces", Reason::HardBounce),
    ("complaints", Reason::Complaint),
    ("unsubscribes", Reason::Unsubscribe),
];
/// The most entries of a page, and of an addition.
const PAGE: usize = 1_000;
/// The most events of a page.
pub(super) const EVENTS: usize = 300;
/// As far as the events of one address are read, in pages.
const MOST_PAGES: usize = 20;
/// So many seconds before a message was claimed its events may seem to have happened.
const CLOCKS_DIFFER: i64 = 300;

#[derive(Deserialize)]
struct Found {
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    state: String,
    #[serde(default)]
    is_disabled: bool,
}

impl ByHand for Mailgun {
    fn reply(&self) -> &'static str {
        "one id for the whole request; a refusal names nobody, so the request is halved until it is found"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let answer = match self
                .http
                .ask(self, &Request::get(format!("/v4/domains/{}", self.domain)))
                .await
            {
                Ok(answer) => answer,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            if answer.status == StatusCode::NOT_FOUND {
                let detail = format!("{} is not a domain of this account and region", self.domain);
                return vec![
                    Finding::good(About::Credentials, "the key is accepted"),
                    Finding::bad(About::Sender, detail),
                ];
            }
            let Domain { state, is_disabled } = match http::told::<Found>(&answer) {
                Ok(found) => found.domain,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            let sender = match (state.as_str(), is_disabled) {
                ("active", false) => {
                    Finding::good(About::Sender, format!("{} is active", self.domain))
                }
                (_, true) => Finding::bad(About::Sender, format!("{} is disabled", self.domain)),
                (state, false) => Finding::bad(
                    About::Sender,
                    answer.clean(&format!("{} is {state}", self.domain)),
                ),
            };
            vec![Finding::good(About::Credentials, "the key is accepted"), sender]
        })
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

/// A page of the event log:
/// `{"items":[{"event":"accepted","timestamp":1529704976.1,"user-variables":{"mailbatch_id":"…"},"message":{"headers":{"message-id":"…"}}}]}`
#[derive(Deserialize)]
pub(super) struct Events {
    pub(super) items: Vec<Value>,
    #[serde(default)]
    pub(super) paging: Paging,
}

impl Log for Mailgun {
    /// Searches the events of the address for our id, which they all have. A rejected event tells
    /// that the message was not taken, and proves nothing about another that was.
    fn look_up<'a>(
        &'a self,
        about: &'a InDoubt<'a>,
    ) -> BoxFuture<'a, Result<Option<Logged>, Trouble>> {
        Box::pin(async move {
            let begin = about.claimed_at.as_second() - CLOCKS_DIFFER;
            let list = self.list_path("events");
            let mut path = format!(
                "{list}?begin={begin}&ascending=yes&limit={EVENTS}&recipient={}",
                http::encoded(about.to)
            );
            for _ in 0..MOST_PAGES {
                let answer = self.http.ask(self, &Request::get(path)).await?;
                let Events { items, paging } = http::told(&answer)?;
                let is_ours = |item: &&Value| {
                    item["user-variables"]["mailbatch_id"].as_str()
                        == Some(http::correlation_of(about.message_id))
                        && item["event"] != "rejected"
                };
                if let Some(item) = items.iter().find(is_ours) {
                    let provider_id = item["message"]["headers"]["message-id"]
                        .as_str()
                        .map(|id| answer.clean(id));
                    let words = answer.clean(item["event"].as_str().unwrap_or("event"));
                    let verdict = Verdict::Accepted {
                        provider_id,
                        code: String::new(),
                        detail: String::new(),
                    };
                    return Ok(Some(Logged { verdict, words }));
                }
                if items.is_empty() || paging.next.is_empty() {
                    break;
                }
                path = self.path_below(&paging.next, &list)?;
            }
            Ok(None)
        })
    }
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Default, Deserialize)]
pub(super) struct Paging {
    #[serde(default)]
    pub(super) next: String,
}

/// `{"address":"ann@x.example","code":"550","error":"…","created_at":"Fri, 21 Oct 2011 11:02:55
/// UTC"}`, of an unsubscribe with `tags`.
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
    /// Whether it stops all mail, and not only what has some tag.
    fn is_about_all(&self) -> bool {
        self.tags.as_ref().is_none_or(|tags| tags.is_empty() || tags.iter().any(|tag| tag == "*"))
    }
}

impl Mailgun {
    pub(super) fn list_path(&self, list: &str) -> String {
        format!("/v3/{}/{list}", self.domain)
    }

    /// The path of a link, if it leads to what is below `list` at the same service.
    pub(super) fn path_below(&self, link: &str, list: &str) -> Result<String, Trouble> {
        let url = Url::parse(link).map_err(|_| elsewhere())?;
        let base = self.http.base();
        let is_here = (url.scheme(), url.host_str(), url.port_or_known_default())
            == (base.scheme(), base.host_str(), base.port_or_known_default());
        if !is_here
            || !url.path().get(..list.len()).is_some_and(|start| start.eq_ignore_ascii_case(list))
        {
            return Err(elsewhere());
        }
        Ok(url
            .query()
            .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }

    /// The path of a link to the next page, if the link leads to the same list of the same service.
    fn path_of(&self, link: &str, list: &str) -> Result<String, Trouble> {
        let list = self.list_path(list);
        let path = self.path_below(link, &list)?;
        match path.get(list.len()..) {
            Some("") => Ok(path),
            Some(rest) if rest.starts_with('?') => Ok(path),
            _ => Err(elsewhere()),
        }
    }
}

fn elsewhere() -> Trouble {
    Trouble::Refused(Refusal::new(
        Reason::Session,
        "",
        "the link to the next page leads elsewhere and is not followed",
    ))
}

impl RemoteList for Mailgun {
    /// A cursor is a list and the path of its next page: `bounces /v3/…`.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let (name, path) =
                cursor.and_then(|cursor| cursor.split_once(' ')).unwrap_or((LISTS[0].0, ""));
            let place = LISTS.iter().position(|(list, _)| *list == name).unwrap_or(0);
            let (name, reason) = LISTS[place];
            // A cursor comes out of a file, so it is looked at as a link is.
            let path = if path.starts_with(&self.list_path(name)) {
                path.to_owned()
            } else {
                format!("{}?limit={PAGE}", self.list_path(name))
            };
            let answer = self.http.ask(self, &Request::get(path)).await?;
            let Listed { items, paging } = http::told(&answer)?;
            // An empty page ends a list, whatever links it has.
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
                // Who was suppressed by hand is unsubscribed from all mail there.
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
