//! Where `events poll` begins: the place that the last one left, in the face of failures, wrong
//! clocks and other accounts.

use serde_json::json;

use super::polling::{ago, gun, gun_page, query, stopped};
use super::{KEY, at};
use crate::support::Workspace;
use crate::support::http::{Act, Answer, HttpServer};

const POLL: [&str; 3] = ["events", "poll", "api"];

/// Where the polls of a provider have come to; empty before the first that moved.
pub(super) fn place(work: &Workspace) -> String {
    std::fs::read_to_string(work.join(".mailbatch/poll/api.json")).unwrap_or_default()
}

/// A log without entries whose service says that it is so many seconds later than here; `None`
/// where it says nothing.
fn quiet_log(ahead: Option<i64>) -> HttpServer {
    HttpServer::start(move |_, request| {
        let page = gun_page(request, Vec::new(), "x");
        let date = ahead.map(|ahead| ago(-ahead).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        Act::Answer(match date {
            Some(date) => page.with("Date", date),
            None => page,
        })
    })
}

/// How many seconds before now a poll began and ended.
fn span(object: &serde_json::Value) -> [i64; 2] {
    ["from", "until"].map(|name| {
        let at: jiff::Timestamp = object[name].as_str().expect("a time").parse().expect("RFC 3339");
        ago(0).duration_since(at).as_secs()
    })
}

const DAY: i64 = 86_400;

#[test]
fn a_place_that_is_yet_to_come_is_said_and_a_month_is_read_once() {
    let server = quiet_log(None);
    let work = at("mailgun", &server.url(), "", &[]);
    work.run(&POLL).ends(0);
    let mut kept: serde_json::Value = serde_json::from_str(&place(&work)).expect("JSON");
    kept["read_until"] = json!(ago(-400 * DAY).to_string());
    std::fs::write(work.join(".mailbatch/poll/api.json"), kept.to_string())
        .expect("the place is a file");
    let ran = work
        .run(&["-q", "events", "poll", "api", "--since", "10m"])
        .ends(0)
        .says("a clock was ahead");
    assert!(ran.err.contains("api.json"), "{}", ran.err);
    let ran = work.run(&["events", "poll", "api", "--json"]).ends(0).says("a clock was ahead");
    assert!((30 * DAY..30 * DAY + 3_700).contains(&span(&ran.object())[0]), "{}", ran.out);
    let ran = work.run(&["events", "poll", "api", "--json"]).ends(0);
    assert!(
        ran.err.is_empty() && (3_600..3_700).contains(&span(&ran.object())[0]),
        "{} {}",
        ran.out,
        ran.err
    );
}

#[test]
fn the_log_of_another_domain_or_key_is_read_from_a_day_ago() {
    let server = HttpServer::start(|_, request| {
        let link = format!(
            "http://{}{}/x",
            request.header("host"),
            request.path.split('?').next().unwrap_or_default()
        );
        Act::Answer(Answer::json(
            200,
            json!({ "items": [], "paging": { "next": link } }).to_string(),
        ))
    });
    let work = at("mailgun", &server.url(), "", &[]);
    let poll = || work.run(&["events", "poll", "api", "--json"]).ends(0);
    let (day, hour) = (DAY..DAY + 3_700, 3_600..3_700);
    assert!(day.contains(&span(&poll().object())[0]));
    assert!(hour.contains(&span(&poll().object())[0]));
    let domain = |work: &Workspace| {
        work.config(&work.read("mailbatch.toml").replace("mg.acme.example", "mg.other.example"));
    };
    let key = |work: &Workspace| {
        work.secret("key", "another-key");
    };
    let changes: [fn(&Workspace); 2] = [domain, key];
    for change in changes {
        change(&work);
        let looked = work
            .run(&["events", "poll", "api", "--json", "--dry-run"])
            .ends(0)
            .says("another account");
        let ran = poll().says("another account");
        for ran in [looked, ran] {
            let from = span(&ran.object())[0];
            assert!((DAY..DAY + 3_700).contains(&from), "{from} s");
        }
        assert!(hour.contains(&span(&poll().object())[0]));
    }
    for secret in [KEY, "another-key", "mg.other.example"] {
        assert!(!place(&work).contains(secret), "{}", place(&work));
    }
}

#[test]
fn an_entry_out_of_its_time_does_not_take_the_place_along() {
    // A page of nothing that is settled moves it to where nothing is, one from long ago to where
    // the poll began.
    for (early, wanted) in [(Some(20), 21), (None, 2), (Some(400 * 24), 25)] {
        let server = HttpServer::start(move |number, request| {
            let mut items: Vec<_> = early
                .iter()
                .map(|hours| gun("failed", "old@x.example", "g1", ago(hours * 3_600)))
                .collect();
            items.push(gun("failed", "ahead@x.example", "g2", ago(-60)));
            match number {
                0 => Act::Answer(gun_page(request, items, "two")),
                1 => Act::Answer(Answer::json(401, "{}")),
                _ => Act::Answer(gun_page(request, Vec::new(), "x")),
            }
        });
        let work = at("mailgun", &server.url(), "", &[]);
        work.run(&POLL).ends(7);
        let ran = work.run(&["events", "poll", "api", "--json"]).ends(0);
        let from = span(&ran.object())[0];
        assert!((wanted * 3_600..wanted * 3_600 + 300).contains(&from), "{early:?}: {from} s");
    }
}

#[test]
fn where_the_clock_is_wrong_the_log_is_read_by_the_clock_of_its_service() {
    // The service is two hours behind, and so the clock here ahead of it; then the other way round.
    for (later, says) in [(-7_200, "120 minutes ahead of"), (3 * DAY, "minutes behind")] {
        let server = quiet_log(Some(later));
        let work = at("mailgun", &server.url(), "", &[]);
        let ran = work.run(&["-q", "events", "poll", "api"]).ends(0).says(says);
        assert!(!ran.err.contains("was read until"), "{}", ran.err);
        let kept: serde_json::Value = serde_json::from_str(&place(&work)).expect("JSON");
        let until: jiff::Timestamp =
            kept["read_until"].as_str().expect("a time").parse().expect("RFC 3339");
        let back = ago(-later).duration_since(until).as_secs();
        assert!((0..100).contains(&back), "{back} s before the service's time");
        let ran = work.run(&["events", "poll", "api", "--json"]).ends(0).says(says);
        let [from, until] = span(&ran.object()).map(|back| back + later);
        assert!((3_600..3_700).contains(&from) && (0..100).contains(&until), "{from} {until}");
    }
    // Clocks are never quite the same.
    let server = quiet_log(Some(60));
    let work = at("mailgun", &server.url(), "", &[]);
    let ran = work.run(&["-q", "events", "poll", "api"]).ends(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn what_was_read_before_a_failure_is_kept_and_read_past_by_the_next_poll() {
    let server = HttpServer::start(|number, request| match number {
        0 => Act::Answer(gun_page(
            request,
            vec![gun("failed", "old@x.example", "g1", ago(20 * 3_600))],
            "two",
        )),
        1 => Act::Answer(gun_page(
            request,
            vec![gun("failed", "mid@x.example", "g2", ago(10 * 3_600))],
            "three",
        )),
        2 => Act::Answer(Answer::json(401, "{}")),
        _ => Act::Answer(gun_page(request, Vec::new(), "x")),
    });
    let work = at("mailgun", &server.url(), "", &[]);
    work.run(&POLL).ends(7).says("goes on where it stopped");
    assert_eq!(stopped(&work), ["mid@x.example hard_bounce", "old@x.example hard_bounce"]);
    work.run(&POLL).ends(0);
    let begin: i64 = query(&server.requests()[3])["begin"].parse().expect("seconds");
    let back = ago(0).as_second() - begin;
    assert!(
        (11 * 3_600..11 * 3_600 + 300).contains(&back),
        "from an hour before the last event that is durable: {back} s"
    );
}
