//! Mailgun's literal replies, and forms in which the test replaces the variables as Mailgun would.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::content::Attachment;
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};

fn connected(keys: &str) -> Result<Box<dyn Provider>> {
    connect(&settings(
        &format!("api_key = {{ env = \"key\" }}\n{keys}"),
        Path::new("/nowhere/.mailbatch"),
    ))
}

fn mailgun(options: &[(&str, &str)]) -> Mailgun {
    let http = Http::new(&settings("", Path::new("/nowhere/.mailbatch")), BASE).unwrap();
    let options =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Mailgun {
        http,
        path: "/v3/mg.acme.example/messages".into(),
        domain: "mg.acme.example".into(),
        options,
    }
}

fn member(id: u64, to: &str, text: &str, header: &str) -> Job {
    let content = Content {
        from: Arc::new(Party { name: "Acme, Inc.".into(), address: "news@acme.example".into() }),
        reply_to: Arc::default(),
        to_name: "Ann".into(),
        subject: "Hello".into(),
        text: text.into(),
        html: Some(format!("<p>{text}</p>")),
        headers: vec![("X-A".into(), header.into())],
        attachments: Arc::from([]),
    };
    Job { content: Some(Arc::new(content)), ..job(id, to, "") }
}

/// The fields of a form, in order.
fn fields(request: &Request) -> Vec<(String, String)> {
    let content_type = request.headers["content-type"].to_str().unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=\"")
        .unwrap()
        .trim_end_matches('"');
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let (begin, end) = (format!("--{boundary}\r\n"), format!("--{boundary}--\r\n"));
    let parts = body.strip_suffix(end.as_str()).unwrap().split(begin.as_str()).skip(1);
    let part = |part: &str| {
        let (head, value) = part.strip_suffix("\r\n").unwrap().split_once("\r\n\r\n").unwrap();
        (head.split('"').nth(1).unwrap().to_owned(), value.to_owned())
    };
    parts.map(part).collect()
}

fn one<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let mut found = fields.iter().filter(|(known, _)| known == name);
    let value = &found.next().expect(name).1;
    assert!(found.next().is_none(), "{name} stands once");
    value
}

/// The value of a field as one member receives it.
fn as_got(fields: &[(String, String)], name: &str, address: &str) -> String {
    let variables: Value = serde_json::from_str(one(fields, "recipient-variables")).unwrap();
    let mut text = one(fields, name).to_owned();
    for (key, value) in variables[address].as_object().expect("everybody has an entry") {
        text = text.replace(&format!("%recipient.{key}%"), value.as_str().unwrap());
    }
    assert!(!text.contains("%recipient"), "{text}");
    text
}

#[test]
fn everybody_gets_their_own_text_back_and_nobody_sees_the_list() {
    let texts = [
        "Dear Zoë,\n50% off\nyours",
        "Dear Zoé,\n50% off\nyours",
        "Dear Ann,\n60% on\nyours",
        "Dear Ann,\n60% on\nyours\nand more",
        "",
    ];
    let jobs: Vec<Job> = texts
        .iter()
        .zip(1..)
        .map(|(text, id)| member(id, &format!("u{id}@x.example"), text, &format!("h{id}")))
        .collect();
    for size in 1..=jobs.len() {
        for some in jobs.windows(size) {
            let some: Vec<&Job> = some.iter().collect();
            let request = mailgun(&[("o:tag", "spring")]).request(&some, "key").unwrap();
            let fields = fields(&request);
            let to: Vec<&str> = fields
                .iter()
                .filter(|(name, _)| name == "to")
                .map(|(_, value)| value.as_str())
                .collect();
            assert_eq!(
                to,
                some.iter().map(|job| format!("Ann <{}>", job.to.as_str())).collect::<Vec<_>>()
            );
            for job in some {
                let content = job.content.as_ref().unwrap();
                let got = |name: &str| as_got(&fields, name, job.to.as_str());
                assert_eq!(got("text"), content.text);
                assert_eq!(got("html"), *content.html.as_ref().unwrap());
                assert_eq!(got("h:X-A"), content.headers[0].1);
                assert_eq!(got("v:mailbatch_id"), format!("{}.id", job.id));
                assert_eq!(
                    (got("subject").as_str(), got("from").as_str()),
                    ("Hello", "\"Acme, Inc.\" <news@acme.example>")
                );
                assert_eq!(got("o:tag"), "spring");
            }
        }
    }
}

