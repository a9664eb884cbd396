//! Reads the envelope in which Amazon SNS delivers a message, and verifies its signature.
//!
//! Documentation: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.
//! Anyone can make SNS sign a message from their own topic, so the topic must be the configured
//! one. The envelope contains the address of the certificate. The certificate is fetched over TLS
//! from SNS in the topic's region. It must be issued to SNS by Amazon's authority, and valid when
//! the message was published.
//!
//! Before the signature is verified, only the fields of SNS are read, and nothing else is kept in
//! memory.

pub(crate) mod authority;
pub(crate) mod certificate;

use std::collections::BTreeMap;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;

use self::authority::{Authority, Distrust};
use self::certificate::Certificate;
use crate::provider::webhook::Refusal;
use crate::provider::webhook::scheme::within;

/// The maximum age of a notification. SNS repeats a delivery for up to an hour, with the original
/// time of publication.
const PATIENCE: SignedDuration = SignedDuration::from_mins(65);

/// The type of an SNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Notification,
    /// SNS asks for permission to deliver messages of the topic here. A request to the address in
    /// the envelope grants it.
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// A message of SNS whose signature is not verified yet.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub purpose: Purpose,
    /// The message's id. Repeated deliveries have the same id.
    pub id: String,
    /// The ARN of the topic.
    pub topic: String,
    pub message: String,
    fields: Fields,
}

