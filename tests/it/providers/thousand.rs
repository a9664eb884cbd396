//! A thousand recipients with bad and suppressed addresses among them: every outcome is what the
//! service said, in as few requests as it takes, also where replies are lost. And the services of
//! the suite themselves: each refuses what breaks its contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::{Map, Value};

use super::contract::{Contract, Mail, Service};
use super::{CONTRACTS, handed_over};
use crate::support::http::{Act, Request};
use crate::support::lists;

const ROWS: usize = 1_000;
/// Of the thousand, spread over the list.
const BAD: usize = 30;
const SUPPRESSED: usize = 20;
/// What the services call the list of all that a request holds.
const LISTS: [&str; 5] =
    ["emails", "messages", "recipients", "personalizations", "BulkEmailEntries"];

/// Every address of the list, in order.
fn addresses() -> Vec<String> {
    let address = |row: usize| match row {
        row if row % (ROWS / BAD) == 7 && row / (ROWS / BAD) < BAD => {
            format!("bad{row}@example.com")
        }
        row if row % (ROWS / SUPPRESSED) == 11 => format!("stop{row}@example.com"),
        row => lists::address(row),
    };
    (0..ROWS).map(address).collect()
}

fn list(addresses: &[String]) -> String {
    let rows =
        addresses.iter().enumerate().map(|(row, address)| format!("{row},{address},Ann {row}\n"));
    format!("id,email,name\n{}", rows.collect::<String>())
}

/// What a report has to say of an address whose request was answered.
fn outcome(contract: &Contract, address: &str) -> &'static str {
    match address {
        _ if address.starts_with("bad") => "rejected",
        _ if address.starts_with("stop") && contract.tells_suppressed => "suppressed",
        _ => "accepted",
    }
}

/// The requests that were refused as a whole and cut into halves: there are two more of each.
fn cut(contract: &Contract, requests: &[Request]) -> usize {
    let is_cut = |mails: &[Mail]| {
        mails.len() > 1 && (contract.answer)(mails).status != contract.status_taken
    };
    requests.iter().filter(|request| is_cut(&(contract.mails)(request))).count()
}

#[test]
fn a_thousand_recipients_end_as_the_service_said_in_as_few_requests_as_it_takes() {
    let addresses = addresses();
    assert_eq!(addresses.iter().filter(|address| address.starts_with("bad")).count(), BAD);
    assert_eq!(addresses.iter().filter(|address| address.starts_with("stop")).count(), SUPPRESSED);
    for contract in CONTRACTS {
        let (server, service) = contract.service(|_, _| None);
        let work = contract.workspace(&server.url(), "", 0);
        work.file("list.csv", list(&addresses)).run(&["send", "list.csv"]).ends(3);
        ends_as_it_said(contract, &work.report(), &addresses, &BTreeSet::new());
        let requests = handed_over(&server);
        // One request is the trial; all the rest are full but for the last.
        let fewest = ROWS.div_ceil(contract.per_request) + 1;
        let cut = cut(contract, &requests);
        let sizes: Vec<usize> =
            requests.iter().map(|request| (contract.mails)(request).len()).collect();
        println!(
            "{}: {} requests, {cut} of them refused as a whole: {sizes:?}",
            contract.kind,
            requests.len()
        );
        // Who is named need not be found by halving: the others go once more.
        let again = if contract.kind == "sendgrid" { cut } else { 2 * cut };
        assert!(
            requests.len() <= fewest + again,
            "{}: {} requests, {cut} cut into halves",
            contract.kind,
            requests.len()
        );
        all_taken_once(contract, &service.lock().unwrap(), &addresses);
    }
}

