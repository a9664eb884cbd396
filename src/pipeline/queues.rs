//! Decides which recipients may be claimed next. Each receiving domain that has a rate or is held
//! has its own queue. One more queue has all other recipients.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::ledger::LedgerRow;
use crate::model::literal::Rate;
use crate::model::verdict::RowNumber;

/// A receiving domain gets its own queue after this many temporary refusals in a row. A domain that
/// has accepted a recipient needs more refusals, because a list of one domain may contain many full
/// mailboxes in a row.
const HOLDS_AFTER: u32 = 3;
const HOLDS_LATER: u32 = 12;
/// A queue with a rate claims at most as many recipients as the rate allows in this time, so that a
/// slow queue does not occupy a connection for long.
const QUEUE_SLICE: Duration = Duration::from_millis(250);
/// Rows that were read ahead expire after this time, so that retries that have come due are found
/// and sent first.
const FRESH: Duration = Duration::from_millis(200);
/// How early a chunk of a queue with a rate is admitted, so that there is time to render and claim
/// it.
const AHEAD: Duration = Duration::from_millis(20);

/// The queue of one receiving domain, or the common queue of all other domains.
#[derive(Debug)]
pub(crate) struct DomainQueue {
    /// `None` for the common queue.
    pub(crate) domain: Option<String>,
    /// All rows up to this one have been assigned to chunks.
    pub(crate) cursor: RowNumber,
    /// Whether no open row is left after the cursor.
    pub(crate) exhausted: bool,
    rate: Option<Rate>,
    /// When the queue's rate allows the next chunk.
    paced_until: Option<Instant>,
    /// First attempts wait until this time, because the domain refused repeatedly. Retries have
    /// their own times.
    held_until: Option<Instant>,
    busy: bool,
    /// Rows after the cursor that were read from the ledger at `read_at`.
    ahead: VecDeque<LedgerRow>,
    read_at: Option<Instant>,
}

/// All queues of an execution.
#[derive(Debug)]
pub(crate) struct DomainQueues {
    queues: Vec<DomainQueue>,
    failures: HashMap<String, u32>,
    /// Domains that have accepted at least one recipient.
    took: HashSet<String>,
    turn: usize,
}

