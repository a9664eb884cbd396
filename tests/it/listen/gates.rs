//! What comes by webhook decides: the canary waits for it, pause rules hold by it, and a kill in
//! between changes nothing of that.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::{SECRET, event, now, port_of, secret, signed};
use crate::support::recorder::{Recorder, Script};
use crate::support::running::{LONG, Running, everybody, wait_for_count};
use crate::support::{Signal, Workspace, lists, wait_for, workspace};

/// A workspace that sends through these relays to `rows` people and takes events of a provider
/// called `news`; `tables` are more configuration.
pub(super) fn prepared(relays: &[(&str, &Recorder, &str)], tables: &str, rows: usize) -> Workspace {
    let work = workspace();
    secret(&work, "news.secret", SECRET);
    let relays: String = relays
        .iter()
        .map(|(name, server, keys)| {
            format!("[providers.{name}]\nkind = \"smtp\"\nurl = \"{}\"\n{keys}\n", server.url())
        })
        .collect();
    work.message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(rows)).file("stop.csv", "email,reason,source,note\n").config(
        &format!(
            "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
         unsubscribe_url = \"https://acme.example/u/{{{{ id }}}}\"\n\n[suppression]\nfiles = [\"stop.csv\"]\n\n[listen]\naddr = \"127.0.0.1:0\"\n\n\
         {relays}\n[providers.news]\nkind = \"resend\"\napi_key = {{ env = \"UNSET\" }}\nwebhook_secret = {{ file = \"news.secret\" }}\n\n{tables}\n"
        ),
    );
    work
}

/// Tells over one connection that each of these bounced; every event must be taken.
#[track_caller]
pub(super) fn tell_bounces<'a>(port: u16, gone: impl IntoIterator<Item = &'a String>) {
    let gone: Vec<&String> = gone.into_iter().collect();
    assert_eq!(told_until_it_ends(port, &gone), gone.len(), "the endpoint has ended");
}

/// The same to an endpoint that may end meanwhile. Returns how many it has taken.
#[track_caller]
fn told_until_it_ends(port: u16, gone: &[&String]) -> usize {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    let mut stream = BufReader::new(stream);
    for (told, email) in gone.iter().enumerate() {
        let number = email
            .bytes()
            .fold(7, |hash: usize, octet| (hash * 31 + usize::from(octet)) % 1_000_000_007);
        let body = event("email.bounced", email, number);
        let mut request = format!(
            "POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
            body.len()
        );
        signed(&format!("m{number}"), now(), &body)
            .iter()
            .for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        if stream.get_mut().write_all(format!("{request}\r\n{body}").as_bytes()).is_err() {
            return told;
        }
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !stream.read_line(&mut head).is_ok_and(|octets| octets > 0) {
                return told;
            }
        }
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    }
    gone.len()
}

/// Each of the list's first `rows` has what the servers took exactly once.
#[track_caller]
fn taken_once(servers: &[&Recorder], rows: usize) {
    let mut all: Vec<String> = servers.iter().flat_map(|server| server.recipients()).collect();
    all.sort();
    assert!(all == everybody(rows), "{} taken for {rows} people", all.len());
}

/// Who listens: a process of its own, or the one that sends.
#[derive(Clone, Copy, PartialEq)]
enum Endpoint {
    Beside,
    Within,
}