#[test]
fn the_first_campaign_costs_one_request_more_than_the_api_needs_and_the_next_ones_none() {
    for contract in CONTRACTS {
        let (server, service) = contract.service(|_, _| None);
        // The limits that mailbatch sets by itself, but for the rate of requests, which would take
        // minutes.
        let work = contract.workspace_with(&server.url(), 8, "", ROWS);
        let fewest = ROWS.div_ceil(contract.per_request);
        work.run(&["send", "list.csv"]).ends(0);
        let first = handed_over(&server).len();
        assert!(first <= fewest + 1, "{}: {first} requests, {fewest} would do", contract.kind);
        work.run(&["send", "list.csv", "--campaign", "second"]).ends(0);
        let second = handed_over(&server).len() - first;
        assert_eq!(second, fewest, "{}", contract.kind);
        assert_eq!(service.lock().unwrap().taken.len(), 2 * ROWS, "{}", contract.kind);
        // Another account has shown nothing yet: it gets a trial of its own.
        if contract.kind == "mailgun" {
            work.config(
                &work.read("mailbatch.toml").replace("mg.acme.example", "other.acme.example"),
            );
            work.run(&["send", "list.csv", "--campaign", "third"]);
            let third = (contract.mails)(&handed_over(&server)[first + second]).len();
            assert_eq!(third, 10);
        }
    }
}

#[test]
fn a_canary_is_the_trial() {
    let contract = &super::resend::CONTRACT;
    let (server, _service) = contract.service(|_, _| None);
    let work = contract.workspace_with(&server.url(), 8, "", ROWS);
    work.run(&["send", "list.csv", "--canary", "5%"]).ends(0);
    let sizes: Vec<usize> =
        handed_over(&server).iter().map(|request| (contract.mails)(request).len()).collect();
    assert_eq!((sizes[0], sizes.len()), (50, 11), "{sizes:?}");
}

#[track_caller]
fn ends_as_it_said(
    contract: &Contract,
    report: &crate::support::ran::Report,
    addresses: &[String],
    unknown: &BTreeSet<String>,
) {
    let (emails, outcomes) = (report.column("email"), report.column("mb_outcome"));
    assert_eq!(emails, addresses, "{}", contract.kind);
    for (address, told) in emails.into_iter().zip(outcomes) {
        let expected =
            if unknown.contains(address) { "unknown" } else { outcome(contract, address) };
        assert_eq!(told, expected, "{}: {address}", contract.kind);
        if told == "rejected" {
            assert_eq!(
                report.cell(address, "mb_reason"),
                "bad_address",
                "{}: {address}",
                contract.kind
            );
        }
    }
}

/// The service has mail for all whom it takes, once.
#[track_caller]
fn all_taken_once(contract: &Contract, service: &Service, addresses: &[String]) {
    service.nobody_twice();
    let mut expected: Vec<&String> =
        addresses.iter().filter(|address| outcome(contract, address) == "accepted").collect();
    expected.sort();
    assert_eq!(service.addresses().iter().collect::<Vec<_>>(), expected, "{}", contract.kind);
}

#[test]
fn replies_that_are_lost_are_asked_for_again_under_the_key_or_leave_exactly_their_own_recipients_unknown()
 {
    let addresses = addresses();
    for contract in CONTRACTS {
        // After the trial, where the service has so few requests for a thousand, and two of them
        // elsewhere.
        let lost: &[usize] = if contract.per_request > 100 { &[1] } else { &[2, 6] };
        let (server, service) = contract.service(|number, take| {
            lost.contains(&number).then(|| {
                take();
                Act::Close
            })
        });
        let work = contract.workspace(&server.url(), "", 0);
        work.file("list.csv", list(&addresses));
        let is_keyed = contract.key_header.is_some();
        let code = if is_keyed { 3 } else { 6 };
        work.run(&["send", "list.csv"]).ends(code);
        let requests = handed_over(&server);
        let unknown = lost
            .iter()
            .filter(|_| !is_keyed)
            .flat_map(|number| (contract.mails)(&requests[*number]));
        let unknown: BTreeSet<String> = unknown.map(|mail| mail.address().to_owned()).collect();
        ends_as_it_said(contract, &work.report(), &addresses, &unknown);
        if let Some(name) = contract.key_header {
            for number in lost.iter().copied() {
                let [first, second] = [&requests[number], &requests[number + 1]];
                assert_eq!(
                    (first.header(name), &first.body),
                    (second.header(name), &second.body),
                    "{}",
                    contract.kind
                );
            }
            assert_eq!(service.lock().unwrap().replays, lost.len(), "{}", contract.kind);
        }
        // Neither the same command nor any other sends to somebody who may have been mailed.
        for command in [&["send", "list.csv"] as &[&str], &["resume"]] {
            work.run(command).ends(if is_keyed { 0 } else { 6 });
        }
        assert_eq!(handed_over(&server).len(), requests.len(), "{}", contract.kind);
        let service = service.lock().unwrap();
        service.nobody_twice();
        if is_keyed {
            all_taken_once(contract, &service, &addresses);
        }
    }
}

