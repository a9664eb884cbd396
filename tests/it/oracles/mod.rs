//! Messages of every shape, delivered by Postfix and read by other programs: Python's parser finds the
//! content that was written and no defect, and SpamAssassin's rules about the form of mail find nothing.

mod shapes;

use std::os::unix::fs::PermissionsExt;

use shapes::Shape;

use crate::support::peers::{Postfix, PostfixOptions, Reading, SpamAssassin, peer, read_by_python};
use crate::support::{Workspace, workspace};

/// A workspace with this message and a relay at `url`.
fn workspace_of(shape: &Shape, url: &str) -> Workspace {
    let work = workspace();
    for (name, content) in &shape.files {
        work.file(name, content);
        let private = PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(work.join(name), private).expect("it is ours");
    }
    let mut keys = shape.keys.clone();
    if let Some((file, _)) = shape.files.first() {
        keys += &format!("file = \"{file}\"\n");
    }
    if !keys.contains("kind = ") {
        keys += "kind = \"transactional\"\n";
    }
    let mut row = shape.row.clone();
    row["email"] = address(shape).into();
    work.file("list.json", serde_json::json!([row]).to_string());
    work.config(&format!(
        "[message]\nfrom = '\"Acme, \\\"News\\\"\" <news@acme.example>'\n{keys}\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{url}\"\n{}\n",
        shape.relay
    ));
    work
}

fn address(shape: &Shape) -> String {
    format!("{}@example.com", shape.name)
}

/// Each shape as Postfix delivered it.
fn delivered(shapes: &[Shape]) -> Option<Vec<Vec<u8>>> {
    let postfix = Postfix::start(PostfixOptions::default())?;
    for shape in shapes {
        let work = workspace_of(shape, &postfix.url());
        let ran = work.run(&["send", "list.json"]);
        assert_eq!(ran.code, 0, "{}: {}{}", shape.name, ran.out, ran.err);
    }
    let stored = postfix.wait_delivered(shapes.len());
    let of = |shape: &Shape| {
        let recipients = [address(shape)];
        let mut raws = stored.iter().filter(|stored| stored.recipients == recipients);
        let raw = raws.next().unwrap_or_else(|| panic!("{} did not come", shape.name)).raw.clone();
        assert!(raws.next().is_none(), "{} came twice", shape.name);
        raw
    };
    Some(shapes.iter().map(of).collect())
}

/// Asserts that two texts are equal; the panic shows the first difference.
#[track_caller]
fn same(name: &str, what: &str, found: &str, expected: &str) {
    let differs = found.chars().zip(expected.chars()).position(|(a, b)| a != b);
    if found != expected {
        let at = differs.unwrap_or_else(|| found.chars().count().min(expected.chars().count()));
        let near =
            |text: &str| text.chars().skip(at.saturating_sub(30)).take(80).collect::<String>();
        panic!("{name}: {what} at {at}: {:?} instead of {:?}", near(found), near(expected));
    }
}

fn assert_reads(shape: &Shape, read: &Reading) {
    let name = shape.name;
    same(name, "subject", &read.subject, &shape.subject);
    let mailbox = |name: &str, address: &str| (name.to_owned(), address.to_owned());
    assert_eq!(read.from, [mailbox("Acme, \"News\"", "news@acme.example")], "{name}");
    assert_eq!(read.to, [mailbox(shape.to_name, &address(shape))], "{name}");
    let reply_to: Vec<_> = shape.reply_to.iter().map(|(name, at)| mailbox(name, at)).collect();
    assert_eq!(read.reply_to, reply_to, "{name}");
    for (header, expected) in &shape.headers {
        let found = read.headers.get(*header).unwrap_or_else(|| panic!("{name}: no {header}"));
        same(name, header, found, expected);
    }
    let known = [
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "subject",
        "to",
    ];
    for header in read.headers.keys() {
        let is_expected = shape.headers.iter().any(|(expected, _)| expected == header);
        assert!(
            is_expected || known.contains(&header.as_str()),
            "{name}: {header} was not asked for"
        );
    }
    // The last line break of a text may belong to the boundary after it.
    let text = read.text().expect("every message has a text");
    same(name, "text", text.trim_end_matches('\n'), shape.text.trim_end_matches('\n'));
    assert_eq!(read.html().is_some(), shape.html.is_some(), "{name}");
    if let (Some(found), Some(expected)) = (read.html(), &shape.html) {
        assert_html(name, &found, expected);
    }
    let found: Vec<_> = read
        .attachments
        .iter()
        .map(|a| (a.name.as_str(), a.content_type.as_str(), a.charset.as_deref()))
        .collect();
    let expected: Vec<_> = shape.attachments.iter().map(|a| (a.0, a.1, a.2)).collect();
    assert_eq!(found, expected, "{name}");
    for (found, (.., expected)) in read.attachments.iter().zip(&shape.attachments) {
        assert!(found.content() == *expected, "{name}: {} has other bytes", found.name);
    }
    assert!(read.images() == shape.images, "{name}: other images");
    let now = jiff::Timestamp::now().as_second() as f64;
    assert!((now - 3600.0..=now + 1.0).contains(&read.date), "{name}: {}", read.date);
}

/// Asserts that HTML is the expected one. `PREHEADER` stands for the preheader with its filler.
fn assert_html(name: &str, found: &str, expected: &str) {
    match expected.split_once("PREHEADER") {
        Some((before, after)) => {
            let inner = found.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            assert!(inner.is_some_and(|inner| inner.contains("Ann, three days only")), "{found}");
        }
        None => same(name, "HTML", found, expected),
    }
}

#[test]
fn every_shape_comes_back_from_the_maildir_as_it_was_written() {
    let shapes = shapes::all();
    let raws = peer!(delivered(&shapes));
    let reads = peer!(read_by_python(&raws));
    for (shape, read) in shapes.iter().zip(&reads) {
        assert_reads(shape, read);
    }
}

#[test]
fn no_rule_about_the_form_of_mail_is_hit() {
    let assassin = peer!(SpamAssassin::find());
    let shapes = shapes::all();
    let mut raws = peer!(delivered(&shapes));
    // A malformed message proves that these rules are loaded.
    raws.push(b"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n".to_vec());
    let mut rules = assassin.rules(&raws);
    let about_form = |rules: &[String]| -> Vec<String> {
        let kinds = ["MIME_", "MISSING_", "INVALID_", "HEADER_", "FONT_INVIS"];
        rules
            .iter()
            .filter(|rule| kinds.iter().any(|kind| rule.starts_with(kind)))
            .cloned()
            .collect()
    };
    let control = about_form(&rules.pop().expect("one for each message"));
    assert!(control.contains(&"MIME_HTML_ONLY".to_owned()), "{control:?}");
    assert!(control.contains(&"MISSING_FROM".to_owned()), "{control:?}");
    let hit: Vec<_> = shapes
        .iter()
        .zip(&rules)
        .map(|(shape, rules)| (shape.name, about_form(rules)))
        .filter(|(_, rules)| !rules.is_empty())
        .collect();
    assert!(hit.is_empty(), "{hit:?}");
}
