//! Configurations and secrets that are wrong.

use std::os::unix::fs::PermissionsExt;

use super::{USAGE, as_nobody, is_refused, relay, run, sandbox, sends, stderr};
use crate::support::Workspace;
use crate::support::recorder::Recorder;

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
        (
            "in-flight = 2",
            &["mailbatch.toml:10: unknown key `in-flight`", "did you mean `in_flight`?"],
        ),
        (
            "[canry]\nsize = \"5%\"",
            &["mailbatch.toml:10: unknown key `canry`", "did you mean `canary`?"],
        ),
        (
            "[canary]\nsice = \"5%\"",
            &["mailbatch.toml:11: unknown key `sice`", "did you mean `size`?"],
        ),
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
    assert!(
        stderr(&output).contains("--rate") && stderr(&output).contains("would never send"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn unknown_and_unbuilt_providers_and_keys_are_refused() {
    configuration_is_refused(&[
        (
            "[providers.x]\nkind = \"sendgird\"",
            &["mailbatch.toml:11: ", "`sendgird`", "sandbox, smtp"],
        ),
        ("[providers.x]\nurl = \"smtp://localhost\"", &["providers.x.kind is missing"]),
        (
            "[route]\norder = [\"sandbox\", \"rely\"]",
            &["mailbatch.toml:11: route.order, entry 2: there is no provider \"rely\"", "sandbox"],
        ),
        (
            "[route]\nweights = { rely = 1 }",
            &["mailbatch.toml:11: route.weights.rely", "there is no provider"],
        ),
        (
            "[route]\ndomains = { \"gmail.com\" = \"sandbox\" }",
            &["mailbatch.toml:10: [route] says neither order nor weights"],
        ),
        ("[listen]\naddr = \"localhost\"", &["listen.addr", "127.0.0.1:8025"]),
        ("[providers.b]\nkind = \"bird\"\nwebhook_secret = \"x\"", &["literal secret"]),
        ("[providers.s]\nkind = \"ses\"\nwebhook_secret = { env = \"X\" }", &["webhook_topic"]),
        ("[providers.s]\nkind = \"ses\"\nwebhook_topic = \"topic\"", &["ARN of a topic"]),
        ("[providers.b]\nkind = \"bird\"\nwebhook_topic = \"arn:aws:sns:x\"", &["has none"]),
        (
            "[pause]\nrules = [\"bounced > 5%\"]",
            &["mailbatch.toml:11: pause.rules, entry 1", "is not of the form"],
        ),
        (
            "[state]\nurl = \"postgres://localhost\"",
            &["mailbatch.toml:11: state.url", "not built yet"],
        ),
        (
            "[canary]\nmax_bounced = 2",
            &["canary.max_bounced is not a text", "max_bounced = \"2%\""],
        ),
    ]);
    let ws = relay("smtp://localhost");
    ws.config(&format!("{}window = 65\n", ws.read("mailbatch.toml")));
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.window", "from 1 to 64"]);
    let ws = sandbox();
    let good = ws.read("mailbatch.toml");
    ws.config(&format!("{good}\n[providers.x]\nkind = \"smtp\"\nurl = \"smtp://localhost\"\n"));
    is_refused(
        &ws,
        &["send", "list.csv"],
        USAGE,
        &["several providers", "--provider", "sandbox, x"],
    );
    is_refused(&ws, &["send", "list.csv", "--provider", "sandbx"], USAGE, &["sandbx", "sandbox"]);
    is_refused(&ws, &["send", "list.csv", "--env", "stagin"], USAGE, &["stagin"]);
    sends(&ws, &["send", "list.csv", "--provider", "sandbox"], 2);
}

/// A workspace whose relay wants the password that `password` points to, and the recorder behind
/// it.
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
    assert!(
        recorder.heard().iter().any(|heard| heard.line.starts_with("AUTH ")),
        "it was asked to"
    );
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    let (ws, recorder) = with_password("password = \"hunter2\"");
    let said = is_refused(
        &ws,
        &["send", "list.csv"],
        USAGE,
        &["mailbatch.toml:12: providers.relay.password", "{ env = "],
    );
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
    is_refused(
        &ws,
        &["send", "list.csv"],
        USAGE,
        &["providers.relay.password", "RELAY_PASSWORD", "export"],
    );
    assert_eq!(recorder.connections(), 0);
    let output = ws
        .mailbatch()
        .env("RELAY_PASSWORD", "hunter2")
        .args(["send", "list.csv", "-vv"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        !stderr(&output).contains("hunter2") && !stderr(&output).contains("AHVzZXIAaHVudGVyMg=="),
        "no log holds a secret"
    );
    assert_eq!(recorder.count(), 2);
}

#[test]
fn a_secret_file_that_is_missing_or_open_to_others_is_refused() {
    let (ws, recorder) = with_password("password = { file = \"relay.key\" }");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "relay.key"]);
    ws.file("relay.key", "hunter2\n");
    for mode in [0o644, 0o660, 0o602] {
        std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(mode))
            .expect("a mode");
        let said = is_refused(
            &ws,
            &["send", "list.csv"],
            USAGE,
            &["relay.key", &format!("mode {mode:o}"), "chmod 600 relay.key"],
        );
        assert!(!said.contains("hunter2"));
    }
    assert_eq!(recorder.connections(), 0);
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o600))
        .expect("a mode");
    relay_took_both(&ws, &recorder);
}

#[test]
fn a_secret_file_that_may_not_be_read_is_refused() {
    let (ws, recorder) = with_password("password = { file = \"relay.key\" }");
    ws.file("relay.key", "hunter2\n");
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o000))
        .expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(USAGE), "{said}");
    assert!(
        said.contains("relay.key") && said.contains("denied") && said.contains("hint: "),
        "{said}"
    );
    assert_eq!(recorder.connections(), 0);
    std::fs::set_permissions(ws.join("relay.key"), PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let output = as_nobody(&ws).args(["send", "list.csv"]).output().expect("it runs");
    assert_eq!((output.status.code(), recorder.count()), (Some(0), 2), "{}", stderr(&output));
}

#[test]
fn a_secret_command_that_fails_or_says_nothing_is_refused() {
    let (ws, recorder) = with_password("password = { command = \"cat password.txt\" }");
    is_refused(
        &ws,
        &["send", "list.csv"],
        USAGE,
        &["providers.relay.password", "the command failed", "run it by hand"],
    );
    ws.file("password.txt", "");
    is_refused(&ws, &["send", "list.csv"], USAGE, &["providers.relay.password", "empty"]);
    assert_eq!(recorder.connections(), 0);
    ws.file("password.txt", "hunter2\n");
    relay_took_both(&ws, &recorder);
}
