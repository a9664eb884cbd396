//! Reports for CI: JUnit and Markdown are written whatever becomes of a command, and say what a
//! pipeline may believe.

use std::fs;
use std::time::Duration;

use crate::support::ran::Ran;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{relayed, wait_for_count};
use crate::support::xml::Element;
use crate::support::{Workspace, lists, workspace};

const NAMES: [&str; 6] = ["list", "template", "suppression", "canary", "hand-over", "completeness"];
const LIST: &str = "email,name\na@example.com,Ann\nb@example.com,Ben\n";
const REPORTS: [&str; 4] = ["--report", "ci/run.xml", "--report", "ci/run.md"];

fn sandbox() -> Workspace {
    let ws = workspace();
    ws.sandbox_config("").message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws
}

/// The checks that fail, once everything that must always hold of a report was found to hold.
#[track_caller]
fn failing(ws: &Workspace) -> Vec<String> {
    let root = Element::parse(&ws.read("ci/run.xml"));
    // What the schemas of Ant and of Jenkins' xUnit plugin ask for.
    assert!(root.name == "testsuites" && root.attributes.is_empty(), "{root:?}");
    let [suite] = root.children.as_slice() else { panic!("one suite: {root:?}") };
    let order: Vec<&str> = suite.children.iter().map(|child| child.name.as_str()).collect();
    let cases = ["testcase"; NAMES.len()];
    assert_eq!(order, [&["properties"][..], &cases, &["system-out", "system-err"]].concat());
    for required in ["name", "package", "id", "timestamp", "hostname", "time"] {
        assert!(!suite.attribute(required).is_empty(), "{required}");
    }
    let stamp = suite.attribute("timestamp");
    assert!(stamp.len() == 19 && stamp.as_bytes()[10] == b'T', "{stamp}");
    let cases = suite.all("testcase");
    assert_eq!(cases.iter().map(|case| case.attribute("name")).collect::<Vec<_>>(), NAMES);
    assert!(cases.iter().all(|case| case.attribute("classname") == "mailbatch.run"
        && case.children.len() <= 1
        && case.text.is_empty()));
    let failures = suite.all("failure");
    assert!(
        failures.iter().all(|failure| !failure.attribute("type").is_empty()
            && !failure.attribute("message").is_empty())
    );
    let counts = [
        ("tests", NAMES.len()),
        ("failures", failures.len()),
        ("errors", 0),
        ("skipped", suite.all("skipped").len()),
    ];
    counts
        .into_iter()
        .for_each(|(name, count)| assert_eq!(suite.attribute(name), count.to_string(), "{name}"));
    let numbers = &suite.all("system-out")[0].text;
    assert!(
        NAMES.iter().all(|name| numbers.lines().any(|line| line.starts_with(&format!("{name}: ")))),
        "{numbers}"
    );
    let failing: Vec<String> = cases
        .iter()
        .filter(|case| !case.all("failure").is_empty())
        .map(|case| case.attribute("name").to_owned())
        .collect();
    // Markdown says the same, and no address.
    let page = ws.read("ci/run.md");
    for name in NAMES {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| {name} |")))
            .unwrap_or_else(|| panic!("no {name} in {page}"));
        assert_eq!(
            line.contains("**failed**"),
            failing.iter().any(|failing| failing == name),
            "{line}"
        );
    }
    assert!(!page.contains('@'), "{page}");
    failing
}

#[track_caller]
fn ends(ws: &Workspace, arguments: &[&str], code: i32) -> (Ran, Vec<String>) {
    let ran = ws.run(&[arguments, &REPORTS].concat()).ends(code);
    let failing = failing(ws);
    assert!(code == 0 || !failing.is_empty(), "exit {code} and no check fails: {arguments:?}");
    (ran, failing)
}

