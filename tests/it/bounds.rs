//! What has no end or no room is refused in words and in time: devices, FIFOs, sparse files, line
//! ends alone, open files, and ledgers that cannot be written.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use crate::support::ran::Ran;
use crate::support::recorder::{Recorder, Script, Step};
use crate::support::running::{LONG, relayed, wait_for_count};
use crate::support::tools::OwnMounts;
use crate::support::{Workspace, wait_for, workspace};

const LIST: &str = "email,name\na@example.com,Ann\nb@example.com,Ben\n";

fn sandbox() -> Workspace {
    let work = workspace();
    work.sandbox_config("").message("Hi", "Hello {{ name }}").file("list.csv", LIST);
    work.config(&format!("{}[suppression]\nfiles = [\"kept.csv\"]\n", work.read("mailbatch.toml")))
        .file("kept.csv", "email\n");
    work
}

fn fifo(work: &Workspace, name: &str) {
    assert!(Command::new("mkfifo").arg(work.join(name)).status().expect("mkfifo").success());
}

/// The binary after this line of the shell.
fn after(work: &Workspace, line: &str, arguments: &[&str]) -> Command {
    let usual = work.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{line}; exec \"$@\""), "sh"])
        .arg(usual.get_program())
        .args(arguments);
    command.env_clear().current_dir(work.path()).stdin(std::process::Stdio::null());
    command.envs(usual.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    command
}

fn run(command: Command) -> Ran {
    Ran::from(assert_cmd::Command::from_std(command))
}

