//! Batches that a service takes as a whole and works on for a while: the process that asks how they
//! go is killed, is told to stop, or loses its patience, and the next one goes on asking.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::contract::{Contract, Mail};
use super::handed_over;
use super::mailersio::{CONTRACT, progress};
use crate::faults::draws::{Draws, from_environment};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::running::{LONG, everybody};
use crate::support::{Signal, Workspace, wait_for};

/// A service that takes every batch, and tells nothing of it before it is let.
struct Slow {
    server: HttpServer,
    may_tell: Arc<AtomicBool>,
    submitted: Arc<Mutex<Vec<Vec<Mail>>>>,
}

impl Slow {
    fn start() -> Self {
        let (may_tell, submitted) =
            (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<Vec<Mail>>>>::default());
        let (tells, all) = (Arc::clone(&may_tell), Arc::clone(&submitted));
        let server = HttpServer::start(move |_, request| {
            let mut submitted = all.lock().expect("the service goes on");
            if request.method == "POST" {
                let mails = (CONTRACT.mails)(request);
                let answer = (CONTRACT.answer)(&mails);
                submitted.push(mails);
                return Act::Answer(answer);
            }
            Act::Answer(match tells.load(Ordering::Acquire) {
                true => progress(request, &submitted),
                false => Answer::json(200, "{\"id\":\"whatever\",\"status\":\"processing\"}"),
            })
        });
        Self { server, may_tell, submitted }
    }

    fn tell(&self) {
        self.may_tell.store(true, Ordering::Release);
    }

    fn questions(&self) -> usize {
        self.server.requests().iter().filter(|request| request.method == "GET").count()
    }

    /// Everybody who was handed over, sorted.
    fn mailed(&self) -> Vec<String> {
        let submitted = self.submitted.lock().expect("the service goes on");
        let mut all: Vec<String> =
            submitted.iter().flatten().map(|mail| mail.address().to_owned()).collect();
        all.sort();
        all
    }
}

/// The provider whose batches are asked for every 20 ms, for this long, beside these recipients.
fn work(slow: &Slow, patience: &str, rows: usize) -> Workspace {
    CONTRACT.workspace(
        &slow.server.url(),
        &format!("poll = \"20ms\"\npatience = \"{patience}\""),
        rows,
    )
}

#[test]
fn the_next_start_goes_on_asking_for_a_batch_whose_process_was_killed() {
    for next in [&["send", "list.csv"] as &[&str], &["resume"], &["reconcile", "latest"]] {
        let slow = Slow::start();
        let work = work(&slow, "10m", 12);
        let send = work.start(&["send", "list.csv"]);
        assert!(wait_for(|| slow.questions() >= 3, LONG));
        assert!(send.kill());
        let (handed, asked) = (handed_over(&slow.server).len(), slow.questions());
        let doubted = slow.mailed()[0].clone();
        slow.tell();
        // What was not claimed goes out by those that send.
        let rest = slow.mailed().len() < 12 && next[0] == "reconcile";
        work.run(next).ends(0);
        assert!(slow.questions() > asked, "{next:?}");
        if rest {
            assert_eq!(handed_over(&slow.server).len(), handed, "{next:?} sends nothing");
            work.run(&["send", "list.csv"]).ends(0);
        }
        assert_eq!(slow.mailed(), everybody(12), "{next:?}: everybody, nobody twice");
        let report = work.report();
        assert_eq!(report.counts(), BTreeMap::from([("accepted", 12)]), "{next:?}");
        assert!(report.cell(&doubted, "mb_provider_id").starts_with("id-"));
        work.run(&["why", "latest", &doubted]).ends(0).says("reconciled").says("the log of api");
    }
}

#[test]
fn a_batch_that_is_not_done_is_waited_for_by_the_next_start_and_what_it_refuses_is_learned() {
    let slow = Slow::start();
    let work = work(&slow, "10m", 0);
    work.file("list.csv", "id,email,name\n1,bad1@example.com,Bad\n2,stop1@example.com,Sue\n");
    let config = work.read("mailbatch.toml");
    work.config(&format!("{config}\n[suppression]\nfiles = [\"stop.csv\"]\n"))
        .file("stop.csv", "email,reason\n");
    let send = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| slow.questions() >= 2, LONG));
    assert!(send.kill());
    let asked = slow.questions();
    let again = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| slow.questions() >= asked + 3, LONG), "it goes on: {}", again.err());
    slow.tell();
    let ran = again.ends(0);
    assert!(ran.err.contains("about 2 recipients that it was still processing"), "{}", ran.err);
    let report = work.report();
    let outcomes: Vec<&str> = report.column("mb_outcome");
    assert_eq!(outcomes, ["rejected", "suppressed"]);
    assert!(work.read("stop.csv").contains("stop1@example.com"), "{}", work.read("stop.csv"));
    assert_eq!(handed_over(&slow.server).len(), 1);
}

#[test]
fn a_signal_ends_the_asking_soon_and_the_next_start_goes_on() {
    let slow = Slow::start();
    let work = work(&slow, "10m", 30);
    let mut send = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| slow.questions() >= 3, LONG));
    send.signal(Signal::INT);
    let begun = Instant::now();
    send.ends(130);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let taken = slow.mailed().len();
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 30 - taken), ("unknown", taken)]));
    let detail = work.report().cell(&slow.mailed()[0], "mb_detail").to_owned();
    assert!(detail.starts_with("batch batch_"), "{detail}");
    slow.tell();
    work.run(&["resume"]).ends(0);
    assert_eq!(slow.mailed(), everybody(30), "everybody, nobody twice");
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 30)]));
}

