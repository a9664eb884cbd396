//! Attachments that a column names: each row gets its own, nothing outside of their directory is
//! opened, and nobody gets other bytes than the plan had.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use crate::support::peers::{SmtpSink, peer};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, workspace};

/// A workspace that sends a file of each row through the server at this URL.
fn through(url: &str) -> Workspace {
    let work = workspace();
    work.config(&format!(
        "[message]\nfile = \"message.html\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\n\
         attach_dir = \"invoices\"\n\
         attachments = [\"terms.txt\", {{ path = \"{{{{ file }}}}\", name = \"Invoice {{{{ id }}}}.pdf\" }}]\n\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{url}\"\nretry = {{ for = \"0\" }}\n"
    ))
    .file("message.html", "+++\nsubject = \"Invoice {{ id }}\"\npreheader = \"For {{ id }}\"\n+++\n<body><img src=\"cid:logo.png\"><p>Dear {{ id }}</p></body>\n")
    .file("logo.png", b"\x89PNG\r\n\x1a\n")
    .file("terms.txt", "Größe\n");
    work
}

/// A list with these files, in order.
fn list(work: &Workspace, files: &[&str]) {
    let rows = files.iter().enumerate().map(|(id, file)| {
        serde_json::json!({ "email": format!("r{id}@example.com"), "id": id, "file": file })
            .to_string()
            + "\n"
    });
    work.file("list.ndjson", rows.collect::<String>());
}

/// Reads mail as Python does where it follows the standards to the letter.
const READER: &str = r#"
import email, email.policy, hashlib, json, sys
with open(sys.argv[1], "rb") as file:
    message = email.message_from_binary_file(file, policy=email.policy.strict)
def shape(part):
    assert not part.defects, part.defects
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        return [part.get_content_type(), [shape(inner) for inner in part.iter_parts()]]
    data = part.get_payload(decode=True)
    return [part.get_content_type(), part.get_content_disposition(), part.get_filename(), part["Content-ID"], hashlib.sha256(data).hexdigest(), len(data)]
print(json.dumps(shape(message)))
"#;

