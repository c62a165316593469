-- mastra: kind=breaking oldest_client=3
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
