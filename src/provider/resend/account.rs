//! Checks the key, the sender's domain and the used quota through Resend's API.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Resend;
use crate::provider::BoxFuture;
use crate::provider::account::{About, AccountApi, EventLog, Finding, RemoteList};
use crate::provider::http::{self, Answer, Request};

const DOMAINS: &str = "/domains?limit=100";

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
            None if self.has_more => Finding::not_reported(
                About::Sender,
                format!("{domain} is not among the first 100 domains"),
            ),
            None => Finding::bad(About::Sender, format!("{domain} is not a domain of this team")),
        }
    }
}

/// Reads the used quota from the headers. The API does not report the limit.
fn quota(answer: &Answer) -> Option<Finding> {
    let [day, month] = ["x-resend-daily-quota", "x-resend-monthly-quota"]
        .map(|name| answer.clean(answer.header(name)));
    (!day.is_empty() || !month.is_empty()).then(|| {
        Finding::good(
            About::Quota,
            format!(
                "{day} used today, {month} this month; the API does not report the plan's limit"
            )
            .replace(" ,", ","),
        )
    })
}

impl AccountApi for Resend {
    fn reply(&self) -> &'static str {
        "ids by position, and errors by index"
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
            // The text of this error is "This API key is restricted to only send emails". Sending
            // needs no other permission.
            if answer.status == StatusCode::UNAUTHORIZED && name == "restricted_api_key" {
                return vec![
                    Finding::good(About::Credentials, "the key is accepted and may only send"),
                    Finding::not_reported(
                        About::Sender,
                        "a key that may only send cannot read domains",
                    ),
                ];
            }
            match http::parsed::<Domains>(&answer) {
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
