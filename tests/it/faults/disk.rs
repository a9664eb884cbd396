//! A disk that fills up again and again, and one on which every sync takes its time.

use std::process::Command;
use std::time::{Duration, Instant};

use super::judge;
use crate::rates;
use crate::support::disk::SmallDisk;
use crate::support::http::HttpServer;
use crate::support::recorder::{Recorder, Script, Step, most_a_second};
use crate::support::running::{LONG, relayed, wait_for_count};
use crate::support::tools::Strace;
use crate::support::{Workspace, wait_for};

const SEND: [&str; 3] = ["send", "list.csv", "-q"];

#[test]
fn a_disk_that_fills_up_again_and_again_costs_nobody_the_mail() {
    const ROWS: usize = 400;
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(5)));
    let work = relayed(&server, "in_flight = 4", ROWS);
    let Some(disk) = SmallDisk::over(&work, ".mailbatch", "8m") else { return };
    for round in 1..=3 {
        let mut send = work.start(&SEND);
        wait_for_count(&server, round * 80);
        disk.fill(0);
        assert!(wait_for(|| send.has_ended(), LONG), "it stops by itself: {}", send.err());
        send.ends(1).says("hint: ");
        assert!(server.count() < ROWS, "it went on without a record");
        disk.free();
    }
    let ended = work.run(&SEND);
    let judged = judge::accounted_for(&work, &server, ROWS);
    assert_eq!(ended.code, if judged.unknown > 0 { 6 } else { 0 }, "{}{}", ended.out, ended.err);
    assert!(judged.unknown <= 3 * 4, "{} unknown", judged.unknown);
    judge::stays_so(&work, &server, &SEND, ended.code);
}

/// The run on a disk that takes so many microseconds more for each sync.
fn slowed(strace: &Strace, work: &Workspace, microseconds: u32) -> Command {
    let inject = format!("inject=fsync,fdatasync:delay_enter={microseconds}");
    let mut command = strace.command(
        work,
        &["-f", "--seccomp-bpf", "-o", "calls", "-e", "trace=fsync,fdatasync", "-e", &inject],
    );
    command.args(SEND);
    command
}

#[test]
fn a_rate_is_kept_and_used_on_a_disk_that_takes_longer_than_a_lease_for_each_sync() {
    // A lease of this rate is 40 ms long: asked for when the last one ends, it would always be over
    // before it is granted.
    const ROWS: usize = 150;
    let Some(strace) = Strace::find() else { return };
    let server = Recorder::with(Script::default().without_data());
    let work = relayed(&server, "rate = \"50/s\"", ROWS);
    work.start_with(slowed(&strace, &work, 60_000)).ends_within(0, Duration::from_secs(60));
    assert_eq!(judge::told_apart(&work, &server, ROWS).accepted, ROWS);
    let times = server.times();
    let most = most_a_second(&times, Duration::ZERO);
    assert!(most <= 51, "{most} in one second");
    println!(
        "{:.1} a second of 50",
        (ROWS - 1) as f64 / (times[ROWS - 1] - times[0]).as_secs_f64()
    );
}

#[test]
fn batches_keep_two_rates_and_use_them_on_such_a_disk() {
    const ROWS: usize = 300;
    let Some(strace) = Strace::find() else { return };
    let server = HttpServer::start(|_, request| rates::takes(request));
    // Leave for a batch is over sooner than that of the other rate is asked for and granted.
    let work =
        rates::batches(&server, "rate = \"60/s\"\nin_flight = 8\nrequest_rate = \"1000/s\"", ROWS);
    work.start_with(slowed(&strace, &work, 60_000)).ends_within(0, Duration::from_secs(60));
    let times = rates::recipients(&server);
    assert_eq!(times.len(), ROWS);
    let most = most_a_second(&times, rates::JITTER);
    assert!(most <= 60, "{most} in one second");
    println!(
        "{:.1} a second of 60",
        (ROWS - 1) as f64 / (times[ROWS - 1] - times[0]).as_secs_f64()
    );
}

#[test]
fn a_disk_that_takes_5_ms_for_each_sync_only_makes_it_slower() {
    const ROWS: usize = 1_500;
    let Some(strace) = Strace::find() else { return };
    let server = Recorder::with(Script::default().without_data());
    let work = relayed(&server, "in_flight = 8", ROWS);
    let command = slowed(&strace, &work, 5_000);
    let begun = Instant::now();
    work.start_with(command).ends(0);
    let took = begun.elapsed();
    let slow = work.read("calls").matches("(DELAYED)").count();
    assert!(slow >= 10, "{slow} syncs were slow");
    assert_eq!(judge::told_apart(&work, &server, ROWS).accepted, ROWS);
    let times = server.times();
    let sending = (times[times.len() - 1] - times[0]).as_secs_f64();
    println!(
        "{ROWS} recipients in {took:.1?}, {:.0} a second while sending, {slow} syncs of 5 ms",
        ROWS as f64 / sending
    );
}
