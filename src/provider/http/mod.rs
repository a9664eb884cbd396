//! What all HTTP providers share: the client, its settings, and the one way in which a claim is
//! handed over ([`hand_over`]).
//!
//! The rules it keeps: a request goes to `base_url` and nowhere else, redirects included; it goes
//! once unless this module decides otherwise; a reply is read to a limit; no secret and, at the
//! default level, no address leaves it.
//!
//! An adapter is a [`Service`] with an [`Api`]: it says what a request for some members looks like
//! and what an answer means. It never sends by itself.

mod answer;
mod api;
mod ask;
mod client;
mod follow;
mod foreign;
mod hand_over;
mod lists;
mod pieces;
mod request;
mod sent_key;
mod service;
mod settings;
mod share;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

pub(super) use self::answer::Answer;
pub(super) use self::api::{
    Api, ID, Inexpressible, Later, Limits, Mailbox, Read, by_status, capabilities, content,
    correlation_id, correlation_of, map, request_rate, tags_with_id,
};
pub(super) use self::ask::{encoded, parsed, succeeded};
pub(super) use self::client::{BEARER, Http};
pub(super) use self::lists::{ListedAddress, ListedPage, next_page, page_path};
pub(super) use self::request::Request;
pub(super) use self::service::Service;
pub(super) use self::settings::{bare, keys};
pub(super) use self::share::{Mark, Shared, shape};
pub(super) use super::keys::Keys;
