//! Defines the methods of an adapter for an HTTP service. Every type with [`Service`] and [`Api`]
//! is a [`Provider`].

use std::future::ready;

use super::api::Api;
use super::client::Http;
use crate::content::Needs;
use crate::model::error::Result;
use crate::provider::account::AccountApi;
use crate::provider::contract::no_sandbox_mode;
use crate::provider::{BoxFuture, Capabilities, Claim, Provider, Reply, Wire};

/// The methods that an adapter implements in addition to its API.
pub(in crate::provider) trait Service: Api + AccountApi {
    /// Returns the connections to the service.
    fn http(&self) -> &Http;
    /// Implements [`Provider::capabilities`].
    fn abilities(&self) -> &Capabilities;
    /// Implements [`Provider::prepare`].
    fn adapt(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.abilities().refuse_inexpressible(name, needs)
    }
    /// Implements [`Provider::enter_sandbox`]. The default is for an API without such a mode.
    fn sandbox(&mut self, name: &str) -> Result<()> {
        Err(no_sandbox_mode(name))
    }
    /// Implements [`Provider::account`]: returns a hash of the service's address and the secrets
    /// sent to it.
    fn account_hash(&self) -> Option<[u8; 32]> {
        Some(self.http().account())
    }
}

impl<S: Service> Provider for S {
    fn capabilities(&self) -> &Capabilities {
        self.abilities()
    }

    fn prepare(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.adapt(name, needs)
    }

    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply> {
        Box::pin(self.http().hand_over(claim, wire, self))
    }

    fn enter_sandbox(&mut self, name: &str) -> Result<()> {
        self.sandbox(name)
    }

    fn account_api(&self) -> Option<&dyn AccountApi> {
        Some(self)
    }

    fn has_answered_before(&self) {
        self.http().has_answered_before();
    }

    fn account(&self) -> Option<[u8; 32]> {
        self.account_hash()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}
