//! What Mailers.io's API reports about the account: nothing, because it documents no such request.

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
