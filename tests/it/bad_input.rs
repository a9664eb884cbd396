//! What people and machines get wrong: each mistake is answered with what, where and how to mend it, nothing is sent before it is mended, and
//! the mended start sends to everybody once.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Signal, Workspace, free_port, lists, signal, wait_for, workspace};

const USAGE: i32 = 2;
const REFUSED: i32 = 4;
const LIST: &str = "email,name\na@example.com,Ann\nb@example.com,Ben\n";

/// A workspace with the sandbox, a message that greets by name, and a list of two.
fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws
}

/// A workspace that sends to a relay which answers soon or never.
fn relay(url: &str) -> Workspace {
    let ws = workspace();
    let quick = "timeouts = { connect = \"2s\", command = \"400ms\", data = \"400ms\", final = \"400ms\" }\n\
                 retry = { for = \"1s\", base = \"50ms\", max = \"100ms\" }";
    ws.smtp_config(url, quick).message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws
}

fn run(ws: &Workspace, arguments: &[&str]) -> Output {
    ws.mailbatch().args(arguments).timeout(Duration::from_secs(60)).output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The messages the sandbox keeps.
fn outbox(ws: &Workspace) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(ws.join(".mailbatch/outbox")) else { return Vec::new() };
    entries.map(|entry| std::fs::read(entry.expect("a readable outbox").path()).expect("a message")).collect()
}

