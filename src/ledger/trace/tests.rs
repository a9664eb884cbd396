use std::collections::{HashMap, HashSet};

use super::format::{HEADER_1, HEADER_2};
use super::*;
use crate::model::outcome::Reason;
use crate::provider::Refusal;

fn refusal() -> Refusal {
    Refusal {
        reason: Reason::MailboxGone,
        code: "550 5.1.1".into(),
        detail: "no such\nuser".into(),
        mailbox_gone: true,
    }
}

fn written() -> (tempfile::TempDir, Trace) {
    let dir = tempfile::tempdir().unwrap();
    let trace = Trace::create(dir.path(), "20260101-000000-abcd").unwrap();
    (dir, trace)
}

#[test]
fn what_was_recorded_reads_back() {
    let (_dir, trace) = written();
    let verdicts = [
        Verdict::Accepted {
            provider_id: Some("q1".into()),
            code: "250".into(),
            detail: "ok".into(),
        },
        Verdict::Accepted { provider_id: None, code: String::new(), detail: String::new() },
        Verdict::Rejected(refusal()),
        Verdict::Suppressed(refusal()),
        Verdict::NotTaken { refusal: refusal(), counts: true },
        Verdict::Unknown { detail: "lost".into() },
    ];
    trace.crossed(trace.announce(1, &[0, 1, 2, 3, 4, 5, 6, u64::MAX]).unwrap()).unwrap();
    for (job, verdict) in verdicts.iter().enumerate() {
        trace.answered(1, job as u64, verdict).unwrap();
    }
    assert!(
        proof::read(&trace.path).unwrap().answered.is_empty(),
        "it is written before anything is waited for"
    );
    trace.rest().unwrap();
    let state = proof::read(&trace.path).unwrap();
    assert_eq!(state.crossing, HashSet::from([(1, 6), (1, u64::MAX)]));
    for (job, verdict) in verdicts.iter().enumerate() {
        assert_eq!(state.answered[&(1, job as u64)], *verdict);
    }
}

#[test]
fn the_last_record_about_a_member_counts_and_batches_are_told_apart() {
    let (_dir, trace) = written();
    let not_taken = Verdict::NotTaken { refusal: refusal(), counts: true };
    trace.crossed(trace.announce(1, &[7]).unwrap()).unwrap();
    trace.answered(1, 7, &not_taken).unwrap();
    trace.crossed(trace.announce(1, &[7]).unwrap()).unwrap();
    trace.answered(2, 7, &not_taken).unwrap();
    trace.rest().unwrap();
    let state = proof::read(&trace.path).unwrap();
    assert_eq!(state.crossing, HashSet::from([(1, 7)]));
    assert_eq!(state.answered.keys().collect::<Vec<_>>(), [&(2, 7)]);
}

#[test]
fn announcements_leave_with_one_write_and_all_of_them_fail_with_it() {
    let (_dir, trace) = written();
    let before = std::fs::metadata(&trace.path).unwrap().len();
    let tickets = [1, 2].map(|job| trace.announce(1, &[job]).unwrap());
    assert_eq!(
        std::fs::metadata(&trace.path).unwrap().len(),
        before,
        "nothing is written before it is asked for"
    );
    trace.crossed(tickets[0]).unwrap();
    assert_eq!(proof::read(&trace.path).unwrap().crossing, HashSet::from([(1, 1), (1, 2)]));
    trace.crossed(tickets[1]).unwrap();

    let whole = std::mem::replace(
        &mut trace.appender().file,
        OpenOptions::new().write(true).open("/dev/full").unwrap(),
    );
    let lost = [3, 4].map(|job| trace.announce(1, &[job]).unwrap());
    trace.crossed(lost[0]).unwrap_err();
    trace.appender().file = whole;
    let late = trace.announce(1, &[5]).unwrap();
    trace.crossed(late).unwrap();
    trace.crossed(lost[1]).unwrap_err();
    trace.crossed(late).unwrap();
    assert_eq!(proof::read(&trace.path).unwrap().crossing, HashSet::from([(1, 1), (1, 2), (1, 5)]));
}

#[test]
fn members_taken_as_a_whole_are_unknown_until_there_is_an_answer() {
    let (_dir, trace) = written();
    trace.crossed(trace.announce(1, &[7, 8]).unwrap()).unwrap();
    trace.pending(1, &[7, 8], "batch b1 was taken").unwrap();
    trace.answered(1, 8, &Verdict::Rejected(refusal())).unwrap();
    trace.rest().unwrap();
    let state = proof::read(&trace.path).unwrap();
    assert!(state.crossing.is_empty());
    assert_eq!(state.answered[&(1, 7)], Verdict::Unknown { detail: "batch b1 was taken".into() });
    assert_eq!(state.answered[&(1, 8)], Verdict::Rejected(refusal()));
}

