//! Who may be claimed next: a lane for each receiving domain that has a rate or is held, and one
//! for everybody else.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::ledger::LedgerRow;
use crate::model::literal::Rate;
use crate::provider::RowNumber;

/// Transient refusals in a row that take a receiving domain out of everybody else's way; more of
/// them where it has taken something, for full mailboxes do follow one another in a list of one
/// domain.
const HOLDS_AFTER: u32 = 3;
const HOLDS_LATER: u32 = 12;
/// A lane with a rate claims so much of it at once, so that a slow lane never keeps a connection
/// for long.
const LANE_SLICE: Duration = Duration::from_millis(250);
/// Rows that were read ahead are good for so long: a retry that has come due meanwhile goes before
/// them.
const FRESH: Duration = Duration::from_millis(200);
/// A chunk of a lane with a rate is admitted so long before its turn, which is what rendering and
/// claiming it may take.
const AHEAD: Duration = Duration::from_millis(20);

/// One queue over the plan.
#[derive(Debug)]
pub(crate) struct Lane {
    /// `None` for everybody who has no lane.
    pub(crate) domain: Option<String>,
    /// Rows up to this one have been handed out.
    pub(crate) cursor: RowNumber,
    /// Nothing is left after the cursor.
    pub(crate) exhausted: bool,
    rate: Option<Rate>,
    /// When its rate lets the next one go.
    paced_until: Option<Instant>,
    /// It refused again and again: nobody goes for the first time before then. Retries have their
    /// own times.
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
    /// Domains that have taken something.
    took: HashSet<String>,
    turn: usize,
}