/// The command ends with `exit`, says all of `says` and a hint on standard error, nothing on standard output, and sends nothing.
#[track_caller]
fn is_refused(ws: &Workspace, arguments: &[&str], exit: i32, says: &[&str]) -> String {
    let before = outbox(ws).len();
    let output = run(ws, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    for part in says {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
    assert!(said.contains("hint: "), "{arguments:?} gives no hint: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty(), "{arguments:?} writes to standard output: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(outbox(ws).len(), before, "{arguments:?} sent something");
    said
}

/// The mended command ends well, and the sandbox has taken `count` messages in all.
#[track_caller]
fn sends(ws: &Workspace, arguments: &[&str], count: usize) {
    let output = run(ws, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    assert_eq!(outbox(ws).len(), count, "{arguments:?}: {}", stderr(&output));
}

/// Every list is refused with these words, by `send` and by `check`, until it is mended.
#[track_caller]
fn list_is_refused(name: &str, content: impl AsRef<[u8]>, says: &[&str]) {
    let ws = sandbox();
    ws.file(name, content);
    is_refused(&ws, &["send", name], REFUSED, says);
    is_refused(&ws, &["check", name], REFUSED, says);
    is_refused(&ws, &["send", name, "--dry-run"], REFUSED, says);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn an_empty_list_is_refused() {
    list_is_refused("empty.csv", "", &["empty.csv: is empty"]);
    list_is_refused("empty.ndjson", "", &["empty.ndjson: is empty"]);
}

#[test]
fn a_header_alone_is_nobody_to_send_to() {
    let ws = sandbox();
    ws.file("list.csv", "email,name\n");
    for (arguments, exit) in [(&["send", "list.csv"][..], 0), (&["send", "list.csv", "--error-on-empty"], 9)] {
        assert_eq!(run(&ws, arguments).status.code(), Some(exit), "{arguments:?}");
    }
    let first = ["send", "list.csv", "--error-on-empty", "--campaign", "first"];
    assert_eq!(run(&ws, &first).status.code(), Some(9), "at the first start too");
    assert!(outbox(&ws).is_empty());
    ws.file("list.csv", LIST);
    sends(&ws, &first, 2);
}

#[test]
fn a_list_without_an_email_column_is_refused_with_its_columns_and_the_flag() {
    let ws = sandbox();
    ws.file("list.csv", "id,kontakt,name\n1,a@example.com,Ann\n");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["list.csv: ", "id, kontakt, name", "--email COLUMN"]);
    is_refused(&ws, &["send", "list.csv", "--email", "kontact"], REFUSED, &["\"kontact\"", "did you mean \"kontakt\"?"]);
    sends(&ws, &["send", "list.csv", "--email", "kontakt"], 1);
}

#[test]
fn a_list_with_two_email_columns_is_refused_with_both() {
    let ws = sandbox();
    ws.file("list.csv", "email,name,E-Mail\na@example.com,Ann,b@example.com\n");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["2 columns", "email, E-Mail", "--email COLUMN"]);
    sends(&ws, &["send", "list.csv", "--email", "E-Mail"], 1);
    assert!(String::from_utf8_lossy(&outbox(&ws)[0]).contains("b@example.com"));
}

#[test]
fn ragged_rows_are_invalid_by_line_and_refuse_the_list_when_they_are_many() {
    let ws = sandbox();
    ws.file("ragged.csv", format!("{LIST}c@example.com\nd@example.com,Dan,extra\n"));
    let says = ["2 of 4 rows", "ragged.csv:4: row has 1 field, the header has 2", "ragged.csv:5: row has 3 fields", "--max-invalid"];
    is_refused(&ws, &["send", "ragged.csv"], REFUSED, &says);
    sends(&ws, &["send", "ragged.csv", "--max-invalid", "50%"], 2);
    let report = run(&ws, &["report", "latest", "--format", "csv", "--outcome", "invalid"]);
    assert_eq!(String::from_utf8_lossy(&report.stdout).matches(",invalid,bad_address,").count(), 2);
}

#[test]
fn nul_bytes_are_refused_by_line() {
    list_is_refused("nul.csv", "email,name\na@example.com,A\nb@example.com,B\0b\n", &["nul.csv:3: ", "NUL"]);
}

#[test]
fn invalid_utf_8_is_refused_by_line_and_offset() {
    let mut late = format!("email,name\n{}", "a@example.com,Ann\n".repeat(10_000)).into_bytes();
    late.extend_from_slice(b"b@example.com,B\xff\n");
    list_is_refused("late.csv", late, &["late.csv:10002: ", "0xFF", "--encoding windows-1252"]);
    let ws = sandbox();
    ws.file("list.csv", b"email,name\na@example.com,Zo\xeb\n");
    is_refused(&ws, &["send", "list.csv", "--encoding", "utf-8"], REFUSED, &["list.csv:2: ", "0xEB"]);
    sends(&ws, &["send", "list.csv"], 1);
    let parsed = outbox(&ws);
    let message = mail_parser::MessageParser::default().parse(&parsed[0]).expect("a message");
    assert_eq!(message.subject(), Some("Hi Zoë"));
}

#[test]
fn a_field_of_ten_megabytes_is_refused_by_line() {
    let field = "x".repeat(10 << 20);
    list_is_refused("big.csv", format!("email,name\na@example.com,Ann\nb@example.com,\"{field}\"\n"), &["big.csv:3: ", "larger than"]);
    list_is_refused("big.ndjson", format!("{{\"email\":\"a@example.com\",\"name\":\"{field}\"}}\n"), &["big.ndjson:1: ", "larger than"]);
}

#[test]
fn truncated_lists_are_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(lists::csv(5_000).as_bytes()).expect("memory");
    let mut packed = packed.finish().expect("memory");
    packed.truncate(packed.len() / 2);
    list_is_refused("cut.csv.gz", &packed, &["cut.csv.gz: ", "truncated?"]);
    list_is_refused("cut.json", "[{\"email\":\"a@example.com\",\"name\":\"A\"},{\"email\":\"b@exa", &["cut.json: ", "element 2", "truncated?"]);
    let objects = "{\"email\":\"a@example.com\",\"name\":\"A\"}\n{\"email\":\"b@exa";
    let ws = sandbox();
    ws.file("cut.ndjson", objects);
    is_refused(&ws, &["send", "cut.ndjson"], REFUSED, &["cut.ndjson:2: "]);
}

#[test]
fn a_list_that_is_no_file_is_refused_without_waiting() {
    let ws = sandbox();
    std::fs::create_dir(ws.join("folder")).expect("a directory");
    assert!(Command::new("mkfifo").arg(ws.join("pipe.csv")).status().expect("mkfifo").success());
    std::os::unix::fs::symlink("nowhere", ws.join("dangling.csv")).expect("a link");
    for (name, says) in [
        ("folder", "folder: is a directory"),
        ("missing.csv", "missing.csv: there is no such file"),
        ("dangling.csv", "dangling.csv: there is no such file"),
        ("pipe.csv", "pipe.csv: is a pipe"),
        ("/dev/null", "/dev/null: is a pipe or a device"),
    ] {
        is_refused(&ws, &["send", name], REFUSED, &[says]);
    }
    is_refused(&ws, &["send", "-"], USAGE, &["--campaign NAME"]);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn of_two_lists_one_bad_one_stops_both() {
    let ws = sandbox();
    ws.file("bad.csv", "id\n1\n");
    is_refused(&ws, &["send", "list.csv", "bad.csv"], REFUSED, &["bad.csv: no column is called email"]);
    is_refused(&ws, &["send", "list.csv", "missing.csv"], REFUSED, &["missing.csv: "]);
    ws.file("bad.csv", "email,name\nc@example.com,Cem\n");
    sends(&ws, &["send", "list.csv", "bad.csv"], 3);
}

#[test]
fn a_wrong_or_truncated_list_is_found_by_its_count() {
    let ws = sandbox();
    is_refused(&ws, &["send", "list.csv", "--expect-count", "100+-2pct"], REFUSED, &["2 rows", "100", "--expect-count"]);
    sends(&ws, &["send", "list.csv", "--expect-count", "2"], 2);
}

#[test]
fn a_template_syntax_error_names_file_line_and_column() {
    let ws = sandbox();
    for (name, text, place) in [
        ("body.md", "+++\nsubject = \"x\"\n+++\nHi\n\nDear {{ name name }}\n", "body.md:6:14: "),
        ("body.html", "+++\nsubject = \"x\"\n+++\n<p>{% if name %}</p>\n", "body.html:4:"),
        ("body.txt", "+++\nsubject = \"x\"\n+++\n{% endif %}\n", "body.txt:4:4: "),
        ("subject.md", "+++\nsubject = \"Hi {{ name name }}\"\n+++\nx\n", "subject.md:2: subject, column 12 of its text: "),
    ] {
        ws.file(name, text);
        is_refused(&ws, &["send", "list.csv", "--message", name], REFUSED, &[place, "{{ and }}"]);
        is_refused(&ws, &["preview", "list.csv", "--message", name], REFUSED, &[place]);
    }
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn front_matter_that_is_wrong_names_line_and_key() {
    let ws = sandbox();
    for (text, exit, says) in [
        ("+++\nsubjct = \"x\"\n+++\nHi\n", USAGE, "message.md:2: unknown key `subjct`"),
        ("+++\nsubject = \"x\nHi\n", REFUSED, "message.md:1: the front matter is not closed"),
        ("+++\nsubject = \"x\n+++\nHi\n", USAGE, "message.md:2: "),
        ("+++\nsubject = \"x\"\n[headers]\nBcc = \"x\"\n+++\nHi\n", USAGE, "message.md:4: headers.Bcc"),
        ("+++\nsubject = \"x\"\nattachments = [\"missing.pdf\"]\n+++\nHi\n", REFUSED, "missing.pdf"),
        ("Hi\n", USAGE, "`subject` is not set"),
        ("+++\nsubject = \"x\"\n+++\n", REFUSED, "the body is empty"),
    ] {
        ws.file("message.md", text);
        is_refused(&ws, &["send", "list.csv"], exit, &[says]);
    }
    std::fs::remove_file(ws.join("message.md")).expect("it was there");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["message.md", "--message"]);
    ws.message("Hi", "Hello");
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_variable_missing_in_the_last_rows_is_found_before_the_first_message_leaves() {
    let ws = sandbox();
    ws.message("Hi", "Hello {{ name }}{% if name == 'Zoe' %}{{ surname }}{% endif %}");
    let many = 3_000;
    let list: String = (0..many).map(|row| format!("u{row}@example.com,Ann\n")).collect();
    ws.file("list.csv", format!("email,name\n{list}y@example.com,Zoe\nz@example.com,Zoe\n"));
    let says = ["2 of 3002 rows", "`surname` is undefined", "in 2 rows", "list.csv:3002, list.csv:3003"];
    is_refused(&ws, &["send", "list.csv", "--max-invalid", "0%"], REFUSED, &says);
    // Within the tolerance the others go, and these two are told apart in the report.
    sends(&ws, &["send", "list.csv"], 1_000);
    let report = run(&ws, &["report", "latest", "--format", "ndjson", "--outcome", "invalid"]);
    assert_eq!(String::from_utf8_lossy(&report.stdout).matches("\"reason\":\"render\"").count(), 2);
    ws.message("Hi", "Hello {{ nme }}");
    is_refused(&ws, &["send", "list.csv", "--campaign", "other"], REFUSED, &["3002 of 3002 rows", "`nme` is undefined", ", …"]);
}

#[test]
fn line_breaks_and_nul_in_a_value_make_no_header() {
    let ws = sandbox();
    ws.config(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\nto_name = \"{{ name }}\"\n\
         [message.headers]\nX-Name = \"{{ name }}\"\n[providers.sandbox]\nkind = \"sandbox\"\n",
    );
    let evil = |email: &str, name: &str| serde_json::json!({"email": email, "name": name}).to_string();
    let list = [
        evil("a@example.com", "Ann\r\nBcc: evil@example.com"),
        evil("b@example.com", "Ben\nBcc: evil@example.com\n\nbody"),
        evil("c@example.com", "Cem\rBcc: evil@example.com"),
        evil("d@example.com", "Dan\0Bcc: evil@example.com"),
        evil("e@example.com", "Zoë\r\n\r\nBcc: evil@example.com"),
    ];
    ws.file("list.ndjson", list.join("\n"));
    sends(&ws, &["send", "list.ndjson"], 5);
    for raw in outbox(&ws) {
        let message = mail_parser::MessageParser::default().parse(&raw).expect("a message");
        assert!(message.bcc().is_none() && message.header("Bcc").is_none(), "{}", String::from_utf8_lossy(&raw));
        assert!(message.subject().expect("a subject").contains("Bcc: evil@example.com"), "the value stands in the subject");
        assert_eq!(message.to().expect("a recipient").as_list().expect("one mailbox").len(), 1);
        let header = raw.windows(4).position(|end| end == b"\r\n\r\n").expect("an end of the header");
        assert!(!raw[..header].contains(&0));
        let names: Vec<&str> = message.headers().iter().map(|header| header.name()).collect();
        assert_eq!(names.iter().filter(|name| name.eq_ignore_ascii_case("x-name")).count(), 1, "{names:?}");
    }
}

/// Each configuration is refused with these words; without it the send works.
#[track_caller]
fn configuration_is_refused(cases: &[(&str, &[&str])]) {
    let ws = sandbox();
    let good = ws.read("mailbatch.toml");
    for (lines, says) in cases {
        ws.config(&format!("{good}{lines}\n"));
        is_refused(&ws, &["send", "list.csv"], USAGE, says);
        is_refused(&ws, &["config", "validate"], USAGE, says);
    }
    ws.config(&good);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    configuration_is_refused(&[
        ("in-flight = 2", &["mailbatch.toml:10: unknown key `in-flight`", "did you mean `in_flight`?"]),
        ("[canry]\nsize = \"5%\"", &["mailbatch.toml:10: unknown key `canry`", "did you mean `canary`?"]),
        ("[canary]\nsice = \"5%\"", &["mailbatch.toml:11: unknown key `sice`", "did you mean `size`?"]),
        ("colour = \"red\"", &["unknown key `colour`", "known here: "]),
        ("[list]\nemail = 3", &["mailbatch.toml:11: list.email"]),
        ("this is no TOML", &["mailbatch.toml:10: "]),
    ]);
}

#[test]
fn a_rate_of_zero_is_refused() {
    configuration_is_refused(&[
        ("rate = \"0/s\"", &["mailbatch.toml:10: providers.sandbox.rate", "would never send"]),
        ("caps = [\"0/hour\"]", &["mailbatch.toml:10: providers.sandbox.caps", "would never send"]),
        ("per_domain = { \"example.com\" = \"0/s\" }", &["mailbatch.toml:10: ", "example.com"]),
        ("rate = \"fast\"", &["mailbatch.toml:10: ", "50/s"]),
        ("in_flight = 0", &["mailbatch.toml:10: ", "from 1 to"]),
    ]);
    let ws = sandbox();
    let output = run(&ws, &["send", "list.csv", "--rate", "0/s"]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(stderr(&output).contains("--rate") && stderr(&output).contains("would never send"), "{}", stderr(&output));
}

#[test]
fn unknown_and_unbuilt_providers_and_keys_are_refused() {
    configuration_is_refused(&[
        ("[providers.x]\nkind = \"sendgird\"", &["mailbatch.toml:11: ", "`sendgird`", "sandbox, smtp"]),
        ("[providers.x]\nurl = \"smtp://localhost\"", &["providers.x.kind is missing"]),
        ("[route]\norder = [\"sandbox\", \"rely\"]", &["mailbatch.toml:11: route.order, entry 2: there is no provider \"rely\"", "sandbox"]),
        ("[route]\nweights = { rely = 1 }", &["mailbatch.toml:11: route.weights.rely", "there is no provider"]),
        ("[route]\ndomains = { \"gmail.com\" = \"sandbox\" }", &["mailbatch.toml:10: [route] says neither order nor weights"]),
        ("[listen]\naddr = \"localhost\"", &["listen.addr", "127.0.0.1:8025"]),
        ("[providers.b]\nkind = \"bird\"\nwebhook_secret = \"x\"", &["literal secret"]),
        ("[providers.s]\nkind = \"ses\"\nwebhook_secret = { env = \"X\" }", &["webhook_topic"]),
        ("[providers.s]\nkind = \"ses\"\nwebhook_topic = \"topic\"", &["ARN of a topic"]),
        ("[providers.b]\nkind = \"bird\"\nwebhook_topic = \"arn:aws:sns:x\"", &["has none"]),
        ("[pause]\nrules = [\"bounced > 5%\"]", &["mailbatch.toml:11: pause.rules, entry 1", "is not of the form"]),
        ("[state]\nurl = \"postgres://localhost\"", &["mailbatch.toml:11: state.url", "not built yet"]),
        ("[canary]\nmax_bounced = 2", &["canary.max_bounced is not a text", "max_bounced = \"2%\""]),
    ]);
    let ws = relay("smtp://localhost");
    ws.config(&format!("{}window = 65\n", ws.read("mailbatch.toml")));
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.window", "from 1 to 64"]);
    let ws = sandbox();
    let good = ws.read("mailbatch.toml");
    ws.config(&format!("{good}\n[providers.x]\nkind = \"smtp\"\nurl = \"smtp://localhost\"\n"));
    is_refused(&ws, &["send", "list.csv"], USAGE, &["several providers", "--provider", "sandbox, x"]);
    is_refused(&ws, &["send", "list.csv", "--provider", "sandbx"], USAGE, &["sandbx", "sandbox"]);
    is_refused(&ws, &["send", "list.csv", "--env", "stagin"], USAGE, &["stagin"]);
    sends(&ws, &["send", "list.csv", "--provider", "sandbox"], 2);
}

/// A workspace whose relay wants the password that `password` points to, and the recorder behind it.
fn with_password(password: &str) -> (Workspace, Recorder) {
    let recorder = Recorder::start();
    let ws = relay(&format!("smtp://user@127.0.0.1:{}", recorder.port()));
    ws.config(&format!("{}{password}\n", ws.read("mailbatch.toml")));
    (ws, recorder)
}

/// The relay has taken both messages after the mended start.
#[track_caller]
fn relay_took_both(ws: &Workspace, recorder: &Recorder) {
    let output = run(ws, &["send", "list.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(recorder.recipients(), ["a@example.com", "b@example.com"]);
    assert!(recorder.heard().iter().any(|heard| heard.line.starts_with("AUTH ")), "it was asked to");
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    let (ws, recorder) = with_password("password = \"hunter2\"");
    let said = is_refused(&ws, &["send", "list.csv"], USAGE, &["mailbatch.toml:12: providers.relay.password", "{ env = "]);
    assert!(!said.contains("hunter2"));
    let url = ws.read("mailbatch.toml").replace("smtp://user@", "smtp://user:hunter2@");
    ws.config(&url.replace("password = \"hunter2\"\n", ""));
    let said = is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.url"]);
    assert!(!said.contains("hunter2"));
    assert_eq!(recorder.connections(), 0);
}

#[test]
fn a_missing_environment_secret_is_refused_by_its_name() {
    let (ws, recorder) = with_password("password = { env = \"RELAY_PASSWORD\" }");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "RELAY_PASSWORD", "export"]);
    assert_eq!(recorder.connections(), 0);
    let output = ws.mailbatch().env("RELAY_PASSWORD", "hunter2").args(["send", "list.csv", "-vv"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("hunter2") && !stderr(&output).contains("AHVzZXIAaHVudGVyMg=="), "no log holds a secret");
    assert_eq!(recorder.count(), 2);
}

#[test]
fn a_secret_file_that_is_missing_or_open_to_others_is_refused() {
    let (ws, recorder) = with_password("password = { file = \"relay.key\" }");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "relay.key"]);
    ws.file("relay.key", "hunter2\n");
    for mode in [0o644, 0o640, 0o602] {
        std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(mode)).expect("a mode");
        let said = is_refused(&ws, &["send", "list.csv"], USAGE, &["relay.key", &format!("mode {mode:o}"), "chmod 600 relay.key"]);
        assert!(!said.contains("hunter2"));
    }
    assert_eq!(recorder.connections(), 0);
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o600)).expect("a mode");
    relay_took_both(&ws, &recorder);
}

#[test]
fn a_secret_file_that_may_not_be_read_is_refused() {
    let (ws, recorder) = with_password("password = { file = \"relay.key\" }");
    ws.file("relay.key", "hunter2\n");
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o000)).expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(USAGE), "{said}");
    assert!(said.contains("relay.key") && said.contains("denied") && said.contains("hint: "), "{said}");
    assert_eq!(recorder.connections(), 0);
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o600)).expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!((output.status.code(), recorder.count()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn a_secret_command_that_fails_or_says_nothing_is_refused() {
    let (ws, recorder) = with_password("password = { command = \"cat password.txt\" }");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "the command failed", "run it by hand"]);
    ws.file("password.txt", "");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "empty"]);
    assert_eq!(recorder.connections(), 0);
    ws.file("password.txt", "hunter2\n");
    relay_took_both(&ws, &recorder);
}

