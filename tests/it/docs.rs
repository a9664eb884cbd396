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

/// The text between `<!-- generated: NAME -->` and `<!-- end -->`.
fn block(readme: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("<!-- generated: {name} -->\n");
    let start = readme.find(&mark).unwrap_or_else(|| panic!("README.md has no block {name}")) + mark.len();
    let end = readme[start..].find("<!-- end -->").expect("the block ends");
    start..start + end
}

fn provider_table() -> String {
    let row = |spec: &&mailbatch::provider::ProviderSpec| format!("| `{}` | {} |\n", spec.kind, spec.summary);
    let rows: String = mailbatch::provider::PROVIDERS.iter().map(row).collect();
    format!("\n| kind | what it is |\n| --- | --- |\n{rows}\n")
}

fn exit_table() -> String {
    let rows: String = mailbatch::exit::TABLE.iter().map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code())).collect();
    format!("\n| code | meaning |\n| --- | --- |\n{rows}\n")
}

fn usage() -> String {
    use clap::CommandFactory;
    let cli = mailbatch::cli::Cli::command();
    let row =
        |command: &clap::Command| format!("| `{}` | {} |\n", command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default());
    let rows: String = cli.get_subcommands().map(row).collect();
    format!("\n| command | what it does |\n| --- | --- |\n{rows}\n`mailbatch COMMAND --help` lists the flags of each.\n\n")
}

#[test]
fn the_tables_of_the_readme_are_what_the_binary_knows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = fs::read_to_string(&path).expect("README.md");
    for (name, generated) in [("providers", provider_table()), ("exit codes", exit_table()), ("usage", usage())] {
        let range = block(&readme, name);
        if std::env::var_os("MAILBATCH_REGENERATE").is_some() {
            readme.replace_range(range, &generated);
        } else {
            assert_eq!(readme[range], generated, "README.md, {name}; run MAILBATCH_REGENERATE=1 cargo test --test it docs");
        }
    }
    if std::env::var_os("MAILBATCH_REGENERATE").is_some() {
        fs::write(&path, readme).expect("README.md can be written");
    }
}

#[test]
fn the_readme_explains_every_column_of_a_report_in_its_order() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a readme");
    let (_, rest) = readme.split_once("<!-- columns -->").expect("the table of the columns");
    let (table, _) = rest.split_once("<!-- end -->").expect("its end");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let explained: Vec<&str> = rows.filter(|(_, what)| what.len() > 12).map(|(name, _)| name).collect();
    let work = crate::support::workspace();
    work.sandbox_config("").message("Hi", "Hello").file("list.csv", "email,mb\nann@example.com,x\n");
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.run(&["report", "latest", "--format", "csv"]).ends(0);
    let header = report.out.lines().next().expect("a header").trim_end_matches('\r');
    let columns: Vec<&str> = header.split(',').filter(|name| name.starts_with("mb_")).collect();
    assert_eq!(explained, columns);
}
