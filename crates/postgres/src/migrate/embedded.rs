//! The schema's migrations, embedded.
//!
//! Generated from migrations/postgres by `cargo xtask codegen`: do not edit.

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
        "672f170e3cb456c469284bc169e6c8888bb84c230cded87725a5ad00cedb814d",
        r#"-- mastra: kind=additive oldest_client=1
-- Entities, their records, the text that full-text search reads, the staging of bulk loads, and the list of field indexes.
-- Keys and names compare by code point (COLLATE "C"), whatever the database's collation is: writers that sort by key then
-- lock rows in one order, and no upgrade of an operating system's collation can break a unique index.

CREATE TABLE entities (
    id uuid PRIMARY KEY,
    connection_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    last_sync_id text,
    json_schema jsonb,
    text_fields text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT entities_name_key UNIQUE (name, connection_id)
);

CREATE INDEX entities_connection_idx ON entities (connection_id, id);

-- One sequence for the whole store: a generation grows with every change, whatever record it is of.
CREATE SEQUENCE record_generations AS bigint;

CREATE TABLE records (
    id uuid PRIMARY KEY,
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    external_id text COLLATE "C" NOT NULL,
    entity_type text NOT NULL,
    -- Without the check '1'::jsonb || '{}' would silently become an array.
    data jsonb NOT NULL CONSTRAINT records_data_check CHECK (jsonb_typeof(data) = 'object'),
    generation bigint NOT NULL DEFAULT nextval('record_generations'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT records_external_id_key UNIQUE (entity_id, external_id)
);

-- The default order of a page, and every tie.
CREATE INDEX records_entity_idx ON records (entity_id, id);

ALTER SEQUENCE record_generations OWNED BY records.generation;

CREATE TABLE record_texts (
    record_id uuid PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    entity_id uuid NOT NULL,
    tokens text NOT NULL,
    terms tsvector NOT NULL
);

CREATE INDEX record_texts_terms_idx ON record_texts USING gin (terms);
CREATE INDEX record_texts_entity_idx ON record_texts (entity_id);

-- Rows of a bulk load between COPY and merge. They never outlive the transaction that wrote them. Logged, so that a standby
-- that is promoted has the table as it should be: empty.
CREATE TABLE record_staging (
    batch uuid NOT NULL,
    position integer NOT NULL,
    id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    entity_type text,
    data jsonb NOT NULL
);

CREATE INDEX record_staging_batch_idx ON record_staging (batch);

CREATE TABLE field_indexes (
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    path text[] NOT NULL,
    kind text NOT NULL CONSTRAINT field_indexes_kind_check CHECK (kind IN ('scalar', 'multi')),
    index_name name NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT field_indexes_pkey PRIMARY KEY (entity_id, path, kind)
);
"#,
    ),
    Migration::embedded(
        2,
        "changes",
        MigrationKind::Breaking,
        2,
        true,
        "d30ff933bf8a38c04ca487cfca01d6b5727df8b4a4858281a891f4e9ed008c46",
        r#"-- mastra: kind=breaking oldest_client=2
-- The queue of changes. A client that does not know it would write records without queueing them, and what is derived from them,
-- such as vectors, would lag unnoticed.

-- Who follows the records of which entity. The entity may be gone: what was derived from it still has to go.
CREATE TABLE subscriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    entity_id uuid NOT NULL,
    -- Whether the records that were there when it began have been queued.
    complete boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL,
    CONSTRAINT subscriptions_name_key UNIQUE (name)
);

CREATE INDEX subscriptions_entity_idx ON subscriptions (entity_id);

-- One row a subscription and record, of its newest generation. No foreign keys: the record may be gone, and a subscription is not to be
-- locked by every writer.
CREATE TABLE record_changes (
    subscription_id bigint NOT NULL,
    record_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    deleted boolean NOT NULL,
    queued_at timestamptz NOT NULL,
    -- When it may be claimed; while somebody holds it, when the lease ends.
    due_at timestamptz NOT NULL,
    lease uuid,
    -- A lease ended without a word.
    lapsed boolean NOT NULL DEFAULT FALSE,
    -- Nothing changed, but it has to be done once more.
    repeat boolean NOT NULL DEFAULT FALSE,
    failures integer NOT NULL DEFAULT 0,
    error text,
    set_aside boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT record_changes_pkey PRIMARY KEY (subscription_id, record_id)
);

