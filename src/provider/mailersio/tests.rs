//! Literal replies in the assumed form.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::content::{Content, Party};
use crate::provider::Verdict;
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};

fn adapter(more: &str) -> MailersIo {
    let settings = settings(&format!("api_key = {{ env = \"k\" }}\n{more}"), Path::new("/nowhere"));
    let keys = Keys::of(&settings);
    MailersIo {
        http: Http::new(&settings, names::BASE).unwrap(),
        names: Names::of(&keys, &settings).unwrap(),
        key_header: HeaderName::from_static("idempotency-key"),
        options: Map::new(),
        patience: PATIENCE,
        every: POLL,
        recent: tokio::sync::Mutex::default(),
    }
}

fn members(addresses: &[&str]) -> Vec<Job> {
    addresses.iter().zip(1..).map(|(address, id)| job(id, address, "")).collect()
}

fn submitted(status: u16, body: &str) -> Read {
    let jobs = members(&["ann@x.example", "ben@x.example"]);
    adapter("")
        .read(&jobs.iter().collect::<Vec<_>>(), &answer(status, &[("retry-after", "3")], body))
}

/// The verdicts that a status answer gives these members.
fn asked(addresses: &[&str], body: &str) -> (bool, Vec<String>) {
    let jobs = members(addresses);
    let jobs: Vec<&Job> = jobs.iter().collect();
    let api = adapter("");
    let Read::Later(later) = api.read(&jobs, &answer(202, &[], r#"{"id":"batch_1"}"#)) else {
        panic!("later")
    };
    let (is_final, verdicts) = match api.progress(&jobs, &answer(200, &[], body), &later) {
        Read::Each(verdicts) => (true, verdicts),
        Read::Later(later) => (false, later.so_far),
        other => panic!("{other:?}"),
    };
    let word = |verdict: Verdict| match verdict {
        Verdict::Accepted { provider_id, .. } => {
            format!("accepted {}", provider_id.unwrap_or_default())
        }
        Verdict::Rejected(refusal) => format!("rejected {}", refusal.reason),
        Verdict::Suppressed(refusal) => format!("suppressed {}", refusal.reason),
        Verdict::Unknown { detail } if detail.contains("batch_1") => "unknown".into(),
        other => panic!("{other:?}"),
    };
    (is_final, verdicts.into_iter().map(word).collect())
}

#[test]
fn a_batch_that_was_taken_is_asked_for_by_its_id() {
    let Read::Later(later) = submitted(202, r#"{"id":"batch 1/é","status":"queued","total":2}"#)
    else {
        panic!("later")
    };
    assert_eq!(
        (later.ask.path.as_str(), later.handle.as_str()),
        ("/batches/batch%201%2F%C3%A9", "batch 1/é")
    );
    assert_eq!(later.ask.method, reqwest::Method::GET);
    assert_eq!(later.so_far.len(), 2);
    for body in
        ["", "{}", "OK", r#"{"id":null}"#, r#"{"id":""}"#, r#"{"id":".."}"#, r#"{"id":{"a":1}}"#]
    {
        assert!(matches!(submitted(202, body), Read::Doubt(_)), "{body}");
    }
}

#[test]
fn results_are_found_by_address_and_only_known_words_are_results() {
    let list = r#""recipients":[{"email":"Ben@X.example","status":"suppressed"},{"email":"ann@x.example","status":"sent","message_id":"m1"},
        {"email":"dan@x.example","status":"rejected"},{"email":"cat@x.example","status":"deferred"},{"email":"who@x.example","status":"sent"}]"#;
    let all = ["ann@x.example", "ben@x.example", "cat@x.example", "dan@x.example", "eve@x.example"];
    let expected = ["accepted m1", "suppressed manual", "unknown", "rejected policy", "unknown"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(
        asked(&all, &format!(r#"{{"id":"batch_1","status":"completed","total":5,{list}}}"#)),
        (true, expected.clone())
    );
    assert_eq!(
        asked(&all, &format!(r#"{{"id":"batch_1","status":"processing","total":5,{list}}}"#)),
        (false, expected)
    );
    assert_eq!(asked(&all[..1], r#"{"status":"processing"}"#), (false, vec!["unknown".into()]));
    assert_eq!(asked(&all[..1], r#"{"status":"completed"}"#), (true, vec!["unknown".into()]));
    assert_eq!(
        asked(
            &all[..1],
            r#"{"status":"completed","recipients":[3,null,{"email":"ann@x.example"}]}"#
        ),
        (true, vec!["unknown".into()])
    );
    let told = r#"{"status":"completed","recipients":[{"email":"ann@x.example","status":"suppressed","reason":"complaint"}]}"#;
    assert_eq!(asked(&all[..1], told), (true, vec!["suppressed complaint".into()]));
}

#[test]
fn an_address_that_is_there_twice_needs_two_results_that_agree() {
    let twice = ["ann@x.example", "Ann@x.example"];
    let result = |status: &str, id: &str| {
        format!(r#"{{"email":"ann@x.example","status":"{status}","message_id":"{id}"}}"#)
    };
    let of = |results: &[String]| {
        asked(&twice, &format!(r#"{{"status":"completed","recipients":[{}]}}"#, results.join(",")))
            .1
    };
    assert_eq!(of(&[result("sent", "a"), result("sent", "b")]), ["accepted a", "accepted b"]);
    for results in [
        vec![result("sent", "a")],
        vec![result("sent", "a"), result("rejected", "")],
        vec![result("sent", ""); 3],
    ] {
        assert_eq!(of(&results), ["unknown", "unknown"]);
    }
}

#[test]
fn failures_are_distinguished_by_status() {
    let of = |status: u16| submitted(status, r#"{"error":{"code":"some_code","message":"words"}}"#);
    for status in [401, 403, 404, 409] {
        assert!(
            matches!(of(status), Read::Stop(refusal) if refusal.code == format!("{status} some_code") && refusal.detail == "words"),
            "{status}"
        );
    }
    for status in [400, 413, 422] {
        assert!(matches!(of(status), Read::Unnamed(_)), "{status}");
    }
    assert!(
        matches!(of(429), Read::Again { wait: Some(wait), refusal } if wait.as_secs() == 3 && refusal.reason == Reason::Rate)
    );
    assert!(matches!(of(425), Read::Again { refusal, .. } if refusal.reason == Reason::NoReply));
    for status in [408, 500, 502, 503] {
        assert!(matches!(of(status), Read::Doubt(_)), "{status}");
    }
}

#[test]
fn wrong_keys_are_refused() {
    let connects = |more: &str| {
        connect(&settings(&format!("api_key = {{ env = \"k\" }}\n{more}"), Path::new("/nowhere")))
    };
    assert!(
        connects("patience = \"1h\"\npoll = \"1s\"\nnames = { path = \"/v1/batches\" }").is_ok()
    );
    for wrong in [
        "names = 3",
        "names = { emial = \"to\" }",
        "names = { email = 3 }",
        "names = { path = \"batches\" }",
        "names = { path = \"/\" }",
        "names = { path = \"/a?b\" }",
        "names = { path = \"/v1/../x\" }",
        "names = { key_header = \"a b\" }",
        "patience = \"0s\"",
        "poll = 3",
        "options = { recipients = 1 }",
    ] {
        let error = connects(wrong).err().unwrap_or_else(|| panic!("{wrong}")).to_string();
        assert!(error.contains("hint:"), "{error}");
    }
}

/// A configuration that changes every name in the table.
fn renamed() -> String {
    let other = |name: &&str| match *name {
        "path" => "path = \"/other-path\"".to_owned(),
        name => format!("{name} = \"other-{}\"", name.replace('_', "-")),
    };
    format!("names = {{ {} }}", names::ALL.iter().map(other).collect::<Vec<_>>().join(", "))
}

#[test]
fn a_service_that_renames_everything_is_spoken_to_by_its_names_alone() {
    let settings =
        settings(&format!("api_key = {{ env = \"k\" }}\n{}", renamed()), Path::new("/nowhere"));
    let keys = Keys::of(&settings);
    let api = MailersIo { names: Names::of(&keys, &settings).unwrap(), ..adapter("") };
    let content = Content {
        from: Arc::new(Party { name: "Acme".into(), address: "news@acme.example".into() }),
        reply_to: Arc::default(),
        to_name: "Ann".into(),
        subject: "Hi".into(),
        text: "Dear Ann".into(),
        html: Some("<p>Dear Ann</p>".into()),
        headers: vec![("Feedback-ID".into(), "spring".into())],
        attachments: Arc::new([]),
    };
    let job = Job { content: Some(Arc::new(content)), ..job(1, "ann@x.example", "") };
    let request = api.request(&[&job], "key").unwrap();
    assert_eq!(request.path, "/other-path");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let recipient = &body["other-recipients"][0];
    for keys in [&body, recipient] {
        let keys: Vec<&String> = keys.as_object().unwrap().keys().collect();
        assert!(keys.iter().all(|key| key.starts_with("other-")), "{keys:?}");
    }
    assert_eq!(recipient["other-email"], "ann@x.example");
    let told = json!({ "other-id": "b", "other-status": "other-completed",
        "other-results": [{ "other-result-email": "ann@x.example", "other-result-status": "other-sent", "other-message-id": "m" }] });
    let read = api.read(&[&job], &answer(200, &[], &told.to_string()));
    assert!(
        matches!(&read, Read::Each(verdicts) if matches!(&verdicts[..], [Verdict::Accepted { provider_id: Some(id), .. }] if id == "m")),
        "{read:?}"
    );
}

#[test]
fn no_name_of_the_service_stands_outside_of_the_table() {
    /// Keys of mailbatch.toml, and texts common to all services.
    const OURS: [&str; 8] =
        ["mailersio", "names", "patience", "poll", "api_key", "Reply-To", "{}{}", "{}/{}"];
    let files = [
        include_str!("mod.rs"),
        include_str!("account.rs"),
        include_str!("log.rs"),
        include_str!("results.rs"),
        include_str!("webhook.rs"),
    ];
    for text in files {
        let (text, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, ""));
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        // Quoted texts with spaces are sentences of mailbatch, not names.
        let code = code.replace("\\\"", "'");
        let literals = code.split('"').skip(1).step_by(2).filter(|text| !text.contains(' '));
        let names: Vec<&str> =
            literals.filter(|text| !text.is_empty() && !OURS.contains(text)).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}
