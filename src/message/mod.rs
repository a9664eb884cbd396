//! Renders one message for each recipient.
//!
//! A message is loaded once, with its front matter, templates and attachments. It is frozen with
//! the run, and only the frozen form is used for rendering. The rules: equal input gives equal
//! bytes, a value from a row never adds headers or HTML, and errors show no values.

use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock};

use crate::input::context::ColumnIndex;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::outcome::Kind;
use crate::model::recipient::Fields;

mod attachment;
mod beneath;
mod bodies;
mod body;
mod choice;
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
mod pages;
mod piece;
mod plain;
mod preheader;
mod prepared;
mod recorder;
mod reserved;
mod row;
mod row_files;
mod source;
mod start_tag;
mod tags;
mod template;
mod variants;

pub(crate) use ident::message_id;
pub use ident::{Ident, is_token, token_of};
pub use keys::MessageKeys;
pub use link::Links;
pub(crate) use mailbox::bracketed_address;
pub(crate) use row_files::Trouble;
pub use source::MessageSource;
pub(crate) use template::RenderError;

use body::{Printed, Printers};
use frozen::{Frozen, VERSION};
use includes::Gathered;
use mailbox::Mailbox;
use mailboxes::ReplyTo;
use row::Row;
use row_files::{Attached, RowFiles};
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
    inline: Vec<Vec<u8>>,
    row_files: RowFiles,
    /// The renderers of the body.
    printers: Printers,
    /// The parts of the structured content that all recipients share, built when first needed.
    shared: OnceLock<content::Shared>,
    odd: Vec<String>,
    /// Signs links to mailbatch's own unsubscribe page.
    links: Option<Links>,
    /// Whether rows whose unsubscribe link is not https are refused.
    needs_one_click: bool,
}

/// The placeholder for the recipient's token in addresses and links.
const TOKEN: &str = "{token}";

