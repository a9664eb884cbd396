//! Sends requests and reads lists that have the same form in several services.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::api::Api;
use super::ask::{credentials, encoded, parsed, succeeded, suppression_reason};
use super::client::Http;
use super::request::Request;
use crate::provider::account::{Finding, Ours, Theirs, Trouble};

/// Returns the path of one page of a list that is read by cursor: `list?size`, and `&after=CURSOR`
/// from the second page on.
pub(in crate::provider) fn page_path(
    list: &str,
    size: &str,
    after: &str,
    cursor: Option<&str>,
) -> String {
    match cursor {
        None => format!("{list}?{size}"),
        Some(cursor) => format!("{list}?{size}&{after}={}", encoded(cursor)),
    }
}

/// Returns the cursor of the next page. An empty cursor ends the list.
pub(in crate::provider) fn next_page(cursor: Option<String>) -> Option<String> {
    cursor.filter(|cursor| !cursor.is_empty())
}

/// A page of a suppression list with its entries in the field `data`.
#[derive(Deserialize)]
pub(in crate::provider) struct ListedPage<E = ListedAddress> {
    pub(in crate::provider) data: Vec<E>,
    #[serde(default, alias = "nextCursor")]
    pub(in crate::provider) next_cursor: Option<String>,
}

/// A suppressed address with the service's reason.
#[derive(Deserialize)]
pub(in crate::provider) struct ListedAddress {
    email: String,
    #[serde(default)]
    reason: String,
    #[serde(default, alias = "createdAt")]
    created_at: String,
}

impl ListedAddress {
    /// Converts the entry. `origin` is additional text from the service about the reason.
    pub(in crate::provider) fn theirs(self, answer: &Answer, origin: &str) -> Theirs {
        Theirs {
            reason: suppression_reason(&self.reason),
            created_at: self.created_at.parse().ok(),
            note: answer.clean(&format!("{} {origin}", self.reason)),
            email: self.email,
        }
    }
}

impl Http {
    /// Sends a request and parses its success reply. Returns the parsed value and the reply.
    pub(in crate::provider) async fn fetch<T: DeserializeOwned>(
        &self,
        api: &dyn Api,
        request: &Request,
    ) -> Result<(T, Answer), Trouble> {
        let answer = self.ask(api, request).await?;
        Ok((parsed(&answer)?, answer))
    }

    /// Checks the key with a request for the list called `what`. Used for an API that offers no
    /// other check.
    pub(in crate::provider) async fn examine_key(
        &self,
        api: &dyn Api,
        request: &Request,
        what: &str,
    ) -> Vec<Finding> {
        match self.ask(api, request).await {
            Ok(answer) => vec![credentials(&answer, what)],
            Err(trouble) => vec![Finding::of_trouble(&trouble)],
        }
    }

    /// Adds suppressed addresses, each in a separate request. `is_there` is the status of the reply
    /// for an address that is already on the list.
    pub(in crate::provider) async fn push_each(
        &self,
        api: &dyn Api,
        entries: &[Ours],
        is_there: Option<StatusCode>,
        request: impl Fn(&Ours) -> Request + Send,
    ) -> Result<u64, Trouble> {
        for ours in entries {
            let answer = self.ask(api, &request(ours)).await?;
            if Some(answer.status) != is_there {
                succeeded(&answer)?;
            }
        }
        Ok(0)
    }
}
