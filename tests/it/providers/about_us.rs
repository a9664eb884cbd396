//! Refusals that are about us and not about a recipient: nobody is charged with them, and nothing
//! is cut into halves for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{CONTRACTS, handed_over, mailgun, sendgrid};
use crate::support::http::{Act, Answer};

/// Statuses of 4xx that no service of the suite documents for a hand-over. Those of a limit or of
/// credentials are tested by themselves.
const UNDOCUMENTED: [u16; 6] = [402, 418, 423, 431, 450, 498];

#[test]
fn a_status_that_a_service_does_not_document_stops_it_at_the_first_request() {
    for contract in CONTRACTS {
        for status in UNDOCUMENTED {
            let (server, _service) = contract.service(move |_, _| {
                Some(Act::Answer(Answer::json(status, json!({ "message": "hm" }).to_string())))
            });
            let work = contract.workspace(&server.url(), "", 60);
            let ran = work.run(&["send", "list.csv"]);
            let what = format!("{} {status}", contract.kind);
            assert!([7, 8].contains(&ran.code), "{what}: {} {}", ran.code, ran.err);
            assert_eq!(work.report().counts(), BTreeMap::from([("held", 60)]), "{what}");
            assert_eq!(handed_over(&server).len(), 1, "{what}");
        }
    }
}

#[test]
fn sendgrids_credits_are_a_quota_and_no_bad_key() {
    let words = json!({ "errors": [{ "message": "Maximum credits exceeded", "field": null, "help": null }] }).to_string();
    for taken_first in [0, 1] {
        let words = words.clone();
        let (server, _service) = sendgrid::CONTRACT.service(move |number, _| {
            (number >= taken_first).then(|| Act::Answer(Answer::json(401, words.clone())))
        });
        let work = sendgrid::CONTRACT.workspace(&server.url(), "", 60);
        let ran = work.run(&["send", "list.csv"]).ends(8).says("Maximum credits exceeded");
        assert!(!ran.err.contains("api_key"), "{}", ran.err);
        assert_eq!(work.report().with("held").len(), 60 - 10 * taken_first);
        assert!(
            work.report().column("mb_reason").iter().all(|reason| ["", "cap"].contains(reason))
        );
        assert_eq!(handed_over(&server).len(), taken_first + 1);
    }
}

#[test]
fn mailguns_refusal_of_the_sender_stops_also_where_the_field_is_in_quotation_marks() {
    for said in ["from parameter is", "'from' parameter is", "\"from\" parameter is"] {
        let words = format!("{said} not a valid address. please check documentation");
        let (server, _service) =
            mailgun::CONTRACT.service(move |_, _| Some(Act::Answer(mailgun::failure(400, &words))));
        let work = mailgun::CONTRACT.workspace(&server.url(), "", 60);
        work.run(&["send", "list.csv"]).ends(7).says("not a valid address");
        assert_eq!(work.report().counts(), BTreeMap::from([("held", 60)]), "{said}");
        assert_eq!(handed_over(&server).len(), 1, "{said}");
    }
}

#[test]
fn mailguns_refusal_of_a_recipient_in_quotation_marks_is_found_by_halving() {
    let (server, service) = mailgun::CONTRACT.service(|_, take| {
        let mut answer = take();
        if answer.status == 400 {
            answer = mailgun::failure(
                400,
                "'to' parameter is not a valid address. please check documentation",
            );
        }
        Some(Act::Answer(answer))
    });
    let work = mailgun::CONTRACT.workspace(&server.url(), "", 20);
    work.file("list.csv", format!("{}20,bad20@example.com,Bad\n", work.read("list.csv")));
    work.run(&["send", "list.csv"]).ends(3);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 20), ("rejected", 1)]));
    assert_eq!(work.report().cell("bad20@example.com", "mb_reason"), "bad_address");
    service.lock().unwrap().nobody_twice();
}

#[test]
fn bad_addresses_at_the_head_of_a_list_are_found_and_stop_nobody_else_for_good() {
    for bad in [1, 3] {
        let (server, service) = mailgun::CONTRACT.service(|_, take| {
            let mut answer = take();
            if answer.status == 400 {
                answer = mailgun::failure(
                    400,
                    "'to' parameter is not a valid address. please check documentation",
                );
            }
            Some(Act::Answer(answer))
        });
        let work = mailgun::CONTRACT.workspace(&server.url(), "", 20);
        let list = work.read("list.csv");
        let (header, rows) = list.split_once('\n').expect("a header");
        let first = (0..bad)
            .fold(String::new(), |first, n| first + &format!("{n},bad{n}@d{n}.example,Bad\n"));
        work.file("list.csv", format!("{header}\n{first}{rows}"));
        let mut ran = work.run(&["send", "list.csv"]);
        if bad == 1 {
            assert_eq!(ran.code, 3, "{}", ran.err);
        }
        // Three in a row over three domains prove that everybody is refused, until somebody else is
        // asked for.
        for _ in 0..20 {
            if ran.code != 7 {
                break;
            }
            ran = work.run(&["resume"]);
        }
        assert_eq!(ran.code, 3, "{}", ran.err);
        let report = work.report();
        assert_eq!(report.counts(), BTreeMap::from([("accepted", 20), ("rejected", bad)]));
        for n in 0..bad {
            assert_eq!(report.cell(&format!("bad{n}@d{n}.example"), "mb_reason"), "bad_address");
        }
        service.lock().unwrap().nobody_twice();
    }
}
