//! Hostile values in templates: whatever a list holds, a message has the headers, parts and
//! elements of its template, and no others.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use mail_parser::{MessageParser, PartType};
use mailbatch::internals::address::Address;
use mailbatch::internals::input::ColumnIndex;
use mailbatch::internals::message::{Ident, Message, MessageKeys, MessageSource, Rendered};
use mailbatch::internals::recipient::{Columns, Fields};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "<",
    ">",
    "&",
    "\"",
    "'",
    "</p>",
    "<script>alert(1)</script>",
    "<!--",
    "-->",
    "\" onload=\"x",
    "javascript:",
    "\r\nBcc: eve@evil.example\r\n",
    "\r\n\r\n<html>",
    "\n.\n",
    "--",
    "=?utf-8?q?x?=",
    "{{ secret }}",
    "{% include 'x' %}",
    "**",
    "_",
    "[x](http://evil.example)",
    "![x](y)",
    "`",
    "```\n",
    "    ",
    "\n\n# ",
    "\n- ",
    "> ",
    "1. ",
    "|",
    "\\",
    "<http://evil.example>",
    "http://evil.example",
    "&lt;",
    "&#60;",
    "\u{2028}",
    "\u{202e}",
    "\u{85}",
    "\u{b}",
    "ann@example.com",
    ", eve@evil.example",
    ";",
    "(",
    "=\r\n",
    "=20",
    "\t",
    "~~",
    "***\n",
    "===\n",
];

#[test]
fn templates() {
    let seeds = seeds::texts(&[
        "Ann",
        "Zoë O'Hara",
        "<b>Ann</b>",
        "Ann\r\nBcc: eve@evil.example",
        "[Ann](http://evil.example) **bold** `code`",
        "a, b; \"c\" (d) <e@f.example>",
    ]);
    fuzz(Target { name: "templates", seeds, words: WORDS, check });
}

const MARKDOWN: &str = "+++\nfrom = 'Acme <news@acme.example>'\nkind = 'marketing'\nsubject = 'Hi {{ name }}'\nto_name = '{{ name }}'\nunsubscribe_url = 'https://acme.example/u/{{ name | urlencode }}'\n[headers]\nX-Name = '{{ name }}'\n+++\n\
    # Hi {{ name }}\n\n**{{ name }}**, see [{{ name }}](https://acme.example/?n={{ name | urlencode }}).\n\n- {{ name }}\n\n> {{ name }}\n\nbye {{ name }}\n";
const HTML: &str = "+++\nfrom = 'news@acme.example'\nkind = 'transactional'\nsubject = '{{ name }}'\n+++\n<html><body><p title=\"{{ name }}\" id='{{ name }}'>Hi {{ name }}</p><a href=\"https://acme.example/?n={{ name | urlencode }}\">x</a>\
    {% if name %}<b>{{ name | upper }}</b>{% endif %}</body></html>\n";
const TEXT: &str = "+++\nfrom = 'news@acme.example'\nkind = 'transactional'\nsubject = 'x'\n+++\nHi {{ name }},\nbye\n";

static MESSAGES: LazyLock<Vec<(&str, Message)>> = LazyLock::new(|| {
    let dir = seeds::room();
    let load = |(name, text): (&'static str, &str)| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("room");
        let source = MessageSource {
            file: Some(path),
            inline: MessageKeys::default(),
            body_folder: None,
            flags: MessageKeys::default(),
        };
        (name, Message::load(&source).expect("a message"))
    };
    [("m.md", MARKDOWN), ("m.html", HTML), ("m.txt", TEXT)].map(load).into()
});

fn render(message: &Message, name: &str) -> Result<Rendered, String> {
    let index =
        Arc::new(ColumnIndex::new(&Columns::new(vec!["email".to_owned(), "name".to_owned()])));
    let fields = Fields::Text(csv::StringRecord::from(vec!["ann@example.com", name]));
    let to = Address::parse("ann@example.com").expect("an address");
    let ident = Ident {
        campaign: "spring",
        env: None,
        key: "ann@example.com",
        secret: &[7; 32],
        date: Timestamp::UNIX_EPOCH,
    };
    let whole = message.render(&index, &fields, &to, &ident).map_err(|why| why.to_string())?;
    let again = message.render(&index, &fields, &to, &ident).expect("it renders");
    assert!(again.bytes == whole.bytes, "a variant that is kept gives the same bytes");
    assert!(message.probe(&index, &fields).is_ok());
    Ok(whole)
}

