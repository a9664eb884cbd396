//! SES's side of the contract, and what only SES has: signatures, and credentials that AWS's own
//! tools keep.

use std::collections::BTreeMap;

use mail_parser::MessageParser;
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::contract::{Contract, KEY, Mail, text};
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::lists;

pub(super) const CONTRACT: Contract = Contract {
    kind: "ses",
    path: "/v2/email/outbound-bulk-emails",
    auth: ("x-amz-security-token", ""),
    per_request: 50,
    key_header: None,
    mails,
    answer,
    breach,
    refused: |what| failure(400, "BadRequestException", what),
    max_bytes: 40_000_000,
    tells_suppressed: false,
    remembers_refusals: false,
    unauthorized: || {
        failure(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    },
    throttled: || failure(400, "ThrottlingException", "Maximum sending rate exceeded."),
    failed: || {
        failure(
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error.",
        )
    },
    status_taken: 200,
};

/// Where a message goes that shares no request.
pub(super) const ALONE: &str = "/v2/email/outbound-emails";

const SHAPE: Shape = Shape::Object(&[
    Field("FromEmailAddress", Must, Shape::Mailbox),
    Field("ReplyToAddresses", May, Shape::List(1, 50, &Shape::Mailbox)),
    Field(
        "DefaultContent",
        Must,
        Shape::Object(&[Field("Template", Must, Shape::Object(TEMPLATE))]),
    ),
    Field("BulkEmailEntries", Must, Shape::List(1, 50, &Shape::Object(ENTRY))),
    Field("ConfigurationSetName", May, Shape::Filled(256)),
]);
const TEMPLATE: &[Field] = &[
    Field("TemplateContent", Must, Shape::Object(CONTENT)),
    Field("TemplateData", May, Shape::Filled(262_144)),
    Field("Attachments", May, Shape::List(1, 100, &Shape::Object(FILE))),
];
const CONTENT: &[Field] = &[
    Field("Subject", Must, Shape::Filled(usize::MAX)),
    Field("Text", OneOfThese, Shape::Filled(usize::MAX)),
    Field("Html", OneOfThese, Shape::Filled(usize::MAX)),
];
const FILE: &[Field] = &[
    Field("FileName", Must, Shape::Filled(255)),
    Field("RawContent", Must, Shape::Filled(usize::MAX)),
    Field("ContentType", May, Shape::Filled(78)),
    Field("ContentDisposition", May, Shape::OneOf(&["ATTACHMENT", "INLINE"])),
    Field(
        "ContentTransferEncoding",
        May,
        Shape::OneOf(&["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT"]),
    ),
];
const ENTRY: &[Field] = &[
    Field(
        "Destination",
        Must,
        Shape::Object(&[Field("ToAddresses", Must, Shape::List(1, 1, &Shape::Mailbox))]),
    ),
    Field(
        "ReplacementEmailContent",
        May,
        Shape::Object(&[Field("ReplacementTemplate", Must, Shape::Object(DATA))]),
    ),
    Field("ReplacementTags", May, Shape::List(1, 50, &Shape::Object(TAG))),
    Field("ReplacementHeaders", May, Shape::List(1, 15, &Shape::Object(HEADER))),
];
const DATA: &[Field] = &[Field("ReplacementTemplateData", Must, Shape::Filled(262_144))];
const HEADER: &[Field] =
    &[Field("Name", Must, Shape::Filled(126)), Field("Value", Must, Shape::Filled(995))];
const SHAPE_ALONE: Shape = Shape::Object(&[
    Field(
        "Destination",
        Must,
        Shape::Object(&[Field("ToAddresses", Must, Shape::List(1, 50, &Shape::Mailbox))]),
    ),
    Field(
        "Content",
        Must,
        Shape::Object(&[Field(
            "Raw",
            Must,
            Shape::Object(&[Field("Data", Must, Shape::Filled(usize::MAX))]),
        )]),
    ),
    Field("EmailTags", May, Shape::List(1, 50, &Shape::Object(TAG))),
    Field("ConfigurationSetName", May, Shape::Filled(256)),
]);
const TAG: &[Field] =
    &[Field("Name", Must, Shape::Filled(256)), Field("Value", Must, Shape::Filled(256))];

/// What SES refuses for other reasons than its fields, before anybody is looked at.
fn breach(request: &Request) -> Option<String> {
    let shape = if request.path == ALONE { SHAPE_ALONE } else { SHAPE };
    let fault = shape.fault(&request.body);
    if fault.is_some() || request.path == ALONE {
        return fault;
    }
    if request.body.len() > 1_000_000 {
        return Some("an inline template in more than 1 MB".into());
    }
    let body = request.json();
    let entries = body["BulkEmailEntries"].as_array().expect("an array");
    entries.iter().find_map(|entry| entry_mail(&body, entry).err())
}

/// What SES puts together for one entry.
fn entry_mail(body: &Value, entry: &Value) -> Result<Mail, String> {
    let data = &entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"];
    let values = serde_json::from_str(data.as_str().unwrap_or("{}"))
        .map_err(|_| "Unable to parse template data (invalid JSON)")?;
    let part = |name: &str| {
        put_together(
            body["DefaultContent"]["Template"]["TemplateContent"][name]
                .as_str()
                .unwrap_or_default(),
            &values,
        )
    };
    let pairs = |list: &Value| {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|pair| (text(&pair["Name"]), text(&pair["Value"])))
            .collect::<Vec<_>>()
    };
    let is_word =
        |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let tags = pairs(&entry["ReplacementTags"]);
    if tags.iter().any(|(name, value)| !is_word(name) || !is_word(value)) {
        return Err("a tag holds more than letters, digits, - and _".into());
    }
    let headers = pairs(&entry["ReplacementHeaders"]);
    if headers.iter().any(|(name, value)| {
        name.len() + value.len() > 996 || !value.bytes().all(|b| (32..127).contains(&b))
    }) {
        return Err("a header that cannot be".into());
    }
    let to = text(&entry["Destination"]["ToAddresses"][0]);
    if !to.is_ascii() {
        return Err("a mailbox that is not ASCII".into());
    }
    Ok(Mail {
        to,
        subject: part("Subject")?,
        text: part("Text")?,
        html: part("Html")?,
        headers: headers
            .into_iter()
            .filter(|(name, _)| name.starts_with("List-Unsubscribe"))
            .collect(),
        id: tags
            .into_iter()
            .find(|(name, _)| name == "mailbatch_id")
            .expect("the correlation id")
            .1,
    })
}

