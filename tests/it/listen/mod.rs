//! The web endpoint: what is signed gets in, once, and stays in; everything else stays out;
//! unsubscribe links work and betray nobody.

mod browser;
mod events;
mod gates;
mod holds;
mod kills;
mod load;
mod sns;
mod sns_flood;
mod unsubscribe;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

use crate::support::running::{LONG, Running};
use crate::support::{Workspace, wait_for, workspace};

/// The secret of the provider called `news`, in Standard Webhooks' form.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: [u8; 24] = [
    0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
    0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
];

/// A workspace that sends by `url` and takes events of a provider called `news`.
fn prepared(url: &str) -> Workspace {
    let work = workspace();
    work.message("Hello", "Body. {{ unsubscribe_url }}")
        .file("list.csv", "email\nann@example.com\nbob@example.com\ncyd@example.com\n")
        .file("suppressions.csv", "email,reason,source,note\n");
    secret(&work, "unsubscribe.key", "0123456789abcdef0123456789abcdef");
    secret(&work, "news.secret", SECRET);
    secret(&work, "gun.secret", "signing-key");
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\n\
         [suppression]\nfiles = [\"suppressions.csv\"]\n\n\
         [listen]\naddr = \"127.0.0.1:0\"\npublic_url = \"https://mail.acme.example/\"\nunsubscribe_key = {{ file = \"unsubscribe.key\" }}\n\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{url}\"\n\n\
         [providers.news]\nkind = \"resend\"\napi_key = {{ env = \"UNSET\" }}\nwebhook_secret = {{ file = \"news.secret\" }}\n\n\
         [providers.gun]\nkind = \"mailgun\"\ndomain = \"acme.example\"\napi_key = {{ env = \"UNSET\" }}\nwebhook_secret = {{ file = \"gun.secret\" }}\n"
    ));
    work
}

fn secret(work: &Workspace, name: &str, text: &str) {
    work.file(name, text);
    std::fs::set_permissions(work.join(name), std::fs::Permissions::from_mode(0o600))
        .expect("it is ours");
}

/// Starts the endpoint; its port.
#[track_caller]
fn listening(work: &Workspace) -> (Running, u16) {
    let running = work.start(&["listen"]);
    let port = port_of(&running);
    (running, port)
}

/// The port that a running command says it listens on.
#[track_caller]
pub(crate) fn port_of(running: &Running) -> u16 {
    let find = || {
        let said = running.err();
        let rest = said.split_once("://127.0.0.1:")?.1;
        rest.split_once(':')?.0.parse().ok()
    };
    assert!(wait_for(|| find().is_some(), LONG), "{}", running.err());
    find().expect("it was found just now")
}

/// A signed request's headers at `at` seconds since 1970.
fn signed(id: &str, at: i64, body: &str) -> Vec<(&'static str, String)> {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &KEY),
        format!("{id}.{at}.{body}").as_bytes(),
    );
    vec![
        ("svix-id", id.to_owned()),
        ("svix-timestamp", at.to_string()),
        ("svix-signature", format!("v1,{}", base64(tag.as_ref()))),
    ]
}

pub(crate) fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let group = chunk.iter().fold(0u32, |group, octet| group << 8 | u32::from(*octet))
            << (8 * (3 - chunk.len()));
        (0..4)
            .map(|at| {
                if at <= chunk.len() {
                    char::from(ALPHABET[(group >> (18 - 6 * at) & 63) as usize])
                } else {
                    '='
                }
            })
            .collect::<String>()
    };
    octets.chunks(3).map(digits).collect()
}

/// An event of Resend's about a person.
fn event(word: &str, email: &str, number: usize) -> String {
    let bounce =
        json!({"type": "Permanent", "subType": "General", "message": "550 5.1.1 no such user"});
    let at = Timestamp::from_microsecond(1_763_700_000_000_000 + number as i64).expect("a time");
    let data = json!({"email_id": format!("id-{number}"), "to": [email], "bounce": bounce});
    json!({"type": word, "created_at": at.to_string(), "data": data}).to_string()
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Sends a request; status, head and body of the answer. Status 0 where the connection broke.
fn ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time above zero");
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // Whoever is refused early is not read to the end.
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

/// Sends a signed event to `news`; the status.
fn tell(port: u16, id: &str, body: &str) -> u16 {
    ask(port, "POST", "/events/news", &signed(id, now(), body), body.as_bytes()).0
}

fn lines(work: &Workspace, arguments: &[&str]) -> Vec<Value> {
    let run = work.mailbatch().args(arguments).assert().success();
    String::from_utf8(run.get_output().stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
