//! Literal replies of SES, the requests that it expects, and credentials in the places where AWS's
//! tools store them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::provider::SecretSource;
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};
use crate::secret::Secret;

/// A separate environment for each test.
#[derive(Debug)]
struct Environment(BTreeMap<&'static str, String>);

impl SecretSource for Environment {
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<Secret> {
        let name = value.get("env").and_then(toml::Value::as_str).and_then(|name| self.0.get(name));
        name.map(Secret::new)
            .ok_or_else(|| crate::model::error::Error::usage(format!("{key}: not there")))
    }

    fn variable(&self, name: &str) -> Option<Secret> {
        self.0.get(name).map(Secret::new)
    }
}

fn connected(keys: &str, variables: &[(&'static str, &str)], home: &Path) -> Result<Ses, String> {
    let mut variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    variables.insert("HOME", home.display().to_string());
    let settings = ProviderSettings {
        secrets: Arc::new(Environment(variables)),
        ..settings(keys, &home.join(".mailbatch"))
    };
    Ses::new(&settings).map_err(|error| error.to_string())
}

fn id_of(ses: &Ses) -> String {
    ses.signer.at_hand().map(|credentials| credentials.access_key_id.clone()).unwrap_or_default()
}

const PAIR: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];

fn shared(home: &Path, credentials: &str, config: &str) {
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/credentials"), credentials).unwrap();
    std::fs::write(home.join(".aws/config"), config).unwrap();
}

const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key=hunter2\n\n[work]\naws_access_key_id=AKWORK\n\
                           aws_secret_access_key = hunter3\naws_session_token = hunter4==\n";
const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  region = nowhere\n[profile \"work\"]\nregion = us-east-2\noutput=json\n\
                      [profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n[profile half]\naws_access_key_id = AKHALF\n\
                      [profile plain]\naws_access_key_id = AKPLAIN\naws_secret_access_key = hunter5\n[profile sso]\nsso_session = s\n\
                      [profile program]\ncredential_process = pass show aws\n";

#[test]
fn credentials_are_found_in_the_order_of_awss_own_tools() {
    let home = tempfile::tempdir().unwrap();
    shared(home.path(), CREDENTIALS, CONFIG);
    let found = |keys: &str, variables: &[(&'static str, &str)]| {
        connected(keys, variables, home.path())
            .map(|ses| (id_of(&ses), ses.region.clone(), ses.host.clone()))
    };
    let is = |id: &str, region: &str| {
        Ok((id.to_owned(), region.to_owned(), format!("email.{region}.amazonaws.com")))
    };
    assert_eq!(found("", &[]), is("AKDEFAULT", "eu-west-1"));
    assert_eq!(found("", &PAIR), is("AKENV", "eu-west-1"));
    assert_eq!(
        found("region = \"eu-north-1\"", &[("AWS_PROFILE", "work")]),
        is("AKWORK", "eu-north-1")
    );
    assert_eq!(
        found("", &[("AWS_PROFILE", "work"), ("AWS_REGION", "eu-south-1")]),
        is("AKWORK", "eu-south-1")
    );
    assert_eq!(
        found("profile = \"work\"", &PAIR),
        is("AKWORK", "us-east-2"),
        "a profile that is asked for goes before the environment"
    );
    assert_eq!(
        found("profile = \"plain\"\nregion = \"us-east-1\"", &[]),
        is("AKPLAIN", "us-east-1")
    );
    let own =
        "access_key_id = \"AKOWN\"\nsecret_access_key = { env = \"MINE\" }\nregion = \"us-east-1\"";
    assert_eq!(found(own, &[PAIR[0], PAIR[1], ("MINE", "hunter6")]), is("AKOWN", "us-east-1"));
    let elsewhere = home.path().join(".aws/config").display().to_string();
    assert_eq!(
        found("profile = \"plain\"\nregion = \"us-east-1\"", &[("AWS_CONFIG_FILE", &elsewhere)]),
        is("AKPLAIN", "us-east-1")
    );
}

#[test]
fn what_is_not_found_or_not_built_is_said_and_no_value_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    shared(home.path(), CREDENTIALS, CONFIG);
    let region = "region = \"eu-west-1\"\n";
    for (keys, variables, home, says) in [
        (
            "profile = \"role\"",
            &[][..],
            home.path(),
            "[role] says role_arn, which is known, but not built yet",
        ),
        ("profile = \"sso\"", &[], home.path(), "says sso_session"),
        ("profile = \"program\"", &[], home.path(), "says credential_process"),
        ("profile = \"half\"", &[], home.path(), "[half]: there is no secret access key"),
        ("profile = \"nobody\"", &[], home.path(), "under [nobody] in"),
        (
            "",
            &[("AWS_EC2_METADATA_DISABLED", "true")],
            empty.path(),
            "no AWS credentials: not in the environment",
        ),
        (
            "",
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")],
            empty.path(),
            "AWS_WEB_IDENTITY_TOKEN_FILE is set",
        ),
        (
            "",
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/hunter2")],
            empty.path(),
            "FULL_URI names agent.example",
        ),
        (
            "",
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "hunter2")],
            empty.path(),
            "FULL_URI is not a URI",
        ),
        (
            "",
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "hunter2")],
            empty.path(),
            "METADATA_SERVICE_ENDPOINT is not a URL",
        ),
        ("", &PAIR[..1], empty.path(), "there is no secret access key"),
        (
            "",
            &[PAIR[0], ("AWS_SECRET_ACCESS_KEY", "hunter2 x")],
            empty.path(),
            "another character that no AWS key has",
        ),
        (
            "session_token = { env = \"AWS_ACCESS_KEY_ID\" }",
            &PAIR[..],
            empty.path(),
            "secret_access_key: missing",
        ),
        (
            "access_key_id = \"AK\"\nprofile = \"work\"",
            &PAIR[..],
            home.path(),
            "keep one of the two",
        ),
        ("options = { EmailTags = 3 }", &PAIR[..], empty.path(), "options.EmailTags: not a list"),
        (
            "options = { Content = 3 }",
            &PAIR[..],
            empty.path(),
            "options.Content: mailbatch writes this field itself",
        ),
        ("api_key = { env = \"X\" }", &PAIR[..], empty.path(), "unknown key `api_key`"),
    ] {
        let error = connected(&format!("{region}{keys}"), variables, home).err().expect(says);
        assert!(
            error.contains(says) && error.contains("hint:") && !error.contains("hunter"),
            "{error}"
        );
    }
    for (keys, says) in
        [("", "region: missing"), ("region = \"eu west\"", "not the name of a region")]
    {
        let error = connected(keys, &PAIR, empty.path()).err().expect(says);
        assert!(error.contains(says) && error.contains("hint:"), "{error}");
    }
}

