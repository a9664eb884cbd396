//! What can be asked of Mailers.io about itself: nothing is published.

use super::MailersIo;
use crate::provider::account::{AccountApi, Log};

impl AccountApi for MailersIo {
    fn reply(&self) -> &'static str {
        "an id for the batch; one result for each recipient, by address, which is asked for until the batch is completed"
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self)
    }
}
