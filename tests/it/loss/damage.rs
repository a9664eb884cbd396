//! A ledger that is damaged, and what else may stand in its place.

use std::time::Duration;

use super::{FILES, backup, lose, sandbox};

#[test]
fn damage_ends_in_a_clear_error_within_seconds() {
    let work = sandbox(300);
    work.run(&["send", "list.csv", "--limit", "100"]).ends(0);
    let good = backup(&work);
    let half = good.len() / 2;
    let zeroed = |from: usize, to: usize| {
        let mut bytes = good.clone();
        bytes[from..to].fill(0);
        bytes
    };
    let mut inverted = good.clone();
    inverted[100..half].iter_mut().for_each(|byte| *byte = !*byte);
    let damaged = [
        ("cut", good[..half].to_vec()),
        ("a byte", b"x".to_vec()),
        ("header", zeroed(0, 100)),
        ("first page", zeroed(0, 8192)),
        ("all zero", zeroed(0, good.len())),
        ("pages", zeroed(8192, good.len())),
        ("second half", zeroed(half / 8192 * 8192, good.len())),
        ("inverted", inverted),
        ("text", b"email,name\na@example.com,Ann\n".repeat(1_000)),
    ];
    for (what, bytes) in damaged {
        for arguments in [
            &["send", "list.csv"][..],
            &["resume"],
            &["status"],
            &["runs"],
            &["report", "latest"],
            &["send", "list.csv", "--ledger-lost"],
        ] {
            lose(&work);
            work.file(FILES[0], &bytes);
            let mut command = work.mailbatch();
            let output = command
                .args(arguments)
                .timeout(Duration::from_secs(20))
                .output()
                .expect("it ends within seconds");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output
                .status
                .code()
                .unwrap_or_else(|| panic!("{what}, {arguments:?}: it hangs: {said}"));
            assert!(matches!(code, 1 | 2), "{what}, {arguments:?}: {code}: {said}");
            assert!(
                said.contains("ledger.db") && said.contains("hint: ") && said.contains("backup"),
                "{what}, {arguments:?}: {said}"
            );
            assert!(
                !said.contains("panicked")
                    && !said.contains("Standing {")
                    && !said.contains("Error("),
                "{what}, {arguments:?}: {said}"
            );
        }
    }
    assert_eq!(work.outbox().len(), 100, "nothing was sent");
    lose(&work);
    work.file(FILES[0], &good);
    work.run(&["resume"]).ends(0);
    assert_eq!(work.outbox().len(), 300);
}

/// Commands that all meet what stands in the ledger's place.
const COMMANDS: [&[&str]; 6] = [
    &["send", "list.csv"],
    &["send", "list.csv", "--ledger-lost"],
    &["send", "list.csv", "--dry-run"],
    &["check", "list.csv"],
    &["resume"],
    &["runs"],
];

#[test]
fn what_stands_in_the_ledgers_place_is_called_what_it_is_and_the_hint_leads_out() {
    let text = b"to do: buy milk\n".to_vec();
    for has_sent in [true, false] {
        for what in [
            "a text file",
            "a directory",
            "a database of another program",
            "a link that leads to no file",
            "cut short",
        ] {
            let work = sandbox(12);
            if has_sent {
                work.run(&["send", "list.csv"]).ends(0);
            } else if what == "cut short" {
                continue;
            }
            let good = if has_sent { backup(&work) } else { Vec::new() };
            lose(&work);
            let place = work.join(FILES[0]);
            std::fs::create_dir_all(work.join(".mailbatch")).expect("writable");
            match what {
                "a text file" => std::fs::write(&place, &text).expect("writable"),
                "a directory" => std::fs::create_dir(&place).expect("writable"),
                "a link that leads to no file" => {
                    std::os::unix::fs::symlink("nowhere.db", &place).expect("writable")
                }
                "cut short" => std::fs::write(&place, &good[..good.len() / 2]).expect("writable"),
                _ => {
                    let other = rusqlite::Connection::open(&place).expect("a database");
                    // With a version that would be one of ours.
                    other
                        .execute_batch("CREATE TABLE songs(title TEXT); PRAGMA user_version = 5")
                        .expect("writable");
                }
            }
            let is_as_it_was = || match what {
                "a text file" => std::fs::read(&place).expect("readable") == text,
                "a database of another program" => {
                    let other = rusqlite::Connection::open(&place).expect("a database");
                    let mode: String = other
                        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
                        .expect("a mode");
                    mode == "delete"
                        && other.query_row("SELECT count(*) FROM sqlite_master", [], |row| {
                            row.get::<_, i64>(0)
                        }) == Ok(1)
                }
                _ => true,
            };
            for arguments in COMMANDS {
                let said =
                    work.run(arguments).ends(2).says("ledger.db").says(what).says("hint: move ");
                assert!(said.err.contains("--ledger-lost") == has_sent, "{}", said.err);
                assert!(is_as_it_was(), "{what}: it is left as it is");
            }
            std::fs::rename(&place, work.join("away")).expect("what the hint says");
            if has_sent {
                work.run(&["send", "list.csv"]).ends(2).says("the ledger is gone");
                work.run(&["send", "list.csv", "--ledger-lost"]).ends(0);
                // The backup works as well.
                lose(&work);
                work.file(FILES[0], &good);
                work.run(&["runs"]).ends(2).says("an older copy");
            } else {
                work.run(&["send", "list.csv"]).ends(0);
            }
            assert_eq!(work.outbox().len(), 12, "{what}");
        }
    }
}
