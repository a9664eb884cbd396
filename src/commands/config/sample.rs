//! Creates the sample files that `config init` writes. Without a list they work with any list. With
//! a list they use its columns.

use std::path::Path;

use crate::config::FILE_NAME;
use crate::input::context::{ColumnIndex, alias};
use crate::input::{ListReader, Place, ReadOptions, Source};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::recipient::Columns;
use crate::model::shown::Shown;

const CONFIGURATION: &str = include_str!("mailbatch.toml");
const MESSAGE: &str = include_str!("welcome.md");
const SUPPRESSIONS: &str = "email,reason,scope,source,created_at,expires_at,note\n";

/// Texts in the samples that `files` replaces if a list is given.
const LINK: &str = "https://acme.example/unsubscribe";
const COLUMN: &str = "# email = \"email\" ";
const GREETING: &str = "It is good to have you with us.";

/// The columns of a list, with its address column.
pub(crate) struct ListColumns {
    name: String,
    index: ColumnIndex,
    address: String,
    /// Whether the operator named the address column on the command line.
    is_named: bool,
}

impl ListColumns {
    /// Reads the columns of a list. Fails with exit code 4 if the list cannot be read, or if its
    /// address column was neither named nor detected.
    pub(crate) fn read(path: &Path, typed: &Path, email: Option<&str>) -> Result<Self> {
        let name = typed.shown();
        let options = ReadOptions {
            email: email.map(str::to_owned),
            accept_guess: true,
            ..ReadOptions::default()
        };
        let mut reader = ListReader::open_as(&Source::Path(path.to_owned()), &name, &options)?;
        let place = Place::of_email(&reader, email, &name)?;
        place.mark_in(&mut reader);
        // A JSON list has no header. Its columns are collected from its first rows.
        for row in std::iter::from_fn(|| reader.next_row()).take(100) {
            row.map_err(Error::from)?;
        }
        Ok(Self {
            name,
            index: ColumnIndex::new(reader.columns()),
            address: place.name().to_owned(),
            is_named: email.is_some(),
        })
    }

    fn columns(&self) -> &Columns {
        self.index.columns()
    }

    /// Returns the template expression for a column, or `None` if a template cannot refer to it.
    fn term(&self, column: &str) -> Option<String> {
        let is_word = |text: &str| {
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        };
        const KEYWORDS: [&str; 12] =
            ["row", "true", "false", "none", "not", "and", "or", "in", "is", "if", "else", "loop"];
        let place = self.index.exact(column)?;
        let is_free = |name: &str| {
            is_word(name) && !KEYWORDS.contains(&name) && self.index.resolve(name) == Some(place)
        };
        [column.to_owned(), alias(column)].into_iter().find(|name| is_free(name)).or_else(|| {
            let is_plain = !column.contains(['"', '\\', '{', '}', '#', '%', '\n']);
            is_plain.then(|| format!("row[\"{column}\"]"))
        })
    }

    fn address_term(&self) -> Result<String> {
        self.term(&self.address).ok_or_else(|| {
            Error::new(
                Exit::REFUSED,
                format!("{}: a template cannot refer to the column {:?}", self.name, self.address),
            )
            .hint("rename the column in the list's header")
        })
    }
}

/// Returns the name, mode and text of each sample file.
pub(crate) fn files(list: Option<&ListColumns>) -> Result<[(&'static str, u32, String); 3]> {
    let (mut configuration, mut message) = (CONFIGURATION.to_owned(), MESSAGE.to_owned());
    if let Some(list) = list {
        let address = list.address_term()?;
        // In TOML, single quotes enclose a string that contains double quotes.
        let url = format!("https://acme.example/u/{{{{ {address} | urlencode }}}}");
        let quoted = if url.contains('"') { format!("'{url}'") } else { format!("\"{url}\"") };
        configuration = configuration.replace(&format!("\"{LINK}\""), &quoted);
        if list.is_named {
            let column = toml::Value::from(list.address.as_str());
            configuration = configuration
                .replace("# [list]\n", "[list]\n")
                .replace(COLUMN, &format!("email = {column} "));
        }
        let others: Vec<String> = list
            .columns()
            .names()
            .iter()
            .filter_map(|name| list.term(name))
            .map(|term| format!("{{{{ {term} }}}}"))
            .collect();
        let greeting = format!(
            "{GREETING} Your address is {{{{ {address} }}}}.\n\n{{# The columns of the list: {} #}}",
            others.join(", ")
        );
        message = message
            .replace(GREETING, &greeting)
            .replace(LINK, &format!("https://acme.example/u/{{{{ {address} | urlencode }}}}"));
    }
    Ok([
        (FILE_NAME, 0o644, configuration),
        ("welcome.md", 0o644, message),
        ("suppressions.csv", 0o600, SUPPRESSIONS.to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_a_template_can() {
        let names = [
            "Email",
            "First Name",
            "first_name",
            "Größe",
            "if",
            "a\"b",
            "Vor- und Zuname",
            "twice",
            "twice",
        ];
        let columns = Columns::new(names.map(str::to_owned).to_vec());
        let list = ListColumns {
            name: "list.csv".into(),
            index: ColumnIndex::new(&columns),
            address: "Email".into(),
            is_named: false,
        };
        let terms = names[..8].iter().map(|name| list.term(name)).collect::<Vec<_>>();
        let terms: Vec<Option<&str>> = terms.iter().map(Option::as_deref).collect();
        assert_eq!(
            terms,
            [
                Some("Email"),
                Some("row[\"First Name\"]"),
                Some("first_name"),
                Some("row[\"Größe\"]"),
                Some("row[\"if\"]"),
                Some("a_b"),
                Some("vor_und_zuname"),
                None
            ]
        );
    }

    #[test]
    fn each_mark_of_the_samples_stands_where_it_is_looked_for() {
        assert_eq!(CONFIGURATION.matches(&format!("\"{LINK}\"")).count(), 1);
        assert_eq!(CONFIGURATION.matches(COLUMN).count(), 1);
        assert!(
            CONFIGURATION.contains("# [list]\n")
                && MESSAGE.contains(GREETING)
                && MESSAGE.contains(LINK)
        );
        let table: toml::Table = CONFIGURATION.parse().unwrap();
        assert!(
            !table["message"].to_string().contains("{{") && !MESSAGE.contains("{{ email"),
            "a list may have no column of that name"
        );
        // The first provider is the sandbox.
        let first = CONFIGURATION.lines().find(|line| line.contains("[providers.")).unwrap();
        assert_eq!(first, "[providers.sandbox]");
    }
}
