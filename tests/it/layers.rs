//! Modules import downwards only. [`LAYERS`] is the one place where the order is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate, lowest first: each may import those above it in this list, and none
/// below.
const LAYERS: &[&str] = &[
    "model",
    "bounded",
    // Files, the host and secrets.
    "files",
    "holder",
    "host",
    "content",
    "secret",
    "output",
    "process",
    "draws",
    // A recipient's way: list, message, provider.
    "guides",
    "input",
    "cli",
    "message",
    "replies",
    "provider",
    // What is kept and what is said of it.
    "ledger",
    "report",
    "progress",
    "suppression",
    "limit",
    // What is done with it.
    "pipeline",
    "events",
    "config",
    "plan",
    "listen",
    "commands",
    "fuzzing",
    "internals",
];

/// All files below `dir`, in order.
fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The code of a file without comments and without the tests at its end.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// The modules of the crate that some code names after `crate::`, also in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(word(rest))),
            Some(group) => {
                let mut depth = 0;
                let mut is_start = true;
                for (i, c) in group.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        '{' => depth += 1,
                        ',' if depth == 0 => is_start = true,
                        c if is_start && depth == 0 && !c.is_whitespace() => {
                            found.insert(word(&group[i..]));
                            is_start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// The imports of a module that go upwards.
fn upward(module: &str, code: &str) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let own =
        layer(module).unwrap_or_else(|| panic!("src/{module} has no layer; add it to LAYERS"));
    imports(code).into_iter().filter(|name| layer(name).is_some_and(|other| other > own)).collect()
}

#[test]
fn no_module_imports_one_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in &files {
        let place = path.strip_prefix(&src).expect("it is in src");
        let module = place
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        let is_test = place.components().any(|part| {
            matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "conformance"))
        });
        if is_test || matches!(&*module, "lib" | "main") {
            continue;
        }
        let text = fs::read_to_string(path).expect("a source file");
        wrong.extend(
            upward(&module, &code(&text))
                .into_iter()
                .map(|name| format!("{}: {module} imports {name}", place.display())),
        );
        seen.insert(module);
    }
    assert!(wrong.is_empty(), "imports that go up:\n{}", wrong.join("\n"));
    let stale: Vec<&&str> = LAYERS.iter().filter(|layer| !seen.contains(**layer)).collect();
    assert!(stale.is_empty(), "LAYERS names modules that are not there: {stale:?}");
}

#[test]
fn a_planted_import_is_found() {
    assert_eq!(
        upward("ledger", &code("use crate::{model, pipeline::{Engine, plan}, outcome};\n")),
        ["pipeline"]
    );
    assert_eq!(upward("model", &code("fn f() -> crate::commands::Exit {}\n")), ["commands"]);
    assert!(
        upward("commands", &code("use crate::ledger::Ledger;\n// use crate::fuzzing;\n"))
            .is_empty()
    );
    assert!(
        upward("ledger", &code("#[cfg(test)]\nmod tests {\n use crate::pipeline;\n}\n")).is_empty()
    );
}