/// The message of one recipient, with its main headers and its parts.
#[derive(Clone)]
pub struct Rendered {
    /// The whole message with CRLF line ends, not dot-stuffed.
    pub bytes: Vec<u8>,
    /// The Message-ID without angle brackets.
    pub message_id: String,
    /// The subject, not encoded.
    pub subject: String,
    /// The mailbox in From, not encoded.
    pub from: String,
    /// The mailbox in To, not encoded.
    pub to: String,
    pub html: Option<String>,
    pub text: Option<String>,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendered")
            .field("message_id", &self.message_id)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Message {
    /// Reads and compiles a message. A missing or invalid key has exit code 2, an unusable file or
    /// template exit code 4.
    pub fn load(source: &MessageSource) -> Result<Self> {
        let load::Loaded { frozen, odd, folder } = load::load(source)?;
        let message = Self::compile(frozen, odd)?;
        let known = message.frozen.includes.len();
        let mut included = Gathered::new(folder.as_ref(), message.frozen.includes.clone());
        for (name, source) in message.templates.own() {
            included.add(name, source)?;
        }
        let includes = included.files();
        if includes.len() == known {
            return Ok(message);
        }
        Self::compile(Frozen { includes, ..message.frozen }, message.odd)
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
        let (mut attachments, mut inline) = (Vec::new(), Vec::new());
        for file in &frozen.attachments {
            let part = file.part().map_err(|why| damaged(format!("attachment: {why}")))?;
            let parts = if file.cid.is_some() { &mut inline } else { &mut attachments };
            parts.push(part.formatted());
        }
        Ok(Self {
            from: Mailbox::parse(&frozen.from).map_err(|why| damaged(format!("from {why}")))?,
            reply_to,
            envelope_sender: Address::parse(&frozen.envelope_sender)
                .map_err(|why| damaged(format!("envelope_sender: {why}")))?,
            printers: frozen.body.printers(frozen.preheader.is_some()),
            attachments,
            inline,
            row_files,
            shared: OnceLock::new(),
            templates,
            headers,
            frozen,
            odd,
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

    /// Returns the error that `render` would return for a row. This is much faster than rendering.
    pub fn probe(&self, index: &Arc<ColumnIndex>, fields: &Fields) -> Result<(), RenderError> {
        let row = Row::new(index, fields);
        let url = self.unsubscribe_url(&row, link::SAMPLE)?;
        self.unsubscribe_mailto(&row, link::SAMPLE)?;
        self.reply_to(&row)?;
        self.feedback_id(&row)?;
        self.preheader(&row)?;
        let names = self.headers.iter().map(|(_, template)| template.as_str());
        let to_name = self.frozen.to_name.as_ref().map(|_| TO_NAME);
        std::iter::once(SUBJECT)
            .chain(to_name)
            .chain(names)
            .try_for_each(|name| self.templates.probe(name, &row).map(drop))?;
        let row = row.with_unsubscribe_url(url.as_deref());
        let printers = self.printers.of(&self.templates, &row)?;
        printers.iter().try_for_each(|printer| printer.probe(&self.templates, &row))
    }

    /// Renders all templates for a row, without its files.
    pub(crate) fn fill(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
        ident: &Ident<'_>,
    ) -> Result<Filled<'_>, RenderError> {
        let row = Row::new(index, fields);
        let message_id = self.message_id(ident);
        let unsubscribe_url = self.unsubscribe_url(&row, &message_id)?;
        let unsubscribe_mailto = self.unsubscribe_mailto(&row, &message_id)?;
        let reply_to = self.reply_to(&row)?;
        let feedback_id = self.feedback_id(&row)?;
        let preheader = self.preheader(&row)?;
        let clean = |text: String| header::sanitise(&text).into_owned();
        let subject = self.templates.render(SUBJECT, &row).map(clean)?;
        let to_name = match self.frozen.to_name {
            Some(_) => self.templates.render(TO_NAME, &row).map(clean)?,
            None => String::new(),
        };
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            headers.push((name.as_str(), self.templates.render(template, &row)?));
        }
        let row = row.with_unsubscribe_url(unsubscribe_url.as_deref());
        let printers = self.printers.of(&self.templates, &row)?;
        let body = Printed::new(printers, &self.templates, &row, preheader.as_deref())?;
        Ok(Filled {
            message: self,
            message_id,
            unsubscribe_url,
            unsubscribe_mailto,
            reply_to,
            feedback_id,
            subject,
            to_name,
            headers,
            body,
            files: Attached::default(),
        })
    }

    /// Renders a row. Equal arguments give equal bytes.
    pub fn render(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
        to: &Address,
        ident: &Ident<'_>,
    ) -> Result<Rendered, RenderError> {
        let filled = self.fill(index, fields, ident)?.with(self.attach_now(index, fields)?);
        let mut bytes = Vec::new();
        filled.encode(to, ident, &mut bytes);
        Ok(Rendered {
            bytes,
            from: self.from.to_string(),
            to: Mailbox { name: filled.to_name, address: to.clone() }.to_string(),
            html: filled.body.html(),
            text: Some(filled.body.text()),
            message_id: filled.message_id,
            subject: filled.subject,
        })
    }

    fn message_id(&self, ident: &Ident<'_>) -> String {
        message_id(ident.campaign, ident.env, ident.key, self.from.address.domain(), ident.secret)
    }

    fn unsubscribe_url(
        &self,
        row: &Row<'_>,
        message_id: &str,
    ) -> Result<Option<String>, RenderError> {
        if self.frozen.unsubscribe_url.is_none() {
            return Ok(None);
        }
        let url = self.templates.render(UNSUBSCRIBE_URL, row)?;
        let url = link::fill(url.trim(), self.links.as_ref(), message_id);
        match check_url(&url) {
            Ok(()) if self.needs_one_click && !link::is_https(&url) => Err(RenderError::of(
                UNSUBSCRIBE_URL,
                self.templates.line(UNSUBSCRIBE_URL),
                "is not an https URL, which one click to unsubscribe needs",
            )),
            Ok(()) => Ok(Some(url)),
            Err(why) => {
                Err(RenderError::of(UNSUBSCRIBE_URL, self.templates.line(UNSUBSCRIBE_URL), why))
            }
        }
    }
}

impl Message {
    /// Returns the mailboxes of Reply-To for a row.
    fn reply_to(&self, row: &Row<'_>) -> Result<Arc<[Mailbox]>, RenderError> {
        match &self.frozen.reply_to {
            Some(ReplyTo::List(_)) if self.reply_to.is_empty() => {
                let (pieces, values) = self.templates.render_pieces(REPLY_TO, row)?;
                let list = mailboxes::read(&pieces, &values);
                list.map(Arc::from).map_err(|why| self.refuse_row(REPLY_TO, &why))
            }
            _ => Ok(Arc::clone(&self.reply_to)),
        }
    }

    /// Returns the `mailto:` URL for unsubscribing for a row.
    fn unsubscribe_mailto(
        &self,
        row: &Row<'_>,
        message_id: &str,
    ) -> Result<Option<String>, RenderError> {
        let Some(source) = &self.frozen.unsubscribe_mailto else { return Ok(None) };
        let query = listed::split_mailto(&source.text).map_or(None, |(_, query)| query);
        let address = self.templates.render(UNSUBSCRIBE_MAILTO, row)?;
        let url = listed::mailto(&address, query, message_id);
        url.map(Some).map_err(|why| self.refuse_row(UNSUBSCRIBE_MAILTO, &why))
    }

    /// Returns the value of Feedback-ID for a row.
    fn feedback_id(&self, row: &Row<'_>) -> Result<Option<String>, RenderError> {
        if self.frozen.feedback_id.is_none() {
            return Ok(None);
        }
        let value = self.templates.render(FEEDBACK_ID, row)?.trim().to_owned();
        match listed::check_feedback_id(&value) {
            Ok(()) => Ok(Some(value)),
            Err(why) => Err(self.refuse_row(FEEDBACK_ID, why)),
        }
    }

    /// Returns the HTML of the preheader for a row.
    fn preheader(&self, row: &Row<'_>) -> Result<Option<String>, RenderError> {
        let text = self.frozen.preheader.as_ref().map(|_| self.templates.render(PREHEADER, row));
        Ok(text.transpose()?.map(|text| preheader::element(&text)))
    }

    /// Returns the error for a row in which a template's output is invalid.
    fn refuse_row(&self, template: &str, why: &str) -> RenderError {
        RenderError::of(template, self.templates.line(template), why)
    }
}

/// Compiles Reply-To. Returns the mailboxes, or an empty list if a template decides them for each
/// row.
fn reply_to(templates: &mut Templates, frozen: &Frozen) -> Result<Arc<[Mailbox]>> {
    let damaged = |why: String| Error::internal(format!("the message's reply_to {why}"));
    Ok(match &frozen.reply_to {
        None => Arc::default(),
        Some(ReplyTo::One(text)) => [Mailbox::parse(text).map_err(damaged)?].into(),
        Some(ReplyTo::List(source)) if mailboxes::is_template(&source.text) => {
            templates.add(REPLY_TO, source)?;
            Arc::default()
        }
        Some(ReplyTo::List(source)) => mailboxes::parse(&source.text).map_err(damaged)?.into(),
    })
}

/// A row with rendered templates.
pub(crate) struct Filled<'m> {
    message: &'m Message,
    /// The Message-ID without angle brackets.
    pub(crate) message_id: String,
    unsubscribe_url: Option<String>,
    unsubscribe_mailto: Option<String>,
    reply_to: Arc<[Mailbox]>,
    feedback_id: Option<String>,
    subject: String,
    to_name: String,
    /// The names and rendered values of the custom headers.
    headers: Vec<(&'m str, String)>,
    body: Printed,
    /// The attachments that differ for each row.
    files: Attached,
}

impl Filled<'_> {
    /// Adds the row's files.
    pub(crate) fn with(self, files: Attached) -> Self {
        Self { files, ..self }
    }

    /// Writes the whole message with CRLF line ends, not dot-stuffed.
    pub(crate) fn encode(&self, to: &Address, ident: &Ident<'_>, out: &mut Vec<u8>) {
        let (head, message) = (self.head(to, ident), self.message);
        out.clear();
        let files = mime::Files {
            inline: mime::parts(&message.inline, &self.files, true),
            attached: mime::parts(&message.attachments, &self.files, false),
        };
        mime::assemble(out, &head, &self.body, &files, &self.message_id);
    }

    /// Returns the headers for unsubscribing, with each value on one line.
    fn unsubscribe_headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let places = (self.unsubscribe_url.as_deref(), self.unsubscribe_mailto.as_deref());
        listed::unsubscribe_headers(places.0, places.1)
    }