#[test]
fn a_request_is_the_message_whole_with_its_tag_and_a_signature() {
    let home = tempfile::tempdir().unwrap();
    let keys = "region = \"us-east-1\"\nbase_url = \"http://127.0.0.1:27999\"\n\
                options = { ConfigurationSetName = \"bulk\", EmailTags = [{ Name = \"list\", Value = \"spring\" }] }";
    let variables = [
        PAIR[0],
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", "TOKEN"),
    ];
    let ses = connected(keys, &variables, home.path()).unwrap();
    let job = job(1, "ann@x.example", "Subject: Hi\r\n\r\nHi\r\n");
    let request = ses.request(&[&job], "key").unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "Destination": { "ToAddresses": ["ann@x.example"] },
            "Content": { "Raw": { "Data": "U3ViamVjdDogSGkNCg0KSGkNCg==" } },
            "EmailTags": [{ "Name": "list", "Value": "spring" }, { "Name": "mailbatch_id", "Value": "1.id" }],
            "ConfigurationSetName": "bulk",
        })
    );
    let credentials = ses.signer.at_hand().unwrap();
    let headers =
        ses.signed(&credentials, &request, "2026-11-21T08:39:36.9Z".parse().unwrap()).unwrap();
    assert_eq!(
        (&headers["x-amz-date"], &headers["x-amz-security-token"]),
        (&"20261121T083936Z".parse().unwrap(), &"TOKEN".parse().unwrap())
    );
    let authorization = headers[AUTHORIZATION].to_str().unwrap();
    let begins = "AWS4-HMAC-SHA256 Credential=AKENV/20261121/us-east-1/ses/aws4_request, \
                  SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(
        authorization.starts_with(begins) && headers.values().all(HeaderValue::is_sensitive),
        "{authorization}"
    );
    let other = Request { body: "{}".into(), ..request };
    assert_ne!(
        ses.signed(&credentials, &other, "2026-11-21T08:39:36Z".parse().unwrap()).unwrap()
            [AUTHORIZATION],
        headers[AUTHORIZATION]
    );
}

