//! Tests of headers that depend on a row: which values they accept, and which rows are refused.

use super::*;
use crate::content::list_of;

/// Returns the value of a header, unfolded.
fn header(mail: &Rendered, name: &str) -> Option<String> {
    let text = String::from_utf8(mail.bytes.clone()).expect("ASCII");
    let (head, _) = text.split_once("\r\n\r\n")?;
    let lines = head.replace("\r\n ", " ");
    let line = lines.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.map(str::to_owned)
}

const HOSTILE: [&str; 10] = [
    "a\r\nBcc: eve@evil.example",
    "Eve\" <eve@evil.example>, \"x",
    "<eve@evil.example>, ann@x.example",
    "a\u{2028}b\u{2029}c\u{85}d",
    "Zoë, \"Ж\" (山田)",
    "=?utf-8?q?=0D=0ABcc:?=",
    "a,b;c:d",
    "\0\u{1b}[31m",
    "\\",
    "",
];

#[test]
fn reply_to_is_a_template_of_a_list() {
    let message = simple(
        "text = 'x'\nreply_to = '\"{{ name }}\" <rep@acme.example>, Help <help@acme.example>'",
    );
    let long = "x ".repeat(500_000);
    for name in HOSTILE.into_iter().chain([long.as_str()]) {
        let mail = render(&message, name).expect("renders");
        check_octets(&mail.bytes);
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        let list = parsed.reply_to().expect("a list").clone().into_list();
        let addresses: Vec<_> = list.iter().map(|one| one.address().unwrap_or_default()).collect();
        assert_eq!(addresses, ["rep@acme.example", "help@acme.example"], "{name:?}");
        assert_eq!(list[0].name().unwrap_or_default(), super::header::sanitise(name));
        let ours = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version"];
        assert_eq!(header_names(&mail.bytes)[..7], ours);
    }
    let one = simple("text = 'x'\nreply_to = '{{ name }}'");
    assert_eq!(
        header(&render(&one, "rep@acme.example").expect("renders"), "Reply-To").as_deref(),
        Some("rep@acme.example")
    );
    assert_eq!(header(&render(&one, "").expect("renders"), "Reply-To"), None);
    for name in [
        "a@x.example, b@x.example",
        "Rep <rep@x.example>",
        "rep",
        "a@x.example\r\nBcc: b@x.example",
    ] {
        let why = render(&one, name).expect_err(name);
        assert!(why.template == "reply_to" && !why.to_string().contains("x.example"), "{why}");
    }
    let looped =
        simple("text = 'x'\nreply_to = '{% for r in name | split(\";\") %}{{ r }}, {% endfor %}'");
    let mail = render(&looped, "a@x.example;b@x.example").expect("renders");
    assert_eq!(header(&mail, "Reply-To").as_deref(), Some("a@x.example, b@x.example"));
    assert!(looped.needs().several_reply_to && !one.needs().several_reply_to);
}

#[test]
fn a_list_without_tags_is_checked_at_once() {
    let message =
        simple("text = 'x'\nreply_to = 'Ann <ann@acme.example>, \"Lee, Bob\" <bob@acme.example>'");
    let mail = render(&message, "x").expect("renders");
    let list = "Ann <ann@acme.example>, \"Lee, Bob\" <bob@acme.example>";
    assert_eq!(header(&mail, "Reply-To").as_deref(), Some(list));
    let (index, fields) = row("x");
    let ident =
        Ident { campaign: "c", env: None, key: "k", secret: &[7; 32], date: Timestamp::UNIX_EPOCH };
    let content = message.fill(&index, &fields, &ident).expect("fills").content();
    assert_eq!(list_of(&content.reply_to).as_deref(), Some(list));
    let thawed = Message::thaw(&message.freeze()).expect("thaws");
    assert_eq!(render(&thawed, "x").expect("renders").bytes, mail.bytes);
    assert_eq!(thawed.fingerprint(), message.fingerprint());
    let error = inline("from = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'\nreply_to = 'Ann, b@x.example'")
        .expect_err("no list");
    assert!(error.to_string().starts_with("message.reply_to: address has no @\nhint: "), "{error}");
}

