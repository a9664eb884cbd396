//! The key that goes with every request, as its header has it.

use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderName, HeaderValue};

use crate::provider::renewable::{Current, Renewable};
use crate::secret::Secret;

/// A key and the header that it goes in.
pub(super) struct SentKey {
    pub(super) header: HeaderName,
    pub(super) key: Renewable,
    form: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// The header's value, made once for each key, and the number of its key.
    made: Mutex<(HeaderValue, u64)>,
}

impl SentKey {
    /// Sends what `form` makes of the key.
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

    /// What of the key in use must not be shown: itself, and what the header makes of it.
    pub(super) fn shown_nowhere(&self) -> [Secret; 2] {
        let Current { secret, .. } = self.key.current();
        let value = (self.form)(secret.expose());
        let made = Secret::new(value.rsplit(' ').next().unwrap_or_default());
        [secret, made]
    }

    /// The value for the key in use, and the key's number.
    pub(super) fn value(&self) -> Result<(HeaderValue, u64), String> {
        // The two are written together.
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
        .map_err(|_| "has a character that a header cannot hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
