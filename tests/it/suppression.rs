//! Who must not be mailed is not: when the list is read, and again directly before each hand-over,
//! whoever changes the file meanwhile.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::ran::Report;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, wait_for, workspace};

const LONG: Duration = Duration::from_secs(30);

fn with_files(work: &Workspace, files: &str) {
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[suppression]\nfiles = [{files}]\n"));
}

fn emails(addresses: &[&str]) -> String {
    addresses.iter().fold(String::from("email\n"), |list, address| format!("{list}{address}\n"))
}

/// A sandbox with this list and `suppressions.csv`.
fn sandbox(list: &[&str], suppressions: &str) -> Workspace {
    let work = workspace();
    work.sandbox_config("retry = { for = \"0\" }")
        .message("Hello", "Body.")
        .file("list.csv", emails(list))
        .file("suppressions.csv", suppressions);
    with_files(&work, "\"suppressions.csv\"");
    work
}

/// A relay that takes about 40 messages a second, one after another, the usual rows as its list,
/// and an empty `suppressions.csv`.
fn slow_relay(server: &Recorder, rows: usize) -> Workspace {
    let work = workspace();
    work.smtp_config(&server.url(), "rate = \"40/s\"\nin_flight = 2\nretry = { base = \"10ms\", max = \"20ms\", for = \"30s\" }")
        .message("Hello {{ name }}", "Number {{ id }}.")
        .file("list.csv", lists::csv(rows))
        .file("suppressions.csv", "email,reason\n");
    with_files(&work, "\"suppressions.csv\"");
    work
}

fn recorder() -> Recorder {
    Recorder::with(Script::default().without_data().must_be_called())
}

fn starts(work: &Workspace) -> Child {
    work.spawn(&["send", "list.csv", "--progress", "none"])
}

#[track_caller]
fn ends(child: Child, code: i32) -> String {
    let output = child.wait_with_output().expect("it is our child");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[track_caller]
fn has_taken(server: &Recorder, count: usize) {
    assert!(
        wait_for(|| server.count() >= count, LONG),
        "only {} of {count} have come",
        server.count()
    );
}

/// Appends to a file as any program may.
fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(text.as_bytes()).expect("the file is writable");
}

/// The row of this index was suppressed for `reason` and is not among what the server took.
#[track_caller]
fn was_stopped(server: &Recorder, report: &Report, index: usize, reason: &str) {
    let address = lists::address(index);
    assert!(!server.recipients().contains(&address), "{address} was mailed");
    assert_eq!(
        (report.cell(&address, "mb_outcome"), report.cell(&address, "mb_reason")),
        ("suppressed", reason),
        "{address}"
    );
}

/// Everybody is accounted for: what the server took is what was accepted, each once, and the rest
/// has another outcome.
#[track_caller]
fn adds_up(server: &Recorder, report: &Report, rows: usize) {
    assert_eq!(report.rows.len(), rows);
    let mut accepted: Vec<String> =
        report.with("accepted").into_iter().map(str::to_owned).collect();
    accepted.sort();
    assert_eq!(server.recipients(), accepted);
}

fn sha256(text: &str) -> String {
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const EVERY_FORM: &str = "\u{feff}Email,Reason,Scope,Source,Created_at,Expires_at,Note,ours
# a comment, and a blank line

ANN@Example.com,,,,,,,
bounced@example.com,hard_bounce,,crm,2026-01-02T03:04:05Z,,\"gone, for good\",x
complained@example.com,complaint,,,,,\"said \"\"no\"\"\",
left@example.com,unsubscribe,,,2026-01-02,,,
left-all@example.com,unsubscribe,all,,,,,
news-only@example.com,complaint,marketing,,,,,
over@example.com,manual,,,,2020-01-01,,
until@example.com,manual,,,,2999-01-01T00:00:00Z,,
@blocked.example,,,,,,,
@bücher.example,complaint,,,,,,
SHA256:HASH,hard_bounce,,,,,,
both@example.com,unsubscribe,,,,,,
both@example.com,complaint,,,,,,
";

const EVERYBODY: [&str; 18] = [
    "ann@example.com",
    "bounced@EXAMPLE.com",
    "complained@example.com",
    "left@example.com",
    "left-all@example.com",
    "news-only@example.com",
    "over@example.com",
    "until@example.com",
    "x@blocked.example",
    "x@sub.blocked.example",
    "x@notblocked.example",
    "x@xn--bcher-kva.example",
    "Hash@Example.com",
    "both@example.com",
    "fine@example.com",
    "ann@example.org",
    "annn@example.com",
    "ann+tag@example.com",
];

fn every_form() -> String {
    EVERY_FORM.replace("HASH", &sha256("hash@example.com"))
}

#[test]
fn every_form_of_entry_is_screened_when_the_list_is_read() {
    let work = sandbox(&EVERYBODY, &every_form());
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.report();
    let found: Vec<(&str, &str)> = report
        .column("email")
        .into_iter()
        .zip(report.column("mb_reason"))
        .filter(|(_, reason)| !reason.is_empty())
        .collect();
    let expected = [
        ("ann@example.com", "manual"),
        ("bounced@EXAMPLE.com", "hard_bounce"),
        ("complained@example.com", "complaint"),
        ("left@example.com", "unsubscribe"),
        ("left-all@example.com", "unsubscribe"),
        ("news-only@example.com", "complaint"),
        ("until@example.com", "manual"),
        ("x@blocked.example", "manual"),
        ("x@xn--bcher-kva.example", "complaint"),
        ("Hash@Example.com", "hard_bounce"),
        ("both@example.com", "complaint"),
    ];
    assert_eq!(found, expected);
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 7), ("suppressed", 11)]));
    assert_eq!(work.mailed().len(), 7);
}

