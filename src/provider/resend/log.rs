//! Reads Resend's list of sent emails, newest first, each with its latest event.
//!
//! API: <https://resend.com/docs/api-reference/emails/list-emails>. The list does not show whether
//! a bounce is hard, so a bounce read here suppresses no address. The team's suppression list
//! contains the hard bounces.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Resend;
use crate::model::outcome::Reason;
use crate::provider::account::{Entry, EventLog, MAX_PAGE, Span, Stretch, Trouble};
use crate::provider::http::{self, Request};
use crate::provider::{BoxFuture, Refusal};

/// The maximum number of emails of a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Listed {
    data: Vec<Value>,
    #[serde(default)]
    has_more: bool,
}

impl EventLog for Resend {
    fn holds(&self) -> &'static str {
        "the last event of each email sent; whether a bounce is hard is reported by webhooks and by `suppress sync`"
    }

    fn whose(&self) -> [u8; 32] {
        self.http.account_with(&[])
    }

    /// Returns several days, because an email sent days ago can bounce now and its entry keeps its
    /// place in the list.
    fn unsettled_for(&self) -> Duration {
        Duration::from_secs(3 * 86_400)
    }

    /// Reads a page. The cursor is the id of the last email read.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>> {
        Box::pin(async move {
            let after =
                cursor.map(|id| format!("&after={}", http::encoded(id))).unwrap_or_default();
            let answer = self
                .http
                .ask_for(self, &Request::get(format!("/emails?limit={PAGE}{after}")), MAX_PAGE)
                .await?;
            let Listed { mut data, has_more } = http::parsed(&answer)?;
            let last = data.last().and_then(|email| email["id"].as_str()).map(str::to_owned);
            let is_old = |email: &Value| time(email).is_some_and(|at| at < span.from);
            let goes_on = has_more && !data.last().is_some_and(is_old);
            if goes_on && last.is_none() {
                let what = "the list continues, but its last email has no id for the next request";
                return Err(Trouble::Failing(Refusal::new(Reason::NoReply, "", what)));
            }
            data.retain(|email| !is_old(email));
            let entries = data.into_iter().map(|value| Entry { list: "emails", value }).collect();
            Ok(Stretch {
                entries,
                next: last.filter(|_| goes_on),
                clock: answer.clock(),
                ..Stretch::default()
            })
        })
    }
}

/// Returns the time at which an email was created: `2026-04-03T22:13:42.674981+00:00`, or with a
/// space and an offset in hours.
fn time(email: &Value) -> Option<Timestamp> {
    let text = email["created_at"].as_str()?.trim();
    text.parse().ok().or_else(|| format!("{text}:00").parse().ok())
}
