//! The provider trait, and a row of the provider table.

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

/// A service that accepts mail: a relay, an API, or the sandbox.
pub trait Provider: Send + Sync {
    fn capabilities(&self) -> &Capabilities;
    /// Prepares for the message of a run, before anything is sent. Fails with exit 4 and names the
    /// first feature that the provider cannot express. `name` is the provider's name under
    /// `[providers]`.
    fn prepare(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.capabilities().refuse_inexpressible(name, needs)
    }
    /// Sets the store for facts about the server, so that later runs know them. The default ignores
    /// it.
    fn use_memory(&mut self, _memory: Arc<dyn Memory>) {}
    /// Sends one claim. It never fails as a whole: if an outcome is uncertain the verdict is
    /// `Unknown`, and members that were not begun are missing from the reply. At most `in_flight`
    /// tasks call it at once.
    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply>;
    /// A hash of the destination and its credentials: equal for the same account and key. A repeat
    /// through another account would send the message a second time. A provider must return it if
    /// it has idempotency keys, or if its accounts may have lower limits than the API.
    fn account(&self) -> Option<[u8; 32]> {
        None
    }
    /// Reports that this account has accepted mail in an earlier run. From then on a reply in a
    /// foreign form, such as a web page, makes the outcome unknown. Without this report, such a
    /// reply means that the configured server is the wrong one. The default ignores it.
    fn has_answered_before(&self) {}
    /// Whether a session begins with a login. If it does, the pipeline sends one recipient alone
    /// until the server has answered. A login that the server refuses is then tried once instead of
    /// on every connection. The default is false.
    fn logs_in(&self) -> bool {
        false
    }
    /// The other functions of the provider's API. The default is none.
    fn account_api(&self) -> Option<&dyn AccountApi> {
        None
    }
    /// Switches to the API's sandbox mode: the provider delivers no message from now on but
    /// otherwise treats each as real mail. Fails with exit 2 if the API has no such mode. `name` is
    /// the provider's name under `[providers]`.
    fn enter_sandbox(&mut self, name: &str) -> Result<()> {
        Err(no_sandbox_mode(name))
    }
    /// The DKIM signers for the encoded messages that this provider receives. The default is none,
    /// because only relays leave the signing to mailbatch.
    fn dkim(&self) -> Option<&Signers> {
        None
    }
    /// Says good-bye to the server and closes all connections, within about a second.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The error of a provider whose API has no sandbox mode.
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
    /// Its line in `--help` and README.
    pub summary: &'static str,
    /// The keys it accepts in addition to those of every provider.
    pub keys: &'static [&'static str],
    /// Whether messages leave this machine, so that the operator is asked first. False for the
    /// sandbox.
    pub leaves_the_machine: bool,
    /// The readers of its events. The first reads what the provider posts to the webhook endpoint;
    /// the others read forms that occur only in its exports and logs. Empty if the provider has no
    /// webhooks.
    pub webhooks: &'static [&'static Webhook],
    /// Checks the keys and builds the provider. Does not use the network.
    pub connect: fn(&ProviderSettings) -> Result<Box<dyn Provider>>,
}
