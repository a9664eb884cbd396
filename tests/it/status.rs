//! `status` for a person who is called at night: what stopped a run, who was reached, who is in
//! doubt, who was not sent to, and what to type.

use crate::support::ran::Ran;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::{LONG, relayed, wait_for_count};
use crate::support::{Signal, Workspace, lists, wait_for};

/// The binary under a name and in a known zone.
fn as_ann(work: &Workspace, arguments: &[&str]) -> Ran {
    let mut command = work.mailbatch();
    command.env("USER", "ann").env("TZ", "UTC").args(arguments);
    Ran::from(command)
}

/// The first line, with the time of day as `HH:MM`.
fn first_line(ran: &Ran) -> String {
    let line = ran.out.lines().next().expect("a first line");
    let words = line.split(' ').map(|word| match word.as_bytes() {
        [a, b, b':', c, d, rest @ ..]
            if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            if rest.is_empty() {
                "HH:MM"
            } else {
                "HH:MM:"
            }
        }
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The groups sum to the rows in.
#[track_caller]
fn adds_up(status: &serde_json::Value) {
    let of = |key: &str| status[key].as_u64().unwrap_or_else(|| panic!("no {key} in {status}"));
    assert_eq!(
        of("handed_over") + of("in_doubt") + of("under_way") + of("not_sent") + of("left_out"),
        of("input"),
        "{status}"
    );
}

#[test]
fn a_paused_run_says_who_paused_it_and_what_to_do_about_each_recipient() {
    let lost = Rule::new(Step::Dot, Action::Drop).to("user3@").first(1);
    let refused = Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).to("user2@");
    let server = Recorder::with(Script::default().rule(lost).rule(refused));
    let work = relayed(&server, "rate = \"40/s\"\nin_flight = 1\npipelining = \"off\"", 120);
    let running = work.start(&["send", "list.csv", "--campaign", "spring"]);
    wait_for_count(&server, 10);
    as_ann(&work, &["pause", "--reason", "wrong price", "--wait"]).ends(0);
    let summary = running.ends(12);
    // One line for the code that is returned, the others below it.
    let exits: Vec<&str> = summary.out.lines().filter(|line| line.starts_with("exit ")).collect();
    assert_eq!(exits.len(), 1, "{}", summary.out);
    assert!(
        exits[0].contains("12 · this workspace was paused ") && exits[0].ends_with(": wrong price"),
        "{}",
        exits[0]
    );
    assert!(
        summary.out.contains("\nalso    6 · 1 may have been taken")
            && summary.out.contains("\nalso    3 · 1 rejected"),
        "{}",
        summary.out
    );

    let run = work.newest_run();
    let status = as_ann(&work, &["status"]).ends(0);
    assert_eq!(first_line(&status), "PAUSED HH:MM by ann: wrong price");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host has a name");
    for text in [
        format!("\n    next: mailbatch report {run} --outcome rejected\n"),
        format!("\n    next: mailbatch reconcile {run}\n"),
        format!("\n    next: mailbatch unpause && mailbatch resume {run}\n"),
        format!("by ann on {}: wrong price", host.trim()),
        "exit      12: this workspace was paused ".to_owned(),
        "\nalso      6: 1 may have been taken".to_owned(),
    ] {
        assert!(status.out.contains(&text), "no {text:?} in\n{}", status.out);
    }
    let object = as_ann(&work, &["status", "--json"]).ends(0).object();
    adds_up(&object);
    assert_eq!(
        (object["situation"].as_str(), object["cause"].as_str().map(|cause| &cause[5..])),
        (Some("paused"), Some(" by ann: wrong price"))
    );
    assert_eq!((object["state"].as_str(), object["in_doubt"].as_u64()), (Some("open"), Some(1)));
    assert_eq!(object["pauses"][0]["author"], "ann");
    assert_eq!(object["handed_over"].as_u64(), Some(server.count() as u64 + 1));

    // The pause is over: the run is still stopped, and says by what it was.
    work.run(&["unpause"]).ends(0);
    let status = work.run(&["status"]).ends(0);
    assert!(
        status.out.starts_with("STOPPED: this workspace was paused ")
            && status.out.contains("wrong price"),
        "{}",
        status.out
    );
    assert!(status.out.contains(&format!("next: mailbatch resume {run}\n")), "{}", status.out);
    work.run(&["resume", "-q"]).ends(6);
    let status = as_ann(&work, &["status"]).ends(0);
    assert_eq!(first_line(&status), "FINISHED HH:MM: accepted 118 · rejected 1 · unknown 1");
}

#[test]
fn what_holds_a_run_is_named_with_the_command_that_decides() {
    let refused = Rule::new(Step::Rcpt, Action::reply("550 5.1.1 no such user")).every(2);
    let server = Recorder::with(Script::default().rule(refused));
    let work = relayed(&server, "in_flight = 1", 40);
    work.run(&["send", "list.csv", "--canary", "10"]).ends(12);
    let run = work.newest_run();
    let status = as_ann(&work, &["status"]).ends(0);
    assert!(
        first_line(&status).starts_with("STOPPED HH:MM by the canary: 5 of 10 failed"),
        "{}",
        status.out
    );
    assert!(
        status.out.contains(&format!("next: mailbatch resume {run} --continue    # or --abandon")),
        "{}",
        status.out
    );
    assert!(status.out.contains("exit      12: canary failed: 5 of 10"), "{}", status.out);
    let closed = as_ann(&work, &["resume", "--abandon"])
        .ends(0)
        .says(&format!("run {run} of message/list is closed"));
    assert!(closed.err.contains("were not"), "{}", closed.err);
    let status = as_ann(&work, &["status"]).ends(0);
    assert!(first_line(&status).starts_with("CLOSED HH:MM by ann on "), "{}", status.out);
    assert!(status.out.contains("30 were not sent to"), "{}", status.out);
    work.run(&["status", "--open"]).ends(0).says("nothing is unfinished");
}

#[test]
fn a_run_whose_process_was_killed_says_so_and_counts_nobody_as_reached() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, LONG));
    let work = relayed(&server, "in_flight = 2", 30);
    let running = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| server.heard_count("DATA") > 0, LONG), "{}", running.err());
    let going = work.run(&["status"]).ends(0);
    assert!(
        going.out.starts_with("SENDING: ") && going.out.contains("still under way"),
        "{}",
        going.out
    );
    work.run(&["status", "--open"]).ends(1).says("SENDING");
    assert!(running.kill(), "it had ended");
    let run = work.newest_run();
    let status = work.run(&["status"]).ends(0);
    assert!(
        status.out.starts_with("INTERRUPTED: the process that sent it has ended"),
        "{}",
        status.out
    );
    assert!(
        status.out.contains("no answer yet")
            && status.out.contains(&format!("next: mailbatch resume {run}\n")),
        "{}",
        status.out
    );
    let object = work.run(&["status", "--json"]).ends(0).object();
    adds_up(&object);
    assert_eq!(object["handed_over"], 0);
    assert!(object["in_doubt"].as_u64() > Some(0), "{object}");
}