#[test]
fn a_refusal_takes_the_place_of_yesterdays_report() {
    let ws = sandbox();
    assert!(ends(&ws, &["send", "list.csv", "--campaign", "yesterday"], 0).1.is_empty());
    let good = ["ci/run.xml", "ci/run.md"].map(|file| (file, ws.read(file)));
    assert!(
        good[0].1.contains("2 of 2 attempted accepted")
            && good[1].1.contains("2 rows in = 2 accepted"),
        "{good:?}"
    );

    let config = ws.read("mailbatch.toml");
    ws.file("broken.csv", "email,name\nnobody,Ann\nnothing,Ben\n")
        .file("stop.csv", "\0\0")
        .file("empty-name.csv", "email,name\na@example.com,\n");
    let refused = |what: &[&str], arguments: &[&str], code: i32, says: &str| {
        good.iter().for_each(|(file, text)| fs::write(ws.join(file), text).unwrap());
        let (_, failing) = ends(&ws, arguments, code);
        assert_eq!(failing, [what, &["hand-over", "completeness"]].concat(), "{arguments:?}");
        let text = ws.read("ci/run.xml");
        assert!(
            text.contains(&format!("exit {code}: ")) && text.contains(says),
            "{arguments:?}: {text}"
        );
        assert!(!text.contains("attempted accepted"), "{arguments:?}: {text}");
    };
    refused(&["list"], &["send", "broken.csv"], 4, "2 of 2 rows");
    refused(&["list"], &["send", "missing.csv"], 4, "missing.csv");
    refused(&["suppression"], &["send", "list.csv", "--suppress", "stop.csv"], 4, "stop.csv");
    refused(&[], &["send", "list.csv", "--provider", "nowhere"], 2, "nowhere");
    refused(&[], &["send", "list.csv", "--canary", "a lot"], 2, "a lot");
    refused(&[], &["send", "list.csv", "--no-such-flag"], 2, "no-such-flag");
    refused(&[], &["resume", "no-such-run"], 2, "no-such-run");
    refused(&[], &["retry", "no-such-run"], 2, "no-such-run");
    ws.file("list.csv", format!("{LIST}c@example.com,Cy\n"));
    ws.run(&["send", "list.csv"]).ends(0);
    ws.file("list.csv", LIST);
    refused(&["list"], &["send", "list.csv"], 14, "changed since run");
    ws.message("Hi {{ name }}", "Hello {{ name");
    refused(&["template"], &["send", "list.csv", "--campaign", "b"], 4, "message.md");
    refused(&["template"], &["send", "list.csv", "--campaign", "b", "--dry-run"], 4, "message.md");
    ws.message("Hi {{ name }}", "{{ nickname }}");
    refused(&["template"], &["send", "list.csv", "--campaign", "b"], 4, "nickname");
    ws.message("Hi {{ name }}", "Hello {{ name }}").file("mailbatch.toml", "[message\n");
    refused(&[], &["send", "list.csv"], 2, "mailbatch.toml");
    ws.file("mailbatch.toml", &config);
    ws.run(&["pause", "--reason", "wrong price"]).ends(0);
    refused(&[], &["send", "list.csv", "--campaign", "c"], 12, "wrong price");
    refused(&[], &["resume"], 12, "wrong price");
    ws.run(&["unpause"]).ends(0);
    // A report of an earlier version is one, too.
    fs::write(
        ws.join("ci/run.md"),
        "## x\n\n| outcome | recipients | share | reasons |\n| --- | ---: | ---: | --- |\n",
    )
    .unwrap();
    ws.run(&["send", "broken.csv", "--report", "ci/run.md"]).ends(4);
    assert!(ws.read("ci/run.md").contains("**failed**"));
    // So does what is written by hand.
    good.iter().for_each(|(file, text)| fs::write(ws.join(file), text).unwrap());
    ws.run(&["report", "no-such-run", "-o", "ci/run.xml"]).ends(2);
    ws.run(&["report", "no-such-run", "-o", "ci/run.md"]).ends(2);
    assert_eq!(failing(&ws), ["hand-over", "completeness"]);
}

#[test]
fn a_killed_run_leaves_no_green_report() {
    let server = Recorder::with(Script::default().delay_at(Step::Mail, Duration::from_millis(100)));
    let work = relayed(&server, "in_flight = 1", 40);
    let running = work.start(&[&["send", "list.csv"][..], &REPORTS].concat());
    wait_for_count(&server, 2);
    assert_eq!(failing(&work), ["hand-over", "completeness"], "while it goes on");
    assert!(running.kill());
    assert_eq!(failing(&work), ["hand-over", "completeness"]);
    assert!(work.read("ci/run.xml").contains("has not ended"));
    server.follow(Script::default());
    let ran = work.run(&[&["resume"][..], &REPORTS].concat());
    let expected: &[&str] = if ran.code == 0 { &[] } else { &["hand-over"] };
    assert!([0, 6].contains(&ran.code), "{}", ran.err);
    assert_eq!(failing(&work), expected, "{}", work.read("ci/run.xml"));
}

