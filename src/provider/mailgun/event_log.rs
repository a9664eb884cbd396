//! Mailgun's log of events.
//!
//! API: <https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-polling>. Events
//! may come to stand in it half an hour after they happened, so a later reading begins before the
//! end of the one before.

use jiff::Timestamp;

use super::Mailgun;
use super::by_hand::{EVENTS, Events};
use crate::model::outcome::Reason;
use crate::provider::by_hand::{Entry, EventLog, MAX_PAGE, Span, Stretch, Trouble};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, Refusal};

impl EventLog for Mailgun {
    fn holds(&self) -> &'static str {
        "every event of the domain"
    }

    fn whose(&self) -> [u8; 32] {
        self.http.account_with(&[&self.domain])
    }

    /// A cursor is the path of the next page.
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
            let Events { items, paging } = http::told(&answer)?;
            if items.len() >= EVENTS && paging.next.is_empty() {
                return Err(Trouble::Failing(Refusal::new(
                    Reason::NoReply,
                    "",
                    "a full page has no link to the next one",
                )));
            }
            // An empty page ends the log, whatever links it has.
            let next = match items.is_empty() || paging.next.is_empty() {
                true => None,
                false => Some(self.path_below(&paging.next, &list)?),
            };
            let at = |item: &serde_json::Value| {
                Timestamp::from_microsecond((item["timestamp"].as_f64()? * 1e6) as i64).ok()
            };
            // An item that is ahead of its time says nothing about the others.
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
