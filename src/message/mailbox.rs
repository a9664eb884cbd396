//! A single mailbox as people write it: `Acme, Inc. <news@acme.example>` or a bare address.

use std::fmt;

use crate::model::address::{Address, key_of};

use super::header;

/// A display name, which may be empty, and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: Address,
}

impl Mailbox {
    /// Parses one mailbox. The error is a sentence fragment that does not repeat the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains("{{") || text.contains("{%") {
            return Err("is the same for every recipient and cannot be a template".to_owned());
        }
        let Some((name, address)) = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<'))
        else {
            let address = Address::parse(text).map_err(|why| why.to_string())?;
            return Ok(Self { name: String::new(), address });
        };
        let address = Address::parse(address).map_err(|why| why.to_string())?;
        let name = display_name(name.trim())?;
        if name.chars().any(char::is_control) {
            return Err("has a control character in its display name".to_owned());
        }
        Ok(Self { name, address })
    }

    /// Appends the mailbox as the header field `header`.
    pub(super) fn push_header(&self, out: &mut String, header: &str) {
        header::push_mailbox(out, header, &self.name, self.address.as_str());
    }
}

/// Returns the address in angle brackets from a text that a provider reports: after a display name,
/// after the same address, or alone. `None` for a bare address, for several addresses, and for text
/// without a valid address.
pub(crate) fn bracketed_address(text: &str) -> Option<Address> {
    let (name, address) = text.trim().strip_suffix('>')?.rsplit_once('<')?;
    if let Ok(mailbox) = Mailbox::parse(text) {
        return Some(mailbox.address);
    }
    // Many programs use the address as the display name of a recipient without a name.
    let address = Address::parse(address.trim()).ok()?;
    let name = Address::parse(name.trim().trim_matches('\'')).ok()?;
    (key_of(name.as_str()) == key_of(address.as_str())).then_some(address)
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(f, "{}", self.address);
        }
        let mut phrase = String::new();
        header::push_phrase(&mut phrase, &self.name);
        write!(f, "{phrase} <{}>", self.address)
    }
}

fn display_name(text: &str) -> Result<String, String> {
    let Some(quoted) = text.strip_prefix('"') else {
        if text.contains(['<', '>', '@', '"']) {
            return Err("must be one mailbox, such as \"Acme <news@acme.example>\"".to_owned());
        }
        return Ok(text.to_owned());
    };
    let mut name = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.as_str().is_empty() => return Ok(name),
            '"' => {
                return Err(
                    "must be one mailbox, with nothing between the quoted name and the address"
                        .to_owned(),
                );
            }
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    Err("has a quoted display name that is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_read_as_people_write_them() {
        for (text, name, address) in [
            ("news@acme.example", "", "news@acme.example"),
            ("<news@acme.example>", "", "news@acme.example"),
            ("Acme <news@acme.example>", "Acme", "news@acme.example"),
            ("Acme, Inc. <news@acme.example>", "Acme, Inc.", "news@acme.example"),
            ("\"O'Brien, \\\"Bob\\\"\" <bob@acme.example>", "O'Brien, \"Bob\"", "bob@acme.example"),
            ("Zoë Müller <zoe@exämple.com>", "Zoë Müller", "zoe@xn--exmple-cua.com"),
        ] {
            let mailbox = Mailbox::parse(text).expect(text);
            assert_eq!((mailbox.name.as_str(), mailbox.address.as_str()), (name, address));
            assert_eq!(
                Mailbox::parse(&mailbox.to_string()),
                Ok(mailbox),
                "its own text reads back"
            );
        }
    }

    #[test]
    fn an_address_is_taken_out_of_its_brackets_where_it_is_the_only_one() {
        for (text, address) in [
            ("<ann@d.example>", Some("ann@d.example")),
            (" Ann Lee <Ann@D.example>\r\n", Some("Ann@d.example")),
            ("\"Lee, Ann\" <ann@d.example>", Some("ann@d.example")),
            ("\"ann@d.example\" <ann@d.example>", Some("ann@d.example")),
            ("ann@d.example <Ann@d.example>", Some("Ann@d.example")),
            ("'ann@d.example' <ann@d.example>", Some("ann@d.example")),
            ("=?utf-8?q?Zo=C3=AB?= <zoe@d.example>", Some("zoe@d.example")),
            ("ann@d.example", None),
            ("bob@d.example <ann@d.example>", None),
            ("Ann <ann@d.example>, Bob <bob@d.example>", None),
            ("Ann <ann>", None),
            ("<>", None),
            (">", None),
            ("", None),
        ] {
            let found = bracketed_address(text);
            assert_eq!(found.as_ref().map(Address::as_str), address, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "Acme",
            "a@b.example, Bob <c@d.example>",
            "A <a@b.example> <c@d.example>",
            "\"A <a@b.example>",
            "\"A\" B <a@b.example>",
            "A <a b@c.example>",
            "{{ from }}",
            "A\r\nBcc: x <a@b.example>",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text}");
        }
    }
}
