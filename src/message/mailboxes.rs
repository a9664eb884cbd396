//! Parses the mailbox list of Reply-To (RFC 5322 section 3.4), which may contain values from a row.
//!
//! The rule it keeps: only the template's own text separates mailboxes, names and addresses. Any
//! value is only text within a display name or an address.

use serde::{Deserialize, Serialize};

use crate::model::address::Address;

use super::header;
use super::mailbox::Mailbox;
use super::piece::{Piece, Values};
use super::template::Source;

/// Reply-To as it is stored in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum ReplyTo {
    /// One mailbox, equal for every recipient.
    One(String),
    /// A list of mailboxes, which may be a template.
    List(Source),
}

impl ReplyTo {
    /// The list as written, or the single mailbox in normalised form.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::One(text) => text,
            Self::List(source) => &source.text,
        }
    }
}

/// Parses a list without template tags. The error is a sentence fragment that does not repeat the
/// text.
pub(super) fn parse(text: &str) -> Result<Vec<Mailbox>, String> {
    // A single mailbox may have a comma in its name.
    match Mailbox::parse(text) {
        Ok(one) => Ok(vec![one]),
        Err(why) if !text.contains(',') => Err(why),
        Err(_) => read(&[Piece::Text(text.to_owned())], &Values::default()),
    }
}

/// Parses a rendered list. Empty entries are skipped. The error is a sentence fragment that repeats
/// neither the text nor a value.
pub(super) fn read(pieces: &[Piece], values: &Values) -> Result<Vec<Mailbox>, String> {
    let mut list = List::default();
    for piece in pieces {
        match piece {
            Piece::Text(text) => text.chars().try_for_each(|c| list.push(c)),
            Piece::Slot(place, _) => list.push_value(values.get(*place)),
        }
        .map_err(|why| list.at_place(&why))?;
    }
    list.end().map_err(|why| list.at_place(&why))?;
    Ok(list.mailboxes)
}

/// Whether a list template can produce more than one mailbox: it contains a comma outside quotes
/// and template tags.
pub(super) fn may_be_several(template: &str) -> bool {
    let (mut rest, mut is_quoted) = (template, false);
    while let Some(c) = rest.chars().next() {
        let end = match rest.get(..2) {
            Some("{{") => Some("}}"),
            Some("{%") => Some("%}"),
            Some("{#") => Some("#}"),
            _ => None,
        };
        if let Some(end) = end {
            rest = rest.split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => {
                let mut behind = rest.chars();
                behind.next();
                rest = behind.as_str();
            }
            ',' if !is_quoted => return true,
            _ => {}
        }
    }
    false
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before `<`.
    #[default]
    Name,
    Address,
    /// After `>`.
    End,
}

/// The state of parsing a list. All fields but `mailboxes` describe the current mailbox.
#[derive(Default)]
struct List {
    mailboxes: Vec<Mailbox>,
    at: At,
    is_quoted: bool,
    is_escaped: bool,
    /// Whether the name begins with a quotation mark. `is_odd` is set if the name is invalid: text
    /// follows the closing quotation mark, or an unquoted name contains a quotation mark or `>`.
    was_quoted: bool,
    is_odd: bool,
    /// The text before `<` with its quotation marks (`raw`) and without them (`name`).
    raw: String,
    name: String,
    address: String,
}

impl List {
    fn at_place(&self, why: &str) -> String {
        match self.mailboxes.len() {
            0 => why.to_owned(),
            before => format!("mailbox {}: {why}", before + 1),
        }
    }

