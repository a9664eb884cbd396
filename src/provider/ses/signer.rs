//! The credentials in use: where they come from, and when newer ones are looked for.
//!
//! The rules it keeps: those of a role are fetched before the first request and anew before they expire; where that fails, those at hand are
//! used for as long as SES takes them. After SES has called them expired, newer ones are looked for once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::credentials::{Credentials, Files, Source};
use super::roles::{Fetched, Role};
use crate::outcome::Reason;
use crate::provider::Refusal;
use crate::provider::http::Http;

/// For so long after the credentials were renewed, answers may still be about the old ones.
const RENEWAL: Duration = Duration::from_secs(60);
/// So long after a failure the role is asked again, while there are credentials.
const AGAIN: Duration = Duration::from_secs(30);

/// Hands credentials out.
pub(super) struct Signer {
    role: Option<Role>,
    files: Option<Files>,
    state: Mutex<State>,
    /// Held by the one that fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// `None` until the role was asked.
    credentials: Option<Arc<Credentials>>,
    renewed: Option<Instant>,
    /// When the role is to be asked again.
    due: Option<Instant>,
    /// Whether the role has been asked for others than those that SES calls expired, and gave none.
    has_asked: bool,
}

impl Signer {
    pub(super) fn new(source: Source, http: &Http) -> Self {
        let mut signer = Self { role: None, files: None, state: Mutex::default(), fetching: tokio::sync::Mutex::default() };
        match source {
            Source::Fixed(credentials) => signer.take(credentials, http),
            Source::Files(credentials, files) => {
                signer.take(credentials, http);
                signer.files = Some(files);
            }
            Source::Role(role) => signer.role = Some(role),
        }
        signer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, credentials: Credentials, http: &Http) {
        credentials.secrets().for_each(|secret| http.keep_secret(secret.clone()));
        let mut state = self.state();
        // Nothing can have been signed with others before the first.
        state.renewed = state.credentials.is_some().then(Instant::now);
        state.credentials = Some(Arc::new(credentials));
        state.has_asked = false;
    }

    /// The credentials to sign with, fetched where that is due.
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

    /// Those that were used last.
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
                    self.take(credentials, http);
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

    /// Whether there are, or may be, newer credentials than those that have expired: the shared files are read again, the role is asked again.
    pub(super) fn renew(&self, http: &Http) -> bool {
        let is_recent = |state: &State| state.renewed.is_some_and(|at| at.elapsed() < RENEWAL);
        if self.role.is_some() {
            let mut state = self.state();
            // Whoever comes second waits for what the first one asks for.
            if is_recent(&state) || state.due.is_none() {
                return true;
            }
            let may_be = !std::mem::replace(&mut state.has_asked, true);
            if may_be {
                state.due = None;
            }
            return may_be;
        }
        let Some(Ok(Some(found))) = self.files.as_ref().map(Files::credentials) else { return false };
        if self.at_hand().is_some_and(|at_hand| at_hand.is_same(&found)) {
            return is_recent(&self.state());
        }
        self.take(found, http);
        true
    }
}
