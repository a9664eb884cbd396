//! Why a message bounced: read from the codes and the words of a report, by the same knowledge as
//! the replies at hand-over. Bounce mail, webhooks and event logs are judged here alike.

mod judge;
mod status;
mod wording;

pub(crate) use judge::{Judge, judge};
pub(crate) use status::{Codes, codes_in};
