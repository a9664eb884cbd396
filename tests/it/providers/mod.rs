//! The contract that every HTTP provider keeps, run against a local service that checks it
//! strictly. A provider is one file here, with literal requests and answers of its API, and one
//! line in `CONTRACTS`.

mod about_us;
mod bird;
mod contract;
mod direct;
mod drin;
mod emitlo;
mod failover;
mod following;
mod kills;
mod mailersio;
mod mailgun;
mod pair_kills;
mod postmark;
mod reconcile;
mod resend;
mod roles;
mod sendgrid;
mod services;
mod ses;
mod shape;
mod thousand;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use self::contract::{Contract, KEY, Unsubscribe};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::running::{LONG, everybody};
use crate::support::{Workspace, lists, wait_for};

const CONTRACTS: &[&Contract] = &[
    &resend::CONTRACT,
    &sendgrid::CONTRACT,
    &postmark::CONTRACT,
    &mailgun::CONTRACT,
    &bird::CONTRACT,
    &emitlo::CONTRACT,
    &drin::CONTRACT,
    &mailersio::CONTRACT,
    &ses::CONTRACT,
];

/// The requests that hand mail over, in the order they came; those that only ask how it went are
/// none.
fn handed_over(server: &HttpServer) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.method == "POST").collect()
}

/// Nothing that is written anywhere holds the key.
#[track_caller]
fn hides_the_key(work: &Workspace, said: &[&str]) {
    for text in said {
        assert!(!text.contains(KEY), "{text}");
    }
    let mut directories = vec![work.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                directories.push(entry);
            } else if entry.file_name().is_some_and(|name| name != "key") {
                let octets = std::fs::read(&entry).expect("a file");
                assert!(
                    !octets.windows(KEY.len()).any(|window| window == KEY.as_bytes()),
                    "{} holds the key",
                    entry.display()
                );
            }
        }
    }
}

#[test]
fn every_provider_that_speaks_http_has_its_contract() {
    let kinds: Vec<&str> = mailbatch::internals::provider::PROVIDERS
        .iter()
        .map(|spec| spec.kind)
        .filter(|kind| !["sandbox", "smtp"].contains(kind))
        .collect();
    assert_eq!(
        CONTRACTS.iter().map(|contract| contract.kind).collect::<Vec<_>>(),
        kinds,
        "in the order of PROVIDERS"
    );
}

