//! `events poll` against services that fail, mislead or never end, and killed in mid-poll.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::polling::{ago, gun, gun_page, listed, query, stopped};
use super::polling_places::place;
use super::{KEY, at};
use crate::faults::draws::{Draws, from_environment};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::running::LONG;
use crate::support::wait_for;

const POLL: [&str; 3] = ["events", "poll", "api"];

#[test]
fn a_provider_without_a_log_is_refused_and_what_to_do_instead_is_said() {
    for (kind, instead) in [
        ("ses", "mailbatch listen"),
        ("bird", "suppress sync api"),
        ("drin", "/events/api"),
        ("emitlo", "suppress sync api"),
    ] {
        let elsewhere = HttpServer::forbidden();
        let work = at(kind, &elsewhere.url(), "", &[]);
        work.run(&POLL).ends(2).says("no log of events").says(instead);
        assert!(!work.join(".mailbatch").exists(), "{kind}");
    }
    let work = crate::support::workspace();
    work.smtp_config("smtp://127.0.0.1:9", "").message("Hello", "Body.");
    work.run(&["events", "poll", "relay"]).ends(2).says("no log of events").says("events ingest");
    work.run(&["events", "poll", "nobody"]).ends(2).says("nobody");
    work.run(&["events", "poll"]).ends(2);
}

