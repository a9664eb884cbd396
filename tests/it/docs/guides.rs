//! The guides: `mailbatch help` prints them everywhere, `man` has the same text, and they are
//! written in plain English.

use std::path::PathBuf;

use mailbatch::internals::guides::GUIDES;

use crate::support::terminal::on_a_terminal;
use crate::support::{Workspace, workspace};

/// The directory of the guides.
pub(super) fn dir() -> PathBuf {
    super::repository("man/guides")
}

/// The Markdown of a guide.
pub(super) fn markdown(name: &str) -> String {
    std::fs::read_to_string(dir().join(format!("{name}.md")))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn help(ws: &Workspace, words: &[&str]) -> (Option<i32>, String, String) {
    let output = ws.mailbatch().arg("help").args(words).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The words that a man page shows, without its title and the marks of its lists.
fn words_of_man(page: &str) -> Vec<String> {
    let escapes = [
        ("\\fB", ""),
        ("\\fI", ""),
        ("\\fR", ""),
        ("\\&", ""),
        ("\\-", "-"),
        ("\\(aq", "'"),
        ("\\(ga", "`"),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\e", "\\"),
    ];
    let mut all = Vec::new();
    for line in page.lines().skip(3) {
        let shown = match line.split_once(' ').unwrap_or((line, "")) {
            (".SH" | ".SS", heading) => heading,
            (".IP", mark) => mark.split(' ').next().unwrap_or_default().trim_start_matches("\\(bu"),
            (macros, _) if macros.starts_with('.') => "",
            _ => line,
        };
        let text = escapes
            .iter()
            .fold(shown.to_owned(), |text, (escape, meant)| text.replace(escape, meant));
        all.extend(text.to_lowercase().split_whitespace().map(str::to_owned));
    }
    all
}

/// The words that `help` prints below the title, without marks, rules, and the heads of tables that
/// man shows as terms.
fn words_of_help(text: &str) -> Vec<String> {
    let is_rule =
        |line: &str| !line.trim().is_empty() && line.chars().all(|c| c == '-' || c == ' ');
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.is_empty()).collect();
    let is_head = |at: usize| {
        lines.get(at + 1).is_some_and(|next| is_rule(next) && next.split_whitespace().count() == 2)
    };
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(at, line)| !is_head(*at) && !is_rule(line))
        .map(|(_, line)| line);
    kept.flat_map(|line| line.strip_prefix("    - ").unwrap_or(line).split_whitespace())
        .map(|word| word.to_lowercase().replace('`', ""))
        .collect()
}

#[test]
fn every_file_is_a_guide_and_is_printed_without_man_in_80_columns() {
    let ws = workspace();
    let mut files: Vec<String> = super::files(&dir()).into_keys().collect();
    files.sort();
    let mut names: Vec<String> = GUIDES.iter().map(|guide| format!("{}.md", guide.name)).collect();
    names.sort();
    assert_eq!(files, names);
    for guide in GUIDES {
        // Without PATH there is neither man nor a pager.
        let output = ws
            .mailbatch()
            .env_remove("PATH")
            .args(["help", guide.name])
            .output()
            .expect("the binary runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{}", guide.name);
        assert!(text.starts_with(&format!("{}: {}", guide.name, &guide.about()[..20])), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{}", guide.name);
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{}: {long:#?}", guide.name);
    }
}

#[test]
fn man_has_the_text_that_help_prints() {
    let ws = workspace();
    for guide in GUIDES {
        let (name, page) = guide.man_page();
        let (mut man, mut help) = (words_of_man(&page), words_of_help(&help(&ws, &[guide.name]).1));
        man.retain(|word| word != "description" && !word.trim_matches('-').is_empty());
        help.retain(|word| word != "description" && !word.trim_matches('-').is_empty());
        man.sort();
        help.sort();
        let missing: Vec<&String> =
            help.iter().filter(|word| man.binary_search(word).is_err()).collect();
        assert!(
            man == help,
            "{name}: {} and {} words; not in man: {missing:?}",
            man.len(),
            help.len()
        );
    }
}

#[test]
fn a_terminal_gets_the_guide_without_a_pager() {
    let (said, code) = on_a_terminal(&workspace(), &["help", "canary"], &[]);
    assert!(said.contains("Pause rules") && said.contains("See also"), "{said}");
    assert_eq!(code, 0);
}

#[test]
fn an_unknown_topic_lists_the_topics_and_the_nearest() {
    let ws = workspace();
    for (typed, nearest) in
        [("canarry", "canary"), ("securty", "security"), ("snd", "send"), ("privcy", "privacy")]
    {
        let (code, out, err) = help(&ws, &[typed]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            err.contains(&format!("`{typed}`"))
                && err.contains(&format!("did you mean `mailbatch help {nearest}`?")),
            "{err}"
        );
        assert!(GUIDES.iter().all(|guide| err.contains(guide.name)), "{err}");
    }
    let (code, _, err) = help(&ws, &["\u{1b}[31mzzz", "more"]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("guides: lists, ") && !err.contains("did you mean") && !err.contains('\u{1b}'),
        "{err}"
    );
}

#[test]
fn help_of_a_command_is_its_own_help() {
    let ws = workspace();
    for command in [&["send"][..], &["suppress", "add"], &["help"], &[]] {
        let output = ws.mailbatch().args(command).arg("--help").output().expect("the binary runs");
        let (code, out, err) = help(&ws, command);
        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (Some(0), String::from_utf8_lossy(&output.stdout).as_ref(), ""),
            "{command:?}"
        );
    }
    let between =
        ws.mailbatch().args(["suppress", "help", "add"]).output().expect("the binary runs");
    assert_eq!(String::from_utf8_lossy(&between.stdout), help(&ws, &["suppress", "add"]).1);
    let (_, overview, _) = help(&ws, &[]);
    assert!(
        GUIDES.iter().all(|guide| overview.contains(&format!("  {} ", guide.name))),
        "{overview}"
    );
}

/// Words that leave open who acts, which plain English has no need of.
const VAGUE: &[&str] =
    &["told", "tells", "heard", "nobody", "somebody", "everybody", "whoever", "whom", "untold"];

#[test]
fn the_documents_name_who_acts_and_keep_to_100_columns() {
    let readme = std::fs::read_to_string(super::repository("README.md")).expect("README.md");
    for (name, text) in
        GUIDES.iter().map(|guide| (guide.name, markdown(guide.name))).chain([("README", readme)])
    {
        for (at, line) in text.lines().enumerate() {
            let vague = line
                .split(|c: char| !c.is_alphabetic())
                .find(|word| VAGUE.contains(&word.to_lowercase().as_str()));
            assert_eq!(vague, None, "{name}:{}: {line}", at + 1);
            assert!(
                line.chars().count() <= 100 || line.starts_with(['|', '#']),
                "{name}:{}: {line}",
                at + 1
            );
        }
    }
}