#[test]
fn a_local_part_that_is_not_ascii_is_refused_alone() {
    let home = tempfile::tempdir().unwrap();
    let ses = connected("region = \"us-east-1\"", &PAIR, home.path()).unwrap();
    let Err(Inexpressible(refusal)) = ses.request(&[&job(1, "zoë@x.example", "")], "key") else {
        panic!("SES would refuse it")
    };
    assert_eq!(refusal.reason, Reason::BadAddress);
    assert!(
        ses.request(&[&job(1, "zoe@zoë.example", "")], "key").is_ok(),
        "the domain has an ASCII form"
    );
}

#[test]
fn an_id_is_kept_and_success_that_cannot_be_read_is_doubt() {
    let job = job(1, "ann@x.example", "");
    let read = |body: &str| accepted(&[&job], &answer(200, &[], body));
    let Read::Each(verdicts) = read(r#"{"MessageId":"0100018f-000000"}"#) else {
        panic!("accepted")
    };
    assert!(
        matches!(&verdicts[..], [Verdict::Accepted { provider_id: Some(id), .. }] if id == "0100018f-000000")
    );
    for body in
        ["", "{}", "OK", r#"{"MessageId":""}"#, r#"{"MessageId":null}"#, r#"{"messageId":"x"}"#]
    {
        assert!(matches!(read(body), Read::Doubt(_)), "{body}");
    }
}

/// The verdict for `ann@x.example` after an error of this type.
fn failed(status: u16, kind: &str, message: &str) -> Read {
    let answer =
        answer(status, &[("x-amzn-errortype", kind)], &json!({ "message": message }).to_string());
    let Failure { name, message } = Failure::of(&answer);
    failure(&[&job(1, "ann@x.example", "")], &answer, &name, &message)
}

#[test]
fn failures_are_distinguished_by_type_whatever_their_status() {
    for (status, kind, message, reason) in [
        (400, "AccountSuspendedException", "account suspended", Reason::Policy),
        (400, "SendingPausedException", "Sending paused for this account.", Reason::Policy),
        (400, "MailFromDomainNotVerifiedException", "", Reason::Policy),
        (404, "NotFoundException", "Configuration set <bulk> does not exist.", Reason::Policy),
        (
            403,
            "AccessDeniedException",
            "User is not authorized to perform ses:SendEmail",
            Reason::Auth,
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            Reason::Auth,
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20261121T080000Z is now earlier than 20261121T083000Z",
            Reason::Auth,
        ),
        (400, "IncompleteSignature", "", Reason::Auth),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            Reason::Auth,
        ),
        (403, "OptInRequired", "", Reason::Auth),
        (403, "", "", Reason::Auth),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Reason::Cap),
        (400, "ThrottlingException", "Daily message quota exceeded", Reason::Cap),
        (400, "LimitExceededException", "too many", Reason::Cap),
        (404, "UnknownOperationException", "", Reason::Session),
    ] {
        assert!(
            matches!(failed(status, kind, message), Read::Stop(refusal) if refusal.reason == reason),
            "{kind}"
        );
    }
    for (status, kind) in [
        (400, "ThrottlingException"),
        (429, "TooManyRequestsException"),
        (429, ""),
        (400, "LimitExceededException"),
    ] {
        let read = failed(status, kind, "Maximum sending rate exceeded.");
        assert!(
            matches!(read, Read::Again { refusal, .. } if refusal.reason == Reason::Rate),
            "{kind}"
        );
    }
    for (status, kind) in [
        (500, "InternalFailure"),
        (500, ""),
        (502, ""),
        (503, ""),
        (504, ""),
        (408, "RequestTimeoutException"),
    ] {
        assert!(matches!(failed(status, kind, ""), Read::Doubt(_)), "{status} {kind}");
    }
    assert!(
        matches!(failed(503, "ServiceUnavailable", ""), Read::Again { refusal, .. } if refusal.reason != Reason::Rate)
    );
    assert!(
        matches!(failed(413, "RequestEntityTooLargeException", ""), Read::Unnamed(refusal) if refusal.reason == Reason::Content)
    );
    assert!(
        matches!(failed(400, "BadRequestException", "Missing final '@domain'"), Read::Unnamed(r) if r.reason == Reason::BadAddress)
    );
    assert!(
        matches!(failed(400, "ValidationError", "unexpected"), Read::Unnamed(refusal) if refusal.reason == Reason::Content)
    );
}