    fn push(&mut self, c: char) -> Result<(), String> {
        if std::mem::take(&mut self.is_escaped) {
            self.raw.push(c);
            self.name.push(c);
            return Ok(());
        }
        match (self.at, c) {
            (At::Name, '"') => {
                if !self.is_quoted {
                    self.is_odd |= !self.raw.trim().is_empty();
                    self.was_quoted = true;
                    self.name.clear();
                }
                self.is_quoted = !self.is_quoted;
                self.raw.push(c);
            }
            (At::Name, '\\') if self.is_quoted => {
                self.is_escaped = true;
                self.raw.push(c);
            }
            (At::Name, _) if self.is_quoted => {
                self.raw.push(c);
                self.name.push(c);
            }
            (At::Address, '"') => {
                self.is_quoted = !self.is_quoted;
                self.address.push(c);
            }
            (At::Address, '>') if !self.is_quoted => self.at = At::End,
            (At::Address, _) => self.address.push(c),
            (At::Name, '<') => {
                if self.is_odd {
                    return Err("has a name of which only a part is in quotes; put the whole name in quotes"
                        .to_owned());
                }
                self.at = At::Address;
            }
            (_, ',') => self.end()?,
            (At::Name, _) => {
                // After a quoted text, `<` means that it is a name. Other text means that it is the
                // local part of an address.
                self.is_odd |= c == '>' || (self.was_quoted && !c.is_whitespace());
                self.raw.push(c);
                if !self.was_quoted {
                    self.name.push(c);
                }
            }
            (At::End, _) if c.is_whitespace() => {}
            (At::End, _) => {
                return Err(
                    "has text after its address; separate two mailboxes with a comma".to_owned()
                );
            }
        }
        Ok(())
    }

    fn push_value(&mut self, value: &str) -> Result<(), String> {
        match self.at {
            At::Name => {
                let is_outside = self.was_quoted && !self.is_quoted;
                self.is_odd |= is_outside && !value.trim().is_empty();
                self.raw.push_str(value);
                if !is_outside {
                    self.name.push_str(value);
                }
            }
            At::Address => self.address.push_str(value),
            At::End if value.trim().is_empty() => {}
            At::End => return Err("has text after its address".to_owned()),
        }
        Ok(())
    }

    /// Ends the current mailbox.
    fn end(&mut self) -> Result<(), String> {
        if self.is_quoted {
            return Err("has a quotation mark that is not closed".to_owned());
        }
        let (name, address) = match self.at {
            At::Name if self.raw.trim().is_empty() => None,
            At::Name => Some(("", self.raw.as_str())),
            At::Address => return Err("has a < without a >".to_owned()),
            At::End => Some((self.name.as_str(), self.address.as_str())),
        }
        .unzip();
        if let (Some(name), Some(address)) = (name, address) {
            let address = Address::parse(address).map_err(|why| why.to_string())?;
            self.mailboxes.push(Mailbox { name: header::sanitise(name).into_owned(), address });
        }
        let mailboxes = std::mem::take(&mut self.mailboxes);
        *self = Self { mailboxes, ..Self::default() };
        Ok(())
    }
}

