//! Tests of whole messages, from files and keys to bytes. The bytes are parsed by an independent
//! parser.

use std::path::PathBuf;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::row::Row;
use super::*;
use crate::input::context::ColumnIndex;
use crate::model::exit::Exit;
use crate::model::recipient::{Columns, Fields};

mod files;
mod frozen;
mod headers;
mod variants;

const DATE: &str = "2026-11-21T03:45:00Z";
fn keys(toml: &str) -> MessageKeys {
    toml::from_str(toml).expect("valid keys")
}

fn inline(toml: &str) -> Result<Message> {
    let source = MessageSource { inline: keys(toml), ..MessageSource::default() };
    Message::load(&source)
}

fn simple(more: &str) -> Message {
    inline(&format!("from = 'Acme <news@acme.example>'\nkind = 'transactional'\nsubject = 'Hi {{{{ name }}}}'\n{more}")).expect("a message")
}

fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    std::fs::write(&path, content).expect("written");
    (directory, path)
}

fn from_file(name: &str, content: &str) -> Result<Message> {
    let (_directory, path) = file(name, content);
    Message::load(&MessageSource { file: Some(path), ..MessageSource::default() })
}

fn row(name: &str) -> (Arc<ColumnIndex>, Fields) {
    let columns = Columns::new(vec!["email".to_owned(), "name".to_owned()]);
    (
        Arc::new(ColumnIndex::new(&columns)),
        Fields::Text(csv::StringRecord::from(vec!["ann@example.com", name])),
    )
}

fn render(message: &Message, name: &str) -> Result<Rendered, RenderError> {
    let (index, fields) = row(name);
    let to = Address::parse("ann@example.com").expect("an address");
    let ident = Ident {
        campaign: "spring",
        env: None,
        key: "ann@example.com",
        secret: &[7; 32],
        date: DATE.parse::<Timestamp>().expect("a time"),
    };
    let whole = message.render(&index, &fields, &to, &ident);
    assert_eq!(message.probe(&index, &fields).is_err(), whole.is_err(), "probe and render agree");
    let filled = message.fill(&index, &fields, &ident);
    assert_eq!(filled.as_ref().err(), whole.as_ref().err());
    if let (Ok(filled), Ok(whole)) = (filled, &whole) {
        let content = filled.content();
        assert_eq!(
            (&content.subject, &content.html, &filled.message_id),
            (&whole.subject, &whole.html, &whole.message_id)
        );
        assert_eq!(
            (Some(content.text), content.from.to_string()),
            (whole.text.clone(), whole.from.clone())
        );
        let unsafe_for_a_header = |text: &str| text.contains(|c: char| c.is_control());
        assert!(
            !content.headers.iter().any(|(_, value)| unsafe_for_a_header(value))
                && !unsafe_for_a_header(&content.to_name)
        );
    }
    whole
}

fn check_octets(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("ASCII");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text:?}");
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
}

fn header_names(bytes: &[u8]) -> Vec<String> {
    let parsed = MessageParser::default().parse(bytes).expect("a message");
    parsed.headers().iter().map(|header| header.name().to_owned()).collect()
}

#[test]
fn a_text_message_is_exactly_this() {
    let mail =
        render(&simple("text = \"Hello {{ name }},\\nbye.\"\nto_name = '{{ name }}'"), "Zoë")
            .expect("renders");
    let id = &mail.message_id;
    let expected = format!(
        "From: Acme <news@acme.example>\r\nTo: =?utf-8?q?Zo=C3=AB?= <ann@example.com>\r\nSubject: =?utf-8?q?Hi_Zo=C3=AB?=\r\n\
         Date: Sat, 21 Nov 2026 03:45:00 +0000\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\nHello Zo=C3=AB,\r\nbye.\r\n"
    );
    assert_eq!(String::from_utf8(mail.bytes.clone()).expect("ASCII"), expected);
    assert_eq!(
        preview_text(&mail),
        "From: Acme <news@acme.example>\nTo: Zoë <ann@example.com>\nSubject: Hi Zoë\n\nHello Zoë,\nbye.\n"
    );
}

