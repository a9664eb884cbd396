//! Shared by the tests of several providers: a wire (the provider's interface to the run) that
//! records its calls, and ready-made jobs and settings.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{
    BoxFuture, Claim, EightBit, Job, ProviderSettings, RowNumber, SecretSource, Stopped, Ticket,
    Verdict, Wire, lines_stand,
};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::secret::Secret;

/// A wire that allows every recipient except those in `suppressed`, and records each call.
#[derive(Default)]
pub(crate) struct Recorder {
    /// The jobs whose recipients were suppressed after the claim.
    pub(crate) suppressed: Vec<RowNumber>,
    /// The job before which the run stops.
    pub(crate) stop_at: Option<RowNumber>,
    /// Whether `slot_now` answers without waiting.
    pub(crate) is_unpaced: bool,
    /// The number of recipients that remain in addition to those of the claim.
    pub(crate) left: u64,
    /// Whether `crossed` fails.
    pub(crate) trace_is_broken: bool,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Returns all recorded calls in order.
    pub(crate) fn events(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, event: String) {
        self.log.lock().unwrap().push(event);
    }
}

impl Wire for Recorder {
    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>> {
        self.is_unpaced.then(|| match job.id {
            id if self.stop_at == Some(id) => Err(Stopped::Run),
            id if self.suppressed.contains(&id) => Err(Stopped::Member),
            _ => Ok(()),
        })
    }

    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>> {
        let answer = match job.id {
            id if self.stop_at == Some(id) => Err(Stopped::Run),
            id if self.suppressed.contains(&id) => Err(Stopped::Member),
            id => {
                self.note(format!("slot {id}"));
                Ok(())
            }
        };
        Box::pin(std::future::ready(answer))
    }

    fn fit(&self, jobs: &[&Job]) -> usize {
        jobs.len()
    }

    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>> {
        Box::pin(async move {
            let mut going = Vec::new();
            for job in jobs {
                match self.slot(job).await {
                    Ok(()) => going.push(job.id),
                    Err(Stopped::Member) => {}
                    Err(Stopped::Run) => return Err(Stopped::Run),
                }
            }
            Ok(going)
        })
    }

    fn again<'a>(&'a self, _: &'a [&'a Job], _: bool) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn throttled(&self, _: std::time::Duration) {}

    fn left(&self) -> u64 {
        self.left
    }

    fn announce(&self, jobs: &[RowNumber]) -> io::Result<Ticket> {
        jobs.iter().for_each(|id| self.note(format!("crossing {id}")));
        Ok(0)
    }

    fn crossed(&self, _: Ticket) -> io::Result<()> {
        if self.trace_is_broken { Err(io::Error::other("no space left")) } else { Ok(()) }
    }

    fn answered(&self, job: RowNumber, _: &Verdict) -> io::Result<()> {
        self.note(format!("answered {job}"));
        Ok(())
    }
}

/// Creates a job from `news@mailbatch.example`.
pub(crate) fn job(id: RowNumber, to: &str, message: &str) -> Job {
    Job {
        id,
        to: Address::parse(to).unwrap(),
        envelope_sender: Some(Address::parse("news@mailbatch.example").unwrap()),
        eight_bit: EightBit::of(message.as_bytes()),
        lines_stand: lines_stand(message.as_bytes()),
        message: message.as_bytes().into(),
        content: None,
        message_id: format!("{id}.id@mailbatch.example"),
    }
}

/// Creates a claim with these jobs.
pub(crate) fn claim(jobs: Vec<Job>) -> Claim {
    Claim {
        batch: 1,
        key: "key".into(),
        claimed_at: jiff::Timestamp::UNIX_EPOCH,
        jobs,
        is_replay: false,
    }
}

/// Returns the settings of a provider called `relay`, with its keys written in TOML.
pub(crate) fn settings(keys: &str, state_dir: &Path) -> ProviderSettings {
    ProviderSettings {
        name: "relay".into(),
        in_flight: 1,
        state_dir: state_dir.to_owned(),
        keys: toml::from_str(keys).unwrap(),
        secrets: Arc::new(EnvTable),
    }
}

/// Like [`settings`], but each word of `{ command = "a b" }` is returned by one fetch, and further
/// fetches fail. Also returns the number of fetches.
pub(crate) fn expiring(keys: &str, state_dir: &Path) -> (ProviderSettings, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let secrets = Arc::new(Expiring(Arc::clone(&count)));
    (ProviderSettings { secrets, ..settings(keys, state_dir) }, count)
}

#[derive(Debug)]
struct Expiring(Arc<AtomicUsize>);

impl SecretSource for Expiring {
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<Secret> {
        let words = value.get("command").and_then(toml::Value::as_str).unwrap_or_default();
        let at = self.0.fetch_add(1, Ordering::SeqCst);
        let word = words.split_whitespace().nth(at);
        word.map(Secret::new).ok_or_else(|| Error::usage(format!("{key}: the command failed")))
    }
}

/// Resolves each `{ env = "X" }` to the text `X`; all other forms fail.
#[derive(Debug)]
struct EnvTable;

impl SecretSource for EnvTable {
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<Secret> {
        let name = value.get("env").and_then(toml::Value::as_str);
        name.map(Secret::new)
            .ok_or_else(|| Error::usage(format!("{key}: only {{ env = … }} is resolved in tests")))
    }
}
