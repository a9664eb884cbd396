//! Every example of README and the guides is true: sessions in `sh` blocks are run, `toml` blocks
//! are read, `json` blocks are compared with what the session before them printed, and every other
//! command line and flag is one that the binary takes.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::{CommandFactory, Parser};
use mailbatch::internals::cli::Cli;
use mailbatch::internals::guides::{GUIDES, Guide};
use serde_json::Value;

use super::repository;
use crate::support::{Workspace, workspace};

/// A fenced block: its language and its lines, without the indent of a list around it.
struct Block {
    language: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    let (mut open, mut indent) = (false, 0);
    for line in markdown.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(language) if !open => {
                indent = line.len() - line.trim_start().len();
                all.push(Block { language: language.to_owned(), text: String::new() });
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let text = &mut all.last_mut().expect("a block is open").text;
                text.push_str(line.get(indent..).unwrap_or_default());
                text.push('\n');
            }
            None => {}
        }
    }
    all
}

/// README and the guides, by name.
fn documents() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(repository("README.md")).expect("README.md");
    let guides =
        GUIDES.iter().map(|guide| (guide.name.to_owned(), super::guides::markdown(guide.name)));
    [("README".to_owned(), readme)].into_iter().chain(guides).collect()
}

/// What the examples of a document need: lists, a message, a bounce. README begins with nothing but
/// a list.
fn prepared(document: &str) -> Workspace {
    const BOUNCE: &str = "From MAILER-DAEMON Mon Nov 30 10:00:00 2026\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\n\
         To: news@acme.example\nSubject: Undelivered Mail\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; ann@example.com\nAction: failed\nStatus: 5.1.1\n\n--b--\n";
    let ws = workspace();
    ws.file(
        "list.csv",
        "email,first_name,country,id\nann@example.com,Ann,FI,1\nben@example.org,Ben,SE,2\ncia@example.com,Cia,FI,3\nstop@example.com,Stan,SE,4\n",
    );
    if document == "README" {
        return ws;
    }
    ws.config(
        "[message]\nfile = \"welcome.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
         unsubscribe_url = \"https://acme.example/u/{{ id }}\"\n\n[suppression]\nfiles = [\"suppressions.csv\"]\n\n[providers.sandbox]\nkind = \"sandbox\"\n",
    )
    .file("welcome.md", "+++\nsubject = \"Welcome, {{ first_name }}\"\n+++\n# Hello {{ first_name }}!\n")
    .file(
        "newsletter.mjml",
        "+++\nsubject = \"News\"\n+++\n<mjml><mj-body>{% if country == 'FI' %}<mj-section><mj-column><mj-text>Hei {{ first_name }}</mj-text></mj-column></mj-section>{% endif %}</mj-body></mjml>\n",
    )
    .file("emails/FI.html", "<p>Hei {{ first_name }}</p>\n")
    .file("emails/SE.html", "<p>Hej {{ first_name }}</p>\n")
    .file("suppressions.csv", "email,reason,note\nstop@example.com,manual,\n")
    .file("bad.csv", "email,first_name,id\nreject+rex@example.com,Rex,7\nreject+rey@example.com,Rey,8\n")
    .file("doubt.csv", "email,first_name,id\nunknown+una@example.net,Una,9\n")
    .file("bounces.mbox", BOUNCE);
    if document == "runbook" {
        // It is read when something has been sent.
        ws.run(&["send", "list.csv"]).ends(0);
    }
    ws
}

/// Runs a line as a shell does that finds mailbatch in its path.
fn shell(ws: &Workspace, line: &str) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_mailbatch"))
        .parent()
        .expect("a directory")
        .display()
        .to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", line])
        .env_clear()
        .env("HOME", ws.path())
        .env("PATH", path)
        .current_dir(ws.path())
        .stdin(Stdio::null());
    shell.output().expect("sh runs")
}

/// Runs the lines of a session; `# exit N` at the end of one is the code that it ends with. Returns
/// what the last one printed.
fn session(ws: &Workspace, document: &str, block: &Block) -> String {
    let mut printed = String::new();
    for line in block
        .text
        .replace("\\\n", " ")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let code =
            line.rsplit_once("# exit ").map_or(0, |(_, code)| code.trim().parse().expect("a code"));
        let output = shell(ws, line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{document}: {line}\n{printed}\n{said}");
    }
    printed
}

/// The keys of an object in their order, and of those inside it.
fn shape(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    object
        .iter()
        .flat_map(|(key, value)| {
            std::iter::once(key.clone())
                .chain(shape(value).into_iter().map(move |inner| format!("{key}.{inner}")))
        })
        .collect()
}

