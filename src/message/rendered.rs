//! Renders the message of one row: its headers, its parts, and the bytes of the whole mail.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::input::context::ColumnIndex;
use crate::model::address::Address;
use crate::model::recipient::Fields;

use super::ident::{Ident, message_id};
use super::mailbox::Mailbox;
use super::mailboxes::{self, ReplyTo};
use super::printer::Printed;
use super::row::Row;
use super::row_files::Attached;
use super::template::RenderError;
use super::{
    FEEDBACK_ID, Message, PREHEADER, REPLY_TO, SUBJECT, TO_NAME, UNSUBSCRIBE_MAILTO,
    UNSUBSCRIBE_URL, header, link, listed, mime, preheader,
};

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

/// A row with rendered templates.
pub(crate) struct Filled<'m> {
    pub(super) message: &'m Message,
    /// The Message-ID without angle brackets.
    pub(crate) message_id: String,
    unsubscribe_url: Option<String>,
    unsubscribe_mailto: Option<String>,
    pub(super) reply_to: Arc<[Mailbox]>,
    pub(super) feedback_id: Option<String>,
    pub(super) subject: String,
    pub(super) to_name: String,
    /// The names and rendered values of the custom headers.
    pub(super) headers: Vec<(&'m str, String)>,
    pub(super) body: Printed,
    /// The attachments that differ for each row.
    pub(super) files: Attached,
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
        let inline = message.inline.iter().filter(|(cid, _)| self.shows(cid));
        let inline = inline.map(|(_, part)| part);
        let files = mime::Files {
            inline: mime::parts(inline, &self.files, true),
            attached: mime::parts(message.attachments.iter(), &self.files, false),
        };
        mime::assemble(out, &head, &self.body, &files, &self.message_id);
    }

    /// Whether a file that HTML shows is sent to this row: not if only other bodies, or other
    /// branches of a condition, show it.
    pub(super) fn shows(&self, cid: &str) -> bool {
        !self.message.shown.contains(cid) || self.body.shows(cid)
    }

    /// Returns the headers for unsubscribing, with each value on one line.
    pub(super) fn unsubscribe_headers(&self) -> impl Iterator<Item = (&'static str, String)> {
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
