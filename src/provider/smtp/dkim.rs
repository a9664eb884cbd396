//! Reads the `dkim` key of an SMTP provider, which names the keys that sign its mail.

use toml::{Table, Value};

use crate::dkim::{Key, Signer, Signers};
use crate::model::address::domain_to_ascii;
use crate::model::error::Result;
use crate::provider::keys::Keys;

const KNOWN: [&str; 3] = ["domain", "selector", "key"];
const EXAMPLE: &str = "write dkim = { domain = \"acme.example\", selector = \"spring\", key = { file = \"dkim.pem\" } }, or a list of such tables";
/// The maximum number of signatures of one message. Four are enough for RSA and Ed25519 on two
/// domains.
const MOST: usize = 4;

impl Keys<'_> {
    /// Reads the key `dkim`: one table, or a list of tables if several keys sign.
    pub(super) fn dkim(&self) -> Result<Option<Signers>> {
        let Some(value) = self.settings.keys.get("dkim") else { return Ok(None) };
        let tables: Option<Vec<&Table>> = match value {
            Value::Table(table) => Some(vec![table]),
            Value::Array(tables) if !tables.is_empty() => {
                tables.iter().map(Value::as_table).collect()
            }
            _ => None,
        };
        let tables = tables.ok_or_else(|| {
            self.error("dkim", "neither a table nor a list of tables").hint(EXAMPLE)
        })?;
        if tables.len() > MOST {
            return Err(self
                .error("dkim", &format!("more than {MOST} signatures"))
                .hint("sign each domain with one RSA and one Ed25519 key"));
        }
        let mut signers: Vec<Signer> = Vec::with_capacity(tables.len());
        for (at, table) in tables.iter().enumerate() {
            let place = match tables.len() {
                1 => "dkim".to_owned(),
                _ => format!("dkim[{at}]"),
            };
            let signer = self.signer(&place, table)?;
            let is_same = |other: &Signer| other.record().0 == signer.record().0;
            if signers.iter().any(is_same) {
                return Err(self
                    .error(&place, "the same domain and selector as another entry")
                    .hint(
                        "give each key a different selector, because each key has its own DNS record",
                    ));
            }
            signers.push(signer);
        }
        Ok(Some(Signers(signers)))
    }

    fn signer(&self, place: &str, table: &Table) -> Result<Signer> {
        if let Some(unknown) = table.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(self.error(&format!("{place}.{unknown}"), "unknown key").hint(EXAMPLE));
        }
        let text = |key: &str| {
            table.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(
                || {
                    let what = if table.contains_key(key) { "not a text" } else { "missing" };
                    self.error(&format!("{place}.{key}"), what).hint(EXAMPLE)
                },
            )
        };
        let domain = domain_to_ascii(text("domain")?).map_err(|why| {
            self.error(&format!("{place}.domain"), &why.to_string())
                .hint("write the domain of the From address, or a parent domain")
        })?;
        let selector = text("selector")?.to_ascii_lowercase();
        if !is_selector(&selector) || selector.len() + "._domainkey.".len() + domain.len() > 253 {
            return Err(self
                .error(
                    &format!("{place}.selector"),
                    "not letters, digits and hyphens, or too long for a name in DNS",
                )
                .hint("write a short word such as selector = \"spring\", under which the record is published"));
        }
        let name = format!("{place}.key");
        let source = table.get("key").ok_or_else(|| {
            self.error(&name, "missing").hint("write key = { file = \"dkim.pem\" }")
        })?;
        let secret = self.settings.secrets.resolve(&self.name(&name), source)?;
        let key = Key::parse(&secret).map_err(|unfit| {
            self.error(&name, &format!("{} {}", shown(source), unfit.what)).hint(unfit.hint)
        })?;
        Ok(Signer::new(domain, selector, key))
    }
}

/// Returns a short description of the source of a key.
fn shown(source: &Value) -> String {
    let of = |key: &str| source.get(key).and_then(Value::as_str);
    match (of("file"), of("env")) {
        (Some(path), _) => path.to_owned(),
        (_, Some(name)) => format!("the variable {name}"),
        _ => "the command's output".to_owned(),
    }
}

