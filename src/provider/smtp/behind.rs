//! Decides when to send the next message's envelope (MAIL, RCPT, DATA) right after a final dot, and
//! learns from the result.

use std::sync::Arc;

use super::hand_over::HandOver;
use super::pipelining::{Mode, Stage, WORTHWHILE};
use super::session::Session;
use super::transaction::Ended;
use super::trial::Trial;
use crate::provider::{Job, Verdict};

impl<'a> HandOver<'a> {
    /// Returns the job whose envelope may be sent together with the current message, if there is
    /// one.
    pub(super) async fn next_behind(&mut self, session: &mut Session) -> Option<&'a Job> {
        match self.smtp.settings.pipelining {
            Mode::Full => self.ahead(session),
            Mode::Envelope | Mode::Off => None,
            Mode::Auto => match session.relay.behind.stage() {
                Stage::Takes => self.ahead(session),
                Stage::UnderWay | Stage::Refuses => None,
                // The connection must have carried a message before, so that the trial tests
                // nothing else.
                Stage::Untried | Stage::Begun
                    if session.transactions == 0 || self.wire.left() < WORTHWHILE =>
                {
                    None
                }
                Stage::Untried | Stage::Begun => {
                    let next = self.ahead(session)?;
                    self.begin_trial(session).await.then_some(next)
                }
            },
        }
    }

    /// Reserves the trial for this connection, and records the trial before it starts.
    async fn begin_trial(&self, session: &mut Session) -> bool {
        let relay = &session.relay;
        let Some(before) = relay.behind.take() else { return false };
        let place = self.smtp.settings.place();
        let relays = &self.smtp.relays;
        if before == Stage::Untried && !relays.record_trial(&place, relay).await {
            // Another process runs the trial, or the trial cannot be recorded.
            relay.behind.failed();
            return false;
        }
        session.trial = Some(Trial::of(relay));
        true
    }

    /// Learns from the result of a message that had an envelope sent right after its final dot, or
    /// whose own envelope was sent that way.
    pub(super) async fn learn_behind(
        &self,
        session: &mut Session,
        was_behind: bool,
        ended: &Ended,
    ) {
        let has_failed = self.smtp.settings.pipelining == Mode::Auto
            && match ended {
                Ended::NotBehind => true,
                Ended::Settled { verdict: Verdict::Unknown { .. }, .. } => session.envelope_is_out,
                _ => false,
            };
        let relay = Arc::clone(&session.relay);
        if has_failed {
            session.trial = None;
            if relay.behind.failed() {
                tracing::warn!(
                    server = self.smtp.settings.host,
                    "the server does not accept an envelope right after the final dot of a message; this run and later runs wait for the reply first"
                );
                self.smtp.relays.record(&relay, Stage::Refuses).await;
            }
        } else if was_behind && let Some(trial) = session.trial.take() {
            if session.behind_went_well && relay.behind.passed() {
                tracing::info!(
                    server = self.smtp.settings.host,
                    "the server accepts an envelope right after the final dot of a message"
                );
                self.smtp.relays.record(&relay, Stage::Takes).await;
            }
            drop(trial);
        }
    }
}
