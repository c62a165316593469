-- mastra: kind=breaking oldest_client=2
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
