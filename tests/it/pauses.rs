//! Stopping with aim: a pause of everything, or of one campaign, kind of mail or provider, beside
//! runs that go on.

use std::time::Duration;

use crate::route::routed;
use crate::support::ran::Ran;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{LONG, Running, everybody, relayed, wait_for_count};
use crate::support::{Workspace, lists, wait_for};

/// Slow enough that a person can pause it.
const SLOW: &str = "rate = \"50/s\"";
const ROWS: usize = 600;

/// The binary under a name, so that it is known who pauses.
fn as_ann(work: &Workspace, arguments: &[&str]) -> Ran {
    let mut command = work.mailbatch();
    command.env("USER", "ann").args(arguments);
    Ran::from(command)
}

/// Adds a transactional message, with another list that nobody of the other one is in.
fn with_resets(work: &Workspace, rows: usize) {
    let list: String = (0..rows).map(|n| format!("reset{n}@example.org,R{n}\n")).collect();
    work.file("resets.csv", format!("email,name\n{list}"));
    work.file(
        "reset.md",
        "+++\nsubject = \"Your password\"\nkind = \"transactional\"\n+++\nDear {{ name }}\n",
    );
}

const RESETS: [&str; 5] = ["send", "resets.csv", "--message", "reset.md", "-q"];

fn started(work: &Workspace, server: &Recorder, arguments: &[&str]) -> Running {
    let running = work.start(arguments);
    assert!(wait_for(|| server.count() > 5, LONG), "nothing is sent: {}", running.err());
    running
}

#[test]
fn a_pause_of_marketing_lets_password_resets_go_on() {
    let server = Recorder::start();
    let work = relayed(&server, "", ROWS);
    with_resets(&work, 40);
    let news = started(&work, &server, &["send", "list.csv", "--rate", "50/s"]);
    let said =
        as_ann(&work, &["pause", "--kind", "marketing", "--reason", "wrong price", "--wait"])
            .ends(0);
    assert!(
        said.err.contains(
            "nothing of marketing mail is sent until `mailbatch unpause --kind marketing`"
        ),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("nothing of marketing mail is under way") && said.out.contains("held"),
        "{}",
        said.out
    );
    let sent = server.count();
    assert!(sent < ROWS, "it was over before the pause");
    let run = work.newest_run();
    let summary = news.ends(12).says("marketing mail was paused ").says("wrong price");
    assert!(
        summary
            .out
            .contains(&format!("mailbatch unpause --kind marketing && mailbatch resume {run}")),
        "{}",
        summary.out
    );
    work.run(&RESETS).ends(0);
    assert_eq!(server.count(), sent + 40);
    work.run(&["resume", &run])
        .ends(12)
        .says("by ann")
        .says("wrong price")
        .says("`mailbatch unpause --kind marketing`");
    work.run(&["send", "list.csv", "--campaign", "another"]).ends(12);
    // One that is not in force ends nothing, and says what is.
    work.run(&["unpause"])
        .ends(0)
        .says("this workspace was not paused")
        .says("marketing mail is still paused, since ")
        .says("by ann");
    work.run(&["unpause", "--kind", "marketing"])
        .ends(0)
        .says("marketing mail is no longer paused")
        .says(&format!("`mailbatch resume {run}` continues it"));
    work.run(&["resume", &run]).ends(0);
    let mut all = everybody(ROWS);
    all.extend((0..40).map(|n| format!("reset{n}@example.org")));
    all.sort();
    assert_eq!(server.recipients(), all);
}

#[test]
fn a_pause_of_a_campaign_stops_its_run_at_once_and_no_other() {
    let server = Recorder::start();
    let work = relayed(&server, SLOW, ROWS);
    with_resets(&work, 60);
    let spring = started(&work, &server, &["send", "list.csv", "--campaign", "spring"]);
    let resets = work.start(&[&RESETS[..], &["--campaign", "resets"]].concat());
    work.run(&["pause", "--campaign", "sprng"])
        .ends(0)
        .says("no run belongs to a campaign sprng yet")
        .says("did you mean spring?");
    work.run(&["unpause", "--campaign", "sprng"])
        .ends(0)
        .says("campaign sprng is no longer paused");
    let paused = work.run(&["pause", "--campaign", "spring", "--json", "--wait"]).ends(0).objects();
    assert_eq!(paused[0]["pause"]["scope"], "campaign");
    assert_eq!(paused[0]["pause"]["name"], "spring");
    assert_eq!(paused[0]["sending"].as_array().map(Vec::len), Some(1));
    assert_eq!(paused[1]["type"], "drained");
    let counts = &paused[1]["runs"][0]["counts"];
    let (accepted, held) =
        (counts["accepted"].as_u64().unwrap_or(0), counts["held"].as_u64().unwrap_or(0));
    assert!(held > 0 && accepted > 0 && accepted + held == ROWS as u64, "{counts}");
    spring.ends(12).says("campaign spring was paused ");
    resets.ends(0);
    assert_eq!(server.count() as u64, accepted + 60);
    let report = work
        .run(&["report", paused[1]["runs"][0]["run"].as_str().expect("a run"), "--format", "csv"])
        .ends(0);
    assert!(report.out.contains("paused: campaign spring"), "{}", report.out);
    work.run(&["unpause", "--campaign", "spring"]).ends(0);
}

