//! Renders the rows of a claim, and computes the claim's idempotency key.
//!
//! Invariant: the same run, row, claim time and provider always give the same bytes and the same
//! key.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::{digest, hmac};

use crate::content::{Attachment, Content, is_unsubscribe_header};
use crate::input::context::ColumnIndex;
use crate::ledger::{LedgerRow, Run};
use crate::message::{Ident, Message, Trouble};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::recipient::Fields;
use crate::pipeline::ConfiguredProvider;
use crate::provider::{EightBit, Form, Job, Provider, UnsubscribeHeaders, lines_stand};

/// The inputs that all rows of a claim share.
pub(super) struct Renderer<'a> {
    pub(super) message: &'a Message,
    /// The columns of each list of the run.
    pub(super) columns: &'a [Arc<ColumnIndex>],
    pub(super) run: &'a Run,
    /// The workspace's secret key.
    pub(super) secret: &'a [u8; 32],
}

impl Renderer<'_> {
    /// Renders a row for a provider and signs the message. A message in MIME form is written to the
    /// buffer `room`. Planning has already rendered the row, so an outer error is a defect in
    /// mailbatch. The inner error is about a row whose attached files have changed since planning.
    pub(super) fn job(
        &self,
        row: &LedgerRow,
        to: &Address,
        claimed_at: Timestamp,
        provider: &dyn Provider,
        room: Vec<u8>,
    ) -> Result<Result<Job, String>> {
        let can = provider.capabilities();
        let at_row = |what: String| Error::internal(format!("row {}: {what}", row.row));
        let fields = Fields::decode(&row.fields).map_err(|e| at_row(e.to_string()))?;
        let index = self
            .columns
            .get(row.list as usize)
            .ok_or_else(|| at_row("the list that the row came from is not in the ledger".into()))?;
        let head = &self.run.head;
        let ident = Ident {
            campaign: &head.campaign,
            env: head.env.as_deref(),
            key: &row.key,
            secret: self.secret,
            date: claimed_at,
        };
        let files = match self.message.attach(index, &fields, row.files.as_deref()) {
            Ok(files) => files,
            Err(Trouble::Row(why)) => return Ok(Err(why.to_string())),
            Err(Trouble::Ours(why)) => return Err(at_row(why.to_string())),
        };
        let filled = self
            .message
            .fill(index, &fields, &ident)
            .map_err(|e| at_row(e.to_string()))?
            .with(files);
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
        Ok(Ok(Job {
            id: row.row,
            to: to.clone(),
            envelope_sender: Some(self.message.envelope_sender_of(&message_id)),
            eight_bit: EightBit::of(&message),
            lines_stand: lines_stand(&message),
            message,
            content,
            message_id,
        }))
    }
}

/// Computes the idempotency key: a hash of environment, campaign, members and claim time. If the
/// provider supports idempotency keys, the hash also covers everything that affects the body. Each
/// claim has its own key, for two reasons: a service may repeat an earlier refusal for the same
/// key, and two claims of the same members can have different bodies. The key ends in
/// [`account_mark`].
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
    // The generation number stored with a batch, which is always 0.
    add(&mut hash, 0_u32.to_be_bytes());
    add(&mut hash, claimed_at.as_microsecond().to_be_bytes());
    if configured.provider.capabilities().idempotency_window.is_some() {
        // The From address is not hashed here, because the message's fingerprint covers it.
        add(&mut hash, env!("CARGO_PKG_VERSION"));
        add(&mut hash, &configured.shape);
        add(&mut hash, &run.head.message_fingerprint);
        jobs.iter()
            .filter_map(|job| job.content.as_deref())
            .for_each(|content| add_content(&mut hash, content));
        add_files(&mut hash, jobs);
    }
    for job in jobs {
        add(&mut hash, &job.message_id);
        add(&mut hash, job.to.as_str());
    }
    HEXLOWER.encode(&hash.finish().as_ref()[..16]) + &account_mark(configured, secret)
}

/// The suffix of a key, if the provider supports idempotency keys: a mark of the provider account.
/// It is an HMAC under the workspace's key, so it reveals only whether two claims used the same
/// account.
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

/// The length is hashed first, so that two different lists of parts never give the same bytes.
fn add(hash: &mut digest::Context, part: impl AsRef<[u8]>) {
    let part = part.as_ref();
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part);
}

/// A file that several members share is hashed once.
fn add_files(hash: &mut digest::Context, jobs: &[Job]) {
    let mut last: Option<&Arc<[Attachment]>> = None;
    for files in
        jobs.iter().filter_map(|job| job.content.as_ref()).map(|content| &content.attachments)
    {
        if last.is_some_and(|last| Arc::ptr_eq(last, files)) || files.is_empty() {
            continue;
        }
        for file in files.iter() {
            for part in [&file.name, &file.content_type, &file.data] {
                add(hash, part);
            }
        }
        last = Some(files);
    }
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
    for party in &*content.reply_to {
        add(hash, &party.name);
        add(hash, &party.address);
    }
    for (name, value) in &content.headers {
        add(hash, name);
        add(hash, value);
    }
}