    /// Returns the header block up to MIME-Version, which is not included.
    fn head(&self, to: &Address, ident: &Ident<'_>) -> String {
        let to = Mailbox { name: self.to_name.clone(), address: to.clone() };
        let mut block = String::with_capacity(512);
        self.message.from.push_header(&mut block, "From");
        to.push_header(&mut block, "To");
        mailboxes::push_header(&mut block, "Reply-To", &self.reply_to);
        header::push_text(&mut block, "Subject", &self.subject);
        put(
            &mut block,
            format_args!("Date: {}\r\n", ident.date.strftime("%a, %d %b %Y %H:%M:%S +0000")),
        );
        put(&mut block, format_args!("Message-ID: <{}>\r\n", self.message_id));
        for (name, value) in self.unsubscribe_headers() {
            // Each URL is on a separate line.
            put(&mut block, format_args!("{name}: {}\r\n", value.replace(", <", ",\r\n <")));
        }
        if let Some(list_id) = &self.message.frozen.list_id {
            put(&mut block, format_args!("List-Id: {list_id}\r\n"));
        }
        if let Some(feedback_id) = &self.feedback_id {
            put(&mut block, format_args!("Feedback-ID: {feedback_id}\r\n"));
        }
        for (name, value) in &self.headers {
            if !header::sanitise(value).is_empty() {
                header::push_custom(&mut block, name, value);
            }
        }
        block
    }
}

/// Appends formatted text. Writing to a String cannot fail.
fn put(block: &mut String, text: fmt::Arguments<'_>) {
    let _ = block.write_fmt(text);
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let after = ["https://", "http://", "mailto:"]
        .iter()
        .find(|scheme| {
            url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(|scheme| &url[scheme.len()..]);
    if !after.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#'])) {
        return Err("is not an https, http or mailto URL");
    }
    if !url.bytes().all(|b| matches!(b, 33..=126) && !b"<>\"\\^`{|}".contains(&b)) {
        return Err(
            "contains a character that is not allowed in a URL; use {{ name | urlencode }}",
        );
    }
    if url.len() > header::LONGEST_TOKEN {
        return Err("is longer than 900 bytes");
    }
    Ok(())
}

/// Returns a mail as `preview` shows it: From, To, Subject, and the text part.
pub(crate) fn preview_text(mail: &Rendered) -> String {
    let text = mail.text.as_deref().unwrap_or_default();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("From: {}\nTo: {}\nSubject: {}\n\n{text}{end}", mail.from, mail.to, mail.subject)
}

#[cfg(test)]
mod tests;
