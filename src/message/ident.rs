//! The identifiers of one mail: its Message-ID and its multipart boundaries. They are computed from
//! the recipient and are never random.

use std::fmt;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::{digest, hmac};

/// The values that identify the message of one recipient. Equal values give equal bytes.
#[derive(Clone, Copy)]
pub struct Ident<'a> {
    pub campaign: &'a str,
    pub env: Option<&'a str>,
    /// The recipient's key.
    pub key: &'a str,
    /// The workspace's secret key. Without it, a Message-ID cannot be computed from an address.
    pub secret: &'a [u8; 32],
    /// The time in the Date header.
    pub date: Timestamp,
}

impl fmt::Debug for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ident")
            .field("campaign", &self.campaign)
            .field("env", &self.env)
            .field("date", &self.date)
            .finish_non_exhaustive()
    }
}

/// Returns the Message-ID without angle brackets: a keyed hash of environment, campaign and
/// recipient's key, at the domain of From.
pub(crate) fn message_id(
    campaign: &str,
    env: Option<&str>,
    key: &str,
    from_domain: &str,
    secret: &[u8; 32],
) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    for part in ["message-id", env.unwrap_or_default(), campaign, key] {
        // Each part is preceded by its length, so that different parts never give the same bytes.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let tag = context.sign();
    let mut id = HEXLOWER.encode(&tag.as_ref()[..12]);
    id.push('@');
    id.push_str(from_domain);
    id
}

/// Returns the part of a Message-ID that, together with the ledger, identifies the campaign and the
/// recipient. Without the ledger it reveals nothing, so it may be part of an envelope sender or a
/// link. `None` for a Message-ID that [`message_id`] cannot have created.
pub fn token_of(message_id: &str) -> Option<&str> {
    let (token, domain) = message_id.trim_matches(['<', '>', ' ']).split_once('@')?;
    (is_token(token) && !domain.is_empty()).then_some(token)
}

/// Whether a text has the form of a token.
pub fn is_token(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns a multipart boundary that is unique for each message and each `level` of nesting.
pub(super) fn boundary(message_id: &str, level: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(level.as_bytes());
    context.update(b"\0");
    context.update(message_id.as_bytes());
    HEXLOWER.encode(&context.finish().as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_a_function_of_env_campaign_and_key() {
        let id = |campaign, env, key| message_id(campaign, env, key, "acme.example", &[7; 32]);
        assert_eq!(id("spring", None, "ann@example.com"), id("spring", None, "ann@example.com"));
        assert_ne!(id("spring", None, "ann@example.com"), id("spring", None, "bob@example.com"));
        assert_ne!(id("spring", None, "a"), id("spring", Some("staging"), "a"));
        assert_ne!(id("ab", None, "c"), id("a", None, "bc"));
        let id = id("spring", None, "ann@example.com");
        let (left, right) = id.split_once('@').expect("an @");
        assert_eq!((left.len(), right), (24, "acme.example"));
        assert_eq!(token_of(&format!("<{id}>")), Some(left));
        for other in [
            "",
            "@acme.example",
            "ann@acme.example",
            "0123456789abcdef0123456g@x",
            "0123456789abcdef01234567@",
        ] {
            assert_eq!(token_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_secret_is_never_shown() {
        let ident = Ident {
            campaign: "spring",
            env: None,
            key: "ann@example.com",
            secret: &[65; 32],
            date: Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{ident:?}");
        assert!(!shown.contains("65") && !shown.contains("ann@"), "{shown}");
    }
}
