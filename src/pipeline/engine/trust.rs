//! Limits the size of requests to a provider until it has accepted some: first one small trial
//! chunk, then full requests. The result is stored in the workspace, so that the next run needs no
//! trial.
//!
//! A provider of single messages gets a few recipients in its first chunks, and more in each later
//! one. For such a provider, a small chunk costs no extra request.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::hmac;

use crate::ledger::Fact;
use crate::model::error::Result;
use crate::pipeline::{ConfiguredProvider, Parts};
use crate::provider::Provider;

/// The number of recipients in the trial chunk. It is small, because a provider may refuse all of
/// them, and a request without an answer leaves all of them unknown.
const TRIAL: u64 = 10;
/// The number of recipients in the first chunks of a provider of single messages. It doubles with
/// each chunk that has an acceptance.
const FIRST_SINGLES: u64 = 2;
/// The kind of the fact that stores how large a request a provider has accepted; its value is the
/// text of a [`Shown`].
const SHOWN: &str = "trusted_with";
/// The kind of the fact that stores the most recipients per request of an account; its value is a
/// decimal number.
const MOST: &str = "recipients_per_request";
/// A stored account limit expires after this time, because the provider may have raised it. Finding
/// out costs one refused request.
const LIMIT_LASTS: Duration = Duration::from_secs(7 * 86_400);

/// How large a request a batch provider has accepted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Nothing,
    /// The provider accepted at least one recipient of a trial chunk.
    Trial,
    /// The provider accepted at least one recipient of a later chunk, which may have had the full
    /// size.
    Full,
}

impl Shown {
    fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Trial => "trial",
            Self::Full => "full",
        }
    }
}

/// The request size that one provider is trusted with.
#[derive(Debug)]
pub(super) struct Trust {
    /// The provider's name and a keyed hash of its settings and account, so that another account
    /// starts with a trial.
    subject: String,
    takes_batches: bool,
    shown: Shown,
    /// The value of `shown` that the ledger has stored.
    kept: Shown,
    singles: u64,
    /// Whether a request has ended without an answer and nothing has been accepted since. If so,
    /// the next request is a trial again.
    has_unknown: bool,
    /// The account's own limit of recipients per request.
    most: Option<u64>,
}

impl Trust {
    pub(super) fn new(parts: &Parts, configured: &ConfiguredProvider) -> Self {
        let mut hash = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &parts.secret));
        for part in [
            configured.name.as_bytes(),
            configured.shape.as_bytes(),
            &configured.provider.account().unwrap_or_default(),
        ] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self {
            subject: format!("{}/{}", configured.name, HEXLOWER.encode(&hash.sign().as_ref()[..8])),
            takes_batches: configured.provider.capabilities().per_request > 1,
            shown: Shown::Nothing,
            kept: Shown::Nothing,
            singles: FIRST_SINGLES,
            has_unknown: false,
            most: None,
        }
    }

    /// Whether one request can have several recipients.
    pub(super) fn takes_batches(&self) -> bool {
        self.takes_batches
    }

    /// Loads the results of earlier runs.
    pub(super) async fn recall(&mut self, parts: &Parts, provider: &dyn Provider) -> Result<()> {
        if !self.takes_batches {
            return Ok(());
        }
        let known = |facts: Vec<Fact>| facts.into_iter().find(|fact| fact.subject == self.subject);
        let shown = known(parts.ledger.recall(SHOWN).await?);
        let most = known(parts.ledger.recall(MOST).await?);
        let is_recent = |fact: &Fact| {
            Duration::try_from(Timestamp::now().duration_since(fact.at))
                .is_ok_and(|age| age < LIMIT_LASTS)
        };
        self.kept = [Shown::Trial, Shown::Full]
            .into_iter()
            .find(|word| shown.as_ref().is_some_and(|fact| fact.value == word.as_str()))
            .unwrap_or(Shown::Nothing);
        self.shown = self.kept;
        if self.shown != Shown::Nothing {
            provider.has_answered_before();
        }
        self.most = most
            .filter(is_recent)
            .and_then(|fact| fact.value.parse().ok())
            .filter(|most| *most > 0);
        Ok(())
    }

    /// The most recipients that the next chunk may have. `canary` is the size of a canary that is
    /// being sent, which serves as the trial.
    pub(super) fn most(&self, canary: Option<u64>) -> u64 {
        let shown = match self.shown {
            _ if !self.takes_batches => self.singles,
            _ if self.has_unknown => TRIAL,
            Shown::Nothing => TRIAL.max(canary.unwrap_or(0)),
            Shown::Trial | Shown::Full => u64::MAX,
        };
        self.most.map_or(shown, |most| shown.min(most))
    }

    /// Whether a chunk is sent only while no other is under way.
    pub(super) fn goes_alone(&self) -> bool {
        self.takes_batches && (self.has_unknown || self.shown != Shown::Full)
    }

    /// Records that the provider accepted some recipients of a chunk: the next chunk may be larger,
    /// and much larger if few requests are allowed.
    pub(super) fn accepted(&mut self, has_few_requests: bool) {
        self.has_unknown = false;
        self.singles = self.singles.saturating_mul(if has_few_requests { 8 } else { 2 });
        self.shown = if self.shown == Shown::Nothing { Shown::Trial } else { Shown::Full };
    }

    /// Records a request without an answer. The next request is small, so that it leaves few
    /// recipients unknown if it is not answered either.
    pub(super) fn request_unknown(&mut self) {
        self.has_unknown = true;
    }

    /// Records that the provider refuses a size that it accepted before: the next run starts with a
    /// trial.
    pub(super) fn lost(&mut self) {
        self.shown = Shown::Nothing;
    }

    /// Stores what has changed since the last call.
    pub(super) async fn keep(&mut self, parts: &Parts, learned: Option<u64>) -> Result<()> {
        if let Some(most) = learned.filter(|most| self.most != Some(*most)) {
            self.most = Some(most);
            self.remember(parts, MOST, most.to_string()).await?;
        }
        if self.takes_batches && self.shown != self.kept {
            self.kept = self.shown;
            match self.shown {
                Shown::Nothing => drop(parts.ledger.forget(SHOWN, &self.subject).await?),
                shown => self.remember(parts, SHOWN, shown.as_str().to_owned()).await?,
            }
        }
        Ok(())
    }

    async fn remember(&self, parts: &Parts, kind: &str, value: String) -> Result<()> {
        let fact = Fact {
            kind: kind.to_owned(),
            subject: self.subject.clone(),
            value,
            at: Timestamp::now(),
        };
        Ok(parts.ledger.remember(fact).await?)
    }
}