#[test]
fn every_session_runs_and_prints_the_objects_that_are_shown() {
    let (mut sessions, mut objects) = (0, 0);
    for (name, markdown) in documents() {
        let ws = prepared(&name);
        let mut printed = String::new();
        for block in blocks(&markdown) {
            match block.language.as_str() {
                "sh" => {
                    printed = session(&ws, &name, &block);
                    sessions += 1;
                }
                "json" => {
                    let seen: Vec<Value> = printed
                        .lines()
                        .map(|line| serde_json::from_str(line).expect("NDJSON"))
                        .collect();
                    for shown in
                        serde_json::Deserializer::from_str(&block.text).into_iter::<Value>()
                    {
                        let shown =
                            shown.unwrap_or_else(|error| panic!("{name}: {error}\n{}", block.text));
                        let like: Vec<_> = seen
                            .iter()
                            .filter(|value| value["type"] == shown["type"])
                            .map(shape)
                            .collect();
                        assert!(like.contains(&shape(&shown)), "{name}: {shown}\n{like:#?}");
                        objects += 1;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(sessions > 15 && objects >= 2, "{sessions} sessions, {objects} objects");
}

/// The names behind `key = "` in a configuration.
fn named<'a>(toml: &'a str, key: &str) -> Vec<&'a str> {
    toml.split(&format!("{key} = \"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_configuration_that_is_shown_is_valid() {
    let mut read = 0;
    for (name, markdown) in documents() {
        for block in blocks(&markdown).iter().filter(|block| block.language == "toml") {
            let ws = workspace();
            let sandbox = if block.text.contains("[providers.") {
                ""
            } else {
                "\n[providers.sandbox]\nkind = \"sandbox\"\n"
            };
            ws.config(&format!("{}{sandbox}", block.text))
                .file("welcome.md", "Hello\n")
                .file("suppressions.csv", "email\n");
            for secret in named(&block.text, "{ file") {
                let text = if secret.ends_with(".pem") {
                    include_str!("../../fixtures/dkim/ed25519.pem")
                } else {
                    "0123456789abcdef0123456789abcdef\n"
                };
                ws.file(secret, text);
                std::fs::set_permissions(ws.join(secret), std::fs::Permissions::from_mode(0o600))
                    .expect("a mode");
            }
            for root in named(&block.text, "ca_file") {
                let root_certificate =
                    rcgen::generate_simple_self_signed(["gateway.example".to_owned()])
                        .expect("a certificate");
                ws.file(root, root_certificate.cert.pem());
            }
            let mut validate = ws.mailbatch();
            for variable in named(&block.text, "env") {
                validate.env(variable, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
            }
            let output = validate.args(["config", "validate"]).output().expect("the binary runs");
            assert!(
                output.status.success(),
                "{name}:\n{}\n{}",
                block.text,
                String::from_utf8_lossy(&output.stderr)
            );
            read += 1;
        }
    }
    assert!(read > 10, "{read}");
}

/// The words of a command line up to a comment, a pipe or a redirection.
fn typed(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '#' | '|' | '>' | ';' | '&') if word.is_none() => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The pieces of running text between back-quotes.
fn code_spans(markdown: &str) -> Vec<String> {
    let (mut prose, mut open) = (String::new(), false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            open = !open;
        } else if !open && !line.starts_with("    ") {
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_command_line_that_is_shown_is_one_that_the_binary_takes() {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion, MissingRequiredArgument};
    let mut tried = 0;
    for (name, markdown) in documents() {
        let shown = blocks(&markdown).into_iter().flat_map(|block| {
            block.text.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()
        });
        for line in shown.chain(code_spans(&markdown)) {
            let Some(at) =
                line.find("mailbatch ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '|']))
            else {
                continue;
            };
            let words = typed(&line[at..]);
            if line.starts_with('{')
                || line.contains("COMMAND")
                || line.contains("SHELL")
                || line.starts_with("# ")
            {
                continue;
            }
            match Cli::try_parse_from(&words) {
                Ok(Cli { command: mailbatch::internals::cli::Command::Help(help), .. }) => {
                    let [topic] = help.topic.as_slice() else { panic!("{name}: {line}") };
                    assert!(topic == "TOPIC" || Guide::find(topic).is_some(), "{name}: {line}");
                }
                Ok(_) => {}
                // A command that is only named.
                Err(error) if error.kind() == MissingRequiredArgument && words.len() <= 3 => {}
                Err(error) => assert!(
                    [DisplayHelp, DisplayVersion].contains(&error.kind()),
                    "{name}: {line}\n{error}"
                ),
            }
            tried += 1;
        }
    }
    assert!(tried > 80, "{tried}");
}

/// The long flags of a command and all below it.
fn flags(command: &clap::Command, all: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        all.extend(
            argument.get_long_and_visible_aliases().into_iter().flatten().map(str::to_owned),
        );
    }
    command.get_subcommands().for_each(|below| flags(below, all));
}

#[test]
fn every_flag_that_is_named_exists() {
    let mut known: BTreeSet<String> = ["help", "version"].map(str::to_owned).into();
    flags(&Cli::command(), &mut known);
    // Of the benchmark, and of cargo.
    known.extend(["quick", "path", "profile"].map(str::to_owned));
    for (name, markdown) in documents() {
        for span in code_spans(&markdown) {
            for word in span.split([' ', '[', '|']).filter_map(|word| word.strip_prefix("--")) {
                let flag: String =
                    word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
                assert!(known.contains(&flag), "{name}: --{flag} in `{span}`");
            }
        }
    }
}
