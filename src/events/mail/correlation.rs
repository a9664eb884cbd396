//! Links a bounce to its message. The address that the bounce was sent to contains a token or the
//! encoded recipient.

use super::addresses;
use super::parts::Parts;
use crate::message::is_token;

/// The maximum length of a stored message id, in characters.
pub(super) const LONGEST_ID: usize = 250;

pub(super) fn bare_id(text: &str) -> String {
    let id = text.trim();
    id.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(id, |(inner, _)| inner)
        .trim()
        .chars()
        .take(LONGEST_ID)
        .collect()
}

/// The addresses that the bounce was sent to.
pub(super) fn own_addresses(parts: &Parts) -> Vec<String> {
    ["delivered-to", "x-original-to", "envelope-to", "to", "x-envelope-to"]
        .iter()
        .filter_map(|name| parts.get(name))
        .flat_map(addresses::all_in)
        .collect()
}

/// Extracts the token from the bounce address.
pub(super) fn token(parts: &Parts) -> Option<String> {
    own_addresses(parts).iter().find_map(|address| {
        let local = address.rsplit_once('@')?.0;
        local
            .split(['+', '-', '=', '.', '_'])
            .map(str::to_ascii_lowercase)
            .find(|piece| is_token(piece))
    })
}

pub(super) fn verp(parts: &Parts) -> Option<String> {
    own_addresses(parts).iter().find_map(|address| addresses::of_verp(address))
}
