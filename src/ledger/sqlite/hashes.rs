//! Keyed hashes of recipients (HMAC-SHA256 with the workspace's secret key, 16 bytes). They serve
//! to compare recipients of different runs. After a run was removed, its hashes reveal no address.

use std::borrow::Cow;

use ring::hmac;

use crate::model::address::{Address, key_of, older_spellings};

pub(super) type Hash = [u8; 16];

/// Hashes the recipients of one campaign in one environment.
pub(super) struct Hasher {
    key: hmac::Key,
    scope: Vec<u8>,
}

impl Hasher {
    pub(super) fn new(key: &[u8; 32], campaign: &str, env: Option<&str>) -> Self {
        let mut scope = Vec::new();
        for part in [campaign, env.unwrap_or("")] {
            scope.extend((part.len() as u64).to_le_bytes());
            scope.extend(part.as_bytes());
        }
        scope.push(u8::from(env.is_some()));
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), scope }
    }

    pub(super) fn hash(&self, kind: u8, text: &str) -> Hash {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.scope);
        context.update(&[kind]);
        context.update(text.as_bytes());
        let mut hash = Hash::default();
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        hash
    }

    pub(super) fn key(&self, key: &str) -> Hash {
        self.hash(b'k', key)
    }

    pub(super) fn folded(&self, email: &str) -> Hash {
        self.hash(b'a', &key_of(email))
    }

    pub(super) fn exact(&self, email: &str) -> Hash {
        self.hash(b'x', email)
    }

    /// The hashes to look up for a recipient. If the key equals the address, the hash of the key is
    /// not needed.
    pub(super) fn wanted(
        &self,
        compare: &Compare,
        key: &str,
        email: &str,
    ) -> impl Iterator<Item = Hash> + use<> {
        let (same, address) = match compare {
            Compare::KeyOnly => (false, None),
            Compare::Exact => {
                let exact = one_spelling(email);
                (key == exact || key == email, Some(self.exact(&exact)))
            }
            Compare::Folded => {
                let folded = key_of(email);
                (key == folded || key == email.to_lowercase(), Some(self.hash(b'a', &folded)))
            }
        };
        (!same).then(|| self.key(&key_in_one_spelling(key, email))).into_iter().chain(address)
    }

    /// The hashes that an earlier version may have stored for a recipient of a removed run, when an
    /// address could have several spellings.
    pub(super) fn older(&self, compare: &Compare, key: &str, email: &str) -> Vec<Hash> {
        match compare {
            Compare::KeyOnly => key.strip_prefix(&key_of(email)).map_or_else(Vec::new, |number| {
                older_spellings(&key_of(email))
                    .iter()
                    .map(|spelling| self.key(&format!("{spelling}{number}")))
                    .collect()
            }),
            Compare::Exact => {
                older_spellings(email).iter().map(|spelling| self.exact(spelling)).collect()
            }
            Compare::Folded => older_spellings(&key_of(email))
                .iter()
                .map(|spelling| self.hash(b'a', spelling))
                .collect(),
        }
    }
}

/// The address in its current normalized spelling. Text that is no longer accepted as an address is
/// returned unchanged.
pub(super) fn one_spelling(email: &str) -> Cow<'_, str> {
    let is_plain = email.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if is_plain {
        Cow::Borrowed(email)
    } else {
        Address::parse(email)
            .map_or(Cow::Borrowed(email), |address| Cow::Owned(address.into_string()))
    }
}

/// Converts a key that an earlier version derived from the address to the current spelling. If a
/// list mails duplicates, the key ends with `#` and the occurrence number.
pub(super) fn key_in_one_spelling<'a>(key: &'a str, email: &str) -> Cow<'a, str> {
    let now = key_of(email);
    if key.starts_with(&now) {
        return Cow::Borrowed(key);
    }
    match key.strip_prefix(&email.to_lowercase()) {
        Some(number) if number.is_empty() || number.starts_with('#') => {
            Cow::Owned(format!("{now}{number}"))
        }
        _ => Cow::Borrowed(key),
    }
}

/// How recipients with different keys are compared: not at all, by the exact address, or by the
/// lowercase address.
pub(super) enum Compare {
    KeyOnly,
    Exact,
    Folded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_a_removed_run_are_looked_for_in_the_spellings_of_that_time() {
        let hasher = Hasher::new(&[7; 32], "spring", None);
        let older = |compare: Compare, key: &str, email: &str| hasher.older(&compare, key, email);
        assert!(
            older(Compare::Folded, "ann@x.org", "Ann@x.org")
                .contains(&hasher.hash(b'a', "\"ann\"@x.org"))
        );
        assert!(
            older(Compare::Folded, "jörg@x.org", "jörg@x.org")
                .contains(&hasher.hash(b'a', "jo\u{308}rg@x.org"))
        );
        assert!(
            older(Compare::Exact, "Ann@x.org", "Ann@x.org")
                .contains(&hasher.exact("\"Ann\"@x.org"))
        );
        assert!(
            older(Compare::KeyOnly, "ann@x.org#2", "ann@x.org")
                .contains(&hasher.key("\"ann\"@x.org#2"))
        );
        assert!(older(Compare::KeyOnly, "4711", "ann@x.org").is_empty());
        assert_eq!(key_in_one_spelling("\"ann\"@x.org#2", "\"ann\"@x.org"), "ann@x.org#2");
        assert_eq!(key_in_one_spelling("4711", "\"ann\"@x.org"), "4711");
    }
}
