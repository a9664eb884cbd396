//! Checks the account through Emitlo's API: it reports only whether the key is accepted.

use super::Emitlo;
use super::suppressions::SUPPRESSIONS;
use crate::provider::BoxFuture;
use crate::provider::account::{AccountApi, Finding, RemoteList};
use crate::provider::http::Request;

impl AccountApi for Emitlo {
    fn reply(&self) -> &'static str {
        "ids of the accepted recipients, in order, and the addresses of the suppressed ones"
    }

    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            self.http.examine_key(self, &Request::get(SUPPRESSIONS), "suppressions").await
        })
    }

    fn suppressions(&self) -> Option<&dyn RemoteList> {
        Some(self)
    }
}