#[test]
fn the_same_row_gives_the_same_octets() {
    let message =
        from_file("welcome.md", "+++\nfrom = 'a@acme.example'\nkind = 'transactional'\nsubject = 'x'\n+++\n# Hi {{ name }}\n").expect("valid");
    let first = render(&message, "Ann").expect("renders").bytes;
    assert_eq!(first, render(&message, "Ann").expect("renders").bytes);
    let thawed = Message::thaw(&message.freeze()).expect("thaws");
    assert_eq!(first, render(&thawed, "Ann").expect("renders").bytes);
    assert_eq!((thawed.fingerprint(), thawed.name()), (message.fingerprint(), "welcome"));
}

#[test]
fn markdown_gives_both_parts_and_attachments_follow() {
    let (directory, path) = file(
        "welcome.md",
        "+++\nfrom = 'a@acme.example'\nkind = 'transactional'\nsubject = 'x'\nattachments = ['Übersicht.pdf']\n+++\nHi **{{ name }}**\n",
    );
    std::fs::write(directory.path().join("Übersicht.pdf"), b"a,b\r\n\xff").expect("written");
    let message = Message::load(&MessageSource { file: Some(path), ..MessageSource::default() })
        .expect("valid");
    let mail = render(&message, "<i>*山田*</i>").expect("renders");
    check_octets(&mail.bytes);
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    assert!(parsed.content_type().expect("a type").c_subtype.as_deref() == Some("mixed"));
    assert_eq!(parsed.body_text(0).expect("text"), "Hi **<i>*山田*</i>**");
    assert!(
        parsed.body_html(0).expect("html").contains("<strong>&lt;i&gt;*山田*&lt;/i&gt;</strong>")
    );
    let attachment = parsed.attachment(0).expect("an attachment");
    assert_eq!(attachment.attachment_name(), Some("Übersicht.pdf"));
    assert_eq!(attachment.contents(), b"a,b\r\n\xff");
    assert_ne!(message.fingerprint(), simple("text = 'x'").fingerprint());
}

#[test]
fn attachment_names_of_every_kind_read_back() {
    for name in [
        "a \"b\"; c.pdf",
        "Übersicht 2026.pdf",
        "山田太郎の請求書.pdf",
        "🦆.pdf",
        &"é".repeat(120),
        &"x".repeat(200),
    ] {
        let attachment = attachment::Attachment {
            name: name.to_owned(),
            content_type: "application/pdf".to_owned(),
            data: BASE64_STANDARD.encode(b"%PDF"),
            cid: None,
        };
        let mut frozen = simple("text = 'x'").frozen;
        frozen.attachments = vec![attachment];
        let mail =
            render(&Message::compile(frozen, Vec::new()).expect("valid"), "Ann").expect("renders");
        check_octets(&mail.bytes);
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        assert_eq!(
            parsed.attachment(0).and_then(MimeHeaders::attachment_name),
            Some(name),
            "{}",
            String::from_utf8_lossy(&mail.bytes)
        );
        assert_eq!(parsed.body_text(0).as_deref(), Some("x"));
    }
}

#[test]
fn bodies_of_every_kind_read_back() {
    for body in [
        "",
        "x",
        "trailing space \nand\ttab",
        ".\n..\n.x",
        "From me",
        &"long ".repeat(400),
        &"x".repeat(5000),
        &"山".repeat(3000),
        "=20 =?utf-8?q?x?=",
    ] {
        let mail = render(&simple("text = '{{ name }}'"), body).expect("renders");
        check_octets(&mail.bytes);
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        let text = parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(text.strip_suffix('\n').unwrap_or(&text), body);
    }
}

#[test]
fn html_is_sent_with_the_line_breaks_that_end_its_file() {
    for word in ["word", "é", "日本語の文章"] {
        for end in ["", "\n", "\n\n\n"] {
            for tag in ["", "{% if name %}{% endif %}"] {
                let html = format!("<p>{word}</p>{end}");
                let front = "+++\nfrom='a@acme.example'\nkind='transactional'\nsubject='x'\n+++\n";
                let message = from_file("a.html", &format!("{front}{tag}{html}")).expect("valid");
                let mail = render(&message, "Ann").expect("renders");
                assert_eq!(mail.html.as_deref(), Some(html.as_str()));
                let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
                let found = parsed.body_html(0).expect("HTML").replace("\r\n", "\n");
                assert_eq!(found, html, "{}", String::from_utf8_lossy(&mail.bytes));
            }
        }
    }
}

