//! Resend by hand: the key, the sender's domain, and the team's suppressions.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Resend};
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{
    About, ByHand, EventLog, Finding, Ours, Page, RemoteList, Theirs, Trouble,
};
use crate::provider::http::{self, Request};

const DOMAINS: &str = "/domains?limit=100";
const SUPPRESSIONS: &str = "/suppressions";
/// The most entries of a page, and of an addition.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Domains {
    data: Vec<Domain>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
    #[serde(default)]
    status: String,
}

impl Domains {
    fn finding(&self, sender: &str) -> Finding {
        let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
        match self.data.iter().find(|known| known.name.eq_ignore_ascii_case(domain)) {
            Some(known) if known.status == "verified" => {
                Finding::good(About::Sender, format!("{domain} is verified"))
            }
            Some(_) => Finding::bad(About::Sender, format!("{domain} is not verified yet")),
            None if self.has_more => Finding::untold(
                About::Sender,
                format!("{domain} is not among the first 100 domains"),
            ),
            None => Finding::bad(About::Sender, format!("{domain} is not a domain of this team")),
        }
    }
}

/// Only used counts are told, and only in headers.
fn quota(answer: &Answer) -> Option<Finding> {
    let [day, month] = ["x-resend-daily-quota", "x-resend-monthly-quota"]
        .map(|name| answer.clean(answer.header(name)));
    (!day.is_empty() || !month.is_empty()).then(|| {
        Finding::good(
            About::Quota,
            format!("{day} used today, {month} this month; what the plan allows is not told")
                .replace(" ,", ","),
        )
    })
}

impl ByHand for Resend {
    fn reply(&self) -> &'static str {
        "ids by place, and errors by index"
    }

    fn examine<'a>(&'a self, sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let answer = match self.http.ask(self, &Request::get(DOMAINS)).await {
                Ok(answer) => answer,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            let name = answer
                .json::<serde_json::Value>()
                .and_then(|body| Some(body.get("name")?.as_str()?.to_owned()))
                .unwrap_or_default();
            // "This API key is restricted to only send emails": all that sending needs.
            if answer.status == StatusCode::UNAUTHORIZED && name == "restricted_api_key" {
                return vec![
                    Finding::good(About::Credentials, "the key is accepted and may only send"),
                    Finding::untold(
                        About::Sender,
                        "a key that may only send is not told of domains",
                    ),
                ];
            }
            match http::told::<Domains>(&answer) {
                Err(trouble) => vec![Finding::of_trouble(&trouble)],
                Ok(domains) => {
                    let mut findings =
                        vec![Finding::good(About::Credentials, "the key is accepted")];
                    findings.extend(sender.map(|sender| domains.finding(sender)));
                    findings.extend(quota(&answer));
                    findings
                }
            }
        })
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct Listed {
    data: Vec<Entry>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    email: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    created_at: String,
}

impl RemoteList for Resend {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let after =
                cursor.map(|id| format!("&after={}", http::encoded(id))).unwrap_or_default();
            let answer = self
                .http
                .ask(self, &Request::get(format!("{SUPPRESSIONS}?limit={PAGE}{after}")))
                .await?;
            let Listed { data, has_more } = http::told(&answer)?;
            let next = data.last().filter(|_| has_more).map(|entry| entry.id.clone());
            let theirs = |entry: Entry| Theirs {
                reason: match entry.origin.as_str() {
                    "bounce" => Reason::HardBounce,
                    "complaint" => Reason::Complaint,
                    _ => Reason::Manual,
                },
                created_at: entry.created_at.parse().ok(),
                note: answer.clean(&entry.origin),
                email: entry.email,
            };
            Ok(Page { entries: data.into_iter().map(theirs).collect(), left_out: None, next })
        })
    }

    /// Whoever is added gets no mail of any kind.
    fn takes(&self, reason: Reason) -> bool {
        reason != Reason::Unsubscribe
    }

    fn most_pushed(&self) -> usize {
        PAGE
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            let emails: Vec<&str> = entries.iter().map(|ours| ours.email.as_str()).collect();
            let request =
                Request::json(format!("{SUPPRESSIONS}/batch/add"), &json!({ "emails": emails }));
            http::succeeded(&self.http.ask(self, &request).await?)?;
            Ok(0)
        })
    }
}
