-- mastra: kind=additive oldest_client=2
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