/// Appends a header with these mailboxes.
pub(super) fn push_header(out: &mut String, name: &str, mailboxes: &[Mailbox]) {
    let Some((first, others)) = mailboxes.split_first() else { return };
    first.push_header(out, name);
    for other in others {
        // Each mailbox is on a separate line.
        out.truncate(out.len() - "\r\n".len());
        out.push_str(",\r\n ");
        header::push_mailbox_text(out, 1, &other.name, other.address.as_str());
    }
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    use super::super::piece::As;
    use super::*;

    /// Parses a template in which `{}` stands for the next value.
    fn list(template: &str, given: &[&str]) -> Result<Vec<(String, String)>, String> {
        let (mut pieces, mut values) = (Vec::new(), Values::default());
        for (place, text) in template.split("{}").enumerate() {
            if let Some(before) = place.checked_sub(1) {
                pieces.push(Piece::Slot(before, As::Text));
                values.push(given[before]);
            }
            pieces.push(Piece::Text(text.to_owned()));
        }
        let pair = |mailbox: Mailbox| (mailbox.name, mailbox.address.into_string());
        read(&pieces, &values).map(|list| list.into_iter().map(pair).collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, address)| ((*name).into(), (*address).into())).collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        for (text, expected) in [
            ("a@x.example, b@x.example", &[("", "a@x.example"), ("", "b@x.example")][..]),
            (
                "Ann <a@x.example>,Bob Lee <b@x.example>",
                &[("Ann", "a@x.example"), ("Bob Lee", "b@x.example")],
            ),
            (
                "\"Lee, \\\"Bob\\\" <x>\" <b@x.example>, <a@x.example>",
                &[("Lee, \"Bob\" <x>", "b@x.example"), ("", "a@x.example")],
            ),
            ("a@x.example, ,\n", &[("", "a@x.example")]),
            ("\"a b\"@x.example, c@x.example", &[("", "\"a b\"@x.example"), ("", "c@x.example")]),
            ("", &[]),
        ] {
            assert_eq!(list(text, &[]), Ok(pairs(expected)), "{text}");
        }
        let one = parse("Acme, Inc. <a@x.example>").expect("one with a comma");
        assert_eq!((one.len(), one[0].name.as_str()), (1, "Acme, Inc."));
        for text in [
            "Ann, b@x.example",
            "Ann <a@x.example> Bob, b@x.example",
            "Ann <a@x.example, b@x.example>",
            "\"Ann <a@x.example>, b@x.example",
            "\"Ann\" Lee <a@x.example>, b@x.example",
            "Team: a@x.example, b@x.example;",
            "<a@x.example",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_one_name_or_one_address() {
        let hostile = "Eve\" <eve@evil.example>, \"x\r\nBcc: y@evil.example";
        assert_eq!(
            list("{} <{}>, help@x.example", &[hostile, "rep@x.example"]),
            Ok(pairs(&[
                ("Eve\" <eve@evil.example>, \"x Bcc: y@evil.example", "rep@x.example"),
                ("", "help@x.example")
            ]))
        );
        assert_eq!(
            list("\"{} ({})\" <{}>", &["a\"b", "c\\", "rep@x.example"]),
            Ok(pairs(&[("a\"b (c\\)", "rep@x.example")]))
        );
        assert_eq!(list("{}, {}", &["", "b@x.example"]), Ok(pairs(&[("", "b@x.example")])));
        assert_eq!(list("{}@{}", &["a", "x.example"]), Ok(pairs(&[("", "a@x.example")])));
        for (template, values) in [
            ("{}", &["a@x.example, b@x.example"][..]),
            ("{}", &["Ann <a@x.example>"]),
            ("{}", &["Ann"]),
            ("<{}>", &["a@x.example>, <b@x.example"]),
            ("<{}>", &[""]),
            ("<{}@x.example>", &["eve@evil.example>,<a"]),
            ("a@x.example, {}", &["no address"]),
            ("<a@x.example> {}", &["x"]),
        ] {
            let why = list(template, values).expect_err(template);
            assert!(!why.contains("evil") && !why.contains("Ann"), "{why}");
        }
        assert!(list("a@x.example, {}", &["no"]).expect_err("none").starts_with("mailbox 2: "));
    }

    #[test]
    fn a_template_of_several_is_known_by_its_commas() {
        for (template, expected) in [
            ("{{ rep }}", false),
            ("\"Lee, Bob\" <{{ rep | default('a, b') }}>", false),
            ("{{ rep }}, help@x.example", true),
            ("\"\\\u{fc}\" <{{ rep }}>, help@x.example", true),
            ("{% for r in reps %}{{ r }},{% endfor %}", true),
        ] {
            assert_eq!(may_be_several(template), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_value_holds_the_header_has_its_mailboxes(name in any::<String>(), address in any::<String>()) {
            let value = ["Rep", &name].concat();
            let found = list("{} <rep@x.example>, Help <help@x.example>", &[&value]).expect("two");
            let mailboxes: Vec<Mailbox> = found
                .iter()
                .map(|(name, address)| Mailbox { name: name.clone(), address: Address::parse(address).expect("one") })
                .collect();
            let mut raw = String::new();
            push_header(&mut raw, "Reply-To", &mailboxes);
            for line in raw.split("\r\n") {
                prop_assert!(line.len() <= 78 && !line.contains(['\r', '\n', '\0']), "{line:?}");
            }
            let message = format!("{raw}X-End: end\r\n\r\nbody");
            let parsed = MessageParser::default().parse(message.as_bytes()).expect("a message");
            prop_assert_eq!(parsed.headers().len(), 2);
            let reply_to = parsed.reply_to().expect("a list").clone().into_list();
            let read: Vec<_> = reply_to.iter().map(|one| (one.name().unwrap_or_default(), one.address().unwrap_or_default())).collect();
            let name = header::sanitise(&value);
            prop_assert_eq!(read, [(&*name, "rep@x.example"), ("Help", "help@x.example")]);
            if let Ok(found) = list("<{}>, help@x.example", &[&address]) {
                prop_assert_eq!(found.len(), 2);
            }
        }
    }
}
