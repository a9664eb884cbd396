//! The tables and lists of README and the guides that are made from what the binary knows:
//! providers, exit codes, guides, columns.

use std::fs;

use mailbatch::internals::exit::TABLE;
use mailbatch::internals::guides::GUIDES;
use mailbatch::internals::provider::PROVIDERS;

use super::{compare_blocks, files, repository};

/// The most lines of README, and the most characters of a line.
const MOST_LINES: usize = 250;
const WIDTH: usize = 100;

/// Items of a list, filled to the width of README.
fn items(all: impl Iterator<Item = (String, String)>) -> String {
    let mut list = String::from("\n");
    for (name, what) in all {
        let mut line = format!("- {name}:");
        for word in what.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                list.push_str(&format!("{line}\n"));
                line = " ".to_owned();
            }
            line.push_str(&format!(" {word}"));
        }
        list.push_str(&format!("{line}\n"));
    }
    list.push('\n');
    list
}

fn providers() -> String {
    let rows: String =
        PROVIDERS.iter().map(|spec| format!("| `{}` | {} |\n", spec.kind, spec.summary)).collect();
    format!("\n| kind | what it is |\n| --- | --- |\n{rows}\n")
}

fn kinds() -> String {
    items(PROVIDERS.iter().map(|spec| (format!("`{}`", spec.kind), spec.summary.to_owned())))
}

fn exit_codes() -> String {
    items(
        TABLE.iter().map(|(exit, meaning)| (format!("**{}**", exit.code()), (*meaning).to_owned())),
    )
}

fn exit_table() -> String {
    let rows: String =
        TABLE.iter().map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code())).collect();
    format!("\n| code | meaning |\n| --- | --- |\n{rows}\n")
}

fn contents() -> String {
    items(
        GUIDES.iter().map(|guide| {
            (format!("[{0}](man/guides/{0}.md)", guide.name), guide.about().to_owned())
        }),
    )
}

#[test]
fn the_tables_are_what_the_binary_knows() {
    compare_blocks(
        "README.md",
        &[("providers", kinds()), ("exit codes", exit_codes()), ("guides", contents())],
    );
    compare_blocks("man/guides/runbook.md", &[("exit codes", exit_table())]);
    compare_blocks("man/guides/providers.md", &[("providers", providers())]);
}

#[test]
fn every_exit_code_is_in_a_man_page_with_what_to_do() {
    let page = &files(&repository("man"))["mailbatch-runbook.7"];
    let (meanings, advice) =
        page.split_once("\n.TP\n1\nRead the message").expect("the two tables of the codes");
    for (exit, meaning) in TABLE {
        let code = exit.code().to_string();
        assert!(
            meanings.contains(&format!("\n.TP\n{code}\n{}", &meaning[..9])),
            "{code}: {meaning}"
        );
        let advised =
            advice.lines().chain(["1"]).any(|line| line.split(", ").any(|word| word == code));
        assert!(advised || code == "0", "nothing is advised for {code}");
    }
}

#[test]
fn the_readme_is_for_the_first_hour() {
    let readme = fs::read_to_string(repository("README.md")).expect("README.md");
    assert!(readme.lines().count() <= MOST_LINES, "{} lines", readme.lines().count());
    let long: Vec<&str> = readme.lines().filter(|line| line.chars().count() > WIDTH).collect();
    assert!(long.is_empty(), "{long:#?}");
    let first_screen: Vec<&str> =
        readme.lines().take(20).filter_map(|line| line.strip_prefix("    ")).collect();
    let commands = [
        "sudo apt-get install -y build-essential curl git",
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . ~/.cargo/env",
        "cargo run --release -- -C examples/quickstart send list.csv --canary 5%",
        "tests/run",
    ];
    assert_eq!(first_screen, commands);
}

#[test]
fn every_column_of_a_report_is_explained_in_its_order() {
    let guide = super::guides::markdown("formats");
    let (_, rest) = guide.split_once("<!-- columns -->").expect("the table of the columns");
    let (table, _) = rest.split_once("<!-- end -->").expect("its end");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let explained: Vec<&str> =
        rows.filter(|(_, what)| what.len() > 12).map(|(name, _)| name).collect();
    let work = crate::support::workspace();
    work.sandbox_config("")
        .message("Hi", "Hello")
        .file("list.csv", "email,mb\nann@example.com,x\n");
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.run(&["report", "latest", "--format", "csv"]).ends(0);
    let header = report.out.lines().next().expect("a header").trim_end_matches('\r');
    let columns: Vec<&str> = header.split(',').filter(|name| name.starts_with("mb_")).collect();
    assert_eq!(explained, columns);
}
