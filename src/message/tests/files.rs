//! Tests of a message's files: inline images and attachments that differ for each row.

use super::*;

/// Loads a message file with other files in the same folder.
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

/// The content type and Content-ID of each part of a message.
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

#[test]
fn images_of_bodies_that_rows_choose_go_with_each_of_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("emails")).expect("made");
    for (name, data) in [
        ("emails/Ann.html", "<img src='cid:ann.png'>{% include 'footer.html' %}"),
        ("emails/Bob.html", "<p>Hi</p><img srcset='cid:ann.png 1x, cid:logo.png 2x'>"),
        ("emails/footer.html", "<img src='cid:logo.png'>"),
        ("emails/ann.png", "ANN"),
        ("emails/logo.png", "LOGO"),
    ] {
        std::fs::write(at(name), data).expect("written");
    }
    let keys = "from = 'a@acme.example'\nkind = 'transactional'\nsubject = 'x'\nbody = 'emails/{{ name }}.html'";
    let source = MessageSource {
        inline: self::keys(keys),
        body_folder: Some(directory.path().to_owned()),
        ..MessageSource::default()
    };
    let message = Message::load(&source).expect("valid");
    assert_eq!(message.name(), "emails");
    let thawed = Message::thaw(&message.freeze()).expect("thaws");
    for name in ["Ann", "Bob"] {
        let mail = render(&message, name).expect("renders");
        check_octets(&mail.bytes);
        let mut images = structure(&mail).split_off(4);
        images.sort();
        assert_eq!(images, ["image/png ann.png", "image/png logo.png"], "{name}");
        assert_eq!(structure(&mail)[2..4], ["multipart/related", "text/html"]);
        assert_eq!(render(&thawed, name).expect("renders").bytes, mail.bytes);
    }
    assert!(render(&message, "footer").is_ok() && render(&message, "Eve").is_err());
    let mut files: Vec<_> = message
        .files()
        .iter()
        .map(|file| file.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    files.sort();
    files.dedup();
    assert_eq!(files, ["Ann.html", "Bob.html", "ann.png", "footer.html", "logo.png"]);
}

/// Loads a message that attaches a different file for each row. The directory contains these files.
fn of_rows(keys: &str, files: &[(&str, &[u8])]) -> (tempfile::TempDir, Result<Message>) {
    let (directory, path) = file(
        "a.html",
        &format!(
            "+++\nfrom = 'a@acme.example'\nkind = 'transactional'\nsubject = 'x'\nattach_dir = 'files'\n{keys}\n+++\n<p>{{{{ name }}}}</p>"
        ),
    );
    std::fs::create_dir(directory.path().join("files")).expect("made");
    for (name, data) in files {
        std::fs::write(directory.path().join("files").join(name), data).expect("written");
    }
    let message = Message::load(&MessageSource { file: Some(path), ..MessageSource::default() });
    (directory, message)
}

#[test]
fn a_file_of_a_row_is_attached_as_one_of_all_rows_is() {
    let long: Vec<u8> = (0..=255).cycle().take(10_001).collect();
    let files: &[(&str, &[u8])] = &[
        ("a.pdf", &long),
        ("b.txt", "Größe\n".as_bytes()),
        ("c.eml", b"Subject: x\n\nHello\n"),
        ("d.eml", "Subject: ü\n\nHello\n".as_bytes()),
        ("e", &long[..57]),
        ("f.PNG", &long[..58]),
    ];
    for (name, _) in files {
        for more in ["", ", name = 'Größe \"x\".pdf'", ", content_type = 'application/x-thing'"] {
            let key = |path: &str| format!("attachments = [{{ path = '{path}'{more} }}]");
            let (kept, own) = of_rows(&key("{{ name }}"), files);
            let own = own.expect("valid");
            let (_kept, shared) = of_rows(&key(&format!("files/{name}")), files);
            let (own, shared) = (
                render(&own, name).expect("renders"),
                render(&shared.expect("valid"), name).expect("renders"),
            );
            let shown = |mail: &Rendered| String::from_utf8_lossy(&mail.bytes).into_owned();
            assert_eq!(shown(&own), shown(&shared), "{name}{more}");
            drop(kept);
        }
    }
}

#[test]
fn what_was_planned_is_what_is_attached() {
    let (directory, message) = of_rows(
        "attachments = [{ path = '{{ name }}' }, { path = '{% if name == \"a.pdf\" %}b.png{% endif %}', cid = 'x' }]",
        &[("a.pdf", b"%PDF"), ("b.png", b"PNG"), ("c.pdf", b"other")],
    );
    let message = message.expect("valid");
    let at = |name: &str| directory.path().join("files").join(name);
    let plan = |name: &str| {
        let (index, fields) = row(name);
        message.plan_files(&index, &fields).map_err(|why| why.to_string())
    };
    let attach = |name: &str, planned: Option<&str>| {
        let (index, fields) = row(name);
        match message.attach(&index, &fields, planned) {
            Ok(files) => Ok(files
                .0
                .into_iter()
                .map(|file| (file.name, file.data.to_string()))
                .collect::<Vec<_>>()),
            Err(Trouble::Row(why) | Trouble::Ours(why)) => Err(why.to_string()),
        }
    };
    let planned = plan("a.pdf").expect("planned").expect("two files");
    assert!(planned.contains("\"size\":4") && planned.contains("b.png"), "{planned}");
    let both = attach("a.pdf", Some(&planned)).expect("attached");
    assert_eq!(both[0], ("a.pdf".to_owned(), BASE64_STANDARD.encode("%PDF")));
    assert_eq!((both.len(), plan("  ")), (2, Ok(None)));
    assert_eq!(attach("", None), Ok(vec![]));
    assert!(message.needs().inline_images && message.needs().attachments);
    // The planned bytes are cached. A message without a cache needs the unchanged file.
    let fresh = Message::thaw(&message.freeze()).expect("thaws");
    let (index, fields) = row("a.pdf");
    std::fs::write(at("a.pdf"), b"%PDG").expect("written");
    let why = fresh.attach(&index, &fields, Some(&planned)).expect_err("changed");
    assert!(matches!(why, Trouble::Row(why) if why.message.contains("has changed since")));
    assert_eq!(attach("a.pdf", Some(&planned)), Ok(both));
    for (name, planned) in
        [("c.pdf", Some(planned.as_str())), ("c.pdf", None), ("a.pdf", Some("[]"))]
    {
        assert!(attach(name, planned).expect_err("others").contains("planned with other files"));
    }
    assert!(attach("a.pdf", Some("x")).expect_err("damaged").contains("cannot be read back"));
    for (name, says) in [("../a.html", "`..`"), ("none", "no such file")] {
        let why = plan(name).expect_err(says);
        assert!(why.starts_with("path of attachment 1") && why.contains(says), "{why}");
    }
}

#[test]
fn base64_counts_where_a_message_is_too_large() {
    let (directory, message) =
        of_rows("attachments = [{ path = '{{ name }}' }, { path = '{{ name }}' }]", &[]);
    let message = message.expect("valid");
    for (length, goes) in [(60_000_000 / 78 * 57 / 2, true), (60_000_000 / 78 * 57 / 2 + 57, false)]
    {
        let file = std::fs::File::create(directory.path().join("files/large")).expect("made");
        file.set_len(length).expect("a file with holes");
        let (index, fields) = row("large");
        let fresh = Message::thaw(&message.freeze()).expect("thaws");
        assert_eq!(fresh.plan_files(&index, &fields).is_ok(), goes, "{length}");
    }
}
