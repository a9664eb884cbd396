//! Five hundred recipients through relays of every kind with default settings: the report is what
//! the server has on record, and what stands behind the final dot costs at most one in doubt, and
//! none where the server is known by name.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::peers::{Relay, peer};
use crate::support::ran::Ran;
use crate::support::{Workspace, workspace};

const ROWS: usize = 500;
/// One of so many rows is refused for good, and one is deferred.
const EVERY: usize = 50;
/// Rounds of one set, each with both ways of sending; their median is judged, because other
/// processes take their share at any time.
const ROUNDS: usize = 3;
/// So many sets may be needed on a machine that does more than this.
const SETS: usize = 5;
/// How much longer than one command at a time it may take.
const SLOWEST: f64 = 1.5;

/// What one relay can do.
#[derive(Clone, Copy)]
struct About {
    /// How many may be in doubt.
    doubt: usize,
    refuses: bool,
    defers: bool,
}

/// It refuses and defers on order, and is not known by name.
const USUAL: About = About { doubt: 1, refuses: true, defers: true };

fn address(index: usize, about: About) -> String {
    let domain = ["example.com", "example.net", "example.org"][index % 3];
    let name = match index % EVERY {
        7 if about.refuses => "gone",
        13 if about.defers => "busy",
        _ => "user",
    };
    format!("{name}{index}@{domain}")
}

/// The addresses of the list that begin so.
fn those(name: &str) -> Vec<String> {
    (0..ROWS)
        .map(|index| address(index, USUAL))
        .filter(|address| address.starts_with(name))
        .collect()
}

fn prepared(relay: &Relay, about: About, keys: &str) -> Workspace {
    let work = workspace();
    let list: String =
        (0..ROWS).map(|index| format!("{index},{}\n", address(index, about))).collect();
    work.smtp_config(&relay.url(), &format!("{}\nretry = {{ for = \"0\" }}\n{keys}", relay.keys()));
    work.message("Hello", "Number {{ id }}.").file("list.csv", format!("id,email\n{list}"));
    work
}

fn sent(work: &Workspace) -> (Ran, Duration) {
    let mut command = work.mailbatch();
    command.env("RELAY_PASSWORD", Relay::PASSWORD).args(["send", "list.csv", "-y"]);
    let begun = Instant::now();
    let ran = Ran::from(command);
    (ran, begun.elapsed())
}

/// Sends to all through the relay, compares the report with its record, and returns how long it
/// took. `before` is the record so far.
fn judged(relay: &Relay, about: About, keys: &str, before: &mut Vec<String>) -> Duration {
    let work = prepared(relay, about, keys);
    let (ran, took) = sent(&work);
    let report = work.report();
    let counts = report.counts();
    let count = |outcome: &str| counts.get(outcome).copied().unwrap_or(0);
    let said = || {
        format!(
            "{} with {keys:?}: {counts:?}\n{}\n{}\n{}",
            relay.name(),
            ran.out,
            ran.err,
            relay.log()
        )
    };
    assert!(count("unknown") <= if keys.is_empty() { about.doubt } else { 0 }, "{}", said());
    let of_each = |is_there: bool| if is_there { ROWS / EVERY } else { 0 };
    assert_eq!(
        (count("rejected"), count("deferred")),
        (of_each(about.refuses), of_each(about.defers)),
        "{}",
        said()
    );
    assert_eq!(counts.values().sum::<usize>(), ROWS);
    assert!(
        counts
            .keys()
            .all(|outcome| ["accepted", "unknown", "rejected", "deferred"].contains(outcome)),
        "{}",
        said()
    );

    // What it has taken before is on record still, each once more for each run.
    let record = relay.taken(before.len() + count("accepted"));
    let mut new: BTreeMap<&str, i32> = BTreeMap::new();
    record.iter().for_each(|taken| *new.entry(taken).or_default() += 1);
    before.iter().for_each(|taken| *new.entry(taken).or_default() -= 1);
    new.retain(|_, times| *times != 0);
    assert!(new.values().all(|times| *times == 1), "twice on record: {new:?}\n{}", said());
    let (accepted, unknown) = (report.with("accepted"), report.with("unknown"));
    assert!(
        accepted.iter().all(|accepted| new.contains_key(accepted)),
        "accepted and not on record\n{}",
        said()
    );
    assert!(
        new.keys().all(|taken| accepted.contains(taken) || unknown.contains(taken)),
        "on record and not accepted\n{}",
        said()
    );
    *before = record;
    took
}