/// Returns whether a text is a valid selector, the part before `._domainkey` (RFC 6376 section
/// 3.1).
fn is_selector(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::error::Error;
    use crate::provider::testing::settings;
    use crate::provider::{ProviderSettings, SecretSource};
    use crate::secret::Secret;

    /// A secret source for tests. The files `rsa.pem` and `ed.pem` contain keys, and an `env` value
    /// resolves to its own text.
    #[derive(Debug)]
    struct Files;

    impl SecretSource for Files {
        fn resolve(&self, key: &str, value: &Value) -> Result<Secret> {
            let of = |source: &str| value.get(source).and_then(Value::as_str);
            match (of("file"), of("env")) {
                (Some("rsa.pem"), _) => {
                    Ok(include_str!("../../../tests/fixtures/dkim/rsa2048.pem"))
                }
                (Some("ed.pem"), _) => Ok(include_str!("../../../tests/fixtures/dkim/ed25519.pem")),
                (_, Some(text)) => Ok(text),
                _ => Err(Error::usage(format!("{key}: nowhere")).hint("point to it")),
            }
            .map(Secret::new)
        }
    }

    fn read(dkim: &str) -> Result<Option<Signers>> {
        let settings = ProviderSettings {
            secrets: Arc::new(Files),
            ..settings(&format!("url = \"smtp://a.example\"\n{dkim}"), "/nowhere".as_ref())
        };
        Keys::of(&settings).dkim()
    }

    #[test]
    fn one_table_or_a_list_signs() {
        assert!(read("").unwrap().is_none());
        let names = |dkim: &str| -> Vec<String> {
            let signers = read(dkim).unwrap().unwrap();
            signers.0.iter().map(|signer| signer.record().0).collect()
        };
        let one =
            "dkim = { domain = \"Exämple.com\", selector = \"S1\", key = { file = \"rsa.pem\" } }";
        assert_eq!(names(one), ["s1._domainkey.xn--exmple-cua.com"]);
        let two = "[[dkim]]\ndomain = \"a.example\"\nselector = \"r\"\nkey = { file = \"rsa.pem\" }\n\
            [[dkim]]\ndomain = \"a.example\"\nselector = \"e.x\"\nkey = { file = \"ed.pem\" }\n";
        assert_eq!(names(two), ["r._domainkey.a.example", "e.x._domainkey.a.example"]);
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place_and_what_to_write() {
        let entry = |domain: &str, selector: &str, key: &str| {
            format!("{{ domain = \"{domain}\", selector = \"{selector}\", key = {key} }}")
        };
        let good = entry("a.example", "s", "{ file = \"ed.pem\" }");
        for (dkim, says) in [
            ("true".to_owned(), "relay.dkim: neither a table"),
            ("[]".to_owned(), "neither a table"),
            ("[1]".to_owned(), "neither a table"),
            ("{}".to_owned(), "relay.dkim.domain: missing"),
            ("{ domain = 1 }".to_owned(), "dkim.domain: not a text"),
            ("{ domain = \"a.example\" }".to_owned(), "dkim.selector: missing"),
            ("{ domain = \"a.example\", selector = \"s\" }".to_owned(), "dkim.key: missing"),
            ("{ domian = \"a.example\" }".to_owned(), "dkim.domian: unknown key"),
            (entry("a..b", "s", "{ file = \"ed.pem\" }"), "dkim.domain: "),
            (entry("a.example", "s;", "{ file = \"ed.pem\" }"), "dkim.selector: "),
            (entry("a.example", "-s", "{ file = \"ed.pem\" }"), "dkim.selector: "),
            (entry("a.example", "s", "{ file = \"no.pem\" }"), "dkim.key: nowhere"),
            (entry("a.example", "s", "{ env = \"hunter2\" }"), "the variable hunter2 holds no key"),
            (format!("[{good}, {good}]"), "dkim[1]: the same domain and selector"),
            (format!("[{good}, {good}, {good}, {good}, {good}]"), "more than 4"),
        ] {
            let error = read(&format!("dkim = {dkim}")).expect_err(says);
            assert_eq!(error.exit().code(), 2);
            let error = error.to_string();
            assert!(error.contains(says) && error.contains("hint:"), "{says}: {error}");
        }
    }
}
