//! Message files: a front matter that may be anything, and a body.

use mailbatch::internals::message::{Message, MessageSource};

use crate::engine::{Target, fuzz};
use crate::seeds;

const WORDS: &[&str] = &[
    "+++\n",
    "+++",
    "subject = \"Hi {{ name }}\"\n",
    "from = 'Acme <news@acme.example>'\n",
    "kind = 'marketing'\n",
    "kind = 'transactional'\n",
    "reply_to = 'a@b.example'\n",
    "unsubscribe_url = 'https://acme.example/u/{{ id }}'\n",
    "[headers]\n",
    "X-A = 'a'\n",
    "to_name = '{{ name }}'\n",
    "envelope_sender = 'bounce+{token}@acme.example'\n",
    "attachments = ['/etc/hostname']\n",
    "attachments = ['../../etc/passwd']\n",
    "\"\"\"\n",
    "'''",
    "{{",
    "}}",
    "{% if a %}",
    "{% endif %}",
    "{% for x in y %}",
    "{% endfor %}",
    "{{ a | upper }}",
    "Bcc = 'x'\n",
    "Subject = 'x'\n",
    "\\r\\nBcc: x",
    "# Title\n",
    "[x](y)",
    "{{ loop }}",
    "{% raw %}",
    "{% include 'x' %}",
    "\r\n",
];

#[test]
fn front_matter() {
    let seeds = seeds::texts(&[
        "+++\nfrom = 'Acme <news@acme.example>'\nkind = 'transactional'\nsubject = 'Hi {{ name }}'\n[headers]\nX-Campaign = '{{ name }}'\n+++\n# Hi {{ name }}\n\nbye\n",
        "+++\nfrom = \"news@acme.example\"\nkind = \"marketing\"\nsubject = \"\"\"\nSpring\"\"\"\nunsubscribe_url = \"https://acme.example/u/{{ id | urlencode }}\"\nto_name = \"{{ name }}\"\n+++\n{% if vip %}Dear{% else %}Hi{% endif %} {{ name }}\n",
        "Hello\n+++\n",
        "\u{feff}+++\r\nfrom = 'a@acme.example'\r\nkind = 'transactional'\r\nsubject = 'x'\r\n+++\r\n\r\nHello\r\n",
    ]);
    fuzz(Target { name: "front_matter", seeds, words: WORDS, check });
}

fn load(name: &str, bytes: &[u8]) -> Result<Message, String> {
    let dir = seeds::room();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("room");
    let told = |why: mailbatch::internals::error::Error| {
        why.to_string().replace(&format!("{}/", dir.path().display()), "")
    };
    Message::load(&MessageSource { file: Some(path.clone()), ..MessageSource::default() })
        .map_err(told)
}

fn check(document: &[u8]) {
    for name in ["m.md", "m.html", "m.txt"] {
        let loaded = load(name, document);
        match &loaded {
            Ok(message) => check_frozen(message),
            Err(why) => check_error(name, document, why),
        }
        // Editors save the same text with other line ends and marks.
        let Ok(text) = std::str::from_utf8(document) else { continue };
        if text.contains('\r') {
            continue;
        }
        let told = |loaded: Result<Message, String>| {
            loaded
                .map(|message| message.fingerprint())
                .map_err(|why| why.lines().next().unwrap_or_default().to_owned())
        };
        let expected = told(loaded);
        assert_eq!(
            told(load(name, text.replace('\n', "\r\n").as_bytes())),
            expected,
            "{name}: the same with CRLF"
        );
        if !text.starts_with('\u{feff}') {
            assert_eq!(
                told(load(name, format!("\u{feff}{text}").as_bytes())),
                expected,
                "{name}: the same behind a byte order mark"
            );
        }
    }
}

fn check_frozen(message: &Message) {
    let frozen = message.freeze();
    let thawed = Message::thaw(&frozen).expect("what was frozen thaws");
    assert_eq!(
        (thawed.fingerprint(), thawed.freeze()),
        (message.fingerprint(), frozen),
        "a message is the same after it was frozen"
    );
    assert!(!message.from_address().as_str().contains(['\r', '\n']));
}

fn check_error(name: &str, document: &[u8], why: &str) {
    assert!(
        why.contains(name) || why.starts_with("attachment "),
        "{why:?} names neither the file nor the attachment"
    );
    let lines = 1 + document.iter().filter(|byte| **byte == b'\n').count();
    let line = why.split_once(&format!("{name}:")).and_then(|(_, rest)| {
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    });
    assert!(
        line.is_none_or(|line| (1..=lines).contains(&line)),
        "{why:?} names a line that the file does not have"
    );
}
