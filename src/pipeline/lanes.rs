//! Who may be claimed next: a lane for each receiving domain that has a rate or is held, and one for everybody else.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ledger::LedgerRow;
use crate::literal::Rate;
use crate::provider::JobId;

/// Transient refusals in a row that take a receiving domain out of everybody else's way.
const HOLDS_AFTER: u32 = 3;
/// A lane with a rate claims so much of it at once, so that a slow lane never keeps a connection for long.
const LANE_SLICE: Duration = Duration::from_millis(250);
/// Rows that were read ahead are good for so long: a retry that has come due meanwhile goes before them.
const FRESH: Duration = Duration::from_millis(200);
/// A chunk of a lane with a rate is admitted so long before its turn, which is what rendering and claiming it may take.
const AHEAD: Duration = Duration::from_millis(20);

/// One queue over the plan.
#[derive(Debug)]
pub(crate) struct Lane {
    /// `None` for everybody who has no lane.
    pub(crate) domain: Option<String>,
    /// Rows up to this one have been handed out.
    pub(crate) cursor: JobId,
    /// Nothing is left after the cursor.
    pub(crate) exhausted: bool,
    rate: Option<Rate>,
    held_until: Option<Instant>,
    busy: bool,
    /// Rows after the cursor, read from the ledger then.
    ahead: VecDeque<LedgerRow>,
    read_at: Option<Instant>,
}

/// All lanes of an execution.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    failures: HashMap<String, u32>,
    turn: usize,
}

impl Lanes {
    /// Lanes for the domains that have a rate, and for `more`, which may repeat them.
    pub(crate) fn new<'a>(rates: &[(String, Rate)], more: impl IntoIterator<Item = &'a String>) -> Self {
        let mut lanes = vec![Lane::new(None, None)];
        lanes.extend(rates.iter().map(|(domain, rate)| Lane::new(Some(domain.clone()), Some(*rate))));
        for domain in more {
            if lanes.iter().all(|lane| lane.domain.as_ref() != Some(domain)) {
                lanes.push(Lane::new(Some(domain.clone()), None));
            }
        }
        Self { lanes, failures: HashMap::new(), turn: 0 }
    }

    /// Domains with a lane of their own.
    pub(crate) fn domains(&self) -> Vec<String> {
        self.lanes.iter().filter_map(|lane| lane.domain.clone()).collect()
    }

    /// Starts every lane from the beginning of the plan, as for the next cohort.
    pub(crate) fn rewind(&mut self) {
        for lane in &mut self.lanes {
            lane.cursor = 0;
            lane.exhausted = false;
            lane.ahead.clear();
        }
    }

    /// Keeps rows that were read beyond what was asked for.
    pub(crate) fn keep_ahead(&mut self, index: usize, rows: impl IntoIterator<Item = LedgerRow>, now: Instant) {
        let lane = &mut self.lanes[index];
        lane.ahead = rows.into_iter().collect();
        lane.read_at = Some(now);
    }

    /// What was read ahead may not be open any more.
    pub(crate) fn forget_ahead(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.ahead.clear());
    }

    /// Up to `most` rows that were read ahead and are fresh.
    pub(crate) fn take_ahead(&mut self, index: usize, most: usize, now: Instant) -> Vec<LedgerRow> {
        let lane = &mut self.lanes[index];
        if lane.read_at.is_none_or(|at| now.saturating_duration_since(at) > FRESH) {
            lane.ahead.clear();
        }
        lane.ahead.drain(..most.min(lane.ahead.len())).collect()
    }

    /// The lanes that may be asked now, each once, in turn; a lane of a domain sends one chunk at a time.
    pub(crate) fn ready(&mut self, now: Instant) -> Vec<usize> {
        let count = self.lanes.len();
        self.turn = (self.turn + 1) % count;
        (0..count)
            .map(|i| (self.turn + i) % count)
            .filter(|i| {
                let lane = &self.lanes[*i];
                !lane.exhausted && lane.held_until.is_none_or(|until| until <= now) && !(lane.domain.is_some() && lane.busy)
            })
            .collect()
    }

    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// How many recipients one chunk of this lane may hold.
    pub(crate) fn chunk(&self, index: usize, most: usize) -> usize {
        match self.lanes[index].rate {
            Some(rate) => most.min(((rate.per_second() * LANE_SLICE.as_secs_f64()) as usize).max(1)),
            None => most,
        }
    }

    /// `count` rows up to `last` have been handed out. A lane with a rate then waits here for its next turn and not on the wire, where it
    /// would keep a connection from everybody else.
    pub(crate) fn advanced(&mut self, index: usize, last: JobId, count: usize, now: Instant) {
        let lane = &mut self.lanes[index];
        lane.cursor = lane.cursor.max(last);
        lane.busy = true;
        if let Some(rate) = lane.rate {
            let turn = Duration::from_secs_f64(count as f64 / rate.per_second()).saturating_sub(AHEAD);
            lane.held_until = Some(now + turn);
        }
    }

    /// Nothing is left behind the lane's cursor.
    pub(crate) fn exhausted(&mut self, index: usize) {
        self.lanes[index].exhausted = true;
    }

    /// The lane's chunk has come back.
    pub(crate) fn returned(&mut self, index: usize) {
        self.lanes[index].busy = false;
    }

    /// A row is open again: its lanes must look at it once more.
    pub(crate) fn reopened(&mut self, row: JobId) {
        for lane in &mut self.lanes {
            lane.cursor = lane.cursor.min(row.saturating_sub(1));
            lane.exhausted = false;
            lane.ahead.clear();
        }
    }

    /// Something may be due in any lane (a retry).
    pub(crate) fn wake(&mut self) {
        for lane in &mut self.lanes {
            lane.exhausted = false;
        }
    }

    /// Takes note of a recipient's answer: a domain that refuses transiently again and again is held, and holds nobody else up.
    pub(crate) fn heard(&mut self, domain: &str, transient: bool, now: Instant, delay: impl Fn(u32) -> Duration) {
        if !transient {
            self.failures.remove(domain);
            return;
        }
        let failures = self.failures.entry(domain.to_owned()).or_default();
        *failures += 1;
        if *failures < HOLDS_AFTER {
            return;
        }
        let until = now + delay(*failures + 1 - HOLDS_AFTER);
        let index = match self.lanes.iter().position(|lane| lane.domain.as_deref() == Some(domain)) {
            Some(index) => index,
            None => {
                // Its rows are not everybody else's any more.
                self.lanes.iter_mut().for_each(|lane| lane.ahead.clear());
                self.lanes.push(Lane::new(Some(domain.to_owned()), None));
                self.lanes.len() - 1
            }
        };
        let lane = &mut self.lanes[index];
        lane.held_until = lane.held_until.max(Some(until));
    }

    /// When the first held lane opens again.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        self.lanes.iter().filter(|lane| !lane.exhausted).filter_map(|lane| lane.held_until).filter(|until| *until > now).min()
    }
}