#[test]
fn an_html_file_gives_a_text_part() {
    let message = from_file("a.html", "+++\nfrom='a@acme.example'\nkind='transactional'\nsubject='x'\n+++\n<p>Hi {{ name }}</p>\n").expect("valid");
    let mail = render(&message, "A & <B>").expect("renders");
    assert_eq!(mail.html.as_deref().map(str::trim), Some("<p>Hi A &amp; &lt;B&gt;</p>"));
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hi A & <B>"));
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    assert!(matches!(parsed.parts[0].body, PartType::Multipart(_)));
}

#[test]
fn flags_win_over_front_matter_which_wins_over_the_configuration() {
    let (_directory, path) =
        file("a.txt", "+++\nsubject = 'front'\nreply_to = 'front@acme.example'\n+++\nHi\n");
    let message = Message::load(&MessageSource {
        file: Some(path),
        inline: keys("from = 'Inline <a@acme.example>'\nsubject = 'inline'\nkind = 'marketing'\nreply_to = 'inline@acme.example'"),
        flags: keys("subject = 'flag'"),
        body_folder: None,
    })
    .expect("valid");
    let mail = render(&message, "x").expect("renders");
    assert_eq!(
        (mail.subject.as_str(), message.kind(), message.envelope_sender().as_str()),
        ("flag", Kind::Marketing, "a@acme.example")
    );
    assert!(String::from_utf8_lossy(&mail.bytes).contains("Reply-To: front@acme.example\r\n"));
}

#[test]
fn unsubscribe_headers_follow_the_url() {
    let message = simple(
        "text = 'Leave: {{ unsubscribe_url }}'\nunsubscribe_url = 'https://acme.example/u/{{ name | urlencode }}'",
    );
    let mail = render(&message, "Zoë M").expect("renders");
    let text = String::from_utf8(mail.bytes).expect("ASCII");
    assert!(
        text.contains("List-Unsubscribe: <https://acme.example/u/Zo%C3%AB%20M>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"),
        "{text}"
    );
    assert_eq!(mail.text.as_deref(), Some("Leave: https://acme.example/u/Zo%C3%AB%20M"));
    let mailto = simple("text = 'x'\nunsubscribe_url = 'mailto:leave@acme.example'");
    assert!(
        !String::from_utf8_lossy(&render(&mailto, "x").expect("renders").bytes)
            .contains("One-Click")
    );
    for url in [
        "{{ name }}",
        "https:///u",
        "https://acme.example/{{ name }}",
        "javascript:x",
        "https://acme.example/<x>",
    ] {
        let message = simple(&format!("text = 'x'\nunsubscribe_url = '{url}'"));
        let why = render(&message, "a b@secret").expect_err(url);
        assert!(why.template == "unsubscribe_url" && !why.to_string().contains("secret"), "{why}");
    }
}

#[test]
fn custom_headers_are_templates_and_an_empty_one_is_left_out() {
    let message = simple("text = 'x'\n[headers]\nX-Name = '{{ name }}'\nX-None = '{{ \"\" }}'");
    let mail = render(&message, "a\r\nBcc: eve@evil.example").expect("renders");
    check_octets(&mail.bytes);
    let names = header_names(&mail.bytes);
    assert!(
        names.contains(&"X-Name".to_owned())
            && !names.contains(&"X-None".to_owned())
            && !names.contains(&"Bcc".to_owned()),
        "{names:?}"
    );
}

