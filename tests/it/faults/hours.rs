//! Caps by the hour under a clock that moves through the hours: two providers, 3:1, one of which
//! dies on the way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::draws::Draws;
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::LONG;
use crate::support::tools::SetClock;
use crate::support::{Workspace, lists, workspace};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const ROWS: usize = 400;
/// The caps of the two an hour.
const CAPS: [(&str, usize); 2] = [("a", 45), ("b", 20)];

/// When each recipient was taken, by provider and by the clock of the runs.
#[track_caller]
fn accepted(work: &Workspace) -> BTreeMap<String, Vec<Timestamp>> {
    let report = work.report();
    let mut times: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    let columns = ["mb_outcome", "mb_provider", "mb_last_at"].map(|name| report.column(name));
    for ((outcome, provider), at) in columns[0].iter().zip(&columns[1]).zip(&columns[2]) {
        if *outcome == "accepted" {
            times.entry((*provider).to_owned()).or_default().push(at.parse().expect("RFC 3339"));
        }
    }
    times.values_mut().for_each(|times| times.sort());
    times
}

/// The most within any hour: an hour that begins with one of them holds as many as any.
fn most_in_an_hour(times: &[Timestamp]) -> usize {
    (0..times.len())
        .map(|first| times[first..].partition_point(|at| at.duration_since(times[first]) < HOUR))
        .max()
        .unwrap_or(0)
}

fn two(servers: [&Recorder; 2]) -> Workspace {
    let work = workspace();
    let mut config = String::from(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\n\n\
         [route]\nweights = { a = 3, b = 1 }\n\n",
    );
    for ((name, cap), server) in CAPS.iter().zip(servers) {
        let url = server.url();
        config.push_str(&format!(
            "[providers.{name}]\nkind = \"smtp\"\nurl = \"{url}\"\ncaps = [\"{cap}/hour\"]\nin_flight = 2\n\
             retry = {{ for = \"1s\", base = \"20ms\", max = \"100ms\" }}\n\n"
        ));
    }
    work.config(&config)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(ROWS));
    work
}

#[test]
fn the_caps_of_both_hold_in_every_hour_of_a_moving_clock_while_one_of_them_dies() {
    let servers = [(); 2].map(|()| Recorder::with(Script::default().without_data()));
    let work = two([&servers[0], &servers[1]]);
    let Some(clock) = SetClock::of(&work) else { return };
    let mut draws = Draws::fresh();
    let mut offset = 0;
    let mut starts = 0;
    let mut died_with = 0;
    loop {
        clock.set(offset);
        let mut command = clock.command(&work);
        command.args(if starts == 0 {
            ["send", "list.csv", "-q"] as [&str; 3]
        } else {
            ["resume", "latest", "-q"]
        });
        // The cap is reached (8), or the provider that is left has reached it while the other is
        // dead (5, 7); in the end all have gone.
        let ran = work.start_with(command).ends_with(&[0, 5, 7, 8]);
        starts += 1;
        let times = accepted(&work);
        for (name, cap) in CAPS {
            let most = times.get(name).map_or(0, |times| most_in_an_hour(times));
            assert!(
                most <= cap,
                "{name} took {most} within an hour, {cap} allowed, after {starts} starts"
            );
        }
        let done: usize = times.values().map(Vec::len).sum();
        if done == ROWS {
            assert_eq!(ran.code, 0);
            break;
        }
        assert!(starts < 200, "{done} of {ROWS} after {starts} starts, {offset} s later");
        // One of the two takes nothing more from here on.
        if died_with == 0 && done > ROWS / 3 {
            died_with = servers[0].count();
            servers[0].follow(Script::default().rule(Rule::new(Step::Greeting, Action::Drop)));
        }
        // A few minutes, so that windows begin everywhere; now and then over several borders of
        // hours.
        offset += 60 + draws.below(25 * 60) as i64 + if draws.below(8) == 0 { 5_400 } else { 0 };
    }
    let times = accepted(&work);
    assert!(died_with > 0 && times["a"].len() == died_with, "it died in mid-campaign");
    assert!(times["b"].len() > ROWS / 2, "the other took over: {}", times["b"].len());
    let (first, last) = (
        times.values().flatten().min().expect("some"),
        times.values().flatten().max().expect("some"),
    );
    assert!(
        last.duration_since(*first) >= SignedDuration::from_hours(10),
        "the hours really went by"
    );
    for (server, (name, _)) in servers.iter().zip(CAPS) {
        assert_eq!(server.count(), times[name].len(), "what {name} took is what is recorded");
    }
    println!(
        "{starts} starts over {} hours: {} and {}",
        last.duration_since(*first).as_hours(),
        times["a"].len(),
        times["b"].len()
    );
}

#[test]
fn the_caps_hold_in_runs_whose_clock_runs_through_the_hours() {
    // Slow enough that what is claimed in one hour is taken in the next.
    let servers = [(); 2].map(|()| {
        Recorder::with(Script::default().without_data().delay(Duration::from_millis(40)))
    });
    let work = two([&servers[0], &servers[1]]);
    let Some(clock) = SetClock::of(&work) else { return };
    let begun = Instant::now();
    let mut starts = 0;
    loop {
        let mut command = clock.command(&work);
        command.args(if starts == 0 {
            ["send", "list.csv", "-q"] as [&str; 3]
        } else {
            ["resume", "latest", "-q"]
        });
        let mut run = work.start_with(command);
        starts += 1;
        while !run.has_ended() {
            // Five minutes in each tenth of a second.
            clock.set(begun.elapsed().as_millis() as i64 * 3);
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = run.ends_with(&[0, 8]);
        let times = accepted(&work);
        for (name, cap) in CAPS {
            let most = times.get(name).map_or(0, |times| most_in_an_hour(times));
            assert!(
                most <= cap,
                "{name} took {most} within an hour, {cap} allowed, after {starts} starts"
            );
        }
        if ended.code == 0 {
            break;
        }
        assert!(begun.elapsed() < 4 * LONG, "not done after {starts} starts");
    }
    let times = accepted(&work);
    assert_eq!(times.values().map(Vec::len).sum::<usize>(), ROWS);
    let (first, last) = (
        times.values().flatten().min().expect("some"),
        times.values().flatten().max().expect("some"),
    );
    println!("{starts} starts over {} hours", last.duration_since(*first).as_hours());
}
