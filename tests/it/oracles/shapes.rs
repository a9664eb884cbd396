//! Messages of every shape, each with the content that a reader has to find. The expected content is
//! written here, not computed by mailbatch.

use serde_json::{Value, json};

/// A message and its expected content.
#[derive(Default)]
pub(super) struct Shape {
    /// Also the local part of the recipient's address.
    pub(super) name: &'static str,
    /// Files of the workspace. The first is the message; without files, `keys` has the message.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// Keys of `[message]`, as TOML.
    pub(super) keys: String,
    /// The columns of the row, without the address.
    pub(super) row: Value,
    /// Keys of the relay, as TOML.
    pub(super) relay: String,
    pub(super) subject: String,
    pub(super) to_name: &'static str,
    pub(super) reply_to: Vec<(&'static str, &'static str)>,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Name, type, charset and content.
    pub(super) attachments: Vec<(&'static str, &'static str, Option<&'static str>, Vec<u8>)>,
    /// Content-ID, type and content of each image in the HTML.
    pub(super) images: Vec<(&'static str, &'static str, Vec<u8>)>,
}

impl Shape {
    /// A message in a file, with the subject "Hello".
    fn new(name: &'static str, file: &'static str, body: &str, row: Value) -> Self {
        let files = vec![(file, body.as_bytes().to_vec())];
        Self { name, files, row, ..Self::default() }.subject("Hello", "Hello")
    }

    fn subject(mut self, template: &str, expected: &str) -> Self {
        self.keys.retain(|_| false);
        expected.clone_into(&mut self.subject);
        self.keys(&format!("subject = {}", toml::Value::from(template)))
    }

    fn keys(mut self, keys: &str) -> Self {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self
    }

    fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    fn html(mut self, html: &str) -> Self {
        self.html = Some(html.to_owned());
        self
    }