#[test]
fn who_was_not_mailed_makes_the_hand_over_fail_and_the_pipeline_says_what_counts() {
    let gone = |n: usize| {
        Rule::new(Step::Rcpt, Action::reply("550 5.1.1 <x@example.com> no \u{1}such ]]> & <user>"))
            .to(&lists::address(n))
    };
    let server = Recorder::with(Script::default().rule(gone(3)).rule(gone(5)));
    let work = relayed(&server, "", 8);
    work.file("stop.csv", format!("email,reason\n{},unsubscribe\n", lists::address(1)));
    let send = |campaign: &str, more: &[&str], code: i32| {
        ends(
            &work,
            &[
                &[
                    "send",
                    "list.csv",
                    "--no-learn",
                    "--suppress",
                    "stop.csv",
                    "--campaign",
                    campaign,
                ],
                more,
            ]
            .concat(),
            code,
        )
    };
    let (_, failing) = send("a & <b> \"c\" ]]>", &[], 3);
    assert_eq!(failing, ["hand-over"]);
    let root = Element::parse(&work.read("ci/run.xml"));
    let failure = root.all("failure")[0];
    assert_eq!(failure.attribute("message"), "not mailed: 2 rejected");
    let rows: Vec<&str> = failure.text.lines().filter(|line| line.starts_with("row ")).collect();
    assert!(
        rows.len() == 2 && rows[0].contains(&lists::address(3)) && rows[0].contains("550 5.1.1"),
        "{rows:?}"
    );
    assert!(rows[0].ends_with("no such ]]> & <user>"), "{rows:?}");
    assert_eq!(root.all("testsuite")[0].attribute("name"), "a & <b> \"c\" ]]>");
    let numbers = &root.all("system-out")[0].text;
    assert!(
        numbers.contains("5 of 7 attempted accepted, 2 rejected")
            && numbers.contains("1 suppressed: 1 unsubscribe"),
        "{numbers}"
    );
    assert!(numbers.contains("8 rows in = 5 accepted + 2 rejected + 1 suppressed"), "{numbers}");
    // The same later, from the ledger.
    work.run(&["report", "latest", "-o", "ci/run.xml"]).ends(0);
    work.run(&["report", "latest", "-o", "ci/run.md"]).ends(0);
    assert_eq!(self::failing(&work), ["hand-over"]);
    // Tolerated by the exit code is not mailed all the same.
    assert_eq!(send("b", &["--fail-over", "50%"], 0).1, ["hand-over"]);
    // What the pipeline calls a failure, in both.
    assert!(send("c", &["--error-on", "unknown,deferred"], 0).1.is_empty());
    let (ran, failing) = send("d", &["--error-on", "suppressed"], 3);
    assert!(
        failing == ["suppression"] && ran.out.contains("--error-on: 1 suppressed"),
        "{failing:?} {}",
        ran.out
    );
    assert_eq!(send("e", &["--error-on", "rejected"], 3).1, ["hand-over"]);
    assert_eq!(send("f", &["--fail-on", "suppressed"], 3).1, ["suppression", "hand-over"]);
    // Those beyond a limit were not to be mailed.
    assert!(send("g", &["--limit", "2"], 0).1.is_empty());
    assert_eq!(send("h", &["--limit", "2", "--error-on", "held"], 3).1, ["hand-over"]);
    // Nothing to do, and nothing left to say but how it stands.
    assert_eq!(send("b", &[], 0).1, ["hand-over"]);
    assert!(ends(&work, &["resume", "latest", "--abandon"], 0).1.is_empty());
}

