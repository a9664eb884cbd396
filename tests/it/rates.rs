//! Rates of providers that take batches, judged by a server that writes down when each request came
//! and how many it was for.

use std::time::{Duration, Instant};

use crate::support::http::{Act, Answer, HttpServer};
use crate::support::recorder::most_a_second;
use crate::support::{Workspace, lists, workspace};

const SECOND: Duration = Duration::from_secs(1);
/// One request is delivered a little later than it was let go, and the next one at once.
pub(crate) const JITTER: Duration = Duration::from_millis(100);

/// What a service of batches says when it takes everybody.
pub(crate) fn takes(request: &crate::support::http::Request) -> Act {
    let count = request.json().as_array().expect("a batch").len();
    let ids: Vec<String> = (0..count).map(|n| format!("{{\"id\":\"{n}\"}}")).collect();
    Act::Answer(Answer::json(200, format!("{{\"data\":[{}]}}", ids.join(","))))
}

/// A workspace that sends batches of up to 100 to this server.
pub(crate) fn batches(server: &HttpServer, lines: &str, rows: usize) -> Workspace {
    let work = workspace();
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
         unsubscribe_url = \"https://acme.example/u/{{{{ email | urlencode }}}}\"\n\n\
         [providers.api]\nkind = \"resend\"\napi_key = {{ command = \"echo key\" }}\nbase_url = \"{}\"\n{lines}\n",
        server.url()
    ));
    work.message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(rows));
    work
}

/// The moment of each recipient's request.
pub(crate) fn recipients(server: &HttpServer) -> Vec<Instant> {
    server
        .requests()
        .iter()
        .flat_map(|request| vec![request.at; request.json().as_array().map_or(0, Vec::len)])
        .collect()
}

#[test]
fn no_sliding_second_holds_more_recipients_than_the_rate_however_many_connections_send_batches() {
    let server = HttpServer::start(|_, request| takes(request));
    let work = batches(&server, "rate = \"60/s\"\nin_flight = 8\nrequest_rate = \"1000/s\"", 300);
    work.run(&["send", "list.csv"]).ends(0);
    let times = recipients(&server);
    assert_eq!(times.len(), 300);
    let most = most_a_second(&times, JITTER);
    assert!(most <= 60, "{most} recipients within one second, 60 allowed");
    let took = times.last().expect("some").duration_since(times[0]);
    assert!(took < 8 * SECOND, "{took:?} for 300 at 60/s");
    let largest =
        server.requests().iter().map(|request| request.json().as_array().map_or(0, Vec::len)).max();
    assert_eq!(largest, Some(60), "a batch is as large as the rate lets it be");
}

#[test]
fn two_runs_of_batches_share_one_rate() {
    let server = HttpServer::start(|_, request| takes(request));
    let work = batches(&server, "rate = \"60/s\"\nin_flight = 4\nrequest_rate = \"1000/s\"", 0);
    work.file("one.csv", lists::csv_of(0..130)).file("two.csv", lists::csv_of(130..260));
    let sends = ["one.csv", "two.csv"].map(|list| work.start(&["send", list, "-q"]));
    sends.into_iter().for_each(|send| drop(send.ends(0)));
    let times = recipients(&server);
    assert_eq!(times.len(), 260);
    let most = most_a_second(&times, JITTER);
    assert!(most <= 60, "{most} recipients within one second, 60 allowed");
}

#[test]
fn the_rate_of_a_receiving_domain_holds_in_batches_under_the_rate_of_all() {
    let server = HttpServer::start(|_, request| takes(request));
    let lines = "rate = \"100/s\"\nper_domain = { \"example.net\" = \"12/s\" }\nin_flight = 4\nrequest_rate = \"1000/s\"";
    let work = batches(&server, lines, 120);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(recipients(&server).len(), 120);
    assert!(most_a_second(&recipients(&server), JITTER) <= 100);
    let paced: Vec<Instant> = server
        .requests()
        .iter()
        .flat_map(|request| {
            let mails = request.json();
            let count = mails
                .as_array()
                .expect("a batch")
                .iter()
                .filter(|mail| mail.to_string().contains("@example.net"))
                .count();
            vec![request.at; count]
        })
        .collect();
    assert_eq!(paced.len(), 40);
    let most = most_a_second(&paced, JITTER);
    assert!(most <= 12, "{most} of the paced domain within one second, 12 allowed");
}

