//! What people and scripts see: JSON that parses, pipes without control characters, quiet and loud,
//! under cron, and files that hold addresses closed to others.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use crate::support::{Workspace, workspace};

/// A workspace in which every outcome occurs, with a suppression file.
fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config(
        "retry = { for = \"200ms\", base = \"20ms\", max = \"50ms\" }\n[canary]\nmax_failed = \"100%\"\n[suppression]\nfiles = [\"stop.csv\"]\n",
    )
    .message("Hi {{ name }}", "Hello {{ name }}")
    .file("stop.csv", "email,reason\nstop@example.com,manual\n")
    .file("good.csv", "email,name\na@example.com,Ann\nb@example.com,Ben\n")
    .file(
        "list.csv",
        "email,name\na@example.com,Ann\nreject+1@example.com,\u{1b}[31mRed\ndefer+1@example.com,Dan\nunknown+1@example.com,Uma\n\
             stop@example.com,Stan\na@example.com,Ann\nnobody,Bad\n",
    );
    ws
}

fn run(ws: &Workspace, arguments: &[&str]) -> Output {
    ws.mailbatch().args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const SEND: &[&str] =
    &["send", "list.csv", "--max-invalid", "50%", "--canary", "2", "--then", "continue"];

#[test]
fn every_command_writes_json_lines_under_json() {
    let ws = sandbox();
    // A command, and whether it has a result to write.
    let commands: &[(&[&str], bool)] = &[
        (&["check", "list.csv", "--max-invalid", "50%"], true),
        (&["preview", "list.csv", "--sample", "2"], true),
        (&["send", "list.csv", "--max-invalid", "50%", "--dry-run"], true),
        (&["runs"], false),
        (SEND, true),
        (SEND, true),
        (&["send", "good.csv"], true),
        (&["send", "good.csv"], true),
        (&["resume"], true),
        (&["retry", "latest"], true),
        (&["status"], true),
        (&["runs"], true),
        (&["runs", "list"], true),
        (&["runs", "show", "latest"], true),
        (&["wait", "latest"], true),
        (&["report", "latest"], true),
        (&["why", "latest", "a@example.com"], true),
        (&["suppress", "add", "x@example.com"], false),
        (&["suppress", "list"], true),
        (&["suppress", "check", "x@example.com"], true),
        (&["suppress", "check", "y@example.com"], true),
        (&["suppress", "export"], true),
        (&["suppress", "import", "stop.csv"], false),
        (&["suppress", "remove", "x@example.com"], false),
        (&["config", "show", "--origin"], true),
        (&["config", "validate"], true),
        (&["config", "init", "new"], true),
        (&["pause", "--reason", "holidays"], true),
        (&["send", "good.csv"], false),
        (&["unpause"], false),
        (&["runs", "rm", "latest", "--yes"], false),
        (&["send", "missing.csv"], false),
    ];
    for (arguments, has_result) in commands {
        let output =
            ws.mailbatch().arg("--json").args(*arguments).output().expect("the binary runs");
        let out = text(&output.stdout);
        for line in out.lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {line}"));
            assert!(value.is_object(), "{arguments:?}: {line}");
            assert!(
                !value["campaign"].as_str().is_some_and(|name| name.contains('#')),
                "{arguments:?}: {line}"
            );
        }
        assert_eq!(!out.is_empty(), *has_result, "{arguments:?}: {out}{}", text(&output.stderr));
    }
}

#[test]
fn the_campaign_is_shown_without_the_fingerprint_of_its_paths() {
    let ws = sandbox();
    let reports = ["r.csv", "r.ndjson", "r.json", "r.html", "r.xml", "r.md", "r.txt"];
    let flags: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    let mut seen = text(&run(&ws, &[SEND, &flags].concat()).stdout);
    assert!(seen.contains("message/list"), "{seen}");
    for arguments in
        [&["status"][..], &["runs"], &["report", "latest"], &["runs", "show", "latest"], SEND]
    {
        let output = run(&ws, arguments);
        seen.push_str(&text(&output.stdout));
        seen.push_str(&text(&output.stderr));
    }
    reports.iter().for_each(|report| seen.push_str(&ws.read(report)));
    assert!(!seen.contains("message/list#"), "{seen}");
}

