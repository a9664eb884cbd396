//! Links to mailbatch's own unsubscribe page: `PUBLIC_URL/u/TOKEN-SIGNATURE`. A link contains no
//! address, and only the holder of the key can create one.
//!
//! In `unsubscribe_url`, `{token}` is replaced by the token of the mail's Message-ID and its
//! signature. Marketing mail without an `unsubscribe_url` gets the link to the page.

use data_encoding::HEXLOWER;
use ring::hmac;

use super::ident::{is_token, token_of};
use super::template::Source;
use super::{Message, TOKEN, UNSUBSCRIBE_URL};
use crate::model::error::{Error, Result};
use crate::model::outcome::Kind;
use crate::secret::Secret;

/// The Message-ID of a row that is checked but not sent.
pub(super) const SAMPLE: &str = "000000000000000000000000@invalid";

/// The number of bytes of the HMAC in a link: 128 bits.
const SIGNATURE: usize = 16;

/// Creates and verifies links.
#[derive(Clone, Debug)]
pub struct Links {
    key: hmac::Key,
}

impl Links {
    /// Creates links signed with `key`.
    pub fn new(key: &Secret) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()) }
    }

    fn signature(&self, token: &str) -> hmac::Tag {
        hmac::sign(&self.key, &[b"unsubscribe 1\0", token.as_bytes()].concat())
    }

    /// Returns a token with its signature, as the last path segment of a link.
    pub fn sign(&self, token: &str) -> String {
        format!("{token}-{}", HEXLOWER.encode(&self.signature(token).as_ref()[..SIGNATURE]))
    }

    /// Returns the token of a link's last path segment if this key signed it. The comparison takes
    /// the same time wherever the signatures differ.
    pub fn verify<'t>(&self, signed: &'t str) -> Option<&'t str> {
        let (token, signature) = signed.split_once('-')?;
        let expected = HEXLOWER.encode(&self.signature(token).as_ref()[..SIGNATURE]);
        let equal = hmac::verify(
            &self.key,
            signature.as_bytes(),
            hmac::sign(&self.key, expected.as_bytes()).as_ref(),
        )
        .is_ok();
        (is_token(token) && equal).then_some(token)
    }
}

/// Whether a URL is an https URL, which one-click unsubscribing requires (RFC 8058 section 3.1).
pub(super) fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// Replaces `{token}` in a URL with the signed token of a Message-ID.
pub(super) fn fill(url: &str, links: Option<&Links>, message_id: &str) -> String {
    match (links, token_of(message_id)) {
        (Some(links), Some(token)) if url.contains(TOKEN) => url.replace(TOKEN, &links.sign(token)),
        _ => url.to_owned(),
    }
}

impl Message {
    /// Gives marketing mail without an `unsubscribe_url` the link to the page at `public_url`.
    /// Signs the links of every message that contains `{token}`. A link that cannot be signed is an
    /// error with exit code 2.
    pub fn with_links(mut self, public_url: Option<&str>, links: Option<Links>) -> Result<Self> {
        if let (None, Kind::Marketing, Some(public_url), Some(_)) =
            (&self.frozen.unsubscribe_url, self.frozen.kind, public_url, &links)
        {
            let source = Source::new(&format!("{public_url}/u/{TOKEN}"), None, 1);
            self.templates.add(UNSUBSCRIBE_URL, &source)?;
            self.frozen.unsubscribe_url = Some(source);
        }
        self.signed_by(links)
    }

    /// Returns why recipients of marketing mail could not unsubscribe with one click (RFC 8058).
    /// Only the message is examined, without any row. `None` if it shows no obstacle.
    pub fn lacks_one_click(&self) -> Option<&'static str> {
        if self.frozen.kind != Kind::Marketing {
            return None;
        }
        let Some(source) = &self.frozen.unsubscribe_url else {
            return Some("has no unsubscribe link");
        };
        let url = source.text.trim();
        // If the URL begins with a value, its scheme depends on the row.
        if !is_https(url) && !url.starts_with('{') {
            Some("has an unsubscribe link that is not https")
        } else if !url.contains("{{") && !url.contains(TOKEN) {
            Some("has the same unsubscribe link for every recipient")
        } else {
            None
        }
    }

    /// From now on, refuses rows of marketing mail whose link does not support one-click
    /// unsubscribing.
    pub fn require_one_click(&mut self) {
        self.needs_one_click = self.frozen.kind == Kind::Marketing;
    }

    /// Signs links as [`Message::with_links`] does, but adds no `unsubscribe_url`, so the message
    /// stays as it was planned.
    pub fn signed_by(mut self, links: Option<Links>) -> Result<Self> {
        if links.is_none()
            && self
                .frozen
                .unsubscribe_url
                .as_ref()
                .is_some_and(|source| source.text.contains(TOKEN))
        {
            return Err(Error::usage(format!(
                "unsubscribe_url contains {TOKEN}, but no key is configured to sign it"
            ))
            .hint("write unsubscribe_key = { file = \"unsubscribe.key\" } under [listen]"));
        }
        self.links = links;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_own_token_and_key_alone() {
        let links = Links::new(&Secret::new("0123456789abcdef"));
        let token = "00112233445566778899aabb";
        let signed = links.sign(token);
        assert_eq!(links.verify(&signed), Some(token));
        assert_eq!(Links::new(&Secret::new("0123456789abcdeg")).verify(&signed), None);
        for place in 0..signed.len() {
            let mut other = signed.clone().into_bytes();
            other[place] = if other[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(links.verify(&String::from_utf8(other).unwrap()), None, "{place}");
        }
        for bad in [
            "",
            "-",
            token,
            &signed[..40],
            &format!("{signed}0"),
            &format!("{signed}-0"),
            &signed.to_uppercase(),
        ] {
            assert_eq!(links.verify(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_is_filled_in_for_a_message_id_of_ours() {
        let links = Links::new(&Secret::new("0123456789abcdef"));
        let url =
            fill("https://a.example/u/{token}", Some(&links), "00112233445566778899aabb@a.example");
        assert_eq!(
            links.verify(url.strip_prefix("https://a.example/u/").unwrap()),
            Some("00112233445566778899aabb")
        );
        assert_eq!(fill("https://a.example/u/7", Some(&links), SAMPLE), "https://a.example/u/7");
        assert!(
            fill("https://a.example/u/{token}", Some(&links), SAMPLE).len()
                > "https://a.example/u/".len() + 50
        );
    }
}
