//! Tests the ledger file: its mode and settings, other files at its path, a full disk, and earlier
//! and later versions.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".mailbatch");
    assert!(SqliteLedger::open_existing(&state).unwrap().is_none());
    assert!(!state.exists());
    let ledger = SqliteLedger::open(&state).unwrap();
    ledger.begin(head()).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
    assert!(SqliteLedger::open_existing(&state).unwrap().is_some());
}

#[tokio::test]
async fn commits_are_synced_and_written_ahead() {
    let bed = Bed::new(here).await;
    let setting = async |pragma: &'static str| {
        bed.ledger
            .write(move |conn| {
                Ok(conn.query_row(pragma, [], |row| row.get::<_, rusqlite::types::Value>(0))?)
            })
            .await
            .unwrap()
    };
    assert_eq!(setting("PRAGMA synchronous").await, rusqlite::types::Value::Integer(2));
    let early = bed
        .ledger
        .writer
        .ask_early(|conn| Ok(conn.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))?))
        .await
        .unwrap();
    assert_eq!(early, 1, "what a later commit decides about need not wait for the disk");
    assert_eq!(
        setting("PRAGMA synchronous").await,
        rusqlite::types::Value::Integer(2),
        "and that commit waits for both"
    );
    assert_eq!(setting("PRAGMA journal_mode").await, rusqlite::types::Value::Text("wal".into()));
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    drop(SqliteLedger::open(dir.path()).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE future(x); PRAGMA user_version = 99")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    match SqliteLedger::open(dir.path()) {
        Err(LedgerError::Newer { found: 99, known, .. }) => assert_eq!(known, schema::VERSION),
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_ledger_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("ledger.db"),
        "not a database, but long enough to be read as one page header".repeat(20),
    )
    .unwrap();
    match SqliteLedger::open(dir.path()) {
        Err(e @ LedgerError::NotALedger { .. }) => assert!(
            e.to_string().contains("ledger.db: in the ledger's place is a text file"),
            "{e}"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn processes_that_make_the_ledger_at_once_agree() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| SqliteLedger::open(dir.path()).map(drop))).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_ledger_goes_on_when_there_is_room_again() {
    let bed = Bed::new(here).await;
    let run = bed.ledger.begin(head()).await.unwrap();
    bed.ledger
        .write(|conn| {
            let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
    let rows = |from: u64| {
        (from..from + 1_000).map(|n| row(n, &format!("u{n}@example.com"))).collect::<Vec<_>>()
    };
    match bed.ledger.plan(&run, rows(1)).await {
        Err(e @ LedgerError::Full { .. }) => {
            assert!(e.to_string().ends_with("ledger.db: the disk is full"), "{e}")
        }
        other => panic!("{other:?}"),
    }
    assert!(
        bed.ledger.rows(&run, 0, 9).await.unwrap().is_empty(),
        "nothing of a failed call stays"
    );
    bed.ledger
        .write(|conn| Ok(conn.query_row("PRAGMA max_page_count = 1073741823", [], |_| Ok(()))?))
        .await
        .unwrap();
    bed.ledger.plan(&run, rows(1)).await.unwrap();
    bed.ledger.seal(&run, seal()).await.unwrap();
    assert_eq!(bed.next(&run).await.len(), 1_000);
}

#[tokio::test]
async fn when_the_transaction_is_lost_every_request_of_the_group_fails() {
    let bed = Bed::new(here).await;
    let (first, second) = tokio::join!(
        bed.ledger.write(|conn| Ok(
            conn.execute_batch("INSERT INTO meta(name, value) VALUES ('lost', 1)")?
        )),
        bed.ledger.write(|conn| -> fault::Result<()> {
            conn.execute_batch("ROLLBACK")?;
            Err(Fault::Damaged("the disk is gone".into()))
        })
    );
    // The two requests may or may not share a commit. If they do, both must fail.
    let kept = bed.number("SELECT count(*) FROM meta WHERE name = 'lost'").await;
    assert_eq!(first.is_ok(), kept == 1);
    assert!(second.is_err());
    bed.simple(1).await;
}

#[tokio::test]
async fn a_ledger_of_an_older_version_stays_readable() {
    for (fixture, numbers) in [
        ("v1.sql", vec![1]),
        ("v2.sql", vec![1, 3]),
        ("v3.sql", vec![1, 3, 4]),
        ("v4.sql", vec![1, 3, 4]),
        ("v5.sql", vec![1, 3, 4]),
        ("v6.sql", vec![1, 3, 4]),
        ("v7.sql", vec![1, 3, 4]),
        ("v8.sql", vec![1, 3, 4]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dump = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledger").join(fixture),
        )
        .unwrap();
        Connection::open(dir.path().join("ledger.db")).unwrap().execute_batch(&dump).unwrap();
        let ledger = SqliteLedger::open(dir.path()).unwrap();
        let run = ledger.latest_run("spring", None).await.unwrap().unwrap();
        assert_eq!(
            (run.id.as_str(), run.state, run.columns.len()),
            ("20260105-080000-k3f9", RunState::Open, 1)
        );
        let rows = ledger.rows(&run.id, 0, 10).await.unwrap();
        let files = rows[2].files.as_deref();
        assert_eq!(files.is_some_and(|files| files.contains("2026/3.pdf")), fixture >= "v8.sql");
        let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
        assert_eq!(
            outcomes,
            [
                Some(Outcome::Accepted),
                Some(Outcome::Rejected),
                None,
                None,
                Some(Outcome::Suppressed)
            ]
        );
        assert_eq!(
            ledger.next(&run.id, Ask { limit: 9, ..Ask::default() }).await.unwrap()[0].row,
            3
        );
        assert_eq!(
            ledger.recover(&run.id).await.unwrap(),
            Recovered { unknown: 1, ..Recovered::default() }
        );
        assert_eq!(ledger.why(&run.id, "bob@example.com").await.unwrap().len(), 3);
        let kept = ledger.suppressions(0, 9).await.unwrap();
        assert_eq!(
            kept.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            numbers,
            "{fixture}"
        );
        let events = ledger.events(EventQuery { limit: 9, ..EventQuery::default() }).await.unwrap();
        assert_eq!(
            (events.len(), ledger.unfiled(9).await.unwrap().len()),
            if fixture >= "v3.sql" { (1, 1) } else { (0, 0) }
        );
        assert_eq!(
            ledger.person("0123456789abcdef01234567").await.unwrap().is_some(),
            fixture >= "v3.sql"
        );
        let facts: Vec<_> = ledger
            .recall("example")
            .await
            .unwrap()
            .into_iter()
            .map(|fact| (fact.subject, fact.value))
            .collect();
        assert_eq!(facts.len(), usize::from(fixture >= "v4.sql"), "{fixture}: {facts:?}");
        let pauses: Vec<_> = ledger
            .pauses()
            .await
            .unwrap()
            .into_iter()
            .map(|pause| (pause.scope, pause.author))
            .collect();
        let is_new = fixture >= "v6.sql";
        assert_eq!(
            pauses,
            if is_new {
                vec![(PauseScope::Provider("bird".into()), "ann (as root)".to_owned())]
            } else {
                vec![]
            },
            "{fixture}"
        );
        let latched = ledger.latched_by(&run.id).await.unwrap().map(|latched| latched.reason);
        assert_eq!(
            (latched.as_deref(), run.exit_reasons.len()),
            if is_new { (Some("2 of 100 failed"), 1) } else { (None, 0) },
            "{fixture}"
        );
        let kin = ledger.kin("spring").await.unwrap();
        assert_eq!(
            kin,
            if fixture >= "v5.sql" { vec!["spring", "spring "] } else { vec!["spring"] }
        );
        let people =
            People { members: (1..=12).map(|n| (n, n)).collect(), bound: u64::MAX, count: 12 };
        let overlap = ledger.overlap(asks("autumn", people)).await.unwrap();
        assert_eq!(
            overlap.map(|found| (found.campaign, found.reached, found.of)),
            (fixture >= "v5.sql").then(|| ("winter".into(), 10, 12))
        );
        let token = UsedToken {
            hash: vec![1],
            body: vec![3],
            at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
        };
        assert_eq!(
            ledger.use_token(token).await.unwrap(),
            fixture < "v7.sql",
            "{fixture}: it has come with another body"
        );
    }
}

#[tokio::test]
async fn a_pause_of_an_earlier_version_stays_in_force_and_its_processes_see_those_of_this_one() {
    let bed = Bed::new(here).await;
    let path = bed.dir.path().join("old");
    std::fs::create_dir(&path).unwrap();
    let dump = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledger/v5.sql"),
    )
    .unwrap();
    let old = Connection::open(path.join("ledger.db")).unwrap();
    old.execute_batch(&dump).unwrap();
    old.execute("INSERT INTO pause VALUES (1, 1767600000000000, 'wrong price')", []).unwrap();
    let mut reason = old.prepare("SELECT reason FROM pause").unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    let pauses = ledger.pauses().await.unwrap();
    assert_eq!(
        pauses.iter().map(Pause::words).collect::<Vec<_>>(),
        ["2026-01-05T08:00:00Z: wrong price"]
    );
    assert_eq!(reason.query_row([], |row| row.get::<_, String>(0)).unwrap(), "wrong price");
    assert!(ledger.unpause(PauseScope::Workspace, "ann").await.unwrap());
    assert!(
        reason.query_row([], |row| row.get::<_, String>(0)).is_err(),
        "it is over for them too"
    );
}
