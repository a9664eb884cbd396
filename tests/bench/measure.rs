//! Measures whole processes: wall time, CPU time and peak memory of one command from start to exit.
//!
//! The rule it keeps: each command is the only child of a helper process (this program again, with
//! [`FLAG`]), so that the kernel's figures for "all children" are the figures of exactly that
//! command, and of nothing the benchmark itself does.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// The first argument of the helper process; program and arguments follow.
pub(crate) const FLAG: &str = "--measured";

/// What one command cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// From start to exit.
    pub(crate) seconds: f64,
    /// User and system time of all its threads and of the processes that it waited for.
    pub(crate) cpu_seconds: f64,
    /// The most memory that was resident at once.
    pub(crate) peak_mib: f64,
}

/// What the helper process tells.
#[derive(Serialize, Deserialize)]
struct Told {
    cost: Cost,
    code: Option<i32>,
}

/// Runs `command`, with nothing on its standard input and its standard output thrown away, and
/// returns what it cost. Fails with what it wrote to standard error unless it leaves with 0.
pub(crate) fn run(command: &Command) -> Result<Cost> {
    let (cost, code, errors) = run_to_any_end(command)?;
    ensure!(code == Some(0), "{command:?} ended with {code:?}:\n{errors}");
    Ok(cost)
}

/// As [`run`], for a command that may fail: also the exit code (`None` after a signal) and what was
/// written to standard error.
pub(crate) fn run_to_any_end(command: &Command) -> Result<(Cost, Option<i32>, String)> {
    let mut helper = Command::new(std::env::current_exe()?);
    helper.arg(FLAG).arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        helper.current_dir(dir);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => helper.env(name, value),
            None => helper.env_remove(name),
        };
    }
    let output =
        helper.stdin(Stdio::null()).output().context("the helper process cannot be started")?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?} could not be measured:\n{errors}");
    let told: Told = serde_json::from_slice(&output.stdout)?;
    Ok((told.cost, told.code, errors))
}

/// The helper process: runs the command and prints what it cost.
pub(crate) fn help(mut words: impl Iterator<Item = std::ffi::OsString>) -> Result<()> {
    let Some(program) = words.next() else { bail!("{FLAG} needs a command") };
    let started = Instant::now();
    let mut child = Command::new(&program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    // Errors are kept small: the last few kilobytes say why a command failed.
    let mut errors = Vec::new();
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_end(&mut errors)?;
    }
    let status = child.wait()?;
    let seconds = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu_seconds = (usage.user_time().num_microseconds()
        + usage.system_time().num_microseconds()) as f64
        / 1e6;
    // Linux counts in KiB.
    let cost = Cost { seconds, cpu_seconds, peak_mib: usage.max_rss() as f64 / 1024.0 };
    std::io::stderr().write_all(&errors[errors.len().saturating_sub(4096)..])?;
    serde_json::to_writer(std::io::stdout(), &Told { cost, code: status.code() })?;
    Ok(())
}
