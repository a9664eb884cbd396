use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::*;
use crate::dkim::key::tests as keys;
use crate::secret::Secret;

/// The message of RFC 8463 appendix A.
const LOST_THE_GAME: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
const BODY_HASH: &str = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";

fn signer(pem: &str) -> Signer {
    let key = Key::parse(&Secret::new(pem)).unwrap();
    Signer::new("acme.example".into(), "spring".into(), key)
}

fn signed(pems: &[&str], message: &str) -> String {
    let signers = Signers(pems.iter().map(|pem| signer(pem)).collect());
    let mut bytes = message.as_bytes().to_vec();
    signers.sign(&mut bytes, 1_528_637_909).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Returns the value of a tag in a signature, without white space.
fn tag(header: &str, name: &str) -> String {
    let value = header.split_once(':').unwrap().1;
    let tags = value.split(';').map(|tag| tag.split_once('=').unwrap());
    let found = tags.into_iter().find(|(tag, _)| tag.trim() == name).unwrap().1;
    found.split_whitespace().collect()
}

/// Returns the data signed by `header` in a message with these fields, computed from `h=` as a
/// verifier does.
fn verified_data(fields: &[&[u8]], header: &str) -> Vec<u8> {
    let mut data = Vec::new();
    let mut left: Vec<&[u8]> = fields.to_vec();
    for name in tag(header, "h").split(':') {
        let is_it = |field: &&[u8]| canonical::name_of(field).eq_ignore_ascii_case(name.as_bytes());
        if let Some(at) = left.iter().rposition(is_it) {
            canonical::push_header(&mut data, left.remove(at));
            data.extend_from_slice(b"\r\n");
        }
    }
    let end = header.rfind("b=").unwrap() + 2;
    canonical::push_header(&mut data, &header.as_bytes()[..end]);
    data
}

#[test]
fn the_ed25519_example_of_rfc_8463_is_made_again_byte_for_byte() {
    // Appendix A.1 gives only the secret. These bytes precede the secret in PKCS#8 (RFC 8410).
    let secret = BASE64_STANDARD.decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").unwrap();
    let info =
        [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", &secret[..]].concat();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(info)
    );
    let key = Key::parse(&Secret::new(pem)).unwrap();
    assert_eq!(key.record(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    let (fields, body) = canonical::split(LOST_THE_GAME.as_bytes());
    assert_eq!(BASE64_STANDARD.encode(canonical::body_hash(body)), BODY_HASH);
    let header = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
        d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
        subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    let signature = key.sign(&verified_data(&fields, header)).unwrap();
    assert_eq!(
        BASE64_STANDARD.encode(signature),
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    );
}

#[test]
fn two_keys_sign_together_and_both_verify() {
    let mail = signed(&[keys::RSA, keys::ED25519], LOST_THE_GAME);
    assert!(mail.ends_with(LOST_THE_GAME));
    let (all, body) = canonical::split(mail.as_bytes());
    let (signatures, fields) = all.split_at(2);
    for (signature, expected) in signatures.iter().zip(["rsa-sha256", "ed25519-sha256"]) {
        let header = std::str::from_utf8(signature).unwrap();
        assert!(header.starts_with("DKIM-Signature: v=1; "));
        assert!(header.split("\r\n").all(|line| line.len() <= 78), "{header}");
        let tags = ["a", "c", "d", "s", "t", "bh"].map(|name| tag(header, name));
        let hash = BASE64_STANDARD.encode(canonical::body_hash(body));
        let others = ["relaxed/relaxed", "acme.example", "spring", "1528637909"];
        assert_eq!(tags, [&[expected][..], &others, &[&*hash]].concat()[..]);
        assert!(!header.contains("l="));
        let value = BASE64_STANDARD.decode(tag(header, "b")).unwrap();
        let data = verified_data(fields, header);
        match Key::parse(&Secret::new(if expected.starts_with("rsa") {
            keys::RSA
        } else {
            keys::ED25519
        }))
        .unwrap()
        {
            Key::Rsa(pair) => {
                use ring::signature::KeyPair as _;
                let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
                public.verify(&data, &value).unwrap();
            }
            Key::Ed25519(pair) => {
                use ring::signature::KeyPair as _;
                let hash = ring::digest::digest(&ring::digest::SHA256, &data);
                UnparsedPublicKey::new(&ED25519, pair.public_key())
                    .verify(hash.as_ref(), &value)
                    .unwrap();
            }
        }
    }
}

#[test]
fn headers_are_signed_from_the_lowest_on_and_those_that_matter_once_more() {
    let mail = "Received: by a\r\nfrom: a@acme.example\r\nTo: b@x.example\r\nX-Job: 7\r\n\
        List-Id: a\r\nSubject: one\r\nFeedback-ID: f\r\nSubject: two\r\nMIME-Version: 1.0\r\n\r\nhi\r\n";
    let mail = signed(&[keys::ED25519], mail);
    let (all, _) = canonical::split(mail.as_bytes());
    let header = std::str::from_utf8(all[0]).unwrap();
    assert_eq!(
        tag(header, "h"),
        "MIME-Version:Subject:Feedback-ID:Subject:List-Id:To:from:From:To:Subject:Date:List-Unsubscribe:List-Unsubscribe-Post"
    );
    let data = String::from_utf8(verified_data(&all[1..], header)).unwrap();
    assert!(
        data.starts_with("mime-version:1.0\r\nsubject:two\r\nfeedback-id:f\r\nsubject:one\r\n")
    );
}

#[test]
fn what_the_wire_would_make_of_bare_line_ends_is_signed() {
    let mail = signed(&[keys::ED25519], "From: a@acme.example\nSubject: x\r\n\r\none\rtwo\n");
    assert!(mail.ends_with("From: a@acme.example\r\nSubject: x\r\n\r\none\r\ntwo\r\n"));
    let again =
        signed(&[keys::ED25519], "From: a@acme.example\r\nSubject: x\r\n\r\none\r\ntwo\r\n");
    assert_eq!(mail, again, "the same message at the same time has the same signature");
}

#[test]
fn odd_messages_are_signed_all_the_same() {
    for message in
        ["", "\r\n\r\n", "From: a@x.example", ": \r\nno colon\r\n\r\n", "\u{e9}\r\n\r\n\u{e9}"]
    {
        assert!(signed(&[keys::ED25519], message).starts_with("DKIM-Signature: "));
    }
}
