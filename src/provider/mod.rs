//! The seam to whoever takes the mail. The pipeline knows only what stands in this file.
//!
//! A provider is handed a claim (a batch whose members are durable in the ledger) and answers with
//! one verdict for each member it began. A member that the reply does not name was never begun: not
//! one octet that could have completed it was written.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::content::{Content, Needs};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::literal::Rate;

pub(crate) mod account;
mod bird;
mod drin;
mod emitlo;
mod http;
mod mailersio;
mod mailgun;
pub(crate) mod memory;
mod postmark;
mod proxies;
mod resend;
mod roots;
pub(crate) use roots::client_config as tls_client_config;
pub(crate) mod sandbox;
mod sendgrid;
pub(crate) mod ses;
pub(crate) mod smtp;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;
mod verdict;
mod wait;
pub(crate) mod webhook;

pub(crate) use verdict::{Feedback, Reply};
pub use verdict::{Health, Refusal, Verdict};
pub(crate) use verdict::{SLOW_DOWN, without_addresses};

/// A boxed future, so that providers can be a table.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A recipient of a run: the number of its input row.
pub type RowNumber = u64;
/// The write to the trace that an announcement leaves with, counted from 0.
pub(crate) type Ticket = u64;

/// What a provider can do; the pipeline reads this and knows no names.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The most recipients of one claim (a batch of an HTTP API; a chunk over SMTP).
    pub max_recipients: usize,
    /// Recipients that one request can hold: claims are not cut smaller than this to share the rest
    /// of a list among connections.
    pub per_request: usize,
    /// The most octets of one request; `None` where the server says it for each message.
    pub request_bytes: Option<usize>,
    /// Whether a lost reply may be asked for again under the same key, and for how long.
    pub idempotency_window: Option<Duration>,
    /// What a message is handed over as.
    pub form: Form,
    /// Who writes the unsubscribe headers.
    pub unsubscribe_headers: UnsubscribeHeaders,
    /// Whether a message may have attachments.
    pub attachments: bool,
    /// Whether a message may have headers of its own.
    pub custom_headers: bool,
    /// Headers that the provider refuses although it takes others, in lowercase.
    pub refused_headers: &'static [&'static str],
    /// Whether bounces can be sent elsewhere than the provider likes.
    pub envelope_sender: bool,
    /// Requests per window where the configuration does not say: the documented default, which may
    /// be raised or lowered.
    pub request_rate: Option<Rate>,
}

impl Capabilities {
    /// Of whoever takes any message whole and one at a time.
    pub const fn mime() -> Self {
        Self {
            max_recipients: 100,
            per_request: 1,
            request_bytes: None,
            idempotency_window: None,
            form: Form::Mime,
            unsubscribe_headers: UnsubscribeHeaders::Ours,
            attachments: true,
            custom_headers: true,
            refused_headers: &[],
            envelope_sender: true,
            request_rate: None,
        }
    }

    /// Fails with exit 4 and names the first thing about a message that `provider` cannot express.
    pub fn refuse_inexpressible(&self, provider: &str, needs: &Needs) -> Result<()> {
        let refused = |what: &str, hint: &str| {
            Err(Error::refused(format!("providers.{provider} cannot express {what}")).hint(hint))
        };
        if needs.attachments && !self.attachments {
            return refused(
                "attachments",
                "link to the file instead, or use a provider that takes attachments",
            );
        }
        let is_refused = |name: &&String| {
            !self.custom_headers
                || self.refused_headers.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(name) = needs.headers.iter().find(is_refused) {
            return refused(
                &format!("the header {name}"),
                "take it out of [message.headers], or use another provider",
            );
        }
        if needs.envelope_sender && !self.envelope_sender {
            return refused(
                "an envelope sender of its own",
                "take envelope_sender out of [message]; the provider receives the bounces",
            );
        }
        if self.unsubscribe_headers == UnsubscribeHeaders::None && needs.is_marketing {
            return refused(
                "unsubscribe headers, which marketing mail needs",
                "use a provider that sets headers, such as smtp",
            );
        }
        Ok(())
    }
}

/// What a message is handed over as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Encoded, in [`Job::message`].
    Mime,
    /// As its parts, in [`Job::content`].
    Parts,
    /// As its parts where they can be expressed so, else encoded: a job has both.
    Both,
}

/// Who writes `List-Unsubscribe` and its companion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeHeaders {
    /// We do, and the provider keeps them.
    Ours,
    /// The provider adds its own and takes none of ours.
    Provider,
    /// Nobody can: marketing mail is refused.
    None,
}

