//! Defines the provider trait and a row of the provider table.

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

/// A service that accepts mail: an SMTP relay, an HTTP API, or the sandbox.
pub trait Provider: Send + Sync {
    fn capabilities(&self) -> &Capabilities;
    /// Prepares the provider for the message of a run, before anything is sent. Fails with exit 4
    /// and names the first feature of the message that the provider cannot express. `name` is the
    /// provider's name under `[providers]`.
    fn prepare(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.capabilities().refuse_inexpressible(name, needs)
    }
    /// Sets the store for facts about the server, so that later runs know these facts. The default
    /// ignores the store.
    fn use_memory(&mut self, _memory: Arc<dyn Memory>) {}
    /// Sends one claim, a batch of messages that is recorded in the ledger. The call never fails as
    /// a whole. If an outcome is uncertain, the verdict is `Unknown`. Messages that were not
    /// started are missing from the reply. At most `in_flight` tasks call this method at once.
    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply>;
    /// Returns a hash of the destination and its credentials, equal for the same account and key. A
    /// repeat through another account would send the message a second time. A provider must return
    /// a hash if it has idempotency keys, or if its accounts may have lower limits than the API.
    fn account(&self) -> Option<[u8; 32]> {
        None
    }
    /// Reports that this account has accepted mail in an earlier run. From then on, a reply that is
    /// not in the API's format, such as a web page, makes the outcome unknown. Otherwise, such a
    /// reply means that the configured server is the wrong one. The default ignores the report.
    fn has_answered_before(&self) {}
    /// Returns whether a session begins with a login. If it does, the pipeline first sends a single
    /// recipient and waits for the server's answer. A login that the server refuses is then tried
    /// once, not on every connection. The default is false.
    fn logs_in(&self) -> bool {
        false
    }
    /// Returns the account functions of the provider's API. The default is none.
    fn account_api(&self) -> Option<&dyn AccountApi> {
        None
    }
    /// Switches to the API's sandbox mode: the provider treats each message like real mail but
    /// delivers none. Fails with exit 2 if the API has no sandbox mode. `name` is the provider's
    /// name under `[providers]`.
    fn enter_sandbox(&mut self, name: &str) -> Result<()> {
        Err(no_sandbox_mode(name))
    }
    /// Returns the DKIM signers for the encoded messages of this provider. The default is none,
    /// because only SMTP relays leave the signing to mailbatch.
    fn dkim(&self) -> Option<&Signers> {
        None
    }
    /// Ends all sessions and closes all connections, within about a second.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Returns the error for a provider whose API has no sandbox mode.
pub(super) fn no_sandbox_mode(name: &str) -> Error {
    Error::usage(format!("providers.{name}: this API has no sandbox mode"))
        .hint("remove --provider-sandbox, or use a provider of kind sandbox")
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({:?})", self.capabilities())
    }
}

/// A row of the table of providers.
pub struct ProviderSpec {
    /// The value of `kind` in mailbatch.toml.
    pub kind: &'static str,
    /// The provider's line in `--help` and README.
    pub summary: &'static str,
    /// The keys that this kind accepts in addition to those of every provider.
    pub keys: &'static [&'static str],
    /// Whether messages leave this machine. If they do, the operator is asked first. False only for
    /// the sandbox.
    pub leaves_the_machine: bool,
    /// The readers of the provider's events. The first one reads what the provider posts to the
    /// webhook endpoint. The others read formats that occur only in its exports and logs. Empty if
    /// the provider has no webhooks.
    pub webhooks: &'static [&'static Webhook],
    /// Checks the keys and builds the provider without using the network.
    pub connect: fn(&ProviderSettings) -> Result<Box<dyn Provider>>,
}
