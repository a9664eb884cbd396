//! Keeps the current credentials and decides when to look up newer ones.
//!
//! The credentials of a role are fetched before the first request, and again before they expire. If
//! fetching fails, the current credentials are used for as long as SES accepts them. After SES
//! reports them as expired, newer credentials are looked up once. Another lookup happens only after
//! SES has accepted a request: if the newer credentials have expired too, this machine's clock or
//! the role must be fixed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::credentials::Credentials;
use super::roles::{Fetched, Role};
use super::sources::{Files, Source};
use crate::model::outcome::Reason;
use crate::provider::Refusal;
use crate::provider::http::Http;

/// The wait after a failed fetch before the role's credentials are requested again, while there are
/// current credentials.
const AGAIN: Duration = Duration::from_secs(30);

/// Provides the credentials for each request.
pub(super) struct Signer {
    role: Option<Role>,
    files: Option<Files>,
    state: Mutex<State>,
    /// The lock held by the task that fetches credentials.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// `None` until the role's credentials have been fetched.
    credentials: Option<Arc<Credentials>>,
    /// The time at which to fetch the role's credentials again. `None` means now.
    due: Option<Instant>,
    /// Whether newer credentials were looked up after an expiry and SES has accepted no request
    /// since.
    has_asked: bool,
}

impl State {
    /// Returns whether this access key is the current one. An unknown key counts as current.
    fn is_at_hand(&self, key: Option<&str>) -> bool {
        key.zip(self.credentials.as_ref()).is_none_or(|(key, at_hand)| key == at_hand.access_key_id)
    }

    fn take(&mut self, credentials: Credentials, http: &Http) {
        credentials.secrets().for_each(|secret| http.keep_secret(secret.clone()));
        self.credentials = Some(Arc::new(credentials));
    }
}

impl Signer {
    pub(super) fn new(source: Source, http: &Http) -> Self {
        let mut signer = Self {
            role: None,
            files: None,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        match source {
            Source::Fixed(credentials) => signer.state().take(credentials, http),
            Source::Files(credentials, files) => {
                signer.state().take(credentials, http);
                signer.files = Some(files);
            }
            Source::Role(role) => signer.role = Some(role),
        }
        signer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every field is replaced at once, so the value is usable even if the lock is poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the credentials to sign with. Fetches them first if that is due.
    pub(super) async fn current(&self, http: &Http) -> Result<Arc<Credentials>, Refusal> {
        if let Some(role) = &self.role
            && self.is_due()
        {
            let _fetching = self.fetching.lock().await;
            if self.is_due() {
                let fetched = role.fetch().await;
                self.keep(fetched, http)?;
            }
        }
        self.at_hand().ok_or_else(|| Refusal::new(Reason::Auth, "", "no AWS credentials"))
    }

    /// Returns the credentials used last.
    pub(super) fn at_hand(&self) -> Option<Arc<Credentials>> {
        self.state().credentials.clone()
    }

    fn is_due(&self) -> bool {
        self.state().due.is_none_or(|due| due <= Instant::now())
    }

    fn keep(&self, fetched: Result<Fetched, String>, http: &Http) -> Result<(), Refusal> {
        let before = self.at_hand();
        match (fetched, before) {
            (Ok(Fetched { credentials, keep }), before) => {
                self.state().due = Some(Instant::now() + keep);
                if !before.is_some_and(|before| before.is_same(&credentials)) {
                    self.state().take(credentials, http);
                }
                Ok(())
            }
            (Err(_), Some(_)) => {
                self.state().due = Some(Instant::now() + AGAIN);
                Ok(())
            }
            (Err(why), None) => Err(Refusal::new(Reason::Auth, "", why)),
        }
    }

    /// Records that SES accepted a request signed with this access key.
    pub(super) fn works(&self, key: Option<&str>) {
        let mut state = self.state();
        if state.is_at_hand(key) {
            state.has_asked = false;
        }
    }

    /// Looks up newer credentials after SES reported this access key as expired: reads the shared
    /// files again, or schedules a fetch of the role's credentials. Returns whether a repeat of the
    /// request may succeed.
    pub(super) fn renew(&self, key: Option<&str>, http: &Http) -> bool {
        let found = self.files.as_ref().map(Files::credentials);
        let mut state = self.state();
        // The request was signed before the credentials were renewed, or another request has
        // already scheduled the fetch.
        if !state.is_at_hand(key) || (self.role.is_some() && state.due.is_none()) {
            return true;
        }
        if self.role.is_some() {
            let may_be = !std::mem::replace(&mut state.has_asked, true);
            if may_be {
                state.due = None;
            }
            return may_be;
        }
        let Some(Ok(Some(found))) = found else { return false };
        let is_newer = state.credentials.as_ref().is_none_or(|at_hand| !at_hand.is_same(&found));
        if !is_newer || std::mem::replace(&mut state.has_asked, true) {
            return false;
        }
        state.take(found, http);
        true
    }
}