/// A template inside a request knows variables of letters and digits alone. Nothing is escaped, and
/// a value is never looked at again.
fn put_together(template: &str, values: &serde_json::Map<String, Value>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) =
            after.split_once("}}").ok_or("Template contains unsupported operations")?;
        let is_variable = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_variable || before.ends_with(['\\', '{']) || after.starts_with('}') {
            return Err(format!("Template contains unsupported operations: {name}"));
        }
        out.push_str(before);
        out.push_str(
            values.get(name).and_then(Value::as_str).ok_or_else(|| {
                format!("Attribute '{name}' is not present in the rendering data")
            })?,
        );
        rest = after;
    }
    Ok(out + rest)
}

fn mails(request: &Request) -> Vec<Mail> {
    is_signed(request, "AKIAEXAMPLE", KEY);
    let body = request.json();
    if request.path == CONTRACT.path {
        assert_eq!(body["FromEmailAddress"], "\"Acme, Inc.\" <news@acme.example>");
        let entries = body["BulkEmailEntries"].as_array().expect("an array");
        return entries
            .iter()
            .map(|entry| entry_mail(&body, entry).expect("it has been looked at"))
            .collect();
    }
    let [to] = body["Destination"]["ToAddresses"].as_array().expect("an array").as_slice() else {
        panic!("one body, one recipient")
    };
    let raw = decoded(body["Content"]["Raw"]["Data"].as_str().expect("the message"));
    let message = MessageParser::default().parse(&raw).expect("a message");
    let header = |name: &str| {
        message
            .header_raw(name)
            .map(|value| (name.to_owned(), value.replace("\r\n", "").trim().to_owned()))
    };
    let tag = body["EmailTags"]
        .as_array()
        .and_then(|tags| tags.iter().find(|tag| tag["Name"] == "mailbatch_id"))
        .expect("the correlation id");
    vec![Mail {
        to: text(to),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        html: message.body_html(0).unwrap_or_default().into_owned(),
        headers: ["List-Unsubscribe", "List-Unsubscribe-Post"]
            .into_iter()
            .filter_map(header)
            .collect::<BTreeMap<_, _>>(),
        id: text(&tag["Value"]),
    }]
}

