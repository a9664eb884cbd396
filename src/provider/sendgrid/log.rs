//! Reads SendGrid's dated lists of bounces, blocks, invalid addresses, spam reports and
//! unsubscribes.
//!
//! SendGrid reports deliveries, opens and clicks only by the event webhook and the activity feed.
//! The feed costs extra and allows six requests a minute. API:
//! <https://www.twilio.com/docs/sendgrid/api-reference/bounces-api>.

use serde_json::Value;

use super::SendGrid;
use crate::provider::BoxFuture;
use crate::provider::account::{Entry, EventLog, MAX_PAGE, OVERLAP, Span, Stretch, Trouble};
use crate::provider::http::{self, Request};

const LISTS: [&str; 5] = ["bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes"];
/// The maximum number of entries of a page.
const PAGE: usize = 500;

impl EventLog for SendGrid {
    fn holds(&self) -> &'static str {
        "bounces, blocks, invalid addresses, spam reports and unsubscribes; deliveries are reported by webhooks"
    }

    fn whose(&self) -> [u8; 32] {
        self.http.account_with(&[])
    }

    /// Reads a page. The cursor is a list and an offset: `bounces:450`.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>> {
        Box::pin(async move {
            let (name, offset) =
                cursor.and_then(|cursor| cursor.split_once(':')).unwrap_or((LISTS[0], "0"));
            let place = LISTS.iter().position(|list| *list == name).unwrap_or(0);
            let (list, offset) = (LISTS[place], offset.parse::<usize>().unwrap_or(0));
            let (start, end) = (span.from.as_second(), span.until.as_second().saturating_add(1));
            let path = format!(
                "/v3/suppression/{list}?start_time={start}&end_time={end}&limit={PAGE}&offset={offset}"
            );
            let answer = self.http.ask_for(self, &Request::get(path), MAX_PAGE).await?;
            let rows: Vec<Value> = http::parsed(&answer)?;
            let next = match rows.len() >= PAGE {
                true => Some(format!("{list}:{}", offset.saturating_add(rows.len() - OVERLAP))),
                false => LISTS.get(place + 1).map(|list| format!("{list}:0")),
            };
            Ok(Stretch {
                entries: rows.into_iter().map(|value| Entry { list, value }).collect(),
                next,
                clock: answer.clock(),
                ..Stretch::default()
            })
        })
    }
}