/// One recipient's message, rendered and encoded.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: RowNumber,
    /// Where it goes: the envelope's one recipient.
    pub to: Address,
    /// The envelope sender; `None` is the null path `<>`.
    pub envelope_sender: Option<Address>,
    /// The whole message, CRLF line ends, not dot-stuffed; empty where the provider takes
    /// [`Form::Parts`] alone.
    pub message: Vec<u8>,
    /// Where the message has octets above ASCII.
    pub eight_bit: EightBit,
    /// As [`lines_stand`] says of the message.
    pub lines_stand: bool,
    /// The message's parts, unless the provider takes [`Form::Mime`] alone.
    pub content: Option<Arc<Content>>,
    /// Its Message-ID without the angle brackets.
    pub message_id: String,
}

/// Where a message has octets above ASCII, which not every server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EightBit {
    Nowhere,
    /// In the body alone: needs 8BITMIME (RFC 6152).
    Body,
    /// In the header section: needs SMTPUTF8 (RFC 6532).
    Headers,
}

impl EightBit {
    /// Looks through a whole message.
    pub fn of(message: &[u8]) -> Self {
        if message.is_ascii() {
            return Self::Nowhere;
        }
        let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
        if message[..end].is_ascii() { Self::Body } else { Self::Headers }
    }
}

/// Whether every line ends in CRLF and none begins with a dot, so that what follows DATA is the
/// message octet for octet (RFC 5321 sections 2.3.8 and 4.5.2).
pub(crate) fn lines_stand(message: &[u8]) -> bool {
    /// So many at once, without branches, which the compiler makes vector instructions.
    const TOGETHER: usize = 64;
    let is_broken = |before: u8, octet: u8| {
        u8::from((octet == b'\n') != (before == b'\r'))
            | (u8::from(before == b'\n') & u8::from(octet == b'.'))
    };
    let Some(after_first) = message.get(1..) else { return false };
    let (before, _) = message.as_chunks::<TOGETHER>();
    let (octets, last) = after_first.as_chunks::<TOGETHER>();
    let mut broken = 0;
    for (before, octets) in before.iter().zip(octets) {
        for i in 0..TOGETHER {
            broken |= is_broken(before[i], octets[i]);
        }
    }
    let last = message.len() - 1 - last.len();
    broken |=
        message[last..].windows(2).fold(0, |broken, pair| broken | is_broken(pair[0], pair[1]));
    broken == 0 && message.ends_with(b"\r\n") && !matches!(message.first(), Some(b'.' | b'\n'))
}

/// A batch that is durable in the ledger; only what is claimed may touch the wire.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The batch's number in the ledger.
    pub batch: i64,
    /// The idempotency key: a function of environment, campaign, members, body and generation.
    pub key: String,
    pub generation: u32,
    pub claimed_at: Timestamp,
    pub jobs: Vec<Job>,
    /// It was handed over before, under the same key and octet for octet, and is in doubt: nothing
    /// but an answer about its members settles them, and it goes as the one request that it was.
    pub is_replay: bool,
}

/// Why a member of a claim may not be begun any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// This member is not mailed any more: it has been suppressed since it was claimed, or its
    /// retries are over. Go on with the next.
    Member,
    /// Nothing more of this claim may be begun: the run stops or is paused.
    Run,
}

