//! The tables of the SQLite ledger, and the migration of older files. `PRAGMA user_version` holds
//! the version.
//!
//! A recipient's `id` is the number of its run times 2^40 plus its row, so the rows of a run are
//! adjacent and in input order. Times are microseconds since 1970 UTC. Numbers that represent words
//! are listed in `codes.rs`.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Fault;

/// The migrations. Entry n turns version n into version n + 1; entry 0 turns an empty file into
/// version 1. Entries are added, but never edited.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6, V7, V8];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

const V1: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE runs(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  campaign TEXT NOT NULL,
  env TEXT,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  lists TEXT NOT NULL,
  list_fingerprint TEXT NOT NULL,
  message_fingerprint TEXT NOT NULL,
  settings TEXT NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
  gate TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  columns TEXT NOT NULL DEFAULT '[]',
  exit INTEGER,
  filtered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_of_campaign ON runs(campaign, env, seq);
CREATE TABLE messages(run INTEGER PRIMARY KEY, message TEXT NOT NULL);

-- state: 0 final, 1 open, 2 waiting until next_at, 3 claimed by batch
CREATE TABLE recipients(
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  cohort INTEGER NOT NULL DEFAULT 1 CHECK (cohort IN (0, 1)),
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  outcome INTEGER CHECK ((outcome IS NOT NULL) = (state = 0)),
  reason INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  batch INTEGER,
  first_at INTEGER,
  last_at INTEGER,
  next_at INTEGER,
  list INTEGER NOT NULL,
  line INTEGER NOT NULL,
  draw INTEGER NOT NULL,
  always INTEGER NOT NULL,
  email TEXT NOT NULL,
  domain TEXT NOT NULL,
  key TEXT NOT NULL,
  provider TEXT NOT NULL DEFAULT '',
  message_id TEXT NOT NULL DEFAULT '',
  provider_id TEXT NOT NULL DEFAULT '',
  feedback TEXT NOT NULL DEFAULT '',
  carried_from TEXT,
  code TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX recipients_open ON recipients(run, cohort, id, domain) WHERE state = 1;
CREATE INDEX recipients_due ON recipients(run, cohort, next_at) WHERE state = 2;
-- The merge fields stand apart, so that a change of state does not rewrite them.
CREATE TABLE fields(id INTEGER PRIMARY KEY, fields TEXT NOT NULL);

-- size: the members while unsettled; afterwards those whose hand-over was begun, which is what caps count.
CREATE TABLE batches(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL,
  provider TEXT NOT NULL,
  key TEXT NOT NULL,
  generation INTEGER NOT NULL,
  claimed_at INTEGER NOT NULL,
  settled_at INTEGER,
  size INTEGER NOT NULL,
  members BLOB NOT NULL,
  trace INTEGER
);
CREATE INDEX batches_for_caps ON batches(provider, settled_at, size);
CREATE INDEX batches_open ON batches(run) WHERE settled_at IS NULL;
CREATE TABLE traces(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, boot TEXT NOT NULL);

-- What came of hand-overs that did not end in acceptance, and rows that were opened again.
CREATE TABLE attempts(
  id INTEGER PRIMARY KEY,
  recipient INTEGER NOT NULL,
  batch INTEGER,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  reason INTEGER,
  code TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX attempts_of_recipient ON attempts(recipient);
-- Decisions about all rows of a run that were open (what = held) or held (what = reopened).
CREATE TABLE decisions(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX decisions_of_run ON decisions(run);

CREATE TABLE leases(key TEXT NOT NULL, starts INTEGER NOT NULL, ends INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE INDEX leases_of_key ON leases(key, ends);

-- Keyed hashes of whom removed runs reached.
CREATE TABLE reached(hash BLOB PRIMARY KEY, outcome INTEGER NOT NULL, reason INTEGER) WITHOUT ROWID;

CREATE TABLE pause(only INTEGER PRIMARY KEY CHECK (only = 1), since INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE suppressions(
  entry TEXT NOT NULL,
  reason INTEGER NOT NULL,
  scope TEXT NOT NULL,
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  note TEXT NOT NULL,
  PRIMARY KEY (entry, reason, scope)
) WITHOUT ROWID;
CREATE TABLE unsuppressed(id INTEGER PRIMARY KEY, entry TEXT NOT NULL, reason INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL);
";

/// Version 2 numbers suppressions in commit order, so that a reader can continue after the last
/// number it has seen.
const V2: &str = "
CREATE TABLE numbered(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  entry TEXT NOT NULL,
  reason INTEGER NOT NULL,
  scope TEXT NOT NULL,
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  note TEXT NOT NULL,
  UNIQUE (entry, reason, scope)
);
INSERT INTO numbered(entry, reason, scope, source, created_at, expires_at, note)
  SELECT entry, reason, scope, source, created_at, expires_at, note FROM suppressions;
DROP TABLE suppressions;
ALTER TABLE numbered RENAME TO suppressions;
DELETE FROM meta WHERE name = 'suppressions_version';
";

/// Version 3 adds events, and the index `names` for finding their recipients. The index is filled
/// when an event first needs it, so that it does not slow down sending.
const V3: &str = "
CREATE TABLE events(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  event_id TEXT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  bounce TEXT,
  class TEXT,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  -- The run's number and the recipient's id; null for what is about nobody we know.
  run INTEGER,
  recipient INTEGER,
  linked_by TEXT,
  -- The address that the event names, and the one that was mailed, lowercased.
  told TEXT,
  email TEXT NOT NULL,
  code TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  token TEXT NOT NULL,
  correlation TEXT,
  payload INTEGER,
  UNIQUE (provider, event_id)
);
CREATE INDEX events_of_run ON events(run, type, bounce, recipient);
CREATE INDEX events_of_email ON events(email, type, at);
-- What the sources sent, compressed with Zstandard; each text once, however many people it is about.
CREATE TABLE payloads(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL);

-- Hashes of addresses, keys, tokens and providers' ids; who really has the name is told by the recipient's row.
CREATE TABLE names(hash INTEGER NOT NULL, recipient INTEGER NOT NULL, PRIMARY KEY (hash, recipient)) WITHOUT ROWID;
-- Batches above meta.named_until whose members are in names; settled: with their providers' ids.
CREATE TABLE named(batch INTEGER PRIMARY KEY, settled INTEGER NOT NULL);

-- Suppressions that wait to be written to the file; begun: may be in it.
CREATE TABLE unfiled(suppression INTEGER PRIMARY KEY, begun INTEGER NOT NULL DEFAULT 0);

-- Whom the tokens of removed runs name. Entry is the sha256: form of the address; key is empty where it was the address.
CREATE TABLE tokens(
  token TEXT PRIMARY KEY,
  campaign TEXT NOT NULL,
  env TEXT,
  key TEXT NOT NULL,
  entry TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tokens_expire ON tokens(expires_at);
";

/// Version 4 adds facts about servers and accounts that earlier runs have observed.
const V4: &str = "
CREATE TABLE facts(
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
";

/// Version 5 adds the ids that belong to the same campaign, and a sketch of each run's recipients.
const V5: &str = "
-- identity: `p:` and a hash of the canonical paths of message and lists, `n:` and a name, or `s:` and a hash of the paths as they were typed.
CREATE TABLE aliases(identity TEXT NOT NULL, campaign TEXT NOT NULL, PRIMARY KEY (identity, campaign)) WITHOUT ROWID;
CREATE INDEX aliases_of_campaign ON aliases(campaign);

-- The recipients of a run with the lowest keyed hashes of their addresses, up to `bound`; see sketch.rs for `members`. It outlives its run:
-- then it holds those who were reached, the last of them at `reached_at`.
CREATE TABLE sketches(
  run INTEGER PRIMARY KEY,
  campaign TEXT NOT NULL,
  env TEXT,
  apart TEXT NOT NULL,
  message_fingerprint TEXT NOT NULL,
  bound INTEGER NOT NULL,
  removed_at INTEGER,
  reached_at INTEGER,
  members BLOB NOT NULL
);
CREATE INDEX sketches_of_message ON sketches(message_fingerprint);
";

/// Version 6 adds pauses, including ended ones, and the reasons why runs ended.
const V6: &str = "
-- scope: workspace, campaign, kind, provider, or run where a gate is latched; name: of which, empty for the workspace.
CREATE TABLE pauses(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  since INTEGER NOT NULL,
  author TEXT NOT NULL,
  host TEXT NOT NULL,
  reason TEXT NOT NULL,
  expires_at INTEGER,
  lifted_at INTEGER,
  lifted_by TEXT
);
CREATE INDEX pauses_in_force ON pauses(scope, name) WHERE lifted_at IS NULL;
INSERT INTO pauses(scope, name, since, author, host, reason) SELECT 'workspace', '', since, '', '', reason FROM pause;
DROP TABLE pause;
-- What a process of an earlier version that is still running looks at.
CREATE VIEW pause AS SELECT 1 AS only, since, reason FROM pauses
  WHERE scope = 'workspace' AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > unixepoch() * 1000000);
-- A JSON array of objects with exit and why.
ALTER TABLE runs ADD COLUMN exit_reasons TEXT NOT NULL DEFAULT '[]';
";

/// Version 7 adds used one-time webhook tokens. A token is kept until the signature that covers it
/// expires.
const V7: &str = "
-- hash: of the token; body: of the body that it came with first.
CREATE TABLE used_tokens(hash BLOB PRIMARY KEY, body BLOB NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX used_tokens_expire ON used_tokens(expires_at);
";

/// Version 8 adds the attachments of each row, as they were planned.
const V8: &str = "
-- A JSON array of objects with path, size and sha256; null where there are none.
ALTER TABLE fields ADD COLUMN files TEXT;
";

/// The version of the file behind `conn`; 0 for an empty file.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Returns the version of the ledger behind `conn` before anything is changed; 0 for an empty file.
/// Fails with `Fault::Foreign` if another program created the database.
pub(super) fn identify(conn: &Connection) -> Result<i64, Fault> {
    const OURS: [&str; 3] = ["runs", "recipients", "batches"];
    // All queries run in one transaction, because another process may be creating a new ledger at
    // the same time.
    let tx = conn.unchecked_transaction()?;
    let found = version(&tx)?;
    let tables = tables(&tx)?;
    tx.commit()?;
    let has_all = OURS.iter().all(|ours| tables.iter().any(|table| table == ours));
    match (tables.is_empty(), has_all) {
        (true, _) if found == 0 => Ok(0),
        (false, true) if found > 0 => Ok(found),
        (false, true) => Err(Fault::Damaged("the ledger's version number is missing".into())),
        (true, _) => {
            Err(Fault::Foreign("in the ledger's place is a database without tables".into()))
        }
        (false, false) => Err(Fault::Foreign(format!(
            "in the ledger's place is a database of another program (its tables: {})",
            some(&tables)
        ))),
    }
}

/// The names of all tables.
fn tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// The first few names of a list, for an error message.
fn some(names: &[String]) -> String {
    const MOST: usize = 3;
    let more = if names.len() > MOST { ", …" } else { "" };
    names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}

/// Migrates the file to `VERSION`. If several processes call this at once, the first one migrates
/// the file and the others find it migrated. Fails with `Fault::Newer` if a later version of
/// mailbatch wrote the file.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), Fault> {
    if version(conn)? == VERSION {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    if found == 0 && tx.prepare("SELECT 1 FROM sqlite_master LIMIT 1")?.exists([])? {
        return Err(Fault::Damaged(
            "this is a database of another program, or a ledger without a version number".into(),
        ));
    }
    let done = usize::try_from(found)
        .ok()
        .filter(|n| *n <= MIGRATIONS.len())
        .ok_or(Fault::Newer { found, known: VERSION })?;
    for step in &MIGRATIONS[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_ledger_that_another_process_is_making_is_new_or_made_and_nothing_between() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..60 {
            let path = dir.path().join(format!("{round}.db"));
            let mut maker = Connection::open(&path).unwrap();
            maker.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
            let looker = Connection::open(&path).unwrap();
            let start = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    migrate(&mut maker).unwrap();
                });
                start.wait();
                while identify(&looker).unwrap() != VERSION {}
            });
        }
    }
}