#[test]
fn a_paused_provider_is_passed_over_until_it_is_no_longer_paused() {
    let (a, b) = (Recorder::start(), Recorder::start());
    let work = routed([&a, &b], [SLOW, SLOW], "order = [\"a\", \"b\"]", 300);
    let running = started(&work, &a, &["send", "list.csv"]);
    work.run(&["pause", "--provider", "c"]).ends(2).says("no provider \"c\"");
    work.run(&["pause", "--provider", "a", "--reason", "quota", "--wait"])
        .ends(0)
        .says("begins nothing more through it");
    let through_a = a.count();
    wait_for_count(&b, 20);
    assert_eq!(a.count(), through_a, "nothing goes through it any more");
    assert!(
        running.err().contains("failover from a to b: it has been paused since"),
        "{}",
        running.err()
    );
    work.run(&["unpause", "--provider", "a"]).ends(0);
    wait_for_count(&a, through_a + 5);
    running.ends(0);
    let mut all = [a.recipients(), b.recipients()].concat();
    all.sort();
    assert_eq!(all, everybody(300));
    // Where every provider is paused, nothing begins.
    work.file("list.csv", lists::csv(310));
    work.run(&["pause", "--provider", "a"]).ends(0);
    work.run(&["send", "list.csv", "--campaign", "more", "--provider", "a"])
        .ends(12)
        .says("provider a has been paused");
    work.run(&["pause", "--provider", "b"]).ends(0);
    work.run(&["send", "list.csv", "--campaign", "more"]).ends(12).says("has been paused");
    assert_eq!(a.count() + b.count(), 300);
}

#[test]
fn a_run_whose_only_provider_is_paused_ends_and_names_the_command() {
    let server = Recorder::start();
    let work = relayed(&server, SLOW, ROWS);
    let running = started(&work, &server, &["send", "list.csv"]);
    work.run(&["pause", "--provider", "relay"]).ends(0);
    let summary = running.ends(12).says("provider relay was paused ");
    assert!(
        summary.out.contains("mailbatch unpause --provider relay && mailbatch resume"),
        "{}",
        summary.out
    );
    let counts = work.report();
    assert_eq!(counts.with("accepted").len(), server.count());
    assert_eq!(counts.with("held").len(), ROWS - server.count());
}

#[test]
fn a_pause_ends_by_itself_when_its_time_is_over() {
    let server = Recorder::start();
    let work = relayed(&server, "", 5);
    work.run(&["pause", "--for", "1500ms"]).ends(0);
    work.run(&["send", "list.csv"]).ends(12).says(", until ");
    assert!(
        wait_for(|| work.run(&["send", "list.csv", "-q"]).code == 0, LONG),
        "the pause does not end"
    );
    assert_eq!(server.count(), 5);
    work.run(&["unpause"]).ends(0).says("was not paused");
}

#[test]
fn waiting_for_a_pause_counts_what_is_under_way_and_gives_up_in_time() {
    let server = Recorder::with(Script::default().delay_at(Step::Data, Duration::from_secs(3)));
    let work = relayed(&server, "in_flight = 1", 20);
    let running = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| server.heard_count("RCPT") > 0, LONG), "{}", running.err());
    let late = work
        .run(&["pause", "--wait", "--timeout", "300ms"])
        .ends(10)
        .says("are still under way")
        .says("the pause stays");
    assert!(late.err.contains("mailbatch: waiting: "), "{}", late.err);
    work.run(&["pause", "--wait"])
        .ends(0)
        .says("nothing of this workspace is under way")
        .says("held");
    running.ends(12);

    // A process that was killed leaves its claims behind; nobody waits for them.
    work.run(&["unpause"]).ends(0);
    let running = work.start(&["resume"]);
    let before = server.heard_count("RCPT");
    assert!(wait_for(|| server.heard_count("RCPT") > before, LONG), "{}", running.err());
    assert!(running.kill(), "it had ended");
    work.run(&["pause", "--wait"])
        .ends(0)
        .says("a process that has ended left ")
        .says("mailbatch resume ");
}

#[test]
fn a_campaign_that_has_never_run_is_held_when_it_starts() {
    let server = Recorder::start();
    let work = relayed(&server, "", 12);
    work.file("other.csv", lists::csv_of(20..23));
    work.run(&["pause", "--provider", "birdd"]).ends(2);
    let said = work
        .run(&["pause", "-q", "--campaign", "news-{date}", "--reason", "wrong price"])
        .ends(0)
        .says("the pause holds the first one that starts");
    assert!(
        said.err.contains("no run belongs to a campaign news-2")
            && said.err.contains("there is no run yet"),
        "{}",
        said.err
    );
    let tonight = ["send", "list.csv", "--campaign", "news-{date}"];
    work.run(&tonight).ends(12).says("wrong price").says("`mailbatch unpause --campaign news-2");
    assert_eq!(server.count(), 0);
    work.run(&["send", "other.csv", "--campaign", "other"]).ends(0);
    // One without a name is known by its message and list.
    work.run(&["pause", "--campaign", "message/list"])
        .ends(0)
        .says("no run belongs to a campaign message/list yet")
        .says("the latest campaigns are other");
    work.run(&["send", "list.csv"]).ends(12);
    assert_eq!(server.count(), 3);
    for name in ["news-{date}", "message/list"] {
        work.run(&["unpause", "--campaign", name]).ends(0).says("is no longer paused");
    }
    work.run(&tonight).ends(0);
    assert_eq!(server.count(), 15);
}
