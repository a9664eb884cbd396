//! How fast mailbatch is, beside programs that do the same or less: `tests/bench/run` builds,
//! installs the others and runs this.

mod bench;
mod digits;
mod hand_over;
mod http_sink;
mod list;
mod machine;
mod measure;
mod message;
mod postfix;
mod program;
mod reference;
mod row;
mod rows;
mod rtt_proxy;
mod smtp_sink;
mod table;
mod tls;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use bench::{Bench, Finding};
use rows::{GROUPS, Group};

/// Measures mailbatch beside smtp-source, wrk, nodemailer, mailmerge, smtplib and bare loops.
#[derive(Parser)]
#[command(bin_name = "tests/bench/run", after_help = rows_help())]
struct Arguments {
    /// The rows to measure; all of them unless some are named.
    rows: Vec<String>,
    /// How often each side has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A tenth of every amount: to see that it runs. The bounds are meant for the full amounts.
    #[arg(long)]
    quick: bool,
    /// Also writes everything, each round of it, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The mailbatch to measure.
    #[arg(long, value_name = "PATH", hide = true)]
    mailbatch: PathBuf,
    /// Where temporary files go; several GB are needed, and the caller removes them.
    #[arg(long, value_name = "DIR", hide = true)]
    dir: PathBuf,
    /// Where the yardsticks from npm and PyPI are installed.
    #[arg(long, value_name = "DIR", hide = true)]
    peers: PathBuf,
}

fn rows_help() -> String {
    let rows: Vec<String> =
        GROUPS.iter().map(|group| format!("  {:<12} {}", group.name, group.about)).collect();
    format!("Rows:\n{}", rows.join("\n"))
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let done = match words.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(measure::FLAG) => measure::help(words).map(|()| true),
        Some(reference::FLAG) => reference::run(words).map(|()| true),
        Some(hand_over::FLAG) => hand_over::run(words).map(|()| true),
        // As cargo starts it, which knows neither the yardsticks nor where a few GB may go.
        None | Some("--bench") => {
            eprintln!("type tests/bench/run");
            Ok(true)
        }
        _ => run(&Arguments::parse()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tests/bench/run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for; false if something that was to be measured could not be.
fn run(arguments: &Arguments) -> Result<bool> {
    let groups = chosen(&arguments.rows)?;
    let bench = Bench {
        mailbatch: arguments
            .mailbatch
            .canonicalize()
            .with_context(|| arguments.mailbatch.display().to_string())?,
        dir: arguments.dir.canonicalize().with_context(|| arguments.dir.display().to_string())?,
        peers: arguments.peers.clone(),
        rounds: arguments.rounds,
        divisor: if arguments.quick { 10 } else { 1 },
    };
    let (mut rows, mut skipped, mut failed) = (Vec::new(), Vec::new(), false);
    for group in groups {
        match (group.run)(&bench) {
            Ok(findings) => {
                for finding in findings {
                    match finding {
                        Finding::Row(row) => rows.push(row),
                        Finding::Skipped(row) => skipped.push(row),
                    }
                }
            }
            Err(error) => {
                eprintln!("tests/bench/run: {}: {error:#}", group.name);
                failed = true;
            }
        }
    }
    let machine = machine::Machine::here();
    if let Some(path) = &arguments.json {
        let text =
            serde_json::to_string_pretty(&table::json(&machine, bench.rounds, &rows, &skipped))?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    print!("{}", table::markdown(&machine, bench.rounds, &rows, &skipped));
    Ok(!failed)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Group>> {
    if let Some(unknown) =
        names.iter().find(|name| GROUPS.iter().all(|group| group.name != name.as_str()))
    {
        bail!(
            "no row is called {unknown}; hint: {}",
            GROUPS.iter().map(|group| group.name).collect::<Vec<_>>().join(" ")
        );
    }
    Ok(GROUPS
        .iter()
        .filter(|group| names.is_empty() || names.iter().any(|name| name == group.name))
        .collect())
}