#[test]
fn what_is_alike_stands_once() {
    let long = "the same for all\n".repeat(1_000);
    let jobs: Vec<Job> = (1..=100)
        .map(|id| member(id, &format!("u{id}@x.example"), &format!("Dear u{id},\n{long}"), "h"))
        .collect();
    let jobs: Vec<&Job> = jobs.iter().collect();
    let request = mailgun(&[]).request(&jobs, "key").unwrap();
    assert!(request.body.len() < 3 * long.len(), "{}", request.body.len());
    assert_eq!(
        request.body,
        mailgun(&[]).request(&jobs, "key").unwrap().body,
        "the same bytes again"
    );
    let fields = fields(&request);
    assert!(
        one(&fields, "text").starts_with("Dear u%recipient.text0%,\n"),
        "{}",
        &one(&fields, "text")[..60]
    );
}

#[test]
fn who_cannot_go_together_goes_alone() {
    let refused = |jobs: &[&Job]| {
        mailgun(&[]).request(jobs, "key").err().map(|Inexpressible(refusal)| refusal.detail)
    };
    let (ann, upper) = (member(1, "ann@x.example", "Hi", ""), member(2, "ANN@x.example", "Hi", ""));
    let with = |file: &str| {
        let mut job = member(3, "bob@x.example", "Hi", "");
        let content = Arc::make_mut(job.content.as_mut().unwrap());
        content.attachments = Arc::from([Attachment {
            name: file.into(),
            content_type: "text/plain".into(),
            data: "SGk=".into(),
            cid: None,
        }]);
        job
    };
    let (one_file, other_file) = (with("a\".txt"), with("b.txt"));
    for together in [[&ann, &upper], [&ann, &one_file], [&one_file, &other_file]] {
        assert_eq!(refused(&together).as_deref(), Some("the messages cannot share a request"));
    }
    for alone in [&ann, &upper, &one_file, &other_file] {
        assert_eq!(refused(&[alone]), None);
    }
    let body = String::from_utf8(mailgun(&[]).request(&[&one_file], "key").unwrap().body.to_vec())
        .unwrap();
    assert!(
        body.contains(
            "name=\"attachment\"; filename=\"a%22.txt\"\r\nContent-Type: text/plain\r\n\r\nHi\r\n--"
        ),
        "{body}"
    );
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    let refused = |job: &Job, options: &[(&str, &str)]| {
        mailgun(options).request(&[job], "key").err().map(|Inexpressible(refusal)| refusal.detail)
    };
    assert!(
        refused(&member(1, "a@x.example", "write %recipient.name%", ""), &[])
            .is_some_and(|why| why.contains("%recipient"))
    );
    assert!(
        refused(&member(1, "a@x.example", "Hi", &"x".repeat(17_000)), &[])
            .is_some_and(|why| why.contains("16 KB"))
    );
    assert!(
        refused(&member(1, "a@x.example", &"x".repeat(13_000_000), ""), &[])
            .is_some_and(|why| why.contains("25 MB"))
    );
    assert_eq!(refused(&member(1, "a@x.example", "100%", "50%"), &[("o:dkim", "yes")]), None);
}

