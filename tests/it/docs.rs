//! The generated files of the repository equal what this version generates. `MAILBATCH_REGENERATE=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mailbatch::commands::generate::{COMPLETIONS, completion_script, man};

fn files(dir: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    entries
        .map(|entry| {
            let path = entry.expect("a readable directory").path();
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a generated file is text"))
        })
        .collect()
}

fn compare(dir: &str, generated: &BTreeMap<String, String>) {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    if std::env::var_os("MAILBATCH_REGENERATE").is_some() {
        for name in files(&committed).keys().filter(|name| !generated.contains_key(*name)) {
            fs::remove_file(committed.join(name)).expect("a stale file can be removed");
        }
        fs::create_dir_all(&committed).expect("a directory in the repository");
        for (name, text) in generated {
            fs::write(committed.join(name), text).expect("a file in the repository");
        }
    }
    let found = files(&committed);
    let stale: Vec<&String> = generated.keys().chain(found.keys()).filter(|name| found.get(*name) != generated.get(*name)).collect();
    assert!(stale.is_empty(), "{dir}/ is stale: {stale:?}; run MAILBATCH_REGENERATE=1 cargo test --test it docs");
}

#[test]
fn completions_are_what_the_binary_generates() {
    let generated = COMPLETIONS.iter().map(|(shell, name)| ((*name).to_owned(), completion_script(*shell))).collect();
    compare("completions", &generated);
}

#[test]
fn man_pages_are_what_the_binary_generates() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    man(dir.path()).expect("man pages");
    compare("man", &files(dir.path()));
}