#[test]
fn a_batch_that_is_told_while_the_run_stops_is_settled_before_it_ends() {
    let slow = Slow::start();
    let work = work(&slow, "10m", 30);
    let mut send = work.start(&["send", "list.csv"]);
    assert!(wait_for(|| slow.questions() >= 3, LONG));
    send.signal(Signal::INT);
    assert!(wait_for(|| send.err().contains("stopping"), LONG), "{}", send.err());
    slow.tell();
    send.ends_within(130, Duration::from_secs(8));
    let taken = slow.mailed().len();
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", taken), ("held", 30 - taken)]));
}

#[test]
fn when_its_patience_is_over_a_batch_is_asked_for_once_by_each_start_and_by_reconcile() {
    let slow = Slow::start();
    let work = work(&slow, "150ms", 2);
    work.run(&["send", "list.csv"]).ends(6);
    for next in [&["send", "list.csv"] as &[&str], &["resume"], &["reconcile", "latest"]] {
        let before = slow.questions();
        work.run(next).ends(6);
        assert_eq!(slow.questions(), before + 1, "{next:?}");
    }
    slow.tell();
    work.run(&["reconcile", "latest"]).ends(0).says("2 accepted by log");
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!((slow.mailed().len(), handed_over(&slow.server).len()), (2, 1));
}

#[test]
fn a_batch_that_cannot_be_asked_for_stays_in_doubt() {
    let broken: [fn() -> Act; 4] = [
        || {
            Act::Answer(Answer::json(
                404,
                "{\"error\":{\"code\":\"not_found\",\"message\":\"no such batch\"}}",
            ))
        },
        || {
            Act::Answer(Answer::json(
                401,
                "{\"error\":{\"code\":\"unauthorized\",\"message\":\"no\"}}",
            ))
        },
        || Act::Answer(Answer::json(200, "{\"id\":")),
        || Act::Answer(Answer::json(302, "").with("Location", "https://evil.example/")),
    ];
    for act in broken {
        let server = HttpServer::start(move |_, request: &Request| match request.method.as_str() {
            "POST" => Act::Answer((CONTRACT.answer)(&(CONTRACT.mails)(request))),
            _ => act(),
        });
        let work = CONTRACT.workspace(&server.url(), "poll = \"20ms\"\npatience = \"100ms\"", 2);
        for _ in 0..2 {
            work.run(&["send", "list.csv"]).ends(6);
        }
        work.run(&["reconcile", "latest"]).ends(6);
        assert_eq!(
            (work.report().counts(), handed_over(&server).len()),
            (BTreeMap::from([("unknown", 2)]), 1)
        );
    }
}

/// Kills sends at random moments, also while they ask; then the same command goes on until all is
/// known.
#[test]
fn killed_anywhere_everybody_is_mailed_once_and_nobody_whose_batch_was_taken_stays_in_doubt() {
    const ROWS: usize = 60;
    let kills = from_environment("MAILBATCH_KILLS").unwrap_or(12);
    let mut draws = Draws::fresh();
    let mut killed = 0;
    while killed < kills {
        let submitted = Arc::<Mutex<Vec<(Vec<Mail>, Instant, String)>>>::default();
        let all = Arc::clone(&submitted);
        let server = HttpServer::start(move |_, request| {
            let mut all = all.lock().expect("the service goes on");
            if request.method == "POST" {
                let (mails, key) =
                    ((CONTRACT.mails)(request), request.header("idempotency-key").to_owned());
                let answer = (CONTRACT.answer)(&mails);
                if !all.iter().any(|(.., known)| *known == key) {
                    all.push((mails, Instant::now(), key));
                }
                return Act::Answer(answer);
            }
            // Each batch takes a while.
            let done: Vec<Vec<Mail>> = all
                .iter()
                .filter(|(_, at, _)| at.elapsed() > Duration::from_millis(300))
                .map(|(mails, ..)| mails.clone())
                .collect();
            let told = progress(request, &done);
            Act::Answer(if told.status == 404 {
                Answer::json(200, "{\"id\":\"whatever\",\"status\":\"processing\"}")
            } else {
                told
            })
        });
        let work = Contract::workspace_with(
            &CONTRACT,
            &server.url(),
            2,
            "[canary]\nmax_failed = \"100%\"",
            ROWS,
        );
        work.config(
            &work
                .read("mailbatch.toml")
                .replace("in_flight", "poll = \"20ms\"\npatience = \"1m\"\nin_flight"),
        );
        for _ in 0..4 {
            let send = work.start(&["send", "list.csv", "-q"]);
            std::thread::sleep(Duration::from_millis(draws.below(900)));
            killed += u64::from(send.kill());
        }
        let ran = work.run(&["send", "list.csv", "-q"]);
        let submitted = submitted.lock().expect("the service goes on");
        let mut mailed: Vec<String> = submitted
            .iter()
            .flat_map(|(mails, ..)| mails)
            .map(|mail| mail.address().to_owned())
            .collect();
        mailed.sort();
        let once = mailed.len();
        mailed.dedup();
        assert_eq!(once, mailed.len(), "nobody twice");
        let report = work.report();
        let unknown = report.with("unknown").len();
        assert_eq!(ran.code, if unknown > 0 { 6 } else { 0 }, "{}", ran.err);
        // In doubt is only who was on the wire, or whose answer had not been read, when a process
        // was killed.
        for address in report.with("unknown") {
            assert!(
                !report.cell(address, "mb_detail").contains("batch "),
                "{address}: {}",
                report.cell(address, "mb_detail")
            );
        }
        assert_eq!(report.with("accepted").len() + unknown, ROWS);
        println!("{unknown} unknown");
    }
    println!("{killed} kills");
}
