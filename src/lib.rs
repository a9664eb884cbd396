//! mailbatch: bulk e-mail from the command line.
//!
//! The flow of data. Each arrow is a type change and a module boundary:
//!
//! ```text
//! list ─► screen ─► plan ─► [limiter grants] ─► claim: screen again, render, encode, key ─► wire ─► settle ─► report
//!          │                                          one durable transaction                │        │
//!          └► invalid, duplicate, suppressed, ...                                     trace of the    └► progress
//!                                                                                     last moment
//! ```
//!
//! `input` reads rows, `suppression` and `plan` screen them, and `ledger` stores the plan. `pipeline`
//! is the loop that admits chunks, `provider` sends them, and `report` reads the results from the
//! ledger. `events` handles feedback: bounces and complaints, which the ledger stores and which cause
//! suppressions.

#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod bounded;
mod cli;
mod commands;
mod config;
mod content;
mod dkim;
mod events;
mod files;
mod fuzzing;
mod guides;
mod holder;
mod host;
mod input;
mod ledger;
mod limit;
mod listen;
mod message;
mod model;
mod output;
mod pipeline;
mod plan;
mod process;
mod progress;
mod provider;
mod replies;
mod report;
mod run;
mod secret;
mod suppression;

#[doc(hidden)]
pub mod internals;
#[cfg(test)]
mod rng;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Sets up diagnostic messages on standard error: warnings always, information with `-v`, and debug
/// messages, which may contain addresses, with `-vv`. Only messages of mailbatch are shown, because
/// those of libraries could contain secrets.
fn listen(verbose: u8) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(VisibleErrors::default)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    let own = Targets::new().with_target("mailbatch", level);
    // A program that uses this crate as a library may have set its own subscriber.
    let _ = tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(lines.with_filter(own)),
    );
}

/// Standard error with control characters made visible, so that text cannot control the terminal.
#[derive(Debug, Default)]
struct VisibleErrors;

impl Write for VisibleErrors {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        std::io::stderr()
            .lock()
            .write_all(model::shown::visible_lines(&String::from_utf8_lossy(bytes)).as_bytes())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

/// Runs the program: parses the arguments, runs the command, prints any error with its hint, and
/// returns the exit code.
pub fn run() -> ExitCode {
    process::prepare();
    process::name_lack_of_threads();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap also reports help and version as errors: they are printed on standard output,
            // with code 0.
            if error.exit_code() != 0
                && std::env::args_os()
                    .any(|typed| typed.to_string_lossy().contains(model::shown::is_harmful))
            {
                let _ = write!(
                    std::io::stderr().lock(),
                    "{}",
                    model::shown::visible_lines(&error.render().to_string())
                );
            } else {
                let _ = error.print();
            }
            if error.exit_code() != 0 {
                run::ci_reports::refuse_command_line(
                    &std::env::args_os().collect::<Vec<_>>(),
                    &error.render().to_string(),
                );
            }
            return ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(model::exit::Exit::USAGE.code()),
            );
        }
    };
    listen(cli.globals.verbose);
    match commands::run(&cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "mailbatch: {error}");
            ExitCode::from(error.exit().code())
        }
    }
}