/// For how long a request is repeated at most while the provider says that nothing of it was taken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a provider asks and tells while it sends.
pub trait Wire: Send + Sync {
    /// Waits until `job` may be begun by every limit, and screens it a last time. To be asked right
    /// before the first octet of the job's transaction is written.
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>>;
    /// The same where the answer can be had without waiting, so that a session may keep its pipe
    /// full; `None` where it would have to wait, and nothing has been granted.
    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>>;
    /// How many of these jobs, from the first on, the limits let go in one request; at least one.
    fn fit(&self, jobs: &[&Job]) -> usize;
    /// Waits until all these jobs may go at one instant by every limit, the request they make
    /// included, and screens each a last time. Returns who may go. To be asked right before the
    /// first octet of their request is written.
    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>>;
    /// The same before a request goes once more: nobody is screened, for they belong to one
    /// hand-over. Where a repeat lifts a doubt it goes although the run stops.
    fn again<'a>(
        &'a self,
        jobs: &'a [&'a Job],
        lifts_doubt: bool,
    ) -> BoxFuture<'a, Result<(), Stopped>>;
    /// The provider asks for less at a time, and for `quiet` without anything first. Told at once,
    /// where a session goes on by itself.
    fn throttled(&self, quiet: Duration);
    /// How many recipients of the run are left besides those of claims under way; what is tried out
    /// on a server has to be worth it for so many. By default none, and nothing is tried out.
    fn left(&self) -> u64 {
        0
    }
    /// Records in the trace that a coming write can complete these jobs. That write may happen once
    /// `crossed` has said so.
    fn announce(&self, jobs: &[RowNumber]) -> std::io::Result<Ticket>;
    /// Makes sure that what was announced is on record. Several that are announced before the first
    /// is asked for cost one write.
    fn crossed(&self, ticket: Ticket) -> std::io::Result<()>;
    /// Records in the trace that the next write can complete these jobs. To be called before that
    /// write.
    fn crossing(&self, jobs: &[RowNumber]) -> std::io::Result<()> {
        self.crossed(self.announce(jobs)?)
    }
    /// Records in the trace what was answered. To be called as soon as it is known; it is on record
    /// before the claim waits for anything.
    fn answered(&self, job: RowNumber, verdict: &Verdict) -> std::io::Result<()>;
    /// Records in the trace that these jobs were taken as a whole and what becomes of them is asked
    /// for by `detail`. By default nothing.
    fn pending(&self, _jobs: &[RowNumber], _detail: &str) -> std::io::Result<()> {
        Ok(())
    }
    /// For how long a request of which nothing was taken may be repeated; then the provider has
    /// failed.
    fn patience(&self) -> Duration {
        PATIENCE
    }
    /// A request waits for a time that the provider named, which is no failure however long it
    /// lasts. By default of no matter.
    fn waits_as_asked(&self) {}
    /// Whether what has not been begun is to be given back: the run stops, or the provider's
    /// breaker has opened since the claim. By default never.
    fn is_withdrawn(&self) -> bool {
        false
    }
    /// Resolves when what has not been begun is to be given back. By default never.
    fn withdrawn(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    /// Resolves when the run stops. By default never.
    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Whoever takes mail: a relay, an API, the sandbox.
pub trait Provider: Send + Sync {
    fn capabilities(&self) -> &Capabilities;
    /// Hears what the message needs, before anything is sent. Fails with exit 4 and names the first
    /// thing that cannot be expressed; `name` is the provider's under `[providers]`.
    fn prepare(&mut self, name: &str, needs: &Needs) -> Result<()> {
        self.capabilities().refuse_inexpressible(name, needs)
    }
    /// What is found out about the server is kept there for later runs. By default nothing is.
    fn use_memory(&mut self, _memory: Arc<dyn memory::Memory>) {}
    /// Hands over one claim. Never fails as a whole: what is not certain is `Unknown`, and what was
    /// not begun is left out of the reply. Called by at most `in_flight` tasks at once.
    fn send<'a>(&'a self, claim: &'a Claim, wire: &'a dyn Wire) -> BoxFuture<'a, Reply>;
    /// A hash of where it sends and with which credentials, the same for the same account and key:
    /// a repeat elsewhere is a second send. To be had from every provider that knows idempotency
    /// keys, and from those whose account may be allowed less than another.
    fn account(&self) -> Option<[u8; 32]> {
        None
    }
    /// It has taken mail in an earlier run, under the same account. What it says now in a form that
    /// is not its own, such as a web page in place of an answer, then leaves doubt, and does not
    /// show that it is the wrong server. By default of no matter.
    fn has_answered_before(&self) {}
    /// Whether a session begins with a login. Then one recipient goes alone until anything was
    /// answered, so that a login which is refused is tried once and not by every connection; by
    /// default it does not.
    fn logs_in(&self) -> bool {
        false
    }
    /// What else its API offers; by default nothing.
    fn account_api(&self) -> Option<&dyn account::AccountApi> {
        None
    }
    /// From now on nothing that is handed over reaches anybody, and the provider treats it as mail
    /// in everything else. Fails with exit 2 where the API has no such mode; `name` is the
    /// provider's under `[providers]`.
    fn enter_sandbox(&mut self, name: &str) -> Result<()> {
        Err(no_sandbox_mode(name))
    }
    /// Says good-bye and closes what is open, within a second or so.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The error of a provider whose API has no sandbox mode.
fn no_sandbox_mode(name: &str) -> Error {
    Error::usage(format!("providers.{name}: this API has no sandbox mode"))
        .hint("leave --provider-sandbox out, or use a provider of kind sandbox")
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({:?})", self.capabilities())
    }
}