/// What the structure of a message is: the names of its headers, its parts, the elements of its
/// HTML.
#[derive(Debug, PartialEq, Eq)]
struct Structure {
    headers: Vec<String>,
    recipients: Vec<String>,
    parts: Vec<String>,
    elements: Vec<String>,
}

fn structure(mail: &Rendered) -> Structure {
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    let headers = parsed.headers().iter().map(|header| header.name().to_owned()).collect();
    let addresses = |list: Option<&mail_parser::Address<'_>>| {
        list.into_iter()
            .flat_map(|list| list.iter())
            .map(|one| one.address().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let recipients =
        [parsed.to(), parsed.cc(), parsed.bcc()].into_iter().flat_map(addresses).collect();
    let kind = |part: &mail_parser::MessagePart<'_>| match &part.body {
        PartType::Text(_) => "text",
        PartType::Html(_) => "html",
        PartType::Multipart(_) => "multipart",
        _ => "other",
    };
    let parts = parsed.parts.iter().map(|part| kind(part).to_owned()).collect();
    Structure {
        headers,
        recipients,
        parts,
        elements: mail.html.as_deref().map(elements).unwrap_or_default(),
    }
}

/// The elements of HTML with the names of their attributes.
fn elements(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let mut quote = None;
        let end = after.find(|c: char| match (quote, c) {
            (None, '>') => true,
            (None, '"' | '\'') => {
                quote = Some(c);
                false
            }
            (Some(open), c) if c == open => {
                quote = None;
                false
            }
            _ => false,
        });
        let Some(end) = end else {
            found.push("an element without an end".to_owned());
            break;
        };
        // A line break of a value becomes one.
        if &after[..end] != "br" {
            found.push(without_values(&after[..end]));
        }
        rest = &after[end + 1..];
    }
    found
}

fn without_values(tag: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for c in tag.chars() {
        match quote {
            None => {
                out.push(c);
                quote = matches!(c, '"' | '\'').then_some(c);
            }
            Some(open) if c == open => {
                out.push(c);
                quote = None;
            }
            Some(_) => {}
        }
    }
    out
}

fn check(document: &[u8]) {
    let Ok(name) = std::str::from_utf8(document) else { return };
    // A value of blanks alone may leave an element, or a header, empty.
    let name = format!("x{name}y");
    for (file, message) in MESSAGES.iter() {
        let Ok(mail) = render(message, &name) else { continue };
        let expected = structure(&render(message, "Ann").expect("a plain value renders"));
        assert_eq!(structure(&mail), expected, "{file} with {name:?}");
        check_bytes(&mail);
        assert!(!mail.subject.contains(char::is_control), "{:?}", mail.subject);
    }
    check_text(&name);
}

fn check_bytes(mail: &Rendered) {
    let text = std::str::from_utf8(&mail.bytes).expect("ASCII");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "a bare CR or LF");
    assert!(text.split("\r\n").all(|line| line.len() <= 998), "a line that is too long");
    let head = text.split_once("\r\n\r\n").expect("a body").0;
    assert!(
        head.is_ascii()
            && !head.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t'))
    );
    for line in head.split("\r\n") {
        let is_header = line.split_once(':').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| matches!(byte, 33..=126))
        });
        assert!(
            is_header || line.starts_with([' ', '\t']),
            "{line:?} is neither a header nor the rest of one"
        );
    }
}

/// A value in a text stands there as it is.
fn check_text(name: &str) {
    let (_, message) = MESSAGES.iter().find(|(file, _)| *file == "m.txt").expect("a text");
    let mail = render(message, name).expect("any value renders in a text");
    assert_eq!(
        mail.text.as_deref().map(|text| text.replace("\r\n", "\n")),
        Some(format!("Hi {name},\nbye").replace("\r\n", "\n")).map(|text| text
            + if mail.text.as_deref().is_some_and(|text| text.ends_with('\n')) {
                "\n"
            } else {
                ""
            })
    );
}