#[test]
fn what_is_missing_is_named_with_the_place_to_put_it() {
    for (toml, key) in [
        ("kind = 'marketing'\nsubject = 'x'\ntext = 'x'", "`from` is not set"),
        ("from = 'a@b.example'\nsubject = 'x'\ntext = 'x'", "`kind` is not set"),
        ("from = 'a@b.example'\nkind = 'marketing'\ntext = 'x'", "`subject` is not set"),
        ("from = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'", "no body"),
        ("from = 'a b'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'", "message.from: "),
        (
            "from = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'\nheaders = { Bcc = 'x' }",
            "the header Bcc cannot be set",
        ),
        (
            "from = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'\nheaders = { Reply-To = 'x' }",
            "set `reply_to` instead",
        ),
    ] {
        let error = inline(toml).expect_err(key);
        assert!(
            error.exit() == Exit::USAGE
                && error.to_string().contains(key)
                && error.to_string().contains("hint: "),
            "{error}"
        );
    }
    let error = from_file("a.md", "+++\nfrom = 'a b'\n+++\nHi").expect_err("a bad mailbox");
    assert!(error.to_string().contains("a.md:2: from: "), "{error}");
}

#[test]
fn a_syntax_error_in_a_body_counts_lines_from_the_top_of_the_file() {
    let error = from_file(
        "a.md",
        "+++\nfrom = 'a@b.example'\nkind = 'marketing'\nsubject = 'x'\n+++\nHi\n  {{ a b }}\n",
    )
    .expect_err("refused");
    assert_eq!(error.exit(), Exit::REFUSED);
    assert!(error.to_string().contains("a.md:7:8: "), "{error}");
    let error = from_file(
        "a.md",
        "+++\nfrom = 'a@b.example'\nkind = 'marketing'\nsubject = '{% if x %}'\n+++\nHi\n",
    )
    .expect_err("refused");
    assert!(error.to_string().contains("a.md:4: subject, column "), "{error}");
}

#[test]
fn a_missing_variable_is_found_by_the_probe() {
    let why = render(&simple("text = 'Hi {{ frist_name }}'"), "x").expect_err("undefined");
    assert_eq!((why.template.as_str(), why.missing.as_deref()), ("text body", Some("frist_name")));
}

#[test]
fn lint_is_short_and_useful() {
    let marketing = inline("from = 'a@localhost'\nkind = 'marketing'\nsubject = 'x'\ntext = 'x'")
        .expect("valid");
    let found = marketing.lint();
    assert!(
        found.len() == 2 && found[0].contains("unsubscribe_url") && found[1].contains("no dot"),
        "{found:?}"
    );
    assert_eq!(simple("text = 'x'").lint(), Vec::<String>::new());
}

#[test]
fn messages_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Message>();
}

proptest! {
    #[test]
    fn no_value_makes_a_header(name in any::<String>()) {
        let message = simple("text = '{{ name }}'\nto_name = '{{ name }}'\nheaders = { X-Name = '{{ name }}' }");
        let mail = render(&message, &name).expect("renders");
        check_octets(&mail.bytes);
        let mut expected = vec!["From", "To", "Subject", "Date", "Message-ID"];
        if !header::sanitise(&name).is_empty() {
            expected.push("X-Name");
        }
        expected.extend(["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]);
        prop_assert_eq!(header_names(&mail.bytes), expected);
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        let subject = format!("Hi {name}");
        prop_assert_eq!(parsed.subject().unwrap_or_default(), header::sanitise(&subject));
        let to = parsed.to().and_then(|to| to.first()).expect("a mailbox");
        prop_assert_eq!(to.name.as_deref().unwrap_or_default(), header::sanitise(&name));
    }
}

#[test]
fn attachments_follow_a_prepared_message_as_they_follow_a_whole_one() {
    for more in ["text = 'Hi {{ name }}'", "text = 'Hi {{ name }}'\nhtml = '<p>{{ name }}</p>'"] {
        let mut frozen = simple(more).frozen;
        let attachment = |name: &str| attachment::Attachment {
            name: name.to_owned(),
            content_type: "application/pdf".to_owned(),
            data: BASE64_STANDARD.encode(b"%PDF"),
            cid: None,
        };
        frozen.attachments = vec![attachment("a.pdf"), attachment("ü.pdf")];
        let message = Message::compile(frozen, Vec::new()).expect("valid");
        for name in ["Ann", "Zoë", "a\nb"] {
            check_octets(&render(&message, name).expect("renders").bytes);
        }
    }
}
