//! URLs: of relays, of our unsubscribe page, and the links that are signed.

use mailbatch::internals::fuzzing::relay_url;
use mailbatch::internals::message::{Links, is_token, token_of};
use mailbatch::internals::secret::Secret;

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "smtp://",
    "smtps://",
    "smtp+starttls://",
    "SMTP://",
    "user",
    "%40",
    "%3A",
    "%0d%0a",
    "%",
    "%zz",
    "@",
    ":",
    "[::1]",
    "[",
    "]",
    "localhost",
    "relay.example",
    "127.0.0.1",
    ":25",
    ":0",
    ":65536",
    "/",
    "?",
    "#",
    "münchen.example",
    "xn--",
    "00112233445566778899aabb",
    "-",
    " ",
    "\t",
    "::ffff:127.0.0.1",
    "%00",
];

#[test]
fn urls() {
    let seeds = seeds::texts(&[
        "smtp://localhost:2525",
        "smtps://user%40acme.example@relay.example",
        "smtp+starttls://a@[::1]:587",
        "smtp://user:hunter2@relay.example",
        "smtp://münchen.example/",
        "00112233445566778899aabb-0123456789abcdef0123456789abcdef",
        "<00112233445566778899aabb@acme.example>",
    ]);
    fuzz(Target { name: "urls", seeds, words: WORDS, check });
}

fn check(document: &[u8]) {
    let Ok(text) = std::str::from_utf8(document) else { return };
    match relay_url(text) {
        Ok((user, host, port)) => {
            assert!(port != 0 && !host.is_empty() && host.len() <= 253);
            assert!(
                !host.contains(|c: char| c.is_control()
                    || c.is_whitespace()
                    || matches!(c, '@' | '/' | '%' | '?' | '#')),
                "{host:?}"
            );
            assert!(
                user.as_deref()
                    .is_none_or(|user| !user.is_empty() && !user.contains(char::is_control)),
                "{user:?}"
            );
            let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            assert_eq!(
                relay_url(&format!("smtp://{bracketed}:{port}")),
                Ok((None, host, port)),
                "a host reads back"
            );
        }
        Err((what, hint)) => assert!(!what.is_empty() && !hint.is_empty()),
    }
    check_links(text);
}

fn check_links(text: &str) {
    let links = Links::new(&Secret::new("a key that is long enough for anybody"));
    if let Some(token) = links.verify(text) {
        assert_eq!(links.sign(token), text, "a link that verifies is one that was signed");
    }
    if let Some(token) = token_of(text) {
        assert!(is_token(token) && text.contains(token));
        let signed = links.sign(token);
        assert_eq!(links.verify(&signed), Some(token));
        assert_eq!(
            Links::new(&Secret::new("another key that is long enough")).verify(&signed),
            None
        );
        assert!(
            signed.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "{signed}"
        );
    }
}
