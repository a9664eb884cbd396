//! The guides: written in Markdown under `man/guides`, printed by `mailbatch help TOPIC`, and
//! converted to man pages.
//!
//! Invariant: the binary contains the complete guides, so that they can be read without `man` and
//! without the repository.

mod page;
mod plain;
mod roff;

/// A guide: one page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Guide {
    /// The topic, as typed after `mailbatch help`.
    pub name: &'static str,
    /// Other names of the topic that `mailbatch help` accepts.
    pub aliases: &'static [&'static str],
    /// The section of the manual: 5 for a file format, 7 for all others.
    section: u8,
    markdown: &'static str,
}

/// Declares the guides: topic, section of the manual, other names.
macro_rules! guides {
    ($(($name:literal, $section:literal, [$($alias:literal),*]),)+) => {
        /// All guides, in the order in which topics are listed.
        pub const GUIDES: &[Guide] = &[$(Guide {
            name: $name,
            aliases: &[$($alias),*],
            section: $section,
            markdown: include_str!(concat!("../../man/guides/", $name, ".md")),
        },)+];
    };
}

guides! {
    ("lists", 7, ["list", "csv"]),
    ("messages", 7, ["message", "templates"]),
    ("suppression", 7, ["suppressions"]),
    ("campaigns", 7, ["campaign"]),
    ("providers", 7, ["routing", "refusals"]),
    ("limits", 7, ["rates", "caps", "ramp"]),
    ("canary", 7, ["canaries", "canary-and-pause", "pause-rules", "pausing"]),
    ("feedback", 7, ["bounces", "complaints", "webhooks", "unsubscribe"]),
    ("unknown", 7, ["unknowns", "doubt"]),
    ("progress", 7, ["signals", "ndjson"]),
    ("cron-and-ci", 7, ["cron", "ci", "junit", "smoke"]),
    ("runbook", 7, ["exit-codes", "on-call"]),
    ("formats", 7, ["reports", "columns", "outcomes", "json"]),
    ("security", 7, ["privacy", "security-and-privacy", "threat-model"]),
    ("cannot-know", 7, ["placement"]),
    ("performance", 7, ["benchmark"]),
    ("changes", 7, ["changed-defaults"]),
    ("mailbatch.toml", 5, ["configuration", "keys"]),
}

impl Guide {
    /// Finds the guide with this topic, ignoring case, with or without the prefix `mailbatch-`.
    pub fn find(topic: &str) -> Option<&'static Self> {
        let topic = topic.to_lowercase();
        let is_called =
            |guide: &&Self, topic: &str| guide.name == topic || guide.aliases.contains(&topic);
        let called = |topic: &str| GUIDES.iter().find(|guide| is_called(guide, topic));
        called(&topic).or_else(|| called(topic.strip_prefix("mailbatch-")?))
    }

    /// Returns the guide's summary, which has about eight words.
    pub fn about(&self) -> &'static str {
        let title = self.markdown.lines().next().unwrap_or_default();
        title.split_once(": ").map_or(title, |(_, about)| about)
    }

    /// Returns the text for `mailbatch help`, wrapped at `width` columns. `styled` is set for a
    /// terminal that can show bold text.
    pub fn text(&self, width: usize, styled: bool) -> String {
        plain::render(
            &page::parse(self.markdown),
            plain::Layout {
                width,
                marks: if styled { plain::Marks::Bold } else { plain::Marks::Quotes },
            },
        )
    }

    /// The name of the guide's man page, without the section.
    fn page_name(&self) -> String {
        if self.name.starts_with("mailbatch") {
            self.name.to_owned()
        } else {
            format!("mailbatch-{}", self.name)
        }
    }

    /// Returns the file name and the content of the guide's man page.
    pub fn man_page(&self) -> (String, String) {
        let name = self.page_name();
        (
            format!("{name}.{}", self.section),
            roff::render(&page::parse(self.markdown), &name, self.section),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_found_by_its_names() {
        for topic in ["canary", "Canary", "mailbatch-canary", "pause-rules"] {
            assert_eq!(Guide::find(topic).map(|guide| guide.name), Some("canary"), "{topic}");
        }
        assert!(Guide::find("canari").is_none());
    }

    #[test]
    fn no_two_guides_have_a_word_in_common_and_each_has_a_title() {
        let words: Vec<&str> = GUIDES
            .iter()
            .flat_map(|guide| guide.aliases.iter().copied().chain([guide.name]))
            .collect();
        for (at, word) in words.iter().enumerate() {
            assert!(!words[..at].contains(word), "{word}");
        }
        for guide in GUIDES {
            let title = format!("# {}: ", guide.name);
            assert!(
                guide.markdown.starts_with(&title),
                "{} does not begin with {title:?}",
                guide.name
            );
        }
    }
}