/// A canary of 1,000 among 20,000 has gone, nobody said how long to wait for what comes back, and
/// five seconds later so many have bounced.
fn twenty_thousand(
    endpoint: Endpoint,
    bounced: usize,
    tables: &str,
) -> (Recorder, Workspace, Vec<String>, Vec<Running>) {
    let server = Recorder::with(Script::default().without_data());
    let work = prepared(&[("relay", &server, "in_flight = 8")], tables, 20_000);
    let beside = (endpoint == Endpoint::Beside).then(|| work.start(&["listen"]));
    let port = beside.as_ref().map(port_of);
    let send = [
        "send",
        "list.csv",
        "--provider",
        "relay",
        "--canary",
        "5%",
        "--progress",
        "none",
        "--listen",
    ];
    let running = work.start(if beside.is_some() { &send[..send.len() - 1] } else { &send });
    let port = port.unwrap_or_else(|| port_of(&running));
    wait_for_count(&server, 1_000);
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    // What mailboxes say takes a while; it is this time that is tested.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(server.count(), 1_000, "the rest waits for it");
    let mut gone: Vec<String> = server.recipients().into_iter().take(bounced).collect();
    // A run whose canary has failed by the first of them does not hear the last.
    let told = told_until_it_ends(port, &gone.iter().collect::<Vec<_>>());
    gone.truncate(told);
    let mut all = vec![running];
    all.extend(beside);
    (server, work, gone, all)
}

fn a_canary_that_bounces_is_stopped(endpoint: Endpoint) {
    let (server, work, gone, mut all) = twenty_thousand(endpoint, 40, "");
    let ended = all.remove(0).ends(12).says(": over 2 %").says("--continue").out;
    let (found, _) = ended.split_once(" of 1,000 bounced").expect("what was found is told");
    let found = found.rsplit(' ').next().unwrap();
    assert!(
        (29..=gone.len()).contains(&found.parse::<usize>().expect("a number")),
        "29 prove more than 2 %: {found} of {}",
        gone.len()
    );
    assert_eq!(server.count(), 1_000);
    for email in &gone {
        assert!(
            wait_for(
                || work.read("stop.csv").contains(&format!("{email},hard_bounce,news,")),
                LONG
            ),
            "{email} in the file"
        );
    }
    assert_eq!(work.read("stop.csv").lines().count(), 1 + gone.len(), "each once");
    // The ledger has them too, whatever becomes of the file.
    work.file("stop.csv", "email,reason,source,note\n");
    for email in [&gone[0], &gone[gone.len() - 1]] {
        work.run(&["suppress", "check", email]).ends(0).says("hard_bounce").says("ledger");
    }
    let send = ["send", "list.csv", "--provider", "relay", "--canary", "5%"];
    work.run(&send)
        .ends(12)
        .says("the canary failed: 0 of 1,000 failed")
        .says(&format!("{found} of 1,000 bounced"));
    assert_eq!(server.count(), 1_000, "the next start repeats it");
    work.run(&["resume", "--continue", "--progress", "none"]).ends(0);
    taken_once(&[&server], 20_000);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 20_000)]));
    // A later campaign leaves them out.
    work.file(
        "gone.csv",
        format!(
            "email,name\n{}\n",
            gone.iter().map(|email| format!("{email},Ann")).collect::<Vec<_>>().join("\n")
        ),
    );
    work.run(&["send", "gone.csv", "--provider", "relay", "--campaign", "next"]).ends(0);
    assert_eq!(server.count(), 20_000);
}

#[test]
fn webhooks_at_an_endpoint_beside_it_stop_a_canary_that_bounces() {
    a_canary_that_bounces_is_stopped(Endpoint::Beside);
}

#[test]
fn webhooks_at_its_own_endpoint_stop_a_canary_that_bounces() {
    a_canary_that_bounces_is_stopped(Endpoint::Within);
}

#[test]
fn a_canary_of_which_webhooks_tell_little_passes_by_itself_when_its_wait_is_over() {
    for endpoint in [Endpoint::Beside, Endpoint::Within] {
        let (server, work, _, mut all) = twenty_thousand(endpoint, 3, "[canary]\nwait = \"9s\"");
        // 19,000 messages take their time on a busy machine.
        assert!(wait_for(|| all[0].has_ended(), LONG * 4), "{}", all[0].err());
        all.remove(0)
            .ends(0)
            .says("3 of 1,000 bounced, 0.30 %, at most 0.77 %: passes 2 %")
            .says("0 of 1,000 complained");
        taken_once(&[&server], 20_000);
        work.run(&["send", "list.csv", "--provider", "relay"]).ends(0).says("nothing to do");
    }
}

