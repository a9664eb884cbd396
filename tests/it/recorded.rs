//! What twenty commands print and how they exit, recorded. Scripts read it, so it changes on
//! purpose or not at all: what differs from one run to the next (times, ids, speeds) is masked, all
//! else is compared byte for byte.

use crate::support::workspace;

/// A pattern, and what stands for what it matches.
const MASKS: &[(&str, &str)] = &[
    (r"\d{8}-\d{6}-[0-9a-z]{4}", "RUN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
    (r"[0-9a-f]{24}@", "ID@"),
    (r#""elapsed_seconds":[0-9.]+"#, r#""elapsed_seconds":N"#),
    (
        r#""rate":[0-9.]+,"eta":(null|"TIME"),"eta_seconds":(null|\d+)"#,
        r#""rate":N,"eta":E,"eta_seconds":N"#,
    ),
    (r#"time="[0-9.]+""#, r#"time="N""#),
];

#[test]
fn twenty_commands_print_and_exit_as_recorded() {
    let work = workspace();
    work.sandbox_config("in_flight = 1\nretry = { for = \"0s\" }\n[canary]\nmax_failed = \"100%\"\n[suppression]\nfiles = [\"stop.csv\"]\n")
        .message("Hi {{ name }}", "Hello {{ name }}")
        .file("stop.csv", "email,reason\nstop@example.com,manual\n")
        .file(
            "list.csv",
            "email,name\na@example.com,Ann\nreject+1@example.com,Red\ndefer+1@example.com,Dan\nunknown+1@example.com,Uma\n\
         stop@example.com,Stan\na@example.com,Ann\nnobody,Bad\n",
        )
        .file("other.csv", "email\nb@example.com\n");
    let commands = [
        "--json check list.csv --max-invalid 50%",
        "check list.csv --max-invalid 50%",
        "--json preview list.csv --row 1",
        "--json send list.csv",
        "--json send list.csv --max-invalid 50%",
        "--json send list.csv --max-invalid 50%",
        "--json status",
        "--json runs",
        "--json report latest",
        "report latest --format csv",
        "report latest --format md",
        "report latest --format junit",
        "--json why latest a@example.com",
        "--json reconcile latest --assume taken",
        "--json retry latest",
        "--json suppress list",
        "--json suppress check stop@example.com",
        "--json config show --origin",
        "--json provider list",
        "--json send other.csv --campaign second --env NOWHERE",
    ];
    let mut recorded = String::new();
    for command in commands {
        let output = work.mailbatch().args(command.split(' ')).output().expect("the binary runs");
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // How often progress is written depends on time.
        let out: String = out
            .lines()
            .filter(|line| !line.contains(r#""type":"batch.progress""#))
            .map(|line| format!("{line}\n"))
            .collect();
        recorded.push_str(&format!("$ mailbatch {command}\n{out}"));
        if out.is_empty() {
            recorded.push_str(&err);
        }
        recorded
            .push_str(&format!("exit {}\n\n", output.status.code().expect("it ends by itself")));
    }
    insta::with_settings!({ filters => MASKS.to_vec(), omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("twenty_commands", recorded);
    });
}
