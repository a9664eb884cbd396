//! Classifies bounces by the codes and text of a report. Bounce mail, webhooks and event logs all
//! use this module.

mod judge;
mod status;
mod wording;

pub(crate) use judge::{Judge, judge};
pub(crate) use status::{Codes, codes_in};
