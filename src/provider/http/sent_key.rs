//! Holds the key that is sent with every request, in the form of a header value.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderName, HeaderValue};

use crate::provider::renewable::{Current, Renewable};
use crate::secret::Secret;

/// A key and the header that carries it.
pub(super) struct SentKey {
    pub(super) header: HeaderName,
    pub(super) key: Renewable,
    form: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// The header value of the current key, and the number of that key.
    made: Mutex<(HeaderValue, u64)>,
}

impl SentKey {
    /// Creates a key that is sent in the format that `form` produces.
    pub(super) fn new(
        header: HeaderName,
        key: Renewable,
        form: impl Fn(&str) -> String + Send + Sync + 'static,
        current: &Current,
    ) -> Result<Self, String> {
        let value = value(&form(current.secret.expose()))?;
        let made = Mutex::new((value, current.number));
        Ok(Self { header, key, form: Box::new(form), made })
    }

    /// Returns the texts that must never be shown: the current key, and the last word of its header
    /// value.
    pub(super) fn shown_nowhere(&self) -> [Secret; 2] {
        let Current { secret, .. } = self.key.current();
        let value = (self.form)(secret.expose());
        let made = Secret::new(value.rsplit(' ').next().unwrap_or_default());
        [secret, made]
    }

    /// Returns the header value of the current key, and the number of the key.
    pub(super) fn value(&self) -> Result<(HeaderValue, u64), String> {
        // Both parts are replaced together, so the value is consistent even if the lock is
        // poisoned.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if self.key.number() != made.1 {
            let current = self.key.current();
            *made = (value(&(self.form)(current.secret.expose()))?, current.number);
        }
        Ok(made.clone())
    }
}

fn value(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "has a character that is not allowed in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
