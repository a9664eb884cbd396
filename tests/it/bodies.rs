//! Bodies: MJML, inlined CSS, files that templates include, and files among which rows choose.

use mail_parser::MessageParser;

use crate::support::peers::{SmtpSink, peer};
use crate::support::{Workspace, workspace};

const MJML: &str = "+++\nsubject = \"Hi {{ name }}\"\n+++\n<mjml>\n<mj-head><mj-style inline=\"inline\">.x div { font-style: italic }</mj-style></mj-head>\n<mj-body><mj-section><mj-column>\n\
    {% if name == 'Ann' %}<mj-text css-class=\"x\">Dear {{ name }} &amp; co</mj-text>{% else %}<mj-text>Hello <b>{{ name }}</b></mj-text>{% endif %}\n\
    <mj-button href=\"https://acme.example/{{ id }}?a={{ name | urlencode }}\">Shop</mj-button></mj-column></mj-section></mj-body>\n</mjml>\n";

/// A sandbox with `[message]` lines and a list of three.
fn sandbox(message: &str) -> Workspace {
    let work = workspace();
    work.config(&format!(
        "[message]\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\n{message}\n[providers.sandbox]\nkind = \"sandbox\"\n"
    ))
    .file(
        "list.csv",
        "email,name,id,locale\nann@example.com,Ann,1,en\nzoe@example.com,Zoë <&>,2,de\nbob@example.com,Bob,3,en\n",
    );
    work
}

/// The text and HTML of the mail to an address.
fn mail(work: &Workspace, to: &str) -> (String, String) {
    let outbox = work.outbox();
    let raw = outbox.values().find(|raw| crate::support::ran::to(raw) == to);
    let raw = raw.unwrap_or_else(|| panic!("no mail to {to}"));
    let message = MessageParser::default().parse(raw).expect("a message");
    let text = message.body_text(0).unwrap_or_default().into_owned();
    (text, message.body_html(0).unwrap_or_default().into_owned())
}