/// What every provider is told when it is connected; its own keys stand in `settings`.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The name under `[providers]`.
    pub name: String,
    /// Connections or requests at once; never more.
    pub in_flight: usize,
    /// Where the sandbox keeps its outbox: the workspace's `.mailbatch`.
    pub state_dir: std::path::PathBuf,
    /// The provider's own keys of `mailbatch.toml`, secrets not resolved.
    pub keys: toml::Table,
    /// Resolves `{ env }`, `{ file }` and `{ command }`.
    pub secrets: Arc<dyn SecretSource>,
}

impl ProviderSettings {
    /// Fails with exit 2 and a suggestion where `keys` holds one that the provider does not know.
    pub fn refuse_unknown_keys(&self, known: &[&str]) -> Result<()> {
        let Some(key) = self.keys.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let nearest = known
            .iter()
            .map(|k| (strsim::jaro_winkler(k, key), k))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = match nearest {
            Some((likeness, nearest)) if likeness > 0.8 => format!("did you mean `{nearest}`?"),
            _ => format!("it knows: {}", known.join(", ")),
        };
        Err(Error::usage(format!("providers.{}: unknown key `{key}`", self.name)).hint(hint))
    }
}

/// Resolves a secret named in the configuration. Lives behind a trait because only `config` reads
/// the environment.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secret that `key` (such as `providers.relay.password`) points to; the error names the
    /// key and never the secret.
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<crate::secret::Secret>;

    /// A variable that a service's own tools define, such as `AWS_PROFILE`; `None` where it is
    /// unset or empty.
    fn variable(&self, _name: &str) -> Option<crate::secret::Secret> {
        None
    }
}

/// A row of the table of providers.
pub struct ProviderSpec {
    /// As written under `kind` in mailbatch.toml.
    pub kind: &'static str,
    /// Its row in `--help` and README.
    pub summary: &'static str,
    /// The keys it understands besides those every provider has.
    pub keys: &'static [&'static str],
    /// Whether mail really leaves: a person is asked before it does. The sandbox keeps it here.
    pub leaves_the_machine: bool,
    /// How events are read that it posts to our endpoint, first; then the forms that only its
    /// exports and logs have. Empty where it posts none.
    pub webhooks: &'static [&'static webhook::Webhook],
    /// Checks the keys and builds the provider; touches no network.
    pub connect: fn(&ProviderSettings) -> Result<Box<dyn Provider>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_body_are_told_apart() {
        assert_eq!(EightBit::of("Subject: é\r\n\r\nx".as_bytes()), EightBit::Headers);
        assert_eq!(EightBit::of("Subject: e\r\n\r\né".as_bytes()), EightBit::Body);
        assert_eq!(EightBit::of(b"Subject: e\r\n\r\ne"), EightBit::Nowhere);
    }

    #[test]
    fn what_cannot_be_expressed_is_named() {
        let bare = Capabilities {
            unsubscribe_headers: UnsubscribeHeaders::None,
            attachments: false,
            refused_headers: &["x-sg-id"],
            envelope_sender: false,
            ..Capabilities::mime()
        };
        let no_headers = Capabilities { custom_headers: false, ..Capabilities::mime() };
        let header = |name: &str| Needs { headers: vec![name.into()], ..Needs::default() };
        for (can, needs, says) in [
            (&bare, Needs { attachments: true, ..Needs::default() }, "attachments"),
            (&bare, Needs { is_marketing: true, ..Needs::default() }, "unsubscribe headers"),
            (&bare, Needs { envelope_sender: true, ..Needs::default() }, "envelope sender"),
            (&bare, header("X-SG-ID"), "header X-SG-ID"),
            (&no_headers, header("Feedback-ID"), "header Feedback-ID"),
        ] {
            let error = can.refuse_inexpressible("p", &needs).expect_err(says);
            assert_eq!(error.exit(), crate::model::exit::Exit::REFUSED);
            assert!(
                error.to_string().contains(says) && error.to_string().contains("hint:"),
                "{error}"
            );
            assert!(Capabilities::mime().refuse_inexpressible("p", &needs).is_ok());
        }
        assert!(bare.refuse_inexpressible("p", &header("Feedback-ID")).is_ok());
    }
}
