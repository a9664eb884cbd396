//! Signed mail: what servers of others have taken verifies with a verifier of others, and keys that
//! cannot sign stop before anything leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::peers::{Aiosmtpd, Postfix, PostfixOptions, Verifier, peer};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, workspace};

const RSA: &str = include_str!("../fixtures/dkim/rsa2048.pem");
const ED25519: &str = include_str!("../fixtures/dkim/ed25519.pem");

const BY_RSA: &str =
    "{ domain = \"acme.example\", selector = \"r1\", key = { file = \"rsa.pem\" } }";
const BY_ED25519: &str =
    "{ domain = \"acme.example\", selector = \"e1\", key = { file = \"ed.pem\" } }";

fn private(work: &Workspace, name: &str, text: &str) {
    work.file(name, text);
    mode(&work.join(name), 0o600);
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// A workspace whose relay at `url` gets mail signed as `dkim` says, with what mail transport is
/// known to change where it is careless: dots, white space at the ends, empty lines.
fn signing(url: &str, dkim: &str, keys: &str, rows: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(url, &format!("dkim = {dkim}\n{keys}"))
        .message(
            "Hello {{ name }}",
            ".dot  two  spaces\t\n\n..two\nDear *{{ name }}*, [shop](https://acme.example/{{ id }})\n\n    code  \n\n\n",
        )
        .file("list.csv", lists::csv(rows));
    private(&work, "rsa.pem", RSA);
    private(&work, "ed.pem", ED25519);
    work
}

/// The records that `provider show` wants to be published.
fn records(work: &Workspace) -> Vec<(String, String)> {
    let shown = work.run(&["provider", "show", "relay", "--json"]).ends(0).object();
    let text = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap().to_owned();
    shown["dkim"].as_array().unwrap().iter().map(|r| (text(r, "name"), text(r, "txt"))).collect()
}

fn both() -> String {
    format!("[{BY_RSA}, {BY_ED25519}]")
}

fn verified(algorithms: &[&str]) -> Vec<(String, bool)> {
    algorithms.iter().map(|algorithm| ((*algorithm).to_owned(), true)).collect()
}

#[test]
fn what_postfix_delivers_verifies_by_data_and_by_chunks() {
    const ROWS: usize = 40;
    let (dkimpy, mailauth) = (peer!(Verifier::dkimpy()), peer!(Verifier::mailauth()));
    let postfix = peer!(Postfix::start(PostfixOptions::default()));
    let ways = [
        (both(), "", &["rsa-sha256", "ed25519-sha256"][..]),
        (BY_RSA.to_owned(), "window = 16", &["rsa-sha256"]),
        (BY_ED25519.to_owned(), "pipelining = \"off\"", &["ed25519-sha256"]),
    ];
    for (at, (dkim, keys, algorithms)) in ways.iter().enumerate() {
        let work = signing(&postfix.url(), dkim, keys, ROWS);
        work.run(&["send", "list.csv"]).ends(0);
        let stored = postfix.wait_delivered(ROWS * (at + 1));
        let new: Vec<&[u8]> = stored
            .iter()
            .map(|stored| stored.raw.as_slice())
            .filter(|raw| String::from_utf8_lossy(raw).matches("bh=").count() == algorithms.len())
            .filter(|raw| {
                algorithms.iter().all(|a| String::from_utf8_lossy(raw).contains(&format!("a={a}")))
            })
            .collect();
        assert_eq!(new.len(), ROWS, "{keys}");
        let records = records(&work);
        for verifier in [&dkimpy, &mailauth] {
            let found = verifier.verify(&records, &new);
            assert_eq!(found, vec![verified(algorithms); ROWS], "{keys}");
        }
    }
}

#[test]
fn what_aiosmtpd_takes_verifies() {
    let dkimpy = peer!(Verifier::dkimpy());
    let server = peer!(Aiosmtpd::start());
    let work = signing(&server.url(), &both(), "", 10);
    work.run(&["send", "list.csv"]).ends(0);
    // It writes long headers anew, and relaxed signatures do not mind that.
    let stored: Vec<Vec<u8>> = server.stored().into_iter().map(|stored| stored.raw).collect();
    assert_eq!(stored.len(), 10);
    let expected = verified(&["rsa-sha256", "ed25519-sha256"]);
    assert_eq!(dkimpy.verify(&records(&work), &stored), vec![expected; 10]);
}

#[test]
fn a_repeat_is_signed_anew_and_no_header_that_matters_can_be_added() {
    let (dkimpy, mailauth) = (peer!(Verifier::dkimpy()), peer!(Verifier::mailauth()));
    let once = Rule::new(Step::Rcpt, Action::reply("450 4.2.0 later")).first(2);
    let server = Recorder::with(Script::default().rule(once));
    let retry = "in_flight = 1\nretry = { for = \"20s\", base = \"50ms\", max = \"100ms\" }";
    let work = signing(&server.url(), &both(), retry, 4);
    work.run(&["send", "list.csv"]).ends(0);
    let taken: Vec<Vec<u8>> = server.taken().into_iter().map(|taken| taken.data).collect();
    let records = records(&work);
    assert_eq!(taken.len(), 4);
    let expected = verified(&["rsa-sha256", "ed25519-sha256"]);
    assert_eq!(dkimpy.verify(&records, &taken), vec![expected; 4]);

    // The subject of a name that is not ASCII is encoded whole; which recipient is first is open.
    let mut mails = taken.iter().map(|taken| String::from_utf8(taken.clone()).unwrap());
    let mail = mails.find(|mail| mail.contains("Subject: Hello")).expect("an ASCII name");
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let added = |header: &str| format!("{header}\r\n{mail}");
    let changed = [
        added("From: evil@evil.example"),
        added("To: else@x.example"),
        added("Subject: other"),
        added("Date: Mon, 30 Nov 2026 10:00:00 +0000"),
        added("List-Unsubscribe: <https://evil.example>"),
        added("List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        format!("{head}\r\n\r\n{body}more\r\n"),
        mail.replacen("Hello", "Hullo", 1),
    ];
    let broken = vec![("rsa-sha256".to_owned(), false), ("ed25519-sha256".to_owned(), false)];
    for verifier in [&dkimpy, &mailauth] {
        for (changed, found) in changed.iter().zip(verifier.verify(&records, &changed)) {
            assert_eq!(found, broken, "{}", &changed[..60]);
        }
    }
    // What servers on the way write is no change.
    let untouched =
        [added("Received: from a by b"), added("X-Spam: no"), format!("{mail}\r\n\r\n")];
    let expected = verified(&["rsa-sha256", "ed25519-sha256"]);
    assert_eq!(dkimpy.verify(&records, &untouched), vec![expected; 3]);
}

#[test]
fn another_key_changes_no_message_and_a_key_is_written_nowhere() {
    let server = Recorder::start();
    let work = signing(&server.url(), BY_RSA, "", 6);
    work.run(&["send", "list.csv", "--limit", "3"]).ends(0);
    let config = work.read("mailbatch.toml");
    assert!(config.contains(BY_RSA));
    work.config(&config.replace(BY_RSA, BY_ED25519));
    work.run(&["-vv", "send", "list.csv"]).ends(0);
    work.run(&["send", "list.csv"]).ends(0).says("nothing to do");
    let signed_by = |algorithm: &str| {
        let signed = |data: &[u8]| String::from_utf8_lossy(data).contains(algorithm);
        server.taken().iter().filter(|taken| signed(&taken.data)).count()
    };
    assert_eq!((signed_by("a=rsa-sha256"), signed_by("a=ed25519-sha256")), (3, 3));
    let record = "e1._domainkey.acme.example TXT \"v=DKIM1; k=ed25519; p=";
    for shown in [
        work.run(&["config", "show", "--origin"]).ends(0),
        work.run(&["provider", "show", "relay"]).ends(0).says(record),
    ] {
        assert_no_key(&format!("{}{}", shown.out, shown.err));
    }
    for path in ["rsa.pem", "ed.pem"] {
        std::fs::remove_file(work.join(path)).unwrap();
    }
    assert_nowhere(work.path());
}

/// Asserts that a text has no line of a private key.
fn assert_no_key(text: &str) {
    for line in RSA.lines().chain(ED25519.lines()).filter(|line| !line.starts_with("---")) {
        assert!(!text.contains(line), "it shows a key");
    }
}

fn assert_nowhere(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path);
        } else {
            assert_no_key(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_before_anything_leaves() {
    let server = Recorder::start();
    let fixture = |name: &str| {
        let path = format!("{}/tests/fixtures/dkim/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a fixture")
    };
    let cases = [
        (fixture("rsa2048.pub.pem"), 0o600, "ed.pem is a public key"),
        (fixture("rsa1024.pem"), 0o600, "ed.pem is an RSA key of 1024 bits"),
        (fixture("encrypted.pem"), 0o600, "ed.pem is encrypted"),
        (fixture("ec.pem"), 0o600, "ed.pem is neither an RSA nor an Ed25519 key"),
        ("what is this\n".to_owned(), 0o600, "ed.pem holds no key in PEM"),
        (String::new(), 0o600, "ed.pem is empty"),
        (ED25519.to_owned(), 0o644, "others can read or change this secret (mode 644)"),
        (ED25519.to_owned(), 0o620, "others can read or change this secret (mode 620)"),
        ("x".repeat(70_000), 0o600, "longer than 64 KiB"),
    ];
    let work = signing(&server.url(), BY_ED25519, "", 3);
    let commands: [&[&str]; 3] =
        [&["send", "list.csv"], &["send", "list.csv", "--dry-run"], &["check", "list.csv"]];
    for (text, bits, says) in cases {
        work.file("ed.pem", &text);
        mode(&work.join("ed.pem"), bits);
        for command in commands {
            let ran = work.run(command).ends(2).says(says).says("hint: ");
            assert!(ran.err.contains("providers.relay.dkim.key"), "{}", ran.err);
            assert_no_key(&format!("{}{}", ran.out, ran.err));
        }
    }
    std::fs::remove_file(work.join("ed.pem")).unwrap();
    work.run(commands[0]).ends(2).says("providers.relay.dkim.key: ed.pem: ").says("hint: ");
    std::fs::create_dir(work.join("ed.pem")).unwrap();
    work.run(commands[0]).ends(2).says("it is a directory").says("hint: ");
    let config = work.read("mailbatch.toml");
    for (key, says) in [
        ("{ file = \"/dev/zero\" }", "it is a device"),
        ("\"MC4CAQAwBQYDK2VwBCIEI\"", "holds a literal secret"),
        ("{ env = \"NO_SUCH_KEY\" }", "the environment has no NO_SUCH_KEY"),
    ] {
        work.config(&config.replace("{ file = \"ed.pem\" }", key));
        let ran = work.run(commands[0]).ends(2).says(says).says("hint: ");
        assert!(!ran.err.contains("MC4CAQAw"), "{}", ran.err);
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_signature_for_another_domain_is_noted_and_services_sign_themselves() {
    let server = Recorder::start();
    let other = BY_ED25519.replace("acme.example", "other.example");
    let work = signing(&server.url(), &other, "", 2);
    let note = "providers.relay.dkim signs for other.example, and From is under acme.example";
    work.run(&["check", "list.csv"]).ends(0).says(note);
    work.run(&["send", "list.csv", "--dry-run"]).ends(0).says(note);
    let below = BY_ED25519.replace("acme.example", "mail.acme.example");
    let work = signing(&server.url(), &below, "", 2);
    let checked = work.run(&["check", "list.csv"]).ends(0);
    assert!(!checked.err.contains("dkim"), "{}", checked.err);

    let work = signing(&server.url(), BY_ED25519, "", 2);
    let config = work.read("mailbatch.toml");
    let relay = format!("kind = \"smtp\"\nurl = \"{}\"", server.url());
    assert!(config.contains(&relay));
    for (kind, says) in [
        (
            "kind = \"resend\"\napi_key = { env = \"K\" }",
            "resend signs the mail that it sends itself",
        ),
        ("kind = \"sandbox\"", "mail of sandbox stays on this machine"),
    ] {
        work.config(&config.replace(&relay, kind));
        let says = format!("providers.relay.dkim is for kind smtp; {says}");
        work.run(&["send", "list.csv"]).ends(2).says(&says).says("hint: leave it out");
    }
    assert_eq!(server.count(), 0);
}