/// Both ways in turns, in sets of rounds until the median of one set is within the limit.
fn takes_five_hundred(relay: &Relay, about: About) {
    let mut before = Vec::new();
    for set in 1..=SETS {
        let mut ratios: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let auto = judged(relay, about, "", &mut before);
                auto.as_secs_f64()
                    / judged(relay, about, "pipelining = \"off\"", &mut before).as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("{}, set {set}: auto takes {ratios:.2?} times as long as off", relay.name());
        if ratios[ROUNDS / 2] <= SLOWEST {
            return;
        }
    }
    panic!("{} is slower with the default than with one command at a time", relay.name());
}

#[test]
fn postfix_takes_five_hundred() {
    takes_five_hundred(&peer!(Relay::postfix(&those("gone"), &those("busy"))), USUAL);
}

#[test]
fn opensmtpd_takes_five_hundred() {
    takes_five_hundred(&peer!(Relay::opensmtpd(&those("gone"))), About { defers: false, ..USUAL });
}

#[test]
fn exim_takes_five_hundred() {
    takes_five_hundred(&peer!(Relay::exim()), USUAL);
}

#[test]
fn sendmail_takes_five_hundred() {
    takes_five_hundred(&peer!(Relay::sendmail()), USUAL);
}

#[test]
fn smtp_server_takes_five_hundred() {
    takes_five_hundred(&peer!(Relay::smtp_server()), USUAL);
}

#[test]
fn chasquid_takes_five_hundred_without_a_doubt() {
    takes_five_hundred(
        &peer!(Relay::chasquid()),
        About { doubt: 0, refuses: false, defers: false },
    );
}

#[test]
fn haraka_takes_five_hundred_without_a_doubt() {
    takes_five_hundred(&peer!(Relay::haraka()), About { doubt: 0, ..USUAL });
}

#[test]
fn dovecot_submission_takes_five_hundred_without_a_doubt() {
    takes_five_hundred(&peer!(Relay::dovecot_submission()), About { doubt: 0, ..USUAL });
}

/// One of so many is refused at RCPT: enough for Exim to count ten needless RSETs on every
/// connection.
const MANY_GONE: usize = 4;

#[test]
fn exim_hears_no_needless_rset_however_many_recipients_it_refuses() {
    let relay = peer!(Relay::exim());
    for keys in ["window = 8", "window = 2", ""] {
        let work = workspace();
        let list: String = (0..ROWS)
            .map(|index| {
                format!(
                    "{index},{}{index}@example.com\n",
                    if index % MANY_GONE == 1 { "gone" } else { "user" }
                )
            })
            .collect();
        work.smtp_config(
            &relay.url(),
            &format!("{}\nin_flight = 2\nretry = {{ for = \"0\" }}\n{keys}", relay.keys()),
        );
        work.message("Hello", "Number {{ id }}.").file("list.csv", format!("id,email\n{list}"));
        let (ran, _) = sent(&work);
        let report = work.report();
        assert_eq!(
            report.with("rejected").len(),
            ROWS / MANY_GONE,
            "{keys}: {}\n{}",
            ran.err,
            relay.log()
        );
        assert_eq!(report.with("accepted").len(), ROWS - ROWS / MANY_GONE, "{keys}: {}", ran.err);
        let record = relay.record();
        assert!(record.contains("gone") && !record.contains("nonmail"), "{keys}: {record}");
    }
}
