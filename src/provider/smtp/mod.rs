//! Sends mail over SMTP (RFC 5321), with a client of mailbatch's own.
//!
//! There are never more than `in_flight` connections, idle ones included. If a connection is left
//! in the middle of an exchange, for example because the task that sends is cancelled, it is closed
//! and never reused. A closed connection is charged to no recipient.
//!
//! - Limits: `SIZE` as the server announces it, and `per_connection` messages over one connection.
//! - One request: one message to one recipient. With PIPELINING, its MAIL, RCPT and DATA share a
//!   write. If the server is known to accept this, the next message's commands follow right after
//!   the final dot (`pipelining`). With `window = N`, up to N messages are in progress on a
//!   connection, each sent as one chunk. `window` has no effect unless the server announces
//!   PIPELINING and CHUNKING.
//! - Partial failure: none, since every transaction has one recipient.
//! - Idempotency: none. If a message was completely written and got no reply, its outcome is
//!   `Unknown`. With a window, up to N messages on each connection can have that outcome.
//! - Signatures: the key `dkim` adds signatures when a message is rendered.
//! - Quirks: a server may close a connection at any time with 421, or without a reply when the
//!   connection is idle. The message is then sent once more, over a new connection.

mod account;
mod addresses;
mod auth;
mod behind;
pub(crate) mod body;
mod change;
mod changes;
pub(crate) mod classify;
mod connection;
mod dkim;
mod experience;
mod extensions;
mod fault;
mod greeting;
mod hand_over;
mod limits;
mod logins;
mod pipelining;
mod pool;
mod queue_id;
mod relay;
pub(crate) mod reply;
mod room;
mod sender;
mod session;
mod settings;
pub(crate) mod step;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod trial;
pub(crate) mod url;
mod window;

use self::hand_over::HandOver;
use self::pool::Smtp;
use self::settings::Settings;
use super::{
    BoxFuture, Capabilities, Claim, Provider, ProviderSettings, ProviderSpec, Reply, Wire,
};
use crate::dkim::Signers;
use crate::model::error::Result;

/// SMTP's row in the table of providers.
pub(crate) const SPEC: ProviderSpec = ProviderSpec {
    kind: "smtp",
    summary: "an SMTP relay: plain, STARTTLS or TLS; AUTH PLAIN, LOGIN, XOAUTH2",
    keys: settings::KEYS,
    leaves_the_machine: true,
    webhooks: &[],
    connect,
};

/// The maximum number of recipients of one claim.
const MOST_RECIPIENTS: usize = 100;

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    let own = Settings::read(settings)?;
    // The claim size is a multiple of the window, because a smaller last window would cost a round
    // trip for a few messages.
    let max_recipients = MOST_RECIPIENTS - MOST_RECIPIENTS % own.window;
    let capabilities = Capabilities { max_recipients, ..Capabilities::mime() };
    Ok(Box::new(Smtp::new(capabilities, own, settings.in_flight)))
}

impl Provider for Smtp {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn use_memory(&mut self, memory: std::sync::Arc<dyn super::memory::Memory>) {
        self.relays.use_memory(memory);
    }

    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let permit = self.room.enter().await;
            let mut hand_over = HandOver::new(self, wire, &claim.jobs);
            while !hand_over.todo.is_empty() && hand_over.advance().await.is_ok() {}
            let HandOver { session, reply, is_crowded, .. } = hand_over;
            if is_crowded {
                self.room.is_smaller(permit);
            }
            // If an envelope was sent early, it belongs to a job of this claim, so no other job may
            // use this connection. A session for which the server has no room is closed, so that
            // the other sessions can continue.
            self.idle().extend(session.filter(|session| !session.envelope_is_out && !is_crowded));
            reply
        })
    }

    fn logs_in(&self) -> bool {
        self.settings.credentials.is_some()
    }

    fn dkim(&self) -> Option<&Signers> {
        self.settings.dkim.as_ref()
    }

    fn account_api(&self) -> Option<&dyn super::account::AccountApi> {
        Some(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let sessions = std::mem::take(&mut *self.idle());
            futures_util::future::join_all(
                sessions.into_iter().map(|session| session.connection.quit()),
            )
            .await;
            self.relays.close().await;
        })
    }
}
