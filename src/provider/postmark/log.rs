//! Reads Postmark's logs: the bounces, which include complaints, and the sent messages. Postmark
//! reports deliveries only by webhooks.
//!
//! API: <https://postmarkapp.com/developer/api/bounce-api#bounces> and
//! <https://postmarkapp.com/developer/api/messages-api>. A query covers days of Eastern Time and
//! returns the newest entries first. Count and offset together may not exceed 10,000, so each day
//! is read separately.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::Value;

use super::Postmark;
use super::account::json_only;
use crate::model::outcome::Reason;
use crate::provider::account::{Entry, EventLog, MAX_PAGE, OVERLAP, Span, Stretch, Trouble};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, Refusal};

/// Each list with its name, its path and the field that contains its entries.
const LISTS: [(&str, &str, &str); 2] =
    [("bounces", "/bounces", "Bounces"), ("messages", "/messages/outbound", "Messages")];
/// The maximum number of entries of one page (`PAGE`), and of all pages of one query (`REACH`).
const PAGE: usize = 500;
const REACH: usize = 10_000;
/// The offsets of Eastern Time in winter and in summer. Reading starts at the earlier of the two
/// possible dates of a time, and ends at the later one.
const WINTER: Offset = Offset::constant(-5);
const SUMMER: Offset = Offset::constant(-4);

#[derive(Deserialize)]
struct Found {
    #[serde(flatten)]
    fields: std::collections::HashMap<String, Value>,
}

/// The position in the logs: a day, a list, and the number of entries already read.
struct Place {
    day: Date,
    list: usize,
    offset: usize,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        Some(Self {
            day: parts.next()?.parse().ok()?,
            list: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
        })
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.day, self.list, self.offset)
    }
}

impl EventLog for Postmark {
    fn holds(&self) -> &'static str {
        "bounces, complaints and messages sent; deliveries and unsubscribes are reported by webhooks"
    }

    fn whose(&self) -> [u8; 32] {
        self.http.account_with(&[&self.stream])
    }

    /// Reads a page. The cursor is a day, a list and an offset: `2026-11-21 0 450`.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>> {
        Box::pin(async move {
            let first = Place { day: WINTER.to_datetime(span.from).date(), list: 0, offset: 0 };
            let last_day = SUMMER.to_datetime(span.until).date();
            let mut place = cursor.and_then(Place::parse).unwrap_or(first);
            let (list, path, field) = LISTS[place.list.min(LISTS.len() - 1)];
            let (day, offset) = (place.day, place.offset);
            let count = PAGE.min(REACH.saturating_sub(offset));
            let path = format!("{path}?count={count}&offset={offset}&fromdate={day}&todate={day}");
            let answer = self.http.ask_for(self, &json_only(Request::get(path)), MAX_PAGE).await?;
            let Found { mut fields } = http::parsed(&answer)?;
            let Some(Value::Array(entries)) = fields.remove(field) else {
                return Err(Trouble::Failing(Refusal::new(
                    Reason::NoReply,
                    "",
                    format!("the reply has no list {field}"),
                )));
            };
            place.offset += entries.len();
            let total = fields
                .get("TotalCount")
                .and_then(Value::as_u64)
                .and_then(|total| usize::try_from(total).ok())
                .unwrap_or(usize::MAX);
            let is_cut = place.offset >= REACH && total > REACH;
            let left_out = is_cut.then(|| {
                format!("{list} of {day}: the API lists only the newest {REACH} of {total}")
            });
            let mut read_until = None;
            if entries.is_empty() || place.offset >= REACH || place.offset >= total {
                place = Place { list: place.list + 1, offset: 0, ..place };
                if place.list >= LISTS.len() {
                    let day = place.day.checked_add(1.day()).unwrap_or(Date::MAX);
                    read_until = SUMMER
                        .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
                        .ok()
                        .map(|end: Timestamp| end.min(span.until));
                    place = Place { day, list: 0, offset: 0 };
                }
            } else if entries.len() >= PAGE {
                place.offset -= OVERLAP;
            }
            let next = (place.day <= last_day).then(|| place.text());
            let ours = |value: &Value| {
                list != "messages"
                    || value
                        .get("MessageStream")
                        .is_none_or(|stream| stream == self.stream.as_str())
            };
            let entries =
                entries.into_iter().filter(ours).map(|value| Entry { list, value }).collect();
            Ok(Stretch { entries, next, read_until, left_out, clock: answer.clock() })
        })
    }
}