#[test]
fn list_id_and_feedback_id_are_keys() {
    let message = simple(
        "text = 'x'\nlist_id = 'Zoë news <news.acme.example>'\nfeedback_id = '{{ name }}:spring::acmemail'",
    );
    let mail = render(&message, "gold").expect("renders");
    assert_eq!(
        header(&mail, "List-Id").as_deref(),
        Some("=?utf-8?q?Zo=C3=AB_news?= <news.acme.example>")
    );
    assert_eq!(header(&mail, "Feedback-ID").as_deref(), Some("gold:spring::acmemail"));
    assert_eq!(message.needs().headers, ["List-Id", "Feedback-ID"]);
    for name in HOSTILE.iter().filter(|name| !name.is_empty() && **name != "\\") {
        let why = render(&message, name).expect_err(name);
        assert_eq!(why.template, "feedback_id", "{name:?}");
    }
    let plain = simple("text = 'x'");
    assert!(plain.differences(&message).iter().any(|line| line.starts_with("list_id ")));
    for (key, says) in [
        ("list_id = 'news'", "message.list_id: "),
        ("list_id = '{{ name }}.acme.example'", "cannot be a template"),
        ("feedback_id = 'spring'", "message.feedback_id: must have four fields"),
        (
            "feedback_id = 'a:b:c:acmemail'\nheaders = { feedback-id = 'x' }",
            "under `headers` as well",
        ),
        ("unsubscribe_mailto = 'acme.example'", "message.unsubscribe_mailto: address has no @"),
        ("unsubscribe_mailto = 'a@b.example?body={{ name }}'", "only {token} may stand there"),
    ] {
        let error = inline(&format!(
            "from = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'\n{key}"
        ))
        .expect_err(key);
        let text = error.to_string();
        assert!(
            error.exit() == Exit::USAGE && text.contains(says) && text.contains("hint: "),
            "{text}"
        );
    }
}

#[test]
fn people_unsubscribe_by_https_and_by_mail() {
    let message = simple(
        "text = 'x'\nunsubscribe_url = 'https://acme.example/u/{{ name | urlencode }}'\nunsubscribe_mailto = 'unsubscribe+{token}@acme.example'",
    );
    let mail = render(&message, "7").expect("renders");
    let token = token_of(&mail.message_id).expect("a token");
    assert_eq!(
        header(&mail, "List-Unsubscribe"),
        Some(format!(
            "<https://acme.example/u/7>, <mailto:unsubscribe+{token}@acme.example?subject=unsubscribe>"
        ))
    );
    assert_eq!(
        header(&mail, "List-Unsubscribe-Post").as_deref(),
        Some("List-Unsubscribe=One-Click")
    );
    let by_value = simple("text = 'x'\nunsubscribe_mailto = '{{ name }}+u@acme.example'");
    let mail = render(&by_value, "a").expect("renders");
    assert_eq!(
        header(&mail, "List-Unsubscribe").as_deref(),
        Some("<mailto:a+u@acme.example?subject=unsubscribe>")
    );
    assert_eq!(header(&mail, "List-Unsubscribe-Post"), None);
    for name in HOSTILE.into_iter().filter(|name| !["", "\\"].contains(name)) {
        let mail = render(&by_value, name);
        // A value that is valid in an address becomes a part of the local part.
        let url = mail.ok().and_then(|mail| header(&mail, "List-Unsubscribe"));
        assert!(
            url.is_none_or(|url| url.ends_with("+u@acme.example?subject=unsubscribe>")),
            "{name:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_header_takes_every_value(name in any::<String>()) {
        let message = simple(
            "text = 'x'\nto_name = '{{ name }}'\nreply_to = '{{ name }} <rep@acme.example>'\nlist_id = 'n.acme.example'\n[headers]\nX-A = '{{ name }}'\nx-b = 'a {{ name }} b'",
        );
        let mail = render(&message, &name).expect("renders");
        check_octets(&mail.bytes);
        let mut expected = vec!["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-ID"];
        if !super::header::sanitise(&name).is_empty() {
            expected.push("X-A");
        }
        expected.extend(["x-b", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]);
        prop_assert_eq!(header_names(&mail.bytes), expected);
    }
}