#[test]
fn an_mjml_message_is_checked_previewed_and_sent() {
    let work = sandbox("file = \"welcome.mjml\"");
    work.file("welcome.mjml", MJML);
    work.run(&["check", "list.csv"]).ends(0);
    work.run(&["preview", "list.csv", "--row", "1"]).ends(0).says("Dear Ann & co");
    work.run(&["send", "list.csv", "--dry-run"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    let (text, html) = mail(&work, "ann@example.com");
    assert!(
        text.contains("Dear Ann & co") && text.contains("https://acme.example/1?a=Ann"),
        "{text}"
    );
    assert!(html.contains("Dear Ann &amp; co") && html.contains("font-style: italic"), "{html}");
    assert!(html.contains("<!--[if mso | IE]>") && !html.contains("mbq"), "{html}");
    let (_, html) = mail(&work, "zoe@example.com");
    assert!(html.contains("Hello <b>Zoë &lt;&amp;&gt;</b>"), "{html}");
    assert!(html.contains("https://acme.example/2?a=Zo%C3%AB%20%3C%26%3E"), "{html}");
}

#[test]
fn mjml_arrives_at_smtp_sink_as_the_sandbox_keeps_it() {
    let sink = peer!(SmtpSink::start(&[]));
    let work = sandbox("file = \"welcome.mjml\"");
    work.file("welcome.mjml", MJML);
    let config = work.read("mailbatch.toml");
    work.run(&["send", "list.csv"]).ends(0);
    let kept = mail(&work, "ann@example.com");
    let relay = format!(
        "[providers.relay]\nkind = \"smtp\"\nurl = \"{}\"\n[route]\norder = [\"relay\"]\n",
        sink.url()
    );
    work.config(&format!("{config}{relay}"));
    work.run(&["send", "list.csv", "--campaign", "relay", "--again", "--provider", "relay"])
        .ends(0);
    let stored = sink.stored();
    let stored =
        stored.iter().find(|stored| stored.recipients == ["ann@example.com"]).expect("mail to Ann");
    let message = MessageParser::default().parse(&stored.raw).expect("a message");
    assert_eq!(
        message
            .body_html(0)
            .as_deref()
            .map(|html| html.replace("\r\n", "\n").trim_end().to_owned()),
        Some(kept.1.replace("\r\n", "\n").trim_end().to_owned())
    );
}

#[test]
fn mistakes_in_mjml_and_in_what_it_includes_name_their_places() {
    let work = sandbox("file = \"welcome.mjml\"");
    let body = |inner: &str| {
        format!("+++\nsubject = \"x\"\n+++\n<mjml><mj-body>\n{inner}\n</mj-body></mjml>\n")
    };
    work.file(
        "parts/footer.mjml",
        "<mj-section><mj-column><mj-text>\n{{ nobody }}</mj-text></mj-column></mj-section>",
    );
    let text = |inner: &str| {
        format!("<mj-section><mj-column><mj-text>{inner}</mj-text></mj-column></mj-section>")
    };
    for (inner, says) in [
        ("<mj-section>".to_owned(), "welcome.mjml:6:1: </mj-body> ends <mj-section>"),
        (
            "<mj-include path=\"/etc/passwd\" />".to_owned(),
            "welcome.mjml:5:1: <mj-include path=\"/etc/passwd\">: it is not below",
        ),
        (text("\n\n{{ 'x"), "welcome.mjml:7"),
        (text("\n{{ nobody }}"), "line 6: `nobody` is undefined"),
        (text("\n{% endif %}"), "welcome.mjml:6: "),
        (
            "<mj-include path=\"parts/footer.mjml\" />".to_owned(),
            "(parts/footer.mjml), line 2: `nobody` is undefined",
        ),
    ] {
        work.file("welcome.mjml", body(&inner));
        work.run(&["check", "list.csv"]).ends(4).says(says);
    }
    for (bytes, says) in [
        (&b""[..], "the body is empty"),
        (b"<mjml>\n\xeb</mjml>", "welcome.mjml:2: not UTF-8"),
        (b"\xff\xfe<\0m\0", "UTF-16"),
    ] {
        work.file("welcome.mjml", bytes);
        work.run(&["check", "list.csv", "--subject", "x"]).ends(4).says(says);
    }
    let crlf = format!("\u{feff}{}", MJML.replace('\n', "\r\n"));
    work.file("welcome.mjml", crlf);
    work.run(&["check", "list.csv"]).ends(0);
}

#[test]
fn css_is_inlined_where_that_is_asked_for_and_nothing_else_is_changed() {
    let html = "<!DOCTYPE html>\n<html><head><style>p { color: red } @media print { p { top: 0 } }</style></head><body><!-- n -->\n<p class=a>{{ name }} &copy;<br></body></html>";
    let work = sandbox("file = \"welcome.html\"");
    work.file("welcome.html", format!("+++\nsubject = \"x\"\n+++\n{html}"));
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(
        mail(&work, "ann@example.com").1.trim_end().replace("\r\n", "\n"),
        html.replace("{{ name }}", "Ann")
    );
    let work = sandbox("file = \"welcome.html\"\ninline_css = true");
    work.file("welcome.html", format!("+++\nsubject = \"x\"\n+++\n{html}"));
    work.run(&["send", "list.csv"]).ends(0);
    let sent = mail(&work, "ann@example.com").1.trim_end().replace("\r\n", "\n");
    let (_, style) = sent.split_once("<p class=a style=\"").expect("a style");
    let (style, _) = style.split_once('"').expect("an end");
    assert!(style.starts_with("color: red"), "{sent}");
    assert_eq!(sent.replace(&format!(" style=\"{style}\""), ""), html.replace("{{ name }}", "Ann"));
    let work = sandbox("inline_css = \"yes\"\ntext = \"x\"\nsubject = \"x\"");
    work.run(&["check", "list.csv"]).ends(2).says("message.inline_css is neither true nor false");
}

#[test]
fn each_row_gets_the_body_that_it_names_or_is_invalid() {
    let work = sandbox("file = \"emails/{{ locale }}.html\"\nsubject = \"x\"");
    work.file("emails/en.html", "<p>Hello {{ name }}</p>")
        .file("emails/de.html", "<p>Hallo {{ name }}</p>")
        .file("emails/de.txt", "Hallo als Text, {{ name }}");
    work.run(&["check", "list.csv"]).ends(0);
    work.run(&["preview", "list.csv", "--row", "2"]).ends(0).says("Hallo als Text, Zoë <&>");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(mail(&work, "ann@example.com").1.trim_end(), "<p>Hello Ann</p>");
    let (text, html) = mail(&work, "zoe@example.com");
    assert_eq!(
        (text.trim_end(), html.trim_end()),
        ("Hallo als Text, Zoë <&>", "<p>Hallo Zoë &lt;&amp;&gt;</p>")
    );
    // A body that changed is another message.
    work.file("emails/en.html", "<p>Hi {{ name }}</p>");
    work.run(&["send", "list.csv"]).ends(14).says("the message has changed");

    for (locale, says) in [
        ("fr", "gives \"fr.html\", which is not among the 2 bodies in"),
        ("../secret", "gives \"../secret.html\", which leads out of the folder of the bodies"),
        ("/etc/passwd", "which leads out"),
    ] {
        work.file(
            "list.csv",
            format!("email,name,locale\nann@example.com,Ann,en\nbob@example.com,Bob,{locale}\n"),
        );
        work.file("secret.html", "secret");
        work.run(&["check", "list.csv"]).ends(4).says(says).says("{{ locale }}.html");
    }
    work.run(&[
        "send",
        "list.csv",
        "--campaign",
        "b",
        "--again",
        "--skip-unrendered",
        "--max-invalid",
        "60%",
    ])
    .ends(0);
    assert_eq!(work.report().cell("bob@example.com", "mb_outcome"), "invalid");
}

#[test]
fn bodies_that_cannot_be_chosen_are_refused_when_the_message_is_loaded() {
    let work = sandbox("body = \"emails/{{ locale }}.mjml\"\nsubject = \"x\"");
    let refused = |says: &str| {
        work.run(&["check", "list.csv"]).ends(4).says(says);
    };
    refused("emails");
    work.file("emails/en.mjml", "<mjml><mj-body><mj-section></mj-body></mjml>")
        .file("emails/de.mjml", "<mjml><mj-body></mj-body></mjml>");
    refused("emails/en.mjml:1:28: </mj-body> ends <mj-section>");
    work.file("emails/en.mjml", "+++\nsubject = \"y\"\n+++\n<mjml><mj-body></mj-body></mjml>");
    refused("a body that rows choose has no front matter");
    work.file(
        "emails/en.mjml",
        "<mjml><mj-body>\n<mj-include path=\"footer.mjml\" /></mj-body></mjml>",
    );
    refused("emails/en.mjml:2:1: <mj-include path=\"footer.mjml\">: No such file");
    work.file(
        "emails/footer.mjml",
        "<mj-section><mj-column><mj-text>Bye {{ name }}</mj-text></mj-column></mj-section>",
    );
    // It could be named as a body.
    refused("is outside of <mjml>");
    std::fs::rename(work.join("emails/footer.mjml"), work.join("emails/footer.part"))
        .expect("moved");
    work.file(
        "emails/en.mjml",
        "<mjml><mj-body>\n<mj-include path=\"footer.part\" /></mj-body></mjml>",
    );
    work.run(&["send", "list.csv"]).ends(0);
    assert!(mail(&work, "ann@example.com").1.contains("Bye Ann"));
    work.file("secret.mjml", "<mjml><mj-body></mj-body></mjml>");
    std::os::unix::fs::symlink("../secret.mjml", work.join("emails/fr.mjml")).expect("made");
    refused("emails/fr.mjml: it is not below the message's folder");
    let work = sandbox("subject = \"x\"");
    work.file("emails/en.html", "x");
    work.run(&["check", "list.csv", "--message", "emails"])
        .ends(4)
        .says("it is a directory")
        .says("emails/{{ locale }}.html");
    work.run(&["check", "list.csv", "--message", "emails/{{ locale }}"])
        .ends(2)
        .says("does not end in .html");
}

#[test]
fn templates_include_files_below_the_folder_of_the_message() {
    let work = sandbox("file = \"mail/welcome.html\"");
    work.file("mail/welcome.html", "+++\nsubject = \"{% include 'subject.txt' %}\"\n+++\n{% from 'parts/macros.html' import hi %}<p>{{ hi(name) }}</p>\n{% include \"parts/footer.html\" %}")
        .file("mail/subject.txt", "News for {{ name }}")
        .file("mail/parts/macros.html", "{% macro hi(who) %}Hello <b>{{ who }}</b>{% endmacro %}")
        .file("mail/parts/footer.html", "<p>\nYou are {{ name }}</p>");
    work.run(&["check", "list.csv"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0);
    let (_, html) = mail(&work, "zoe@example.com");
    assert_eq!(
        html.trim_end().replace("\r\n", "\n"),
        "<p>Hello <b>Zoë &lt;&amp;&gt;</b></p>\n<p>\nYou are Zoë &lt;&amp;&gt;</p>"
    );
    work.file("mail/parts/footer.html", "<p>\nYou are {{ nobody }}</p>");
    work.run(&["check", "list.csv"])
        .ends(4)
        .says("(parts/footer.html), line 2: `nobody` is undefined");
    work.file("mail/parts/footer.html", "<p>\n{{ name");
    work.run(&["check", "list.csv"]).ends(4).says("parts/footer.html:2:");
    work.file("mail/parts/footer.html", "x\n{% include '../secret.html' %}")
        .file("secret.html", "secret");
    work.run(&["check", "list.csv"])
        .ends(4)
        .says("parts/footer.html:2: ")
        .says("it is not below the message's folder");
    work.file("mail/parts/footer.html", "{% include 'parts/footer.html' %}");
    work.run(&["check", "list.csv"]).ends(4).says("includes itself");
}

#[test]
fn an_image_goes_to_the_rows_whose_html_shows_it() {
    let images = |work: &Workspace| -> Vec<(String, usize)> {
        let outbox = work.outbox();
        let count = |raw: &Vec<u8>| String::from_utf8_lossy(raw).matches("Content-ID: <").count();
        let mut all: Vec<_> = outbox
            .values()
            .map(|raw| (crate::support::ran::to(raw).to_owned(), count(raw)))
            .collect();
        all.sort();
        all
    };
    let expected = [("ann", 1), ("bob", 1), ("zoe", 0)];
    for (config, file, text) in [
        ("file = \"emails/{{ locale }}.html\"", "emails/en.html", "<img src=\"cid:en.png\">"),
        (
            "file = \"emails/one.html\"",
            "emails/one.html",
            "{% if locale == 'en' %}<img src=\"cid:en.png\">{% endif %}",
        ),
        (
            "file = \"emails/one.md\"",
            "emails/one.md",
            "x {% if locale == 'en' %}![y](cid:en.png){% endif %}",
        ),
    ] {
        let work = sandbox(&format!("{config}\nsubject = \"x\""));
        work.file("emails/de.html", "<p>none</p>").file(file, text).file("emails/en.png", "image");
        work.run(&["send", "list.csv"]).ends(0);
        let expected = expected.map(|(name, count)| (format!("{name}@example.com"), count));
        assert_eq!(images(&work), expected, "{file}");
    }
}

#[test]
fn a_run_is_resumed_from_the_ledger_when_its_files_are_gone() {
    let work = sandbox("file = \"emails/{{ locale }}.mjml\"\nsubject = \"x\"");
    let page = |text: &str| {
        format!(
            "<mjml><mj-body><mj-section><mj-column><mj-text>{text} {{% include 'who.txt' %}}</mj-text></mj-column></mj-section></mj-body></mjml>"
        )
    };
    work.file("emails/en.mjml", page("Hello"))
        .file("emails/de.mjml", page("Hallo"))
        .file("emails/who.txt", "{{ name }}");
    work.run(&["send", "list.csv", "--limit", "1"]).ends(0);
    assert_eq!(work.mailed().len(), 1);
    std::fs::remove_dir_all(work.join("emails")).expect("removed");
    work.run(&["resume"]).ends(0);
    assert_eq!(work.mailed().len(), 3);
    assert!(mail(&work, "zoe@example.com").1.contains("Hallo Zoë &lt;&amp;&gt;"));
}

#[test]
fn bodies_that_rows_choose_are_a_campaign_with_the_name_of_their_folder() {
    let work = sandbox("file = \"emails/{{ locale }}.html\"\nsubject = \"x\"");
    for name in ["emails/de", "emails/en", "other/de", "other/en"] {
        work.file(format!("{name}.html"), "<p>Hi</p>");
    }
    work.run(&["send", "list.csv", "--limit", "1"]).ends(0);
    work.run(&["runs"]).ends(0).says("emails/list");
    // Another folder is another message, and the same people are not mailed again by accident.
    work.run(&["send", "list.csv", "--dry-run", "--message", "other/{{ locale }}.html", "--again"])
        .ends(0);
    work.run(&["send", "list.csv", "--message", "other/{{ locale }}.html", "--again"]).ends(0);
    work.run(&["runs"]).ends(0).says("other/list");
}

#[test]
fn no_output_replaces_a_file_that_the_message_includes() {
    let work = sandbox("file = \"welcome.html\"\nsubject = \"x\"");
    work.file("welcome.html", "{% include 'parts/footer.html' %}<img src=\"cid:logo.png\">")
        .file("parts/footer.html", "<p>{% include 'parts/legal.html' %}")
        .file("parts/legal.html", "legal")
        .file("logo.png", b"PNG");
    for file in ["parts/footer.html", "parts/legal.html", "welcome.html"] {
        work.run(&["send", "list.csv", "--report", file]).ends(2).says("this is the message");
    }
    work.run(&["send", "list.csv"]).ends(0);
    work.run(&["report", &work.newest_run(), "-o", "parts/legal.html"])
        .ends(2)
        .says("this is the message");
}

#[test]
fn css_is_inlined_into_included_rows_of_a_table() {
    let work = sandbox("file = \"welcome.html\"\ninline_css = true\nsubject = \"x\"");
    work.file(
        "welcome.html",
        "<style>.t td { color: red }</style><table class=\"t\">{% include 'row.html' %}</table>",
    )
    .file("row.html", "<tr><td>{{ name }}</td></tr>\n");
    work.run(&["send", "list.csv"]).ends(0);
    let (_, html) = mail(&work, "ann@example.com");
    assert!(html.contains("<tr><td style=\"color: red"), "{html}");
}

#[test]
fn hints_for_invalid_headers_name_the_key() {
    for (keys, says) in [
        ("reply_to = \"{{ name }}\"", "`reply_to` must render to mailboxes"),
        ("feedback_id = \"{{ name }}\"", "`feedback_id` must render to CAMPAIGN"),
        ("unsubscribe_url = \"{{ name }}\"", "`unsubscribe_url` must render to an https"),
    ] {
        let work = sandbox(&format!("text = \"x\"\nsubject = \"x\"\n{keys}"));
        work.run(&["check", "list.csv"]).ends(4).says(says);
        work.run(&["send", "list.csv"]).ends(4).says(says);
        work.run(&["preview", "list.csv", "--row", "1"]).ends(4).says(says);
    }
}
