//! Compares signatures with those of botocore, which AWS's own tools use for signing. The test is
//! skipped if Python or botocore is missing.

#[path = "../../../tests/it/faults/draws.rs"]
mod draws;
#[path = "../../../tests/it/support/peers/require.rs"]
mod require;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use self::draws::Draws;
use super::credentials::Credentials;
use super::signature::{Signed, authorization};
use crate::secret::Secret;

const REQUESTS: usize = 200;
/// The characters of generated paths and queries: some are literal there, others must be encoded.
const CHARACTERS: &[char] = &[
    'a', 'Z', '0', '9', '-', '_', '.', '~', '@', '+', ' ', '=', '&', '%', ':', 'é', '/', '*', '\'',
    '日',
];
const HEX: &[u8] = b"0123456789ABCDEF";

fn word(draws: &mut Draws, characters: &[char], most: u64) -> String {
    (0..=draws.below(most)).map(|_| *draws.one_of(characters)).collect()
}

/// Encodes a part of a path or query as it is sent.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!(
            "%{}{}",
            char::from(HEX[usize::from(byte >> 4)]),
            char::from(HEX[usize::from(byte & 15)])
        ),
    };
    text.bytes().map(byte).collect()
}

/// Generates a request in the form that the botocore script expects.
fn generated(draws: &mut Draws) -> Value {
    let letters: Vec<char> =
        ('a'..='z').chain('A'..='Z').chain('0'..='9').chain("/+=".chars()).collect();
    let mut path = (*draws.one_of(&[
        "/v2/email/outbound-emails",
        "/v2/email/outbound-bulk-emails",
        "/v2/email/account",
        "/v2/email/suppression/addresses",
    ]))
    .to_owned();
    if draws.below(2) == 0 {
        // A client would remove a path segment that consists of dots, before signing.
        path.push_str(&format!("/x{}", encoded(&word(draws, CHARACTERS, 20))));
    }
    let pairs: Vec<String> = (0..draws.below(4))
        .map(|n| {
            format!(
                "{}{n}={}",
                *draws.one_of(&["PageSize", "Reason", "NextToken", "a-b"]),
                encoded(&word(draws, CHARACTERS, 12))
            )
        })
        .collect();
    if !pairs.is_empty() {
        path = format!("{path}?{}", pairs.join("&"));
    }
    let host =
        *draws.one_of(&["email.eu-west-1.amazonaws.com", "127.0.0.1:4566", "email.example:8443"]);
    let day = format!("202{}{:02}{:02}", draws.below(10), 1 + draws.below(12), 1 + draws.below(28));
    let at = format!("{day}T{:02}{:02}{:02}Z", draws.below(24), draws.below(60), draws.below(60));
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("host".into(), host.into()),
        ("x-amz-date".into(), at.clone()),
    ];
    if draws.below(3) == 0 {
        headers.push(("accept".into(), format!("  a/b,   c;q=0.{}  ", draws.below(10))));
    }
    let token = (draws.below(2) == 0).then(|| word(draws, &letters, 300));
    headers.extend(token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
    headers.sort();
    let body: String =
        (0..draws.below(4_000)).map(|_| format!("{:02x}", draws.below(256))).collect();
    json!({
        "method": *draws.one_of(&["POST", "GET", "PUT", "DELETE"]), "url": format!("https://{host}{path}"), "path": path, "headers": headers,
        "body": body, "region": *draws.one_of(&["eu-west-1", "us-east-1", "ap-southeast-2"]), "service": *draws.one_of(&["ses", "sts"]), "at": at,
        "id": word(draws, &letters[..62], 20), "key": word(draws, &letters, 40), "token": token,
    })
}

fn ours(asked: &Value) -> String {
    let text = |name: &str| asked[name].as_str().unwrap();
    let headers: Vec<(&str, &str)> = asked["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap()))
        .collect();
    let hex = text("body");
    let body: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let credentials = Credentials {
        access_key_id: text("id").to_owned(),
        secret_access_key: Secret::new(text("key")),
        session_token: asked["token"].as_str().map(Secret::new),
    };
    let signed =
        Signed { method: text("method"), path: text("path"), headers: &headers, body: &body };
    authorization(&credentials, text("region"), text("service"), text("at"), &signed)
}

/// Returns botocore's signatures of the same requests. Returns `None` if botocore is missing.
fn theirs(asked: &[Value]) -> Option<Vec<String>> {
    let library = require::unpacked().join("aws");
    if !library.join("botocore").is_dir() {
        return require::require("botocore", "not installed (tests/run installs it)");
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/sign.py");
    let mut child = Command::new("python3")
        .arg(program)
        .env("PYTHONPATH", library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("botocore was installed by Python");
    let mut words: Vec<Value> = asked.to_vec();
    for request in &mut words {
        let headers = request["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| (header[0].as_str().unwrap().to_owned(), header[1].clone()));
        request["headers"] = Value::Object(headers.collect());
    }
    child.stdin.take().unwrap().write_all(Value::from(words).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "botocore fails");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn two_hundred_requests_are_signed_as_botocore_signs_them() {
    let mut draws = Draws::fresh();
    let asked: Vec<Value> = (0..REQUESTS).map(|_| generated(&mut draws)).collect();
    let Some(theirs) = theirs(&asked) else { return };
    assert_eq!(theirs.len(), REQUESTS);
    for (asked, theirs) in asked.iter().zip(&theirs) {
        assert_eq!(ours(asked), *theirs, "{asked}");
    }
}
