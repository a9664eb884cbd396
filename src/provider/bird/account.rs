//! Checks the account through Bird's API: it reports only whether the key is accepted.

use super::Bird;
use super::suppressions::SUPPRESSIONS;
use crate::provider::BoxFuture;
use crate::provider::account::{AccountApi, Finding, RemoteList};
use crate::provider::http::Request;

impl AccountApi for Bird {
    fn reply(&self) -> &'static str {
        "one result for each message, by position; a refusal is for the whole batch, which is halved to find the refused message"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let request = Request::get(format!("{SUPPRESSIONS}?limit=1"));
            self.http.examine_key(self, &request, "suppressions").await
        })
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}
