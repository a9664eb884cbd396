//! The documents equal what this version generates and knows. `MAILBATCH_REGENERATE=1` writes what
//! is generated anew.

mod configuration;
mod examples;
mod guides;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mailbatch::internals::generate::{COMPLETIONS, completion_script, man};

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn regenerates() -> bool {
    std::env::var_os("MAILBATCH_REGENERATE").is_some()
}

/// The files of a directory, by name; directories in it are left out.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.expect("a readable directory").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| {
            let name =
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a generated file is text"))
        })
        .collect()
}

fn compare(dir: &str, generated: &BTreeMap<String, String>) {
    let committed = repository(dir);
    if regenerates() {
        for name in files(&committed).keys().filter(|name| !generated.contains_key(*name)) {
            fs::remove_file(committed.join(name)).expect("a stale file can be removed");
        }
        fs::create_dir_all(&committed).expect("a directory in the repository");
        for (name, text) in generated {
            fs::write(committed.join(name), text).expect("a file in the repository");
        }
    }
    let found = files(&committed);
    let stale: Vec<&String> = generated
        .keys()
        .chain(found.keys())
        .filter(|name| found.get(*name) != generated.get(*name))
        .collect();
    assert!(
        stale.is_empty(),
        "{dir}/ is stale: {stale:?}; run MAILBATCH_REGENERATE=1 cargo test --test it docs, twice where a guide changed"
    );
}

#[test]
fn completions_are_what_the_binary_generates() {
    let generated = COMPLETIONS
        .iter()
        .map(|(shell, name)| ((*name).to_owned(), completion_script(*shell)))
        .collect();
    compare("completions", &generated);
}

#[test]
fn man_pages_are_what_the_binary_generates() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    man(dir.path()).expect("man pages");
    compare("man", &files(dir.path()));
}

/// The text between `<!-- generated: NAME -->` and `<!-- end -->`.
fn block(text: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("<!-- generated: {name} -->\n");
    let start = text.find(&mark).unwrap_or_else(|| panic!("no block {name}")) + mark.len();
    let end = text[start..].find("<!-- end -->").expect("the block ends");
    start..start + end
}

/// Compares the blocks of a document with what they are made from, or writes them anew.
fn compare_blocks(path: &str, blocks: &[(&str, String)]) {
    let mut text =
        fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (name, generated) in blocks {
        let range = block(&text, name);
        if regenerates() {
            text.replace_range(range, generated);
        } else {
            assert_eq!(
                text[range], *generated,
                "{path}, {name}; run MAILBATCH_REGENERATE=1 cargo test --test it docs"
            );
        }
    }
    if regenerates() {
        fs::write(repository(path), text).expect("a document can be written");
    }
}