impl Lane {
    fn new(domain: Option<String>, rate: Option<Rate>) -> Self {
        Self { domain, cursor: 0, exhausted: false, rate, held_until: None, busy: false, ahead: VecDeque::new(), read_at: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_refuses_again_and_again_gets_a_lane_and_is_held() {
        let mut lanes = Lanes::new(&[], []);
        let now = Instant::now();
        for _ in 0..HOLDS_AFTER {
            assert_eq!(lanes.ready(now), [0]);
            lanes.heard("slow.example", true, now, |_| Duration::from_secs(9));
        }
        assert_eq!(lanes.domains(), ["slow.example"]);
        assert_eq!(lanes.ready(now), [0], "everybody else goes on");
        assert_eq!(lanes.opens_at(now), Some(now + Duration::from_secs(9)));
        assert_eq!(lanes.ready(now + Duration::from_secs(9)).len(), 2);
    }

    #[test]
    fn an_answer_in_between_forgets_the_failures() {
        let mut lanes = Lanes::new(&[], []);
        let now = Instant::now();
        for i in 0..20 {
            lanes.heard("fine.example", i % 2 == 0, now, |_| Duration::from_secs(9));
        }
        assert!(lanes.domains().is_empty());
    }

    #[test]
    fn a_lane_with_a_rate_is_not_ready_before_its_turn() {
        let mut lanes = Lanes::new(&[("slow.example".to_owned(), "5/min".parse().expect("a rate"))], []);
        let now = Instant::now();
        lanes.advanced(1, 1, lanes.chunk(1, 100), now);
        lanes.returned(1);
        assert_eq!(lanes.ready(now + Duration::from_secs(11)), [0]);
        assert_eq!(lanes.opens_at(now), Some(now + Duration::from_secs(12) - AHEAD));
        assert_eq!(lanes.ready(now + Duration::from_secs(12)).len(), 2);
    }

    #[test]
    fn a_reopened_row_is_looked_at_again() {
        let mut lanes = Lanes::new(&[], []);
        lanes.advanced(0, 10, 10, Instant::now());
        lanes.returned(0);
        lanes.exhausted(0);
        assert!(lanes.ready(Instant::now()).is_empty());
        lanes.reopened(7);
        assert_eq!((lanes.ready(Instant::now()), lanes.lane(0).cursor), (vec![0], 6));
    }
}
