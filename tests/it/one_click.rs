//! Marketing mail that a recipient cannot leave by one click does not leave the machine, unless it
//! is said that it may.

use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::{Workspace, lists, workspace};

/// A workspace whose message says this of itself.
fn saying(server: &Recorder, message: &str) -> Workspace {
    let work = workspace();
    work.config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\n{message}\n\n\
         [providers.relay]\nkind = \"smtp\"\nurl = \"{}\"\nretry = {{ for = \"0\" }}\n\n\
         [providers.sandbox]\nkind = \"sandbox\"\n",
        server.url()
    ))
    .message("Hello {{ name }}", "Dear {{ name }}")
    .file("list.csv", lists::csv(4));
    work
}

const THROUGH: [&str; 2] = ["--provider", "relay"];

#[test]
fn marketing_without_a_link_of_the_recipients_own_is_refused_everywhere() {
    let server = Recorder::start();
    for (link, says) in [
        ("", "has no unsubscribe link"),
        ("unsubscribe_url = \"http://acme.example/u/{{ id }}\"", "link that is not https"),
        (
            "unsubscribe_url = \"mailto:stop@acme.example?subject={{ id }}\"",
            "link that is not https",
        ),
        ("unsubscribe_url = \"https://acme.example/unsubscribe\"", "the same unsubscribe link"),
    ] {
        let work = saying(&server, &format!("kind = \"marketing\"\n{link}"));
        let commands: [&[&str]; 3] =
            [&["send", "list.csv"], &["send", "list.csv", "--dry-run"], &["check", "list.csv"]];
        for command in commands {
            let ran = work.run(&[command, &THROUGH].concat()).ends(4).says(says);
            assert!(ran.err.contains("hint: ") && ran.err.contains("--allow-no-unsubscribe"));
        }
        // Mail of the sandbox stays here.
        work.run(&["send", "list.csv", "--provider", "sandbox"]).ends(0);
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn what_has_such_a_link_and_what_needs_none_goes() {
    for message in [
        "kind = \"transactional\"",
        "kind = \"marketing\"\nunsubscribe_url = \"https://acme.example/u/{{ id }}\"",
        "kind = \"marketing\"\nunsubscribe_url = \"HTTPS://acme.example/u/{{ email | urlencode }}\"",
    ] {
        let server = Recorder::start();
        let work = saying(&server, message);
        work.run(&[&["check", "list.csv"][..], &THROUGH].concat()).ends(0);
        work.run(&[&["send", "list.csv"][..], &THROUGH].concat()).ends(0);
        assert_eq!(server.count(), 4, "{message}");
    }
}

#[test]
fn a_row_whose_link_is_none_of_one_click_refuses_the_list() {
    let server = Recorder::start();
    let work = saying(&server, "kind = \"marketing\"\nunsubscribe_url = \"{{ link }}\"");
    work.file(
        "list.csv",
        "email,name,link\nann@example.com,Ann,https://acme.example/u/1\nben@example.com,Ben,http://acme.example/u/2\n",
    );
    for command in [&["check", "list.csv"][..], &["send", "list.csv"]] {
        let ran = work.run(&[command, &THROUGH].concat()).ends(4);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("not an https URL, which one click to unsubscribe needs"), "{said}");
    }
    work.run(&[&["send", "list.csv", "--allow-no-unsubscribe"][..], &THROUGH].concat()).ends(0);
    assert_eq!(server.count(), 2);
}

#[test]
fn the_page_of_mailbatch_is_such_a_link() {
    let server = Recorder::start();
    let work = saying(&server, "kind = \"marketing\"");
    let config = work.read("mailbatch.toml");
    let listen = "[listen]\npublic_url = \"https://mail.acme.example\"\nunsubscribe_key = { command = \"echo 0123456789abcdef\" }\n";
    work.config(&format!("{config}\n{listen}"));
    work.run(&[&["send", "list.csv"][..], &THROUGH].concat()).ends(0);
    let mail = String::from_utf8(server.taken()[0].data.clone()).unwrap();
    assert!(mail.contains("List-Unsubscribe: <https://mail.acme.example/u/"), "{mail}");
    assert!(mail.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{mail}");
    // Without https no mail client can post there.
    work.config(&format!("{config}\n{}", listen.replace("https://", "http://")));
    work.run(&[&["check", "list.csv"][..], &THROUGH].concat()).ends(4).says("not https");
}

#[test]
fn what_was_waived_is_kept_with_the_run() {
    let refused = Rule::new(Step::Rcpt, Action::reply("450 4.2.0 later")).first(2);
    let server = Recorder::with(Script::default().rule(refused));
    let work = saying(&server, "kind = \"marketing\"");
    let send = [&["send", "list.csv"][..], &THROUGH].concat();
    work.run(&[&send[..], &["--allow-no-unsubscribe"]].concat()).ends(5);
    assert_eq!(server.count(), 2);
    // The same command is refused without the flag; what goes on with the run needs it no more.
    work.run(&send).ends(4).says("--allow-no-unsubscribe");
    work.run(&["retry", &work.newest_run()]).ends(0);
    assert_eq!(server.count(), 4);
}
