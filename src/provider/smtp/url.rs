//! Parses the URL of a relay.
//!
//! The crate `url` is not used, because it treats the host of a non-web scheme as opaque. It
//! percent-encodes a non-ASCII name instead of converting it to its DNS form, does not recognise
//! IPv4 addresses, and has no default ports. An error never repeats a part of the URL, because the
//! URL may contain a password.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use rustls_pki_types::ServerName;

use crate::model::address::domain_to_ascii;

/// The way in which a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Smtp,
    Smtps,
    StartTls,
}

/// The parts of a relay's URL.
#[derive(Debug)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) server_name: ServerName<'static>,
}

/// An error about the URL, and how to fix it.
pub(crate) type UrlError = (&'static str, &'static str);

/// Parses `smtp://[user@]host[:port]` and the other schemes.
pub(crate) fn parse(url: &str) -> Result<Url, UrlError> {
    const FORM: &str = "write smtp://[user@]host[:port], smtps:// or smtp+starttls://";
    let (scheme, rest) = url.trim().split_once("://").ok_or(("not a URL", FORM))?;
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "smtp" => (Scheme::Smtp, 25),
        "smtps" => (Scheme::Smtps, 465),
        "smtp+starttls" => (Scheme::StartTls, 587),
        _ => return Err(("the scheme is not an SMTP scheme", FORM)),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err((
            "it must not contain a password",
            "write password = { env = \"RELAY_PASSWORD\" }; write a colon in the user name as %3A",
        ));
    }
    let user = user
        .map(|user| {
            decoded(user).filter(|user| !user.is_empty()).ok_or(("the user cannot be read", FORM))
        })
        .transpose()?;
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, "")) => (literal, None),
        Some((literal, after)) => {
            (literal, Some(after.strip_prefix(':').ok_or(("the host cannot be read", FORM))?))
        }
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => default_port,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(("the port is not a number from 1 to 65535", FORM))?,
    };
    let host = match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => domain_to_ascii(host).map_err(|_| ("the host is not a valid name", FORM))?,
    };
    let server_name =
        ServerName::try_from(host.clone()).map_err(|_| ("the host is not a valid name", FORM))?;
    Ok(Url { scheme, user, host, port, server_name })
}

/// Decodes escapes such as `%40`. Returns `None` if an escape is incomplete, or decodes to a
/// control character.
fn decoded(text: &str) -> Option<String> {
    // The crate leaves an incomplete escape unchanged. Here such an escape is more likely a typing
    // error than a part of a user name.
    let is_whole = |rest: &str| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_whole) {
        return None;
    }
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains(char::is_control)).then(|| text.into_owned())
}
