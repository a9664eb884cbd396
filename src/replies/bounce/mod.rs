//! Classifies bounces by the codes and the text of a report, with the same knowledge as SMTP and
//! API replies. Bounce mail, webhooks and event logs all use this module.

mod judge;
mod status;
mod wording;

pub(crate) use judge::{Judge, judge};
pub(crate) use status::{Codes, codes_in};
