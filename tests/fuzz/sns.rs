//! Envelopes of Amazon SNS: nothing verifies that SNS has not signed, and no envelope leads anywhere but to SNS.

use jiff::Timestamp;
use mailbatch::events::webhook::{Envelope, Purpose, is_certificate};
use serde_json::Value;

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "\"Type\":\"Notification\",",
    "\"Type\":\"SubscriptionConfirmation\",",
    "\"Type\":\"UnsubscribeConfirmation\",",
    "\"SignatureVersion\":\"1\",",
    "\"SignatureVersion\":\"2\",",
    "\"Message\":\"\",",
    "\"Subject\":\"x\",",
    "\"Token\":\"t\",",
    "\"SubscribeURL\":\"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription\",",
    "https://sns.eu-west-1.amazonaws.com/a.pem",
    "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
    ".amazonaws.com",
    "sns.",
    "@evil.example",
    "#",
    "?",
    "\\n",
    "\\u0000",
    ":443",
    ":8443",
    "%2e",
    "\\\\",
    "//",
    "http://",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
];

#[test]
fn sns() {
    let genuine: Vec<Value> = serde_json::from_slice(&seeds::file("webhooks/sns.json")).expect("messages");
    let seeds = genuine.iter().map(|message| message.to_string().into_bytes()).chain([pem()]).collect();
    fuzz(Target { name: "sns", seeds, words: WORDS, check });
}

fn pem() -> Vec<u8> {
    seeds::file("webhooks/sns.pem")
}

/// What SNS has signed in the vectors of its own libraries.
fn signed() -> Vec<Value> {
    serde_json::from_slice(&seeds::file("webhooks/sns.json")).expect("messages")
}

fn check(document: &[u8]) {
    let _ = is_certificate(document);
    let Ok(envelope) = Envelope::parse(document) else { return };
    for url in [envelope.certificate_url(), envelope.subscribe_url()].into_iter().flatten() {
        let host = url.host_str().expect("an address of SNS has a host");
        assert_eq!((url.scheme(), url.port(), url.username(), url.password()), ("https", None, "", None), "{url}");
        let region =
            host.strip_prefix("sns.").and_then(|rest| rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn")));
        assert!(region.is_some_and(|region| !region.contains('.')), "{url}");
    }
    if let Ok(url) = envelope.certificate_url() {
        assert!(url.path().ends_with(".pem") && url.path().matches('/').count() == 1 && url.query().is_none(), "{url}");
    }
    let time = envelope.time().unwrap_or(Timestamp::UNIX_EPOCH);
    if envelope.verify(&pem(), &envelope.topic, time).is_err() {
        return;
    }
    // It verifies: then every field that is signed is what SNS has written.
    let fields: Value = serde_json::from_slice(document).expect("an envelope is JSON");
    assert_eq!(envelope.purpose, Purpose::Notification);
    let is_as_signed = |genuine: &Value| {
        ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"].iter().all(|name| genuine.get(name) == fields.get(name))
    };
    assert!(signed().iter().any(is_as_signed), "a message verifies that SNS has not signed");
    assert!(envelope.verify(&pem(), "arn:aws:sns:eu-west-1:123456789012:another", time).is_err(), "another topic");
}