impl Lanes {
    /// Lanes for the domains that have a rate, and for `more`, which may repeat them.
    pub(crate) fn new<'a>(
        rates: &[(String, Rate)],
        more: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let mut lanes = vec![Lane::new(None, None)];
        lanes.extend(
            rates.iter().map(|(domain, rate)| Lane::new(Some(domain.clone()), Some(*rate))),
        );
        for domain in more {
            if lanes.iter().all(|lane| lane.domain.as_ref() != Some(domain)) {
                lanes.push(Lane::new(Some(domain.clone()), None));
            }
        }
        Self { lanes, failures: HashMap::new(), took: HashSet::new(), turn: 0 }
    }

    /// Domains with a rate of their own.
    pub(crate) fn paced_domains(&self) -> Vec<String> {
        self.lanes
            .iter()
            .filter(|lane| lane.rate.is_some())
            .filter_map(|lane| lane.domain.clone())
            .collect()
    }

    /// The lane of a domain, which gets one where it has none.
    fn of(&mut self, domain: &str) -> usize {
        if let Some(index) =
            self.lanes.iter().position(|lane| lane.domain.as_deref() == Some(domain))
        {
            return index;
        }
        // Its rows are not everybody else's any more.
        self.lanes.iter_mut().for_each(|lane| lane.ahead.clear());
        self.lanes.push(Lane::new(Some(domain.to_owned()), None));
        self.lanes.len() - 1
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
    pub(crate) fn keep_ahead(
        &mut self,
        index: usize,
        rows: impl IntoIterator<Item = LedgerRow>,
        now: Instant,
    ) {
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

    /// The lanes that may be asked now, each once, in turn; a lane of a domain sends one chunk at a
    /// time. One that is held is asked for retries alone, and only where it has a rate: the others'
    /// are asked for together.
    pub(crate) fn ready(&mut self, now: Instant) -> Vec<usize> {
        let count = self.lanes.len();
        self.turn = (self.turn + 1) % count;
        (0..count)
            .map(|i| (self.turn + i) % count)
            .filter(|i| {
                let lane = &self.lanes[*i];
                !lane.exhausted
                    && lane.paced_until.is_none_or(|until| until <= now)
                    && (lane.rate.is_some() || !lane.is_held(now))
                    && !(lane.domain.is_some() && lane.busy)
            })
            .collect()
    }

    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// How many recipients one chunk of this lane may hold.
    pub(crate) fn chunk(&self, index: usize, most: usize) -> usize {
        match self.lanes[index].rate {
            Some(rate) => {
                most.min(((rate.per_second() * LANE_SLICE.as_secs_f64()) as usize).max(1))
            }
            None => most,
        }
    }

    /// `count` rows up to `last` have been handed out. A lane with a rate then waits here for its
    /// next turn and not on the wire, where it would keep a connection from everybody else.
    pub(crate) fn advanced(&mut self, index: usize, last: RowNumber, count: usize, now: Instant) {
        let lane = &mut self.lanes[index];
        lane.cursor = lane.cursor.max(last);
        lane.busy = true;
        if let Some(rate) = lane.rate {
            let turn =
                Duration::from_secs_f64(count as f64 / rate.per_second()).saturating_sub(AHEAD);
            lane.paced_until = Some(now + turn);
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
    pub(crate) fn reopened(&mut self, row: RowNumber) {
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

    /// Takes note of a recipient's answer: a domain that refuses transiently again and again is
    /// held, and holds nobody else up.
    pub(crate) fn heard(
        &mut self,
        domain: &str,
        transient: bool,
        now: Instant,
        delay: impl Fn(u32) -> Duration,
    ) {
        if !transient {
            // The name is hashed for each message that is taken, so not where there is nothing to
            // remove.
            if !self.failures.is_empty() {
                self.failures.remove(domain);
            }
            if !self.took.contains(domain) {
                self.took.insert(domain.to_owned());
            }
            return;
        }
        let holds_after = if self.took.contains(domain) { HOLDS_LATER } else { HOLDS_AFTER };
        let failures = self.failures.entry(domain.to_owned()).or_default();
        *failures += 1;
        if *failures < holds_after {
            return;
        }
        let until = now + delay(*failures + 1 - holds_after);
        self.hold(domain, until);
    }

    /// No recipient of this domain goes for the first time before then.
    pub(crate) fn hold(&mut self, domain: &str, until: Instant) {
        let index = self.of(domain);
        let lane = &mut self.lanes[index];
        lane.held_until = lane.held_until.max(Some(until));
    }

    /// When the first held lane opens again.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        let times = |lane: &Lane| [lane.paced_until, lane.held_until];
        let opens =
            |lane: &Lane| times(lane).into_iter().flatten().filter(|until| *until > now).max();
        self.lanes.iter().filter(|lane| !lane.exhausted).filter_map(opens).min()
    }
}

impl Lane {
    fn new(domain: Option<String>, rate: Option<Rate>) -> Self {
        Self {
            domain,
            cursor: 0,
            exhausted: false,
            rate,
            paced_until: None,
            held_until: None,
            busy: false,
            ahead: VecDeque::new(),
            read_at: None,
        }
    }

    /// Whether nobody may go for the first time now.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| until > now)
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
    fn a_domain_that_has_taken_something_is_held_later() {
        let mut lanes = Lanes::new(&[], []);
        let now = Instant::now();
        lanes.heard("fine.example", false, now, |_| Duration::from_secs(9));
        for n in 1..=HOLDS_LATER {
            assert!(lanes.domains().is_empty());
            lanes.heard("fine.example", true, now, |failures| Duration::from_secs(failures.into()));
            assert_eq!(
                lanes.opens_at(now),
                (n == HOLDS_LATER).then_some(now + Duration::from_secs(1))
            );
        }
    }

    #[test]
    fn a_lane_with_a_rate_that_is_held_is_asked_for_retries() {
        let mut lanes =
            Lanes::new(&[("slow.example".to_owned(), "5/s".parse().expect("a rate"))], []);
        let now = Instant::now();
        for _ in 0..HOLDS_AFTER {
            lanes.heard("slow.example", true, now, |_| Duration::from_secs(9));
        }
        assert!(lanes.ready(now).contains(&1) && lanes.lane(1).is_held(now));
        assert_eq!(lanes.paced_domains(), ["slow.example"]);
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
        let mut lanes =
            Lanes::new(&[("slow.example".to_owned(), "5/min".parse().expect("a rate"))], []);
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
