//! The schema's migrations, embedded.
//!
//! Generated from migrations/pgvector by `cargo xtask codegen`: do not edit.

use mastra_core::migrate::{Migration, MigrationKind};

/// Every migration, in order.
#[rustfmt::skip]
pub(super) static MIGRATIONS: &[Migration] = &[
    Migration::embedded(
        1,
        "vectors",
        MigrationKind::Additive,
        1,
        true,
        "d11a4801bacce2ed0a143d5c9104e136f53a4319a83970d6a526e2e573fe83c1",
        r#"-- mastra: kind=additive oldest_client=1
-- The registry of vector indexes. Each index has a table of its own, which creating the index makes.

-- Which indexes there are. How an index measures nearness, and what made its vectors, stands here and is never guessed.
CREATE TABLE vector_indexes (
    -- Any name: it never becomes an identifier.
    name text COLLATE "C" PRIMARY KEY,
    -- The schema of the index's table.
    table_schema text NOT NULL,
    -- The index's table.
    table_name text NOT NULL,
    -- Whether the table was made for the index, and goes with it.
    owned boolean NOT NULL,
    -- Dimension, metric, kind, element, fields and provenance, as the index was asked for.
    spec jsonb NOT NULL CONSTRAINT vector_indexes_spec_check CHECK (jsonb_typeof(spec) = 'object'),
    -- Which column holds what.
    columns jsonb NOT NULL CONSTRAINT vector_indexes_columns_check CHECK (jsonb_typeof(columns) = 'object'),
    -- Whether the graph or the clusters of the index are there; a search that does not find them looks at every point.
    built boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
"#,
    ),
];