#[test]
fn transactional_mail_passes_what_stops_marketing_only() {
    let work = sandbox(&EVERYBODY, &every_form());
    work.config(
        &work.read("mailbatch.toml").replace("kind = \"marketing\"", "kind = \"transactional\""),
    );
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.report();
    let outcome = |email: &str| report.cell(email, "mb_outcome").to_owned();
    for passes in
        ["left@example.com", "news-only@example.com", "over@example.com", "fine@example.com"]
    {
        assert_eq!(outcome(passes), "accepted", "{passes}");
    }
    for stopped in [
        "ann@example.com",
        "bounced@EXAMPLE.com",
        "complained@example.com",
        "left-all@example.com",
        "x@blocked.example",
        "both@example.com",
    ] {
        assert_eq!(outcome(stopped), "suppressed", "{stopped}");
    }
}

#[test]
fn a_bare_list_of_addresses_and_files_of_the_command_line_count_too() {
    let work = sandbox(
        &["a@example.com", "b@example.com", "c@example.com", "d@example.com"],
        "a@example.com\n",
    );
    work.file("more/bare.txt", "\nB@example.com\r\n")
        .file("other.csv", "note,email\nx,c@example.com");
    work.run(&["send", "list.csv", "--suppress", "more/bare.txt", "--suppress", "other.csv"])
        .ends(0);
    assert_eq!(
        work.report().with("suppressed"),
        ["a@example.com", "b@example.com", "c@example.com"]
    );
    assert_eq!(work.mailed(), ["d@example.com"]);
}

#[test]
fn a_line_that_cannot_be_understood_stops_the_send_before_anything_leaves() {
    let good = "email,reason\na@example.com,manual\n";
    for (text, place, what) in [
        (format!("{good}nobody\n"), "suppressions.csv:3", "hint:"),
        (format!("{good}b@example.com,tired\n"), "suppressions.csv:3", "reason"),
        (format!("{good}\"b@example.com\n"), "suppressions.csv:3", "quote"),
        (format!("{good}b@example.com,manual,too,much\n"), "suppressions.csv:3", "column"),
        (format!("{good}sha256:12ab\n"), "suppressions.csv:3", "64"),
        (format!("{good}@*.example.com\n"), "suppressions.csv:3", "domain"),
        ("mail\na@example.com\n".to_owned(), "suppressions.csv:1", "email"),
        ("email,reason,email\n".to_owned(), "suppressions.csv:1", "twice"),
    ] {
        let work = sandbox(&["c@example.com"], &text);
        for command in ["send", "check"] {
            let ran = work.run(&[command, "list.csv"]).ends(4).says(place).says(what);
            assert!(!ran.err.contains("b@example.com"), "no address in an error: {}", ran.err);
        }
        assert!(work.outbox().is_empty());
    }
    let mut bytes = good.as_bytes().to_vec();
    bytes.extend(b"b\xff\xfe@example.com\n");
    let work = sandbox(&["c@example.com"], "");
    work.file("suppressions.csv", bytes);
    work.run(&["send", "list.csv"]).ends(4).says("suppressions.csv:3");
    work.file("suppressions.csv", [good.as_bytes(), &[b'x'; 3 << 20]].concat());
    work.run(&["send", "list.csv"]).ends(4).says("suppressions.csv:3");
}

