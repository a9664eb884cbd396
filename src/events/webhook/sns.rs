//! The envelope in which Amazon SNS delivers, and its signature.
//!
//! Documentation: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>. Anybody can make SNS sign a message from a
//! topic of their own, so the topic has to be the one that is configured. The certificate comes from an address inside the envelope; it is
//! fetched over TLS from SNS alone, is issued to SNS, and is valid.

use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey};
use serde_json::Value;
use url::Url;

use super::Refusal;
use super::certificate::Certificate;
use super::reading::{object, text};
use super::scheme::within;
use crate::base64;

/// How old a notification may be: SNS delivers a message to an endpoint again for an hour, with the time of its publication.
const PATIENCE: SignedDuration = SignedDuration::from_mins(65);

/// Whom the certificate has to be issued to.
const SIGNER: &str = "sns.amazonaws.com";

/// What SNS wants with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Notification,
    /// The topic asks whether it may deliver here: the address in the envelope has to be visited.
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// A message of SNS, its signature not looked at.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub purpose: Purpose,
    /// The same in each delivery of a message.
    pub id: String,
    /// The ARN of the topic.
    pub topic: String,
    pub message: String,
    fields: Value,
}

impl Envelope {
    /// Reads an envelope. Errs with what is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let fields = object(body)?;
        let purpose = match text(&fields, "/Type").as_str() {
            "Notification" => Purpose::Notification,
            "SubscriptionConfirmation" => Purpose::SubscriptionConfirmation,
            "UnsubscribeConfirmation" => Purpose::UnsubscribeConfirmation,
            _ => return Err("the body is no message of SNS; raw message delivery has to be off".to_owned()),
        };
        let field = |name: &str| text(&fields, &format!("/{name}"));
        Ok(Self { purpose, id: field("MessageId"), topic: field("TopicArn"), message: field("Message"), fields })
    }

    /// When it was published.
    pub fn time(&self) -> Option<Timestamp> {
        text(&self.fields, "/Timestamp").parse().ok()
    }

    /// Where its certificate is: a file at the top, as AWS has them, and nothing that would give one file many addresses.
    pub fn certificate_url(&self) -> Result<Url, Refusal> {
        let url = Some(text(&self.fields, "/SigningCertURL")).filter(|url| !url.is_empty()).unwrap_or_else(|| text(&self.fields, "/SigningCertUrl"));
        let url = of_sns(&url).ok_or_else(|| Refusal::Foreign("SigningCertURL is not an address of Amazon SNS".to_owned()))?;
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let is_file = url.path().strip_prefix('/').and_then(|path| path.strip_suffix(".pem")).is_some_and(is_name);
        if is_file && url.query().is_none() && url.fragment().is_none() {
            return Ok(url);
        }
        Err(Refusal::Foreign("SigningCertURL is not the address of a certificate".to_owned()))
    }

    /// The address that confirms the subscription.
    pub fn subscribe_url(&self) -> Result<Url, Refusal> {
        of_sns(&text(&self.fields, "/SubscribeURL")).ok_or_else(|| Refusal::Foreign("SubscribeURL is not an address of Amazon SNS".to_owned()))
    }

    /// Whether it is signed by the certificate `pem`, comes from `topic`, and is recent.
    pub fn verify(&self, pem: &[u8], topic: &str, now: Timestamp) -> Result<(), Refusal> {
        let certificate = Certificate::parse(pem).map_err(|why| Refusal::Foreign(format!("the certificate of SNS {why}")))?;
        certificate.check(SIGNER, now).map_err(|why| Refusal::Foreign(format!("the certificate of SNS {why}")))?;
        let how: &RsaParameters = match text(&self.fields, "/SignatureVersion").as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Refusal::Unsigned("SignatureVersion 1 or 2")),
        };
        let signature =
            base64::decode(&text(&self.fields, "/Signature")).filter(|octets| !octets.is_empty()).ok_or(Refusal::Unsigned("Signature"))?;
        let key = UnparsedPublicKey::new(how, &certificate.public_key);
        // Whether the token is signed when a subscription ends is told both ways.
        let fits = self.signed().iter().any(|text| key.verify(text.as_bytes(), &signature).is_ok());
        if !fits {
            return Err(Refusal::Foreign("the signature does not fit the message".to_owned()));
        }
        if self.topic != topic {
            return Err(Refusal::Foreign(format!("it comes from the topic {}, and webhook_topic is another one", self.topic)));
        }
        within(self.time().ok_or(Refusal::Unsigned("Timestamp"))?, now, PATIENCE)
    }

    /// What may have been signed.
    fn signed(&self) -> Vec<String> {
        let of = |names: &[&str]| {
            let present = names.iter().filter_map(|name| Some((name, self.fields.get(*name)?.as_str()?)));
            present.map(|(name, value)| format!("{name}\n{value}\n")).collect()
        };
        match self.purpose {
            Purpose::Notification => vec![of(&["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])],
            Purpose::SubscriptionConfirmation => vec![of(&["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"])],
            Purpose::UnsubscribeConfirmation => vec![
                of(&["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]),
                of(&["Message", "MessageId", "SubscribeURL", "Timestamp", "TopicArn", "Type"]),
            ],
        }
    }
}

/// An https address of SNS in one of its regions, on the usual port.
fn of_sns(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let region = host.strip_prefix("sns.")?;
    let region = region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
    let is_region = region.len() >= 3 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none();
    (is_region && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::of_sns;

    #[test]
    fn only_addresses_of_sns_are_visited() {
        for good in ["https://sns.us-east-2.amazonaws.com/a.pem", "https://sns.cn-north-1.amazonaws.com.cn/a.pem"] {
            assert!(of_sns(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "http://sns.us-east-2.amazonaws.com/a.pem",
            "https://sns.us-east-2.amazonaws.com.evil.example/a.pem",
            "https://sns.us-east-2.amazonaws.com@evil.example/a.pem",
            "https://evil.example/sns.us-east-2.amazonaws.com/a.pem",
            "https://sns.evil.example.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "https://sns.us-east-2.amazonaws.com:8443/a.pem",
            "https://u@sns.us-east-2.amazonaws.com/a.pem",
        ] {
            assert!(of_sns(bad).is_none(), "{bad}");
        }
    }
}
