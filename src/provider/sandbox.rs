//! The sandbox provider needs no network: it keeps the first accepted messages as `.eml` files, and
//! the local part of an address decides the answer.
//!
//! It calls `Wire` in the same order as a real provider (slot, crossing, answered), so a run
//! against the sandbox executes the same code as a run against a relay.
//!
//! | local part    | answer                                        |
//! |---------------|-----------------------------------------------|
//! | `bounce+*`    | accepted, then a hard bounce                  |
//! | `complaint+*` | accepted, then a complaint                    |
//! | `reject+*`    | `550 5.1.1`, the mailbox does not exist       |
//! | `defer+*`     | `451 4.2.0`, the mailbox is busy              |
//! | `unknown+*`   | no answer: the outcome is unknown             |
//! | anything else | accepted                                      |

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::account::{About, AccountApi, Finding};
use super::{
    BoxFuture, Capabilities, Claim, Feedback, Health, Job, Provider, ProviderSettings,
    ProviderSpec, Refusal, Reply, Stopped, Verdict, Wire,
};
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;

/// The default number of messages in the outbox.
const KEEP: u64 = 1_000;

/// The sandbox's row in the table of providers.
pub(crate) const SPEC: ProviderSpec = ProviderSpec {
    kind: "sandbox",
    summary: "no network: keeps messages as .eml files, answers by local part",
    keys: &["keep"],
    leaves_the_machine: false,
    webhooks: &[],
    connect,
};

fn connect(settings: &ProviderSettings) -> Result<Box<dyn Provider>> {
    settings.refuse_unknown_keys(SPEC.keys)?;
    let keep = match settings.keys.get("keep") {
        None => KEEP,
        Some(value) => value.as_integer().and_then(|n| u64::try_from(n).ok()).ok_or_else(|| {
            Error::usage(format!("providers.{}.keep: not a count of messages", settings.name))
                .hint("write a whole number; 0 keeps no messages")
        })?,
    };
    Ok(Box::new(Sandbox {
        capabilities: Capabilities { max_recipients: 500, ..Capabilities::mime() },
        outbox: Outbox { dir: settings.state_dir.join("outbox"), keep, kept: Mutex::new(None) },
    }))
}

struct Sandbox {
    capabilities: Capabilities,
    outbox: Outbox,
}

impl Provider for Sandbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply> {
        Box::pin(self.take(claim, wire))
    }

    fn account_api(&self) -> Option<&dyn AccountApi> {
        Some(self)
    }

    fn enter_sandbox(&mut self, _name: &str) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl AccountApi for Sandbox {
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        let any = |about: About| {
            Finding::good(about, "the sandbox does not need this and accepts every message")
        };
        Box::pin(std::future::ready(About::ALWAYS.map(any).to_vec()))
    }
}

impl Sandbox {
    async fn take(&self, claim: &Claim, wire: &dyn Wire) -> Reply {
        let mut reply = Reply { items: Vec::with_capacity(claim.jobs.len()), ..Reply::default() };
        for job in &claim.jobs {
            match wire.slot(job).await {
                Ok(()) => {}
                Err(Stopped::Member) => continue,
                Err(Stopped::Run) => break,
            }
            if let Err(error) = wire.crossing(&[job.id]) {
                reply.health = Health::Failing(trace_refusal(&error));
                break;
            }
            let (verdict, feedback) = match answer(job.to.local()) {
                Answer::Take(feedback) => match self.outbox.keep(job) {
                    Ok(detail) => (
                        Verdict::Accepted { provider_id: None, code: "250 2.0.0".into(), detail },
                        feedback,
                    ),
                    Err(error) => {
                        let refusal = Refusal::new(
                            Reason::Session,
                            "452 4.3.1",
                            format!("the outbox cannot be written: {error}"),
                        );
                        reply.health = Health::Failing(refusal.clone());
                        (Verdict::NotTaken { refusal, counts: false }, None)
                    }
                },
                Answer::Settle(verdict) => (verdict, None),
            };
            // A message without a reply is not recorded as answered, as with a real server.
            let traced = if matches!(verdict, Verdict::Unknown { .. }) {
                Ok(())
            } else {
                wire.answered(job.id, &verdict)
            };
            reply.items.push((job.id, verdict));
            reply.feedback.extend(feedback.map(|feedback| (job.id, feedback)));
            if let Err(error) = traced {
                reply.health = Health::Failing(trace_refusal(&error));
            }
            if reply.health != Health::Fine {
                break;
            }
        }
        reply
    }
}

