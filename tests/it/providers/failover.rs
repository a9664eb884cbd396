//! One of two providers answers as providers in trouble do: all whom it left in no doubt are with
//! the other one soon.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::contract::Contract;
use super::{bird, handed_over, mailgun, postmark};
use crate::support::http::{Act, Answer};
use crate::support::running::{LONG, everybody};
use crate::support::{Signal, Workspace, lists, wait_for};

const ROWS: usize = 2_000;
/// A request of which nothing is taken fails after a quarter of this, and so does a probe at once;
/// the rest is room for a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// What a provider in trouble answers to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Unavailable,
    Throttled,
    /// It asks to be left alone for a second, again and again.
    ThrottledFor,
    Failed,
    Page,
    Gateway,
    Silence,
}

impl Trouble {
    fn act(self) -> Act {
        Act::Answer(match self {
            Self::Unavailable => Answer::json(
                503,
                "{\"error\":{\"type\":\"service_unavailable_error\",\"message\":\"later\"}}",
            ),
            Self::Throttled => Answer::json(429, "{}"),
            Self::ThrottledFor => Answer::json(429, "{}").with("Retry-After", "1"),
            Self::Failed => Answer::json(500, "{}"),
            Self::Page => Answer::html(200, "<html>Welcome</html>"),
            Self::Gateway => Answer::html(502, "<html>Bad Gateway</html>"),
            Self::Silence => return Act::Silence,
        })
    }

    /// Whether those of its requests may have been taken.
    fn leaves_doubt(self) -> bool {
        matches!(self, Self::Failed | Self::Gateway | Self::Silence)
    }
}

/// A workspace that sends through `api` at the first address and `b` at the second.
fn two(
    contract: &'static Contract,
    urls: [&str; 2],
    route: &str,
    retry_for: &str,
    rows: usize,
) -> Workspace {
    let own = if contract.kind == "mailgun" { mailgun::DOMAIN } else { "" };
    let second = format!(
        "[providers.b]\nkind = \"{}\"\napi_key = {{ file = \"key\" }}\nbase_url = \"{}\"\nrequest_rate = \"1000/s\"\n{own}\n[route]\n{route}\n",
        contract.kind, urls[1]
    );
    let work = contract.workspace_with(urls[0], 4, &second, rows);
    let config =
        work.read("mailbatch.toml").replace("for = \"20s\"", &format!("for = \"{retry_for}\""));
    work.config(&config);
    work
}

fn everybody_is_with_the_other_one(contract: &'static Contract, trouble: Trouble, route: &str) {
    let what = format!("{} {trouble:?} {route}", contract.kind);
    let (a, _) = contract.service(move |_, _| Some(trouble.act()));
    let (b, service) = contract.service(|_, _| None);
    // Throttling is waited for as long as retries last.
    let retry_for = if trouble == Trouble::ThrottledFor { "4s" } else { "5m" };
    let work = two(contract, [&a.url(), &b.url()], route, retry_for, ROWS);
    let begun = Instant::now();
    let ran = work.run(&["send", "list.csv"]);
    assert!(ran.err.contains("failover from api to b"), "{what}: {}", ran.err);
    let report = work.report();
    let unknown: BTreeSet<&str> = report.with("unknown").into_iter().collect();
    assert_eq!(ran.code, if unknown.is_empty() { 0 } else { 6 }, "{what}: {:?}", report.counts());
    assert_eq!(
        report.with("accepted").len() + unknown.len(),
        ROWS,
        "{what}: {:?}",
        report.counts()
    );
    assert_eq!(unknown.is_empty(), !trouble.leaves_doubt(), "{what}: {unknown:?}");
    assert!(unknown.len() <= 16, "{what}: a trial and a few probes, not {unknown:?}");
    let last = handed_over(&b).last().expect("the other one is asked").at;
    assert!(last - begun < SOON, "{what}: {:?}", last - begun);
    let service = service.lock().unwrap();
    service.nobody_twice();
    let mut expected = everybody(ROWS);
    expected.retain(|address| !unknown.contains(address.as_str()));
    assert_eq!(service.addresses(), expected, "{what}");
}

#[test]
fn a_provider_in_trouble_keeps_no_recipient_from_the_other_one() {
    use Trouble::{Failed, Gateway, Page, Silence, Throttled, ThrottledFor, Unavailable};
    let of_postmark = [Unavailable, Throttled, ThrottledFor, Failed, Page, Gateway, Silence]
        .map(|trouble| (&postmark::CONTRACT, trouble));
    // A request in doubt is repeated under its key for a minute, for which nobody else waits.
    let of_bird = [Unavailable, Throttled, ThrottledFor, Page, Failed, Silence]
        .map(|trouble| (&bird::CONTRACT, trouble));
    // Most of the time is spent waiting.
    thread::scope(|scope| {
        for route in ["order = [\"api\", \"b\"]", "weights = { api = 3, b = 1 }"] {
            for (contract, trouble) in of_postmark.into_iter().chain(of_bird) {
                scope.spawn(move || everybody_is_with_the_other_one(contract, trouble, route));
            }
        }
    });
}

#[test]
fn a_kill_in_the_pause_after_a_certain_refusal_leaves_nobody_in_doubt() {
    let refuses = Arc::new(AtomicBool::new(true));
    let also = Arc::clone(&refuses);
    let (server, service) = postmark::CONTRACT
        .service(move |_, _| also.load(Ordering::Acquire).then(|| Trouble::Unavailable.act()));
    let work = postmark::CONTRACT.workspace_with(&server.url(), 1, "", 100);
    let running = work.start(&["send", "list.csv"]);
    // The pauses double; the one after the fourth answer lasts for two seconds.
    assert!(wait_for(|| handed_over(&server).len() == 4, LONG));
    thread::sleep(Duration::from_millis(700));
    assert!(running.kill());
    refuses.store(false, Ordering::Release);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(service.lock().unwrap().addresses(), everybody(100));
}