fn read(work: &Workspace, raw: &[u8]) -> Value {
    work.file("mail.eml", raw);
    let ran =
        Command::new("python3").args(["-c", READER]).arg(work.join("mail.eml")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn each_recipient_gets_the_file_of_their_row() {
    let sink = peer!(SmtpSink::start(&[]));
    let work = through(&sink.url());
    let binary: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .take(200_000)
        .collect();
    work.file("invoices/a/1.pdf", &binary[1..])
        .file("invoices/b \"ü\".pdf", b"%PDF")
        .file("invoices/c.csv", "name\nZoë\n");
    list(&work, &["a/1.pdf", "b \"ü\".pdf", "c.csv", "", "a/1.pdf"]);
    work.run(&["check", "list.ndjson"]).ends(0);
    work.run(&["send", "list.ndjson", "--dry-run"]).ends(0);
    assert_eq!(sink.count(), 0);
    work.run(&["send", "list.ndjson"]).ends(0);
    let stored = sink.stored();
    assert_eq!(stored.len(), 5);
    for message in stored {
        let id: usize = message.recipients[0][1..].split('@').next().unwrap().parse().unwrap();
        let shape = read(&work, &message.raw);
        assert_eq!(shape[0], "multipart/mixed");
        let parts = shape[1].as_array().unwrap();
        assert_eq!(parts[0][0], "multipart/alternative");
        assert_eq!(parts[0][1][0][0], "text/plain");
        let related = &parts[0][1][1];
        assert_eq!(
            (&related[0], &related[1][0][0]),
            (&"multipart/related".into(), &"text/html".into())
        );
        let image = &related[1][1];
        assert_eq!(
            image.as_array().unwrap()[..4],
            [Value::from("image/png"), "inline".into(), "logo.png".into(), "<logo.png>".into()]
        );
        assert_eq!(
            parts[1].as_array().unwrap()[..3],
            [Value::from("text/plain"), "attachment".into(), "terms.txt".into()]
        );
        let sizes = [199_999, 4, 10, 0, 199_999];
        match parts.get(2) {
            None => assert_eq!(id, 3),
            Some(own) => {
                assert_eq!(
                    (&own[2], &own[5]),
                    (&format!("Invoice {id}.pdf").into(), &sizes[id].into())
                );
                if sizes[id] == 199_999 {
                    let hash = ring::digest::digest(&ring::digest::SHA256, &binary[1..]);
                    assert_eq!(own[4], data_encoding::HEXLOWER.encode(hash.as_ref()));
                }
            }
        }
    }
}

#[test]
fn a_row_whose_file_cannot_go_is_found_before_anything_leaves() {
    let server = Recorder::start();
    let work = through(&server.url());
    let outside = work.join("outside");
    work.file("outside/secret.pdf", "secret")
        .file("invoices/good.pdf", "%PDF")
        .file("invoices/d/empty.pdf", "")
        .file("invoices/large.pdf", "");
    let large = std::fs::File::options().write(true).open(work.join("invoices/large.pdf")).unwrap();
    large.set_len(60 << 20).unwrap();
    symlink(outside.join("secret.pdf"), work.join("invoices/link.pdf")).unwrap();
    symlink(&outside, work.join("invoices/linked")).unwrap();
    symlink("/dev/zero", work.join("invoices/zero")).unwrap();
    let fifo = work.join("invoices/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let long = "x".repeat(300);
    let bad = [
        ("missing.pdf", "no such file"),
        ("d/empty.pdf", "the file is empty"),
        ("large.pdf", "more than 60 MB"),
        ("../../etc/passwd", "`..`"),
        ("/etc/passwd", "begins at the root"),
        ("fifo", "a FIFO"),
        ("zero", "symbolic link"),
        ("link.pdf", "symbolic link"),
        ("linked/secret.pdf", "symbolic link"),
        ("d", "a directory"),
        (&long, "longer than a file's can be"),
    ];
    let files: Vec<&str> =
        ["good.pdf"].into_iter().chain(bad.iter().map(|(file, _)| *file)).collect();
    list(&work, &files);
    for command in [
        &["check", "list.ndjson"][..],
        &["send", "list.ndjson"],
        &["send", "list.ndjson", "--dry-run"],
    ] {
        let ran = work.run(command).ends(4);
        let said = format!("{}{}", ran.out, ran.err);
        for (file, says) in bad {
            assert!(said.contains(says), "{file}: {said}");
            assert!(file.len() < 5 || !said.contains(file), "{said}");
        }
        assert!(said.contains("below attach_dir") && said.contains("list.ndjson:2"), "{said}");
    }
    assert_eq!(server.count(), 0);
    work.run(&["send", "list.ndjson", "--skip-unrendered", "--max-invalid", "100%"]).ends(0);
    let report = work.report();
    assert_eq!(report.counts().get("invalid"), Some(&bad.len()));
    assert_eq!(server.count(), 1);
    let why = report.column("mb_detail").join("\n");
    assert!(why.contains("path of attachment 2") && !why.contains("secret"), "{why}");
}

/// Four rows with files of their own, of which those of three are not as they were.
fn changed(work: &Workspace, plan: &[&str]) {
    for name in ["same", "other", "shorter", "gone"] {
        work.file(format!("invoices/{name}.pdf"), format!("%PDF {name}"));
    }
    list(work, &["same.pdf", "other.pdf", "shorter.pdf", "gone.pdf"]);
    work.run(plan);
    work.file("invoices/other.pdf", "%PDF OTHER").file("invoices/shorter.pdf", "%PDF");
    std::fs::remove_file(work.join("invoices/gone.pdf")).unwrap();
}

#[test]
fn nobody_gets_other_bytes_than_the_plan_had() {
    let server = Recorder::start();
    let work = through(&server.url());
    changed(&work, &["send", "list.ndjson", "--limit", "1"]);
    let retry = ["retry", &work.newest_run(), "--only", "held"];
    // A directory that is not there is no fault of the rows.
    std::fs::rename(work.join("invoices"), work.join("away")).unwrap();
    work.run(&[&retry[..], &["--as-planned"]].concat()).ends(4).says("attach_dir");
    std::fs::rename(work.join("away"), work.join("invoices")).unwrap();
    work.run(&retry).ends(0);
    let report = work.report();
    assert_eq!(report.column("mb_outcome"), ["accepted", "invalid", "invalid", "invalid"]);
    assert_eq!(report.column("mb_reason")[1..], ["render", "render", "render"]);
    let details = report.column("mb_detail");
    assert!(details[1].contains("has changed since the run was planned"), "{details:?}");
    assert!(details[2].contains("has changed since"), "{details:?}");
    assert!(
        details[3].contains("no such file") && details[3].contains("was good when"),
        "{details:?}"
    );
    assert_eq!(server.count(), 1);
}

#[test]
fn a_row_that_was_put_off_keeps_its_outcome_and_says_that_its_file_has_changed() {
    let refused = Rule::new(Step::Rcpt, Action::reply("450 4.2.0 later")).first(4);
    let server = Recorder::with(Script::default().rule(refused));
    let work = through(&server.url());
    changed(&work, &["send", "list.ndjson"]);
    work.run(&["retry", &work.newest_run()]).ends(5);
    let report = work.report();
    assert_eq!(report.column("mb_outcome"), ["accepted", "deferred", "deferred", "deferred"]);
    let details = report.column("mb_detail");
    assert!(details[1].contains("has changed since the run was planned"), "{details:?}");
    assert!(details[3].contains("no such file"), "{details:?}");
    assert_eq!(server.count(), 1);
}

#[test]
fn no_row_attaches_a_file_of_the_workspace() {
    let server = Recorder::start();
    let work = through(&server.url());
    let config = work.read("mailbatch.toml").replace("\"invoices\"", "\".\"");
    work.config(&format!(
        "{config}\n[suppression]\nfiles = [\"stop.txt\"]\n\n[listen]\nunsubscribe_key = {{ file = \"keys/link.key\" }}\n"
    ))
    .file("stop.txt", "eve@example.com\n")
    .file("more.txt", "eve@example.com\n")
    .file("keys/link.key", "0123456789abcdef0123456789abcdef")
    .file("invoices/a.pdf", "%PDF");
    std::fs::set_permissions(
        work.join("keys/link.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    list(&work, &["invoices/a.pdf"]);
    let send = ["send", "list.ndjson", "--suppress", "more.txt"];
    work.run(&["check", "list.ndjson"]).ends(0).says("attach_dir contains ");
    work.run(&send).ends(0).says("attach_dir contains ");
    assert_eq!(server.count(), 1);
    std::fs::hard_link(work.join("mailbatch.toml"), work.join("invoices/link.pdf")).unwrap();
    let ledger = std::fs::read_dir(work.join(".mailbatch")).unwrap();
    let ledger = ledger
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_type().unwrap().is_file())
        .expect("a file in the state directory");
    let ledger = format!(".mailbatch/{}", ledger.file_name().to_str().unwrap());
    let bad = [
        ("mailbatch.toml", "it is the configuration, and mailbatch never attaches that"),
        ("invoices/link.pdf", "it is the configuration"),
        (&ledger, "state directory"),
        ("stop.txt", "it is a suppression file"),
        ("more.txt", "it is a list or suppression file of this command"),
        ("list.ndjson", "it is a list or suppression file of this command"),
        ("keys/link.key", "it is a file that the configuration names"),
    ];
    for (file, says) in bad {
        list(&work, &["invoices/a.pdf", file]);
        work.run(&["check", "list.ndjson", "--suppress", "more.txt"]).ends(4).says(says);
        work.run(&[&send[..], &["--campaign", "again", "--again"]].concat()).ends(4).says(says);
        work.run(&["preview", "list.ndjson", "--row", "2", "--suppress", "more.txt"])
            .ends(4)
            .says(says);
    }
    assert_eq!(server.count(), 1);
    // A directory of its own holds nothing of the workspace.
    work.config(
        &work.read("mailbatch.toml").replace("attach_dir = \".\"", "attach_dir = \"invoices\""),
    );
    std::fs::remove_file(work.join("invoices/link.pdf")).unwrap();
    list(&work, &["a.pdf"]);
    let ran = work.run(&["check", "list.ndjson", "--campaign", "again"]).ends(0);
    assert!(!format!("{}{}", ran.out, ran.err).contains("attach_dir contains"), "{}", ran.err);
}

#[test]
fn the_number_of_requests_is_said_where_a_request_shares_its_attachments() {
    let work = through("smtp://127.0.0.1:9");
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[providers.grid]\nkind = \"sendgrid\"\napi_key = {{ command = \"echo key\" }}\nbase_url = \"http://127.0.0.1:9\"\n\n[providers.bird]\nkind = \"bird\"\napi_key = {{ command = \"echo key\" }}\nbase_url = \"http://127.0.0.1:9\"\n"));
    for name in ["a", "b", "c"] {
        work.file(format!("invoices/{name}.pdf"), name);
    }
    list(&work, &["a.pdf", "b.pdf", "c.pdf", "a.pdf", ""]);
    let says = "4 recipients with files of their own need at least 3 requests";
    work.run(&["check", "list.ndjson", "--provider", "grid"]).ends(0).says(says);
    let ran = work.run(&["send", "list.ndjson", "--dry-run", "--provider", "grid"]).ends(0);
    assert!(format!("{}{}", ran.out, ran.err).contains(says), "{}{}", ran.out, ran.err);
    let ran = work.run(&["check", "list.ndjson", "--provider", "relay"]).ends(0);
    assert!(!format!("{}{}", ran.out, ran.err).contains("requests"), "{}", ran.err);
    work.run(&["check", "list.ndjson", "--provider", "bird"]).ends(4).says("cannot express");
}

#[test]
fn a_template_of_a_path_needs_a_directory() {
    let work = through("smtp://127.0.0.1:9");
    list(&work, &["a.pdf"]);
    let config = work.read("mailbatch.toml");
    work.config(&config.replace("attach_dir = \"invoices\"\n", ""));
    work.run(&["check", "list.ndjson"]).ends(2).says("attach_dir = \"invoices\"");
    work.config(&config);
    work.run(&["check", "list.ndjson"]).ends(4).says("attach_dir: ");
    work.file("invoices/a.pdf", "%PDF");
    work.run(&["check", "list.ndjson"]).ends(0);
    work.run(&["preview", "list.ndjson", "--row", "1"]).ends(0);
}

#[test]
fn the_same_command_sends_to_a_row_whose_file_is_there_now() {
    let server = Recorder::start();
    let work = through(&server.url());
    work.file("invoices/a.pdf", "%PDF");
    list(&work, &["a.pdf", "late.pdf", "never.pdf"]);
    let send = ["send", "list.ndjson", "--skip-unrendered", "--max-invalid", "100%"];
    work.run(&send).ends(0);
    work.run(&send).ends(0).says("nothing to do");
    assert_eq!(server.count(), 1);
    work.file("invoices/late.pdf", "%PDF");
    work.run(&send).ends(0);
    assert_eq!(server.count(), 2);
    work.run(&send).ends(0).says("nothing to do");
    assert_eq!(server.count(), 2);
}
