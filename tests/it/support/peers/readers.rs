//! Programs that read mail: Python's parser in its strict mode, and SpamAssassin.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;

/// The content that Python finds in a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Reading {
    pub(crate) subject: String,
    /// Seconds since 1970.
    pub(crate) date: f64,
    /// Display name and address of each mailbox.
    pub(crate) from: Vec<(String, String)>,
    pub(crate) to: Vec<(String, String)>,
    pub(crate) reply_to: Vec<(String, String)>,
    /// By name in lowercase, decoded and unfolded.
    pub(crate) headers: std::collections::BTreeMap<String, String>,
    text: Option<String>,
    html: Option<String>,
    pub(crate) attachments: Vec<ReadAttachment>,
    images: Vec<(String, String, String)>,
}

/// An attachment that Python finds.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadAttachment {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) content_type: String,
    pub(crate) charset: Option<String>,
    pub(crate) encoding: String,
    content: String,
}

fn bytes(base64: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(base64).expect("the script writes base64")
}

impl Reading {
    /// The text part, with LF line ends.
    pub(crate) fn text(&self) -> Option<String> {
        self.text.as_deref().map(with_lf)
    }

    /// Content-ID, type and content of each image in the HTML.
    pub(crate) fn images(&self) -> Vec<(&str, &str, Vec<u8>)> {
        self.images.iter().map(|(id, kind, content)| (&**id, &**kind, bytes(content))).collect()
    }

    /// The HTML part, with LF line ends.
    pub(crate) fn html(&self) -> Option<String> {
        self.html.as_deref().map(with_lf)
    }
}

fn with_lf(base64: &str) -> String {
    String::from_utf8(bytes(base64)).expect("a part is UTF-8").replace("\r\n", "\n")
}

impl ReadAttachment {
    pub(crate) fn content(&self) -> Vec<u8> {
        bytes(&self.content)
    }
}

/// Reads messages with Python's `email` and its policy `strict`; panics with Python's error where
/// a message has a defect. `None`, with a line on standard error, where there is no Python.
pub(crate) fn read_by_python(messages: &[impl AsRef<[u8]>]) -> Option<Vec<Reading>> {
    let Some(python) = super::program("python3") else {
        return super::require("Python", "not installed (package python3)");
    };
    let messages: Vec<String> =
        messages.iter().map(|message| BASE64_STANDARD.encode(message)).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/read_mail.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was found");
    let mut input = child.stdin.take().expect("it was spawned with a pipe");
    let asked = serde_json::to_string(&messages).expect("texts are JSON");
    input.write_all(asked.as_bytes()).expect("it reads its input");
    drop(input);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(serde_json::from_slice(&done.stdout).expect("an object for each message"))
}

/// SpamAssassin with its packaged rules and without network tests.
pub(crate) struct SpamAssassin {
    program: PathBuf,
}

impl SpamAssassin {
    /// `None`, with a line on standard error, where it is not installed.
    pub(crate) fn find() -> Option<Self> {
        match super::program("spamassassin") {
            Some(program) => Some(Self { program }),
            None => super::require("SpamAssassin", "not installed (package spamassassin)"),
        }
    }

    /// The names of the rules that each message hits.
    pub(crate) fn rules(&self, messages: &[impl AsRef<[u8]>]) -> Vec<Vec<String>> {
        let dir = super::open_directory();
        let mut command = Command::new(&self.program);
        command.args(["--local", "--test-mode", "--nocreate-prefs", "--prefspath=/dev/null"]);
        command.args(["--cf=clear_headers", "--cf=fold_headers 0", "--cf=report_safe 0"]);
        command.args(["--cf=add_header all Oracle tests=_TESTS(,)_", "--cf=use_bayes 0"]);
        command.env("HOME", dir.path()).stdin(Stdio::null());
        for (at, message) in messages.iter().enumerate() {
            let path = dir.path().join(format!("{at}.eml"));
            super::write(&path, message);
            command.arg(path);
        }
        let done = command.output().expect("the program was found");
        let said = String::from_utf8_lossy(&done.stdout);
        let found = said.lines().filter_map(|line| line.strip_prefix("X-Spam-Oracle: tests="));
        let rules: Vec<Vec<String>> =
            found.map(|rules| rules.split(',').map(str::to_owned).collect()).collect();
        let error = String::from_utf8_lossy(&done.stderr);
        assert_eq!(rules.len(), messages.len(), "{said}\n{error}");
        rules
    }
}