#[test]
fn those_of_a_request_that_failed_as_a_whole_go_on_together() {
    for status in [503, 401] {
        let (a, _) = postmark::CONTRACT.service(move |number, _| {
            // A trial and a full request are taken, and nothing after them.
            (number >= 2).then(|| {
                Act::Answer(Answer::json(status, "{\"ErrorCode\": 10, \"Message\": \"no\"}"))
            })
        });
        let (b, service) = postmark::CONTRACT.service(|_, _| None);
        let work =
            two(&postmark::CONTRACT, [&a.url(), &b.url()], "order = [\"api\", \"b\"]", "2s", ROWS);
        work.run(&["send", "list.csv"]).ends(0);
        let sizes: Vec<usize> = handed_over(&b)
            .iter()
            .map(|request| (postmark::CONTRACT.mails)(request).len())
            .collect();
        let fewest = sizes.iter().sum::<usize>().div_ceil(500);
        assert!(sizes.len() <= fewest + 4, "{status}: {sizes:?}");
        service.lock().unwrap().nobody_twice();
    }
}

#[test]
fn a_size_that_is_refused_is_found_out_once_and_remembered() {
    let refused = || Answer::json(413, "{\"ErrorCode\": 0, \"Message\": \"Payload Too Large\"}");
    let (server, service) = postmark::CONTRACT.limited(130, refused);
    let work = postmark::CONTRACT.workspace_with(&server.url(), 1, "", 1_000);
    work.run(&["send", "list.csv"]).ends(0);
    let first = handed_over(&server).len();
    assert_eq!(service.lock().unwrap().addresses(), everybody(1_000));
    // A trial, 500, 250 refused, 125 taken: eight of those.
    assert!(first <= 12, "{first}");
    work.run(&["send", "list.csv", "--campaign", "next"]).ends(0);
    assert!(handed_over(&server).len() - first <= 9, "{}", handed_over(&server).len() - first);
}

#[test]
fn claims_that_have_not_begun_are_given_back_on_a_signal() {
    // The first request is taken, all later ones wait for ever: claims wait behind them for a
    // connection.
    let (server, service) = postmark::CONTRACT
        .service(|number, take| Some(if number < 2 { Act::Answer(take()) } else { Act::Silence }));
    let work = postmark::CONTRACT.workspace_with(&server.url(), 1, "", 3_000);
    let mut running = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| handed_over(&server).len() == 3, LONG));
    running.signal(Signal::INT);
    running.ends(130);
    let in_flight = (postmark::CONTRACT.mails)(&handed_over(&server)[2]).len();
    let report = work.report();
    assert_eq!(report.with("unknown").len(), in_flight, "{:?}", report.counts());
    assert_eq!(report.with("held").len(), 3_000 - in_flight - service.lock().unwrap().taken.len());
    let never_begun = report.with("held")[0].to_owned();
    let why = work.run(&["why", &work.newest_run(), &never_begun]).ends(0);
    assert!(!why.out.contains("unknown"), "{}", why.out);
}

#[test]
fn mailguns_420_is_waited_for_where_its_date_is_near_and_holds_the_rest_where_it_is_not() {
    let limited = |seconds: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let date = at.strftime("%a, %d %b %Y %H:%M:%S UTC");
        mailgun::failure(
            420,
            &format!(
                "Domain mg.acme.example is not allowed to send: recipient limit exceeded, try again after {date}"
            ),
        )
    };
    for taken_first in [0, 1] {
        let (server, service) = mailgun::CONTRACT
            .service(move |number, _| (number >= taken_first).then(|| Act::Answer(limited(1_200))));
        let work = mailgun::CONTRACT.workspace(&server.url(), "", 60);
        let ran = work.run(&["send", "list.csv"]).ends(8).says("recipient limit exceeded");
        assert_eq!(
            handed_over(&server).len(),
            taken_first + 1,
            "nothing is halved, and nothing asked again: {}",
            ran.err
        );
        let accepted = service.lock().unwrap().taken.len();
        assert_eq!((work.report().with("held").len(), accepted), (60 - accepted, 10 * taken_first));
    }
    let (server, service) =
        mailgun::CONTRACT.service(move |number, _| (number == 0).then(|| Act::Answer(limited(3))));
    let work = mailgun::CONTRACT.workspace(&server.url(), "", 60);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(service.lock().unwrap().addresses(), everybody(60));
}

#[test]
fn mailguns_probation_is_learned_once_and_remembered() {
    const ROWS: usize = 200;
    for words in [
        "Only 10 recipients per request is allowed on probation.",
        "Domain mg.acme.example is on probation and may send at most 10 recipients per message",
        "Rejected: a maximum of 10 recipients per batch",
    ] {
        let (server, service) = mailgun::CONTRACT.limited(10, move || mailgun::failure(400, words));
        let work = mailgun::CONTRACT.workspace_with(&server.url(), 4, "", ROWS);
        work.run(&["send", "list.csv"]).ends(0);
        assert_eq!(service.lock().unwrap().addresses(), everybody(ROWS));
        assert_eq!(handed_over(&server).len(), ROWS / 10 + 1, "one is refused");
        work.run(&["send", "list.csv", "--campaign", "another"]).ends(0);
        assert_eq!(handed_over(&server).len(), 2 * (ROWS / 10) + 1, "none is refused any more");
        assert_eq!(work.report().column("email").len(), lists::addresses(ROWS).len());
    }
}