CREATE INDEX record_changes_due_idx ON record_changes (subscription_id, due_at, generation) WHERE NOT set_aside;
"#,
    ),
    Migration::embedded(
        3,
        "syncs",
        MigrationKind::Additive,
        2,
        true,
        "2098303941124e3f0893ca601726b65d0271fb8459c6e98329eaffa4c40d4c98",
        r#"-- mastra: kind=additive oldest_client=2
-- What is remembered of syncs: their runs, where each of them stands with an entity, what it wrote, and what was set aside. JSON is kept as
-- text, exactly as it was: it may hold U+0000, which jsonb refuses, and numbers that jsonb would spell in another way.

-- The ledger. A run that says it is running and whose lease has ended is lost.
CREATE TABLE sync_runs (
    number bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" NOT NULL,
    sync_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    input_hash text NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    finished_at timestamptz,
    note text,
    -- What the sync returned: JSON.
    output text,
    -- Why it failed: JSON.
    error text,
    -- Grows with every change of the run and of what it did.
    revision bigint NOT NULL,
    CONSTRAINT sync_runs_pkey PRIMARY KEY (id),
    CONSTRAINT sync_runs_number_key UNIQUE (number)
);

CREATE INDEX sync_runs_sync_idx ON sync_runs (sync_id, number);

-- What a run did to an entity, which may be gone.
CREATE TABLE sync_run_targets (
    run_id text COLLATE "C" NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    entity_id uuid NOT NULL,
    -- The run's revision when it began with the entity.
    position bigint NOT NULL,
    entity text COLLATE "C" NOT NULL,
    -- The counts and the rest: JSON.
    progress text NOT NULL,
    CONSTRAINT sync_run_targets_pkey PRIMARY KEY (run_id, entity_id)
);

CREATE INDEX sync_run_targets_entity_idx ON sync_run_targets (entity, run_id);

-- Where a sync stands with an entity, and who may write.
CREATE TABLE sync_targets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_id text COLLATE "C" NOT NULL,
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    cursor text,
    -- When the enumeration began that is under way.
    enumeration_started timestamptz,
    enumeration_cursor text,
    -- The source was read to its end.
    enumeration_read boolean NOT NULL DEFAULT FALSE,
    -- Grows with every hold.
    fence bigint NOT NULL DEFAULT 0,
    -- The run that holds it.
    holder text,
    lease_until timestamptz,
    CONSTRAINT sync_targets_sync_key UNIQUE (sync_id, entity_id)
);

CREATE INDEX sync_targets_entity_idx ON sync_targets (entity_id);

-- Which keys of a record are a sync's. No foreign keys here and below, which would cost a look-up a row: what is of an entity is deleted
-- with it.
CREATE TABLE sync_stakes (
    target_id bigint NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    content text NOT NULL,
    generation bigint NOT NULL,
    created boolean NOT NULL,
    version text,
    -- By key of the data: JSON.
    keys text NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT sync_stakes_pkey PRIMARY KEY (target_id, external_id)
);

-- What an enumeration has met.
CREATE TABLE sync_seen (
    target_id bigint NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    CONSTRAINT sync_seen_pkey PRIMARY KEY (target_id, external_id)
);

-- What failed and was set aside.
CREATE TABLE sync_quarantine (
    target_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    external_id text,
    -- The item as the source said it: JSON.
    raw text NOT NULL,
    error text NOT NULL,
    run_id text NOT NULL,
    attempts integer NOT NULL,
    first_failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    CONSTRAINT sync_quarantine_pkey PRIMARY KEY (target_id, key)
);
"#,
    ),
];
