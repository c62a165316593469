-- mastra: kind=additive oldest_client=1
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