#[test]
fn monitoring_sees_what_is_unfinished_and_a_decision_names_its_run() {
    let server = Recorder::start();
    let work = relayed(&server, "", 20);
    work.run(&["status", "--open"]).ends(0).says("nothing is unfinished");
    work.run(&["send", "list.csv", "--campaign", "spring", "--limit", "5"]).ends(0);
    let spring = work.newest_run();
    work.file("other.csv", lists::csv(8));
    work.message("Autumn", "Another text for {{ name }}");
    work.run(&["send", "other.csv", "--campaign", "autumn", "--limit", "3"]).ends(0);
    let autumn = work.newest_run();
    let open = work.run(&["status", "--open"]).ends(1);
    for (run, left) in [(&spring, 15), (&autumn, 5)] {
        assert!(
            open.out.contains(run.as_str()) && open.out.contains(&format!("{left} not sent")),
            "{}",
            open.out
        );
        assert!(open.out.contains(&format!("next: mailbatch resume {run}\n")), "{}", open.out);
    }
    let objects = work.run(&["status", "--open", "--json"]).ends(1).objects();
    assert_eq!(
        objects.iter().map(|object| object["run"].as_str()).collect::<Vec<_>>(),
        [Some(autumn.as_str()), Some(spring.as_str())]
    );
    for flag in ["--abandon", "--continue"] {
        let said = work.run(&["resume", flag]).ends(2).says("2 runs are unfinished");
        assert!(said.err.contains(&spring) && said.err.contains(&autumn), "{}", said.err);
    }
    work.run(&["resume", &autumn, "--abandon"])
        .ends(0)
        .says(&format!("run {autumn} of autumn is closed"));
    work.run(&["resume", "--abandon"]).ends(0).says(&format!("run {spring} of spring is closed"));
    work.run(&["pause", "--reason", "holidays"]).ends(0);
    // A pause is shown; it is nothing that is unfinished.
    work.run(&["status", "--open"]).ends(0).says("holidays").says("`mailbatch unpause` ends it");
    assert_eq!(server.count(), 8);
}

#[test]
fn each_message_says_which_cause_it_was_and_what_to_type() {
    let server = Recorder::start();
    let work = relayed(&server, "rate = \"40/s\"", 200);
    let mut running = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 5);
    running.signal(Signal::INT);
    let ended =
        running.ends(130).says("exit    130 · interrupted at the terminal (Ctrl-C, SIGINT)");
    assert!(
        ended.out.contains("  not sent\n")
            && ended.out.contains("  the run ended before their turn\n"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("next    mailbatch resume "), "{}", ended.out);
    work.run(&["status"])
        .ends(0)
        .says("INTERRUPTED: ")
        .says("exit      130: interrupted at the terminal");

    let server =
        Recorder::with(Script::default().on(Step::Rcpt, Action::reply("550 5.1.1 no such user")));
    let work = relayed(&server, "", 40);
    let ended = work.run(&["send", "list.csv"]).ends(7).says("relay takes nothing more: 550 5.1.1");
    assert!(ended.out.contains("# once the provider accepts mail again"), "{}", ended.out);
    work.run(&["status"]).ends(0).says("STOPPED: relay takes nothing more: 550 5.1.1");
}