#[test]
fn bad_replies_end_the_poll_write_nothing_and_leave_the_place_where_it_was() {
    type Case = (fn() -> Answer, i32, &'static str);
    let cases: [Case; 10] = [
        (|| Answer::json(401, format!("{{\"message\":\"no {KEY}\"}}")), 7, "401"),
        (|| Answer::json(403, r#"{"message":"no access"}"#), 7, "no access"),
        (|| Answer::json(404, r#"{"message":"no such domain"}"#), 7, "no such domain"),
        (|| Answer::html(200, "<html>"), 7, "web page"),
        (|| Answer::json(200, "{\"items\":[{\"event\""), 5, "cannot be read"),
        (|| Answer::json(200, "null"), 5, "cannot be read"),
        (|| Answer::json(200, r#"{"items":7,"Bounces":7,"data":7}"#), 5, ""),
        (
            || Answer::json(200, format!("{{\"items\":[\"{}\"]}}", "x".repeat(17 * 1024 * 1024))),
            5,
            "longer than it may be",
        ),
        (|| Answer::json(429, "{}").with("Retry-After", "3600"), 5, "429"),
        (|| Answer::json(302, "").with("Location", "https://evil.example/"), 7, "redirect"),
    ];
    for (answer, code, says) in cases {
        let server = HttpServer::start(move |_, _| Act::Answer(answer()));
        for kind in ["mailgun", "postmark", "sendgrid", "resend"] {
            let work = at(kind, &server.url(), "", &[]);
            let ran = work.run(&["-vv", "events", "poll", "api"]).ends(code).says(says);
            assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{}", ran.err);
            assert_eq!(
                (place(&work), listed(&work), stopped(&work)),
                (String::new(), (vec![], 0), vec![]),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_reply_that_never_ends_is_given_up() {
    for pause in [Duration::ZERO, Duration::from_millis(50)] {
        let server = HttpServer::start(move |_, _| Act::Endless(200, pause));
        let work =
            at("mailgun", &server.url(), "timeouts = { read = \"500ms\", total = \"500ms\" }", &[]);
        // The line of the helper would be there twice.
        let config = work
            .read("mailbatch.toml")
            .replace("timeouts = { read = \"2s\", total = \"3s\" }\n", "");
        work.config(&config);
        let begun = Instant::now();
        work.run(&POLL).ends(5);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(place(&work), "");
    }
}

#[test]
fn throttling_is_waited_for_as_long_as_the_service_asks() {
    let server = HttpServer::start(|number, request| match number {
        0 => Act::Answer(Answer::json(429, "{}").with("Retry-After", "1")),
        1 => Act::Answer(Answer::json(503, "{}")),
        2 => Act::Close,
        _ => Act::Answer(gun_page(request, Vec::new(), "x")),
    });
    let work = at("mailgun", &server.url(), "", &[]);
    work.run(&POLL).ends(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn a_log_that_leads_elsewhere_in_circles_or_nowhere_is_given_up() {
    type Page = fn(usize, &Request) -> Answer;
    let elsewhere: Page = |_, _| {
        let link = "https://evil.example/v3/mg.acme.example/events/x";
        Answer::json(200, json!({ "items": [gun("delivered", "a@x.example", "g1", ago(600))], "paging": { "next": link } }).to_string())
    };
    let above: Page = |_, request| {
        let link = format!("http://{}/v3/mg.acme.example/bounces", request.header("host"));
        Answer::json(200, json!({ "items": [gun("delivered", "a@x.example", "g1", ago(600))], "paging": { "next": link } }).to_string())
    };
    let circle: Page = |_, request| {
        gun_page(request, vec![gun("delivered", "a@x.example", "g1", ago(600))], "same")
    };
    let over_and_over: Page = |n, request| {
        gun_page(request, vec![gun("delivered", "a@x.example", "g1", ago(600))], &format!("n{n}"))
    };
    let cases = [
        (elsewhere, 7, "leads elsewhere"),
        (above, 7, "leads elsewhere"),
        (circle, 5, "leads back"),
        (over_and_over, 5, "over and over"),
    ];
    for (page, code, says) in cases {
        let server = HttpServer::start(move |number, request| Act::Answer(page(number, request)));
        let work = at("mailgun", &server.url(), "", &[]);
        work.run(&POLL).ends(code).says(says);
        assert!(server.requests().len() <= 13, "{} requests", server.requests().len());
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_counted_and_the_rest_is_kept() {
    let server = HttpServer::start(|number, request| {
        let items = vec![
            json!("text"),
            json!({}),
            json!({ "event": "invented", "recipient": "a@x.example" }),
            gun("failed", "b@x.example", "g", ago(60)),
        ];
        Act::Answer(gun_page(request, if number % 2 == 0 { items } else { Vec::new() }, "end"))
    });
    let work = at("mailgun", &server.url(), "", &[]);
    let polled =
        work.run(&["events", "poll", "api", "--json"]).ends(5).says("no JSON object").object();
    assert_eq!(
        (polled["unreadable"].as_u64(), polled["new"].as_u64()),
        (Some(1), Some(3)),
        "what is not known yet is an event too"
    );
    assert_eq!(stopped(&work), ["b@x.example hard_bounce"]);
    // Entries without a time or an id are still the same entries.
    let again = work.run(&["events", "poll", "api", "--json"]).ends(5).object();
    assert_eq!((again["known"].as_u64(), again["new"].as_u64()), (Some(3), Some(0)));
}

#[test]
fn a_full_page_whose_entries_have_long_words_is_read() {
    let words = "smtp;550 5.1.1 no such user ".repeat(80);
    for kind in ["mailgun", "postmark", "sendgrid"] {
        let (words, begun) = (words.clone(), ago(900));
        let server = HttpServer::start(move |number, request| {
            // Postmark's log of yesterday comes first.
            let is_empty = request.path.contains("messages")
                || query(request).get("offset").is_some_and(|offset| offset != "0");
            let bounce = |n: usize| {
                json!({ "ID": n, "Type": "HardBounce", "MessageID": format!("m{n}"), "Email": format!("many{n}@x.example"),
                    "BouncedAt": begun.to_string(), "Inactive": true, "Details": words })
            };
            let row = |n: usize| json!({ "created": begun.as_second(), "email": format!("many{n}@x.example"), "reason": words, "status": "5.1.1" });
            Act::Answer(match kind {
                "mailgun" if number > 0 => gun_page(request, Vec::new(), "three"),
                "mailgun" => {
                    let long = |n: usize| {
                        let mut item = gun("failed", &format!("many{n}@x.example"), &format!("g{n}"), begun);
                        item["delivery-status"]["message"] = json!(words.repeat(2));
                        item
                    };
                    gun_page(request, (0..300).map(long).collect(), "two")
                }
                "postmark" if is_empty => Answer::json(200, r#"{"TotalCount":0,"Messages":[],"Bounces":[]}"#),
                "postmark" => Answer::json(200, json!({ "TotalCount": 500, "Bounces": (0..500).map(bounce).collect::<Vec<_>>() }).to_string()),
                _ if is_empty || !request.path.contains("/bounces") => Answer::json(200, "[]"),
                _ => Answer::json(200, json!((0..500).map(row).collect::<Vec<_>>()).to_string()),
            })
        });
        let work = at(kind, &server.url(), "", &[]);
        work.run(&POLL).ends(0);
        assert_eq!(listed(&work).1, if kind == "mailgun" { 300 } else { 500 }, "{kind}");
    }
}

#[test]
fn a_list_that_has_more_and_no_way_there_does_not_count_as_read() {
    for cut in ["an id", "emails"] {
        let server = HttpServer::start(move |number, _| {
            let email = json!({ "id": "r1", "to": ["fine@x.example"], "created_at": ago(900).to_string(), "last_event": "delivered" });
            let mut nameless = json!({ "to": ["gone@x.example"], "created_at": ago(920).to_string(), "last_event": "complained" });
            let (data, has_more) = match (number, cut) {
                (0, "an id") => (json!([email, nameless]), true),
                (0, _) => (json!([]), true),
                _ => {
                    nameless["id"] = json!("r2");
                    (json!([email, nameless]), false)
                }
            };
            Act::Answer(Answer::json(
                200,
                json!({ "object": "list", "has_more": has_more, "data": data }).to_string(),
            ))
        });
        let work = at("resend", &server.url(), "", &[]);
        work.run(&POLL).ends(5).says("no id");
        assert_eq!(place(&work), "", "without {cut}");
        work.run(&POLL).ends(0);
        assert_eq!(stopped(&work), ["gone@x.example complaint"]);
    }
}

#[test]
fn a_full_page_without_a_link_to_the_next_is_not_the_end_of_the_log() {
    let server = HttpServer::start(|number, request| {
        let items = (0..300)
            .map(|n| gun("delivered", &format!("many{n}@x.example"), &format!("g{n}"), ago(900)))
            .collect::<Vec<_>>();
        Act::Answer(match number {
            0 => Answer::json(200, json!({ "items": items, "paging": {} }).to_string()),
            1 => gun_page(request, items, "two"),
            _ => gun_page(request, Vec::new(), "three"),
        })
    });
    let work = at("mailgun", &server.url(), "", &[]);
    work.run(&POLL).ends(5).says("no link to the next");
    assert_eq!(place(&work), "");
    work.run(&POLL).ends(0);
    assert_eq!(listed(&work).1, 300);
}

#[test]
fn entries_that_are_deleted_between_two_pages_take_no_others_along() {
    const ALL: usize = 1_020;
    for kind in ["postmark", "sendgrid"] {
        let begun = ago(900);
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let server = HttpServer::start(move |_, request| {
            let asked = query(request);
            let number = |name: &str| {
                asked.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or_default()
            };
            let today = jiff::tz::Offset::constant(-5).to_datetime(begun).date().to_string();
            let has_entries = request.path.contains("/bounces")
                && asked.get("fromdate").is_none_or(|day| *day == today);
            // After each page twenty of the first entries are gone.
            let gone = if has_entries {
                20 * pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
            } else {
                ALL
            };
            let left = (gone..ALL).skip(number("offset")).take(number("count") + number("limit"));
            let of_postmark = |n: usize| {
                json!({ "ID": n, "Type": "HardBounce", "MessageID": format!("m{n}"), "Email": format!("many{n}@x.example"),
                    "BouncedAt": begun.to_string(), "Inactive": true, "Details": "550 5.1.1 no such user" })
            };
            let of_sendgrid = |n: usize| json!({ "created": begun.as_second(), "email": format!("many{n}@x.example"), "reason": "550 5.1.1 no such user", "status": "5.1.1" });
            let body = match kind {
                "postmark" => {
                    json!({ "TotalCount": ALL - gone, "Messages": [], "Bounces": left.map(of_postmark).collect::<Vec<_>>() })
                }
                _ => left.map(of_sendgrid).collect(),
            };
            Act::Answer(Answer::json(200, body.to_string()))
        });
        let work = at(kind, &server.url(), "", &[]);
        work.run(&POLL).ends(0);
        assert_eq!(listed(&work).1, ALL, "{kind}");
    }
}

#[test]
fn two_polls_of_a_provider_take_turns() {
    let server = HttpServer::start(|number, request| {
        if number == 0 { Act::Silence } else { Act::Answer(gun_page(request, Vec::new(), "x")) }
    });
    let work = at("mailgun", &server.url(), "", &[]);
    let first = work.start(&POLL);
    assert!(wait_for(|| !server.requests().is_empty(), LONG));
    work.run(&POLL).ends(11).says("another poll");
    work.run(&["events", "poll", "api", "--dry-run"]).ends(0);
    assert!(first.kill());
    work.run(&POLL).ends(0);
}

/// Kills polls at random moments; afterwards everything is there once.
#[test]
fn a_poll_that_is_killed_anywhere_loses_nothing_and_tells_nothing_twice() {
    const EVENTS: usize = 360;
    const OF_A_PAGE: usize = 60;
    let kills = from_environment("MAILBATCH_KILLS").unwrap_or(8);
    let mut draws = Draws::fresh();
    let first = ago(80_000).as_second();
    let time = move |number: usize| {
        jiff::Timestamp::from_second(first + number as i64 * 60).expect("a time")
    };
    let server = HttpServer::start(move |_, request| {
        // Whoever begins later gets what is later alone, as the service does it.
        let begin = |text: &String| {
            (0..EVENTS)
                .position(|n| time(n).as_second() >= text.parse().expect("seconds"))
                .unwrap_or(EVENTS)
        };
        let from = query(request).get("begin").map_or_else(
            || request.path.rsplit('p').next().expect("a page").parse().expect("a number"),
            begin,
        );
        let to = (from + OF_A_PAGE).min(EVENTS);
        let items = (from..to)
            .map(|n| gun("failed", &format!("u{n}@x.example"), &format!("g{n}"), time(n)))
            .collect();
        Act::Answer(gun_page(request, items, &format!("p{to}")))
    });
    let mut killed = 0;
    while killed < kills {
        let work = at("mailgun", &server.url(), "", &[]);
        for _ in 0..4 {
            let poll = work.start(&["-q", "events", "poll", "api"]);
            std::thread::sleep(Duration::from_millis(draws.below(1_800)));
            killed += u64::from(poll.kill());
        }
        work.run(&["-q", "events", "poll", "api"]).ends(0);
        let wanted: BTreeSet<String> =
            (0..EVENTS).map(|n| format!("u{n}@x.example hard_bounce")).collect();
        let lines = stopped(&work);
        assert_eq!(lines.len(), wanted.len(), "each once");
        assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), wanted);
        assert_eq!(listed(&work).0.len(), wanted.len());
        let again = work.run(&["events", "poll", "api", "--json"]).ends(0).object();
        assert_eq!(again["new"], 0);
    }
    println!("{killed} kills");
}
