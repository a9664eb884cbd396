//! Settles recipients whose outcome is unknown: by evidence, by sending a batch again, or by the
//! operator's assertion.
//!
//! Invariants: evidence takes precedence over the operator's assertion, and weak evidence settles
//! no recipient. Apart from requested replays, this module sends no mail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::{Assumed, ReconcileArgs};
use crate::content::Needs;
use crate::ledger::{
    Interrupted, Ledger, LedgerRow, LedgerSuppression, Reconciled, Run, Settled, Standing,
};
use crate::message::Message;
use crate::model::address::key_of;
use crate::model::error::{Error, Result};
use crate::model::figures::time;
use crate::model::outcome::{Outcome, Reason};
use crate::pipeline::{ReplaySource, Replayed, keep_learned, replay};
use crate::provider::account::in_words;
use crate::provider::{Refusal, RowNumber, Verdict};
use crate::run::context::{Context, column_indexes};
use crate::run::learning::{learn, recover};
use crate::run::log_lookup::{self, LogLookup};
use crate::run::providers;
use crate::run::reports::{each_row, forget_report};
use crate::run::settings::RunSettings;
use crate::run::standing::keep_standing;

/// The result of a reconciliation.
pub(crate) struct Reconciliation {
    /// How many recipients were settled, by method and outcome.
    pub(crate) settled: BTreeMap<(&'static str, Outcome), u64>,
    pub(crate) notes: Vec<String>,
    /// The numbers of rows by outcome after the reconciliation.
    pub(crate) standing: Standing,
}

/// Settles as many recipients of a run as possible. The caller holds the campaign's lock.
pub(crate) async fn reconcile(
    context: &Context,
    ledger: Arc<dyn Ledger>,
    run: &Run,
    args: &ReconcileArgs,
) -> Result<Reconciliation> {
    recover(context, ledger.as_ref(), run, false).await?;
    let before = ledger.standing(&run.id).await?;
    let frozen = RunSettings::of(run)?;
    let mut unknowns =
        Unknowns { context, ledger, run, frozen, settled: BTreeMap::new(), notes: Vec::new() };
    // The addresses are checked before anything is settled, so that a mistyped address settles no
    // recipient.
    let named = unknowns.named(&args.emails).await?;
    unknowns.by_events().await?;
    unknowns.by_look_up().await?;
    if args.replay {
        unknowns.by_replay().await?;
    }
    if let Some(word) = args.assume {
        unknowns.by_word(word, &named).await?;
    }
    let Unknowns { ledger, settled, notes, .. } = unknowns;
    let standing = match settled.is_empty() {
        true => ledger.standing(&run.id).await?,
        false => keep_standing(context, ledger.as_ref(), run, &before).await?,
    };
    Ok(Reconciliation { settled, notes, standing })
}

/// The recipients of one run whose outcome is unknown, and the data needed to settle them.
struct Unknowns<'a> {
    context: &'a Context,
    ledger: Arc<dyn Ledger>,
    run: &'a Run,
    frozen: RunSettings,
    /// How many recipients were settled, by method and outcome.
    settled: BTreeMap<(&'static str, Outcome), u64>,
    notes: Vec<String>,
}

impl Unknowns<'_> {
    /// Returns all recipients whose outcome is unknown now, in input order.
    async fn rows(&self) -> Result<Vec<LedgerRow>> {
        let mut rows = Vec::new();
        each_row(self.ledger.as_ref(), &self.run.id, |row| {
            if row.outcome == Some(Outcome::Unknown) {
                rows.push(row);
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    async fn settle(&mut self, by: &'static str, verdicts: Vec<Reconciled>) -> Result<()> {
        for verdict in &verdicts {
            if let Some(outcome) = verdict.settled.outcome() {
                *self.settled.entry((by, outcome)).or_default() += 1;
            }
        }
        if !verdicts.is_empty() {
            forget_report(self.context, self.run)?;
            self.ledger.reconcile(&self.run.id, verdicts).await?;
        }
        Ok(())
    }

    /// Returns the unknown recipients with these addresses; exit 2 if an address has no unknown
    /// recipient.
    async fn named(&self, emails: &[String]) -> Result<HashSet<RowNumber>> {
        let mut wanted: BTreeMap<String, bool> =
            emails.iter().map(|email| (key_of(email), false)).collect();
        let mut named = HashSet::new();
        if emails.is_empty() {
            return Ok(named);
        }
        for row in self.rows().await? {
            if let Some(found) = wanted.get_mut(&key_of(&row.email)) {
                *found = true;
                named.insert(row.row);
            }
        }
        let missing = wanted.values().filter(|found| !**found).count();
        if missing > 0 {
            return Err(Error::usage(format!(
                "{missing} of the {} addresses have no unknown outcome in run {}; nothing was changed",
                wanted.len(),
                self.run.id
            ))
            .hint(format!("`mailbatch report {} --outcome unknown` lists the addresses that have one", self.run.id)));
        }
        Ok(named)
    }

    /// Settles recipients by events: an event about a message proves that the provider accepted it.
    async fn by_events(&mut self) -> Result<()> {
        let proofs = self.ledger.proofs(&self.run.id).await?;
        let verdict = |proof: crate::ledger::Proof| {
            let from = if proof.provider.is_empty() { &proof.source } else { &proof.provider };
            let evidence =
                format!("event {} from {from} at {} ({})", proof.kind, time(proof.at), proof.event);
            let provider_id = Some(proof.provider_id).filter(|id| !id.is_empty());
            Reconciled { row: proof.row, settled: taken(provider_id), evidence }
        };
        self.settle("events", proofs.into_iter().map(verdict).collect()).await
    }

    /// Settles recipients by the providers' logs, if the logs can be searched.
    async fn by_look_up(&mut self) -> Result<()> {
        let mut by_provider: BTreeMap<String, Vec<LedgerRow>> = BTreeMap::new();
        let mut carried = 0_u64;
        for row in self.rows().await? {
            match row.batch {
                Some(_) => by_provider.entry(row.provider.clone()).or_default().push(row),
                None => carried += 1,
            }
        }
        if carried > 0 {
            self.notes.push(format!("recipients with an outcome that is unknown since an earlier run: {carried}; reconcile that run, which has the details"));
        }
        for (name, rows) in by_provider {
            let provider = match self.context.settings.connect(&name) {
                Ok(provider) => provider,
                Err(error) => {
                    self.notes.push(format!(
                        "providers.{name}: these recipients cannot be looked up: {}",
                        error.to_string().lines().next().unwrap_or_default()
                    ));
                    continue;
                }
            };
            let Some(log) = provider.account_api().and_then(|account| account.log()) else {
                self.notes.push(format!(
                    "providers.{name} keeps no log that can be asked about a message by our id"
                ));
                continue;
            };
            let LogLookup { found, trouble } = log_lookup::look_up(
                self.ledger.as_ref(),
                (self.run, &self.frozen),
                &name,
                log,
                &rows,
            )
            .await?;
            if let Some(trouble) = trouble {
                self.notes.push(format!(
                    "providers.{name}: these recipients cannot be looked up: {}",
                    in_words(trouble.refusal())
                ));
            }
            log_lookup::keep_what_it_teaches(
                self.context,
                self.ledger.as_ref(),
                &self.frozen,
                &name,
                &rows,
                &found,
                false,
            )
            .await?;
            self.settle("log", found).await?;
        }
        Ok(())
    }

    /// Settles recipients by sending their batches again, if all members of a batch are unknown and
    /// the provider supports idempotency keys.
    async fn by_replay(&mut self) -> Result<()> {
        let mut by_batch: BTreeMap<i64, HashMap<RowNumber, LedgerRow>> = BTreeMap::new();
        for row in self.rows().await? {
            if let Some(batch) = row.batch {
                by_batch.entry(batch).or_default().insert(row.row, row);
            }
        }
        if by_batch.is_empty() {
            return Ok(());
        }
        let source = ReplaySource {
            ledger: Arc::clone(&self.ledger),
            run: self.run.clone(),
            message: Arc::new(Message::thaw(&self.run.head.message)?),
            columns: column_indexes(self.run),
            secret: self.ledger.secret_key().await?,
            redirect: self.frozen.redirect.clone(),
            suppressions: Arc::new(
                self.context
                    .suppressions(
                        &self.frozen.suppress,
                        Some(self.ledger.as_ref()),
                        self.run.head.kind,
                    )
                    .await?,
            ),
        };
        let needs = source.message.needs();
        for (number, rows) in by_batch {
            self.replay_batch(&source, &needs, number, rows).await?;
        }
        Ok(())
    }

    /// Sends one batch again and settles its members, or notes why it is not sent. `rows` are the
    /// members that are still unknown.
    async fn replay_batch(
        &mut self,
        source: &ReplaySource,
        needs: &Needs,
        number: i64,
        mut rows: HashMap<RowNumber, LedgerRow>,
    ) -> Result<()> {
        let Some(batch) = self.ledger.batch(&self.run.id, number).await? else { return Ok(()) };
        let members: Vec<LedgerRow> =
            batch.members.iter().filter_map(|member| rows.remove(member)).collect();
        let refuse = |why: &str| format!("batch {number} is not sent again: {why}");
        let connected = providers::configured(
            &self.context.settings,
            &batch.provider,
            None,
            needs,
            self.frozen.provider_sandbox,
            &source.ledger,
        );
        let configured = match connected {
            Ok(configured) if configured.provider.capabilities().idempotency_window.is_some() => {
                configured
            }
            Ok(_) => {
                self.notes.push(refuse(&format!("{} knows no idempotency keys", batch.provider)));
                return Ok(());
            }
            Err(error) => {
                self.notes.push(refuse(error.to_string().lines().next().unwrap_or_default()));
                return Ok(());
            }
        };
        if members.len() < batch.members.len() {
            self.notes.push(refuse(
                "some of its members are settled, and a batch can only be sent whole",
            ));
            return Ok(());
        }
        if members.iter().any(|row| Interrupted::of(&row.detail) == Some(Interrupted::Untraced)) {
            self.notes.push(refuse("the trace that says which requests it was sent in is missing"));
            return Ok(());
        }
        match replay(source, &configured, &batch, &members).await? {
            Replayed::Refused(why) => self.notes.push(refuse(&why)),
            Replayed::Answered(reply) => {
                let evidence = format!(
                    "sent again to {} under its key {} at {}",
                    batch.provider,
                    batch.key,
                    time(Timestamp::now())
                );
                self.learn(&batch.provider, &members, &reply.items).await?;
                let verdict = |(row, verdict)| {
                    Some(Reconciled { row, settled: settled(verdict)?, evidence: evidence.clone() })
                };
                let verdicts: Vec<Reconciled> =
                    reply.items.into_iter().filter_map(verdict).collect();
                if verdicts.len() < members.len() {
                    self.notes.push(format!(
                        "batch {number} was sent again, and {} of its members are still unknown",
                        members.len() - verdicts.len()
                    ));
                }
                self.settle("replay", verdicts).await?;
            }
        }
        configured.provider.close().await;
        Ok(())
    }

    /// Records the suppressions that follow from the answers.
    async fn learn(
        &self,
        provider: &str,
        members: &[LedgerRow],
        verdicts: &[(RowNumber, Verdict)],
    ) -> Result<()> {
        let Some(learn) = learn(self.context, &self.frozen, false) else { return Ok(()) };
        let email = |job: &RowNumber| {
            members.iter().find(|row| row.row == *job).map(|row| row.email.as_str())
        };
        let now = Timestamp::now();
        let learned: Vec<LedgerSuppression> = verdicts
            .iter()
            .filter_map(|(job, verdict)| {
                LedgerSuppression::learned(email(job)?, provider, verdict, now)
            })
            .collect();
        if learned.is_empty() {
            Ok(())
        } else {
            keep_learned(self.ledger.as_ref(), &learn, learned).await
        }
    }

    /// Settles the remaining recipients, or the named ones, by the operator's assertion.
    async fn by_word(&mut self, word: Assumed, named: &HashSet<RowNumber>) -> Result<()> {
        let by = std::env::var("USER")
            .ok()
            .filter(|user| !user.is_empty())
            .unwrap_or_else(|| "mailbatch reconcile".to_owned());
        let rows = self.rows().await?;
        let mut verdicts = Vec::new();
        for row in rows.into_iter().filter(|row| named.is_empty() || named.contains(&row.row)) {
            let (settled, verdict) = match word {
                Assumed::Taken => (taken(None), "taken"),
                Assumed::NotTaken => {
                    let refusal =
                        Refusal::new(Reason::NoReply, "", "assumed not to have been taken");
                    (Settled::GaveUp { refusal, counts: true }, "not taken")
                }
            };
            verdicts.push(Reconciled {
                row: row.row,
                settled,
                evidence: format!("assumed {verdict} by {by}"),
            });
        }
        let overruled = named.len().saturating_sub(verdicts.len());
        if overruled > 0 {
            self.notes.push(format!("settled by evidence instead of --assume: {overruled}"));
        }
        self.settle("word", verdicts).await
    }
}

fn taken(provider_id: Option<String>) -> Settled {
    Settled::Final(Verdict::Accepted { provider_id, code: String::new(), detail: String::new() })
}

/// Converts the answer about a member to an outcome; `None` if the outcome is still unknown.
fn settled(verdict: Verdict) -> Option<Settled> {
    match verdict {
        Verdict::Unknown { .. } => None,
        Verdict::NotTaken { refusal, .. } => Some(Settled::GaveUp { refusal, counts: true }),
        decided => Some(Settled::Final(decided)),
    }
}