/// Panics unless the request is signed by the holder of the key, just now, and is about what came.
#[track_caller]
pub(super) fn is_signed(request: &Request, id: &str, key: &str) {
    let at = request.header("x-amz-date");
    let when = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", at)
        .and_then(|parsed| parsed.to_datetime())
        .expect("a time")
        .in_tz("UTC")
        .expect("a time");
    assert!(
        jiff::Timestamp::now().duration_since(when.timestamp()).abs()
            < jiff::SignedDuration::from_secs(300),
        "{at}"
    );
    let names = ["content-type", "host", "x-amz-date", "x-amz-security-token"];
    let names = &names[..if request.header("x-amz-security-token").is_empty() { 3 } else { 4 }];
    let headers: String =
        names.iter().map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let body = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let canonical = format!("POST\n{}\n\n{headers}\n{}\n{body}", request.path, names.join(";"));
    let scope = format!("{}/eu-west-1/ses/aws4_request", &at[..8]);
    let words = format!(
        "AWS4-HMAC-SHA256\n{at}\n{scope}\n{}",
        hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    );
    let signed = |key: &[u8], words: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), words.as_bytes()).as_ref().to_vec()
    };
    let key = signed(
        &signed(&signed(&signed(format!("AWS4{key}").as_bytes(), &at[..8]), "eu-west-1"), "ses"),
        "aws4_request",
    );
    let signature = hex(&signed(&key, &words));
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    assert_eq!(request.header("authorization"), expected);
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert!(text.len().is_multiple_of(4), "padded");
    let mut out = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().enumerate().fold(0_usize, |bits, (i, c)| {
            bits | ALPHABET.find(char::from(*c)).expect("base64") << (18 - 6 * i)
        });
        out.extend_from_slice(
            &[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8][..group.len() - 1],
        );
    }
    out
}

fn answer(mails: &[Mail]) -> Answer {
    let taken =
        |mail: &Mail| json!({ "MessageId": format!("id-{}", mail.id), "Status": "SUCCESS" });
    match mails {
        [mail] if mail.is_bad() => failure(400, "BadRequestException", BAD),
        [mail] => Answer::json(200, json!({ "MessageId": taken(mail)["MessageId"] }).to_string()),
        mails => {
            let told = |mail: &Mail| {
                if mail.is_bad() {
                    json!({ "Error": BAD, "Status": "INVALID_PARAMETER" })
                } else {
                    taken(mail)
                }
            };
            Answer::json(
                200,
                json!({ "BulkEmailEntryResults": mails.iter().map(told).collect::<Vec<_>>() })
                    .to_string(),
            )
        }
    }
}

const BAD: &str = "Domain contains illegal character";

fn failure(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "message": message }).to_string())
        .with(
            "x-amzn-ErrorType",
            format!("{kind}:http://internal.amazon.com/coral/com.amazonaws.services.ses/"),
        )
        .with("x-amzn-RequestId", "8d9e3c0f-0000-4000-8000-000000000000")
}

#[test]
fn an_account_that_is_paused_or_out_of_quota_stops_and_nobody_is_blamed() {
    for (status, kind, message) in [
        (400, "SendingPausedException", "Sending paused for this account."),
        (400, "AccountSuspendedException", "The account is suspended."),
        (400, "MailFromDomainNotVerifiedException", "The MAIL FROM domain is not verified."),
        (429, "TooManyRequestsException", "Daily message quota exceeded."),
        (
            400,
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region EU-WEST-1: news@acme.example",
        ),
    ] {
        let (server, _service) =
            CONTRACT.service(move |_, _| Some(Act::Answer(failure(status, kind, message))));
        let work = CONTRACT.workspace(&server.url(), "", 30);
        let code = if message.contains("quota") { 8 } else { 7 };
        work.run(&["send", "list.csv"])
            .ends(code)
            .says(message.rsplit_once(": ").map_or(message, |(words, _)| words));
        assert_eq!(server.requests().len(), 1, "{kind}: nothing is tried again");
        assert_eq!(work.report().counts(), BTreeMap::from([("held", 30)]), "{kind}");
    }
}