#[test]
fn garbage_in_a_suppression_file_stops_the_send_by_line() {
    let ws = sandbox();
    ws.config(&format!("{}[suppression]\nfiles = [\"stop.csv\"]\n", ws.read("mailbatch.toml")));
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["stop.csv"]);
    for (text, says) in [
        ("x@example.com\n????\n", "stop.csv:2: "),
        ("email,reason\nx@example.com,because\n", "stop.csv:2: reason"),
        ("sha256:abc\n", "stop.csv:1: "),
        ("email,expires_at\nx@example.com,soon\n", "stop.csv:2: "),
        ("\u{1}\u{2}\u{3}\n", "stop.csv:1: "),
    ] {
        ws.file("stop.csv", text);
        is_refused(&ws, &["send", "list.csv"], REFUSED, &[says]);
        is_refused(&ws, &["check", "list.csv"], REFUSED, &[says]);
    }
    ws.file("stop.csv", b"\xff\xfe\x00\x80garbage\n");
    is_refused(&ws, &["send", "list.csv"], REFUSED, &["stop.csv:1: "]);
    is_refused(&ws, &["send", "list.csv", "--suppress", "missing.csv"], REFUSED, &[]);
    ws.file("stop.csv", "b@example.com\n");
    sends(&ws, &["send", "list.csv"], 1);
}

