//! One-time tokens of signatures that cover the token and not the body: whoever has seen one must not use it for another body.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ring::digest;

use crate::events::webhook::TOKEN_LIFE;

/// How many tokens are remembered; more than a provider can send in their lifetime at the speed we take them.
const MOST: usize = 1 << 20;

/// The tokens that came lately, each with the hash of its body.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, (Vec<u8>, Instant)>>);

impl Tokens {
    /// Whether a token is new, or comes again with the same body, as it does when an answer was lost.
    pub(super) fn fits(&self, token: &str, body: &[u8]) -> bool {
        let hash = digest::digest(&digest::SHA256, body).as_ref().to_vec();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, at)| at.elapsed() < TOKEN_LIFE);
        }
        let (first, at) = known.entry(token.to_owned()).or_insert_with(|| (hash.clone(), Instant::now()));
        if at.elapsed() >= TOKEN_LIFE {
            (*first, *at) = (hash.clone(), Instant::now());
        }
        *first == hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_one_body() {
        let tokens = Tokens::default();
        assert!(tokens.fits("a", b"1") && tokens.fits("a", b"1") && tokens.fits("b", b"2"));
        assert!(!tokens.fits("a", b"2"));
    }
}
