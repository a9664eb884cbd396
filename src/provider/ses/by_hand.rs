//! SES by hand: the account, the sender's identity, and the suppression list of the account and
//! region.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Ses;
use crate::model::outcome::Reason;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{About, ByHand, Finding, Ours, Page, RemoteList, Theirs, Trouble};
use crate::provider::http::{self, Request};

const ACCOUNT: &str = "/v2/email/account";
const IDENTITIES: &str = "/v2/email/identities/";
const SUPPRESSIONS: &str = "/v2/email/suppression/addresses";
/// The most entries of a page; more is not documented to be taken.
const PAGE: usize = 100;

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
            return Finding::untold(About::Quota, "the account has no quota in it");
        };
        let only = if self.production_access_enabled {
            ""
        } else {
            "; the account may mail verified recipients and the simulator alone"
        };
        // -1 is no limit.
        if *most < 0.0 {
            return Finding::good(
                About::Quota,
                format!("{rate} a second, any number in 24 hours, {sent} sent{only}"),
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

impl ByHand for Ses {
    fn examine<'a>(&'a self, sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let account: Account = match self
                .http
                .ask(self, &Request::get(ACCOUNT))
                .await
                .and_then(|answer| http::told(&answer))
            {
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
    /// An address is verified by itself or by its domain.
    async fn sender(&self, sender: &str) -> Finding {
        let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
        for identity in [sender, domain] {
            let answer = match self
                .http
                .ask(self, &Request::get(format!("{IDENTITIES}{}", http::encoded(identity))))
                .await
            {
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => continue,
                Ok(answer) => http::told::<Identity>(&answer),
                Err(trouble) => Err(trouble),
            };
            match answer {
                Ok(found) if found.verified_for_sending_status => {
                    return Finding::good(About::Sender, format!("{identity} is verified"));
                }
                Ok(_) => {}
                Err(trouble) => {
                    return Finding::untold(
                        About::Sender,
                        crate::provider::by_hand::in_words(trouble.refusal()),
                    );
                }
            }
        }
        Finding::bad(
            About::Sender,
            format!("neither {sender} nor {domain} is verified in {}", self.region),
        )
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    suppressed_destination_summaries: Vec<Summary>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    email_address: String,
    reason: String,
    #[serde(default)]
    last_update_time: Option<f64>,
}

impl RemoteList for Ses {
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>> {
        Box::pin(async move {
            let after = cursor
                .map(|token| format!("&NextToken={}", http::encoded(token)))
                .unwrap_or_default();
            let answer = self
                .http
                .ask(self, &Request::get(format!("{SUPPRESSIONS}?PageSize={PAGE}{after}")))
                .await?;
            let listed: Listed = http::told(&answer)?;
            let theirs = |summary: Summary| Theirs {
                reason: if summary.reason == "COMPLAINT" {
                    Reason::Complaint
                } else {
                    Reason::HardBounce
                },
                created_at: summary
                    .last_update_time
                    .and_then(|at| Timestamp::from_second(at as i64).ok()),
                note: answer.clean(&summary.reason),
                email: summary.email_address,
            };
            let entries = listed.suppressed_destination_summaries.into_iter().map(theirs).collect();
            Ok(Page {
                entries,
                left_out: None,
                next: listed.next_token.filter(|token| !token.is_empty()),
            })
        })
    }

    fn takes(&self, reason: Reason) -> bool {
        matches!(reason, Reason::HardBounce | Reason::Complaint)
    }

    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>> {
        Box::pin(async move {
            for ours in entries {
                let reason = if ours.reason == Reason::Complaint { "COMPLAINT" } else { "BOUNCE" };
                let body = json!({ "EmailAddress": ours.email, "Reason": reason });
                http::succeeded(
                    &self
                        .http
                        .ask(self, &Request::json(SUPPRESSIONS, &body).by(Method::PUT))
                        .await?,
                )?;
            }
            Ok(0)
        })
    }
}
