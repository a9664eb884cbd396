//! What all HTTP providers share: the client, its settings, and the one way in which a claim is
//! handed over ([`hand_over`]).
//!
//! The rules it keeps: a request goes to `base_url` and nowhere else, redirects included; it goes
//! once unless this module decides otherwise; a reply is read to a limit; no secret and, at the
//! default level, no address leaves it.
//!
//! An adapter is an [`Api`]: it says what a request for some members looks like and what an answer
//! means. It never sends by itself.

mod answer;
mod api;
mod ask;
mod client;
mod follow;
mod foreign;
mod hand_over;
mod pieces;
mod request;
mod settings;
mod share;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

pub(super) use self::answer::Answer;
pub(super) use self::api::{
    Api, Inexpressible, Later, Limits, Read, by_status, capabilities, content, correlation_id,
    correlation_of, map, request_rate,
};
pub(super) use self::ask::{credentials, encoded, succeeded, suppression_reason, told};
pub(super) use self::client::Http;
pub(super) use self::request::Request;
pub(super) use self::settings::{KEYS, Keys, bare};
pub(super) use self::share::{Mark, Shared, shape};