impl DomainQueues {
    /// Creates queues for the domains that have a rate and for those in `more`, which may contain
    /// duplicates.
    pub(crate) fn new<'a>(
        rates: &[(String, Rate)],
        more: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let mut queues = vec![DomainQueue::new(None, None)];
        queues.extend(
            rates.iter().map(|(domain, rate)| DomainQueue::new(Some(domain.clone()), Some(*rate))),
        );
        for domain in more {
            if queues.iter().all(|queue| queue.domain.as_ref() != Some(domain)) {
                queues.push(DomainQueue::new(Some(domain.clone()), None));
            }
        }
        Self { queues, failures: HashMap::new(), took: HashSet::new(), turn: 0 }
    }

    /// Returns the domains with a configured rate.
    pub(crate) fn paced_domains(&self) -> Vec<String> {
        self.queues
            .iter()
            .filter(|queue| queue.rate.is_some())
            .filter_map(|queue| queue.domain.clone())
            .collect()
    }

    /// Returns the index of a domain's queue, and creates the queue if it does not exist.
    fn of(&mut self, domain: &str) -> usize {
        if let Some(index) =
            self.queues.iter().position(|queue| queue.domain.as_deref() == Some(domain))
        {
            return index;
        }
        // The domain's rows no longer belong to the common queue, so drop the rows that the common
        // queue has read ahead.
        self.queues.iter_mut().for_each(|queue| queue.ahead.clear());
        self.queues.push(DomainQueue::new(Some(domain.to_owned()), None));
        self.queues.len() - 1
    }

    /// Returns the domains that have a queue.
    pub(crate) fn domains(&self) -> Vec<String> {
        self.queues.iter().filter_map(|queue| queue.domain.clone()).collect()
    }

    /// Restarts every queue at the beginning of the plan, for the next cohort.
    pub(crate) fn rewind(&mut self) {
        for queue in &mut self.queues {
            queue.cursor = 0;
            queue.exhausted = false;
            queue.ahead.clear();
        }
    }

    /// Keeps rows that were read ahead for a later chunk.
    pub(crate) fn keep_ahead(
        &mut self,
        index: usize,
        rows: impl IntoIterator<Item = LedgerRow>,
        now: Instant,
    ) {
        let queue = &mut self.queues[index];
        queue.ahead = rows.into_iter().collect();
        queue.read_at = Some(now);
    }

    /// Drops the rows read ahead, because they may no longer be open.
    pub(crate) fn forget_ahead(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.ahead.clear());
    }

    /// Takes up to `most` of the rows read ahead, if they are recent.
    pub(crate) fn take_ahead(&mut self, index: usize, most: usize, now: Instant) -> Vec<LedgerRow> {
        let queue = &mut self.queues[index];
        if queue.read_at.is_none_or(|at| now.saturating_duration_since(at) > FRESH) {
            queue.ahead.clear();
        }
        queue.ahead.drain(..most.min(queue.ahead.len())).collect()
    }

    /// Puts back rows that `take_ahead` removed, so that they come first again.
    pub(crate) fn put_back(&mut self, index: usize, rows: Vec<LedgerRow>) {
        rows.into_iter().rev().for_each(|row| self.queues[index].ahead.push_front(row));
    }

    /// Returns the queues that may send a chunk now, in rotating order. The queue of a domain sends
    /// one chunk at a time. A held queue with a rate is included, so that its retries are sent.
    /// Retries of held queues without a rate are selected by `next_due_rows` instead.
    pub(crate) fn ready(&mut self, now: Instant) -> Vec<usize> {
        let count = self.queues.len();
        self.turn = (self.turn + 1) % count;
        (0..count)
            .map(|i| (self.turn + i) % count)
            .filter(|i| {
                let queue = &self.queues[*i];
                !queue.exhausted
                    && queue.paced_until.is_none_or(|until| until <= now)
                    && (queue.rate.is_some() || !queue.is_held(now))
                    && !(queue.domain.is_some() && queue.busy)
            })
            .collect()
    }

    pub(crate) fn queue(&self, index: usize) -> &DomainQueue {
        &self.queues[index]
    }

    /// The most recipients that one chunk of this queue may have.
    pub(crate) fn chunk(&self, index: usize, most: usize) -> usize {
        match self.queues[index].rate {
            Some(rate) => {
                most.min(((rate.per_second() * QUEUE_SLICE.as_secs_f64()) as usize).max(1))
            }
            None => most,
        }
    }

    /// Records that `count` rows up to `last` were assigned to a chunk. Schedules the next chunk of
    /// a queue with a rate, so that its chunks do not wait while they occupy a connection.
    pub(crate) fn advanced(&mut self, index: usize, last: RowNumber, count: usize, now: Instant) {
        let queue = &mut self.queues[index];
        queue.cursor = queue.cursor.max(last);
        queue.busy = true;
        if let Some(rate) = queue.rate {
            let turn =
                Duration::from_secs_f64(count as f64 / rate.per_second()).saturating_sub(AHEAD);
            queue.paced_until = Some(now + turn);
        }
    }

    /// Records that the queue has no row left after its cursor.
    pub(crate) fn exhausted(&mut self, index: usize) {
        self.queues[index].exhausted = true;
    }

    /// Records that the queue's chunk has returned.
    pub(crate) fn returned(&mut self, index: usize) {
        self.queues[index].busy = false;
    }

    /// Records that a row is open again, and moves the cursors back so that it is found.
    pub(crate) fn reopened(&mut self, row: RowNumber) {
        for queue in &mut self.queues {
            queue.cursor = queue.cursor.min(row.saturating_sub(1));
            queue.exhausted = false;
            queue.ahead.clear();
        }
    }

    /// Makes every queue search for rows again, because a retry may have come due.
    pub(crate) fn wake(&mut self) {
        for queue in &mut self.queues {
            queue.exhausted = false;
        }
    }

    /// Records a recipient's answer. A domain that refuses temporarily several times in a row is
    /// held; other domains continue.
    pub(crate) fn answered(
        &mut self,
        domain: &str,
        transient: bool,
        now: Instant,
        delay: impl Fn(u32) -> Duration,
    ) {
        if !transient {
            // This runs for every accepted message, so it does not look up the domain if there are
            // no failures to clear.
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

    /// Holds first attempts to this domain until a given time.
    pub(crate) fn hold(&mut self, domain: &str, until: Instant) {
        let index = self.of(domain);
        let queue = &mut self.queues[index];
        queue.held_until = queue.held_until.max(Some(until));
    }

    /// When the first of the waiting queues may send again.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        let times = |queue: &DomainQueue| [queue.paced_until, queue.held_until];
        let opens = |queue: &DomainQueue| {
            times(queue).into_iter().flatten().filter(|until| *until > now).max()
        };
        self.queues.iter().filter(|queue| !queue.exhausted).filter_map(opens).min()
    }
}