impl Envelope {
    /// Parses an envelope. The error says what is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let fields: Fields = serde_json::from_slice(body).map_err(|e| {
            format!("the body is not a message of SNS: line {}, column {}", e.line(), e.column())
        })?;
        let purpose = match fields.get("Type") {
            "Notification" => Purpose::Notification,
            "SubscriptionConfirmation" => Purpose::SubscriptionConfirmation,
            "UnsubscribeConfirmation" => Purpose::UnsubscribeConfirmation,
            _ => {
                return Err(
                    "the body is not a message of SNS; turn off raw message delivery for the subscription".to_owned()
                );
            }
        };
        let field = |name: &str| fields.get(name).to_owned();
        Ok(Self {
            purpose,
            id: field("MessageId"),
            topic: field("TopicArn"),
            message: field("Message"),
            fields,
        })
    }

    /// Returns the time of publication.
    pub fn time(&self) -> Option<Timestamp> {
        self.fields.get("Timestamp").parse().ok()
    }

    /// Returns the address of the certificate. It must be a file at the top level, as AWS uses, and
    /// must not contain parts that could give one file several addresses.
    pub fn certificate_url(&self) -> Result<Url, Refusal> {
        let url = Some(self.fields.get("SigningCertURL"))
            .filter(|url| !url.is_empty())
            .unwrap_or_else(|| self.fields.get("SigningCertUrl"));
        let url = self.of_sns(url).ok_or_else(|| {
            Refusal::Foreign(
                "SigningCertURL is not an address of Amazon SNS in the topic's region".to_owned(),
            )
        })?;
        let is_name = |name: &str| {
            name.len() <= 100
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let is_file = url
            .path()
            .strip_prefix('/')
            .and_then(|path| path.strip_suffix(".pem"))
            .is_some_and(is_name);
        if is_file && url.query().is_none() && url.fragment().is_none() {
            return Ok(url);
        }
        Err(Refusal::Foreign("SigningCertURL is not the address of a certificate".to_owned()))
    }

    /// Returns the address that confirms the subscription.
    pub fn subscribe_url(&self) -> Result<Url, Refusal> {
        let foreign = |why: &str| Refusal::Foreign(format!("SubscribeURL {why}"));
        let url = self
            .of_sns(self.fields.get("SubscribeURL"))
            .ok_or_else(|| foreign("is not an address of Amazon SNS in the topic's region"))?;
        let all = |name: &str| {
            url.query_pairs()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        let of_topic = all("TopicArn").iter().all(|topic| *topic == self.topic);
        if url.path() == "/" && all("Action") == ["ConfirmSubscription"] && of_topic {
            return Ok(url);
        }
        Err(foreign("does not confirm a subscription to its topic"))
    }

    /// Parses an https address of SNS in the topic's region, on the default port.
    fn of_sns(&self, text: &str) -> Option<Url> {
        let region = region_of(&self.topic)?;
        let url = Url::parse(text).ok()?;
        let is_host = url.host_str()? == format!("sns.{region}{}", suffix(region));
        let is_plain = url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        (is_host && is_plain).then_some(url)
    }

    /// Checks that SNS signs with this certificate in the topic's region at this time.
    pub fn trusts(
        &self,
        certificate: &Certificate,
        authority: &Authority,
        at: Timestamp,
    ) -> Result<(), Distrust> {
        authority.check(certificate, &region_of(&self.topic).map(signers).unwrap_or_default(), at)
    }

    /// Checks that the envelope is signed by a certificate trusted by `authority`, comes from
    /// `topic`, and is recent.
    pub fn verify(
        &self,
        certificate: &Certificate,
        authority: &Authority,
        topic: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let at = self.time().ok_or(Refusal::Unsigned("Timestamp"))?;
        self.trusts(certificate, authority, at)
            .map_err(|why| Refusal::Foreign(format!("the certificate of SNS {why}")))?;
        let how: &RsaParameters = match self.fields.get("SignatureVersion") {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Refusal::Unsigned("SignatureVersion 1 or 2")),
        };
        let signature = BASE64_STANDARD
            .decode(self.fields.get("Signature"))
            .ok()
            .filter(|bytes| !bytes.is_empty())
            .ok_or(Refusal::Unsigned("Signature"))?;
        let key = UnparsedPublicKey::new(how, certificate.public_key());
        // The documentation contradicts itself on whether the signature of an
        // UnsubscribeConfirmation covers the token, so both texts are tried.
        let fits = self.signed().iter().any(|text| key.verify(text.as_bytes(), &signature).is_ok());
        if !fits {
            return Err(Refusal::Foreign("the signature does not match the message".to_owned()));
        }
        if self.topic != topic {
            return Err(Refusal::Foreign(format!(
                "the message comes from the topic {}, but webhook_topic is another one",
                self.topic
            )));
        }
        within(at, now, PATIENCE)
    }

    /// Returns the texts that the signature may cover.
    fn signed(&self) -> Vec<String> {
        let of = |names: &[&str]| {
            let present = names.iter().filter_map(|name| Some((name, self.fields.0.get(*name)?)));
            present.map(|(name, value)| format!("{name}\n{value}\n")).collect()
        };
        match self.purpose {
            Purpose::Notification => {
                vec![of(&["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])]
            }
            Purpose::SubscriptionConfirmation => vec![of(&[
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ])],
            Purpose::UnsubscribeConfirmation => vec![
                of(&[
                    "Message",
                    "MessageId",
                    "SubscribeURL",
                    "Timestamp",
                    "Token",
                    "TopicArn",
                    "Type",
                ]),
                of(&["Message", "MessageId", "SubscribeURL", "Timestamp", "TopicArn", "Type"]),
            ],
        }
    }
}

/// The fields of an envelope that are used and are texts.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    const NAMES: [&'static str; 12] = [
        "Message",
        "MessageId",
        "Signature",
        "SignatureVersion",
        "SigningCertURL",
        "SigningCertUrl",
        "Subject",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];

    /// Returns the text of a field; empty if the field is missing.
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads the known fields and skips others without building values, because anyone can send a body.
struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            let Some(name) = Fields::NAMES.into_iter().find(|name| *name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?.get();
            // If a field occurs twice, it is unclear which one the signature covers.
            if fields.0.contains_key(name) {
                return Err(A::Error::custom(format_args!("{name} occurs twice")));
            }
            if raw.starts_with('"') {
                fields.0.insert(name, serde_json::from_str(raw).map_err(A::Error::custom)?);
            }
        }
        Ok(fields)
    }
}