#[test]
fn a_suppression_file_that_is_not_there_stops_the_send() {
    let work = sandbox(&["c@example.com"], "");
    std::fs::remove_file(work.join("suppressions.csv")).unwrap();
    work.run(&["send", "list.csv"]).ends(4).says("suppressions.csv").says("hint:");
    work.run(&["send", "list.csv", "--dry-run"]).ends(4);
    std::fs::create_dir(work.join("suppressions.csv")).unwrap();
    work.run(&["send", "list.csv"]).ends(4).says("suppressions.csv");
    std::fs::remove_dir(work.join("suppressions.csv")).unwrap();
    work.file("suppressions.csv", "");
    work.run(&["send", "list.csv", "--suppress", "nowhere.csv"]).ends(4).says("nowhere.csv");
    assert!(work.outbox().is_empty());
    work.run(&["send", "list.csv"]).ends(0);
}

#[test]
fn what_another_process_adds_while_a_run_goes_on_is_not_mailed() {
    let server = recorder();
    let work = slow_relay(&server, 80);
    let child = starts(&work);
    has_taken(&server, 5);
    let added = [lists::address(78), format!("sha256:{}", sha256(&lists::address(77)))];
    work.run(&["suppress", "add", &added[0], &added[1], "--reason", "complaint"]).ends(0);
    let echo = format!("echo {} >> suppressions.csv", lists::address(79));
    assert!(
        Command::new("sh").args(["-c", &echo]).current_dir(work.path()).status().unwrap().success()
    );
    // A line whose end has not been written yet may be all there will be.
    append(&work.join("suppressions.csv"), &lists::address(76));
    assert!(server.count() < 60, "the additions came in time");
    ends(child, 0);
    let report = work.report();
    was_stopped(&server, &report, 79, "manual");
    was_stopped(&server, &report, 78, "complaint");
    was_stopped(&server, &report, 77, "complaint");
    was_stopped(&server, &report, 76, "manual");
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 76), ("suppressed", 4)]));
    adds_up(&server, &report, 80);
}

#[test]
fn a_domain_added_while_a_run_goes_on_stops_everybody_there() {
    let server = recorder();
    let work = slow_relay(&server, 90);
    let child = starts(&work);
    has_taken(&server, 5);
    append(&work.join("suppressions.csv"), "@example.net\n");
    ends(child, 0);
    let report = work.report();
    adds_up(&server, &report, 90);
    // Row i is at example.net when i is 1 more than a multiple of three.
    let stopped = report.with("suppressed");
    assert!(
        stopped.iter().all(|address| address.ends_with("@example.net")) && stopped.len() >= 20,
        "{stopped:?}"
    );
    was_stopped(&server, &report, 88, "manual");
}

#[test]
fn an_addition_is_heeded_by_the_very_next_message() {
    // One connection, and a server so slow that every message is a step on its own.
    let server = Recorder::with(
        Script::default().without_data().delay_at(Step::Dot, Duration::from_millis(60)),
    );
    let work = slow_relay(&server, 12);
    let config = work.read("mailbatch.toml").replace("in_flight = 2", "in_flight = 1");
    work.config(&config);
    let child = starts(&work);
    has_taken(&server, 4);
    // The fourth is being answered; the sixth and later have not been begun.
    let later: String = (6..12).map(|index| format!("{}\n", lists::address(index))).collect();
    append(&work.join("suppressions.csv"), &later);
    ends(child, 0);
    let report = work.report();
    adds_up(&server, &report, 12);
    (6..12).for_each(|index| was_stopped(&server, &report, index, "manual"));
}

#[test]
fn somebody_who_waits_for_another_attempt_is_screened_again() {
    let waiting = lists::address(3);
    let script = Script::default()
        .without_data()
        .rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 later")).to(&waiting).first(1));
    let server = Recorder::with(script);
    let work = slow_relay(&server, 40);
    let config = work
        .read("mailbatch.toml")
        .replace("base = \"10ms\", max = \"20ms\"", "base = \"1h\", max = \"1h\"")
        .replace("for = \"30s\"", "for = \"3h\"");
    work.config(&config);
    let child = starts(&work);
    has_taken(&server, 10);
    work.run(&["suppress", "add", &waiting]).ends(0);
    // The wait is drawn between nothing and an hour, so it may have been over before; then nothing
    // can be shown.
    if server.recipients().contains(&waiting) {
        ends(child, 0);
        return;
    }
    has_taken(&server, 39);
    crate::support::signal(child.id(), crate::support::Signal::INT);
    ends(child, 130);
    work.run(&["resume"]).ends(0);
    let report = work.report();
    was_stopped(&server, &report, 3, "manual");
    assert_eq!(report.cell(&waiting, "mb_attempts"), "1", "the attempt before is not forgotten");
}

