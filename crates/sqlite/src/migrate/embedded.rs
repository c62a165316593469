//! The schema's migrations, embedded.
//!
//! Generated from migrations/sqlite by `cargo xtask codegen`: do not edit.

use mastra_core::migrate::{Migration, MigrationKind};

/// Every migration, in order.
#[rustfmt::skip]
pub(super) static MIGRATIONS: &[Migration] = &[
    Migration::embedded(
        1,
        "engine",
        MigrationKind::Additive,
        1,
        true,
        "efb6e647e10abc5cd65ffafef7ee296237dfb81d38a0fecd74846de4b7ec438e",
        r#"-- mastra: kind=additive oldest_client=1
--
-- Entities, records and what finds them again. Ids are UUIDs as 16 bytes, times are microseconds since 1970 in UTC,
-- documents are JSON text. Rows carry a small integer key beside their UUID, which indexes and side tables refer to.

-- Tells our files from those of other applications: "MSTR".
PRAGMA application_id = 1297306706;

-- Keys are never used twice: field indexes of a deleted entity must not come to belong to a new one.
CREATE TABLE entities (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    name          TEXT    NOT NULL,
    connection_id TEXT    NOT NULL,
    last_sync_id  TEXT,
    schema        TEXT,
    text_fields   TEXT    NOT NULL DEFAULT '[]',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (name, connection_id)
) STRICT;

-- `key` is the generation that the record was created with. `finish` says that SQL alone cannot judge the row's data:
-- it holds a number beyond what SQLite computes exactly, or the character U+0000, and filters and sorts are finished by the client.
CREATE TABLE records (
    key         INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    entity      INTEGER NOT NULL REFERENCES entities (key),
    external_id TEXT    NOT NULL,
    entity_type TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    finish      INTEGER NOT NULL CHECK (finish IN (0, 1)),
    data        TEXT    NOT NULL CHECK (substr(data, 1, 1) = '{'),
    UNIQUE (entity, external_id)
) STRICT;

CREATE INDEX records_in_order ON records (entity, id);
CREATE INDEX records_to_finish ON records (entity) WHERE finish = 1;
CREATE INDEX records_deleted ON records (entity, deleted_at) WHERE deleted_at IS NOT NULL;

-- Sequences over the whole store.
CREATE TABLE counters (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('generation', 0);

-- The words of each live record's declared text fields; the rowid is the record's key.
CREATE VIRTUAL TABLE record_text USING fts5 (scope, body, tokenize = 'ascii', detail = 'column', columnsize = 0);

-- The field indexes that were asked for. A scalar one is an SQL index of its own, a multi one a list of values.
CREATE TABLE field_indexes (
    key    INTEGER PRIMARY KEY AUTOINCREMENT,
    entity INTEGER NOT NULL REFERENCES entities (key),
    path   TEXT    NOT NULL,
    kind   TEXT    NOT NULL CHECK (kind IN ('scalar', 'multi')),
    UNIQUE (entity, path, kind)
) STRICT;

CREATE TABLE field_values (
    field  INTEGER NOT NULL REFERENCES field_indexes (key),
    value  ANY     NOT NULL,
    record INTEGER NOT NULL REFERENCES records (key),
    PRIMARY KEY (field, value, record)
) STRICT, WITHOUT ROWID;

CREATE INDEX field_values_of_record ON field_values (record);
"#,
    ),
    Migration::embedded(
        2,
        "vectors",
        MigrationKind::Additive,
        1,
        true,
        "dd3ef952c41c59ea6f710bd49f4ee7bf38c04dc47f910eca147285a74937dd15",
        r"-- mastra: kind=additive oldest_client=1
--
-- Vectors: points in namespaces of indexes, in the same file as the records.

-- Keys are never used twice: fields and namespaces of a dropped index must not come to belong to a new one. `kind` and `provenance` are
-- JSON, as the client writes them.
CREATE TABLE vector_indexes (
    key        INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    dimension  INTEGER NOT NULL CHECK (dimension > 0),
    metric     TEXT    NOT NULL,
    element    TEXT    NOT NULL CHECK (element IN ('f32', 'f16')),
    kind       TEXT    NOT NULL,
    provenance TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- Metadata fields that filters are served on, in the order in which they were named.
CREATE TABLE vector_fields (
    key          INTEGER PRIMARY KEY AUTOINCREMENT,
    vector_index INTEGER NOT NULL REFERENCES vector_indexes (key),
    path         TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('scalar', 'multi')),
    UNIQUE (vector_index, path)
) STRICT;

-- A namespace has a row from its first point on, and may keep it without one.
CREATE TABLE vector_namespaces (
    key          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (key < 134217728),
    vector_index INTEGER NOT NULL REFERENCES vector_indexes (key),
    name         TEXT    NOT NULL,
    UNIQUE (vector_index, name)
) STRICT;

-- The upper 27 bits of `key` are the namespace, the lower 36 number its points, so that a namespace lies together. `finish` says, as of
-- records, that SQL alone cannot judge the metadata.
CREATE TABLE points (
    key       INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL REFERENCES vector_namespaces (key) CHECK (namespace = key >> 36),
    id        TEXT    NOT NULL,
    finish    INTEGER NOT NULL CHECK (finish IN (0, 1)),
    metadata  TEXT    NOT NULL CHECK (substr(metadata, 1, 1) = '{'),
    text      TEXT,
    UNIQUE (namespace, id)
) STRICT;

CREATE INDEX points_to_finish ON points (namespace) WHERE finish = 1;

-- Apart from the points, so that a filter does not read them. The point's key in 8 bytes, then the numbers, little endian.
CREATE TABLE point_vectors (
    key    INTEGER PRIMARY KEY REFERENCES points (key),
    vector BLOB    NOT NULL
) STRICT;

-- The words of each point's text; the rowid is the point's key.
CREATE VIRTUAL TABLE point_text USING fts5 (scope, body, tokenize = 'ascii', detail = 'column', columnsize = 0);

-- The values of each point in the fields of its index.
CREATE TABLE point_values (
    field INTEGER NOT NULL REFERENCES vector_fields (key),
    value ANY     NOT NULL,
    point INTEGER NOT NULL REFERENCES points (key),
    PRIMARY KEY (field, value, point)
) STRICT, WITHOUT ROWID;

CREATE INDEX point_values_of_point ON point_values (point);
",
    ),
    Migration::embedded(
        3,
        "changes",
        MigrationKind::Breaking,
        3,
        true,
        "70a1d4d0c8663f9bd9415847a76d0892acdc2dedcc1b3a2295fec5df7060665b",
        r"-- mastra: kind=breaking oldest_client=3
--
-- The queue of changes. A client that does not know it would write records without queueing them, and what is derived from them, such
-- as vectors, would lag unnoticed.

-- Who follows the records of which entity. The entity may be gone: what was derived from it still has to go.
CREATE TABLE subscriptions (
    key        INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    entity_id  BLOB    NOT NULL CHECK (length(entity_id) = 16),
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX subscriptions_of_entity ON subscriptions (entity_id);

-- One row a subscription and record, of its newest generation; the record may be gone. `due_at` is when it may be claimed, and while
-- somebody holds it, when the lease ends. `lapsed`: a lease ended without a word. `repeat`: nothing changed, but it has to be done once more.
CREATE TABLE record_changes (
    subscription INTEGER NOT NULL REFERENCES subscriptions (key),
    record_id    BLOB    NOT NULL CHECK (length(record_id) = 16),
    external_id  TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    deleted      INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    queued_at    INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    lease        BLOB,
    lapsed       INTEGER NOT NULL DEFAULT 0 CHECK (lapsed IN (0, 1)),
    repeat       INTEGER NOT NULL DEFAULT 0 CHECK (repeat IN (0, 1)),
    failures     INTEGER NOT NULL DEFAULT 0,
    error        TEXT,
    set_aside    INTEGER NOT NULL DEFAULT 0 CHECK (set_aside IN (0, 1)),
    PRIMARY KEY (subscription, record_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX record_changes_due ON record_changes (subscription, due_at, generation) WHERE set_aside = 0;
",
    ),
    Migration::embedded(
        4,
        "syncs",
        MigrationKind::Additive,
        3,
        true,
        "11da02a38f94fc2682253bdb9f0645b0df7d46a0e22cca51c970abdcbb563fea",
        r"-- mastra: kind=additive oldest_client=3
--
-- What is remembered of syncs: their runs, where each of them stands, what each of them wrote, and what was set aside. Clients remove
-- what belongs to a deleted entity themselves; the references cascade for those that do not know these tables.

-- The ledger. `id` is the caller's, `number` is what runs are listed by. `output` and `error` are JSON. `revision` grows with every change
-- of the row or of its targets.
CREATE TABLE sync_runs (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    sync_id      TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    input_hash   TEXT    NOT NULL,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,
    finished_at  INTEGER,
    note         TEXT,
    output       TEXT,
    error        TEXT,
    revision     INTEGER NOT NULL
) STRICT;

CREATE INDEX sync_runs_of_sync ON sync_runs (sync_id, number);

-- What a run did to an entity, which may be gone: `progress` is JSON, `entity` its name as the run knew it.
CREATE TABLE sync_run_targets (
    run       INTEGER NOT NULL REFERENCES sync_runs (number),
    entity_id BLOB    NOT NULL CHECK (length(entity_id) = 16),
    position  INTEGER NOT NULL,
    entity    TEXT    NOT NULL,
    progress  TEXT    NOT NULL,
    PRIMARY KEY (run, entity_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sync_run_targets_of_entity ON sync_run_targets (entity, run);

-- Where one sync stands with one entity. Keys are never used twice: a holder must not come to write under another target's. `fence` grows
-- with every hold; `holder` is a run's id, which may write until `lease_until`, and longer where nobody took the target over.
CREATE TABLE sync_targets (
    key                 INTEGER PRIMARY KEY AUTOINCREMENT,
    entity              INTEGER NOT NULL REFERENCES entities (key) ON DELETE CASCADE,
    sync_id             TEXT    NOT NULL,
    fence               INTEGER NOT NULL,
    holder              TEXT,
    lease_until         INTEGER,
    cursor              TEXT,
    enumeration_started INTEGER,
    enumeration_cursor  TEXT,
    enumeration_read    INTEGER NOT NULL DEFAULT 0 CHECK (enumeration_read IN (0, 1)),
    UNIQUE (entity, sync_id)
) STRICT;

-- What a target wrote of each record. `generation` is the record's at that time; `keys` is JSON.
CREATE TABLE sync_stakes (
    target      INTEGER NOT NULL REFERENCES sync_targets (key) ON DELETE CASCADE,
    external_id TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created     INTEGER NOT NULL CHECK (created IN (0, 1)),
    written_at  INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    version     TEXT,
    keys        TEXT    NOT NULL,
    PRIMARY KEY (target, external_id)
) STRICT, WITHOUT ROWID;

-- What the enumeration that is under way has met.
CREATE TABLE sync_seen (
    target      INTEGER NOT NULL REFERENCES sync_targets (key) ON DELETE CASCADE,
    external_id TEXT    NOT NULL,
    PRIMARY KEY (target, external_id)
) STRICT, WITHOUT ROWID;

-- What failed and was set aside. `raw` is JSON, as the source said it.
CREATE TABLE sync_quarantine (
    target          INTEGER NOT NULL REFERENCES sync_targets (key) ON DELETE CASCADE,
    key             TEXT    NOT NULL,
    external_id     TEXT,
    run_id          TEXT    NOT NULL,
    attempts        INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    last_failed_at  INTEGER NOT NULL,
    error           TEXT    NOT NULL,
    raw             TEXT    NOT NULL,
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;
",
    ),
];
