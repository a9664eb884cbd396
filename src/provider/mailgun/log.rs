//! Mailgun's event log.
//!
//! API: <https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-polling>. An event
//! may appear in the log half an hour after it happened. Each reading therefore starts before the
//! end of the previous one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Mailgun;
use super::paging::Paging;
use crate::model::outcome::Reason;
use crate::provider::account::{
    Entry, EventLog, InDoubt, Log, Logged, MAX_PAGE, Span, Stretch, Trouble,
};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, Refusal, Verdict};

/// The maximum number of events of a page.
const EVENTS: usize = 300;
/// The maximum number of pages read of the events of one address.
const MOST_PAGES: usize = 20;
/// The number of seconds by which an event may be dated before its message's claim, because clocks
/// differ.
const CLOCKS_DIFFER: i64 = 300;

/// A page of the event log:
/// `{"items":[{"event":"accepted","timestamp":1529704976.1,"user-variables":{"mailbatch_id":"…"},"message":{"headers":{"message-id":"…"}}}]}`.
#[derive(Deserialize)]
struct Events {
    items: Vec<Value>,
    #[serde(default)]
    paging: Paging,
}

impl Log for Mailgun {
    /// Searches the address's events for the correlation id, which every event contains. A rejected
    /// event proves only that one message was not accepted; another message may have been.
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
                let Events { items, paging } = http::parsed(&answer)?;
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

impl EventLog for Mailgun {
    fn holds(&self) -> &'static str {
        "all events of the domain"
    }

    fn whose(&self) -> [u8; 32] {
        self.http.account_with(&[&self.domain])
    }

    /// Reads a page. The cursor is the path of the next page.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>> {
        Box::pin(async move {
            let list = self.list_path("events");
            let path = match cursor {
                Some(path) => path.to_owned(),
                None => {
                    let (begin, end) =
                        (span.from.as_second(), span.until.as_second().saturating_add(1));
                    format!("{list}?begin={begin}&end={end}&ascending=yes&limit={EVENTS}")
                }
            };
            let answer = self.http.ask_for(self, &Request::get(path), MAX_PAGE).await?;
            let Events { items, paging } = http::parsed(&answer)?;
            if items.len() >= EVENTS && paging.next.is_empty() {
                return Err(Trouble::Failing(Refusal::new(
                    Reason::NoReply,
                    "",
                    "the log's page is full but has no link to the next page",
                )));
            }
            // An empty page ends the log, even if it has a link.
            let next = match items.is_empty() || paging.next.is_empty() {
                true => None,
                false => Some(self.path_below(&paging.next, &list)?),
            };
            let at = |item: &Value| {
                Timestamp::from_microsecond((item["timestamp"].as_f64()? * 1e6) as i64).ok()
            };
            // The earliest time is used, so that a single item with a late date has no effect.
            let read_until = items.iter().filter_map(at).min();
            Ok(Stretch {
                entries: items.into_iter().map(|value| Entry { list: "events", value }).collect(),
                next,
                read_until,
                left_out: None,
                clock: answer.clock(),
            })
        })
    }
}