#[test]
fn what_only_the_ledger_learns_counts_while_a_run_goes_on() {
    let server = recorder();
    let work = slow_relay(&server, 60);
    let child = starts(&work);
    has_taken(&server, 5);
    // A file of its own, which the run does not know.
    work.run(&["suppress", "add", &lists::address(59), "--file", "elsewhere.csv"]).ends(0);
    ends(child, 0);
    was_stopped(&server, &work.report(), 59, "manual");
}

#[test]
fn a_line_that_is_removed_un_suppresses_nobody_in_a_run() {
    let server = recorder();
    let work = slow_relay(&server, 80);
    let child = starts(&work);
    has_taken(&server, 5);
    append(
        &work.join("suppressions.csv"),
        &format!("{}\n{}\n", lists::address(40), lists::address(79)),
    );
    // Row 40 is passed over: the addition has been seen.
    assert!(wait_for(|| server.recipients().contains(&lists::address(44)), LONG));
    work.file("suppressions.csv", "email,reason\n");
    ends(child, 0);
    let report = work.report();
    was_stopped(&server, &report, 40, "manual");
    was_stopped(&server, &report, 79, "manual");
    adds_up(&server, &report, 80);
}

#[test]
fn a_file_that_is_replaced_while_a_run_goes_on_adds_what_is_new() {
    let server = recorder();
    let work = slow_relay(&server, 60);
    let child = starts(&work);
    has_taken(&server, 5);
    work.file("fresh.csv", format!("note,email\nnew,{}\n", lists::address(59)));
    std::fs::rename(work.join("fresh.csv"), work.join("suppressions.csv")).unwrap();
    ends(child, 0);
    was_stopped(&server, &work.report(), 59, "manual");
}

/// Breaks the file in the middle of a run: it drains, says so, holds the rest, and goes on when the
/// file is whole again.
#[track_caller]
fn drains(harm: impl FnOnce(&Path), says: &str, refused: &str) {
    let server = recorder();
    let work = slow_relay(&server, 80);
    let file = work.join("suppressions.csv");
    let child = starts(&work);
    has_taken(&server, 5);
    harm(&file);
    let said = ends(child, 5);
    assert!(said.contains(says) && said.contains("mailbatch resume"), "{said}");
    assert!(server.count() < 80);
    let report = work.report();
    adds_up(&server, &report, 80);
    assert_eq!(report.with("accepted").len() + report.with("held").len(), 80);

    let before = server.count();
    work.run(&["resume"]).ends(4).says(refused);
    assert_eq!(server.count(), before, "nobody is mailed while the file is in doubt");

    if file.is_dir() {
        std::fs::remove_dir(&file).unwrap();
    }
    work.file("suppressions.csv", format!("email\n{}\n", lists::address(79)));
    work.run(&["resume"]).ends(0);
    let report = work.report();
    was_stopped(&server, &report, 79, "manual");
    assert_eq!(server.count(), 79);
    adds_up(&server, &report, 80);
}

#[test]
fn a_file_that_goes_away_while_a_run_goes_on_drains_it() {
    drains(|file| std::fs::remove_file(file).unwrap(), "suppressions.csv", "does not exist");
}

#[test]
fn a_file_that_cannot_be_read_any_more_drains_the_run() {
    let harm = |file: &Path| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    };
    drains(harm, "suppressions.csv", "suppressions.csv");
}

#[test]
fn a_line_of_garbage_that_appears_while_a_run_goes_on_drains_it() {
    drains(
        |file| append(file, "somebody who must not be mailed\n"),
        "suppressions.csv:2",
        "suppressions.csv:2",
    );
}

#[test]
fn what_was_learned_survives_a_file_that_is_overwritten_each_night() {
    let work = sandbox(&["reject+ann@example.com", "bob@example.com"], "email,reason\n");
    work.run(&["send", "list.csv"]).ends(3);
    assert!(
        work.read("suppressions.csv").contains("reject+ann@example.com,hard_bounce"),
        "{}",
        work.read("suppressions.csv")
    );
    work.run(&["suppress", "add", "carl@example.com", "--reason", "unsubscribe"]).ends(0);
    work.file("suppressions.csv", "email,reason\n");

    work.file(
        "next.csv",
        emails(&["Reject+Ann@example.com", "carl@example.com", "dora@example.com"]),
    );
    work.run(&["send", "next.csv"]).ends(0);
    let report = work.report();
    assert_eq!(report.column("mb_outcome"), ["suppressed", "suppressed", "accepted"]);
    assert_eq!(report.column("mb_reason"), ["hard_bounce", "unsubscribe", ""]);
    work.run(&["suppress", "check", "carl@example.com"]).ends(0).says("unsubscribe");
    work.run(&["suppress", "check", "dora@example.com"]).ends(9);

    work.run(&["suppress", "remove", "carl@example.com"]).ends(0);
    work.run(&["suppress", "check", "carl@example.com"]).ends(9);
    work.file("third.csv", emails(&["carl@example.com", "reject+ann@example.com"]));
    work.run(&["send", "third.csv"]).ends(0);
    assert_eq!(work.report().column("mb_outcome"), ["accepted", "suppressed"]);
}

