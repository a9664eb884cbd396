//! Writes progress as `batch.progress` objects to stdout, one per line, with a version. If stdout
//! is closed, output stops, but the run continues.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Progress, Snapshot, Start, locked};
use crate::model::figures::seconds;
use crate::model::outcome::Cohort;
use crate::report::text::counts_json;

/// The minimum time between two objects. A change of phase and the end of the run are written at
/// once.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Writes progress objects to a stream. Messages for people are passed to another observer.
pub(super) struct Json<W> {
    every: Duration,
    people: Box<dyn Progress>,
    state: Mutex<JsonState<W>>,
}

struct JsonState<W> {
    /// The output stream, or `None` after it was closed.
    out: Option<W>,
    shown: Option<(Instant, Cohort)>,
    unseen: Option<Snapshot>,
}

impl<W: Write + Send> Json<W> {
    pub(super) fn new(out: W, people: Box<dyn Progress>, every: Duration) -> Self {
        Self {
            every,
            people,
            state: Mutex::new(JsonState { out: Some(out), shown: None, unseen: None }),
        }
    }

    fn update_at(&self, snapshot: &Snapshot, now: Instant) {
        let mut state = locked(&self.state);
        let early = state.shown.is_some_and(|(at, phase)| {
            phase == snapshot.phase && now.saturating_duration_since(at) < self.every
        });
        if early {
            state.unseen = Some(snapshot.clone());
            return;
        }
        state.shown = Some((now, snapshot.phase));
        state.unseen = None;
        state.put(snapshot);
    }
}

impl<W: Write> JsonState<W> {
    fn put(&mut self, snapshot: &Snapshot) {
        let Some(out) = &mut self.out else { return };
        // One call writes the whole line, so that a reader never sees a part of it.
        let line = format!("{}\n", object(snapshot, Timestamp::now()));
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.out = None;
        }
    }
}

/// Formats a progress object. `total` and `counts` are about the whole run: the counts and the open
/// rows add up to `total`. The numbers of the phase have separate keys.
fn object(snapshot: &Snapshot, now: Timestamp) -> Value {
    let eta = snapshot
        .eta
        .and_then(|eta| SignedDuration::try_from(eta).ok())
        .and_then(|eta| now.checked_add(eta).ok());
    json!({
        "v": 1,
        "type": "batch.progress",
        "run": snapshot.run,
        "campaign": snapshot.campaign,
        "phase": snapshot.phase,
        "total": snapshot.tally.total(),
        "counts": counts_json(&snapshot.tally),
        "phase_total": snapshot.total,
        "phase_done": snapshot.done,
        "provider": snapshot.provider,
        "rate": (snapshot.rate * 10.0).round() / 10.0,
        "eta": eta.map(seconds),
        "eta_seconds": snapshot.eta.map(|eta| eta.as_secs()),
        "in_flight": snapshot.in_flight,
        "note": snapshot.note,
    })
}

impl<W: Write + Send> Progress for Json<W> {
    fn start(&self, _: &Start) {}

    fn update(&self, snapshot: &Snapshot) {
        self.update_at(snapshot, Instant::now());
    }

    fn message(&self, line: &str) {
        self.people.message(line);
    }

    fn waiting(&self, line: &str) {
        self.people.waiting(line);
    }

    fn finish(&self) {
        let mut state = locked(&self.state);
        if let Some(snapshot) = state.unseen.take() {
            state.put(&snapshot);
        }
        drop(state);
        self.people.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::fixture::{Shared, snapshot};
    use super::super::plain::Plain;
    use super::*;

    fn silent() -> Box<dyn Progress> {
        Box::new(Plain::new(io::sink(), Duration::ZERO, false, false))
    }

    #[test]
    fn the_object_is_versioned_and_its_counts_sum_to_the_total() {
        let now = "2026-11-21T03:45:00Z".parse().unwrap();
        insta::assert_snapshot!(object(&snapshot(1_200), now), @r#"{"v":1,"type":"batch.progress","run":"20261121-034500-k3f9","campaign":"spring","phase":"canary","total":50000,"counts":{"accepted":1200,"rejected":0,"deferred":0,"unknown":0,"suppressed":2000,"invalid":0,"duplicate":0,"already_accepted":0,"held":0,"open":46800},"phase_total":2400,"phase_done":1200,"provider":"relay","rate":50.0,"eta":"2026-11-21T03:45:24Z","eta_seconds":24,"in_flight":3,"note":"paced by rate 50/s"}"#);
    }

    #[test]
    fn objects_come_each_interval_at_a_change_of_phase_and_at_the_end() {
        let out = Shared::default();
        let json = Json::new(out.clone(), silent(), EVERY);
        let begin = Instant::now();
        for tenth in 0..15 {
            json.update_at(&snapshot(tenth), begin + Duration::from_millis(tenth * 100));
        }
        json.update_at(
            &Snapshot { phase: Cohort::Rest, ..snapshot(100) },
            begin + Duration::from_millis(1_600),
        );
        json.update_at(
            &Snapshot { phase: Cohort::Rest, ..snapshot(101) },
            begin + Duration::from_millis(1_700),
        );
        json.finish();
        let done: Vec<Value> = out
            .text()
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap()["phase_done"].clone())
            .collect();
        assert_eq!(done, [0, 10, 100, 101]);
    }

    #[test]
    fn a_closed_stdout_is_written_to_once_and_stops_nothing() {
        struct Closed(std::sync::Arc<std::sync::atomic::AtomicU32>);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writes = std::sync::Arc::default();
        let json = Json::new(Closed(std::sync::Arc::clone(&writes)), silent(), Duration::ZERO);
        json.update(&snapshot(1));
        json.update(&snapshot(2));
        json.finish();
        assert_eq!(writes.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}
