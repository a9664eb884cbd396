//! Headers as mail programs read them: Reply-To of a list, List-Id, Feedback-ID and both ways to
//! unsubscribe, with values that try to be more than they are.

use std::process::Command;

use serde_json::Value;

use crate::support::peers::{SmtpSink, peer};
use crate::support::recorder::Recorder;
use crate::support::{Workspace, workspace};

const MESSAGE: &str = "kind = \"transactional\"\nto_name = \"{{ name }}\"\n\
    reply_to = \"\\\"{{ name }}\\\" <rep@acme.example>, Help <help@acme.example>\"\n\
    list_id = \"Zoë's news <news.acme.example>\"\nfeedback_id = \"spring:{{ id }}:news:acmemail\"\n\
    unsubscribe_url = \"https://acme.example/u/{{ id }}\"\nunsubscribe_mailto = \"u+{token}@acme.example\"\n\
    [message.headers]\nX-Name = \"{{ name }}\"\nX-Both = \"a {{ name }} b\"\n";

fn hostile() -> Vec<String> {
    let long = "wörd ".repeat(2_000);
    [
        "Ann",
        "a\r\nBcc: eve@evil.example\r\n\r\nbody",
        "Eve\" <eve@evil.example>, \"x",
        "a\u{2028}b\u{2029}c\u{85}d",
        "Zoë, \"Ж\" (山田) <x>",
        "=?utf-8?q?=0D=0ABcc:?=",
        "back\\slash\\",
        &long,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A workspace with a message of these keys, through the server at this URL.
fn through(url: &str, message: &str) -> Workspace {
    let work = workspace();
    work.config(&format!(
        "[message]\nfile = \"message.txt\"\nfrom = \"Acme <news@acme.example>\"\n{message}\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{url}\"\nretry = {{ for = \"0\" }}\n"
    ))
    .file("message.txt", "+++\nsubject = \"Hi {{ name }}\"\n+++\nDear {{ id }}\n");
    let rows = hostile().into_iter().enumerate().map(|(id, name)| {
        let email = format!("r{id}@example.com");
        serde_json::json!({ "email": email, "id": id, "name": name }).to_string() + "\n"
    });
    work.file("list.ndjson", rows.collect::<String>());
    work
}

/// Reads mail as Python does where it follows the standards to the letter.
const READER: &str = r#"
import email, email.policy, json, sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.strict)
    assert not message.defects, message.defects
    assert not any(header.defects for header in message.values() if hasattr(header, "defects"))
    print(json.dumps({
        "names": [name for name in message.keys() if name not in ("Received", "X-Original-To", "Delivered-To", "Return-Path")],
        "to": [(a.display_name, a.addr_spec) for a in message["To"].addresses],
        "reply_to": [(a.display_name, a.addr_spec) for a in message["Reply-To"].addresses],
        "fields": {name.lower(): str(value) for name, value in message.items()},
    }))
"#;

#[test]
fn python_reads_each_header_as_it_was_meant() {
    let sink = peer!(SmtpSink::start(&[]));
    let work = through(&sink.url(), MESSAGE);
    work.run(&["send", "list.ndjson"]).ends(0);
    let stored = sink.stored();
    assert_eq!(stored.len(), hostile().len());
    for message in &stored {
        let id: usize = message.recipients[0][1..].split('@').next().unwrap().parse().unwrap();
        work.file("mail.eml", &message.raw);
        let read = Command::new("python3")
            .args(["-c", READER])
            .arg(work.join("mail.eml"))
            .output()
            .unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        let mail: Value = serde_json::from_slice(&read.stdout).unwrap();
        let name = &hostile()[id];
        let controls = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = name.replace("\r\n", " ").chars().map(controls).collect();
        let shown = shown.trim_matches(' ');
        let text = |value: &Value| {
            value.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(mail["reply_to"][0][1], "rep@acme.example");
        assert_eq!(mail["reply_to"][1], serde_json::json!(["Help", "help@acme.example"]));
        assert_eq!(mail["reply_to"].as_array().unwrap().len(), 2);
        // Python keeps the blanks between the encoded words of a name, which RFC 2047 drops.
        let closed = |value: &Value| text(value).replace(' ', "");
        assert_eq!(closed(&mail["reply_to"][0][0]), words.replace(' ', ""));
        assert_eq!(closed(&mail["to"][0][0]), words.replace(' ', ""));
        assert_eq!(mail["to"][0][1], format!("r{id}@example.com"));
        let fields = &mail["fields"];
        assert_eq!(text(&fields["x-name"]), words);
        assert_eq!(text(&fields["x-both"]), format!("a {words} b"));
        assert_eq!(text(&fields["list-id"]), "Zoë's news <news.acme.example>");
        assert_eq!(text(&fields["feedback-id"]), format!("spring:{id}:news:acmemail"));
        let unsubscribe = text(&fields["list-unsubscribe"]);
        assert!(
            unsubscribe.starts_with(&format!("<https://acme.example/u/{id}>, <mailto:u+")),
            "{unsubscribe}"
        );
        assert_eq!(text(&fields["list-unsubscribe-post"]), "List-Unsubscribe=One-Click");
        let mut names: Vec<&str> =
            mail["names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        names.retain(|name| {
            !name.starts_with("X-Mail")
                && !name.starts_with("X-Rcpt")
                && !name.starts_with("X-Client")
                && !name.starts_with("X-Helo")
        });
        names.sort_unstable();
        assert!(
            !names.contains(&"Bcc") && names.windows(2).all(|pair| pair[0] != pair[1]),
            "{names:?}"
        );
    }
}

#[test]
fn a_row_that_gives_no_list_is_found_before_anything_leaves() {
    let server = Recorder::start();
    let work = through(&server.url(), "kind = \"transactional\"\nreply_to = \"{{ rep }}\"");
    work.file(
        "list.csv",
        "email,id,name,rep\nann@example.com,1,Ann,rep@acme.example\nben@example.com,2,Ben,\"a@x.example, b@x.example\"\ncem@example.com,3,Cem,\n",
    );
    for command in ["check", "send"] {
        let ran = work.run(&[command, "list.csv"]).ends(4);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("list.csv:3") && said.contains("reply_to: address "), "{said}");
        assert!(!said.contains("b@x.example"), "{said}");
    }
    assert_eq!(server.count(), 0);
    work.run(&["send", "list.csv", "--skip-unrendered", "--max-invalid", "50%"]).ends(0);
    assert_eq!(work.report().column("mb_outcome"), ["accepted", "invalid", "accepted"]);
    let mails: Vec<String> = server
        .taken()
        .iter()
        .map(|mail| String::from_utf8_lossy(&mail.data).into_owned())
        .collect();
    assert_eq!(
        mails.iter().filter(|mail| mail.contains("Reply-To: rep@acme.example\r\n")).count(),
        1
    );
    assert_eq!(mails.iter().filter(|mail| mail.contains("Reply-To:")).count(), 1);
}

