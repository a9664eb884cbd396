//! Nothing that was configured does nothing in silence: gates without a source of bounces, mail
//! under names for examples, and the sample.

use crate::support::recorder::{Recorder, Script};
use crate::support::running::relayed;
use crate::support::{Workspace, workspace};

const ROWS: usize = 60;

fn canary(server: &Recorder, tables: &str) -> Workspace {
    let work = relayed(server, "in_flight = 2", ROWS);
    work.config(&format!("{}\n{tables}\n", work.read("mailbatch.toml")));
    work
}

#[test]
fn gates_that_no_bounce_can_reach_are_said_under_quiet() {
    let send = ["-q", "send", "list.csv", "--canary", "10"];
    let said = |tables: &str| {
        let server = Recorder::with(Script::default());
        let ran = canary(&server, tables).run(&send).ends(0);
        assert_eq!((server.count(), ran.out.as_str()), (ROWS, ""));
        ran.err
    };
    const CANARY: &str =
        "nothing reports bounces now, so the canary is judged by the provider's replies only";
    const RULES: &str = "nothing reports bounces and complaints now, so the pause rules about them cannot stop the run";
    let both = said("[pause]\nrules = [\"bounced > 5% over 1h\"]");
    assert!(both.contains(CANARY) && both.contains(RULES) && both.contains("hint: "), "{both}");
    // A rule about the provider's own answers works by itself, and what was declared is no
    // surprise.
    assert_eq!(
        said("[canary]\nrequire = \"replies\"\n[pause]\nrules = [\"failed > 50% over 1h\"]"),
        ""
    );
    // Without a canary there is no gate.
    let server = Recorder::with(Script::default());
    assert_eq!(canary(&server, "").run(&["-q", "send", "list.csv"]).ends(0).err, "");
    // The sandbox reports at once.
    let ws = sandbox();
    assert_eq!(ws.run(&send).ends(0).err, "");
}

#[test]
fn a_canary_that_requires_bounces_stops_where_nothing_reports_them() {
    let server = Recorder::with(Script::default());
    let work = canary(&server, "[canary]\nsize = 10\nrequire = \"bounces\"");
    let ran = work.run(&["-q", "send", "list.csv"]).ends(13);
    assert!(
        ran.err.contains("the rest will wait for a person")
            && ran.err.contains("require = \"bounces\"")
            && ran.out.is_empty(),
        "{}",
        ran.err
    );
    assert_eq!((server.count(), work.report().counts()["held"]), (10, ROWS - 10));
    work.run(&["-q", "send", "list.csv"]).ends(13);
    assert_eq!(server.count(), 10);
    work.run(&["resume", "--continue"]).ends(0);
    assert_eq!(server.count(), ROWS);
    // A time to wait is no source either.
    let server = Recorder::with(Script::default());
    let work = canary(&server, "[canary]\nsize = 10\nrequire = \"bounces\"\nwait = \"1s\"");
    work.run(&["-q", "send", "list.csv"]).ends(13);
    assert_eq!(server.count(), 10);
    // A canary that is the whole list has no rest to hold.
    let server = Recorder::with(Script::default());
    canary(&server, "[canary]\nsize = \"100%\"\nrequire = \"bounces\"")
        .run(&["send", "list.csv"])
        .ends(0);
    work.config(&work.read("mailbatch.toml").replace("\"bounces\"", "\"luck\""));
    work.run(&["config", "validate"]).ends(2).says("none of replies, bounces");
}

fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config("")
        .message("Hi", "Hello")
        .file("list.csv", "email,name\nann@acme.org,Ann\nben@acme.org,Ben\n");
    ws
}

/// `mailbatch.toml` with a From, an unsubscribe URL, and lines of a relay.
fn config(ws: &Workspace, from: &str, url: &str, relay: &str) {
    ws.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"News <news@{from}>\"\nkind = \"marketing\"\nunsubscribe_url = \"{url}\"\n\
         [providers.relay]\n{relay}\n"
    ));
}

/// A name that no resolver knows, and addresses that nobody is reached at.
const AWAY: [&str; 3] = [
    "kind = \"smtp\"\nurl = \"smtp://relay.invalid:9\"",
    "kind = \"smtp\"\nurl = \"smtps://192.0.2.1:465\"",
    "kind = \"postmark\"\napi_key = { command = \"echo key\" }\nstream = \"outbound\"",
];