#[test]
fn requests_are_paced_by_their_own_rate_and_repeats_count() {
    let server = HttpServer::start(|number, request| match number {
        // A refusal for a moment: the same request comes again.
        1 => Act::Answer(
            Answer::json(
                429,
                "{\"statusCode\":429,\"name\":\"rate_limit_exceeded\",\"message\":\"slow\"}",
            )
            .with("Retry-After", "0"),
        ),
        _ => takes(request),
    });
    let work = batches(&server, "request_rate = \"4/s\"\nin_flight = 4", 900);
    work.run(&["send", "list.csv"]).ends(0);
    let times: Vec<Instant> = server.requests().iter().map(|request| request.at).collect();
    assert_eq!(times.len(), 11, "a trial, nine full requests and the repeat");
    let most = most_a_second(&times, JITTER);
    assert!(most <= 4, "{most} requests within one second, 4 allowed");
    assert_eq!(work.report().counts().get("accepted"), Some(&900));
}

#[test]
fn a_paced_batch_that_waits_hears_the_signal_to_stop_and_gives_its_members_back() {
    let server = HttpServer::start(|_, request| takes(request));
    let work = batches(&server, "request_rate = \"2/min\"\nin_flight = 2", 300);
    let mut send = work.start(&["send", "list.csv", "-q"]);
    assert!(crate::support::wait_for(|| server.requests().len() == 1, 20 * SECOND));
    send.signal(crate::support::Signal::INT);
    send.ends_within(130, 10 * SECOND);
    let report = work.report();
    assert_eq!(
        (report.counts().get("accepted"), report.counts().get("held")),
        (Some(&10), Some(&290))
    );
}

#[test]
fn a_service_that_is_throttled_gets_half_and_slowly_more_and_never_more_than_the_rate() {
    let throttles = || {
        Answer::json(
            429,
            "{\"statusCode\":429,\"name\":\"rate_limit_exceeded\",\"message\":\"slow\"}",
        )
        .with("Retry-After", "0")
    };
    let server =
        HttpServer::start(
            move |number, request| {
                if number == 3 { Act::Answer(throttles()) } else { takes(request) }
            },
        );
    let work = batches(&server, "rate = \"40/s\"\nin_flight = 2\nrequest_rate = \"1000/s\"", 220);
    let ran = work.run(&["send", "list.csv", "--progress", "plain", "--stats", "1s"]).ends(0);
    assert!(ran.err.contains("api asked to slow down: from "), "{}", ran.err);
    assert!(ran.err.contains("slowed to "), "{}", ran.err);
    let last = lists::address(219);
    work.run(&["why", &work.newest_run(), &last])
        .ends(0)
        .says("slowed down")
        .says("api asked to slow down");
    let requests = server.requests();
    let taken = |requests: &[crate::support::http::Request]| -> usize {
        requests.iter().map(|r| r.json().as_array().map_or(0, Vec::len)).sum()
    };
    let (throttled, rest) = (requests[3].at, &requests[4..]);
    let soon: Vec<_> =
        rest.iter().filter(|request| request.at < throttled + 2 * SECOND).cloned().collect();
    // Half of 40 a second, a twentieth of 40 more each second, and the batches that were on their
    // way.
    assert!(taken(&soon) <= 2 * 24 + 40, "{} within two seconds", taken(&soon));
    assert!(taken(rest) >= 100, "it goes on");
    assert!(most_a_second(&recipients(&server), JITTER) <= 40);
}