#[test]
fn success_is_an_id_and_the_word_queued() {
    let read = |body: &str| taken(2, &answer(200, &[], body));
    let Read::Each(verdicts) =
        read(r#"{"id":"<20261121.1@mg.acme.example>","message":"Queued. Thank you."}"#)
    else {
        panic!("taken")
    };
    assert!(verdicts.len() == 2);
    assert!(verdicts.iter().all(|v| matches!(v, Verdict::Accepted { provider_id: Some(id), .. } if id == "20261121.1@mg.acme.example")));
    assert!(
        matches!(read("Mailgun Magnificent API"), Read::Stop(refusal) if refusal.detail.contains("base_url"))
    );
    for body in [
        "",
        "OK",
        "{}",
        r#"{"id":"","message":"Queued."}"#,
        r#"{"id":"<a@b>","message":"Hm."}"#,
        r#"{"message":"Queued."}"#,
        "{\"id\":",
    ] {
        assert!(matches!(read(body), Read::Doubt(_)), "{body}");
    }
}

#[test]
fn failures_are_distinguished_by_status_and_prose() {
    let read = |status: u16, message: &str| {
        failure(&answer(status, &[], &format!(r#"{{"message":"{message}"}}"#)))
    };
    let bad = "to parameter is not a valid address. please check documentation";
    assert!(
        matches!(read(400, bad), Read::Unnamed(r) if r.reason == Reason::BadAddress && r.detail == bad && r.code == "400")
    );
    assert!(
        matches!(read(400, "Too many recipients, max is 1000"), Read::Unnamed(r) if r.reason == Reason::Policy)
    );
    assert!(matches!(
        read(400, "from parameter is not a valid address. please check documentation"),
        Read::Stop(_)
    ));
    assert!(matches!(
        read(400, "Domain mg.acme.example is not allowed to send: disabled"),
        Read::Stop(_)
    ));
    for quoted in [
        "'from' parameter is",
        "\\\"from\\\" parameter is",
        "`from` parameter is",
        "‘from’ parameter is",
    ] {
        assert!(
            matches!(read(400, &format!("{quoted} not a valid address")), Read::Stop(r) if r.reason == Reason::Policy),
            "{quoted}"
        );
        let to = quoted.replace("from", "to");
        assert!(
            matches!(read(400, &format!("{to} not a valid address")), Read::Unnamed(r) if r.reason == Reason::BadAddress),
            "{to}"
        );
    }
    assert!(
        matches!(read(400, "'subject' parameter is not valid: to from parameter"), Read::Unnamed(r) if r.reason == Reason::Policy)
    );
    let hour = "Domain mg.acme.example is not allowed to send: recipient limit exceeded, try again after Fri, 01 Jan 2100 00:00:00 UTC";
    for status in [400, 420, 429] {
        let Read::Again { wait: Some(wait), refusal } = read(status, hour) else {
            panic!("{status}")
        };
        assert!(
            wait > Duration::from_secs(86_400) && refusal.reason == Reason::Rate,
            "{wait:?} {refusal:?}"
        );
    }
    assert!(matches!(read(420, ""), Read::Again { wait: None, .. }));
    assert!(matches!(read(421, "words"), Read::Stop(_)));
    let slow = "Domain mg.acme.example is not allowed to send: account-requests-per-sec limit exceeded, try again after 120 seconds";
    for status in [400, 429] {
        let Read::Again { wait, refusal } = read(status, slow) else { panic!("{status}") };
        assert_eq!((wait, refusal.reason), (Some(Duration::from_secs(120)), Reason::Rate));
    }
    let both =
        failure(&answer(429, &[("retry-after", "7")], &format!(r#"{{"message":"{slow}"}}"#)));
    assert!(matches!(both, Read::Again { wait: Some(wait), .. } if wait == Duration::from_secs(7)));
    assert!(matches!(read(429, ""), Read::Again { wait: None, .. }));
    for body in ["Forbidden", "\"Forbidden\""] {
        assert!(
            matches!(failure(&answer(401, &[], body)), Read::Stop(r) if r.reason == Reason::Auth && r.detail.contains("Forbidden")),
            "{body}"
        );
    }
    for status in [402, 403, 404] {
        assert!(
            matches!(read(status, "Domain not found: mg.acme.example"), Read::Stop(_)),
            "{status}"
        );
    }
    assert!(matches!(read(413, "too large"), Read::Unnamed(r) if r.reason == Reason::Content));
    for status in [500, 502, 503, 504] {
        assert!(matches!(read(status, "try again after 1 seconds"), Read::Doubt(_)), "{status}");
    }
}

#[test]
fn wrong_keys_are_refused() {
    assert!(connected("domain = \"mg.acme.example\"\nregion = \"eu\"\noptions = { \"o:tag\" = [\"a\", \"b\"], \"o:dkim\" = true }").is_ok());
    for (keys, says) in [
        ("", "domain: missing"),
        ("domain = \"a/../b\"", "domain: not a domain"),
        ("domain = \"..\"", "domain: not a domain"),
        ("domain = \"a?b\"", "domain: not a domain"),
        ("domain = \"a.example\"\nregion = \"asia\"", "neither us nor eu"),
        (
            "domain = \"a.example\"\noptions = { cc = \"x@x.example\" }",
            "mailbatch writes this field itself",
        ),
        ("domain = \"a.example\"\noptions = { template = \"x\" }", "o: or v:"),
        ("domain = \"a.example\"\noptions = { recipient-variables = \"{}\" }", "o: or v:"),
        (
            "domain = \"a.example\"\noptions = { \"v:mailbatch_id\" = \"x\" }",
            "mailbatch writes this field itself",
        ),
        ("domain = \"a.example\"\noptions = { \"o:tag\" = [[1]] }", "neither a text"),
    ] {
        let error = connected(keys).expect_err(says).to_string();
        assert!(error.contains(says) && error.contains("hint:"), "{error}");
    }
}

#[test]
fn a_region_has_an_address_of_its_own() {
    let base =
        |keys: &str| region(&Keys::of(&settings(keys, Path::new("/nowhere/.mailbatch")))).unwrap();
    assert_eq!((base(""), base("region = \"us\""), base("region = \"eu\"")), (BASE, BASE, BASE_EU));
}
