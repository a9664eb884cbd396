//! A provider, and its row in the table.

use std::fmt;
use std::sync::Arc;

use super::account::AccountApi;
use super::capabilities::Capabilities;
use super::job::Claim;
use super::memory::Memory;
use super::settings::ProviderSettings;
use super::types::BoxFuture;
use super::webhook::Webhook;
use super::wire::Wire;
use crate::content::Needs;
use crate::dkim::Signers;
use crate::model::error::{Error, Result};
use crate::model::verdict::Reply;

/// What takes mail: a relay, an API, the sandbox.
pub trait Provider: Send + Sync {
    fn capabilities(&self) -> &Capabilities;
    /// Gets what the message needs, before anything is sent. Fails with exit 4 and names the first
    /// thing that cannot be expressed; `name` is the provider's under `[providers]`.
    fn prepare(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.capabilities().refuse_inexpressible(name, needs)
    }
    /// What is found out about the server is kept there for later runs. By default nothing is.
    fn use_memory(&mut self, _memory: Arc<dyn Memory>) {}
    /// Hands over one claim. Never fails as a whole: what is not certain is `Unknown`, and what was
    /// not begun is left out of the reply. Called by at most `in_flight` tasks at once.
    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply>;
    /// A hash of where it sends and with which credentials, the same for the same account and key:
    /// a repeat elsewhere is a second send. To be had from every provider that knows idempotency
    /// keys, and from those whose account may be allowed less than another.
    fn account(&self) -> Option<[u8; 32]> {
        None
    }
    /// It has taken mail in an earlier run, under the same account. What it says now in a form that
    /// is not its own, such as a web page in place of an answer, then leaves doubt, and does not
    /// show that it is the wrong server. By default of no matter.
    fn has_answered_before(&self) {}
    /// Whether a session begins with a login. Then one recipient goes alone until anything was
    /// answered, so that a login which is refused is tried once and not by every connection; by
    /// default it does not.
    fn logs_in(&self) -> bool {
        false
    }
    /// What else its API offers; by default nothing.
    fn account_api(&self) -> Option<&dyn AccountApi> {
        None
    }
    /// From now on nothing that is handed over reaches anybody, and the provider treats it as mail
    /// in everything else. Fails with exit 2 where the API has no such mode; `name` is the
    /// provider's under `[providers]`.
    fn enter_sandbox(&mut self, name: &str) -> Result<()> {
        Err(no_sandbox_mode(name))
    }
    /// What signs the encoded messages that it is handed; by default nothing, since a service that
    /// is not a relay signs them itself.
    fn dkim(&self) -> Option<&Signers> {
        None
    }
    /// Says good-bye and closes what is open, within a second or so.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The error of a provider whose API has no sandbox mode.
pub(super) fn no_sandbox_mode(name: &str) -> Error {
    Error::usage(format!("providers.{name}: this API has no sandbox mode"))
        .hint("leave --provider-sandbox out, or use a provider of kind sandbox")
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({:?})", self.capabilities())
    }
}

/// A row of the table of providers.
pub struct ProviderSpec {
    /// As written under `kind` in mailbatch.toml.
    pub kind: &'static str,
    /// Its row in `--help` and README.
    pub summary: &'static str,
    /// The keys it understands besides those every provider has.
    pub keys: &'static [&'static str],
    /// Whether mail really leaves: a person is asked before it does. The sandbox keeps it here.
    pub leaves_the_machine: bool,
    /// The readers of its events: first the one for what it posts to our endpoint, then those for
    /// the forms that only its exports and logs have. Empty where it posts none.
    pub webhooks: &'static [&'static Webhook],
    /// Checks the keys and builds the provider; touches no network.
    pub connect: fn(&ProviderSettings) -> Result<Box<dyn Provider>>,
}
