//! What a provider is trusted with: one trial chunk first, alone, then full requests. What it has
//! shown is remembered in the workspace, so that the next run spends no request on finding it out
//! again.
//!
//! A provider that takes one message at a time is given a few recipients in each of its first
//! chunks, and more with each: there a small chunk costs no request.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::hmac;

use crate::ledger::Fact;
use crate::model::error::Result;
use crate::pipeline::{ConfiguredProvider, Parts};
use crate::provider::Provider;

/// Recipients of the trial: a provider that refuses all of them must not burn the list, and a
/// request without an answer must leave few of them unknown.
const TRIAL: u64 = 10;
/// Recipients of the first chunks of a provider that takes single messages; the number doubles with
/// each of which something was accepted.
const FIRST_SINGLES: u64 = 2;
/// What a provider has shown; the value is one of the words of [`Shown`].
const SHOWN: &str = "trusted_with";
/// The most recipients that the account may have in one request, as a decimal number.
const MOST: &str = "recipients_per_request";
/// A limit of the account is asked about again after so long: it may have been lifted, and one
/// refused request finds that out.
const LIMIT_LASTS: Duration = Duration::from_secs(7 * 86_400);

/// What a provider of batches has taken so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Nothing,
    /// Some of a trial chunk.
    Trial,
    /// Some of a chunk after that, which may be as large as its requests can be.
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

/// What one provider is trusted with.
#[derive(Debug)]
pub(super) struct Trust {
    /// The provider's name, and a keyed hash of where it sends, how, and with which account:
    /// another account has shown nothing.
    subject: String,
    takes_batches: bool,
    shown: Shown,
    /// What the ledger has.
    kept: Shown,
    singles: u64,
    /// A request ended without an answer since something was accepted last: the next one is a trial
    /// again.
    has_unknown: bool,
    /// The account's own limit of one request.
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

    /// Whether one request is for several recipients.
    pub(super) fn takes_batches(&self) -> bool {
        self.takes_batches
    }

    /// Recalls what an earlier run found out.
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

    /// The most recipients of the next chunk. `canary` is the size of a canary that is going out:
    /// it is a trial by itself.
    pub(super) fn most(&self, canary: Option<u64>) -> u64 {
        let shown = match self.shown {
            _ if !self.takes_batches => self.singles,
            _ if self.has_unknown => TRIAL,
            Shown::Nothing => TRIAL.max(canary.unwrap_or(0)),
            Shown::Trial | Shown::Full => u64::MAX,
        };
        self.most.map_or(shown, |most| shown.min(most))
    }

    /// Whether a chunk goes only when no other is under way.
    pub(super) fn goes_alone(&self) -> bool {
        self.takes_batches && (self.has_unknown || self.shown != Shown::Full)
    }

    /// Some of a chunk was accepted: the next one may be larger, and much larger where requests are
    /// few.
    pub(super) fn accepted(&mut self, has_few_requests: bool) {
        self.has_unknown = false;
        self.singles = self.singles.saturating_mul(if has_few_requests { 8 } else { 2 });
        self.shown = if self.shown == Shown::Nothing { Shown::Trial } else { Shown::Full };
    }

    /// A request of it had no answer: another one like it must not be much of the list.
    pub(super) fn request_unknown(&mut self) {
        self.has_unknown = true;
    }

    /// It refuses what it took before: the next run begins with a trial.
    pub(super) fn lost(&mut self) {
        self.shown = Shown::Nothing;
    }

    /// Remembers what has changed since the last time.
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
