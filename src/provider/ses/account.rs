//! Checks the account and the sender's identity through SES's API.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Ses;
use crate::provider::BoxFuture;
use crate::provider::account::{About, AccountApi, Finding, RemoteList, in_words};
use crate::provider::http::{self, Request};

const ACCOUNT: &str = "/v2/email/account";
const IDENTITIES: &str = "/v2/email/identities/";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    #[serde(default)]
    production_access_enabled: bool,
    #[serde(default)]
    sending_enabled: bool,
    #[serde(default)]
    enforcement_status: String,
    send_quota: Option<Quota>,
}

#[derive(Deserialize)]
struct Quota {
    #[serde(rename = "Max24HourSend")]
    most: f64,
    #[serde(rename = "MaxSendRate")]
    rate: f64,
    #[serde(rename = "SentLast24Hours")]
    sent: f64,
}

impl Account {
    fn quota(&self) -> Finding {
        if !self.sending_enabled {
            return Finding::bad(
                About::Quota,
                format!("sending is disabled for the account ({})", self.enforcement_status),
            );
        }
        let Some(Quota { most, rate, sent }) = &self.send_quota else {
            return Finding::not_reported(About::Quota, "the reply contains no quota");
        };
        let only = if self.production_access_enabled {
            ""
        } else {
            "; the account may mail only verified recipients and the mailbox simulator"
        };
        // A limit of -1 means no limit.
        if *most < 0.0 {
            return Finding::good(
                About::Quota,
                format!(
                    "{rate} a second, no limit for 24 hours, {sent} sent in the last 24 hours{only}"
                ),
            );
        }
        let left = (most - sent).max(0.0);
        let detail = format!("{rate} a second, {most} in 24 hours, {sent} sent, {left} left{only}");
        if left < 1.0 {
            Finding::bad(About::Quota, detail)
        } else {
            Finding::good(About::Quota, detail)
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    #[serde(default)]
    verified_for_sending_status: bool,
}

impl AccountApi for Ses {
    fn examine<'a>(&'a self, sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let (account, _): (Account, _) =
                match self.http.fetch(self, &Request::get(ACCOUNT)).await {
                    Ok(account) => account,
                    Err(trouble) => return vec![Finding::of_trouble(&trouble)],
                };
            let mut findings = vec![
                Finding::good(About::Credentials, format!("accepted in {}", self.region)),
                account.quota(),
            ];
            if let Some(sender) = sender {
                findings.push(self.sender(sender).await);
            }
            findings
        })
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}

impl Ses {
    /// Checks the sender's address, then its domain. Mail is accepted if either of them is
    /// verified.
    async fn sender(&self, sender: &str) -> Finding {
        let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
        for identity in [sender, domain] {
            let answer = match self
                .http
                .ask(self, &Request::get(format!("{IDENTITIES}{}", http::encoded(identity))))
                .await
            {
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => continue,
                Ok(answer) => http::parsed::<Identity>(&answer),
                Err(trouble) => Err(trouble),
            };
            match answer {
                Ok(found) if found.verified_for_sending_status => {
                    return Finding::good(About::Sender, format!("{identity} is verified"));
                }
                Ok(_) => {}
                Err(trouble) => {
                    return Finding::not_reported(About::Sender, in_words(trouble.refusal()));
                }
            }
        }
        Finding::bad(
            About::Sender,
            format!("neither {sender} nor {domain} is verified in {}", self.region),
        )
    }
}