#[test]
fn names_for_examples_never_leave_the_machine_by_mistake() {
    let ws = sandbox();
    for (from, url, body, says) in [
        ("acme.example", "https://acme.org/u", "Hi", "From: acme.example"),
        ("News.EXAMPLE.com", "https://acme.org/u", "Hi", "From: news.example.com"),
        (
            "acme.org",
            "https://www.example.net/u/{{ name }}",
            "Hi",
            "unsubscribe_url: www.example.net",
        ),
        ("acme.org", "mailto:stop@acme.invalid", "Hi", "unsubscribe_url: acme.invalid"),
        (
            "acme.org",
            "https://acme.org/u",
            "[read](https://{{ name }}.acme.test/x)",
            "link: ….acme.test",
        ),
        (
            "acme.org",
            "https://acme.org/u",
            "<a href='http://localhost:8000'>x</a>",
            "link: localhost",
        ),
    ] {
        ws.message("Hi", body);
        for (away, arguments) in AWAY.iter().zip([
            &["check", "list.csv"][..],
            &["send", "list.csv", "--dry-run"],
            &["send", "list.csv"],
        ]) {
            config(&ws, from, url, away);
            let ran = ws.run(arguments).ends(4);
            assert!(
                ran.err.contains(says) && ran.err.contains("--allow-example"),
                "{arguments:?}: {}",
                ran.err
            );
        }
        // None of these links is one that each recipient can leave by with one click.
        ws.run(&["check", "list.csv", "--allow-example", "--allow-no-unsubscribe"]).ends(0);
        for near in [
            "kind = \"smtp\"\nurl = \"smtp://127.0.0.1:9\"",
            "kind = \"smtp\"\nurl = \"smtp://[::1]:9\"",
            "kind = \"sandbox\"",
        ] {
            config(&ws, from, url, near);
            ws.run(&["check", "list.csv", "--allow-no-unsubscribe"]).ends(0);
        }
    }
    ws.message("Hi", "See https://acme.org/ or write to ann@acme.example, whom example.com knows.");
    config(&ws, "acme.org", "https://acme.org/u/{{ email }}", AWAY[0]);
    ws.run(&["check", "list.csv"]).ends(0);
}

#[test]
fn a_run_that_was_planned_for_a_sandbox_does_not_leave_by_another_provider() {
    let server = Recorder::with(Script::default());
    let work = relayed(&server, "", 4);
    let config = work.read("mailbatch.toml");
    work.run(&["send", "list.csv", "--limit", "2", "--campaign", "a"]).ends(0);
    work.config(&config.replace(&server.url(), "smtp://192.0.2.1:25"));
    let ran = work.run(&["resume"]).ends(4);
    assert!(
        ran.err.contains("From: acme.example") && ran.err.contains("through relay"),
        "{}",
        ran.err
    );
    work.config(&config);
    work.run(&["resume"]).ends(0);
    assert_eq!(server.count(), 4);
}

#[test]
fn the_sample_works_with_any_list_and_mails_nobody() {
    for (list, text, email) in [
        ("list.csv", "email,first_name\nann@acme.org,Ann\n", None),
        ("list.csv", "E-Mail;Vor Name\nann@acme.org;Ann\n", None),
        ("list.csv", "Courriel\nann@acme.org\n", None),
        ("list.csv", "a,b\nann@acme.org,Ann\n", Some("a")),
        ("list.json", "[{\"mail\": \"ann@acme.org\", \"n\": 1}]", None),
        ("list.ndjson", "{\"Email Address\": \"ann@acme.org\"}\n", None),
    ] {
        let given = |arguments: &[&'static str]| -> Vec<&'static str> {
            let flag = email.map(|email| ["--email", email]);
            arguments.iter().copied().chain(flag.into_iter().flatten()).collect()
        };
        let ws = workspace();
        ws.file(list, text);
        let ran = ws.run(&["config", "init"]).ends(0).says("CHANGE");
        assert!(ran.out.contains("sandbox"), "{}", ran.out);
        assert!(
            ws.read("mailbatch.toml").contains("# CHANGE: ")
                && ws.read("welcome.md").contains("CHANGE: ")
        );
        ws.run(&given(&["check", list])).ends(0);
        ws.run(&given(&["send", list])).ends(0);
        assert_eq!(ws.mailed(), ["ann@acme.org"]);
        // With its columns.
        let ws = workspace();
        ws.file(list, text);
        ws.run(&given(&["config", "init", "--list", list]))
            .ends(0)
            .says(&format!("next: mailbatch check {list}"));
        ws.run(&["config", "validate"]).ends(0);
        ws.run(&["check", list]).ends(0);
        let shown = ws.run(&["preview", list]).ends(0);
        assert!(shown.out.contains("Your address is ann@acme.org"), "{}", shown.out);
        ws.run(&["send", list]).ends(0);
        let last = ws
            .outbox()
            .into_values()
            .map(|raw| String::from_utf8(raw).unwrap())
            .next()
            .expect("a message");
        assert!(
            last.contains("List-Unsubscribe: <https://acme.example/u/ann%40acme.org>"),
            "{last}"
        );
    }
    let ws = workspace();
    ws.file("list.csv", "a,b\nann@acme.org,Ann\n");
    ws.run(&["config", "init", "--list", "list.csv"]).ends(4).says("no column is called email");
    ws.run(&["config", "init", "--list", "missing.csv"]).ends(4).says("missing.csv");
    assert!(!ws.join("mailbatch.toml").exists());
}