#[test]
fn what_a_provider_cannot_carry_is_refused_before_the_list_is_read() {
    for (provider, message, says) in [
        (
            "kind = \"emitlo\"",
            "reply_to = \"a@acme.example, b@acme.example\"",
            "more than one mailbox in reply_to",
        ),
        (
            "kind = \"emitlo\"",
            "reply_to = \"{{ a }}, {{ b }}\"",
            "more than one mailbox in reply_to",
        ),
        ("kind = \"emitlo\"", "list_id = \"news.acme.example\"", "the header List-Id"),
        ("kind = \"emitlo\"", "feedback_id = \":::acmemail\"", "the header Feedback-ID"),
        (
            "kind = \"postmark\"\nstream = \"broadcast\"",
            "unsubscribe_mailto = \"u@acme.example\"",
            "unsubscribe_mailto",
        ),
    ] {
        let work = workspace();
        work.config(&format!(
            "[message]\nfrom = \"news@acme.example\"\nkind = \"transactional\"\nsubject = \"x\"\ntext = \"x\"\n{message}\n\
             [providers.p]\n{provider}\napi_key = {{ command = \"echo key\" }}\nbase_url = \"http://127.0.0.1:9\"\n"
        ))
        .file("list.csv", "email,a,b\nann@example.com,a@x.example,b@x.example\n");
        for command in ["check", "send"] {
            let ran = work.run(&[command, "list.csv"]).ends(4);
            assert!(ran.err.contains(says) && ran.err.contains("hint: "), "{}", ran.err);
        }
    }
}