/// Returns the region in a topic's ARN, `arn:aws:sns:REGION:ACCOUNT:NAME`. Returns `None` if the
/// text is not such an ARN.
pub(crate) fn region_of(topic: &str) -> Option<&str> {
    let mut parts = topic.splitn(6, ':');
    let (arn, partition, service, region) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (account, name) = (parts.next()?, parts.next()?);
    let is_region = (3..=32).contains(&region.len())
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_account = !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit());
    let is_partition = partition == "aws" || partition.starts_with("aws-");
    // The regions of China belong to the partition `aws-cn`, and no other region does.
    let fits = (partition == "aws-cn") == region.starts_with("cn-");
    (arn == "arn"
        && is_partition
        && service == "sns"
        && is_region
        && is_account
        && !name.is_empty()
        && fits)
        .then_some(region)
}

/// Returns the domain suffix of a region's hosts.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { ".amazonaws.com.cn" } else { ".amazonaws.com" }
}

/// Returns the names to which a signing certificate of a region may be issued. Most regions share
/// one name. Opt-in regions, China and the government regions have separate names.
fn signers(region: &str) -> Vec<String> {
    let suffix = suffix(region);
    let mut names = vec![
        "sns.amazonaws.com".to_owned(),
        format!("sns.{region}{suffix}"),
        format!("sns-signing.{region}{suffix}"),
        format!("sns-{region}{suffix}"),
    ];
    if region.starts_with("us-gov-") {
        // The certificates of both government regions contain the name of one of them.
        names.push(format!("sns-us-gov-west-1{suffix}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(topic: &str) -> Envelope {
        Envelope::parse(
            serde_json::json!({"Type": "Notification", "TopicArn": topic}).to_string().as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn only_addresses_of_sns_in_the_topics_region_are_visited() {
        let ohio = envelope("arn:aws:sns:us-east-2:123456789012:events");
        let beijing = envelope("arn:aws-cn:sns:cn-north-1:123456789012:events");
        assert!(ohio.of_sns("https://sns.us-east-2.amazonaws.com/a.pem").is_some());
        assert!(beijing.of_sns("https://sns.cn-north-1.amazonaws.com.cn/a.pem").is_some());
        for bad in [
            "",
            "http://sns.us-east-2.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-2.amazonaws.com.cn/a.pem",
            "https://sns.us-east-2.amazonaws.com./a.pem",
            "https://xsns.us-east-2.amazonaws.com/a.pem",
            "https://sns.us-east-2.amazonaws.com.evil.example/a.pem",
            "https://sns.us-east-2.amazonaws.com@evil.example/a.pem",
            "https://evil.example/sns.us-east-2.amazonaws.com/a.pem",
            "https://sns.evil.example.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "https://sns.us-east-2.amazonaws.com:8443/a.pem",
            "https://u@sns.us-east-2.amazonaws.com/a.pem",
            "https://sns.cn-north-1.amazonaws.com/a.pem",
            "https://sns.cn-northwest-1.amazonaws.com.cn/a.pem",
        ] {
            assert!(ohio.of_sns(bad).is_none() && beijing.of_sns(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_topic_has_a_region_and_nothing_else_has() {
        assert_eq!(region_of("arn:aws:sns:eu-west-1:123456789012:ses-events"), Some("eu-west-1"));
        assert_eq!(
            region_of("arn:aws-us-gov:sns:us-gov-east-1:123456789012:x"),
            Some("us-gov-east-1")
        );
        for bad in [
            "",
            "arn:",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1::x",
            "arn:aws:sqs:eu-west-1:123456789012:x",
            "arn:aws:sns:EU-WEST-1:123456789012:x",
            "arn:aws:sns:evil.example/:123456789012:x",
            "arn:aws:sns:cn-north-1:123456789012:x",
            "arn:aws-cn:sns:eu-west-1:123456789012:x",
            "arn:aws:sns::123456789012:x",
        ] {
            assert_eq!(region_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_and_what_is_beside_the_fields_is_passed_over() {
        let twice = br#"{"Type":"Notification","Message":"a","Message":"b"}"#;
        assert!(Envelope::parse(twice).is_err());
        let deep = format!(
            "{{\"x\":{}{},\"Type\":\"Notification\",\"Message\":7}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(
            Envelope::parse(deep.as_bytes()).map(|envelope| envelope.message),
            Ok(String::new())
        );
        for body in ["", "{}", "[]", "null", "7", "{\"Type\":\"Other\"}", "[\"Notification\"]"] {
            assert!(Envelope::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