#[test]
fn piped_output_has_no_control_characters() {
    let ws = sandbox();
    let commands: &[&[&str]] = &[
        &["check", "list.csv", "--max-invalid", "50%"],
        &["preview", "good.csv"],
        &["preview", "list.csv", "--row", "2"],
        SEND,
        &["send", "good.csv", "--progress", "bar"],
        &["send", "good.csv", "--campaign", "json", "--progress", "json"],
        &["-vv", "send", "good.csv", "--campaign", "loud"],
        &["status"],
        &["runs"],
        &["report", "latest"],
        &["why", "latest", "a@example.com"],
        &["--help"],
        &["send", "--help"],
        &["send"],
        &["sned"],
    ];
    for arguments in commands {
        let output = run(&ws, arguments);
        for (stream, bytes) in [("output", &output.stdout), ("error", &output.stderr)] {
            let shown = text(bytes);
            assert!(
                !shown.chars().any(|c| c.is_control() && c != '\n'),
                "{arguments:?}: standard {stream}: {shown:?}"
            );
        }
    }
}

#[test]
fn quiet_says_nothing_on_success_and_everything_that_is_wrong() {
    let ws = sandbox();
    let commands: &[&[&str]] = &[
        &["send", "good.csv"],
        &["send", "good.csv"],
        &["check", "good.csv"],
        &["pause"],
        &["unpause"],
        &["config", "validate"],
    ];
    for arguments in commands {
        let output = ws.mailbatch().arg("-q").args(*arguments).output().expect("the binary runs");
        assert_eq!(
            (output.status.code(), text(&output.stdout), text(&output.stderr)),
            (Some(0), String::new(), String::new()),
            "{arguments:?}"
        );
    }
    let output = run(&ws, &["-q", "send", "missing.csv"]);
    assert!(text(&output.stderr).contains("missing.csv: there is no such file"));
    let dated = run(&ws, &["-q", "send", "news-{date}.csv", "--campaign", "news-{date}"]);
    assert!(
        text(&dated.stderr).contains("filled in in --campaign alone"),
        "{}",
        text(&dated.stderr)
    );
}

#[test]
fn verbose_says_what_happens_and_twice_says_to_whom() {
    let ws = sandbox();
    let plain = text(&run(&ws, &["send", "good.csv", "--campaign", "0"]).stderr);
    let once = text(&run(&ws, &["-v", "send", "good.csv", "--campaign", "1"]).stderr);
    let twice = text(&run(&ws, &["-vv", "send", "good.csv", "--campaign", "2"]).stderr);
    assert!(!plain.contains(" INFO ") && !plain.contains("@example.com"), "{plain}");
    assert!(
        once.contains(" INFO ") && !once.contains(" DEBUG ") && !once.contains("@example.com"),
        "{once}"
    );
    assert!(twice.contains(" DEBUG ") && twice.contains("a@example.com"), "{twice}");
}

#[test]
fn it_runs_under_an_empty_environment_with_everything_closed() {
    let ws = sandbox();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailbatch"));
    command
        .env_clear()
        .current_dir("/")
        .arg("-C")
        .arg(ws.path())
        .args(["send", "good.csv", "--canary", "1"])
        .stdin(Stdio::null());
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let next = text(&output.stdout).lines().last().unwrap_or_default().to_owned();
    assert!(
        next.starts_with(&format!("next    mailbatch -C {} report ", ws.path().display())),
        "{next}"
    );
    // No descriptor at all, as from some daemons: nothing that is opened later may be taken for one
    // of the three.
    let script = "exec \"$0\" -C \"$1\" send good.csv --campaign closed <&- >&- 2>&-";
    let status = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_mailbatch"))
        .arg(ws.path())
        .env_clear()
        .status();
    assert_eq!(status.expect("sh").code(), Some(0));
    assert_eq!(run(&ws, &["status"]).status.code(), Some(0), "the ledger is whole");
}

#[test]
fn whatever_holds_addresses_is_closed_to_others() {
    let ws = sandbox();
    run(&ws, &[SEND, &["--report", "out/report.html"]].concat());
    run(&ws, &["check", "list.csv", "--max-invalid", "50%"]);
    run(&ws, &["suppress", "export", "-o", "exported.csv"]);
    run(&ws, &["report", "latest", "--format", "csv", "-o", "asked.csv"]);
    run(&ws, &["preview", "good.csv", "--out", "previews"]);
    run(&ws, &["config", "init", "new"]);
    run(&ws, &["-C", "new", "suppress", "add", "x@example.com"]);
    let mut seen = 0;
    let mut closed = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("it was written");
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, wanted, "{}", path.display());
        seen += 1;
    };
    let mut dirs = vec![ws.join(".mailbatch"), ws.join("out"), ws.join("previews")];
    while let Some(dir) = dirs.pop() {
        closed(&dir);
        for entry in std::fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { dirs.push(path) } else { closed(&path) }
        }
    }
    for file in ["list.csv.rejected.csv", "exported.csv", "asked.csv", "new/suppressions.csv"] {
        closed(&ws.join(file));
    }
    assert!(seen > 12, "only {seen} files were looked at");
}
