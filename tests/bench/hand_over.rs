//! Hands over batches of 100 messages that are rendered already: building the request, serialising
//! it, posting it, and reading the answer.
//!
//! The rule it keeps: it runs as a process of its own, with the same provider that mailbatch has,
//! and keeps no record.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result, ensure};
use mailbatch::internals::address::Address;
use mailbatch::internals::content::{Content, Needs, Party};
use mailbatch::internals::provider::{
    self, BoxFuture, Claim, EightBit, Job, Provider, ProviderSettings, RowNumber, SecretSource,
    Stopped, Verdict, Wire,
};
use mailbatch::internals::secret::Secret;

use crate::message;

/// The first argument of the process; kind, address, batches and requests at once follow.
pub(crate) const FLAG: &str = "--hand-over";
/// Messages of a batch.
pub(crate) const BATCH: u64 = 100;
/// Batches that differ from each other.
const DISTINCT: u64 = 20;

/// The process that hands over so many batches.
pub(crate) fn command(kind: &str, url: &str, batches: u64, at_once: u32) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([FLAG, kind, url, &batches.to_string(), &at_once.to_string()]);
    Ok(command)
}

/// The process itself.
pub(crate) fn run(words: impl Iterator<Item = OsString>) -> Result<()> {
    let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
    let [kind, url, batches, at_once] = words.as_slice() else {
        anyhow::bail!("{FLAG} needs a kind, an address and two numbers")
    };
    let (batches, at_once): (u64, usize) = (batches.parse()?, at_once.parse()?);
    let spec = provider::find(kind).with_context(|| format!("there is no provider {kind}"))?;
    let keys = toml::from_str(&format!("base_url = \"{url}\"\napi_key = {{ env = \"KEY\" }}"))?;
    let settings = ProviderSettings {
        name: "bench".into(),
        in_flight: at_once,
        state_dir: PathBuf::from("/nowhere"),
        keys,
        secrets: Arc::new(AnyKey),
    };
    let mut provider = (spec.connect)(&settings)?;
    provider.prepare("bench", &Needs::default())?;
    let provider: Arc<dyn Provider> = Arc::from(provider);
    let claims: Arc<Vec<Claim>> =
        Arc::new((0..DISTINCT.min(batches)).map(claim).collect::<Result<_>>()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let (provider, claims, next) =
                (Arc::clone(&provider), Arc::clone(&claims), Arc::clone(&next));
            senders.spawn(async move {
                loop {
                    let batch = next.fetch_add(1, Relaxed);
                    if batch >= batches {
                        return Ok(());
                    }
                    let claim = Claim {
                        key: format!("{batch:032x}"),
                        ..claims[batch as usize % claims.len()].clone()
                    };
                    let reply = provider.send(&claim, &Open).await;
                    let accepted = reply
                        .items
                        .iter()
                        .filter(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. }))
                        .count();
                    ensure!(
                        accepted as u64 == BATCH,
                        "{accepted} of a batch were accepted: {:?}",
                        reply.health
                    );
                }
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// A batch as the pipeline hands it to a provider.
fn claim(batch: u64) -> Result<Claim> {
    let from = Arc::new(Party { name: "News".into(), address: "news@acme.example".into() });
    let sender = Address::parse("news@acme.example")?;
    let job = |row: u64| -> Result<Job> {
        let id = batch * BATCH + row;
        let (name, to) = (format!("Anna Berg {id}"), format!("user{id}@dest{}.example", id % 997));
        let filled = |text: String| {
            let values = [
                ("name", name.as_str()),
                ("company", "Bluebird & Sons"),
                ("city", "Aarhus"),
                ("plan", "team"),
                ("id", "7"),
                ("email", &to),
            ];
            values.iter().fold(text, |text, (field, value)| {
                text.replace(&format!("{{{{ {field} }}}}"), value)
            })
        };
        let content = Content {
            from: Arc::clone(&from),
            reply_to: Arc::default(),
            to_name: String::new(),
            subject: filled(message::SUBJECT.to_owned()),
            text: filled(message::text()),
            html: Some(filled(message::html())),
            headers: Vec::new(),
            attachments: Arc::new([]),
        };
        Ok(Job {
            id,
            to: Address::parse(&to)?,
            envelope_sender: Some(sender.clone()),
            message: Vec::new(),
            eight_bit: EightBit::Nowhere,
            lines_stand: false,
            content: Some(Arc::new(content)),
            message_id: format!("{id:024x}@acme.example"),
        })
    };
    let jobs = (0..BATCH).map(job).collect::<Result<_>>()?;
    Ok(Claim {
        batch: i64::try_from(batch)?,
        key: String::new(),
        claimed_at: jiff::Timestamp::now(),
        jobs,
        is_replay: false,
    })
}

/// A wire on which everything may go at once.
struct Open;

impl Wire for Open {
    fn slot<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn slot_now(&self, _: &Job) -> Option<Result<(), Stopped>> {
        Some(Ok(()))
    }

    fn fit(&self, jobs: &[&Job]) -> usize {
        jobs.len()
    }

    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>> {
        Box::pin(std::future::ready(Ok(jobs.iter().map(|job| job.id).collect())))
    }

    fn again<'a>(&'a self, _: &'a [&'a Job], _: bool) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn throttled(&self, _: std::time::Duration) {}

    fn announce(&self, _: &[RowNumber]) -> std::io::Result<u64> {
        Ok(0)
    }

    fn crossed(&self, _: u64) -> std::io::Result<()> {
        Ok(())
    }

    fn answered(&self, _: RowNumber, _: &Verdict) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every key is `bench`.
#[derive(Debug)]
struct AnyKey;

impl SecretSource for AnyKey {
    fn resolve(&self, _: &str, _: &toml::Value) -> mailbatch::internals::error::Result<Secret> {
        Ok(Secret::new("bench"))
    }
}
