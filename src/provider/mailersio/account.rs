//! Defines the account functions for Mailers.io. Its API documents no request about the account, so
//! nothing is reported.

use super::MailersIo;
use crate::provider::account::{AccountApi, Log};

impl AccountApi for MailersIo {
    fn reply(&self) -> &'static str {
        "an id for the batch; one result for each recipient, by address, polled until the batch is completed"
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self)
    }
}