/// It ends with `code`, says this and how to mend it, and does not blame itself.
#[track_caller]
fn refused(ran: Ran, code: i32, says: &str) {
    let ran = ran.ends(code).says(says).says("hint: ");
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn what_never_ends_is_refused_wherever_a_file_is_named() {
    let work = sandbox();
    fifo(&work, "fifo");
    let sparse = File::create(work.join("sparse")).unwrap();
    // Some file systems have no room for a single file of a terabyte.
    sparse.set_len(1 << 40).or_else(|_| sparse.set_len(1 << 33)).unwrap();
    let endless = [
        ("/dev/zero", "device"),
        ("/dev/urandom", "device"),
        ("fifo", "FIFO"),
        ("sparse", "longer than"),
        (".", "directory"),
    ];
    let usual = work.read("mailbatch.toml");
    for (path, says) in endless {
        refused(work.run(&["-c", path, "check", "list.csv"]), 2, says);
        fs::remove_file(work.join("message.md")).unwrap();
        symlink(path, work.join("message.md")).unwrap();
        refused(work.run(&["check", "list.csv"]), 4, says);
        fs::remove_file(work.join("message.md")).unwrap();
        work.message("Hi", "Hello");
        work.file(
            "carrying.md",
            format!("+++\nsubject = \"Hi\"\nattachments = [{{ path = \"{path}\" }}]\n+++\nHello\n"),
        );
        refused(work.run(&["check", "list.csv", "--message", "carrying.md"]), 4, says);
        work.smtp_config("smtp://127.0.0.1:9", &format!("ca_file = \"{path}\""));
        refused(work.run(&["check", "list.csv"]), 2, says);
        work.config(&usual);
        if path != "sparse" {
            refused(work.run(&["check", "list.csv", "--suppress", path]), 4, says);
            refused(work.run(&["suppress", "import", path]), 4, says);
            refused(
                work.run(&["check", path]),
                4,
                if path == "." { "directory" } else { "a pipe or a device" },
            );
        } else {
            for arguments in
                [&["check", "list.csv", "--suppress", path] as &[&str], &["check", path]]
            {
                work.run(arguments).ends(4).says("sparse");
            }
        }
        // A secret is as long as a secret, and nobody else can read it.
        work.smtp_config("smtp://user@127.0.0.1:9", &format!("password = {{ file = \"{path}\" }}"));
        let ran = work.run(&["check", "list.csv"]);
        refused(ran, 2, if path == "sparse" { "others can read" } else { says });
        work.config(&usual);
    }
    for device in ["/dev/zero", "/dev/urandom"] {
        work.run(&["events", "ingest", device]).ends(5).says("device");
    }
    // Nothing is a list of nobody to suppress, and a pipe of the shell has a writer.
    work.run(&["check", "list.csv", "--suppress", "/dev/null"]).ends(0);
    run(after(&work, "exec 7<&0", &["check", "list.csv"])).ends(0);
}

#[test]
fn a_list_of_line_ends_alone_is_refused_and_needs_no_room() {
    let work = sandbox();
    let ends = "\n".repeat(5 << 20);
    work.file("header.csv", format!("email,name\n{ends}"))
        .file("bare.csv", &ends)
        .file("bare.ndjson", &ends)
        .file("ends.csv", ends.replace('\n', "\r"));
    work.file("rows.ndjson", format!("{{\"email\":\"a@example.com\",\"name\":\"Ann\"}}\n{ends}"));
    for list in ["header.csv", "bare.ndjson", "rows.ndjson"] {
        refused(work.run(&["check", list]), 4, "lines are empty");
    }
    for list in ["bare.csv", "ends.csv"] {
        work.run(&["check", list]).ends(4).says(list).says("hint: ");
    }
    // A gap is none.
    work.file("gap.csv", format!("email,name\n{}a@example.com,Ann\n", "\n".repeat(100_000)));
    work.run(&["check", "gap.csv"]).ends(0);
}

#[test]
fn too_few_open_files_are_named_as_what_they_are() {
    let work = sandbox();
    work.run(&["send", "list.csv"]).ends(0);
    for arguments in
        [&["status"] as &[&str], &["send", "list.csv", "--campaign", "next"], &["report", "latest"]]
    {
        for limit in [8, 12, 16, 20] {
            let ran = run(after(&work, &format!("ulimit -n {limit}"), arguments)).ends(1);
            assert!(
                ran.err.contains(&format!("may have {limit} open files (file descriptors)")),
                "{}",
                ran.err
            );
            assert!(
                ran.err.contains("hint: raise the limit") && ran.err.contains("ulimit -n 64"),
                "{}",
                ran.err
            );
        }
    }
    // What a process may raise by itself it raises.
    run(after(&work, "ulimit -S -n 16", &["status"])).ends(0);
    // A run that needs more for its connections is told so before the first one, and blames no
    // provider.
    let server = Recorder::start();
    let relay = relayed(&server, "in_flight = 60", 20);
    let ran = run(after(&relay, "ulimit -n 64", &["send", "list.csv"])).ends(1);
    assert!(
        ran.err.contains("60 of them for connections (in_flight)")
            && ran.err.contains("a smaller in_flight"),
        "{}",
        ran.err
    );
    assert_eq!(server.count(), 0);
    run(after(&relay, "ulimit -n 128", &["send", "list.csv"])).ends(0);
    assert_eq!(server.count(), 20);
}

#[test]
fn what_was_sent_can_be_read_where_nothing_can_be_written() {
    let Some(mounts) = OwnMounts::find() else { return };
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(20)));
    let work = relayed(&server, "in_flight = 2", 300);
    let running = work.start(&["send", "list.csv"]);
    wait_for_count(&server, 40);
    let id = work.newest_run();
    // What it has recorded lies in the log alone.
    assert!(running.kill());
    assert!(fs::metadata(work.join(".mailbatch/ledger.db-wal")).unwrap().len() > 0);
    let first = crate::support::lists::addresses(1).remove(0);
    let commands: [&[&str]; 7] = [
        &["status", "--json"],
        &["status", "--open", "--json"],
        &["report", "latest", "--format", "csv"],
        &["why", "latest", &first, "--json"],
        &["who", &first, "--json"],
        &["runs", "list", "--json"],
        &["runs", "show", &id, "--json"],
    ];
    fs::create_dir(work.join("tmp")).unwrap();
    let looks = |before: &str, arguments: &[&str]| {
        let mut command = mounts.command(&work, before, arguments);
        command.env("TMPDIR", work.join("tmp"));
        let ran = run(command);
        assert_eq!(fs::read_dir(work.join("tmp")).unwrap().count(), 0, "the copy is gone");
        ran
    };
    let read_only = OwnMounts::read_only(".mailbatch");
    let there: Vec<Ran> = commands.iter().map(|arguments| looks(&read_only, arguments)).collect();
    let size = fs::metadata(work.join(".mailbatch/ledger.db-wal")).unwrap().len();
    for (arguments, there) in commands.iter().zip(&there) {
        let here = work.run(arguments);
        // A moment is in some of them.
        let still = |text: &str| {
            text.split([' ', ',', '"', '}'])
                .filter(|word| !word.starts_with("20"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            (there.code, still(&there.out)),
            (here.code, still(&here.out)),
            "{arguments:?}: {}",
            there.err
        );
        assert!(there.code < 2 && !there.out.is_empty(), "{arguments:?}: {}", there.err);
    }
    assert!(size > 0, "it was not worked into the database by those who looked");
    // What changes something says that it cannot.
    assert_eq!(looks(&read_only, &["resume"]).code, 1);
    // Without any room for a copy the way out is named.
    let mut command = mounts.command(&work, &read_only, &["status"]);
    command.env("TMPDIR", work.join("nowhere"));
    refused(run(command), 1, "no copy of it can be made in");
}

#[test]
fn no_core_dump_is_left_behind() {
    let server = Recorder::with(Script::default().delay_at(Step::Dot, Duration::from_millis(50)));
    let work = relayed(&server, "in_flight = 1", 200);
    let mut command = after(&work, "ulimit -c unlimited 2>/dev/null", &["send", "list.csv"]);
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for_count(&server, 1);
    if cfg!(target_os = "linux") {
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core: Vec<&str> = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(core[4..6], ["0", "0"], "{limits}");
    }
    crate::support::signal(child.id(), crate::support::Signal::ABORT);
    let status = child.wait().unwrap();
    assert!(status.signal() == Some(6) && !status.core_dumped(), "{status:?}");
    assert!(
        fs::read_dir(work.path()).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("core"))
    );
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_named() {
    let work = sandbox();
    work.run(&["send", "list.csv"]).ends(0);
    let other = rusqlite::Connection::open(work.join(".mailbatch/ledger.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO meta(name, value) VALUES ('held', 1)").unwrap();
    let running = work.start(&["status"]);
    assert!(wait_for(|| running.err().contains("waiting for it"), LONG), "{}", running.err());
    let said = running.err();
    assert!(said.contains("ledger.db") && said.contains("1 min at most"), "{said}");
    if cfg!(target_os = "linux") {
        assert!(
            said.contains(&format!("process {} (", std::process::id()))
                && said.contains(", since 20"),
            "{said}"
        );
    }
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let ran = running.ends(0);
    assert!(ran.err.contains("the lock is free"), "{}", ran.err);
    // The lock of a campaign, and that of a suppression file.
    let locks: Vec<_> = fs::read_dir(work.join(".mailbatch/locks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let held: Vec<File> =
        locks.iter().map(|path| File::options().append(true).open(path).unwrap()).collect();
    held.iter().for_each(|file| file.lock().unwrap());
    let ran = work.run(&["send", "list.csv"]).ends(11);
    assert!(
        ran.err.contains(&format!("process {} (", std::process::id()))
            || !cfg!(target_os = "linux"),
        "{}",
        ran.err
    );
    let waiting = work.start(&["send", "list.csv", "--wait-lock", "10m"]);
    assert!(
        wait_for(|| waiting.err().contains("holds its lock; waiting for it, 600 s at most"), LONG),
        "{}",
        waiting.err()
    );
    drop(held);
    waiting.ends(0);
    let stop = File::options().append(true).open(work.join("kept.csv")).unwrap();
    stop.lock().unwrap();
    let adding = work.start(&["suppress", "add", "x@example.com"]);
    assert!(
        wait_for(|| adding.err().contains("holds its lock; waiting for it, 60 s at most"), LONG),
        "{}",
        adding.err()
    );
    drop(stop);
    adding.ends(0);
    assert!(work.read("kept.csv").contains("x@example.com"));
}

#[test]
fn a_name_of_a_file_commands_no_terminal() {
    let work = sandbox();
    let name = "a\u{1b}]0;owned\u{7}\nhint: forged\u{202e}\r.csv";
    work.file(name, LIST.replace("a@example.com", "none")).file("empty\u{1b}[2J.csv", "");
    let unreadable = "gone\u{1b}[31m.md";
    let rejected = "bad\u{1b}[1m.csv";
    for arguments in [
        &["check", name] as &[&str],
        &["check", name, "--rejected", rejected, "--max-invalid", "60%"],
        &["check", "empty\u{1b}[2J.csv"],
        &["check", "missing\u{9b}2J.csv"],
        &["check", "list.csv", "--message", unreadable],
        &["check", "list.csv", "--suppress", unreadable],
        &["-C", unreadable, "check", "list.csv"],
        &["-c", unreadable, "check", "list.csv"],
        &["preview", name, "--row", "1"],
        &["preview", "list.csv", "--out", "pre\u{1b}[1m"],
        &["send", name, "--max-invalid", "60%", "--progress", "plain"],
        &["sta\u{1b}[31mtus"],
        &["check", "--format", "\u{1b}[31m", "list.csv"],
        &["status"],
        &["report", "latest"],
        &["why", "latest", "b@example.com"],
        &["runs"],
        &["report", "latest", "-o", "out\u{1b}[5m.nothing"],
        &["suppress", "import", unreadable],
        &["events", "ingest", unreadable],
    ] {
        let ran = work.run(arguments);
        for text in [&ran.out, &ran.err] {
            let harmful = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
            assert!(!text.contains(harmful), "{arguments:?}: {text:?}");
            assert!(
                !text.lines().any(|line| line.starts_with("hint: forged")),
                "{arguments:?}: {text:?}"
            );
        }
        assert!(ran.err.is_empty() || !ran.err.contains("panicked"), "{}", ran.err);
    }
}

fn mode(work: &Workspace, name: &str, mode: u32) {
    fs::set_permissions(work.join(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_everybody_can_change_is_refused_with_the_command_that_mends_it() {
    let work = sandbox();
    work.run(&["send", "list.csv"]).ends(0);
    for (name, bad, good, mend) in [
        ("mailbatch.toml", 0o666, 0o644, "chmod o-w mailbatch.toml"),
        ("mailbatch.toml", 0o602, 0o600, "chmod o-w mailbatch.toml"),
        (".", 0o777, 0o755, "chmod o-w ."),
        (".mailbatch", 0o777, 0o755, "chmod o-w .mailbatch"),
        (".mailbatch", 0o1777, 0o700, "chmod o-w .mailbatch"),
        (".mailbatch/ledger.db", 0o666, 0o600, "chmod o-w .mailbatch/ledger.db"),
    ] {
        mode(&work, name, bad);
        for arguments in [
            &["send", "list.csv", "--campaign", "next"] as &[&str],
            &["status"],
            &["config", "validate"],
        ] {
            refused(work.run(arguments), 2, mend);
        }
        mode(&work, name, good);
        work.run(&["status"]).ends(0);
    }
    // In a directory such as /tmp nobody can take another's file away.
    mode(&work, ".", 0o1777);
    work.run(&["status"]).ends(0);
    if rustix::process::geteuid().is_root() {
        assert!(
            Command::new("chown")
                .args(["65534", "mailbatch.toml"])
                .current_dir(work.path())
                .status()
                .unwrap()
                .success()
        );
        refused(work.run(&["status"]), 2, "belongs to user 65534");
        mode(&work, ".", 0o755);
        work.run(&["status"]).ends(0);
    }
    let Some(mounts) = OwnMounts::find() else { return };
    mode(&work, "mailbatch.toml", 0o666);
    // Where it cannot be changed it is nobody's to change.
    run(mounts.command(&work, &OwnMounts::read_only("."), &["status"])).ends(0);
}

#[test]
fn a_preview_follows_no_link() {
    let work = sandbox();
    fs::create_dir(work.join("out")).unwrap();
    work.file("out/kept.txt", "mine").file("elsewhere/x", "");
    symlink("kept.txt", work.join("out/row-1.eml")).unwrap();
    refused(
        work.run(&["preview", "list.csv", "--row", "1", "--out", "out"]),
        2,
        "is a symbolic link, to kept.txt",
    );
    assert_eq!(work.read("out/kept.txt"), "mine");
    symlink("nowhere", work.join("out/row-2.eml")).unwrap();
    refused(
        work.run(&["preview", "list.csv", "--row", "2", "--out", "out"]),
        2,
        "is a symbolic link, to nowhere",
    );
    symlink("elsewhere", work.join("link")).unwrap();
    for dir in ["link", "link/", "link//", "./link"] {
        refused(
            work.run(&["preview", "list.csv", "--row", "1", "--out", dir]),
            2,
            "is a symbolic link, to elsewhere",
        );
    }
    assert_eq!(fs::read_dir(work.join("elsewhere")).unwrap().count(), 1);
    work.run(&["preview", "list.csv", "--row", "1", "--out", "elsewhere"]).ends(0);
    assert!(work.read("elsewhere/row-1.eml").contains("Hello Ann"));
}

#[test]
fn a_template_that_makes_much_of_little_is_refused_for_its_rows() {
    let work = sandbox();
    let doubled = "{% set ns = namespace(s='abcd') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}";
    let by_macro = "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ m('abcd', 60) }}";
    let unrolled = format!("{{% set a = 'abcd' %}}{}{{{{ a }}}}", "{% set a = a + a %}".repeat(60));
    let kept = format!(
        "{{% set a %}}{{% for i in range(90000) %}}{}{{% endfor %}}{{% endset %}}{{{{ a }}}}",
        "x".repeat(5_000)
    );
    let nested = "{% set ns = namespace(l=[]) %}{% for i in range(90000) %}{% set ns.l = [ns.l] %}{% endfor %}x";
    for (template, says) in [
        ("{{ '%99999999999d'|format(1) }}", "64 MiB"),
        ("{{ '%.9999999999f'|format(1.5) }}", "64 MiB"),
        ("{{ '%*d'|format(99999999999, 1) }}", "64 MiB"),
        ("{{ name|indent(99999999999) }}", "64 MiB"),
        ("{{ name|indent(width=3000000000, first=true) }}", "64 MiB"),
        ("{{ ('a' * 1000000)|replace('a', 'a' * 100000) }}", "64 MiB"),
        ("{{ ('a' * 1000000)|replace('', 'a' * 100000) }}", "64 MiB"),
        (doubled, "64 MiB"),
        (by_macro, "64 MiB"),
        (&unrolled, "64 MiB"),
        (&kept, "second's work"),
        (nested, "deep in each other"),
        ("{{ 'a' * 100000000 }}", "64 MiB"),
        ("{{ name * 100000000 }}", "64 MiB"),
        ("{{ 'a' * 10 ** 8 }}", "64 MiB"),
        ("{{ (['a' * 1000] * 100000)|join }}", "64 MiB"),
        ("{{ range(100000)|join('a' * 10000) }}", "64 MiB"),
        ("{{ ([1] * 100000000)|list|length }}", "64 MiB"),
        ("{{ [1]|batch(3000000000, 0)|list }}", "64 MiB"),
        ("{{ [1, 2]|slice(3000000000)|list|length }}", "64 MiB"),
        ("{{ [1]|tojson(indent=9999999999) }}", "64 MiB"),
        ("{{ ('a' * 60000000)|list|length }}", "64 MiB"),
        ("{{ ('<' * 60000000)|escape }}", "64 MiB"),
        ("{% macro m(x) %}{{ x }}{{ m(x) }}{% endmacro %}{{ m('a') }}", "`{{ m(x) }}`"),
        (
            "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
            "second's work",
        ),
        (
            "{% set s = 'ab' * 10000000 %}{% for i in range(100000) %}{% if s == 'ab' * 10000000 %}{% endif %}{% endfor %}",
            "64 MiB",
        ),
        (
            "{% set s = 'ab' * 9000000 %}{% set t = 'ab' * 9000000 %}{% for i in range(100000) %}{% if s == t %}{% endif %}{% endfor %}",
            "second's work",
        ),
        (
            "{% set s = 'ab' * 9000000 %}{% for i in range(100000) %}{% if 'c' in s %}{% endif %}{% endfor %}",
            "second's work",
        ),
        ("{% set s = 'ab' * 9000000 %}{% for i in range(100) %}{{ s }}{% endfor %}", "64 MiB"),
        (
            "{% set s = 'ab' * 9000000 %}{% set ns = namespace(l=[]) %}{% for i in range(100) %}{% set ns.l = ns.l + [s[1:]] %}{% endfor %}x",
            "64 MiB",
        ),
        (
            "{% set r = range(100000) %}{% set ns = namespace(l=r) %}{% for i in range(100) %}{% set ns.l = ns.l|chain(r, ns.l) %}{% endfor %}x",
            "for one row",
        ),
    ] {
        work.message("Hi", &format!("Hello {{{{ name }}}}\n{template}"));
        // Room for the program itself, and for what a thread reserves.
        let ran = run(after(&work, "ulimit -v 4000000", &["check", "list.csv"])).ends(4);
        let why = work.read("list.csv.rejected.csv");
        assert!(
            why.contains(says) && !ran.err.contains("panicked"),
            "{template}: {why}\n{}",
            ran.err
        );
    }
    work.message("Hi", "Hello");
    work.run(&["check", "list.csv", "--where", "('a' * 100000000) != name"]).ends(2).says("64 MiB");
    // What a message does with a row is far from all that.
    work.message(
        "Hi {{ name|upper ~ '!' }}",
        "{% set ns = namespace(total=0, text='') %}{% for n in range(2000) %}{% set ns.total = ns.total + n * 2 %}\
         {% set ns.text = ns.text ~ n ~ ',' %}{% endfor %}{{ ns.total }} {{ ns.text|length }} {{ ('%05d'|format(42)) }} {{ name[1:] }} \
         {{ [1, 2, 3]|join('+') }} {{ 'yes' if name in ['Ann', 'Ben'] and not name is startingwith('X') else 'no' }} {{ {'a': [1, 2]}|tojson }}",
    );
    work.run(&["preview", "list.csv", "--row", "1"])
        .ends(0)
        .says("Hi ANN!")
        .says("3998000 8890 00042 nn 1+2+3 yes {\"a\": [1, 2]}");
}

#[test]
fn a_template_that_looks_through_much_or_cannot_be_bounded_is_refused() {
    let work = sandbox();
    let refused_rows = [
        (
            "{% set l = range(90000)|list %}{% for i in l %}{{ '' if -1 in l }}{% endfor %}",
            "second's work",
        ),
        ("{{ (['x' * 10000000] * 1000)|sum(start='') }}", "64 MiB"),
        ("{% for i in [1] %}{{ loop.cycle() }}{% endfor %}", "loop.cycle()"),
    ];
    for (template, says) in refused_rows {
        work.message("Hi", &format!("Hello {{{{ name }}}}\n{template}"));
        let ran = run(after(&work, "ulimit -v 4000000", &["check", "list.csv"])).ends(4);
        let why = work.read("list.csv.rejected.csv");
        assert!(why.contains(says) && !ran.err.contains("panicked"), "{why}\n{}", ran.err);
    }
    // The engine takes as many brackets in each other, and not with the checks.
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    work.message("Hi", &format!("{{% set d = {deep} %}}{{{{ 'x' * 90000000 }}}}"));
    refused(work.run(&["check", "list.csv"]), 4, "brackets lie too deep");
    work.message("Hi", "Hello");
    refused(work.run(&["check", "list.csv", "--where", &format!("name in {deep}")]), 2, "too deep");
}

#[test]
fn a_stream_without_an_end_is_no_import() {
    let work = sandbox();
    let ran = run(after(&work, "ulimit -v 4000000; exec </dev/zero", &["suppress", "import", "-"]));
    refused(ran, 4, "holds a NUL byte");
    work.file("theirs.csv", "email;reason\nx@example.com;unsubscribe\n");
    run(after(&work, "exec <theirs.csv", &["suppress", "import", "-"])).ends(0);
    assert!(work.read("kept.csv").contains("x@example.com"));
}

#[test]
fn a_file_of_bad_rows_that_cannot_be_written_is_named_nowhere() {
    let work = sandbox();
    work.file("bad.csv", "email,name\nann.example.com,Ann\nb@example.com,Ben\n")
        .message("Hi", "Hello {{ name }}");
    fifo(&work, "bad.csv.rejected.csv");
    let ran = work.run(&["check", "bad.csv"]).ends(4).says("bad.csv:2").says("--rejected FILE");
    assert!(
        !ran.err.contains("which are in ,") && !ran.err.contains("`mailbatch check`"),
        "{}",
        ran.err
    );
}

#[test]
fn too_few_threads_are_named_as_what_they_are() {
    let work = sandbox();
    fs::set_permissions(work.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // The limit does not hold for root.
    let other = if rustix::process::geteuid().is_root() {
        "setpriv --reuid=64999 --regid=64999 --clear-groups"
    } else {
        "env"
    };
    let line = |limit: usize| format!("set -- prlimit --nproc={limit} {other} \"$@\"");
    if !after(&work, &line(4_096), &["--version"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("skipped: no other user can run this binary");
        return;
    }
    let ran = run(after(&work, &line(1), &["status"]));
    refused(ran, 1, "this process may not have the 16 threads");
}

#[test]
fn too_little_address_space_ends_no_command_in_a_crash() {
    let work = sandbox();
    // Room for what is reserved at the start, and hardly any for threads: some of these work.
    for limit in [1_200_000, 1_400_000, 1_450_000, 1_500_000, 1_550_000, 1_600_000] {
        let ran = run(after(&work, &format!("ulimit -v {limit}"), &["check", "list.csv"]));
        if ran.code != 0 {
            let ran = ran.ends(1).says("ulimit -v").says("hint: ");
            assert!(!ran.err.contains("panicked") && !ran.err.contains("backup"), "{}", ran.err);
        }
    }
}

#[test]
fn too_small_files_and_what_stands_in_the_place_of_a_directory_have_a_hint() {
    let work = sandbox();
    let small = run(after(&work, "ulimit -f 3", &["send", "list.csv"]));
    refused(small, 1, "too few for a ledger");
    work.run(&["send", "list.csv"]).ends(0);
    for name in ["trace", "locks"] {
        let place = work.join(".mailbatch").join(name);
        fs::remove_dir_all(&place).unwrap();
        fs::write(&place, "").unwrap();
        let ran = work.run(&["send", "list.csv", "--campaign", "next", "--again"]);
        refused(ran, 1, &format!("something else is in the place of {}", place.display()));
        fs::remove_file(&place).unwrap();
    }
    // A value of any length is quoted in part.
    work.config(&format!(
        "{}[list]\nencoding = \"{}\"\n",
        work.read("mailbatch.toml"),
        "x".repeat(1 << 20)
    ));
    let ran = work.run(&["check", "list.csv"]).ends(2);
    assert!(ran.err.len() < 10_000, "{} bytes", ran.err.len());
}

#[test]
fn what_never_ends_is_refused_in_the_place_of_a_record_and_of_a_report() {
    let work = sandbox();
    work.run(&["send", "list.csv"]).ends(0);
    let run = work.newest_run();
    let stand_in = |place: &str, what: &str| {
        let _ = fs::remove_file(work.join(place));
        match what {
            "fifo" => fifo(&work, place),
            "sparse" => File::create(work.join(place)).unwrap().set_len(1 << 33).unwrap(),
            device => symlink(device, work.join(place)).unwrap(),
        }
    };
    let place = format!(".mailbatch/runs/{run}.json");
    let record = work.read(&place);
    for (what, says) in [("fifo", "FIFO"), ("/dev/zero", "device")] {
        stand_in(&place, what);
        for arguments in [&["status"] as &[&str], &["send", "list.csv"]] {
            let ran = work.run(arguments).says(&place);
            refused(ran, 1, says);
        }
    }
    fs::remove_file(work.join(&place)).unwrap();
    work.file(&place, record).run(&["status"]).ends(0);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(work.join(".mailbatch").join(name));
    }
    let place = format!(".mailbatch/reports/{run}.csv");
    for (what, says) in [("fifo", "FIFO"), ("/dev/zero", "device"), ("sparse", "longer than")] {
        stand_in(&place, what);
        let ran = work.run(&["send", "list.csv", "--ledger-lost"]).says(&place);
        refused(ran, 2, says);
    }
}
