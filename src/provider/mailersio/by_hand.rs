//! Mailers.io by hand: nothing is published that could be asked.

use super::MailersIo;
use crate::provider::by_hand::ByHand;

impl ByHand for MailersIo {
    fn reply(&self) -> &'static str {
        "an id for the batch; one result for each recipient, by address, which is asked for until the batch is completed"
    }
}