#[test]
fn no_learn_writes_nothing() {
    let work = sandbox(&["reject+ann@example.com"], "email,reason\n");
    work.run(&["send", "list.csv", "--no-learn"]).ends(3);
    assert_eq!(work.read("suppressions.csv"), "email,reason\n");
    work.run(&["suppress", "check", "reject+ann@example.com"]).ends(9);
}

#[test]
fn a_refusal_by_policy_suppresses_nobody_and_a_mailbox_that_is_gone_does() {
    let script = Script::default()
        .without_data()
        .rule(Rule::new(Step::Rcpt, Action::reply("550 5.7.1 blocked for spam")).to("policy@"))
        .rule(Rule::new(Step::Rcpt, Action::reply("450 5.1.1 no such user")).to("torn@"))
        .rule(Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).to("gone@"))
        .rule(Rule::new(Step::Dot, Action::reply("550 5.1.10 null mx")).to("null@"));
    let server = Recorder::with(script);
    let work = slow_relay(&server, 0);
    work.config(&work.read("mailbatch.toml").replace("for = \"30s\"", "for = \"0\""));
    work.message("Hello", "Body.").file(
        "list.csv",
        emails(&[
            "policy@example.com",
            "torn@example.com",
            "gone@example.com",
            "null@example.com",
            "fine@example.com",
        ]),
    );
    work.run(&["send", "list.csv", "--redirect-all-to", "gone@example.org"]).ends(3);
    assert_eq!(
        work.read("suppressions.csv"),
        "email,reason\n",
        "mail that went elsewhere teaches nothing"
    );
    work.run(&["send", "list.csv", "--campaign", "real"]);
    let report = work.report();
    assert_eq!(
        report.column("mb_outcome"),
        ["rejected", "deferred", "rejected", "rejected", "accepted"]
    );
    assert_eq!(
        work.read("suppressions.csv"),
        "email,reason\ngone@example.com,hard_bounce\nnull@example.com,hard_bounce\n"
    );
}

#[test]
fn writers_who_come_at_once_lose_no_entry() {
    let work = sandbox(&["a@example.com"], "email,reason,note\n");
    let add = |n: usize| {
        let mut command = work.command();
        command.args([
            "suppress",
            "add",
            &format!("p{n}@example.com"),
            &format!("@d{n}.example"),
            "--note",
            "two, at once",
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary is built")
    };
    let children: Vec<Child> = (0..8).map(add).collect();
    children.into_iter().for_each(|child| drop(ends(child, 0)));
    let text = work.read("suppressions.csv");
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.sort_unstable();
    let mut expected: Vec<String> = (0..8)
        .flat_map(|n| [format!("p{n}@example.com"), format!("@d{n}.example")])
        .map(|entry| format!("{entry},manual,\"two, at once\""))
        .collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    work.run(&["send", "list.csv"]).ends(0);
}

#[test]
fn an_import_is_exported_and_screened() {
    let work = sandbox(&["a@example.com", "x@b.example", "c@example.com"], "email,reason\n");
    work.file("theirs.csv", "Email,Reason\nA@example.com,complaint\n@b.example,\n");
    work.run(&["suppress", "import", "theirs.csv", "--reason", "unsubscribe"])
        .ends(0)
        .says("2 entries");
    work.run(&["suppress", "import", "theirs.csv", "--reason", "unsubscribe"])
        .ends(0)
        .says("0 of them new");
    work.run(&["suppress", "export", "-o", "ours.csv"]).ends(0);
    assert!(work.read("ours.csv").contains("a@example.com,complaint"), "{}", work.read("ours.csv"));
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.report().column("mb_reason"), ["complaint", "unsubscribe", ""]);
    let before = work.read("suppressions.csv");
    work.file("broken.csv", "email\nd@example.com\nnobody\n");
    work.run(&["suppress", "import", "broken.csv"]).ends(4).says("broken.csv:3");
    assert_eq!(work.read("suppressions.csv"), before, "all of a file or nothing");
    work.run(&["suppress", "check", "d@example.com"]).ends(9);
}