/// A request of a run, as the service got it.
fn genuine(contract: &'static Contract) -> Request {
    let (server, _service) = contract.service(|_, _| None);
    contract.workspace(&server.url(), "", 3).run(&["send", "list.csv"]).ends(0);
    handed_over(&server).remove(0)
}

fn with_body(request: &Request, body: Vec<u8>) -> Request {
    Request { body, ..request.clone() }
}

/// The messages of a body of JSON, or who gets its one message.
fn entries(body: &mut Value) -> Option<&mut Vec<Value>> {
    match body {
        Value::Array(mails) => Some(mails),
        body => body
            .as_object_mut()?
            .iter_mut()
            .find(|(name, _)| LISTS.contains(&name.as_str()))?
            .1
            .as_array_mut(),
    }
}

/// The same in JSON with something changed: `change` is given the object that holds a subject.
fn changed(request: &Request, change: impl Fn(&mut Map<String, Value>)) -> Request {
    let mut body = request.json();
    let is_one_message = body.get("personalizations").is_some() || body.get("Content").is_some();
    let message = if is_one_message { &mut body } else { &mut entries(&mut body).unwrap()[0] };
    change(message.as_object_mut().unwrap());
    with_body(request, body.to_string().into_bytes())
}

/// The form once more with another part, `name` holding `value`, at its end.
fn with_part(request: &Request, name: &str, value: &str) -> Request {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let end = body.trim_end().rsplit_once("\r\n").unwrap().1.to_owned();
    let begin = end.strip_suffix("--").unwrap();
    let part = format!(
        "{begin}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n{end}"
    );
    with_body(request, body.replace(&end, &part).into_bytes())
}

/// Ways to break a contract, by what is wrong.
fn broken(contract: &Contract, request: &Request) -> BTreeMap<&'static str, Request> {
    let without = |header: &str| Request {
        headers: request.headers.iter().filter(|(name, _)| name != header).cloned().collect(),
        ..request.clone()
    };
    let mut all = BTreeMap::from([
        ("no credentials", without(contract.auth.0)),
        ("no user agent", without("user-agent")),
        (
            "too large",
            with_body(request, [&request.body[..], &vec![b' '; contract.max_bytes]].concat()),
        ),
        ("another path", Request { path: format!("{}/", contract.path), ..request.clone() }),
    ]);
    if let Some(header) = contract.key_header {
        all.insert("no key", without(header));
    }
    if contract.kind == "mailgun" {
        all.insert("an unknown field", with_part(request, "recipients", "x"));
        all.insert("a field twice", with_part(request, "recipient-variables", "{}"));
        return all;
    }
    all.insert("not JSON", with_body(request, b"{".to_vec()));
    all.insert(
        "an unknown field",
        changed(request, |mail| drop(mail.insert("surprise".into(), "x".into()))),
    );
    all.insert(
        "a field of another type",
        changed(request, |mail| mail.values_mut().for_each(|value| *value = 7.into())),
    );
    let mut many = request.json();
    if let Some(list) = entries(&mut many) {
        *list = vec![list[0].clone(); 1_001];
        all.insert("too many", with_body(request, many.to_string().into_bytes()));
    }
    all
}

#[test]
fn the_services_of_the_suite_refuse_what_breaks_their_contract() {
    for contract in CONTRACTS {
        let request = genuine(contract);
        assert_eq!(
            contract.take(&Mutex::default(), &request).status,
            contract.status_taken,
            "{}",
            contract.kind
        );
        for (what, broken) in broken(contract, &request) {
            let service = Mutex::new(Service::default());
            let answer = contract.take(&service, &broken);
            let service = service.into_inner().unwrap();
            assert!((400..500).contains(&answer.status), "{}: {what}: {answer:?}", contract.kind);
            assert_eq!(
                (service.breaches.len(), service.taken.len()),
                (1, 0),
                "{}: {what}",
                contract.kind
            );
        }
    }
}
