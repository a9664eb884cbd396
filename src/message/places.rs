//! Checks the values of keys. An error names the place where the key is set.

use std::collections::HashMap;

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::file::MessageFile;
use super::mailbox::Mailbox;
use super::mailboxes::{self, ReplyTo};
use super::source::MessageSource;
use super::template::Source;
use super::{link, listed, tags};

/// The places where keys are set, for errors.
pub(super) struct Places<'a> {
    source: &'a MessageSource,
    file: Option<String>,
    lines: HashMap<String, u32>,
}

impl<'a> Places<'a> {
    pub(super) fn new(source: &'a MessageSource, file: Option<&MessageFile>) -> Self {
        let shown = source.file.as_deref().map(|path| path.shown());
        Self { source, file: shown, lines: file.map(|file| file.lines.clone()).unwrap_or_default() }
    }

    /// Returns the line of the message file on which a key's value begins. `None` if a flag or
    /// mailbatch.toml sets the key.
    fn line(&self, key: &str) -> Option<u32> {
        let by_flag = match key {
            "from" => self.source.flags.from.is_some(),
            "reply_to" => self.source.flags.reply_to.is_some(),
            "subject" => self.source.flags.subject.is_some(),
            "unsubscribe_url" => self.source.flags.unsubscribe_url.is_some(),
            "envelope_sender" => self.source.flags.envelope_sender.is_some(),
            "to_name" => self.source.flags.to_name.is_some(),
            "body" => self.source.flags.body.is_some(),
            _ => key.strip_prefix("headers.").is_some_and(|name| {
                self.source.flags.headers.0.iter().any(|(flag, _)| flag.eq_ignore_ascii_case(name))
            }),
        };
        if by_flag { None } else { self.lines.get(key).copied() }
    }

    pub(super) fn at(&self, key: &str) -> String {
        match (&self.file, self.line(key)) {
            (Some(file), Some(line)) => format!("{file}:{line}: {key}"),
            _ => format!("message.{key}"),
        }
    }

    pub(super) fn source(&self, key: &str, text: &str) -> Source {
        match self.line(key) {
            Some(line) => Source::new(text, self.file.clone(), line),
            None => Source::new(text, None, 1),
        }
    }

    pub(super) fn mailbox(&self, key: &str, text: &str) -> Result<Mailbox> {
        Mailbox::parse(text).map_err(|why| {
            Error::usage(format!("{}: {why}", self.at(key)))
                .hint(format!("write it as {key} = \"Acme <news@acme.example>\""))
        })
    }

    pub(super) fn reply_to(&self, text: Option<&str>) -> Result<Option<ReplyTo>> {
        let Some(text) = text else { return Ok(None) };
        let list = || ReplyTo::List(self.source("reply_to", text));
        if tags::is_template(text) {
            return Ok(Some(list()));
        }
        let parsed = mailboxes::parse(text).map_err(|why| {
            Error::usage(format!("{}: {why}", self.at("reply_to"))).hint(
                "write it as reply_to = \"Acme <help@acme.example>\", separate several with commas, and put a name that contains a comma in quotes",
            )
        })?;
        Ok(match parsed.as_slice() {
            [] => None,
            [one] => Some(ReplyTo::One(one.to_string())),
            _ => Some(list()),
        })
    }

    pub(super) fn unsubscribe_mailto(&self, text: Option<&str>) -> Result<Option<Source>> {
        let Some(text) = text else { return Ok(None) };
        let refused = |why: String| {
            Error::usage(format!("{}: {why}", self.at("unsubscribe_mailto"))).hint(
                "write an address, such as unsubscribe+{token}@acme.example or leave@acme.example?subject=leave",
            )
        };
        let (address, query) = listed::split_mailto(text).map_err(|why| refused(why.to_owned()))?;
        if !tags::is_template(address) {
            listed::mailto(address, query, link::SAMPLE).map_err(refused)?;
        }
        Ok(Some(self.source("unsubscribe_mailto", text)))
    }

    pub(super) fn list_id(&self, text: Option<&str>) -> Result<Option<String>> {
        let refused = |why: String| {
            Error::usage(format!("{}: {why}", self.at("list_id")))
                .hint("write it as list_id = \"Spring news <news.acme.example>\"")
        };
        match text {
            Some(text) if tags::is_template(text) => {
                Err(refused("is the same for every recipient and cannot be a template".to_owned()))
            }
            Some(text) => listed::list_id(text).map(Some).map_err(refused),
            None => Ok(None),
        }
    }

    pub(super) fn feedback_id(&self, text: Option<&str>) -> Result<Option<Source>> {
        let Some(text) = text else { return Ok(None) };
        if !tags::is_template(text) {
            listed::check_feedback_id(text.trim()).map_err(|why| {
                Error::usage(format!("{}: {why}", self.at("feedback_id")))
                    .hint("write it as feedback_id = \"CAMPAIGN:CUSTOMER:TYPE:SENDER\"; the first three may be empty")
            })?;
        }
        Ok(Some(self.source("feedback_id", text)))
    }

    pub(super) fn required<T>(&self, key: &str, value: Option<T>, example: &str) -> Result<T> {
        value.ok_or_else(|| {
            let (what, place) = match &self.file {
                Some(file) => (
                    format!("{file}: `{key}` is not set"),
                    format!("between +++ lines at the top of {file}, or "),
                ),
                None => (format!("message: `{key}` is not set"), String::new()),
            };
            Error::usage(what)
                .hint(format!("put {example} {place}under [message] in mailbatch.toml"))
        })
    }
}
