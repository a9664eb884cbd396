//! Envelopes of Amazon SNS: nothing verifies that SNS has not signed, and no envelope leads
//! anywhere but to SNS.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use jiff::Timestamp;
use mailbatch::internals::events::webhook::{Authority, Certificate, Envelope, Purpose};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
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
    let genuine: Vec<Value> =
        serde_json::from_slice(&seeds::file("webhooks/sns.json")).expect("messages");
    let seeds =
        genuine.iter().map(|message| message.to_string().into_bytes()).chain([pem()]).collect();
    fuzz(Target { name: "sns", seeds, words: WORDS, check });
}

fn pem() -> Vec<u8> {
    seeds::file("webhooks/sns.pem")
}

/// The certificate that they are signed with, and Amazon's authority.
fn trust() -> &'static (Certificate, Authority) {
    static TRUST: OnceLock<(Certificate, Authority)> = OnceLock::new();
    TRUST.get_or_init(|| (Certificate::parse(&pem()).expect("a certificate"), Authority::amazon()))
}

/// What SNS has signed in the vectors of its own libraries.
fn signed() -> Vec<Value> {
    serde_json::from_slice(&seeds::file("webhooks/sns.json")).expect("messages")
}

/// The fields of a notification that are signed.
const SIGNED: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];

/// Those of one envelope. What stands beside them is passed over, as the endpoint does: nothing
/// says that its texts are in order.
struct Signed(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Signed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Signed, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if SIGNED.contains(&name.as_str()) {
                        fields.insert(name, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Signed(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

fn check(document: &[u8]) {
    if let Ok(certificate) = Certificate::parse(document) {
        assert!(certificate.issuer_url().is_none_or(|url| {
            url.host_str().is_some_and(|host| host.ends_with(".amazontrust.com"))
        }));
        let _ = trust().0.with_issuer(document);
    }
    let Ok(envelope) = Envelope::parse(document) else { return };
    for url in [envelope.certificate_url(), envelope.subscribe_url()].into_iter().flatten() {
        let host = url.host_str().expect("an address of SNS has a host");
        assert_eq!(
            (url.scheme(), url.port(), url.username(), url.password()),
            ("https", None, "", None),
            "{url}"
        );
        let region = envelope.topic.split(':').nth(3).expect("a topic has a region");
        let is_of = |suffix: &str| host == format!("sns.{region}{suffix}");
        assert!(
            !region.contains('.') && (is_of(".amazonaws.com") || is_of(".amazonaws.com.cn")),
            "{url}"
        );
    }
    if let Ok(url) = envelope.certificate_url() {
        assert!(
            url.path().ends_with(".pem")
                && url.path().matches('/').count() == 1
                && url.query().is_none(),
            "{url}"
        );
    }
    let time = envelope.time().unwrap_or(Timestamp::UNIX_EPOCH);
    let (certificate, authority) = trust();
    if envelope.verify(certificate, authority, &envelope.topic, time).is_err() {
        return;
    }
    // It verifies: then every field that is signed is what SNS has written.
    let fields: Signed = serde_json::from_slice(document).expect("an envelope is JSON");
    assert_eq!(envelope.purpose, Purpose::Notification);
    let is_as_signed =
        |genuine: &Value| SIGNED.iter().all(|name| genuine.get(name) == fields.0.get(*name));
    assert!(signed().iter().any(is_as_signed), "a message verifies that SNS has not signed");
    assert!(
        envelope
            .verify(certificate, authority, "arn:aws:sns:eu-west-1:123456789012:another", time)
            .is_err(),
        "another topic"
    );
}