#[test]
fn everybody_gets_their_own_message_once_and_the_report_has_the_services_id() {
    const ROWS: usize = 330;
    for contract in CONTRACTS {
        let (server, service) = contract.service(|_, _| None);
        let work = contract.workspace(&server.url(), "", ROWS);
        work.run(&["send", "list.csv"]).ends(0);
        let service = service.lock().unwrap();
        assert_eq!(service.addresses(), everybody(ROWS), "{}", contract.kind);
        let report = work.report();
        for (index, address) in lists::addresses(ROWS).iter().enumerate() {
            let mail = service.taken.iter().find(|mail| mail.address() == address).unwrap();
            assert_eq!(mail.subject, format!("Hello {}", lists::name(index)));
            assert!(
                mail.text.contains(lists::name(index)) && mail.html.starts_with('<'),
                "{mail:?}"
            );
            match contract.unsubscribe() {
                Unsubscribe::Ours => {
                    assert!(
                        mail.headers["List-Unsubscribe"]
                            .starts_with("<https://acme.example/u/user"),
                        "{mail:?}"
                    );
                    assert_eq!(mail.headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
                }
                Unsubscribe::Theirs | Unsubscribe::Nobodys => {
                    assert!(mail.headers.is_empty(), "{mail:?}")
                }
            }
            assert!(
                contract
                    .ids(&server, mail)
                    .contains(&report.cell(address, "mb_provider_id").to_owned()),
                "{mail:?}"
            );
        }
        // One request is the trial.
        let fewest = ROWS.div_ceil(contract.per_request);
        assert!(
            handed_over(&server).len() <= fewest + 1,
            "{}: {} requests",
            contract.kind,
            handed_over(&server).len()
        );
    }
}

#[test]
fn a_wrong_key_stops_at_once_and_is_never_shown() {
    for contract in CONTRACTS {
        let (server, _service) = contract.service(|_, _| {
            let mut answer = (contract.unauthorized)();
            answer.body.extend_from_slice(format!(" you sent {KEY}").as_bytes());
            Some(Act::Answer(answer.with("X-Echo", KEY)))
        });
        let work = contract.workspace(&server.url(), "", 30);
        let ran = work
            .run(&["-vv", "send", "list.csv"])
            .ends(7)
            .says(&(contract.unauthorized)().status.to_string());
        assert_eq!(handed_over(&server).len(), 1, "{}: nothing is tried again", contract.kind);
        assert_eq!(work.report().counts(), BTreeMap::from([("held", 30)]), "nobody is blamed");
        hides_the_key(&work, &[&ran.out, &ran.err]);
    }
}

#[test]
fn throttling_is_waited_for_as_long_as_the_service_asks() {
    for contract in CONTRACTS {
        let (server, service) = contract.service(|number, _| {
            (number == 1).then(|| Act::Answer((contract.throttled)().with("Retry-After", "1")))
        });
        let work = contract.workspace(&server.url(), "", 12);
        work.run(&["send", "list.csv"]).ends(0);
        assert_eq!(service.lock().unwrap().addresses(), everybody(12), "{}", contract.kind);
        let requests = handed_over(&server);
        assert!(requests[2].at - requests[1].at >= Duration::from_secs(1), "{}", contract.kind);
        assert!(work.report().column("mb_outcome").iter().all(|outcome| *outcome == "accepted"));
    }
}

/// The service fails once in a way that leaves open whether mail was taken, in truth or not.
fn doubted(
    contract: &'static Contract,
    fault: fn(&Contract, &dyn Fn() -> Answer) -> Act,
    was_taken: bool,
) {
    const ROWS: usize = 40;
    let (server, service) =
        contract.service(move |number, take| (number == 1).then(|| fault(contract, take)));
    let work = contract.workspace(&server.url(), "", ROWS);
    let unsure = contract.key_header.is_none();
    work.run(&["send", "list.csv"]).ends(if unsure { 6 } else { 0 });
    let report = work.report();
    if let Some(name) = contract.key_header {
        let requests = handed_over(&server);
        assert_eq!(
            (requests[1].header(name), &requests[1].body),
            (requests[2].header(name), &requests[2].body),
            "{}",
            contract.kind
        );
        assert_eq!(report.counts(), BTreeMap::from([("accepted", ROWS)]), "{}", contract.kind);
    } else {
        let doubted = (contract.mails)(&handed_over(&server)[1]).len();
        assert_eq!(
            report.counts(),
            BTreeMap::from([("accepted", ROWS - doubted), ("unknown", doubted)]),
            "{}",
            contract.kind
        );
        // Not by guess, however often it is asked for.
        work.run(&["send", "list.csv"]).ends(6);
    }
    let service = service.lock().unwrap();
    service.nobody_twice();
    let missing =
        if unsure && !was_taken { (contract.mails)(&handed_over(&server)[1]).len() } else { 0 };
    assert_eq!(service.taken.len(), ROWS - missing, "{}", contract.kind);
}

#[test]
fn a_reply_that_is_lost_after_the_mail_was_taken_mails_nobody_twice() {
    for contract in CONTRACTS {
        doubted(
            contract,
            |_, take| {
                take();
                Act::Close
            },
            true,
        );
    }
}

#[test]
fn a_service_that_takes_the_request_and_falls_silent_mails_nobody_twice() {
    for contract in CONTRACTS {
        doubted(
            contract,
            |_, take| {
                take();
                Act::Silence
            },
            true,
        );
        doubted(contract, |_, _| Act::Silence, false);
    }
}

#[test]
fn an_error_of_the_service_is_doubt_and_then_all_is_well() {
    for contract in CONTRACTS {
        doubted(contract, |contract, _| Act::Answer((contract.failed)()), false);
        doubted(
            contract,
            |_, take| {
                take();
                Act::Answer(Answer::html(502, "<html>Bad Gateway</html>"))
            },
            true,
        );
    }
}

#[test]
fn a_reply_that_drips_for_ever_is_given_up() {
    for contract in CONTRACTS {
        doubted(
            contract,
            |_, take| {
                let status = take().status;
                Act::Endless(status, Duration::from_millis(100))
            },
            true,
        );
    }
}

#[test]
fn success_that_cannot_be_read_leaves_everybody_unknown() {
    for contract in CONTRACTS {
        for flood in [false, true] {
            let (server, service) = contract.service(move |number, take| {
                let status = (number == 1).then(|| take().status)?;
                Some(if flood {
                    Act::Endless(status, Duration::ZERO)
                } else {
                    Act::Answer(Answer::json(status, "{\"data\":[{\"id\":"))
                })
            });
            let work = contract.workspace(&server.url(), "", 12);
            work.run(&["send", "list.csv"]).ends(6);
            let unknown = (contract.mails)(&handed_over(&server)[1]).len();
            assert_eq!(
                work.report().counts(),
                BTreeMap::from([("accepted", 12 - unknown), ("unknown", unknown)]),
                "{}",
                contract.kind
            );
            service.lock().unwrap().nobody_twice();
        }
    }
}

#[test]
fn bad_addresses_are_rejected_alone_and_everybody_else_is_mailed() {
    const GOOD: usize = 60;
    for contract in CONTRACTS {
        let (server, service) = contract.service(|_, _| None);
        let work = contract.workspace(&server.url(), "", 0);
        let bad: String = (0..3).map(|n| format!("b{n},bad{n}@example.com,Bad\n")).collect();
        work.file(
            "list.csv",
            format!(
                "{}{bad}{}",
                lists::csv_of(0..GOOD / 2),
                lists::csv_of(GOOD / 2..GOOD).trim_start_matches("id,email,name\n")
            ),
        );
        work.run(&["send", "list.csv"]).ends(3);
        let report = work.report();
        assert_eq!(
            report.counts(),
            BTreeMap::from([("accepted", GOOD), ("rejected", 3)]),
            "{}",
            contract.kind
        );
        assert!(report.with("rejected").iter().all(|address| address.starts_with("bad")));
        assert_eq!(report.cell("bad1@example.com", "mb_reason"), "bad_address");
        assert_eq!(service.lock().unwrap().addresses(), everybody(GOOD));
    }
}

#[test]
fn a_wrong_base_url_is_found_out_also_behind_a_page_of_20_megabytes() {
    let huge = || [b"<html>".as_slice(), &vec![b'x'; 20 * 1024 * 1024]].concat();
    for contract in CONTRACTS {
        for answer in [
            Answer::html(200, "<!doctype html>\n<html>Magnificent</html>"),
            Answer::html(404, huge()),
        ] {
            let (server, _service) =
                contract.service(move |_, _| Some(Act::Answer(answer.clone())));
            let work = contract.workspace(&server.url(), "", 30);
            work.run(&["send", "list.csv"]).ends(7).says("base_url");
            assert_eq!(work.report().counts(), BTreeMap::from([("held", 30)]), "{}", contract.kind);
            assert_eq!(handed_over(&server).len(), 1, "{}", contract.kind);
        }
    }
}

#[test]
fn a_redirect_is_never_followed() {
    for contract in CONTRACTS {
        for status in [301, 302, 307, 308] {
            let elsewhere = HttpServer::forbidden();
            let url = elsewhere.url();
            let (server, _service) = contract.service(move |_, _| {
                Some(Act::Answer(Answer::json(status, "").with("Location", url.clone())))
            });
            let work = contract.workspace(&server.url(), "", 5);
            work.run(&["send", "list.csv"]).ends(7).says("redirect");
            assert_eq!(work.report().counts(), BTreeMap::from([("held", 5)]), "{}", contract.kind);
        }
    }
}

#[test]
fn a_process_killed_before_the_reply_came_mails_nobody_twice() {
    const ROWS: usize = 40;
    for contract in CONTRACTS {
        let (server, service) = contract.service(|number, take| {
            (number == 1).then(|| {
                take();
                Act::Silence
            })
        });
        let work = contract.workspace(&server.url(), "", ROWS);
        let running = work.start(&["send", "list.csv"]);
        assert!(wait_for(|| handed_over(&server).len() == 2, LONG), "{}", contract.kind);
        let on_the_wire = (contract.mails)(&handed_over(&server)[1]).len();
        assert!(running.kill(), "it had ended");
        work.run(&["send", "list.csv"]).ends(6);
        assert_eq!(
            work.report().counts(),
            BTreeMap::from([("accepted", ROWS - on_the_wire), ("unknown", on_the_wire)]),
            "{}",
            contract.kind
        );
        let service = service.lock().unwrap();
        assert_eq!(service.addresses(), everybody(ROWS), "{}", contract.kind);
    }
}
