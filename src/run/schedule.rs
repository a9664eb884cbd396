//! The scheduling policy of the sending process.
//!
//! Invariant: only the default policy and niceness are changed. Values that mailbatch was started
//! with are kept.

/// Asks the system to schedule this thread, and threads that it starts later, as a batch job
/// (`SCHED_BATCH`, sched(7)). A batch thread that an answer wakes does not preempt the mail server
/// on the same core, so several answers are handled together. If the system refuses, nothing
/// changes.
#[cfg(target_os = "linux")]
pub(crate) fn as_batch() {
    use thread_priority::{
        NormalThreadSchedulePolicy as Normal, ThreadPriority, ThreadSchedulePolicy as Policy,
    };

    /// The crate's value for a niceness of 0. The crate sets it together with the policy.
    const NICE_0: u8 = 47;

    let is_ordinary =
        thread_priority::thread_schedule_policy() == Ok(Policy::Normal(Normal::Other));
    if is_ordinary
        && rustix::process::getpriority_process(None) == Ok(0)
        && let Ok(nice_0) = NICE_0.try_into()
    {
        let thread = thread_priority::thread_native_id();
        let asked = thread_priority::set_thread_priority_and_policy(
            thread,
            ThreadPriority::Crossplatform(nice_0),
            Policy::Normal(Normal::Batch),
        );
        if let Err(why) = asked {
            tracing::debug!(?why, "the batch policy was refused");
        }
    }
}

/// Other systems do not have this policy.
#[cfg(not(target_os = "linux"))]
pub(crate) fn as_batch() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    /// Reads the niceness and policy of the calling thread: fields 19 and 41 of `stat` in proc(5).
    fn scheduled() -> (i32, u32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("readable");
        let fields: Vec<&str> =
            stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        (fields[19 - 3].parse().expect("a number"), fields[41 - 3].parse().expect("a number"))
    }

    fn in_a_thread<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(what).join().expect("no panic")
    }

    const OTHER: u32 = 0;
    const BATCH: u32 = 3;

    #[test]
    fn threads_of_a_batch_job_inherit_its_policy() {
        let (before, after, inherited) = in_a_thread(|| {
            let before = scheduled();
            super::as_batch();
            (before, scheduled(), in_a_thread(scheduled))
        });
        if before == (0, OTHER) {
            assert_eq!((after, inherited), ((0, BATCH), (0, BATCH)));
        } else {
            assert_eq!((after, inherited), (before, before));
        }
    }

    #[test]
    fn a_niceness_that_was_chosen_stays_with_its_policy() {
        let (before, after) = in_a_thread(|| {
            rustix::process::nice(3).expect("a process may lower its priority");
            let before = scheduled();
            super::as_batch();
            (before, scheduled())
        });
        assert_eq!(after, before);
    }
}