#[test]
fn without_a_workspace_the_way_to_make_one_is_told() {
    let ws = workspace();
    ws.file("list.csv", LIST);
    for arguments in [&["send", "list.csv"][..], &["check", "list.csv"], &["status"], &["runs"], &["suppress", "list"], &["pause"]] {
        is_refused(&ws, arguments, USAGE, &["no mailbatch.toml here or above", "config init", "-C DIR"]);
    }
    assert!(!ws.join(".mailbatch").exists(), "nothing is made");
    is_refused(&ws, &["-C", "nowhere", "send", "list.csv"], USAGE, &["nowhere", "-C takes a directory"]);
    is_refused(&ws, &["-c", "nowhere.toml", "send", "list.csv"], USAGE, &["nowhere.toml"]);
    assert_eq!(run(&ws, &["config", "init"]).status.code(), Some(0));
    let output = run(&ws, &["check", "list.csv", "--max-invalid", "100%"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let ws = sandbox();
    ws.file("blocked", "").file("folder.csv/x", "");
    is_refused(&ws, &["send", "list.csv", "--report", "blocked/report.csv"], USAGE, &["--report", "blocked/report.csv"]);
    is_refused(&ws, &["send", "list.csv", "--report", "folder.csv"], USAGE, &["--report", "folder.csv: is a directory"]);
    is_refused(&ws, &["send", "list.csv", "--report", "report.pdf"], USAGE, &["report.pdf", ".csv .ndjson"]);
    sends(&ws, &["send", "list.csv", "--report", "out/report.csv"], 2);
    assert_eq!(ws.read("out/report.csv").lines().count(), 3);
    // There is nothing to send any more, and the report that was asked for is written all the same.
    sends(&ws, &["send", "list.csv", "--report", "out/again.ndjson"], 2);
    assert_eq!(ws.read("out/again.ndjson").lines().count(), 2);
}

#[test]
fn a_damaged_ledger_stops_everything_with_what_to_do() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    let good = std::fs::read(ws.join(".mailbatch/ledger.db")).expect("a ledger");
    ws.file(".mailbatch/ledger.db", "garbage ".repeat(2_000));
    for arguments in [&["send", "list.csv"][..], &["resume"], &["status"], &["runs"], &["report", "latest"]] {
        is_refused(&ws, arguments, 1, &["ledger.db: ", "no SQLite database", "backup"]);
    }
    ws.file(".mailbatch/ledger.db", &good[..good.len() / 2]);
    is_refused(&ws, &["send", "list.csv"], 1, &["ledger.db: ", "backup"]);
    ws.file(".mailbatch/ledger.db", good);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    let version = |number: u32| {
        let ledger = rusqlite::Connection::open(ws.join(".mailbatch/ledger.db")).expect("a ledger");
        let before: u32 = ledger.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
        ledger.pragma_update(None, "user_version", number).expect("writable");
        before
    };
    let before = version(999);
    is_refused(&ws, &["send", "list.csv"], USAGE, &["ledger.db: ", "999", "newer mailbatch"]);
    version(before);
    sends(&ws, &["send", "list.csv"], 2);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_told() {
    let ws = sandbox();
    ws.file(".mailbatch", "");
    is_refused(&ws, &["send", "list.csv"], 1, &[".mailbatch"]);
    std::fs::remove_file(ws.join(".mailbatch")).expect("it was there");
    std::fs::create_dir(ws.join(".mailbatch")).expect("a directory");
    std::fs::set_permissions(ws.join(".mailbatch"), PermissionsExt::from_mode(0o500)).expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(".mailbatch") && said.contains("denied") && said.contains("hint: "), "{said}");
    std::fs::set_permissions(ws.join(".mailbatch"), PermissionsExt::from_mode(0o700)).expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!((output.status.code(), outbox(&ws).len()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn a_ledger_that_cannot_grow_stops_before_the_wire_and_goes_on_later() {
    let recorder = Recorder::start();
    let ws = relay(&recorder.url());
    ws.file("list.csv", lists::csv(3_000));
    // Files of at most 128 kB: the plan does not fit. The signal that would kill is ignored, so writing fails as on a full disk.
    let binary = ws.command().get_program().to_owned();
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" send list.csv --max-invalid 100%";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(binary).current_dir(ws.path()).env_clear().env("HOME", ws.path()).stdin(Stdio::null());
    let output = command.output().expect("sh");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ledger.db") && said.contains("hint: "), "{said}");
    assert_eq!(recorder.connections(), 0);
    let output = run(&ws, &["send", "list.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut expected = lists::addresses(3_000);
    expected.sort();
    assert_eq!(recorder.recipients(), expected);
}

#[test]
fn a_second_run_of_the_campaign_is_locked_out_or_waits() {
    let recorder = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(300)));
    let ws = relay(&recorder.url());
    ws.config(&ws.read("mailbatch.toml").replace("final = \"400ms\"", "final = \"20s\""));
    ws.config(&format!("{}in_flight = 1\n", ws.read("mailbatch.toml")));
    ws.file("list.csv", lists::csv(6));
    let mut first = ws.spawn(&["send", "list.csv"]);
    assert!(wait_for(|| recorder.connections() > 0, Duration::from_secs(20)));
    is_refused(&ws, &["send", "list.csv"], 11, &["another run of the campaign message/list", "--wait-lock"]);
    let waited = run(&ws, &["send", "list.csv", "--wait-lock", "30s"]);
    assert_eq!(waited.status.code(), Some(0), "{}", stderr(&waited));
    assert!(stderr(&waited).contains("nothing to do"), "{}", stderr(&waited));
    assert!(first.wait().expect("it was started").success());
    assert_eq!(recorder.count(), 6);
}

#[test]
fn a_changed_list_or_message_is_refused_with_what_changed() {
    let ws = sandbox();
    sends(&ws, &["send", "list.csv"], 2);
    ws.file("list.csv", format!("{LIST}c@example.com,Cem\n"));
    let said = is_refused(&ws, &["send", "list.csv"], 14, &["the list has changed", "message/list", "--campaign NAME"]);
    assert!(!said.contains('#'), "{said}");
    ws.message("Ho {{ name }}", "Hello {{ name }}");
    is_refused(&ws, &["send", "list.csv"], 14, &["the list and the message have changed"]);
    ws.file("list.csv", LIST);
    is_refused(&ws, &["send", "list.csv"], 14, &["the message has changed"]);
    ws.message("Hi {{ name }}", "Hello {{ name }}");
    sends(&ws, &["send", "list.csv"], 2);
}

/// The relay fails the whole exchange; the run stops with retryable work, says why, and `resume` finishes when the relay is mended.
#[track_caller]
fn relay_fails(script: Script, why: &str) {
    let recorder = Recorder::with(script.must_be_called());
    let ws = relay(&recorder.url());
    let output = run(&ws, &["send", "list.csv"]);
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(5), "{why}: {told}");
    assert!(told.contains(why), "does not say {why:?}: {told}");
    assert!(told.contains("2 rows in = ") && told.contains("next    mailbatch resume "), "{told}");
    assert_eq!(recorder.count(), 0);
    recorder.follow(Script::default());
    let output = run(&ws, &["resume"]);
    assert_eq!(output.status.code(), Some(0), "{why}: {}", stderr(&output));
    assert_eq!(recorder.recipients(), ["a@example.com", "b@example.com"], "{why}");
}

#[test]
fn a_server_that_speaks_no_smtp_blames_no_recipient() {
    relay_fails(
        Script::default().on(Step::Greeting, Action::Bytes(b"\x00\xff\x16\x03HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())),
        "not an SMTP answer",
    );
    relay_fails(Script::default().on(Step::Ehlo, Action::Bytes(b"<html>\r\n".to_vec())), "not an SMTP answer");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    relay_fails(Script::default().on(Step::Greeting, Action::Silence), "no answer at the greeting within 400ms");
    relay_fails(Script::default().on(Step::Mail, Action::Silence), "no answer");
}

#[test]
fn a_server_that_closes_at_once_is_given_up() {
    relay_fails(Script::default().on(Step::Greeting, Action::Drop), "connection lost at the greeting");
    relay_fails(Script::default().on(Step::Ehlo, Action::Drop), "connection lost");
}

#[test]
fn a_server_whose_replies_never_end_is_given_up() {
    relay_fails(Script::default().on(Step::Greeting, Action::Bytes(b"220-more\r\n".repeat(200_000))), "too many lines");
    relay_fails(Script::default().on(Step::Ehlo, Action::Bytes(vec![b'2'; 8 << 20])), "too long");
}

#[test]
fn a_server_that_answers_354_to_everything_is_given_up() {
    relay_fails(Script::default().on(Step::Any, Action::reply("354 go ahead")), "it begins with 354");
}

#[test]
fn a_server_that_answers_354_to_a_command_takes_nobody() {
    for step in [Step::Ehlo, Step::Mail, Step::Rcpt] {
        let recorder = Recorder::with(Script::default().on(step, Action::reply("354 go ahead")));
        let ws = relay(&recorder.url());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(5), "{step:?}: {}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(recorder.count(), 0, "{step:?}");
        recorder.follow(Script::default());
        let output = run(&ws, &["resume"]);
        assert_eq!((output.status.code(), recorder.count()), (Some(0), 2), "{step:?}: {}", stderr(&output));
    }
}

#[test]
fn a_server_that_answers_250_to_data_takes_nobody() {
    let recorder = Recorder::with(Script::default().on(Step::Data, Action::reply("250 fine")));
    let ws = relay(&recorder.url());
    let output = run(&ws, &["send", "list.csv"]);
    assert_eq!(output.status.code(), Some(5), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(recorder.count(), 0);
    assert!(!recorder.heard().iter().any(|heard| heard.line.contains("Hello")), "no message was written where none was wanted");
    recorder.follow(Script::default());
    let output = run(&ws, &["resume"]);
    assert_eq!((output.status.code(), recorder.count()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn an_answer_that_is_none_after_the_final_dot_leaves_unknowns_that_are_never_resent() {
    for action in [Action::reply("354 go ahead"), Action::Bytes(b"what?\r\n".to_vec()), Action::Drop, Action::Silence] {
        let recorder = Recorder::with(Script::default().rule(Rule::new(Step::Dot, action.clone()).to("a@example.com").having_taken()));
        let ws = relay(&recorder.url());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(6), "{action:?}: {}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        recorder.follow(Script::default());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(6), "{action:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("not sent again by guess"), "{}", stderr(&output));
        assert_eq!(recorder.recipients(), ["a@example.com", "b@example.com"], "{action:?}");
    }
}

#[test]
fn nobody_at_the_other_end_is_told_and_mended() {
    let ws = relay(&format!("smtp://127.0.0.1:{}", free_port()));
    let output = run(&ws, &["send", "list.csv"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}{}", stderr(&output));
    assert!(told.contains("refused"), "{told}");
    let recorder = Recorder::start();
    let url = ws
        .read("mailbatch.toml")
        .lines()
        .map(|line| if line.starts_with("url") { format!("url = \"{}\"\n", recorder.url()) } else { format!("{line}\n") })
        .collect::<String>();
    ws.config(&url);
    assert_eq!((run(&ws, &["resume"]).status.code(), recorder.count()), (Some(0), 2));
}

#[test]
fn a_signal_drains_and_the_same_command_finishes() {
    for (which, exit) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let recorder = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(30)));
        let ws = relay(&recorder.url());
        ws.config(&ws.read("mailbatch.toml").replace("final = \"400ms\"", "final = \"20s\"")).file("list.csv", lists::csv(400));
        let mut child = ws.spawn(&["send", "list.csv"]);
        assert!(wait_for(|| recorder.count() > 10, Duration::from_secs(20)));
        signal(child.id(), which);
        assert_eq!(child.wait().expect("it was started").code(), Some(exit));
        assert!(recorder.count() < 400, "it stopped on the way");
        recorder.follow(Script::default());
        let output = run(&ws, &["send", "list.csv"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut expected = lists::addresses(400);
        expected.sort();
        assert_eq!(recorder.recipients(), expected, "nobody twice, nobody missing");
    }
}

#[test]
fn a_reader_that_has_left_stops_no_send() {
    let ws = sandbox();
    for arguments in [&["send", "list.csv", "--progress", "json"][..], &["report", "latest"], &["runs"], &["check", "list.csv"]] {
        let mut child = ws.command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().expect("it was started").code(), Some(0), "{arguments:?}");
    }
    assert_eq!(outbox(&ws).len(), 2);
}

/// The binary as somebody for whom permissions count: the superuser reads and writes whatever it likes.
fn as_nobody(ws: &Workspace) -> Command {
    const NOBODY: u32 = 65_534;
    let usual = ws.command();
    if !rustix::process::geteuid().is_root() {
        return usual;
    }
    let binary = ws.join("mailbatch-for-nobody");
    if !binary.exists() && std::fs::hard_link(usual.get_program(), &binary).is_err() {
        std::fs::copy(usual.get_program(), &binary).expect("room for a copy");
    }
    let mut give = Command::new("chown");
    // The binary may be a link to the one that was built: it keeps its owner.
    let entries = std::fs::read_dir(ws.path()).expect("a workspace").map(|entry| entry.expect("an entry").path()).filter(|path| *path != binary);
    assert!(give.arg("-R").arg(NOBODY.to_string()).args(entries).status().expect("chown").success());
    assert!(Command::new("chown").arg(NOBODY.to_string()).arg(ws.path()).status().expect("chown").success());
    let mut command = Command::new(binary);
    command.env_clear().env("HOME", ws.path()).env("PATH", "/usr/bin:/bin").current_dir(ws.path()).stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
    command
}