#[test]
fn answers_outlive_a_write_that_fails_and_announcements_do_not() {
    let (_dir, trace) = written();
    let whole = trace.appender().file.try_clone().unwrap();
    let taken = Verdict::Accepted { provider_id: None, code: "250".into(), detail: String::new() };
    trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
    trace.answered(1, 1, &taken).unwrap();
    let ticket = trace.announce(1, &[2]).unwrap();
    // The file is opened for reading only, so writing fails as on a full disk.
    trace.appender().file = File::open(&trace.path).unwrap();
    trace.crossed(ticket).unwrap_err();
    trace.rest().unwrap_err();
    trace.appender().file = whole;
    trace.crossed(trace.announce(1, &[3]).unwrap()).unwrap();
    let state = proof::read(&trace.path).unwrap();
    assert_eq!(state.answered, HashMap::from([((1, 1), taken)]));
    assert_eq!(state.crossing, HashSet::from([(1, 3)]));
}

#[test]
fn a_torn_end_is_left_out_at_every_byte_and_damage_before_it_is_an_error() {
    let (dir, trace) = written();
    trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
    let before = std::fs::read(&trace.path).unwrap();
    trace.crossed(trace.announce(1, &[2]).unwrap()).unwrap();
    let whole = std::fs::read(&trace.path).unwrap();
    let copy = dir.path().join("copy");
    for end in 0..whole.len() {
        std::fs::write(&copy, &whole[..end]).unwrap();
        let state = proof::read(&copy).unwrap();
        assert_eq!(state.crossing.contains(&(1, 1)), end >= before.len(), "cut at {end}");
        assert!(!state.crossing.contains(&(1, 2)));
    }
    let mut damaged = whole.clone();
    damaged[before.len() - 3] ^= 1;
    std::fs::write(&copy, &damaged).unwrap();
    assert!(proof::read(&copy).is_err());
    std::fs::write(&copy, "mailbatch-trace 9\n").unwrap();
    assert!(proof::read(&copy).is_err());
}

#[test]
fn a_trace_proves_something_only_where_it_is_whole_its_own_and_on_the_same_mount() {
    let (dir, trace) = written();
    trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
    let traces = directory(dir.path());
    assert!(proof::has_records(&trace.path));
    let proof = |name: &str| proof::prove(&traces, name).map(|state| state.crossing);
    assert_eq!(proof(trace.name()).unwrap(), HashSet::from([(1, 1)]));
    let whole = std::fs::read_to_string(&trace.path).unwrap();
    let put = |name: &str, text: &str| {
        std::fs::write(traces.join(name), text).unwrap();
        proof(name)
    };
    for end in [0, 1, HEADER_2.len(), whole.find('\n').unwrap()] {
        put("cut.log", &whole[..end]).unwrap_err();
        assert!(!proof::has_records(&traces.join("cut.log")));
    }
    put("other.log", &whole).unwrap_err();
    let (header, rest) = whole.split_once('\n').unwrap();
    if let Some((space, id)) = mount_id(&traces).as_deref().and_then(|id| id.split_once(':')) {
        let mounted = header.rsplit_once(' ').unwrap().0;
        let other = format!("{mounted} {space}:{}\n{rest}", id.parse::<u64>().unwrap() + 1);
        put(trace.name(), &other).unwrap_err();
        // Another mount namespace, as in a restarted container, does not make the trace unusable.
        let elsewhere = format!("{mounted} 1:{id}\n{rest}");
        assert_eq!(put(trace.name(), &elsewhere).unwrap(), HashSet::from([(1, 1)]));
    }
    // A trace of an older version is read as before.
    let old = format!("{HEADER_1}\n{rest}");
    assert_eq!(put("old.log", &old).unwrap(), HashSet::from([(1, 1)]));
}

#[test]
fn only_the_owner_can_read_it_and_removing_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, trace) = written();
    assert_eq!(std::fs::metadata(&trace.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        std::fs::metadata(directory(dir.path())).unwrap().permissions().mode() & 0o777,
        0o700
    );
    trace.remove().unwrap();
    assert_eq!(std::fs::read_dir(directory(dir.path())).unwrap().count(), 0);
}

#[test]
fn traces_of_every_version_stay_readable() {
    for version in ["v1", "v2"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledger");
        let state = proof::read(&path.join(format!("{version}.trace"))).unwrap();
        assert_eq!(state.crossing, HashSet::from([(3, 12)]));
        assert_eq!(
            state.answered[&(3, 10)],
            Verdict::Accepted {
                provider_id: Some("queued as 4A".into()),
                code: "250 2.0.0".into(),
                detail: "ok".into()
            }
        );
        assert_eq!(state.answered[&(3, 11)], Verdict::Rejected(refusal()));
    }
}