#[test]
fn deferred_and_stopped_runs_are_not_complete() {
    let server = Recorder::with(
        Script::default()
            .rule(Rule::new(Step::Rcpt, Action::reply("452 4.2.2 full")).to(&lists::address(2))),
    );
    let work = relayed(&server, "retry = { for = \"1s\", base = \"100ms\", max = \"200ms\" }", 6);
    assert_eq!(
        ends(&work, &["send", "list.csv", "--campaign", "a"], 5).1,
        ["hand-over", "completeness"]
    );
    assert!(
        ends(&work, &["send", "list.csv", "--campaign", "b", "--error-on", "rejected"], 0)
            .1
            .is_empty()
    );
    server.follow(Script::default());
    assert!(ends(&work, &["resume"], 0).1.is_empty());
    // A canary that fails is one of the checks.
    let refuse = |n: usize| {
        Rule::new(
            Step::Rcpt,
            Action::reply(format!("554 5.6.0 not taken because of {}", "abcdef".repeat(n + 1))),
        )
        .to(&lists::address(n))
    };
    server.follow((0..6).fold(Script::default(), |script, n| script.rule(refuse(n))));
    assert_eq!(
        ends(&work, &["send", "list.csv", "--campaign", "c", "--canary", "2"], 12).1,
        ["canary", "hand-over", "completeness"]
    );
    assert_eq!(
        ends(&work, &["send", "list.csv", "--campaign", "c", "--canary", "2"], 12).1,
        ["canary", "hand-over", "completeness"]
    );
}

#[test]
fn a_dry_run_says_what_it_checked() {
    let ws = sandbox();
    let (ran, failing) = ends(&ws, &["send", "list.csv", "--dry-run", "--report", "rows.csv"], 0);
    assert!(
        failing.is_empty()
            && ran.out.contains("--report rows.csv: a dry run writes reports for CI only"),
        "{failing:?} {}",
        ran.out
    );
    assert!(!ws.join("rows.csv").exists() && !ws.join(".mailbatch").exists());
    let text = ws.read("ci/run.xml");
    assert!(
        text.contains("hand-over: 2 would be sent") && text.contains("dry run: nothing is sent"),
        "{text}"
    );
}

#[test]
fn what_is_no_report_is_left_alone() {
    let ws = sandbox();
    ws.file("notes.md", "mine");
    let ran = ws.run(&["send", "list.csv", "--provider", "nowhere", "--report", "notes.md"]);
    assert!(
        ran.code == 2 && ran.err.contains("notes.md: what lies there is no report"),
        "{}",
        ran.err
    );
    assert_eq!(ws.read("notes.md"), "mine");
    let message = ws.read("message.md");
    for arguments in [
        &["send", "list.csv", "--report", "message.md"][..],
        &["send", "missing.csv", "--report", "message.md"],
        &["send", "list.csv", "--campaign", "{x}", "--report", "message.md"],
        &["send", "list.csv", "--no-such-flag", "--report", "message.md"],
        &["send", "list.csv", "--report", ".mailbatch/run.xml"],
        &["send", "list.csv", "--no-such-flag", "--report", ".mailbatch/run.xml"],
    ] {
        let ran = ws.run(arguments);
        assert!(ran.code != 0, "{arguments:?}");
        assert_eq!(ws.read("message.md"), message, "{arguments:?}");
    }
    assert!(!ws.join(".mailbatch/run.xml").exists());
    // The message is missing: the report does not become the message.
    fs::remove_file(ws.join("message.md")).unwrap();
    assert!(ws.run(&["send", "list.csv", "--report", "message.md"]).code != 0);
    ws.run(&["send", "list.csv", "--no-such-flag", "--report", "message.md"]).ends(2);
    assert!(!ws.join("message.md").exists());
    // Once the place has been found fit, a file that is no report is replaced as it always was.
    ws.message("Hi", "Hello {{ name }}");
    ws.run(&["send", "list.csv", "--report", "notes.md"]).ends(0);
    assert!(ws.read("notes.md").contains("| hand-over | passed |"));
}

/// What the suite says of its numbers.
fn numbers(ws: &Workspace) -> String {
    Element::parse(&ws.read("ci/run.xml")).children[0].all("system-out")[0].text.clone()
}

