//! A relay by hand: connect, TLS, EHLO, AUTH and QUIT. No transaction is begun.

use super::Smtp;
use super::extensions::Extensions;
use crate::provider::BoxFuture;
use crate::provider::by_hand::{About, ByHand, Finding, Trouble};

impl ByHand for Smtp {
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let place = format!("{}:{}", self.settings.host, self.settings.port);
            let session = match self.open().await {
                Ok(session) => session,
                Err(health) => return vec![Finding::of_trouble(&Trouble::from(health))],
            };
            let encryption = if session.connection.is_encrypted() { "TLS, and the certificate verifies" } else { "none" };
            let credentials = match &self.settings.credentials {
                Some(_) => "AUTH succeeded",
                None => "none are configured, and none were asked for",
            };
            let findings = vec![
                Finding::good(About::Connection, place),
                Finding::good(About::Encryption, encryption),
                Finding::good(About::Extensions, words(&session.extensions)),
                Finding::good(About::Credentials, credentials),
            ];
            session.connection.quit().await;
            findings
        })
    }
}

/// The extensions that mailbatch makes use of.
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
    let auth = if found.auth.is_empty() { String::new() } else { format!("AUTH {}", found.auth.join(" ")) };
    let named = flags.iter().filter(|(is_there, _)| *is_there).map(|(_, name)| (*name).to_owned());
    let all: Vec<String> = named.chain([size, auth]).filter(|word| !word.is_empty()).collect();
    if all.is_empty() { "none that mailbatch makes use of".to_owned() } else { all.join(", ") }
}
