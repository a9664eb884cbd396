//! Domain names that are reserved for examples and tests (RFC 2606, RFC 6761). A message that
//! contains them is probably not meant to be sent.

use std::collections::BTreeSet;

use super::tags::{FILLED, without_tags};
use super::{Message, TOKEN};
use crate::model::address::Address;

impl Message {
    /// Lists the reserved names that the message uses, each once and in order, such as `From:
    /// acme.example` or `link: www.example.com`. Values from rows are not examined.
    pub fn reserved_names(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |place: String, domain: &str| {
            let line = format!("{place}: {domain}");
            if is_reserved(domain) && !found.contains(&line) {
                found.push(line);
            }
        };
        let of = |address: &Address| address.domain().to_owned();
        add("From".into(), &of(&self.from.address));
        self.reply_to.iter().for_each(|mailbox| add("Reply-To".into(), &of(&mailbox.address)));
        let lists = self.frozen.reply_to.iter().filter(|_| self.reply_to.is_empty());
        lists.flat_map(|list| domains(list.text())).for_each(|host| add("Reply-To".into(), &host));
        // The envelope sender often has the domain of From, which has been added already.
        if of(&self.envelope_sender) != of(&self.from.address) {
            add("envelope_sender".into(), &of(&self.envelope_sender));
        }
        let unsubscribe: BTreeSet<String> =
            self.frozen.unsubscribe_url.iter().flat_map(|source| hosts(&source.text)).collect();
        unsubscribe.iter().for_each(|host| add("unsubscribe_url".into(), host));
        let mailto = self.frozen.unsubscribe_mailto.iter();
        mailto
            .flat_map(|source| domains(&source.text))
            .for_each(|host| add("unsubscribe_mailto".into(), &host));
        for (name, source) in &self.frozen.headers {
            hosts(&source.text).iter().for_each(|host| add(format!("header {name}"), host));
        }
        let bodies = self.frozen.body.templates();
        let included = self.frozen.includes.iter().map(|include| &include.source);
        for source in bodies.into_iter().map(|(_, source)| source).chain(included) {
            hosts(&source.text).difference(&unsubscribe).for_each(|host| add("link".into(), host));
        }
        found
    }
}

/// Returns the hosts of the web URLs and `mailto:` URLs in a template.
fn hosts(template: &str) -> BTreeSet<String> {
    let text = without_tags(&template.replace(TOKEN, FILLED));
    let lower = text.to_ascii_lowercase();
    let mut found = BTreeSet::new();
    for (at, scheme) in
        ["http://", "https://", "mailto:"].iter().flat_map(|scheme| lower.match_indices(scheme))
    {
        let rest = &lower[at + scheme.len()..];
        let ends = |c: char| c.is_whitespace() || "/?#\"'<>()[]{}|\\,;".contains(c);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
        if !host.is_empty() {
            found.insert(host.replace(FILLED, "…"));
        }
    }
    found
}

/// Returns the domains of the addresses in a template.
fn domains(template: &str) -> BTreeSet<String> {
    let text = without_tags(&template.replace(TOKEN, FILLED)).to_ascii_lowercase();
    let ends = |c: char| c.is_whitespace() || "<>,;\"()?".contains(c);
    let domain = |rest: &str| rest[..rest.find(ends).unwrap_or(rest.len())].replace(FILLED, "…");
    text.split('@').skip(1).map(domain).filter(|domain| !domain.is_empty()).collect()
}

/// Whether a domain is reserved for examples, tests, or the local machine.
fn is_reserved(domain: &str) -> bool {
    const NAMES: [&str; 7] =
        ["example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"];
    let domain = domain.to_ascii_lowercase();
    NAMES.iter().any(|name| {
        domain.strip_suffix(name).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_known_and_others_are_not() {
        for domain in [
            "example.com",
            "mail.Example.org",
            "example.net",
            "acme.example",
            "a.test",
            "x.invalid",
            "test",
            "localhost",
            "a.localhost",
        ] {
            assert!(is_reserved(domain), "{domain}");
        }
        for domain in [
            "example.de",
            "acme.com",
            "myexample.com",
            "contest",
            "example.com.acme.org",
            "localhost.acme.org",
            "",
        ] {
            assert!(!is_reserved(domain), "{domain}");
        }
    }

    #[test]
    fn domains_of_addresses_are_found() {
        let found = |template| domains(template).into_iter().collect::<Vec<_>>();
        assert_eq!(
            found("Help <h@Acme.example>, {{ rep }}, r@{{ d }}.test?x"),
            ["acme.example", "….test"]
        );
        assert!(found("{{ rep_email }}").is_empty());
    }

    #[test]
    fn hosts_are_found_wherever_a_template_writes_them() {
        for (template, expected) in [
            ("see HTTPS://Acme.example/x, or (http://b.test)", &["acme.example", "b.test"][..]),
            (
                "<a href=\"http://u:p@c.test.:8080/\">c</a> [d](https://d.example?x=1) <https://e.test>",
                &["c.test", "d.example", "e.test"],
            ),
            ("https://{{ sub | default('a/b') }}.example.com/{{ id }}", &["….example.com"]),
            (
                "https://{% if vip %}gold{% endif %}.example.net{# https://f.test #}/",
                &["gold.example.net"],
            ),
            ("[write](mailto:help@acme.example?subject=x)", &["acme.example"]),
            ("http://{{ host }}/ and ftp://c.example and news@d.example", &["…"]),
            ("{ a { https://x.test } https://{{", &["x.test"]),
            ("https://acme.example/u/{token}", &["acme.example"]),
            ("none", &[]),
        ] {
            assert_eq!(hosts(template).into_iter().collect::<Vec<_>>(), expected, "{template}");
        }
    }
}
