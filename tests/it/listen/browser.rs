//! The unsubscribe page in a browser: looking at it, however often and whoever looks, changes
//! nothing; its button unsubscribes.

use std::time::Duration;

use super::unsubscribe::{is_suppressed, link_of, sent};
use super::{ask, lines, listening, prepared};
use crate::support::Signal;
use crate::support::http::{Act, Answer, HttpServer};
use crate::support::peers::{Chromium, peer};
use crate::support::recorder::{Recorder, Script};

#[test]
fn in_a_browser_looking_changes_nothing_and_the_button_unsubscribes() {
    let mut browser = peer!(Chromium::start());
    let server = Recorder::with(Script::default().must_be_called());
    let work = prepared(&server.url());
    let links = sent(&work, &server);
    let (mut endpoint, port) = listening(&work);
    let url = |link: &str| format!("http://127.0.0.1:{port}{link}");
    let (ann, bob) = (link_of(&links, "ann@example.com"), link_of(&links, "bob@example.com"));
    let nothing_happened = || {
        assert!(
            ["ann", "bob", "cyd"]
                .iter()
                .all(|name| !is_suppressed(&work, &format!("{name}@example.com")))
        );
        assert!(lines(&work, &["events", "list", "--json"]).is_empty());
        assert!(
            !ask(port, "GET", "/metrics", &[], b"").1.contains("mailbatch_unsubscribes_total{")
        );
    };

    // A person looks twice, with and without scripts, and goes back and forth.
    for scripts in [true, false, true] {
        browser.lets_scripts_run(scripts);
        browser.open(&url(bob));
        assert_eq!(browser.value("document.querySelector('h1').textContent"), "Unsubscribe");
        assert_eq!(browser.value("document.querySelector('button').checkVisibility()"), true);
        assert_eq!(
            browser.value("document.body.innerText.includes('bob')"),
            false,
            "the page betrays nobody"
        );
    }
    // What scanners and mail readers do before anybody reads: HEAD, and fetching ahead all links of
    // a page.
    for link in [ann, bob] {
        for method in ["HEAD", "GET", "OPTIONS"] {
            ask(port, method, link, &[("Sec-Purpose", "prefetch;prerender".to_owned())], b"");
        }
    }
    let (ahead, image) = (url(ann), url(bob));
    let page = format!(
        "<!doctype html><title>A mail</title><link rel=\"prefetch\" href=\"{ahead}\"><link rel=\"preload\" as=\"fetch\" href=\"{ahead}\">\
         <link rel=\"prerender\" href=\"{ahead}\"><img src=\"{image}\"><iframe src=\"{image}\"></iframe>\
         <script type=\"speculationrules\">{{\"prefetch\": [{{\"source\": \"list\", \"urls\": [\"{ahead}\"]}}]}}</script><a href=\"{ahead}\">Unsubscribe</a>"
    );
    let mail = HttpServer::start(move |_, _| Act::Answer(Answer::html(200, page.clone())));
    browser.open(&mail.url());
    assert_eq!(browser.value("document.title"), "A mail");
    nothing_happened();

    // A link that was changed has no button.
    for place in [4, bob.len() - 1] {
        let mut other = bob.to_owned();
        other.replace_range(place..=place, if other[place..].starts_with('0') { "1" } else { "0" });
        browser.open(&url(&other));
        assert_eq!(
            browser.value("document.querySelector('h1').textContent"),
            "This link does not work"
        );
        assert_eq!(browser.value("document.querySelectorAll('button, form, input').length"), 0);
    }
    nothing_happened();

    // The button, where scripts do not run.
    browser.lets_scripts_run(false);
    browser.open(&url(bob));
    let (begun, pressed) = browser.press("button");
    assert!(is_suppressed(&work, "bob@example.com"), "what the page says is so");
    println!(
        "suppressed, and the next page shown, {:?} after the button was pressed",
        begun.elapsed()
    );
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "You are unsubscribed");
    let events = lines(&work, &["events", "list", "--json"]);
    assert_eq!(
        (events.len(), events[0]["type"].as_str(), events[0]["recipient"].as_str()),
        (1, Some("unsubscribed"), None),
        "{events:?}"
    );
    let at: jiff::Timestamp = events[0]["at"].as_str().unwrap().parse().unwrap();
    assert!(
        Duration::try_from(at.duration_since(pressed)).unwrap_or_default() < Duration::from_secs(1),
        "{pressed} {at}"
    );
    // Whoever loads the last page again looks at the question.
    browser.open(&url(bob));
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "Unsubscribe");
    assert!(!is_suppressed(&work, "ann@example.com") && !is_suppressed(&work, "cyd@example.com"));
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    let file = work.read("suppressions.csv");
    assert_eq!(
        (file.lines().count(), file.matches("bob@example.com,unsubscribe,webhook,").count()),
        (2, 1),
        "{file}"
    );
}
