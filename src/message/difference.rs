//! Describes in words how a message differs from the message that was planned.

use super::Message;
use super::frozen::Frozen;
use super::row_files::RowFile;
use super::template::{HTML_BODY, MARKDOWN_BODY, TEXT_BODY};

/// The most characters that a difference quotes of a text.
const SHOWN: usize = 60;

impl Message {
    /// Describes how `now` differs from this message, one line for each difference. Empty if both
    /// produce the same mail.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        if self.fingerprint() == now.fingerprint() {
            Vec::new()
        } else {
            between(&self.frozen, &now.frozen)
        }
    }
}

fn between(was: &Frozen, is: &Frozen) -> Vec<String> {
    let mut found = Vec::new();
    let mut part = |what: &str, was: Option<&str>, is: Option<&str>| {
        if was != is {
            found.push(format!("{what} was {} and is {}", quoted(was), quoted(is)));
        }
    };
    let text = |source: &Option<super::template::Source>| {
        source.as_ref().map(|source| source.text.clone())
    };
    part("kind", Some(was.kind.as_str()), Some(is.kind.as_str()));
    part("from", Some(&was.from), Some(&is.from));
    let reply_to = |frozen: &Frozen| frozen.reply_to.as_ref().map(|list| list.text().to_owned());
    part("reply_to", reply_to(was).as_deref(), reply_to(is).as_deref());
    part("envelope_sender", Some(&was.envelope_sender), Some(&is.envelope_sender));
    part("subject", Some(&was.subject.text), Some(&is.subject.text));
    part("to_name", text(&was.to_name).as_deref(), text(&is.to_name).as_deref());
    part(
        "unsubscribe_url",
        text(&was.unsubscribe_url).as_deref(),
        text(&is.unsubscribe_url).as_deref(),
    );
    part(
        "unsubscribe_mailto",
        text(&was.unsubscribe_mailto).as_deref(),
        text(&is.unsubscribe_mailto).as_deref(),
    );
    part("list_id", was.list_id.as_deref(), is.list_id.as_deref());
    part("preheader", text(&was.preheader).as_deref(), text(&is.preheader).as_deref());
    part("feedback_id", text(&was.feedback_id).as_deref(), text(&is.feedback_id).as_deref());
    let header = |frozen: &Frozen, wanted: &str| {
        frozen
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, source)| source.text.clone())
    };
    let added = is.headers.iter().filter(|(name, _)| header(was, name).is_none());
    for (name, _) in was.headers.iter().chain(added) {
        let what = format!("header {name}");
        part(&what, header(was, name).as_deref(), header(is, name).as_deref());
    }
    found.extend(bodies(was, is));
    found.extend(attachments(was, is));
    let row_files = |frozen: &Frozen| {
        let file = |file: &RowFile| {
            let name = file.name.as_ref().map(|name| name.text.clone());
            (file.path.text.clone(), name, file.content_type.clone(), file.cid.clone())
        };
        frozen.row_files.iter().map(file).collect::<Vec<_>>()
    };
    if row_files(was) != row_files(is) {
        found.push("the attachments that differ for each row have changed".to_owned());
    }
    if found.is_empty() {
        found.push("the order of its headers or attachments has changed".to_owned());
    }
    found
}

/// Describes the first line that differs in each part of the body.
fn bodies(was: &Frozen, is: &Frozen) -> Vec<String> {
    let parts = |frozen: &Frozen| -> Vec<(String, String)> {
        let bodies = frozen.body.templates().into_iter();
        let bodies = bodies.map(|(name, source)| (name.into_owned(), source.text.clone()));
        let included = frozen.includes.iter();
        let included = included.map(|file| (file.name.clone(), file.source.text.clone()));
        bodies.chain(included).collect()
    };
    let (was, is) = (parts(was), parts(is));
    if was.iter().map(|(name, _)| name).ne(is.iter().map(|(name, _)| name)) {
        return other_files(&was, &is);
    }
    let differing = was.iter().zip(&is).filter(|((_, was), (_, is))| was != is);
    differing
        .map(|((name, was), (_, is))| {
            let what = if OWN.contains(&name.as_str()) { "the body" } else { name };
            let (mut was, mut is) = (was.lines(), is.lines());
            for number in 1.. {
                match (was.next(), is.next()) {
                    (None, None) => break,
                    (one, other) if one != other => {
                        return format!(
                            "{what} differs from its line {number} on: was {} and is {}",
                            quoted(one),
                            quoted(other)
                        );
                    }
                    _ => {}
                }
            }
            format!("{what} has different line ends")
        })
        .collect()
}

