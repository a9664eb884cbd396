//! Renders one message for each recipient.
//!
//! A message is loaded once, with its front matter, templates and attachments. It is frozen with
//! the run, and only the frozen form is used for rendering. The rules: equal input gives equal
//! bytes, a value from a row never adds headers or HTML, and errors show no values.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::outcome::Kind;

mod attachment;
mod beneath;
mod bodies;
mod body;
mod choice;
mod cid;
mod confined;
mod content;
mod derived;
mod difference;
mod elements;
mod escape;
mod file;
mod filters;
mod frozen;
mod header;
mod ident;
mod images;
mod includes;
mod inline;
mod keys;
mod link;
mod listed;
mod load;
mod mailbox;
mod mailboxes;
mod mapped;
mod markdown;
mod marks;
mod mime;
mod mjml;
mod own_file;
mod pages;
mod piece;
mod placeholders;
mod places;
mod plain;
mod preheader;
mod prepared;
mod printer;
mod recorder;
mod rendered;
mod reserved;
mod row;
mod row_files;
mod source;
mod start_tag;
mod tags;
mod template;
mod utf8;
mod variants;

pub(crate) use choice::name_of;
#[cfg(test)]
pub(crate) use ident::message_id;
pub use ident::{Ident, is_token, token_of};
pub use keys::MessageKeys;
pub use link::Links;
pub(crate) use mailbox::bracketed_address;
pub use rendered::Rendered;
pub(crate) use rendered::{Filled, preview_text};
pub(crate) use row_files::Trouble;
pub use source::MessageSource;
pub(crate) use tags::is_template;
pub(crate) use template::RenderError;

use confined::Folder;
use frozen::{Frozen, VERSION};
use includes::Gathered;
use mailbox::Mailbox;
use mailboxes::ReplyTo;
use printer::Printers;
use row_files::RowFiles;
use template::{Source, Templates};

const SUBJECT: &str = "subject";
const TO_NAME: &str = "to_name";
const UNSUBSCRIBE_URL: &str = "unsubscribe_url";
const UNSUBSCRIBE_MAILTO: &str = "unsubscribe_mailto";
const REPLY_TO: &str = "reply_to";
const FEEDBACK_ID: &str = "feedback_id";
const PREHEADER: &str = "preheader";

/// The most characters of a subject that most mail programs show.
const LONG_SUBJECT: usize = 78;
/// Many receivers refuse mail with more bytes of attachments than this.
const HEAVY_ATTACHMENTS: usize = 10 * 1024 * 1024;

/// A compiled message. Any thread can render it for any row.
#[derive(Debug)]
pub struct Message {
    frozen: Frozen,
    from: Mailbox,
    /// The mailboxes of Reply-To. Empty if a template decides them for each row.
    reply_to: Arc<[Mailbox]>,
    envelope_sender: Address,
    templates: Templates,
    /// The names of the custom headers and of their templates.
    headers: Vec<(String, String)>,
    /// The encoded attachments. `inline` holds the files that the HTML shows.
    attachments: Vec<Vec<u8>>,
    inline: Vec<(String, Vec<u8>)>,
    /// The Content-IDs of files that are sent to the rows whose HTML shows them, and not to others.
    shown: HashSet<String>,
    row_files: RowFiles,
    /// The renderers of the body.
    printers: Printers,
    /// The parts of the structured content that all recipients share, built when first needed.
    shared: OnceLock<content::Shared>,
    odd: Vec<String>,
    /// The files that the message was read from.
    files: Vec<PathBuf>,
    /// Signs links to mailbatch's own unsubscribe page.
    links: Option<Links>,
    /// Whether rows whose unsubscribe link is not https are refused.
    needs_one_click: bool,
}

/// The placeholder for the recipient's token in addresses and links.
const TOKEN: &str = "{token}";

impl Message {
    /// Reads and compiles a message. A missing or invalid key has exit code 2, an unusable file or
    /// template exit code 4.
    pub fn load(source: &MessageSource) -> Result<Self> {
        let load::Loaded { frozen, odd, mut files, folder } = load::load(source)?;
        let mut message = Self::compile(frozen, odd)?;
        let known = message.frozen.includes.len();
        let mut included = Gathered::new(folder.as_ref(), message.frozen.includes.clone());
        for (name, source) in message.templates.own() {
            included.add(name, source)?;
        }
        let includes = included.files();
        if includes.len() > known {
            message = Self::compile(Frozen { includes, ..message.frozen }, message.odd)?;
        }
        files.extend(folder.into_iter().flat_map(Folder::into_files));
        Ok(Self { files, ..message })
    }

    /// Returns the form that is stored in the ledger, including attachments.
    pub fn freeze(&self) -> serde_json::Value {
        serde_json::to_value(&self.frozen).expect("texts and numbers are always JSON")
    }

    /// Reads the form that `freeze` returns.
    pub fn thaw(frozen: &serde_json::Value) -> Result<Self> {
        let version = frozen.get("v").and_then(serde_json::Value::as_u64);
        if let Some(newer) = version.filter(|version| *version > u64::from(VERSION)) {
            return Err(Error::internal(format!("the run's message has version {newer}, but this mailbatch reads only versions up to {VERSION}"))
                .hint("use the mailbatch version that planned the run"));
        }
        let frozen: Frozen = serde::Deserialize::deserialize(frozen).map_err(|_| {
            Error::internal("the run's message cannot be read back from the ledger")
                .hint("plan the run again with `mailbatch send`")
        })?;
        Self::compile(frozen, Vec::new())
    }

