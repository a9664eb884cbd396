//! Outputs: no flag that names a file to write costs the workspace a file of its own, and what is
//! no regular file is written in place.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{Workspace, workspace};

const LIST: &str = "email,name\na@example.com,Ann\nb@example.com,Ben\n";

/// A workspace that has sent once, with every kind of file.
fn used() -> (Workspace, String) {
    let ws = workspace();
    ws.sandbox_config("").message("Hi {{ name }}", "Hello {{ name }}").file("list.csv", LIST);
    ws.config(&format!(
        "{}[suppression]\nfiles = [\"stop.csv\", \"later.csv\"]\n",
        ws.read("mailbatch.toml")
    ));
    ws.file("stop.csv", "email\nx@example.net\n")
        .file("later.csv", "email\n")
        .file("more.csv", "email\ny@example.net\n");
    ends(&ws, &["send", "list.csv", "--campaign", "first", "--suppress", "more.csv"], 0);
    let run = fs::read_dir(ws.join(".mailbatch/reports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .next()
        .unwrap();
    ws.file("other.csv", "email,name\nc@example.com,Cy\n");
    (ws, run.trim_end_matches(".csv").trim_end_matches(".latest").to_owned())
}

fn run(ws: &Workspace, arguments: &[&str]) -> Output {
    ws.mailbatch()
        .args(arguments)
        .timeout(Duration::from_secs(60))
        .output()
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn ends(ws: &Workspace, arguments: &[&str], code: i32) -> Output {
    let output = run(ws, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    output
}

fn outbox(ws: &Workspace) -> usize {
    fs::read_dir(ws.join(".mailbatch/outbox")).map_or(0, Iterator::count)
}

/// Every command that writes a file named by a flag, writing to `path`.
fn commands<'a>(run: &'a str, path: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["report", run, "--format", "csv", "-o", path],
        vec!["report", "--trend", "1d", "--format", "csv", "-o", path],
        vec!["suppress", "export", "-o", path],
        vec!["send", "other.csv", "--campaign", "second", "--report", path],
        vec!["resume", run, "--report", path],
        vec!["retry", run, "--report", path],
    ]
}

/// All of them refuse to write to `path`, before anything leaves, and no file changes.
#[track_caller]
fn all_refuse(ws: &Workspace, run: &str, path: &str, says: &str) {
    // The ledger itself may be tidied up when it is opened.
    let content = || fs::read(ws.join(path)).ok().filter(|_| !says.contains("state directory"));
    let (sent, before) = (outbox(ws), content());
    for command in commands(run, path) {
        let output = self::run(ws, &command);
        let said = said(&output);
        // A suffix that names no format is refused too, and says so first.
        assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
        assert!(
            said.contains(says) || said.contains("the suffix names no report format"),
            "{command:?}: {said}"
        );
        assert!(said.contains("hint: "), "{said}");
    }
    assert_eq!((outbox(ws), content()), (sent, before), "{path}");
}

#[test]
fn the_workspaces_own_files_are_refused_under_every_name() {
    let (ws, run) = used();
    let report = format!(".mailbatch/reports/{run}.csv");
    symlink(ws.path(), ws.join("here")).unwrap();
    for (own, hard) in [
        ("list.csv", "l.csv"),
        ("message.md", "m.csv"),
        ("mailbatch.toml", "t.csv"),
        ("stop.csv", "s.csv"),
        ("more.csv", "o.csv"),
    ] {
        fs::hard_link(ws.join(own), ws.join(hard)).unwrap();
        for path in [own, hard, &format!("here/{own}"), &format!("./x/../{own}")] {
            all_refuse(&ws, &run, path, "an output would replace it");
        }
    }
    for own in [".mailbatch/ledger.db", &report] {
        fs::hard_link(ws.join(own), ws.join("state.csv")).unwrap();
        all_refuse(&ws, &run, "state.csv", "a file of the state directory under another name");
        fs::remove_file(ws.join("state.csv")).unwrap();
    }
    for path in [
        ".mailbatch/ledger.db",
        ".mailbatch/ledger.db-wal",
        &report,
        ".mailbatch/new.csv",
        "here/.mailbatch/trace/new.csv",
    ] {
        all_refuse(&ws, &run, path, "in the state directory");
    }
    // Of this command, not yet in the ledger; and a suppression file that does not exist yet.
    let output =
        ends(&ws, &["send", "other.csv", "--campaign", "second", "--report", "other.csv"], 2);
    assert!(said(&output).contains("a list of this workspace"), "{}", said(&output));
    ws.file("third.csv", LIST);
    ends(
        &ws,
        &["send", "other.csv", "--campaign", "second", "--dry-run", "--report", "list.csv"],
        2,
    );
    let mut command = ws.command();
    command
        .args(["send", "-", "--campaign", "third", "--report", "third.csv"])
        .stdin(fs::File::open(ws.join("third.csv")).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "the list is standard input: {}", said(&output));
    assert_eq!(ws.read("third.csv"), LIST);
    fs::remove_file(ws.join("later.csv")).unwrap();
    ends(&ws, &["report", &run, "-o", "later.csv"], 2);
    assert!(!ws.join("later.csv").exists());
    assert_eq!(ws.read("list.csv"), LIST);
    // Everything else is written as before.
    ends(&ws, &["report", &run, "-o", "out/new.csv"], 0);
    assert_eq!(fs::metadata(ws.join("out/new.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    ends(&ws, &["report", &run, "-o", "out/new.csv"], 0);
}

#[test]
fn links_are_followed_within_their_directory_and_refused_out_of_it() {
    let (ws, run) = used();
    let elsewhere = workspace();
    elsewhere.file("theirs.csv", "theirs");
    fs::create_dir_all(ws.join("out/deep")).unwrap();
    symlink(elsewhere.join("theirs.csv"), ws.join("out/away.csv")).unwrap();
    symlink(elsewhere.join("not-yet.csv"), ws.join("out/dangling.csv")).unwrap();
    symlink("../x.csv", ws.join("out/up.csv")).unwrap();
    symlink("away.csv", ws.join("out/chain.csv")).unwrap();
    symlink("loop.csv", ws.join("out/loop.csv")).unwrap();
    for link in ["out/away.csv", "out/dangling.csv", "out/up.csv", "out/chain.csv", "out/loop.csv"]
    {
        all_refuse(&ws, &run, link, "is a symbolic link that leads");
    }
    assert_eq!(elsewhere.read("theirs.csv"), "theirs");
    assert!(!elsewhere.join("not-yet.csv").exists() && !ws.join("x.csv").exists());
    symlink("deep/real.csv", ws.join("out/in.csv")).unwrap();
    ends(&ws, &["report", &run, "-o", "out/in.csv"], 0);
    assert!(fs::symlink_metadata(ws.join("out/in.csv")).unwrap().is_symlink());
    assert!(ws.read("out/deep/real.csv").contains("a@example.com"));
    // Previews: one link among them, and none is written.
    symlink(elsewhere.join("theirs.csv"), ws.join("out/row-2.eml")).unwrap();
    let output = ends(&ws, &["preview", "list.csv", "--sample", "2", "--out", "out"], 2);
    assert!(said(&output).contains("row-2.eml"), "{}", said(&output));
    assert!(!ws.join("out/row-1.eml").exists());
    assert_eq!(elsewhere.read("theirs.csv"), "theirs");
    ends(&ws, &["preview", "list.csv", "--out", ".mailbatch"], 2);
    // Man pages.
    symlink(elsewhere.join("theirs.csv"), ws.join("out/mailbatch-send.1")).unwrap();
    ends(&ws, &["man", "out"], 2);
    assert!(!ws.join("out/mailbatch.1").exists());
    assert_eq!(elsewhere.read("theirs.csv"), "theirs");
}

#[test]
fn standard_output_and_fifos_are_written_in_place() {
    let (ws, run) = used();
    for path in ["/dev/stdout", "/dev/fd/1"] {
        let output = ends(&ws, &["report", &run, "-o", path], 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("a@example.com"), "{path}");
        let output = ends(&ws, &["suppress", "export", "-o", path], 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("x@example.net"), "{path}");
    }
    assert!(
        fs::symlink_metadata("/dev/stdout").unwrap().is_symlink(),
        "the link of the system is as it was"
    );
    // Appended to, as the shell opened it.
    ws.file("log", "before\n");
    let log = fs::OpenOptions::new().append(true).open(ws.join("log")).unwrap();
    let status =
        ws.command().args(["report", &run, "-o", "/dev/stdout"]).stdout(log).status().unwrap();
    assert!(status.success());
    assert!(ws.read("log").starts_with("before\n") && ws.read("log").contains("a@example.com"));
    // Unless that is a file of the workspace's own.
    let list = fs::OpenOptions::new().append(true).open(ws.join("list.csv")).unwrap();
    let status =
        ws.command().args(["report", &run, "-o", "/dev/stdout"]).stdout(list).status().unwrap();
    assert_eq!((status.code(), ws.read("list.csv")), (Some(2), LIST.to_owned()));
    for (fifo, command) in [
        ("one.csv", vec!["report", run.as_str(), "-o", "one.csv"]),
        ("two", vec!["report", run.as_str(), "-o", "two"]),
        ("three", vec!["suppress", "export", "-o", "three"]),
        ("four.csv", vec!["send", "other.csv", "--campaign", "second", "--report", "four.csv"]),
    ] {
        assert!(Command::new("mkfifo").arg(ws.join(fifo)).status().unwrap().success());
        let path = ws.join(fifo);
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
            text
        });
        ends(&ws, &command, 0);
        assert!(reader.join().unwrap().contains('@'), "{fifo}");
        assert!(fs::metadata(ws.join(fifo)).unwrap().file_type().is_fifo(), "{fifo} is as it was");
    }
}

/// A device like /dev/null in the workspace; `None` where none can be made or used.
fn null(ws: &Workspace) -> Option<PathBuf> {
    let path = ws.join("null.csv");
    let made = Command::new("mknod")
        .arg("-m")
        .arg("666")
        .arg(&path)
        .args(["c", "1", "3"])
        .output()
        .ok()?;
    (made.status.success() && fs::write(&path, "x").is_ok()).then_some(path)
}

#[test]
fn a_device_stays_a_device() {
    let (ws, run) = used();
    let Some(device) = null(&ws) else {
        println!("skipped: no device can be made here");
        return;
    };
    let node = |path: &Path| {
        fs::symlink_metadata(path)
            .map(|about| (about.file_type().is_char_device(), about.rdev(), about.ino()))
            .unwrap()
    };
    let before = node(&device);
    for command in commands(&run, "null.csv") {
        ends(&ws, &command, 0);
        assert_eq!(node(&device), before, "{command:?}");
    }
}