/// The template names of a body that rows do not choose.
const OWN: [&str; 3] = [TEXT_BODY, HTML_BODY, MARKDOWN_BODY];
/// The most files that the differences name.
const MOST_NAMED: usize = 5;

/// Describes the difference if the message consists of different files than before.
fn other_files(was: &[(String, String)], is: &[(String, String)]) -> Vec<String> {
    let is_in = |name: &str, all: &[(String, String)]| all.iter().any(|(known, _)| known == name);
    let gone = was.iter().filter(|(name, _)| !is_in(name, is));
    let gone = gone.map(|(name, _)| (name, "was removed"));
    let new = is.iter().filter(|(name, _)| !is_in(name, was)).map(|(name, _)| (name, "was added"));
    let mut found: Vec<String> = gone
        .chain(new)
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, what)| format!("{name} {what}"))
        .collect();
    if found.len() > MOST_NAMED {
        let more = found.len() - MOST_NAMED;
        found.truncate(MOST_NAMED);
        let files = if more == 1 { "file was" } else { "files were" };
        found.push(format!("{more} more {files} added or removed"));
    }
    if found.is_empty() {
        found.push("the body is of another form".to_owned());
    }
    found
}

fn attachments(was: &Frozen, is: &Frozen) -> Vec<String> {
    let mut found = Vec::new();
    for old in &was.attachments {
        match is.attachments.iter().find(|new| new.name == old.name) {
            None => found.push(format!("attachment {} was removed", old.name)),
            Some(new) if new.data != old.data => {
                found.push(format!("attachment {} has another content", old.name))
            }
            Some(new) if new.cid != old.cid => {
                found.push(format!("attachment {} has another cid", old.name))
            }
            Some(new) if new.content_type != old.content_type => {
                found.push(format!("attachment {} has another content type", old.name))
            }
            Some(_) => {}
        }
    }
    let is_new = |name: &str| !was.attachments.iter().any(|old| old.name == name);
    found.extend(
        is.attachments
            .iter()
            .filter(|new| is_new(&new.name))
            .map(|new| format!("attachment {} was added", new.name)),
    );
    found
}

fn quoted(text: Option<&str>) -> String {
    let Some(text) = text else { return "not there".to_owned() };
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = text.trim().chars().take(SHOWN).map(clean).collect();
    let more = if text.trim().chars().count() > SHOWN { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

#[cfg(test)]
mod tests {
    use super::super::{MessageKeys, MessageSource};
    use super::*;

    fn message(toml: &str) -> Message {
        let keys = "from = 'Acme <news@acme.example>'\nkind = 'transactional'\n";
        let inline: MessageKeys = toml::from_str(&format!("{keys}{toml}")).expect("valid");
        Message::load(&MessageSource { inline, ..MessageSource::default() }).expect("a message")
    }

    #[test]
    fn each_part_that_differs_is_named_with_what_it_was_and_is() {
        let was = message(
            "subject = 'Sale 50 %'\ntext = \"Dear\\nonly 5 EUR\\n\"\nheaders = { X-A = '1' }",
        );
        let is = message(
            "subject = 'Sale 30 %'\ntext = \"Dear\\nonly 50 EUR\\n\"\nheaders = { X-A = '2', X-B = '3' }",
        );
        assert_eq!(
            was.differences(&is),
            [
                "subject was \"Sale 50 %\" and is \"Sale 30 %\"",
                "header X-A was \"1\" and is \"2\"",
                "header X-B was not there and is \"3\"",
                "the body differs from its line 2 on: was \"only 5 EUR\" and is \"only 50 EUR\"",
            ]
        );
        assert!(
            was.differences(&message(
                "subject = 'Sale 50 %'\ntext = \"Dear\\nonly 5 EUR\\n\"\nheaders = { X-A = '1' }"
            ))
            .is_empty()
        );
        let html = message("subject = 'Sale 50 %'\nhtml = '<p>Dear</p>'\nheaders = { X-A = '1' }");
        assert_eq!(was.differences(&html), ["the body is of another form"]);
    }
}
