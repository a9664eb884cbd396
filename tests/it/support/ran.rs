//! The binary run to its end, and what it leaves behind read back: closing objects and reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Workspace;

/// A command that has ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Takes what the command left; panics unless it ended by itself.
    pub(crate) fn from(mut command: assert_cmd::Command) -> Self {
        let output =
            command.timeout(std::time::Duration::from_secs(120)).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        let code = output
            .status
            .code()
            .unwrap_or_else(|| panic!("killed: {:?}\n{out}\n{err}", output.status));
        Self { code, out, err }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Asserts that it says this somewhere.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "no {text:?} in\n--- stdout\n{}\n--- stderr\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Standard output as NDJSON.
    #[track_caller]
    pub(crate) fn objects(&self) -> Vec<Value> {
        let object = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.out.lines().map(object).collect()
    }

    /// The last object on standard output.
    #[track_caller]
    pub(crate) fn object(&self) -> Value {
        self.objects().pop().unwrap_or_else(|| panic!("nothing on standard output\n{}", self.err))
    }
}

/// A report in CSV.
pub(crate) struct Report {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Report {
    /// Reads one from a file.
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let mut reader = csv::Reader::from_path(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let header = cells(reader.headers().expect("a report has a header"));
        let rows =
            reader.records().map(|record| cells(&record.expect("a report is CSV"))).collect();
        Self { header, rows }
    }

    /// A column, from the first row to the last.
    #[track_caller]
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        let at = self
            .header
            .iter()
            .position(|header| header == name)
            .unwrap_or_else(|| panic!("no column {name} in {:?}", self.header));
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    /// One cell of the row with this address as it stands in the list's column `email`.
    #[track_caller]
    pub(crate) fn cell(&self, email: &str, name: &str) -> &str {
        let at = self
            .column("email")
            .iter()
            .position(|cell| *cell == email)
            .unwrap_or_else(|| panic!("no row of {email}"));
        self.column(name)[at]
    }

    /// How many rows have each outcome.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        self.column("mb_outcome")
            .into_iter()
            .for_each(|outcome| *counts.entry(outcome).or_default() += 1);
        counts
    }

    /// The addresses with this outcome, in order.
    pub(crate) fn with(&self, outcome: &str) -> Vec<&str> {
        self.column("mb_email")
            .into_iter()
            .zip(self.column("mb_outcome"))
            .filter(|(_, found)| *found == outcome)
            .map(|(email, _)| email)
            .collect()
    }
}

impl Workspace {
    /// Runs the binary with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.mailbatch();
        command.args(arguments);
        Ran::from(command)
    }

    /// The same with this text on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: impl Into<Vec<u8>>) -> Ran {
        let mut command = self.mailbatch();
        command.args(arguments).write_stdin(stdin);
        Ran::from(command)
    }

    /// The id of the newest run.
    pub(crate) fn newest_run(&self) -> String {
        let runs = self.run(&["runs", "--json"]).ends(0).objects();
        runs[0]["run"].as_str().expect("a run has an id").to_owned()
    }

    /// The newest report that is always written, of the newest run.
    pub(crate) fn report(&self) -> Report {
        Report::read(self.join(format!(".mailbatch/reports/{}.latest.csv", self.newest_run())))
    }

    /// The messages the sandbox keeps, by file name.
    pub(crate) fn outbox(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.join(".mailbatch/outbox")) else {
            return BTreeMap::new();
        };
        let paths = entries.map(|entry| entry.expect("the outbox can be read").path());
        paths
            .map(|path| (path.clone(), std::fs::read(&path).expect("a message can be read")))
            .collect()
    }

    /// To whom the sandbox's messages are addressed, sorted.
    pub(crate) fn mailed(&self) -> Vec<String> {
        let mut mailed: Vec<String> = self.outbox().values().map(|raw| to(raw)).collect();
        mailed.sort();
        mailed
    }
}

/// The address in the To header of a message.
pub(crate) fn to(raw: &[u8]) -> String {
    let message = mail_parser::MessageParser::default().parse(raw).expect("a message");
    let to = message
        .to()
        .and_then(|to| to.first())
        .and_then(|to| to.address())
        .expect("a message has a To header");
    to.to_owned()
}
