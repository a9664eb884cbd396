//! What all rows share: which mailbatch is measured, how many rounds, where temporary files go, and
//! the taking of turns.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::list;
use crate::measure::{self, Cost};
use crate::message::Form;
use crate::row::{Row, Side};
use crate::smtp_sink::SmtpSink;
use crate::table::Skipped;
use crate::workspace::Workspace;

/// What a group of rows came to.
pub(crate) enum Finding {
    Row(Row),
    Skipped(Skipped),
}

impl Finding {
    /// A row that was not measured.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Skipped(Skipped { what: what.into(), why: why.into() })
    }
}

/// The settings of a benchmark run.
pub(crate) struct Bench {
    pub(crate) mailbatch: PathBuf,
    /// Where lists, workspaces and whatever mailbatch writes go; on the disk whose speed is meant.
    pub(crate) dir: PathBuf,
    /// Where the yardsticks from npm and PyPI are.
    pub(crate) peers: PathBuf,
    pub(crate) rounds: u32,
    /// Every amount is divided by this.
    pub(crate) divisor: u64,
}

impl Bench {
    /// How much of `full` is measured.
    pub(crate) fn amount(&self, full: u64) -> u64 {
        (full / self.divisor).max(1)
    }

    /// A list with so many rows.
    pub(crate) fn list(&self, rows: u64) -> Result<PathBuf> {
        Ok(list::recipients(&self.dir, rows)?)
    }

    /// Sends `list` with mailbatch through a provider with these keys, in a new workspace.
    pub(crate) fn send(&self, provider: &str, list: &Path, more: &[&str]) -> Result<Cost> {
        self.send_as(Form::Apart, provider, list, more)
    }

    /// The same with the message in this form.
    pub(crate) fn send_as(
        &self,
        form: Form,
        provider: &str,
        list: &Path,
        more: &[&str],
    ) -> Result<Cost> {
        let workspace = Workspace::new(&self.dir, provider, form)?;
        let list = list.display().to_string();
        let words: Vec<&str> = ["send", &list].iter().chain(more).copied().collect();
        measure::run(&workspace.command(&self.mailbatch, &words))
    }

    /// Lets the sides work in turns, each once a round.
    pub(crate) fn take_turns(
        &self,
        group: &str,
        sides: &mut [(&mut Side, &mut dyn FnMut() -> Result<Cost>)],
    ) -> Result<()> {
        for round in 1..=self.rounds {
            for (side, work) in &mut *sides {
                let cost = work()?;
                let rate = side.items as f64 / cost.seconds;
                eprintln!(
                    "{group} {round}/{}: {}: {:.2} s, {rate:.0}/s, {:.0} MiB",
                    self.rounds, side.who, cost.seconds, cost.peak_mib
                );
                side.costs.push(cost);
            }
        }
        Ok(())
    }

    /// Measures mailbatch and a yardstick in turns and makes a row of the two.
    pub(crate) fn duel(
        &self,
        mut row: Row,
        mut ours: impl FnMut() -> Result<Cost>,
        mut yardstick: impl FnMut() -> Result<Cost>,
    ) -> Result<Finding> {
        self.take_turns(
            row.group,
            &mut [(&mut row.ours, &mut ours), (&mut row.yardstick, &mut yardstick)],
        )?;
        Ok(Finding::Row(row))
    }
}

/// Runs `work` and checks that `sink` took exactly `messages` meanwhile: a sender that loses or
/// doubles a message has no speed.
pub(crate) fn counted(
    sink: &SmtpSink,
    messages: u64,
    work: impl FnOnce() -> Result<Cost>,
) -> Result<Cost> {
    sink.take_count();
    sink.take_octets();
    let cost = work()?;
    let (taken, octets) = (sink.take_count(), sink.take_octets());
    ensure!(taken == messages, "the sink took {taken} messages instead of {messages}");
    eprintln!("    {} octets a message", octets / taken.max(1));
    Ok(cost)
}