    fn compile(frozen: Frozen, odd: Vec<String>) -> Result<Self> {
        let damaged = |why: String| Error::internal(format!("the message's {why}"));
        let mut templates = Templates::new();
        templates.add(SUBJECT, &frozen.subject)?;
        if let Some(source) = &frozen.to_name {
            templates.add(TO_NAME, source)?;
        }
        if let Some(source) = &frozen.unsubscribe_url {
            templates.add(UNSUBSCRIBE_URL, source)?;
        }
        if let Some(source) = &frozen.unsubscribe_mailto {
            let (address, _) = listed::split_mailto(&source.text)
                .map_err(|why| damaged(format!("unsubscribe_mailto {why}")))?;
            templates
                .add(UNSUBSCRIBE_MAILTO, &Source { text: address.to_owned(), ..source.clone() })?;
        }
        if let Some(source) = &frozen.feedback_id {
            templates.add(FEEDBACK_ID, source)?;
        }
        if let Some(source) = &frozen.preheader {
            templates.add(PREHEADER, source)?;
        }
        let reply_to = reply_to(&mut templates, &frozen)?;
        let row_files = RowFiles::compile(&frozen, &mut templates)?;
        let mut headers = Vec::with_capacity(frozen.headers.len());
        for (name, source) in &frozen.headers {
            let template = format!("header {name}");
            templates.add(&template, source)?;
            headers.push((name.clone(), template));
        }
        frozen.body.compile(&mut templates)?;
        for include in &frozen.includes {
            templates.add_included(&include.name, &include.source)?;
        }
        let shown = images::shown(&frozen);
        let (mut attachments, mut inline) = (Vec::new(), Vec::new());
        for file in &frozen.attachments {
            let part = file.part().map_err(|why| damaged(format!("attachment: {why}")))?;
            match &file.cid {
                Some(cid) => inline.push((cid.clone(), part.formatted())),
                None => attachments.push(part.formatted()),
            }
        }
        Ok(Self {
            from: Mailbox::parse(&frozen.from).map_err(|why| damaged(format!("from {why}")))?,
            reply_to,
            envelope_sender: Address::parse(&frozen.envelope_sender)
                .map_err(|why| damaged(format!("envelope_sender: {why}")))?,
            printers: frozen.body.printers(frozen.preheader.is_some()),
            attachments,
            inline,
            shown,
            row_files,
            shared: OnceLock::new(),
            templates,
            headers,
            frozen,
            odd,
            files: Vec::new(),
            links: None,
            needs_one_click: false,
        })
    }

    /// Returns a SHA-256 hash, in hex, of everything that the mail depends on.
    pub fn fingerprint(&self) -> String {
        self.frozen.fingerprint()
    }

    /// Marketing or transactional.
    pub fn kind(&self) -> Kind {
        self.frozen.kind
    }

    /// The address for bounces. It may contain `{token}`.
    pub fn envelope_sender(&self) -> &Address {
        &self.envelope_sender
    }

    /// Returns the address for bounces of one mail. The token of the Message-ID replaces `{token}`.
    pub fn envelope_sender_of(&self, message_id: &str) -> Address {
        let token = token_of(message_id).filter(|_| self.envelope_sender.as_str().contains(TOKEN));
        let named = token
            .map(|token| Address::parse(&self.envelope_sender.as_str().replacen(TOKEN, token, 1)));
        // The address was checked with a token when the message was loaded.
        named.and_then(std::result::Result::ok).unwrap_or_else(|| self.envelope_sender.clone())
    }

    /// The address in From.
    pub fn from_address(&self) -> &Address {
        &self.from.address
    }

    /// The name of the message file without its suffix, the folder of the bodies that rows choose,
    /// or `inline`.
    pub fn name(&self) -> &str {
        &self.frozen.name
    }

    /// The files that the message was read from: its file, included files, bodies, attachments and
    /// images. Empty for a message that `thaw` returned.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns warnings about settings that are valid but may cause trouble.
    pub fn lint(&self) -> Vec<String> {
        let mut found = self.odd.clone();
        if self.frozen.kind == Kind::Marketing && self.frozen.unsubscribe_url.is_none() {
            found.push("marketing mail without `unsubscribe_url`: large receivers require one-click unsubscribing".to_owned());
        }
        let subject = &self.frozen.subject.text;
        if !subject.contains('{') && subject.chars().count() > LONG_SUBJECT {
            found.push(format!("the subject is longer than {LONG_SUBJECT} characters and most mail programs will truncate it"));
        }
        if !self.from.address.domain().contains('.') {
            found.push(
                "the domain of `from` has no dot: few servers will accept mail from it".to_owned(),
            );
        }
        if self.from.address.needs_smtputf8() {
            found.push(
                "the address of `from` is not ASCII: only servers with SMTPUTF8 will accept it"
                    .to_owned(),
            );
        }
        let bytes: usize = self.frozen.attachments.iter().map(attachment::Attachment::bytes).sum();
        if bytes > HEAVY_ATTACHMENTS {
            found.push(format!(
                "the attachments are {} MiB: many receivers refuse mail of this size",
                bytes / 1024 / 1024
            ));
        }
        found
    }
}

/// Compiles Reply-To. Returns the mailboxes, or an empty list if a template decides them for each
/// row.
fn reply_to(templates: &mut Templates, frozen: &Frozen) -> Result<Arc<[Mailbox]>> {
    let damaged = |why: String| Error::internal(format!("the message's reply_to {why}"));
    Ok(match &frozen.reply_to {
        None => Arc::default(),
        Some(ReplyTo::One(text)) => [Mailbox::parse(text).map_err(damaged)?].into(),
        Some(ReplyTo::List(source)) if tags::is_template(&source.text) => {
            templates.add(REPLY_TO, source)?;
            Arc::default()
        }
        Some(ReplyTo::List(source)) => mailboxes::parse(&source.text).map_err(damaged)?.into(),
    })
}

#[cfg(test)]
mod tests;
