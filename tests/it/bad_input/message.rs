//! A message path that is a directory, and a template whose fixed text differs in every row.

use super::*;

#[test]
fn a_message_that_is_a_directory_is_refused() {
    let ws = sandbox();
    for name in ["letters", "letters.html", "letters.md/", "."] {
        if name != "." {
            std::fs::create_dir(ws.join(name)).unwrap();
        }
        for command in ["send", "check", "preview"] {
            let arguments = [command, "list.csv", "--message", name];
            is_refused(&ws, &arguments, REFUSED, &["it is a directory, not a file", "--message"]);
        }
    }
    sends(&ws, &["send", "list.csv"], 2);
}

/// 100,000 variants of 3.4 KB each: 340 MB of text, and several times that with the encoded copies.
#[test]
fn a_template_with_a_variant_for_each_row_takes_no_memory_for_each() {
    const ROWS: usize = 100_000;
    let ws = sandbox();
    let (x, y) = ("x".repeat(199), "y".repeat(198));
    ws.file(
        "message.txt",
        format!(
            "+++\nsubject = \"Hi\"\n+++\n{{% for bit in bits %}}{{% if bit == '1' %}}{x}\n{{% else %}}{y}\n{{% endif %}}{{% endfor %}}"
        ),
    );
    ws.config(&ws.read("mailbatch.toml").replace("message.md", "message.txt"));
    let rows = (0..ROWS).map(|n| format!("u{n}@example.com,{n:017b}\n"));
    ws.file("list.csv", std::iter::once("email,bits\n".to_owned()).chain(rows).collect::<String>());
    let usual = ws.command();
    // Enough for the program and the reserved stacks of its threads.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 600000; exec \"$@\"", "sh"]).arg(usual.get_program());
    command.args(["send", "list.csv", "--dry-run"]);
    command.env_clear().current_dir(ws.path()).stdin(Stdio::null());
    let output = command.output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("100000  would go through"), "{said}");
}