#[test]
fn the_same_command_again_says_that_it_sent_nothing_and_how_the_run_ended() {
    let ws = sandbox();
    ws.file("list.csv", "email,name\na@example.com,Ann\nreject+b@example.com,Ben\n");
    let send = ["send", "list.csv", "--no-learn"];
    let (_, first) = ends(&ws, &send, 3);
    assert!(!numbers(&ws).contains("nothing to do"));
    let (again, failing) = ends(&ws, &send, 0);
    assert!(
        again.err.contains("nothing to do: run ")
            && again.err.contains("1 rejected, as when it ended"),
        "{}",
        again.err
    );
    assert_eq!((failing, first), (vec!["hand-over".to_owned()], vec!["hand-over".to_owned()]));
    assert!(
        numbers(&ws).contains("hand-over: nothing to do: this command sent nothing; in run "),
        "{}",
        numbers(&ws)
    );
    assert!(ws.read("ci/run.md").contains("nothing to do: this command sent nothing"));
    assert_eq!(ws.outbox().len(), 1);
    // A pipeline that calls it a failure has one. Under -q a job mails what is on standard error.
    let (quiet, _) =
        ends(&ws, &["send", "list.csv", "--no-learn", "--error-on", "rejected", "-q"], 3);
    assert!(quiet.out.is_empty() && quiet.err.contains("1 rejected"), "{}", quiet.err);
    let (tolerated, _) = ends(&ws, &["send", "list.csv", "--no-learn", "--json"], 0);
    assert_eq!(tolerated.object()["exit"], 0);
    let (object, _) =
        ends(&ws, &["send", "list.csv", "--no-learn", "--error-on", "rejected", "--json"], 3);
    assert_eq!(object.object()["exit_reasons"][0]["why"], "1 rejected");
    ends(&ws, &["send", "list.csv", "--no-learn", "--error-on-empty"], 9);
    let (_, failing) = ends(&ws, &["resume"], 0);
    assert_eq!(failing, ["hand-over"]);
    // A run that everybody was reached in is green, whatever was sent now.
    ws.file("good.csv", LIST);
    for _ in 0..2 {
        let (_, failing) = ends(&ws, &["send", "good.csv"], 0);
        assert!(failing.is_empty(), "{failing:?}");
    }
    assert!(numbers(&ws).contains("nothing to do"));
}

#[test]
fn only_the_report_without_addresses_may_be_read_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let ws = sandbox();
    ws.file("list.csv", "email,name\na@example.com,Ann\nreject+b@example.com,Ben\n")
        .file("ci/README", "");
    ends(&ws, &["send", "list.csv", "--no-learn", "--report", "ci/run.csv"], 3);
    let probe = ws.join("ci/README");
    let mode =
        |path: &str| fs::metadata(ws.join(path)).expect("it is there").permissions().mode() & 0o777;
    let by_umask = fs::metadata(probe).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        [mode("ci/run.xml"), mode("ci/run.csv"), mode("ci/run.md")],
        [0o600, 0o600, by_umask]
    );
    assert!(
        ws.read("ci/run.xml").contains("reject+b@example.com")
            && !ws.read("ci/run.md").contains('@')
    );
    // A refusal, and the report of another command, keep to that.
    ends(&ws, &["send", "gone.csv"], 4);
    assert_eq!([mode("ci/run.xml"), mode("ci/run.md")], [0o600, by_umask]);
    ws.run(&["report", "latest", "-o", "ci/other.md"]).ends(0);
    assert_eq!(mode("ci/other.md"), by_umask);
}

#[test]
fn a_page_names_the_cause_of_exit_12_and_no_other() {
    let ws = sandbox();
    let list: String = (0..40)
        .map(|n| format!("{}{n}@example.com,N\n", if n % 2 == 0 { "reject+" } else { "user" }))
        .collect();
    ws.file("list.csv", format!("email,name\n{list}"));
    ws.run(&[
        "send",
        "list.csv",
        "--no-learn",
        "--canary",
        "20",
        "--report",
        "ci/page.html",
        "--report",
        "ci/page.md",
    ])
    .ends(12);
    for page in [ws.read("ci/page.html"), ws.read("ci/page.md")] {
        assert!(page.contains("canary failed: ") && !page.contains("pause rule or"), "{page}");
    }
    ws.run(&["report", "latest", "-o", "ci/later.html"]).ends(0);
    assert!(ws.read("ci/later.html").contains("exit 12 (canary failed: "));
}