    fn attached(
        mut self,
        file: &'static str,
        content_type: &'static str,
        charset: Option<&'static str>,
        content: &[u8],
    ) -> Self {
        self.files.push((file, content.to_vec()));
        self.attachments.push((file, content_type, charset, content.to_vec()));
        self.keys(&format!("attachments = [{}]", toml::Value::from(file)))
    }
}

/// The HTML page around converted Markdown.
fn page(body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A name with every special character of an address. It fits into one encoded word: Python before
/// 3.12.9 reads a blank between two of them in an address (gh-128110).
const HARD_NAME: &str = "Zoë, \"Zo\" <z> (山)";

/// All shapes.
pub(super) fn all() -> Vec<Shape> {
    let mut shapes = texts();
    shapes.extend(pages());
    shapes.extend(values());
    shapes.extend(heads());
    shapes.extend(attachments());
    shapes
}

fn texts() -> Vec<Shape> {
    let long = "word ".repeat(400);
    vec![
        Shape::new("text", "m.txt", "Dear {{ name }},\n\nhello.\n", json!({ "name": "Ann" }))
            .text("Dear Ann,\n\nhello.\n"),
        Shape::new(
            "dots",
            "m.txt",
            ".\n..\n.dot {{ name }}\nFrom here\nFrom: there\n>From quoted\n\n.\n",
            json!({ "name": "Ann" }),
        )
        .text(".\n..\n.dot Ann\nFrom here\nFrom: there\n>From quoted\n\n.\n"),
        Shape::new(
            "blanks",
            "m.txt",
            "ends in two  \nand a tab\t\n   {{ name }} \n \n\n-- \nAcme   \n",
            json!({ "name": "Ann " }),
        )
        .text("ends in two  \nand a tab\t\n   Ann  \n \n\n-- \nAcme   \n"),
        Shape::new(
            "long",
            "m.txt",
            &format!("{long}{{{{ name }}}}\n{}\n", "x".repeat(2_000)),
            json!({ "name": "n".repeat(2_000) }),
        )
        .text(&format!("{long}{}\n{}\n", "n".repeat(2_000), "x".repeat(2_000))),
        Shape::new(
            "scripts",
            "m.txt",
            "Grüße an {{ name }}: 山田さん, Ελλάδα, Привет, e\u{301}lise.\n",
            json!({ "name": "Šárka Ďuričová" }),
        )
        .subject("Grüße, {{ name }} 山田", "Grüße, Šárka Ďuričová 山田")
        .text("Grüße an Šárka Ďuričová: 山田さん, Ελλάδα, Привет, e\u{301}lise.\n"),
        Shape::new("emoji", "m.txt", "{{ name }} 👩‍👩‍👧‍👦 🇩🇪 ❤️\n", json!({ "name": "🦆" }))
            .subject("🎉 {{ name }} 👩‍👩‍👧‍👦", "🎉 🦆 👩‍👩‍👧‍👦")
            .text("🦆 👩‍👩‍👧‍👦 🇩🇪 ❤️\n"),
        Shape::new(
            "rtl",
            "m.txt",
            "שלום {{ name }}, \u{200f}(עולם)\u{200f}\nمرحبا بالعالم\n",
            json!({ "name": "محمد علي" }),
        )
        .subject("שלום {{ name }}", "שלום محمد علي")
        .text("שלום محمد علي, \u{200f}(עולם)\u{200f}\nمرحبا بالعالم\n"),
        Shape::new(
            "separators",
            "m.txt",
            "one\u{2028}two\u{2029}three\u{85}four {{ name }}\n",
            json!({ "name": "a\u{2028}b" }),
        )
        .text("one\u{2028}two\u{2029}three\u{85}four a\u{2028}b\n"),
        Shape::new("nul", "m.txt", "a {{ name }}\n", json!({ "name": "b\0c\u{1}" }))
            .subject("a {{ name }}", "a b c")
            .text("a b c\u{1}\n"),
        Shape::new(
            "hyphens",
            "m.txt",
            "Donau\u{ad}dampf\u{ad}schiff, {{ name }}, no\u{a0}break, zero\u{200b}width\n",
            json!({ "name": "Ma\u{ad}ria" }),
        )
        .subject("Schiff\u{ad}fahrt {{ name }}", "Schiff\u{ad}fahrt Ma\u{ad}ria")
        .text("Donau\u{ad}dampf\u{ad}schiff, Ma\u{ad}ria, no\u{a0}break, zero\u{200b}width\n"),
    ]
}

fn pages() -> Vec<Shape> {
    let loops = "<ul>{% for item in items %}\n<li>{{ loop.index }}. {{ item }}</li>{% endfor %}\n\
                 </ul>\n{% if vip == 'yes' %}<p>Gold</p>{% else %}<p>Iron</p>{% endif %}\n";
    let windows =
        "<!doctype html>\r\n<html>\r\n<body>\r\n<p>Dear {{ name }}</p>\r\n</body>\r\n</html>\r\n";
    vec![
        Shape::new(
            "markdown",
            "m.md",
            "# Hello {{ name }}\n\nA *good* day, **bold**.\n\n- one\n- two\n",
            json!({ "name": "Ann" }),
        )
        .text("# Hello Ann\n\nA *good* day, **bold**.\n\n- one\n- two\n")
        .html(&page("<h1>Hello Ann</h1>\n<p>A <em>good</em> day, <strong>bold</strong>.</p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n")),
        Shape::new(
            "html",
            "m.html",
            "<!doctype html>\n<html><head><title>T</title><style>p { color: #333 }</style></head>\n\
             <body>\n<p>Dear {{ name }}, <a href=\"https://acme.example/?a=1&amp;b=2\">shop</a></p>\n</body></html>\n",
            json!({ "name": "Ann & Co" }),
        )
        .text("Dear Ann & Co, shop <https://acme.example/?a=1&b=2>")
        .html(
            "<!doctype html>\n<html><head><title>T</title><style>p { color: #333 }</style></head>\n\
             <body>\n<p>Dear Ann &amp; Co, <a href=\"https://acme.example/?a=1&amp;b=2\">shop</a></p>\n</body></html>\n",
        ),
        Shape::new("windows", "m.html", windows, json!({ "name": "Ann" }))
            .text("Dear Ann")
            .html(&windows.replace("\r\n", "\n").replace("{{ name }}", "Ann")),
        Shape::new(
            "loops",
            "m.html",
            loops,
            json!({ "items": ["tea", "<b>milk</b>", "café"], "vip": "yes" }),
        )
        .text("- 1. tea\n- 2. <b>milk</b>\n- 3. café\n\nGold")
        .html(
            "<ul>\n<li>1. tea</li>\n<li>2. &lt;b&gt;milk&lt;/b&gt;</li>\n<li>3. café</li>\n</ul>\n<p>Gold</p>\n",
        ),
        newsletter(),
        Shape {
            name: "apart",
            row: json!({ "name": "Ann" }),
            ..Shape::default()
        }
        .subject("Hello", "Hello")
        .keys("text = '''Text for {{ name }}\n'''\nhtml = '''<p>Page for {{ name }}</p>\n'''")
        .text("Text for Ann\n")
        .html("<p>Page for Ann</p>\n"),
    ]
}

/// 100 KB of HTML with a condition in each of its 300 parts.
fn newsletter() -> Shape {
    let part = |at: usize, name: &str| {
        format!(
            "<table role=\"presentation\" width=\"100%\"><tr><td style=\"padding: 10px 25px; font-size: 13px\">\
             <h2>Offer {at}</h2><p>Good news, {name}: number {at} is back, für 12,50&nbsp;€.</p>\
             <a href=\"https://acme.example/offers/{at}?utm_source=mail&amp;utm_campaign=spring\">See offer {at}</a></td></tr></table>\n"
        )
    };
    let page = |name: &str| {
        let parts: String = (1..=300).map(|at| part(at, name)).collect();
        format!("<!doctype html>\n<html><body>\n{parts}</body></html>\n")
    };
    let template = page("{% if name %}{{ name }}{% else %}friend{% endif %}");
    let texts: Vec<String> = (1..=300)
        .map(|at| {
            format!(
                "Offer {at}\n\nGood news, Zoë: number {at} is back, für 12,50 €.\n\n\
                 See offer {at} <https://acme.example/offers/{at}?utm_source=mail&utm_campaign=spring>"
            )
        })
        .collect();
    assert!(template.len() > 100_000);
    Shape::new("newsletter", "m.html", &template, json!({ "name": "Zoë" }))
        .text(&texts.join("\n\n"))
        .html(&page("Zoë"))
}

fn values() -> Vec<Shape> {
    let odd = "<b>{{ 7*7 }}</b> {% if %} --> \u{ad}\u{2028}<!-- &amp; *x* [y](z)";
    let escaped =
        "&lt;b&gt;{{ 7*7 }}&lt;/b&gt; {% if %} --&gt; \u{ad}\u{2028}&lt;!-- &amp;amp; *x* [y](z)";
    vec![
        Shape::new(
            "empty",
            "m.html",
            "<p>Dear {{ name }}{{ title }}, <b>{{ name }}</b>!</p>\n",
            json!({ "name": "", "title": "" }),
        )
        .subject("{{ name }}Hello{{ title }}", "Hello")
        .keys("to_name = \"{{ name }}\"\nheaders = { X-Name = \"{{ name }}\" }")
        .text("Dear , !")
        .html("<p>Dear , <b></b>!</p>\n"),
        Shape::new(
            "structure",
            "m.html",
            "<p title=\"{{ name }}\">{{ name }}</p>\n",
            json!({ "name": odd }),
        )
        .subject("{{ name }}", odd)
        .text(&odd.replace('\u{2028}', " "))
        .html(&format!("<p title=\"{escaped}\">{escaped}</p>\n")),
        Shape::new(
            "breaks",
            "m.md",
            "Address:\n\n{{ address }}\n",
            json!({ "address": "1 Main St\r\nSpringfield\nUSA" }),
        )
        .subject("To {{ address }}", "To 1 Main St Springfield USA")
        .text("Address:\n\n1 Main St\nSpringfield\nUSA\n")
        .html(&page("<p>Address:</p>\n<p>1 Main St<br>Springfield<br>USA</p>\n")),
        Shape::new(
            "megabyte",
            "m.html",
            "<p>{{ name }}</p>\n",
            json!({ "name": "ab ".repeat(333_333) }),
        )
        .text(&"ab ".repeat(333_333))
        .html(&format!("<p>{}</p>\n", "ab ".repeat(333_333))),
    ]
}

fn heads() -> Vec<Shape> {
    let words = "lorem ipsum dolor sit amet ".repeat(20);
    let long = words.trim_end();
    let mut shapes = vec![
        Shape::new("headers", "m.txt", "Hello.\n", json!({ "id": 7, "rep": "Zoë, Sales" }))
            .keys("reply_to = '\"Help, Inc.\" <help@acme.example>, {{ rep }} <zoe@acme.example>'")
            .keys("list_id = \"Spring news <news.acme.example>\"")
            .keys("feedback_id = \"{{ id }}:spring:news:acmemail\"")
            .keys("headers = { X-Plain = \"x\", X-Value = \"Grüße {{ id }}\" }")
            .text("Hello.\n"),
        Shape::new("folded", "m.txt", "Hello.\n", json!({ "name": "x".repeat(500) }))
            .subject(&format!("{long} {{{{ name }}}}"), &format!("{long} {}", "x".repeat(500)))
            .keys(&format!("headers = {{ X-Long = \"{long}\", X-Token = \"{}\", X-Scripts = \"{}\" }}", "t".repeat(900), "Ж".repeat(200)))
            .text("Hello.\n"),
        Shape::new("name", "m.txt", "Hello.\n", json!({ "name": HARD_NAME }))
            .keys("to_name = \"{{ name }}\"")
            .text("Hello.\n"),
        Shape::new("phrase", "m.txt", "Hello.\n", json!({ "name": "O'Brien, \"Bob\"" }))
            .keys("to_name = \"{{ name }}\"")
            .subject("=?utf-8?q?not_encoded?=  two  blanks", "=?utf-8?q?not_encoded?=  two  blanks")
            .keys("to_name = \"{{ name }}\"")
            .text("Hello.\n"),
        Shape::new("unsubscribe", "m.md", "Hello, [stop]({{ unsubscribe_url }}).\n", json!({ "id": "a b" }))
            .keys("unsubscribe_url = \"https://acme.example/u/{{ id | urlencode }}\"\nkind = \"marketing\"")
            .text("Hello, [stop](https://acme.example/u/a%20b).\n")
            .html(&page("<p>Hello, <a href=\"https://acme.example/u/a%20b\">stop</a>.</p>\n")),
        Shape::new("signed", "m.html", "<p>.Dear  {{ name }} \n.</p>\n", json!({ "name": "Zoë" }))
            .text(".Dear Zoë .")
            .html("<p>.Dear  Zoë \n.</p>\n"),
    ];
    shapes[0].reply_to =
        vec![("Help, Inc.", "help@acme.example"), ("Zoë, Sales", "zoe@acme.example")];
    shapes[0].headers = vec![
        ("list-id", "Spring news <news.acme.example>".to_owned()),
        ("feedback-id", "7:spring:news:acmemail".to_owned()),
        ("x-plain", "x".to_owned()),
        ("x-value", "Grüße 7".to_owned()),
    ];
    shapes[1].headers = vec![
        ("x-long", long.to_owned()),
        ("x-token", "t".repeat(900)),
        ("x-scripts", "Ж".repeat(200)),
    ];
    shapes[2].to_name = HARD_NAME;
    shapes[3].to_name = "O'Brien, \"Bob\"";
    shapes[4].headers = vec![
        ("list-unsubscribe", "<https://acme.example/u/a%20b>".to_owned()),
        ("list-unsubscribe-post", "List-Unsubscribe=One-Click".to_owned()),
    ];
    let signer = |selector: &str, file: &str| {
        format!(
            "{{ domain = \"acme.example\", selector = \"{selector}\", key = {{ file = \"{file}\" }} }}"
        )
    };
    shapes[5].relay = format!("dkim = [{}, {}]", signer("r1", "rsa.pem"), signer("e1", "ed.pem"));
    for (name, text) in [
        ("rsa.pem", include_str!("../../fixtures/dkim/rsa2048.pem")),
        ("ed.pem", include_str!("../../fixtures/dkim/ed25519.pem")),
    ] {
        shapes[5].files.push((name, text.as_bytes().to_vec()));
    }
    shapes
}

fn attachments() -> Vec<Shape> {
    let hello = |name| Shape::new(name, "m.md", "See the file.\n", json!({}));
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(20_000).collect();
    let letter = "From: a@example.com\nTo: b@example.com\nSubject: Old\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n\nFrom here\n.dot\n";
    let table = "name;price\nKäse;3\n.end\n";
    let mut shapes: Vec<Shape> = [
        hello("binary").attached("Preisliste Zoë.pdf", "application/pdf", None, &bytes),
        hello("attached-text").attached("prices.csv", "text/csv", Some("utf-8"), table.as_bytes()),
        hello("attached-letter").attached("old.eml", "message/rfc822", None, letter.as_bytes()),
    ]
    .map(|shape| shape.text("See the file.\n").html(&page("<p>See the file.</p>\n")))
    .into();
    shapes.extend([of_row(&bytes), with_image(&bytes[..5_000]), with_preheader()]);
    shapes
}

/// An attachment chosen by a column, next to one for every row.
fn of_row(bytes: &[u8]) -> Shape {
    let mut shape = Shape::new("of-row", "m.txt", "Hello.\n", json!({ "id": 7, "name": "Zoë" }))
        .keys("attach_dir = \"invoices\"")
        .keys("attachments = [\"terms.txt\", { path = \"{{ id }}.pdf\", name = \"Invoice {{ name }}.pdf\" }]")
        .text("Hello.\n");
    shape.files.push(("terms.txt", b"Terms.\r\n".to_vec()));
    shape.files.push(("invoices/7.pdf", bytes.to_vec()));
    shape.attachments = vec![
        ("terms.txt", "text/plain", Some("utf-8"), b"Terms.\r\n".to_vec()),
        ("Invoice Zoë.pdf", "application/pdf", None, bytes.to_vec()),
    ];
    shape
}

fn with_image(bytes: &[u8]) -> Shape {
    let html = "<p><img src=\"cid:logo.png\" alt=\"Acme Ltd\"> news</p>\n";
    let mut shape = Shape::new("image", "m.html", html, json!({}))
        .text("[Acme Ltd] news")
        .html(html)
        .attached("terms.pdf", "application/pdf", None, bytes);
    shape.files.push(("logo.png", bytes.to_vec()));
    shape.images = vec![("<logo.png>", "image/png", bytes.to_vec())];
    shape
}

fn with_preheader() -> Shape {
    let words = "Three days are left to order at the old price, and two of them are a weekend.";
    let (head, body) =
        ("<!doctype html>\n<html><body>", format!("\n<p>{words}</p>\n</body></html>\n"));
    Shape::new("preheader", "m.html", &format!("{head}{body}"), json!({ "name": "Ann" }))
        .keys("preheader = \"{{ name }}, three days only\"")
        .text(words)
        .html(&format!("{head}PREHEADER{body}"))
}
