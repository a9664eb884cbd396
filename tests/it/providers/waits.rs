//! A wait that a provider names, longer than retries last: it is kept from one run to the next, and
//! one recipient goes first after it.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::contract::Contract;
use super::{handed_over, postmark};
use crate::support::Workspace;
use crate::support::http::{Act, HttpServer};
use crate::support::running::everybody;

const ROWS: usize = 60;
/// What the provider asks for, in seconds, where retries last for one.
const WAIT: u64 = 6;

/// A provider that refuses its first request with that wait.
fn asks_once(contract: &'static Contract) -> HttpServer {
    contract
        .service(|number, _| {
            (number == 0)
                .then(|| Act::Answer((contract.throttled)().with("Retry-After", WAIT.to_string())))
        })
        .0
}

fn workspace(contract: &'static Contract, url: &str, more: &str) -> Workspace {
    let work = contract.workspace_with(url, 4, more, ROWS);
    work.config(&work.read("mailbatch.toml").replace("for = \"20s\"", "for = \"1s\""));
    work
}

fn sizes(contract: &Contract, server: &HttpServer) -> Vec<usize> {
    handed_over(server).iter().map(|request| (contract.mails)(request).len()).collect()
}

#[test]
fn it_is_remembered_and_after_it_one_recipient_goes_first() {
    let contract = &postmark::CONTRACT;
    let server = asks_once(contract);
    let work = workspace(contract, &server.url(), "");
    work.run(&["send", "list.csv"])
        .ends(8)
        .says("api asks to be left alone until 20")
        .says("after that one recipient goes first");
    let asked_at = handed_over(&server)[0].at;
    assert_eq!(work.report().counts(), BTreeMap::from([("held", ROWS)]));
    for command in [&["send", "list.csv"] as &[&str], &["resume"]] {
        work.run(command).ends(8).says("api asks to be left alone until 20");
    }
    assert!(
        asked_at.elapsed() < Duration::from_secs(WAIT),
        "the machine is too slow for this test"
    );
    assert_eq!(handed_over(&server).len(), 1, "nothing is asked before that");
    sleep(Duration::from_secs(WAIT).saturating_sub(asked_at.elapsed()));
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(sizes(contract, &server)[1], 1);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", ROWS)]));
    // It is over, and nothing slows the next campaign.
    work.run(&["send", "list.csv", "--campaign", "next"]).ends(0);
    let sizes = sizes(contract, &server);
    assert!(sizes.last().is_some_and(|last| *last > 10), "{sizes:?}");
}

#[test]
fn on_cap_wait_waits_for_it_and_a_second_provider_takes_over_at_once() {
    let contract = &postmark::CONTRACT;
    let server = asks_once(contract);
    let work = workspace(contract, &server.url(), "");
    let begun = Instant::now();
    work.run(&["send", "list.csv", "--on-cap", "wait"])
        .ends(0)
        .says("api asks to be left alone until 20");
    assert!(begun.elapsed() >= Duration::from_secs(WAIT), "{:?}", begun.elapsed());
    assert_eq!(sizes(contract, &server)[..2], [10, 1]);

    let (api, (b, service)) = (asks_once(contract), contract.service(|_, _| None));
    let second = format!(
        "[providers.b]\nkind = \"postmark\"\napi_key = {{ file = \"key\" }}\nbase_url = \"{}\"\n[route]\norder = [\"api\", \"b\"]",
        b.url()
    );
    let work = workspace(contract, &api.url(), &second);
    work.run(&["send", "list.csv"]).ends(0).says("failover from api to b");
    assert_eq!(
        (handed_over(&api).len(), service.lock().unwrap().addresses()),
        (1, everybody(ROWS))
    );
    // The next run begins with the second, without a question to the first.
    work.run(&["send", "list.csv", "--campaign", "next"]).ends(0);
    assert_eq!(handed_over(&api).len(), 1);
}
