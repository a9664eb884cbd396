//! SIGKILL, SIGSTOP and SIGCONT at random moments of runs over HTTP, each kill followed by the same
//! command until the run is done.
//!
//! `MAILBATCH_KILLS` says how many kills there are of each provider (20), `MAILBATCH_SEED` repeats
//! the moments of an earlier run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::contract::{Contract, Service};
use super::{handed_over, postmark, resend};
use crate::faults::draws::{Draws, from_environment};
use crate::faults::kills::{Done, KILLS_A_RUN, SEND, run_and_kill};
use crate::support::http::{Act, HttpServer, Request};
use crate::support::{Workspace, lists};

const RECIPIENTS: usize = 1_000;
/// How long the service takes for an answer: time to be killed in between.
const WORK: Duration = Duration::from_millis(25);

#[test]
fn nobody_is_mailed_twice_or_missed_where_lost_replies_can_be_asked_for_again() {
    is_killed_and_goes_on(&resend::CONTRACT);
}

#[test]
fn nobody_is_mailed_twice_or_missed_where_a_repeat_would_be_a_second_send() {
    is_killed_and_goes_on(&postmark::CONTRACT);
}

fn is_killed_and_goes_on(contract: &'static Contract) {
    let kills = from_environment("MAILBATCH_KILLS").unwrap_or(20);
    let mut draws = Draws::fresh();
    let (mut killed, mut stopped, mut runs, mut unknown) = (0, 0, 0, 0);
    while killed < kills {
        let (server, service) = contract.service(|_, take| {
            let answer = take();
            std::thread::sleep(WORK);
            Some(Act::Answer(answer))
        });
        let in_flight = 1 + draws.below(4);
        // An unknown of a kill counts against the canary, which is not judged here.
        let work = contract.workspace_with(
            &server.url(),
            in_flight,
            "[canary]\nmax_failed = \"100%\"",
            RECIPIENTS,
        );
        let done = run_and_kill(
            &work,
            &mut draws,
            KILLS_A_RUN.min(kills - killed),
            Duration::from_millis(300),
        );
        let doubted =
            judged(contract, &work, &server, &service.lock().unwrap(), done.killed * in_flight);
        assert_eq!(done.code, if doubted > 0 { 6 } else { 0 });
        stays_so(&work, &server, &done);
        killed += done.killed;
        stopped += done.stopped;
        unknown += doubted;
        runs += 1;
    }
    let kind = contract.kind;
    println!(
        "{kind}: {killed} kills, {stopped} stops, {runs} runs of {RECIPIENTS} recipients: {unknown} unknown, nobody twice, nobody missing"
    );
}

/// Nobody twice, nobody missing; `accepted` only whom the service took, `unknown` only whose answer
/// the process cannot have read. How many are unknown.
#[track_caller]
fn judged(
    contract: &Contract,
    work: &Workspace,
    server: &HttpServer,
    service: &Service,
    most_doubted: u64,
) -> usize {
    service.nobody_twice();
    let taken: BTreeSet<String> = service.addresses().into_iter().collect();
    let requests = handed_over(server);
    let mut of: BTreeMap<String, usize> = BTreeMap::new();
    for (number, request) in requests.iter().enumerate() {
        for mail in (contract.mails)(request) {
            let before = of.insert(mail.address().to_owned(), number);
            assert_eq!(before, None, "{} was handed over twice", mail.address());
        }
    }
    let report = work.report();
    let (emails, outcomes) = (report.column("email"), report.column("mb_outcome"));
    assert_eq!(emails, lists::addresses(RECIPIENTS));
    let (mut unknown, mut doubted) = (0, BTreeSet::new());
    for (email, outcome) in emails.into_iter().zip(outcomes) {
        match (outcome, of.get(email)) {
            ("accepted", _) => {
                assert!(taken.contains(email), "{email} is accepted and was not taken")
            }
            ("unknown", Some(request)) => {
                assert!(
                    is_last_of_its_connection(&requests, *request),
                    "{email} is unknown, although the answer was read"
                );
                doubted.insert(*request);
                unknown += 1;
            }
            // Killed between the trace and the wire.
            ("unknown", None) => unknown += 1,
            (other, request) => panic!("{email} ended as {other}, in request {request:?}"),
        }
    }
    assert!(
        doubted.len() as u64 <= most_doubted,
        "{} requests in doubt, {most_doubted} can be",
        doubted.len()
    );
    assert!(
        unknown <= usize::try_from(most_doubted).unwrap() * contract.per_request,
        "{unknown} unknown"
    );
    unknown
}

/// Whoever sends another request on a connection has read the answer to the one before.
fn is_last_of_its_connection(requests: &[Request], number: usize) -> bool {
    requests[number + 1..].iter().all(|later| later.connection != requests[number].connection)
}

/// Running the command again and resuming send nothing, and end as the run did.
#[track_caller]
fn stays_so(work: &Workspace, server: &HttpServer, done: &Done) {
    let before = server.requests().len();
    for arguments in [&SEND as &[&str], &["resume", "-q"]] {
        work.run(arguments).ends(done.code);
    }
    assert_eq!(server.requests().len(), before, "something was sent again");
}
