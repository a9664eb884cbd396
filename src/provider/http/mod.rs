//! Contains the parts that all HTTP providers share: the client, its settings, and the submission
//! of a claim ([`hand_over`]).
//!
//! A request is sent only to `base_url`, and redirects are never followed. Only this module repeats
//! requests. The size of a reply is limited. No error or log contains a secret, and logs at the
//! default level contain no address.
//!
//! An adapter is a [`Service`] with an [`Api`]. It builds the request for given messages and
//! interprets the reply. It never sends a request itself.

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