fn trace_refusal(error: &io::Error) -> Refusal {
    Refusal::new(Reason::Session, "", format!("the trace cannot be written: {error}"))
}

enum Answer {
    Take(Option<Feedback>),
    Settle(Verdict),
}

fn answer(local: &str) -> Answer {
    let Some((word, _)) = local.split_once('+') else { return Answer::Take(None) };
    match word.to_ascii_lowercase().as_str() {
        "bounce" => Answer::Take(Some(Feedback::BouncedHard)),
        "complaint" => Answer::Take(Some(Feedback::Complained)),
        "reject" => {
            let refusal =
                Refusal::new(Reason::MailboxGone, "550 5.1.1", "sandbox: no such mailbox");
            Answer::Settle(Verdict::Rejected(Refusal { mailbox_gone: true, ..refusal }))
        }
        "defer" => {
            let refusal = Refusal::new(
                Reason::MailboxTransient,
                "451 4.2.0",
                "sandbox: mailbox busy, try again later",
            );
            Answer::Settle(Verdict::NotTaken { refusal, counts: true })
        }
        "unknown" => Answer::Settle(Verdict::Unknown {
            detail: "sandbox: no answer after the final dot".into(),
        }),
        _ => Answer::Take(None),
    }
}

/// The folder of kept messages. It contains at most `keep` files, including those of earlier runs.
struct Outbox {
    dir: PathBuf,
    keep: u64,
    /// The number of files. `None` until the first message, because connecting must not write
    /// anything.
    kept: Mutex<Option<u64>>,
}

impl Outbox {
    /// Keeps the message if the outbox has room. Returns a description of the result.
    fn keep(&self, job: &Job) -> io::Result<String> {
        const NOT_KEPT: &str = "taken by the sandbox";
        if self.keep == 0 {
            return Ok(NOT_KEPT.into());
        }
        // The lock is held while writing, so the count is exact. No step can leave the count wrong,
        // so the value is usable even if the lock is poisoned.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *kept {
            Some(n) => n,
            None => *kept.insert(self.open()?),
        };
        if before >= self.keep {
            return Ok(NOT_KEPT.into());
        }
        let name = file_name(&job.message_id);
        let path = self.dir.join(&name);
        let is_new = !path.exists();
        self.write(&path, &job.message)?;
        *kept = Some(before + u64::from(is_new));
        Ok(format!("kept as outbox/{name}"))
    }

    /// Creates the folder and counts the files of earlier runs.
    fn open(&self) -> io::Result<u64> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let mut count = 0;
        for entry in fs::read_dir(&self.dir)? {
            count += u64::from(entry?.path().extension().is_some_and(|suffix| suffix == "eml"));
        }
        Ok(count)
    }

    /// Writes the file under another suffix first, so that a crash never leaves a partial `.eml`
    /// file.
    fn write(&self, path: &Path, message: &[u8]) -> io::Result<()> {
        let partial = path.with_extension("partial");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(message)?;
        drop(file);
        fs::rename(&partial, path)
    }
}

