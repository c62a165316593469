-- mastra: kind=additive oldest_client=1
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