#[test]
fn who_is_not_verified_is_the_sender_or_the_recipient_alone() {
    let read = |who: &str| {
        failed(
            400,
            "MessageRejected",
            &format!(
                "Email address is not verified. The following identities failed the check in region EU-WEST-1: {who}"
            ),
        )
    };
    assert!(matches!(read("Ann@x.example"), Read::Unnamed(_)));
    for who in ["news@acme.example", "ann@x.example, Acme <news@acme.example>", "acme.example"] {
        assert!(matches!(read(who), Read::Stop(_)), "{who}");
    }
    assert!(matches!(
        failed(
            400,
            "MessageRejected",
            "Did not have authority to send from email news@mailbatch.example"
        ),
        Read::Stop(_)
    ));
    assert!(
        matches!(failed(400, "MessageRejected", "Bad content"), Read::Unnamed(refusal) if refusal.reason == Reason::Policy)
    );
}

#[test]
fn the_type_of_an_error_is_found_wherever_it_stands() {
    let name = |header: &str, body: &str| {
        Failure::of(&answer(400, &[("x-amzn-errortype", header)], body)).name
    };
    assert_eq!(name("ThrottlingException:http://internal.amazon.com/coral/", "{}"), "Throttling");
    assert_eq!(
        name("", r#"{"__type":"com.amazonaws.ses#ThrottlingException","message":"x"}"#),
        "Throttling"
    );
    assert_eq!(name("", r#"{"code":"Throttling","Message":"x"}"#), "Throttling");
    assert_eq!(Failure::of(&answer(400, &[], r#"{"Message":"words"}"#)).message, "words");
    assert_eq!(name("", "<html>"), "");
}

#[test]
fn credentials_that_expired_are_read_again_once_they_are_new() {
    let home = tempfile::tempdir().unwrap();
    let files = |id: &str| {
        shared(
            home.path(),
            &format!(
                "[default]\naws_access_key_id={id}\naws_secret_access_key=x\naws_session_token=y\n"
            ),
            "",
        )
    };
    files("AKOLD");
    let ses = connected("region = \"us-east-1\"", &[], home.path()).unwrap();
    let job = job(1, "ann@x.example", "");
    let signed = |key: &str, mut answer: Answer| {
        answer.authorization =
            Some(format!("AWS4-HMAC-SHA256 Credential={key}/20261121").parse().unwrap());
        ses.read(&[&job], &answer)
    };
    let expired = |key: &str| {
        signed(
            key,
            answer(
                403,
                &[("x-amzn-errortype", "ExpiredTokenException")],
                r#"{"message":"expired"}"#,
            ),
        )
    };
    let taken = |key: &str| signed(key, answer(200, &[], r#"{"MessageId":"x"}"#));
    assert!(
        matches!(expired("AKOLD"), Read::Stop(refusal) if refusal.reason == Reason::Auth),
        "nothing newer is there"
    );
    files("AKNEW");
    assert!(matches!(expired("AKOLD"), Read::Again { .. }));
    assert_eq!(id_of(&ses), "AKNEW");
    assert!(matches!(expired("AKOLD"), Read::Again { .. }), "an answer to what was signed before");
    // If newer credentials have expired as well, their age is not the cause, whatever replies
    // arrived meanwhile for the old ones.
    files("AKNEWER");
    assert!(matches!(taken("AKOLD"), Read::Each(_)));
    assert!(matches!(expired("AKNEW"), Read::Stop(refusal) if refusal.reason == Reason::Auth));
    assert_eq!(id_of(&ses), "AKNEW");
    // Credentials that have worked since may have expired.
    assert!(matches!(taken("AKNEW"), Read::Each(_)));
    assert!(matches!(expired("AKNEW"), Read::Again { .. }));
    assert_eq!(id_of(&ses), "AKNEWER");
    let fixed = connected("region = \"us-east-1\"", &PAIR, home.path()).unwrap();
    assert!(!fixed.signer.renew(None, &fixed.http), "the environment of a process does not change");
}
