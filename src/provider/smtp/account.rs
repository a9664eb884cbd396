//! Checks whether a relay would accept mail: it connects, starts TLS, sends EHLO, AUTH and QUIT,
//! and starts no transaction.

use super::extensions::Extensions;
use super::pipelining::{Mode, Stage, WORTHWHILE};
use super::pool::Smtp;
use super::session::{Session, Unopened};
use super::settings::Settings;
use crate::provider::BoxFuture;
use crate::provider::account::{About, AccountApi, Finding, Trouble};

impl AccountApi for Smtp {
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let place = format!("{}:{}", self.settings.host, self.settings.port);
            let session = match self.open(tokio::time::Instant::now()).await {
                Ok(session) => session,
                Err(Unopened::Crowded(health) | Unopened::Other(health)) => {
                    return vec![Finding::of_trouble(&Trouble::from(health))];
                }
            };
            let encryption = if session.connection.is_encrypted() {
                "TLS, and the certificate verifies"
            } else {
                "none"
            };
            let credentials = match &self.settings.credentials {
                Some(_) => "AUTH succeeded",
                None => "none are configured, and the server required none",
            };
            let findings = vec![
                Finding::good(About::Connection, place),
                Finding::good(About::Encryption, encryption),
                Finding::good(About::Extensions, words(&session.extensions)),
                Finding::good(About::Pipelining, pipelining(&self.settings, &session)),
                Finding::good(About::Credentials, credentials),
            ];
            session.connection.quit().await;
            findings
        })
    }
}

/// Describes which commands are sent together, and what is known about the server's behaviour.
fn pipelining(settings: &Settings, session: &Session) -> String {
    let relay = &session.relay;
    let behind = match (settings.pipelining, relay.behind.stage(), relay.known) {
        _ if !session.extensions.pipelining => "the server does not announce it: one command at a time".to_owned(),
        (Mode::Off, ..) => "one command at a time".to_owned(),
        (Mode::Envelope, ..) => "MAIL, RCPT and DATA together, nothing right after the final dot".to_owned(),
        (Mode::Full, _, Some(known)) => {
            format!("the next envelope right after the final dot, which {} is known not to accept: {}", known.name, known.does)
        }
        (Mode::Full, ..) => "the next envelope right after the final dot, without a trial".to_owned(),
        (Mode::Auto, _, Some(known)) => format!("nothing right after the final dot, because this is {}: {}", known.name, known.does),
        (Mode::Auto, Stage::Takes, _) => "the next envelope right after the final dot, which the server has accepted before".to_owned(),
        (Mode::Auto, Stage::Refuses, _) => {
            "nothing right after the final dot: an earlier trial failed or was not finished; pipelining = \"full\" ignores that".to_owned()
        }
        (Mode::Auto, ..) => format!("nothing right after the final dot before a trial, which needs at least {WORTHWHILE} remaining recipients"),
    };
    let chunks = match settings.window {
        1 => "",
        _ if relay.has_broken_chunks() => "; no chunks, because the replies to them were invalid",
        _ => "; chunks if the server announces CHUNKING",
    };
    format!("{}: {behind}{chunks}", settings.pipelining.word())
}

/// Returns the announced extensions that mailbatch uses.
fn words(found: &Extensions) -> String {
    let size = match found.size {
        Some(limit) if limit > 0 => format!("SIZE {limit}"),
        Some(_) => "SIZE".to_owned(),
        None => String::new(),
    };
    let flags = [
        (found.pipelining, "PIPELINING"),
        (found.chunking, "CHUNKING"),
        (found.eight_bit_mime, "8BITMIME"),
        (found.smtputf8, "SMTPUTF8"),
        (found.starttls, "STARTTLS"),
    ];
    let auth = if found.auth.is_empty() {
        String::new()
    } else {
        format!("AUTH {}", found.auth.join(" "))
    };
    let named = flags.iter().filter(|(is_there, _)| *is_there).map(|(_, name)| (*name).to_owned());
    let all: Vec<String> = named.chain([size, auth]).filter(|word| !word.is_empty()).collect();
    if all.is_empty() { "none that mailbatch uses".to_owned() } else { all.join(", ") }
}
