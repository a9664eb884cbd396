//! Checks the sending domain through Mailgun's API.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Mailgun;
use crate::provider::BoxFuture;
use crate::provider::account::{About, AccountApi, EventLog, Finding, Log, RemoteList};
use crate::provider::http::{self, Request};

#[derive(Deserialize)]
struct Found {
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    state: String,
    #[serde(default)]
    is_disabled: bool,
}

impl AccountApi for Mailgun {
    fn reply(&self) -> &'static str {
        "one id for the whole request; a refusal names no recipient, so the request is halved to find it"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let answer = match self
                .http
                .ask(self, &Request::get(format!("/v4/domains/{}", self.domain)))
                .await
            {
                Ok(answer) => answer,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            if answer.status == StatusCode::NOT_FOUND {
                let detail = format!("{} is not a domain of this account and region", self.domain);
                return vec![
                    Finding::good(About::Credentials, "the key is accepted"),
                    Finding::bad(About::Sender, detail),
                ];
            }
            let Domain { state, is_disabled } = match http::parsed::<Found>(&answer) {
                Ok(found) => found.domain,
                Err(trouble) => return vec![Finding::of_trouble(&trouble)],
            };
            let sender = match (state.as_str(), is_disabled) {
                ("active", false) => {
                    Finding::good(About::Sender, format!("{} is active", self.domain))
                }
                (_, true) => Finding::bad(About::Sender, format!("{} is disabled", self.domain)),
                (state, false) => Finding::bad(
                    About::Sender,
                    answer.clean(&format!("{} is {state}", self.domain)),
                ),
            };
            vec![Finding::good(About::Credentials, "the key is accepted"), sender]
        })
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}
