-- mastra: kind=additive oldest_client=3
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