impl DomainQueue {
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

    /// Whether first attempts have to wait now.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_refuses_again_and_again_gets_a_queue_and_is_held() {
        let mut queues = DomainQueues::new(&[], []);
        let now = Instant::now();
        for _ in 0..HOLDS_AFTER {
            assert_eq!(queues.ready(now), [0]);
            queues.answered("slow.example", true, now, |_| Duration::from_secs(9));
        }
        assert_eq!(queues.domains(), ["slow.example"]);
        assert_eq!(queues.ready(now), [0], "the others go on");
        assert_eq!(queues.opens_at(now), Some(now + Duration::from_secs(9)));
        assert_eq!(queues.ready(now + Duration::from_secs(9)).len(), 2);
    }

    #[test]
    fn a_domain_that_has_taken_something_is_held_later() {
        let mut queues = DomainQueues::new(&[], []);
        let now = Instant::now();
        queues.answered("fine.example", false, now, |_| Duration::from_secs(9));
        for n in 1..=HOLDS_LATER {
            assert!(queues.domains().is_empty());
            queues.answered("fine.example", true, now, |failures| {
                Duration::from_secs(failures.into())
            });
            assert_eq!(
                queues.opens_at(now),
                (n == HOLDS_LATER).then_some(now + Duration::from_secs(1))
            );
        }
    }

    #[test]
    fn a_queue_with_a_rate_that_is_held_is_asked_for_retries() {
        let mut queues =
            DomainQueues::new(&[("slow.example".to_owned(), "5/s".parse().expect("a rate"))], []);
        let now = Instant::now();
        for _ in 0..HOLDS_AFTER {
            queues.answered("slow.example", true, now, |_| Duration::from_secs(9));
        }
        assert!(queues.ready(now).contains(&1) && queues.queue(1).is_held(now));
        assert_eq!(queues.paced_domains(), ["slow.example"]);
    }

    #[test]
    fn an_answer_in_between_forgets_the_failures() {
        let mut queues = DomainQueues::new(&[], []);
        let now = Instant::now();
        for i in 0..20 {
            queues.answered("fine.example", i % 2 == 0, now, |_| Duration::from_secs(9));
        }
        assert!(queues.domains().is_empty());
    }

    #[test]
    fn a_queue_with_a_rate_is_not_ready_before_its_turn() {
        let mut queues =
            DomainQueues::new(&[("slow.example".to_owned(), "5/min".parse().expect("a rate"))], []);
        let now = Instant::now();
        queues.advanced(1, 1, queues.chunk(1, 100), now);
        queues.returned(1);
        assert_eq!(queues.ready(now + Duration::from_secs(11)), [0]);
        assert_eq!(queues.opens_at(now), Some(now + Duration::from_secs(12) - AHEAD));
        assert_eq!(queues.ready(now + Duration::from_secs(12)).len(), 2);
    }

    #[test]
    fn a_reopened_row_is_looked_at_again() {
        let mut queues = DomainQueues::new(&[], []);
        queues.advanced(0, 10, 10, Instant::now());
        queues.returned(0);
        queues.exhausted(0);
        assert!(queues.ready(Instant::now()).is_empty());
        queues.reopened(7);
        assert_eq!((queues.ready(Instant::now()), queues.queue(0).cursor), (vec![0], 6));
    }
}
