//! A row becomes the job of a claim, and a claim gets its key.
//!
//! The rule it keeps: the same run, row, time of claim and provider give the same bytes and the
//! same key, however much later.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::{digest, hmac};

use crate::content::{Content, is_unsubscribe_header};
use crate::input::context::ColumnIndex;
use crate::ledger::{LedgerRow, Run};
use crate::message::{Ident, Message};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::recipient::Fields;
use crate::pipeline::ConfiguredProvider;
use crate::provider::{EightBit, Form, Job, Provider, UnsubscribeHeaders, lines_stand};

/// What the jobs of a run are made of besides their rows.
pub(super) struct Renderer<'a> {
    pub(super) message: &'a Message,
    /// The columns of each list of the run.
    pub(super) columns: &'a [Arc<ColumnIndex>],
    pub(super) run: &'a Run,
    /// The workspace's key.
    pub(super) secret: &'a [u8; 32],
}

impl Renderer<'_> {
    /// Renders a row for a provider and signs it, into `room` if that serves. It has been rendered
    /// once while planning, so an error here is a defect.
    pub(super) fn job(
        &self,
        row: &LedgerRow,
        to: &Address,
        claimed_at: Timestamp,
        provider: &dyn Provider,
        room: Vec<u8>,
    ) -> Result<Job> {
        let can = provider.capabilities();
        let at_row = |what: String| Error::internal(format!("row {}: {what}", row.row));
        let fields = Fields::decode(&row.fields).map_err(|e| at_row(e.to_string()))?;
        let index = self
            .columns
            .get(row.list as usize)
            .ok_or_else(|| at_row("its list is not in the ledger".into()))?;
        let head = &self.run.head;
        let ident = Ident {
            campaign: &head.campaign,
            env: head.env.as_deref(),
            key: &row.key,
            secret: self.secret,
            date: claimed_at,
        };
        let filled =
            self.message.fill(index, &fields, &ident).map_err(|e| at_row(e.to_string()))?;
        let mut message = Vec::new();
        if can.form != Form::Parts {
            message = room;
            filled.encode(to, &ident, &mut message);
            if let Some(signers) = provider.dkim() {
                signers.sign(&mut message, claimed_at.as_second())?;
            }
        }
        let content = (can.form != Form::Mime).then(|| {
            let mut content = filled.content();
            if can.unsubscribe_headers != UnsubscribeHeaders::Ours {
                content.headers.retain(|(name, _)| !is_unsubscribe_header(name));
            }
            Arc::new(content)
        });
        let message_id = filled.message_id;
        Ok(Job {
            id: row.row,
            to: to.clone(),
            envelope_sender: Some(self.message.envelope_sender_of(&message_id)),
            eight_bit: EightBit::of(&message),
            lines_stand: lines_stand(&message),
            message,
            content,
            message_id,
        })
    }
}

/// A function of environment, campaign, members and claim, and for a provider that
/// knows keys of everything that shapes the body. Each claim has a key of its own, because a
/// service may answer from memory what it once refused, and because the bodies of two claims of the
/// same members can differ. It ends in [`account_mark`].
pub(super) fn idempotency_key(
    run: &Run,
    configured: &ConfiguredProvider,
    jobs: &[Job],
    claimed_at: Timestamp,
    secret: &[u8; 32],
) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    add(&mut hash, run.head.env.as_deref().unwrap_or(""));
    add(&mut hash, &run.head.campaign);
    // The number that `batches.generation` of the ledger has, which has never been another.
    add(&mut hash, 0_u32.to_be_bytes());
    add(&mut hash, claimed_at.as_microsecond().to_be_bytes());
    if configured.provider.capabilities().idempotency_window.is_some() {
        // From, Reply-To and the attachments are the message's own.
        add(&mut hash, env!("CARGO_PKG_VERSION"));
        add(&mut hash, &configured.shape);
        add(&mut hash, &run.head.message_fingerprint);
        jobs.iter()
            .filter_map(|job| job.content.as_deref())
            .for_each(|content| add_content(&mut hash, content));
    }
    for job in jobs {
        add(&mut hash, &job.message_id);
        add(&mut hash, job.to.as_str());
    }
    HEXLOWER.encode(&hash.finish().as_ref()[..16]) + &account_mark(configured, secret)
}

/// What a key ends in for a provider that knows keys: the account it is good for, under the
/// workspace's own key, so that it reveals only whether two claims went to the same one.
pub(super) fn account_mark(configured: &ConfiguredProvider, secret: &[u8; 32]) -> String {
    let keyed = configured
        .provider
        .capabilities()
        .idempotency_window
        .and_then(|_| configured.provider.account());
    let Some(account) = keyed else { return String::new() };
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &account);
    format!("-{}", HEXLOWER.encode(&signed.as_ref()[..6]))
}

/// The length goes first, so that no two lists of parts are the same bytes.
fn add(hash: &mut digest::Context, part: impl AsRef<[u8]>) {
    let part = part.as_ref();
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part);
}

fn add_content(hash: &mut digest::Context, content: &Content) {
    for part in [
        &content.to_name,
        &content.subject,
        &content.text,
        content.html.as_deref().unwrap_or_default(),
    ] {
        add(hash, part);
    }
    for (name, value) in &content.headers {
        add(hash, name);
        add(hash, value);
    }
}
