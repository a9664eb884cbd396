//! Defines the interface to the services that send mail. The pipeline uses only what this file
//! exports.
//!
//! A provider receives a claim: a batch of messages that is durably recorded in the ledger. It
//! returns one verdict for each message that it started to send. If the reply does not contain a
//! message, the provider never started it: no byte that could have completed that message was
//! written.

pub(crate) mod account;
mod bird;
mod capabilities;
mod contract;
mod drin;
mod emitlo;
mod http;
mod job;
mod keys;
mod mailersio;
mod mailgun;
pub(crate) mod memory;
mod pending;
mod postmark;
mod proxies;
mod renewable;
mod resend;
mod roots;
pub(crate) mod sandbox;
mod sendgrid;
pub(crate) mod ses;
mod settings;
pub(crate) mod smtp;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
mod types;
mod wait;
pub(crate) mod webhook;
mod wire;

pub(crate) use self::capabilities::{Capabilities, Form, UnsubscribeHeaders};
pub use self::contract::Provider;
pub(crate) use self::contract::ProviderSpec;
pub(crate) use self::job::lines_stand;
pub use self::job::{Claim, EightBit, Job, Stopped};
pub(crate) use self::roots::client_config as tls_client_config;
pub use self::settings::{ProviderSettings, SecretSource};
pub(crate) use self::types::Ticket;
pub use self::types::{BoxFuture, RowNumber};
pub(crate) use self::wire::PATIENCE;
pub use self::wire::Wire;
pub(crate) use crate::model::verdict::{Feedback, Reply, SLOW_DOWN, without_addresses};
pub use crate::model::verdict::{Health, Refusal, Verdict};