#[test]
fn an_endpoint_is_waited_for_a_quarter_of_an_hour_and_only_while_it_runs() {
    let server = Recorder::start();
    let work = prepared(&[("relay", &server, "")], "", 60);
    let send = ["send", "list.csv", "--provider", "relay", "--canary", "20", "--progress", "none"];
    // A configured endpoint that does not run tells of nothing, and neither does what one told of
    // once.
    let mut endpoint = work.start(&["listen"]);
    tell_bounces(port_of(&endpoint), &["zoe@example.net".to_owned()]);
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    let ran = work
        .run(&send)
        .ends(0)
        .says("0 of 20 failed, 0.00 %, 5% tolerated (provider replies only)");
    assert!(
        ran.err.contains("nothing reports bounces now") && ran.err.contains("--listen"),
        "{}",
        ran.err
    );
    taken_once(&[&server], 60);

    let endpoint = work.start(&["listen"]);
    port_of(&endpoint);
    let mut running = work.start(&[&send[..], &["--campaign", "two"]].concat());
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    let said = running.err();
    let until = said
        .split_once("waiting until ")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .expect("a time");
    let wait = until.as_second() - now();
    assert!((800..=901).contains(&wait), "{wait} s");
    running.signal(Signal::TERM);
    running.ends(143);
    assert!(endpoint.kill());
    // One that was killed is not waited for either.
    work.run(&[&send[..], &["--campaign", "two"]].concat()).ends(0).says("(provider replies only)");
}

#[test]
fn a_canary_whose_endpoint_ended_waits_for_a_person() {
    let server = Recorder::start();
    let work = prepared(
        &[("relay", &server, "")],
        "[canary]\nmax_bounced = \"30%\"\nmax_complained = \"30%\"",
        60,
    );
    let endpoint = work.start(&["listen"]);
    port_of(&endpoint);
    let running = work.start(&[
        "send",
        "list.csv",
        "--provider",
        "relay",
        "--canary",
        "20",
        "--canary-wait",
        "3s",
        "--progress",
        "none",
    ]);
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    assert!(endpoint.kill());
    running
        .ends(13)
        .says("0 of 20 bounced, at most 13.91 %: passes 30 %")
        .says("no webhook listener is running any more");
    assert_eq!(server.count(), 20, "what nobody heard is no evidence that it did not happen");
    work.run(&["resume"]).ends(13);
    work.run(&["resume", "--continue"]).ends(0);
    taken_once(&[&server], 60);
}

#[test]
fn a_run_that_listens_says_how_to_go_on_listening() {
    let server = Recorder::start();
    let work = prepared(&[("relay", &server, "")], "", 60);
    let mut running = work.start(&[
        "send",
        "list.csv",
        "--provider",
        "relay",
        "--canary",
        "20",
        "--listen",
        "--progress",
        "none",
    ]);
    assert!(wait_for(|| running.err().contains("waiting until"), LONG), "{}", running.err());
    running.signal(Signal::INT);
    running.ends(130).says(" --listen");
    let again = work.start(&["resume", "--listen", "--canary-wait", "3s", "--progress", "none"]);
    let port = port_of(&again);
    told_until_it_ends(port, &server.recipients().iter().collect::<Vec<_>>());
    again.ends(12).says(" of 20 bounced").says(": over ");
    assert_eq!(server.count(), 20);
}

#[test]
fn pause_rules_about_what_nothing_tells_of_are_called_so() {
    let server = Recorder::start();
    let work =
        prepared(&[("relay", &server, "")], "[pause]\nrules = [\"bounced > 5% over 1h\"]", 5);
    work.run(&["send", "list.csv", "--provider", "relay"])
        .ends(0)
        .says("the pause rules about them cannot stop the run");
    let endpoint = work.start(&["listen"]);
    port_of(&endpoint);
    let ran = work.run(&["send", "list.csv", "--provider", "relay", "--campaign", "two"]).ends(0);
    assert!(!ran.err.contains("cannot stop the run"), "{}", ran.err);
}
