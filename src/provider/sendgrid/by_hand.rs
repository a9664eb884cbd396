//! SendGrid by hand: what the key may do, the sender, the credits, and the suppressions of the
//! account.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::SendGrid;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{
    About, ByHand, EventLog, Finding, Ours, Page, RemoteList, Theirs, Trouble,
};
use crate::provider::http::{self, Request};

const SCOPES: &str = "/v3/scopes";
const DOMAINS: &str = "/v3/whitelabel/domains";
const SENDERS: &str = "/v3/verified_senders";
const CREDITS: &str = "/v3/user/credits";
const GLOBAL: &str = "/v3/asm/suppressions/global";
/// The lists that stop all mail. Blocks are temporary, and groups are about some mail only.
const LISTS: [(&str, Reason); 4] = [
    ("bounces", Reason::HardBounce),
    ("invalid_emails", Reason::HardBounce),
    ("spam_reports", Reason::Complaint),
    ("unsubscribes", Reason::Unsubscribe),
];
/// The most entries of a page.
const PAGE: usize = 500;

#[derive(Deserialize)]
struct Scopes {
    scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Domain {
    domain: String,
    #[serde(default)]
    valid: bool,
}

#[derive(Deserialize)]
struct Senders {
    results: Vec<Sender>,
}

#[derive(Deserialize)]
struct Sender {
    from_email: String,
    #[serde(default)]
    verified: bool,
}

#[derive(Deserialize)]
struct Credits {
    remain: i64,
    total: i64,
    #[serde(default)]
    overage: i64,
    #[serde(default)]
    next_reset: Option<String>,
}

impl ByHand for SendGrid {
    fn examine<'a>(&'a self, sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let scopes: Scopes = match self
                .http
                .ask(self, &Request::get(SCOPES))
                .await
                .and_then(|answer| http::told(&answer))
            {
                Ok(scopes) => scopes,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            let may_send = scopes.scopes.iter().any(|scope| scope == "mail.send");
            let mut findings = vec![match may_send {
                true => Finding::good(About::Credentials, "the key is accepted and may send"),
                false => Finding::bad(
                    About::Credentials,
                    "the key is accepted, but may not send: it has no scope mail.send",
                ),
            }];
            if let Some(sender) = sender {
                findings.push(self.sender(sender).await);
            }
            let credits = self
                .http
                .ask(self, &Request::get(CREDITS))
                .await
                .and_then(|answer| http::told::<Credits>(&answer));
            findings.extend(credits.ok().map(|credits| credits.finding()));
            findings
        })
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

impl Credits {
    fn finding(&self) -> Finding {
        let until =
            self.next_reset.as_deref().map(|day| format!(" until {day}")).unwrap_or_default();
        let detail = format!("{} of {} credits left{until}", self.remain, self.total);
        // Some plans go on beyond their credits, and count what they do.
        if self.remain <= 0 && self.overage <= 0 {
            Finding::bad(About::Quota, detail)
        } else {
            Finding::good(About::Quota, detail)
        }
    }
}

impl SendGrid {
    async fn sender(&self, sender: &str) -> Finding {
        let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
        let path = format!("{DOMAINS}?domain={}", http::encoded(domain));
        let domains = self
            .http
            .ask(self, &Request::get(path))
            .await
            .and_then(|answer| http::told::<Vec<Domain>>(&answer));
        if domains.as_ref().is_ok_and(|found| {
            found.iter().any(|found| found.valid && found.domain.eq_ignore_ascii_case(domain))
        }) {
            return Finding::good(About::Sender, format!("{domain} is authenticated"));
        }
        let senders = self
            .http
            .ask(self, &Request::get(SENDERS))
            .await
            .and_then(|answer| http::told::<Senders>(&answer));
        let is_it =
            |known: &Sender| known.verified && known.from_email.eq_ignore_ascii_case(sender);
        match (domains, senders) {
            (_, Ok(senders)) if senders.results.iter().any(is_it) => {
                Finding::good(About::Sender, format!("{sender} is a verified sender"))
            }
            (Ok(_), Ok(_)) => Finding::bad(
                About::Sender,
                format!("neither is {domain} authenticated nor is {sender} a verified sender"),
            ),
            _ => Finding::untold(About::Sender, "the key may not read domains and senders"),
        }
    }
}

/// `{"created":1443651125,"email":"ann@x.example","reason":"550 5.1.1 …","status":"5.1.1"}`
#[derive(Deserialize)]
struct Entry {
    email: String,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    status: Option<String>,
}

impl RemoteList for SendGrid {
    /// A cursor is a list and an offset: `bounces:500`.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let (name, offset) =
                cursor.and_then(|cursor| cursor.split_once(':')).unwrap_or((LISTS[0].0, "0"));
            let place = LISTS.iter().position(|(list, _)| *list == name).unwrap_or(0);
            let offset: usize = offset.parse().unwrap_or(0);
            let (name, reason) = LISTS[place];
            let answer = self
                .http
                .ask(
                    self,
                    &Request::get(format!("/v3/suppression/{name}?limit={PAGE}&offset={offset}")),
                )
                .await?;
            let rows: Vec<Entry> = http::told(&answer)?;
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

    /// The API takes additions to the global unsubscribes alone, which stop all mail.
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
