//! Contains signatures from the tests of the providers' own libraries. Each signature verifies, and
//! none verifies after one byte is changed.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use super::Refusal;
use crate::provider::ses::sns::Envelope;
use crate::provider::ses::sns::authority::Authority;
use crate::provider::ses::sns::certificate::Certificate;
use crate::provider::table::webhook;
use crate::secret::Secret;

/// Copied from sendgrid/sendgrid-nodejs, packages/eventwebhook/src/eventwebhook.spec.js.
const SENDGRID: &str = include_str!("../../../tests/fixtures/webhooks/sendgrid.json");
/// Copied from aws/aws-php-sns-message-validator, tests/FunctionalValidationsTest.php. The
/// certificate file also contains the issuer's certificate.
const SNS: &str = include_str!("../../../tests/fixtures/webhooks/sns.json");
const SNS_CERTIFICATE: &str = include_str!("../../../tests/fixtures/webhooks/sns.pem");

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn verify(
    kind: &str,
    secret: &str,
    all: &[(&'static str, &str)],
    body: &[u8],
    now: i64,
) -> Result<(), Refusal> {
    webhook(kind).unwrap().verify.unwrap()(&Secret::new(secret), &headers(all), body, at(now))
}

/// Returns the text with the byte at `place` replaced by another valid one.
fn changed(text: &str, place: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    // Hexadecimal digits have the same meaning in either case, so a change of case alone would
    // change nothing.
    bytes[place] = if bytes[place].eq_ignore_ascii_case(&b'A') { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

/// Returns every position in a short text, and every seventh position in a long one.
fn places(text: &str) -> impl Iterator<Item = usize> {
    let step = if text.len() > 200 { 7 } else { 1 };
    let ascii: Vec<usize> =
        text.char_indices().filter(|(_, c)| c.is_ascii() && *c != '=').map(|(at, _)| at).collect();
    ascii.into_iter().step_by(step)
}

#[test]
fn sendgrids_vectors_verify_and_with_one_byte_changed_they_do_not() {
    const NAMES: [&str; 2] =
        ["x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"];
    let vectors: Vec<Value> = serde_json::from_str(SENDGRID).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let [key, signature, time, body] =
            ["key", "signature", "timestamp", "body"].map(|field| vector[field].as_str().unwrap());
        let now: i64 = time.parse().unwrap();
        let check = |key: &str, signature: &str, time: &str, body: &str, now| {
            verify(
                "sendgrid",
                key,
                &[(NAMES[0], signature), (NAMES[1], time)],
                body.as_bytes(),
                now,
            )
        };
        assert_eq!(check(key, signature, time, body, now), Ok(()));
        let armoured = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n",
            &key[..64],
            &key[64..]
        );
        assert_eq!(check(&armoured, signature, time, body, now), Ok(()));
        for place in places(key) {
            assert!(
                check(&changed(key, place), signature, time, body, now).is_err(),
                "key, {place}"
            );
        }
        for place in places(signature) {
            assert!(
                check(key, &changed(signature, place), time, body, now).is_err(),
                "signature, {place}"
            );
        }
        for place in places(body) {
            assert_eq!(
                check(key, signature, time, &changed(body, place), now),
                Err(Refusal::Wrong),
                "body, {place}"
            );
        }
        let other = (now + 1).to_string();
        assert_eq!(check(key, signature, &other, body, now), Err(Refusal::Wrong));
        assert_eq!(
            check(key, signature, time, body.trim_end(), now),
            Err(Refusal::Wrong),
            "the line end is signed"
        );
        assert!(matches!(check(key, signature, time, body, now + 301), Err(Refusal::Stale(..))));
        assert!(matches!(check(key, signature, time, body, now - 3600), Err(Refusal::Stale(..))));
        assert_eq!(check(key, signature, time, body, now + 299), Ok(()));
    }
}

/// The test vector is from svix/svix-webhooks, python/tests/test_webhooks.py. The tests of the
/// other languages use the same one.
#[test]
fn svixs_vector_verifies_and_with_one_byte_changed_it_does_not() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const NOW: i64 = 1_614_265_330;
    let check = |names: [&'static str; 3],
                 secret: &str,
                 id: &str,
                 signature: &str,
                 body: &str,
                 now: i64| {
        verify(
            "resend",
            secret,
            &[(names[0], id), (names[1], "1614265330"), (names[2], signature)],
            body.as_bytes(),
            now,
        )
    };
    for names in [
        ["svix-id", "svix-timestamp", "svix-signature"],
        ["webhook-id", "webhook-timestamp", "webhook-signature"],
    ] {
        let ok = |secret: &str, id: &str, signature: &str, body: &str, now| {
            check(names, secret, id, signature, body, now)
        };
        assert_eq!(ok(SECRET, ID, SIGNATURE, BODY, NOW), Ok(()));
        assert_eq!(ok(&SECRET[6..], ID, SIGNATURE, BODY, NOW), Ok(()));
        let near = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=";
        assert_eq!(ok(SECRET, ID, near, BODY, NOW), Err(Refusal::Wrong));
        assert_eq!(
            ok(SECRET, ID, &format!("{near} v2,{} {SIGNATURE} v1,", &SIGNATURE[3..]), BODY, NOW),
            Ok(())
        );
        // A header with a thousand signatures must not cause a thousand computations.
        let behind = |count: usize| format!("{}{SIGNATURE}", format!("{near} ").repeat(count));
        assert_eq!(
            (ok(SECRET, ID, &behind(7), BODY, NOW), ok(SECRET, ID, &behind(8), BODY, NOW)),
            (Ok(()), Err(Refusal::Wrong))
        );
        for unversioned in
            [&SIGNATURE[3..], "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,", "v1", " "]
        {
            assert_eq!(
                ok(SECRET, ID, unversioned, BODY, NOW),
                Err(Refusal::Wrong),
                "{unversioned}"
            );
        }
        for place in places(BODY) {
            assert_eq!(ok(SECRET, ID, SIGNATURE, &changed(BODY, place), NOW), Err(Refusal::Wrong));
        }
        for place in places(ID) {
            assert_eq!(ok(SECRET, &changed(ID, place), SIGNATURE, BODY, NOW), Err(Refusal::Wrong));
        }
        for place in places(SIGNATURE) {
            assert!(ok(SECRET, ID, &changed(SIGNATURE, place), BODY, NOW).is_err(), "{place}");
        }
        for place in 6..SECRET.len() {
            assert!(ok(&changed(SECRET, place), ID, SIGNATURE, BODY, NOW).is_err(), "{place}");
        }
        for late in [NOW + 301, NOW - 301, NOW + 3600, NOW - 3600] {
            assert!(matches!(ok(SECRET, ID, SIGNATURE, BODY, late), Err(Refusal::Stale(..))));
        }
        assert!(matches!(ok("not base64!", ID, SIGNATURE, BODY, NOW), Err(Refusal::Secret(_))));
    }
    assert_eq!(
        verify("bird", SECRET, &[("webhook-id", ID)], BODY.as_bytes(), NOW),
        Err(Refusal::Unsigned("webhook-timestamp"))
    );
}

#[test]
fn the_vectors_of_snss_validator_verify_and_with_one_byte_changed_they_do_not() {
    let messages: Vec<Value> = serde_json::from_str(SNS).unwrap();
    let versions: Vec<&str> =
        messages.iter().map(|message| message["SignatureVersion"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1", "2", "1", "2"]);
    let (certificate, authority) =
        (Certificate::parse(SNS_CERTIFICATE.as_bytes()).unwrap(), Authority::amazon());
    for message in messages {
        let topic = message["TopicArn"].as_str().unwrap();
        let time: Timestamp = message["Timestamp"].as_str().unwrap().parse().unwrap();
        let check = |message: &Value, topic: &str, now: Timestamp| {
            Envelope::parse(message.to_string().as_bytes()).unwrap().verify(
                &certificate,
                &authority,
                topic,
                now,
            )
        };
        assert_eq!(check(&message, topic, time), Ok(()));
        assert!(Envelope::parse(message.to_string().as_bytes()).unwrap().certificate_url().is_ok());
        for field in ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Signature"] {
            let Some(text) = message[field].as_str() else { continue };
            for place in places(text) {
                let mut other = message.clone();
                other[field] = changed(text, place).into();
                assert!(
                    check(&other, other["TopicArn"].as_str().unwrap(), time).is_err(),
                    "{field}, {place}"
                );
            }
        }
        let mut other = message.clone();
        other["SignatureVersion"] =
            (if message["SignatureVersion"] == "1" { "2" } else { "1" }).into();
        assert!(check(&other, topic, time).is_err());
        other["SignatureVersion"] = "3".into();
        assert!(check(&other, topic, time).is_err());
        assert!(
            matches!(
                check(&message, "arn:aws:sns:us-east-2:295079676684:mine", time),
                Err(Refusal::Foreign(_))
            ),
            "a topic of another account"
        );
        let hours = |hours: i64| time + jiff::SignedDuration::from_hours(hours);
        assert_eq!(check(&message, topic, hours(1)), Ok(()), "SNS delivers again for an hour");
        assert!(matches!(check(&message, topic, hours(2)), Err(Refusal::Stale(..))));
        let said = check(&message, topic, hours(2)).expect_err("it is too old").to_string();
        assert!(said.contains("3900 s are allowed"), "{said}");
        assert!(matches!(check(&message, topic, hours(-1)), Err(Refusal::Stale(..))));
        let mut late = message.clone();
        late["Timestamp"] = "2022-08-18T00:00:00Z".into();
        assert!(
            check(&late, topic, "2022-08-18T00:00:00Z".parse().unwrap())
                .unwrap_err()
                .to_string()
                .contains("not valid at this time")
        );
    }
}

/// Verifies signatures of Mailgun's documented scheme. Mailgun publishes no example, so this
/// signature was computed by an independent implementation of HMAC.
#[test]
fn mailguns_drins_and_emitlos_signatures_verify_and_with_one_byte_changed_they_do_not() {
    // The signature was computed by: printf %s
    // 1534108637651869375b9df3c98fc15c4889b102119add1235c38fc92824 | openssl dgst -sha256 -hmac
    // TEST_WEBHOOK_SIGNING_KEY
    let body = |token: &str, signature: &str| {
        format!(
            r#"{{"signature":{{"timestamp":"1534108637","token":"{token}","signature":"{signature}"}},"event-data":{{"event":"opened"}}}}"#
        )
    };
    const TOKEN: &str = "651869375b9df3c98fc15c4889b102119add1235c38fc92824";
    const TAG: &str = "2a75affe24846ead9e37e614a5e7643a04abf4d5b49b34d224ede9af23a00ccc";
    let check = |key: &str, token: &str, tag: &str| {
        verify("mailgun", key, &[], body(token, tag).as_bytes(), 1_534_108_637)
    };
    assert_eq!(check("TEST_WEBHOOK_SIGNING_KEY", TOKEN, TAG), Ok(()));
    assert_eq!(check("TEST_WEBHOOK_SIGNING_KEX", TOKEN, TAG), Err(Refusal::Wrong));
    assert!(places(TOKEN).all(|place| check(
        "TEST_WEBHOOK_SIGNING_KEY",
        &changed(TOKEN, place),
        TAG
    ) == Err(Refusal::Wrong)));
    assert!(places(TAG).all(|place| check(
        "TEST_WEBHOOK_SIGNING_KEY",
        TOKEN,
        &changed(TAG, place)
    ) == Err(Refusal::Wrong)));
    let late = verify(
        "mailgun",
        "TEST_WEBHOOK_SIGNING_KEY",
        &[],
        body(TOKEN, TAG).as_bytes(),
        1_534_108_637 + 301,
    );
    assert!(matches!(late, Err(Refusal::Stale(..))));
    for unsigned in ["", "{}", "[]", "{\"signature\":7}", "\u{0}"] {
        assert_eq!(
            verify("mailgun", "k", &[], unsigned.as_bytes(), 0),
            Err(Refusal::Unsigned("signature in the body"))
        );
    }

    // The signature was computed by: printf %s '1534108637.{"id":"evt_1"}' | openssl dgst -sha256
    // -hmac whsec_abc
    const DRIN: &str =
        "t=1534108637,v1=d2029a13ae0b5b4aa1908e33946f2cf029cd5ff74d7f8ccb1037a4ef7c9413e3";
    let check = |header: &str, body: &str, now| {
        verify("drin", "whsec_abc", &[("drin-signature", header)], body.as_bytes(), now)
    };
    assert_eq!(check(DRIN, r#"{"id":"evt_1"}"#, 1_534_108_600), Ok(()));
    assert_eq!(check(DRIN, r#"{"id":"evt_2"}"#, 1_534_108_600), Err(Refusal::Wrong));
    assert!(
        places(DRIN)
            .all(|place| check(&changed(DRIN, place), r#"{"id":"evt_1"}"#, 1_534_108_600).is_err())
    );
    assert!(matches!(check(DRIN, r#"{"id":"evt_1"}"#, 1_534_112_237), Err(Refusal::Stale(..))));

    // The signature was computed by: printf %s '{"event_type":"opened"}' | openssl dgst -sha256
    // -hmac shared
    const EMITLO: &str = "sha256=bba4d8e9388b29f4b93563cd0691c991a84e9ff8e3779ede68220eddec3be738";
    let check = |header: &str, body: &str| {
        verify("emitlo", "shared", &[("x-emitlo-signature", header)], body.as_bytes(), 0)
    };
    assert_eq!(check(EMITLO, r#"{"event_type":"opened"}"#), Ok(()));
    assert_eq!(check(EMITLO, r#"{"event_type":"opener"}"#), Err(Refusal::Wrong));
    assert!(
        places(EMITLO)
            .all(|place| check(&changed(EMITLO, place), r#"{"event_type":"opened"}"#).is_err())
    );
}

#[test]
fn postmarks_credentials_are_compared_whole() {
    let check = |secret: &str, given: &str| {
        verify("postmark", secret, &[("authorization", given)], b"{}", 0)
    };
    // The credentials were encoded by: printf user:password | base64
    assert_eq!(check("user:password", "Basic dXNlcjpwYXNzd29yZA=="), Ok(()));
    assert_eq!(check("user:password", "basic dXNlcjpwYXNzd29yZA=="), Ok(()));
    for wrong in [
        "Basic dXNlcjpwYXNzd29yZQ==",
        "Basic dXNlcjo=",
        "Basic ",
        "Bearer dXNlcjpwYXNzd29yZA==",
        "Basic !",
        "x",
    ] {
        assert_eq!(check("user:password", wrong), Err(Refusal::Wrong), "{wrong}");
    }
    assert!(matches!(check("password", "Basic cGFzc3dvcmQ="), Err(Refusal::Secret(_))));
    assert_eq!(verify("postmark", "u:p", &[], b"{}", 0), Err(Refusal::Unsigned("authorization")));
}
