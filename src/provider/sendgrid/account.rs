//! Checks the key's permissions, the sender, and the credits through SendGrid's API.

use serde::Deserialize;

use super::SendGrid;
use crate::provider::BoxFuture;
use crate::provider::account::{About, AccountApi, EventLog, Finding, RemoteList};
use crate::provider::http::{Request, encoded};

const SCOPES: &str = "/v3/scopes";
const DOMAINS: &str = "/v3/whitelabel/domains";
const SENDERS: &str = "/v3/verified_senders";
const CREDITS: &str = "/v3/user/credits";

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

impl AccountApi for SendGrid {
    fn examine<'a>(&'a self, sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let (scopes, _): (Scopes, _) = match self.http.fetch(self, &Request::get(SCOPES)).await
            {
                Ok(scopes) => scopes,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            let may_send = scopes.scopes.iter().any(|scope| scope == "mail.send");
            let mut findings = vec![match may_send {
                true => Finding::good(About::Credentials, "the key is accepted and may send"),
                false => Finding::bad(
                    About::Credentials,
                    "the key is accepted, but it may not send: it has no scope mail.send",
                ),
            }];
            if let Some(sender) = sender {
                findings.push(self.sender(sender).await);
            }
            let credits = self.http.fetch::<Credits>(self, &Request::get(CREDITS)).await;
            findings.extend(credits.ok().map(|(credits, _)| credits.finding()));
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
        // Some plans allow sending beyond the credits. SendGrid counts that as overage.
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
        let path = format!("{DOMAINS}?domain={}", encoded(domain));
        let domains = self.http.fetch::<Vec<Domain>>(self, &Request::get(path)).await;
        if domains.as_ref().is_ok_and(|(found, _)| {
            found.iter().any(|found| found.valid && found.domain.eq_ignore_ascii_case(domain))
        }) {
            return Finding::good(About::Sender, format!("{domain} is authenticated"));
        }
        let senders = self.http.fetch::<Senders>(self, &Request::get(SENDERS)).await;
        let is_it =
            |known: &Sender| known.verified && known.from_email.eq_ignore_ascii_case(sender);
        match (domains, senders) {
            (_, Ok((senders, _))) if senders.results.iter().any(is_it) => {
                Finding::good(About::Sender, format!("{sender} is a verified sender"))
            }
            (Ok(_), Ok(_)) => Finding::bad(
                About::Sender,
                format!("{domain} is not authenticated, and {sender} is not a verified sender"),
            ),
            _ => Finding::not_reported(
                About::Sender,
                "the key has no permission to read domains and senders",
            ),
        }
    }
}
