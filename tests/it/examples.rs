//! Every example runs as its `mailbatch.toml` says: `# run:` names the arguments, `# exit:` the
//! code they end with.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// Copies an example, so that the repository gains neither a ledger nor reports.
fn copy(example: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(example).expect("an example") {
        let path = entry.expect("a readable directory").path();
        if path.is_file() {
            fs::copy(&path, dir.path().join(path.file_name().expect("an entry has a name")))
                .expect("a copy");
        }
    }
    dir
}

fn examples() -> Vec<PathBuf> {
    let all =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).expect("examples");
    all.map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.is_dir())
        .collect()
}

#[test]
fn every_example_ends_with_the_exit_code_it_documents() {
    for example in examples() {
        let text = fs::read_to_string(example.join("mailbatch.toml"))
            .expect("an example has a configuration");
        let marked = |mark: &'static str| {
            text.lines()
                .filter_map(move |line| line.strip_prefix(mark))
                .map(str::trim)
                .collect::<Vec<_>>()
        };
        let (runs, exits) = (marked("# run:"), marked("# exit:"));
        assert!(
            !runs.is_empty() && runs.len() == exits.len(),
            "{}: each run has one exit code",
            example.display()
        );
        let dir = copy(&example);
        for (run, exit) in runs.iter().zip(exits) {
            let mut command = Command::cargo_bin("mailbatch").expect("the binary");
            let output = command
                .arg("-C")
                .arg(dir.path())
                .args(run.split_whitespace())
                .output()
                .expect("the binary runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code().map(|c| c.to_string()).as_deref(),
                Some(exit),
                "{}: {run}\n{said}",
                example.display()
            );
        }
    }
}
