//! Tables, as a list of migrations: only ever added to.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::StoreError;

/// Times are milliseconds since 1970 UTC. A deleted workshop keeps its row (id, name, code), so that
/// its code answers "ended" and a second delete is fine; everything else of it goes.
const TABLES: &str = "
CREATE TABLE instructors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    instructor TEXT NOT NULL REFERENCES instructors (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workshops (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    image TEXT NOT NULL,
    memory_mib INTEGER NOT NULL,
    cpu_millis INTEGER NOT NULL,
    pids INTEGER NOT NULL,
    disk_mib INTEGER NOT NULL,
    egress TEXT NOT NULL,
    browser TEXT NOT NULL,
    env TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    starts_at INTEGER,
    ends_at INTEGER,
    ended_at INTEGER
) STRICT;

CREATE TABLE seats (
    workshop TEXT NOT NULL REFERENCES workshops (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    condition TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    PRIMARY KEY (workshop, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE assignments (
    id TEXT PRIMARY KEY,
    workshop TEXT NOT NULL,
    seat INTEGER NOT NULL,
    name TEXT NOT NULL,
    reconnect_hash BLOB NOT NULL,
    request_id TEXT,
    joined_at INTEGER NOT NULL,
    UNIQUE (workshop, seat),
    UNIQUE (workshop, request_id),
    UNIQUE (workshop, reconnect_hash),
    FOREIGN KEY (workshop, seat) REFERENCES seats (workshop, number) ON DELETE CASCADE
) STRICT;
";

/// API tokens, and which workshop an `Idempotency-Key` made.
const API_ACCESS: &str = "
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    instructor TEXT NOT NULL REFERENCES instructors (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE TABLE idempotency_keys (
    instructor TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    workshop TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instructor, key)
) STRICT, WITHOUT ROWID;
";

/// Ports that are open to their class, and the numbers (ports of this machine) that stand for a seat's
/// target. A number that is free again keeps its row: the one that has been free for longest goes first.
const OWN_ORIGINS: &str = "
CREATE TABLE open_ports (
    workshop TEXT NOT NULL,
    seat INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    port INTEGER NOT NULL,
    PRIMARY KEY (workshop, seat, generation, port),
    FOREIGN KEY (workshop, seat) REFERENCES seats (workshop, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE preview_ports (
    number INTEGER PRIMARY KEY,
    workshop TEXT,
    seat INTEGER,
    target TEXT,
    freed_at INTEGER,
    UNIQUE (workshop, seat, target)
) STRICT;
";

/// Seats that nobody gets into: since when.
const LOCKS: &str = "ALTER TABLE seats ADD COLUMN locked_at INTEGER;";

/// Files of earlier generations: which a seat has, where it isn't its own generation's, and which are
/// kept until when, for whom, so that a reset can be undone.
const KEPT_DISKS: &str = "
ALTER TABLE seats ADD COLUMN disk INTEGER;

CREATE TABLE kept_disks (
    workshop TEXT NOT NULL,
    seat INTEGER NOT NULL,
    disk INTEGER NOT NULL,
    assignment TEXT,
    until INTEGER NOT NULL,
    PRIMARY KEY (workshop, seat, disk),
    FOREIGN KEY (workshop, seat) REFERENCES seats (workshop, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
";

/// Workshops that are made ahead and nobody's yet.
const STANDBY: &str = "ALTER TABLE workshops ADD COLUMN standby INTEGER NOT NULL DEFAULT 0;";

/// What may be overcommitted when it is made, although that is later.
const OVERCOMMIT: &str = "ALTER TABLE workshops ADD COLUMN overcommit INTEGER NOT NULL DEFAULT 0;";

/// For how long (milliseconds) nobody must have used a workshop until it ends, and until when that ends
/// nothing.
const IDLE: &str = "
ALTER TABLE workshops ADD COLUMN idle_after INTEGER;
ALTER TABLE workshops ADD COLUMN kept_until INTEGER;
";

/// Which seats have no learner, so that finding one doesn't look at those that have: in a burst each join
/// looked at every seat before its own.
const FREE_SEATS: &str = "
ALTER TABLE seats ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
UPDATE seats SET taken = 1
    WHERE EXISTS (SELECT 1 FROM assignments a WHERE a.workshop = seats.workshop AND a.seat = seats.number);
CREATE INDEX free_seats ON seats (workshop, number) WHERE taken = 0;
CREATE TRIGGER seat_is_taken AFTER INSERT ON assignments BEGIN
    UPDATE seats SET taken = 1 WHERE workshop = NEW.workshop AND number = NEW.seat;
END;
CREATE TRIGGER seat_is_free AFTER DELETE ON assignments BEGIN
    UPDATE seats SET taken = 0 WHERE workshop = OLD.workshop AND number = OLD.seat;
END;
";

const MIGRATIONS: [&str; 9] = [
    TABLES,
    API_ACCESS,
    OWN_ORIGINS,
    LOCKS,
    KEPT_DISKS,
    STANDBY,
    OVERCOMMIT,
    IDLE,
    FREE_SEATS,
];

/// Refuses a database that a newer version wrote; leaves it as it is.
pub(super) fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let version = super::copies::version(connection).map_err(|source| StoreError::Open {
        path: path.to_owned(),
        source,
    })?;
    if usize::try_from(version).is_ok_and(|version| version <= MIGRATIONS.len()) {
        Ok(())
    } else {
        Err(StoreError::NewerSchema {
            path: path.to_owned(),
        })
    }
}

pub(super) fn migrate(mut connection: Connection, path: &Path) -> Result<Connection, StoreError> {
    let migrations = Migrations::new(MIGRATIONS.into_iter().map(M::up).collect());
    match migrations.to_latest(&mut connection) {
        Ok(()) => Ok(connection),
        Err(rusqlite_migration::Error::MigrationDefinition(
            rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
        )) => Err(StoreError::NewerSchema {
            path: path.to_owned(),
        }),
        Err(source) => Err(StoreError::Migrate {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_the_first_version_is_brought_here_with_its_rows() {
        let mut old = Connection::open_in_memory().unwrap();
        Migrations::new(vec![M::up(TABLES)])
            .to_latest(&mut old)
            .unwrap();
        old.execute(
            "INSERT INTO instructors VALUES ('in-1', 'Ada', 'phc', 0)",
            [],
        )
        .unwrap();
        let new = migrate(old, Path::new("clarateach.db")).unwrap();
        let count = |table: &str| -> i64 {
            let query = format!("SELECT count(*) FROM {table}");
            new.query_row(&query, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(
            ["instructors", "api_tokens", "idempotency_keys"].map(count),
            [1, 0, 0]
        );
    }

    #[test]
    fn seats_that_had_a_learner_before_their_table_knew_are_taken() {
        let mut old = Connection::open_in_memory().unwrap();
        Migrations::new(MIGRATIONS[..8].iter().copied().map(M::up).collect())
            .to_latest(&mut old)
            .unwrap();
        old.execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO seats (workshop, number, generation, condition)
                 VALUES ('ws-1', 1, 1, 'ready'), ('ws-1', 2, 1, 'ready');
             INSERT INTO assignments (id, workshop, seat, name, reconnect_hash, joined_at)
                 VALUES ('as-1', 'ws-1', 1, 'Ada', x'00', 0);",
        )
        .unwrap();
        let new = migrate(old, Path::new("clarateach.db")).unwrap();
        let taken = || -> Vec<bool> {
            let mut seats = new
                .prepare("SELECT taken FROM seats ORDER BY number")
                .unwrap();
            let rows = seats.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert_eq!(taken(), [true, false]);
        new.execute("DELETE FROM assignments", []).unwrap();
        assert_eq!(taken(), [false, false]);
    }
}
