//! Files of a message: images that its HTML shows.

use super::*;

/// A message with its files beside it.
fn beside(name: &str, content: &str, files: &[(&str, &[u8])]) -> Result<Message> {
    let (directory, path) = file(
        name,
        &format!("+++\nfrom = 'a@acme.example'\nkind = 'transactional'\nsubject = 'x'\n{content}"),
    );
    for (name, data) in files {
        std::fs::write(directory.path().join(name), data).expect("written");
    }
    Message::load(&MessageSource { file: Some(path), ..MessageSource::default() })
}

/// The types of a message's parts, in order, with the Content-ID of each that has one.
fn structure(mail: &Rendered) -> Vec<String> {
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    let part = |part: &mail_parser::MessagePart<'_>| {
        let kind = part.content_type().expect("a type");
        let id = part.content_id().map(|id| format!(" {id}")).unwrap_or_default();
        format!("{}/{}{id}", kind.ctype(), kind.subtype().unwrap_or_default())
    };
    parsed.parts.iter().map(part).collect()
}

#[test]
fn an_image_beside_the_message_goes_with_its_html() {
    let png: &[(&str, &[u8])] = &[("logo.png", b"\x89PNG"), ("a.pdf", b"%PDF")];
    for (name, body) in [
        ("a.html", "+++\n<img src=\"cid:logo.png\"><p>{{ name }}</p><img src=\"cid:logo.png\">"),
        ("a.md", "+++\n![Acme](cid:logo.png)\n\n{{ name }}"),
    ] {
        let message = beside(name, body, png).expect("valid");
        let mail = render(&message, "Zoë").expect("renders");
        check_octets(&mail.bytes);
        let related = [
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png logo.png",
        ];
        assert_eq!(structure(&mail), related, "{name}");
        assert!(mail.html.is_some_and(|html| html.contains("src=\"cid:logo.png\"")));
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        assert_eq!(parsed.parts[4].contents(), b"\x89PNG");
        assert!(message.needs().inline_images);
        let thawed = Message::thaw(&message.freeze()).expect("thaws");
        assert_eq!(render(&thawed, "Zoë").expect("renders").bytes, mail.bytes);
    }
    let listed = "attachments = ['a.pdf', { path = 'logo.png', cid = 'brand@acme' }]\n+++\n<img src='cid:brand@acme'>";
    let mail = render(&beside("a.html", listed, png).expect("valid"), "x").expect("renders");
    let mixed = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png brand@acme",
        "application/pdf",
    ];
    assert_eq!(structure(&mail), mixed);
}

#[test]
fn a_reference_to_no_file_is_refused() {
    for (name, content, says) in [
        ("a.html", "+++\n<img src='cid:none.png'>", "cid:none.png refers to no file"),
        ("a.html", "+++\n<img src='cid:../logo.png'>", "refers to no file"),
        ("a.html", "+++\n<img src='cid:{{ name }}'>", "has a value in it"),
        (
            "a.txt",
            "attachments = [{ path = 'logo.png', cid = 'x' }]\n+++\nHi",
            "no HTML to show it in",
        ),
        (
            "a.html",
            "attachments = [{ path = 'logo.png', cid = 'a b' }]\n+++\nHi",
            "that a Content-ID cannot have",
        ),
    ] {
        let error = beside(name, content, &[("logo.png", b"x")]).expect_err(says).to_string();
        assert!(error.contains(says) && error.contains("hint: "), "{error}");
    }
    let odd = beside(
        "a.html",
        "attachments = [{ path = 'logo.png', cid = 'x' }]\n+++\nHi",
        &[("logo.png", b"x")],
    );
    assert!(odd.expect("valid").lint().iter().any(|line| line.contains("cid = \"x\"")));
}