#[test]
fn the_shared_files_of_awss_tools_are_enough() {
    let server = HttpServer::start(|_, request| {
        is_signed(request, "AKIASHARED", "shared/hunter2");
        let body = request.json();
        let mails = if request.path == ALONE {
            1
        } else {
            body["BulkEmailEntries"].as_array().unwrap().len()
        };
        let one = json!({ "MessageId": "x", "Status": "SUCCESS" });
        Act::Answer(Answer::json(
            200,
            if mails == 1 { one } else { json!({ "BulkEmailEntryResults": vec![one; mails] }) }
                .to_string(),
        ))
    });
    let work = CONTRACT.workspace(&server.url(), "", 3);
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"news@acme.example\"\nkind = \"transactional\"\n\
         [providers.api]\nkind = \"ses\"\nprofile = \"bulk\"\nbase_url = \"{}\"\n",
        server.url()
    ));
    work.file(
        ".aws/credentials",
        "[bulk]\naws_access_key_id = AKIASHARED\naws_secret_access_key = shared/hunter2\n",
    );
    work.file(".aws/config", "[profile bulk]\nregion = eu-west-1\n");
    work.file("list.csv", lists::csv(3));
    let ran = work.run(&["-vv", "send", "list.csv"]).ends(0);
    assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"));
    assert_eq!(server.requests().len(), 1);
    work.file(
        ".aws/config",
        "[profile bulk]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/x\n",
    );
    work.run(&["check", "list.csv"])
        .ends(2)
        .says("says role_arn, which is known, but not built yet");
}

/// A list of results in which `change` has been at work on what the service would have said.
fn told(answer: &Answer, change: impl Fn(&mut Vec<Value>)) -> Act {
    let mut body = answer.value();
    change(body["BulkEmailEntryResults"].as_array_mut().expect("a bulk request"));
    Act::Answer(Answer::json(200, body.to_string()))
}

#[test]
fn an_entry_that_was_throttled_goes_once_more_and_one_that_failed_somehow_is_unknown() {
    // The service takes the others of the second request; whom it throttles it has not taken.
    let service = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let taken = std::sync::Arc::clone(&service);
    let server = HttpServer::start(move |number, request| {
        let mails = mails(request);
        let fate = |place: usize| match (number, place) {
            (1, 0) => "ACCOUNT_THROTTLED",
            (1, 1) => "FAILED",
            (1, 2) => "TRANSIENT_FAILURE",
            _ => "SUCCESS",
        };
        taken.lock().unwrap().extend(
            mails
                .iter()
                .enumerate()
                .filter(|(place, _)| fate(*place) == "SUCCESS")
                .map(|(_, mail)| mail.address().to_owned()),
        );
        match mails.as_slice() {
            [_] => Act::Answer(answer(&mails)),
            _ => told(&answer(&mails), |all| {
                all.iter_mut()
                    .enumerate()
                    .for_each(|(place, one)| one["Status"] = fate(place).into())
            }),
        }
    });
    let work = CONTRACT.workspace(&server.url(), "", 40);
    work.run(&["send", "list.csv"]).ends(6);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 39), ("unknown", 1)]));
    let (mut all, unknown) =
        (service.lock().unwrap().clone(), work.report().with("unknown")[0].to_owned());
    all.push(unknown);
    all.sort();
    assert_eq!(all, crate::support::running::everybody(40), "everybody else once");
}

#[test]
fn a_list_of_results_with_another_length_leaves_all_of_the_request_unknown() {
    // The service has taken all of the request, whatever it says.
    let changes: [fn(&mut Vec<Value>); 4] = [
        |all| drop(all.pop()),
        |all| all.push(all[0].clone()),
        |all| *all = vec![json!({ "Status": "ACCOUNT_THROTTLED" })],
        |all| *all = vec![json!({ "Status": "ACCOUNT_THROTTLED" }); all.len() + 1],
    ];
    for change in changes {
        let (server, service) =
            CONTRACT.service(move |number, take| (number == 1).then(|| told(&take(), change)));
        let work = CONTRACT.workspace(&server.url(), "", 40);
        work.run(&["send", "list.csv"]).ends(6);
        let unknown = mails(&server.requests()[1]).len();
        assert_eq!(
            work.report().counts(),
            BTreeMap::from([("accepted", 40 - unknown), ("unknown", unknown)])
        );
        service.lock().unwrap().nobody_twice();
    }
}

#[test]
fn a_quota_that_ends_in_the_middle_of_a_request_stops_and_keeps_who_was_taken() {
    let (server, _service) = CONTRACT.service(|number, take| {
        (number == 1).then(|| {
            told(&take(), |all| {
                all.iter_mut()
                    .skip(1)
                    .for_each(|one| *one = json!({ "Status": "ACCOUNT_DAILY_QUOTA_EXCEEDED" }))
            })
        })
    });
    let work = CONTRACT.workspace(&server.url(), "", 40);
    work.run(&["send", "list.csv"]).ends(8).says("ACCOUNT_DAILY_QUOTA_EXCEEDED");
    let before: usize = server.requests()[..1].iter().map(|request| mails(request).len()).sum();
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", before + 1), ("held", 40 - before - 1)])
    );
    assert_eq!(server.requests().len(), 2);
}
