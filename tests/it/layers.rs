//! Modules import downwards only, no files import each other in a circle, and no command imports
//! another. [`LAYERS`] is the one place where the order is written.

use std::collections::{BTreeMap, BTreeSet};
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
    "dkim",
    "output",
    "process",
    "rng",
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
    "run",
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

/// A file by the path of its module: `["ledger", "sqlite", "plan"]`.
type Module = Vec<String>;

/// The imports among the files of src, tests aside.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn is_test(module: &Module) -> bool {
    const TESTS: [&str; 8] =
        ["tests", "testing", "conformance", "fixture", "fixtures", "hostile", "oracle", "draws"];
    module.iter().any(|part| TESTS.contains(&part.as_str()))
}

/// The segments of a path such as `crate::ledger::Ledger`.
fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Adds the paths of a `use` to `found`: groups in braces one by one, `as` aside.
fn expand(prefix: &[String], item: &str, found: &mut Vec<Vec<String>>) {
    let item = item.trim();
    let Some((before, group)) = item.split_once('{') else {
        let path = item.split_once(" as ").map_or(item, |(path, _)| path);
        if !path.is_empty() {
            found.push([prefix, &segments(path)].concat());
        }
        return;
    };
    let prefix = [prefix, &segments(before)].concat();
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &group[start..], found);
}

/// Every path that some code names: in `use`, and elsewhere those that begin with `crate` or
/// `super`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut others = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let (before, after) = (&rest[..at], &rest[at + "use ".len()..]);
        others.push_str(before);
        // Text in a string may hold the word as well.
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
        let is_use = line.is_empty() || line.starts_with("pub");
        let end = after.find(';').filter(|_| is_use);
        rest = match end {
            Some(end) => {
                expand(&[], &after[..end], &mut found);
                &after[end + 1..]
            }
            None => after,
        };
    }
    others.push_str(rest);
    for root in ["crate::", "super::"] {
        for (at, _) in others.match_indices(root) {
            let is_start = !others[..at].ends_with(|c: char| is_word(c) || c == ':');
            let path: String =
                others[at..].chars().take_while(|c| is_word(*c) || *c == ':').collect();
            if is_start {
                found.push(segments(&path));
            }
        }
    }
    found
}

/// The imports among files, given as module and text.
fn graph(files: &BTreeMap<Module, String>) -> Graph {
    let mut graph = Graph::new();
    for (module, text) in files.iter().filter(|(module, _)| !is_test(module)) {
        let imported = graph.entry(module.clone()).or_default();
        for path in paths(&code(text)) {
            let mut base = match path.first().map(String::as_str) {
                Some("crate") => Vec::new(),
                Some("self" | "super") => module.clone(),
                _ => continue,
            };
            for part in path {
                match part.as_str() {
                    "crate" | "self" => {}
                    "super" => drop(base.pop()),
                    _ => base.push(part),
                }
            }
            // What is named inside a file is of that file.
            while !base.is_empty() && !files.contains_key(&base) {
                base.pop();
            }
            if !base.is_empty() && base != *module && !is_test(&base) {
                imported.insert(base);
            }
        }
    }
    graph
}

/// The sets of files each of which imports every other one, directly or through others.
fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &Module| {
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut next: Vec<&Module> = graph.get(from).into_iter().flatten().collect();
        while let Some(module) = next.pop() {
            if seen.insert(module) {
                next.extend(graph.get(module).into_iter().flatten());
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        graph.keys().map(|module| (module, reached(module))).collect();
    let circle = |module: &Module| -> BTreeSet<String> {
        let others = reach[module].iter();
        others
            .filter(|other| reach.get(*other).is_some_and(|back| back.contains(module)))
            .map(|other| other.join("/"))
            .collect()
    };
    graph.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

/// The command that a file of `commands` is of: that of `commands/suppress/sync` is `suppress`.
/// `None` for `commands/mod.rs` and for files elsewhere.
fn command(module: &Module) -> Option<&str> {
    match module.as_slice() {
        [commands, command, ..] if commands == "commands" => Some(command.as_str()),
        _ => None,
    }
}

/// The imports of one command by another.
fn between_commands(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (module, imported) in graph {
        for other in imported {
            if let (Some(one), Some(two)) = (command(module), command(other))
                && one != two
            {
                found.push(format!("{} imports {}", module.join("/"), other.join("/")));
            }
        }
    }
    found
}

/// The files of src by module.
fn modules() -> BTreeMap<Module, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    let module = |path: &Path| {
        let place = path.strip_prefix(&src).expect("it is in src").with_extension("");
        let mut module: Module =
            place.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        module
    };
    paths
        .iter()
        .map(|path| (module(path), fs::read_to_string(path).expect("a source file")))
        .filter(|(module, _)| *module != ["lib"] && *module != ["main"])
        .collect()
}

/// A graph of planted files.
fn planted(files: &[(&str, &str)]) -> Graph {
    let module = |name: &str| name.split('/').map(str::to_owned).collect::<Module>();
    graph(&files.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect())
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = circles(&graph(&modules()));
    assert!(found.is_empty(), "files that import each other: {found:?}");
}

#[test]
fn a_planted_circle_is_found() {
    let there_and_back = planted(&[
        ("run/a", "use crate::{model, run::{b::B, c}};\n"),
        ("run/b", "// use nothing;\nuse super::c;\n"),
        ("run/c", "fn f() -> crate::run::a::A {}\n"),
        ("run/d", "use crate::run::a;\n"),
        ("run/tests", "use super::a;\n"),
    ]);
    let circle: BTreeSet<String> = ["run/a", "run/b", "run/c"].map(str::to_owned).into();
    assert_eq!(circles(&there_and_back), [circle].into());
    let down = planted(&[
        ("run/a", "use crate::run::b;\nuse crate::run::tests::T;\n"),
        ("run/b", "// use crate::run::a;\n#[cfg(test)]\nmod tests {\n    use crate::run::a;\n}\n"),
        ("run/tests", "use super::a;\n"),
    ]);
    assert!(circles(&down).is_empty());
}

#[test]
fn no_command_imports_another() {
    let found = between_commands(&graph(&modules()));
    assert!(found.is_empty(), "commands that import commands:\n{}", found.join("\n"));
}

#[test]
fn a_planted_import_between_commands_is_found() {
    let found = between_commands(&planted(&[
        ("commands", "mod send;\nuse crate::commands::send;\n"),
        ("commands/send", "use crate::run::plan;\nuse super::report::width;\n"),
        ("commands/report", "use crate::commands::suppress::sync::progress::Head;\n"),
        ("commands/suppress", "use crate::commands::suppress::sync;\n"),
        ("commands/suppress/sync", "use super::entries;\n"),
        ("commands/suppress/sync/progress", ""),
        ("commands/suppress/entries", ""),
    ]));
    assert_eq!(
        found,
        [
            "commands/report imports commands/suppress/sync/progress",
            "commands/send imports commands/report",
        ]
    );
}