/// Returns a file name built from a Message-ID. The name can neither leave the folder nor denote a
/// hidden file.
fn file_name(message_id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "@.-_+=".contains(c) { c } else { '_' };
    let stem: String = message_id.trim_start_matches('.').chars().take(200).map(safe).collect();
    format!("{}.eml", if stem.is_empty() { "message" } else { &stem })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::provider::testing::{Recorder, job, settings};

    fn claim(to: &[&str]) -> Claim {
        crate::provider::testing::claim(
            to.iter().zip(1..).map(|(to, id)| job(id, to, "Subject: x\r\n\r\nhello\r\n")).collect(),
        )
    }

    async fn send(keys: &str, dir: &Path, to: &[&str], wire: &Recorder) -> Reply {
        let provider = connect(&settings(keys, dir)).expect("good settings");
        provider.send(&claim(to), wire).await
    }

    #[tokio::test]
    async fn local_parts_choose_the_answer() {
        let dir = tempfile::tempdir().expect("a folder");
        let wire = Recorder::default();
        let everyone = [
            "a@x.example",
            "bounce+1@x.example",
            "Complaint+@x.example",
            "reject+1@x.example",
            "defer+1@x.example",
            "unknown+1@x.example",
        ];
        let reply = send("", dir.path(), &everyone, &wire).await;
        let words: Vec<_> = reply
            .items
            .iter()
            .map(|(id, verdict)| match verdict {
                Verdict::Accepted { .. } => format!("{id} accepted"),
                Verdict::Rejected(refusal) => {
                    format!("{id} rejected {} {}", refusal.code, refusal.mailbox_gone)
                }
                Verdict::NotTaken { refusal, counts } => {
                    format!("{id} not taken {} {counts}", refusal.code)
                }
                Verdict::Unknown { .. } => format!("{id} unknown"),
                Verdict::Suppressed(_) => format!("{id} suppressed"),
            })
            .collect();
        assert_eq!(
            words,
            [
                "1 accepted",
                "2 accepted",
                "3 accepted",
                "4 rejected 550 5.1.1 true",
                "5 not taken 451 4.2.0 true",
                "6 unknown"
            ]
        );
        assert_eq!(reply.feedback, [(2, Feedback::BouncedHard), (3, Feedback::Complained)]);
        assert_eq!(reply.health, Health::Fine);
        assert_eq!(
            wire.events().last().map(String::as_str),
            Some("crossing 6"),
            "an unknown is never answered"
        );
    }

    #[tokio::test]
    async fn the_outbox_keeps_the_first_messages_over_all_runs_and_only_for_the_owner() {
        let dir = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            send("keep = 2", dir.path(), &["a@x.example"], &Recorder::default()).await;
        }
        send(
            "keep = 2",
            dir.path(),
            &["a@x.example", "b@x.example", "c@x.example"],
            &Recorder::default(),
        )
        .await;
        let outbox = dir.path().join("outbox");
        let mut names: Vec<_> = fs::read_dir(&outbox)
            .expect("an outbox")
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["1.id@mailbatch.example.eml", "2.id@mailbatch.example.eml"]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&outbox), mode(&outbox.join(&names[0]))), (0o700, 0o600));
        assert_eq!(
            fs::read(outbox.join(&names[0])).expect("readable"),
            b"Subject: x\r\n\r\nhello\r\n"
        );
    }

    #[tokio::test]
    async fn nothing_is_kept_when_keep_is_zero() {
        let dir = tempfile::tempdir().expect("a folder");
        let reply = send("keep = 0", dir.path(), &["a@x.example"], &Recorder::default()).await;
        assert!(matches!(reply.items[..], [(1, Verdict::Accepted { .. })]));
        assert!(!dir.path().join("outbox").exists());
    }

    #[tokio::test]
    async fn suppressed_members_and_a_stopped_run_are_left_out_of_the_reply() {
        let dir = tempfile::tempdir().expect("a folder");
        let wire = Recorder { suppressed: vec![2], stop_at: Some(4), ..Recorder::default() };
        let reply = send(
            "",
            dir.path(),
            &["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"],
            &wire,
        )
        .await;
        assert_eq!(reply.items.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3]);
    }

    #[tokio::test]
    async fn a_trace_that_cannot_be_written_begins_nobody() {
        let dir = tempfile::tempdir().expect("a folder");
        let wire = Recorder { trace_is_broken: true, ..Recorder::default() };
        let reply = send("", dir.path(), &["a@x.example", "b@x.example"], &wire).await;
        assert!(reply.items.is_empty());
        assert!(matches!(reply.health, Health::Failing(_)));
        assert!(!dir.path().join("outbox").exists());
    }

    #[tokio::test]
    async fn an_outbox_that_cannot_be_written_is_the_providers_failure() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("outbox"), "in the way").expect("writable");
        let reply =
            send("", dir.path(), &["a@x.example", "b@x.example"], &Recorder::default()).await;
        assert!(matches!(reply.items[..], [(1, Verdict::NotTaken { counts: false, .. })]));
        assert!(matches!(reply.health, Health::Failing(_)));
    }

    #[test]
    fn wrong_keys_are_refused_with_a_hint() {
        let dir = tempfile::tempdir().expect("a folder");
        for (keys, expected) in [
            ("keep = -1", "not a count"),
            ("keep = \"all\"", "not a count"),
            ("kep = 1", "did you mean `keep`"),
        ] {
            let error = connect(&settings(keys, dir.path())).expect_err(keys).to_string();
            assert!(error.contains(expected) && error.contains("hint:"), "{error}");
        }
    }

    #[test]
    fn no_message_id_leaves_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd.eml");
        assert_eq!(file_name(""), "message.eml");
        assert_eq!(file_name("a.b@c.example"), "a.b@c.example.eml");
    }
}
