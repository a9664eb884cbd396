//! Pauses of the workspace or of a part of it, with the operators who began them. An ended pause
//! stays in the ledger.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::outcome::Kind;

/// The part of the workspace that a pause stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "name")]
pub enum PauseScope {
    /// Every run.
    Workspace,
    /// The runs of a campaign, by the name shown to the operator.
    Campaign(String),
    /// The runs of a kind of mail.
    Kind(Kind),
    /// Submissions through a provider, by its name under `[providers]`.
    Provider(String),
    /// A run whose gate is latched by its canary or by a pause rule.
    Run(String),
}

impl PauseScope {
    /// Whether the pause stops runs of this campaign and kind from starting. A provider's pause
    /// does not stop a run from starting.
    pub fn holds(&self, campaign: &str, kind: Kind) -> bool {
        match self {
            Self::Workspace => true,
            Self::Campaign(name) => {
                name == campaign || Some(name.as_str()) == campaign.split('#').next()
            }
            Self::Kind(held) => *held == kind,
            Self::Provider(_) | Self::Run(_) => false,
        }
    }

    /// Whether the pause applies to this provider.
    pub fn holds_provider(&self, provider: &str) -> bool {
        matches!(self, Self::Provider(name) if name == provider)
    }

    /// The stopped part of the workspace, worded as the subject of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Workspace => "this workspace".to_owned(),
            Self::Campaign(name) => format!("campaign {name}"),
            Self::Kind(kind) => format!("{kind} mail"),
            Self::Provider(name) => format!("provider {name}"),
            Self::Run(run) => format!("run {run}"),
        }
    }

    /// The command that ends the pause.
    pub fn lift(&self) -> String {
        match self {
            Self::Workspace => "mailbatch unpause".to_owned(),
            Self::Campaign(name) => format!("mailbatch unpause --campaign {}", quoted(name)),
            Self::Kind(kind) => format!("mailbatch unpause --kind {kind}"),
            Self::Provider(name) => format!("mailbatch unpause --provider {}", quoted(name)),
            Self::Run(run) => format!("mailbatch resume {run} --continue"),
        }
    }
}

/// A name quoted for the shell.
fn quoted(name: &str) -> String {
    let is_plain =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "/._-+,:@%".contains(c));
    if is_plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// A pause to begin.
#[derive(Clone, Debug)]
pub struct NewPause {
    pub scope: PauseScope,
    /// The user who began the pause, or the part of the program that latched a gate.
    pub author: String,
    /// The host on which the pause was begun.
    pub host: String,
    /// The reason in the author's words; may be empty.
    pub reason: String,
    /// When the pause ends automatically. `None` if an operator must end it.
    pub expires_at: Option<Timestamp>,
}

/// A pause in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    #[serde(flatten)]
    pub scope: PauseScope,
    pub since: Timestamp,
    /// Empty, like `host`, if an earlier version of mailbatch recorded the pause.
    pub author: String,
    pub host: String,
    pub reason: String,
    pub expires_at: Option<Timestamp>,
}

impl Pause {
    /// The start, the author, the end and the reason, as shown to the operator.
    pub fn words(&self) -> String {
        let by = match (self.author.as_str(), self.host.as_str()) {
            ("", _) => String::new(),
            (author, "") => format!(" by {author}"),
            (author, host) => format!(" by {author} on {host}"),
        };
        let until = self.expires_at.map(|at| format!(", until {at:.0}")).unwrap_or_default();
        let reason =
            if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("{:.0}{by}{until}{reason}", self.since)
    }

    /// The reason, preceded by the scope unless the pause stops everything.
    pub fn why(&self) -> String {
        let of =
            if self.scope == PauseScope::Workspace { String::new() } else { self.scope.words() };
        [of, self.reason.clone()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ")
    }
}

/// The number of recipients of one run that were claimed for a provider and have no outcome yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    pub run: String,
    pub campaign: String,
    pub env: Option<String>,
    pub kind: Kind,
    pub provider: String,
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_what_it_names_and_says_how_it_ends() {
        let campaign = |name: &str| PauseScope::Campaign(name.to_owned());
        assert!(
            campaign("spring").holds("spring", Kind::Marketing)
                && campaign("m/list").holds("m/list#0a1b", Kind::Transactional)
        );
        assert!(
            !campaign("spring").holds("spring 2", Kind::Marketing)
                && !campaign("m").holds("m/list#0a1b", Kind::Marketing)
        );
        assert!(PauseScope::Kind(Kind::Marketing).holds("x", Kind::Marketing));
        assert!(!PauseScope::Kind(Kind::Marketing).holds("x", Kind::Transactional));
        let provider = PauseScope::Provider("relay".into());
        assert!(
            provider.holds_provider("relay")
                && !provider.holds_provider("bird")
                && !provider.holds("relay", Kind::Marketing)
        );
        assert_eq!(campaign("it's on").lift(), r"mailbatch unpause --campaign 'it'\''s on'");
        assert_eq!(PauseScope::Workspace.lift(), "mailbatch unpause");
    }
}
