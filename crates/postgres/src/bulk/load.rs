//! Copying what is new into the table itself.

use super::{CAPACITY, THRESHOLD, binary::Rows, finish, send_full};
use crate::{
    error::{driver, sqlstate},
    store::Shared,
    transacting::Line,
    upsert::{BY_KEY, Row, position},
};
use mastra_core::{Entity, RecordId, Result, Timestamp};
use sqlx::{PgConnection, Row as _};
use std::collections::HashSet;

/// How a load went.
#[derive(Debug)]
pub(crate) enum Load {
    /// The records at these positions were new, and are stored.
    Copied(Vec<usize>),
    /// Another writer was storing one of the same records; nothing was stored.
    Collided,
}

/// Stores the records of a batch that are not there yet, where they are enough to be worth it.
pub(crate) async fn load(line: &mut Line<'_>, shared: &Shared, entity: &Entity, batch: &[(RecordId, &Row<'_>)]) -> Result<Load> {
    let (now, present) = present(line.conn(), shared, entity, batch).await?;
    let mut fresh: Vec<usize> = (0..batch.len()).filter(|at| !present.contains(at)).collect();
    if fresh.len() < THRESHOLD {
        return Ok(Load::Copied(Vec::new()));
    }
    // In the order in which every writer takes its locks.
    fresh.sort_by_key(|at| batch.get(*at).map(|(_, row)| row.external_id.as_bytes()));
    // Not the driver's savepoint: given up while it is released, it would be rolled back once more, which fails whatever comes
    // next in a caller's transaction. What stands around the operation undoes all of it.
    run(line.conn(), "SAVEPOINT mastra_load").await?;
    match copy(line, shared, entity, batch, &fresh, now).await {
        Ok(()) => {
            run(line.conn(), "RELEASE SAVEPOINT mastra_load").await?;
            Ok(Load::Copied(fresh))
        }
        Err(error) if error.get("sqlstate") == Some(sqlstate::UNIQUE_VIOLATION) => {
            run(line.conn(), "ROLLBACK TO SAVEPOINT mastra_load; RELEASE SAVEPOINT mastra_load").await?;
            Ok(Load::Collided)
        }
        Err(error) => Err(error),
    }
}

async fn run(conn: &mut PgConnection, statement: &'static str) -> Result<()> {
    sqlx::raw_sql(statement).execute(conn).await.map(drop).map_err(driver)
}

/// The server's time, and the positions of the records that are there, deleted ones included.
async fn present(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    batch: &[(RecordId, &Row<'_>)],
) -> Result<(Timestamp, HashSet<usize>)> {
    let statement = format!(
        "SELECT statement_timestamp(), coalesce(array_agg(i.position) FILTER (WHERE e.external_id IS NOT NULL), '{{}}') \
         FROM unnest($2::text[]) WITH ORDINALITY AS i (x, position) LEFT JOIN LATERAL (\
         SELECT r.external_id FROM {} r {BY_KEY}) e ON e.external_id = i.x",
        shared.schema.records
    );
    let names: Vec<&str> = batch.iter().map(|(_, row)| row.external_id.as_ref()).collect();
    let row = shared.query(&statement).bind(entity.id.as_uuid()).bind(names).fetch_one(conn).await.map_err(driver)?;
    let positions: Vec<i64> = row.try_get(1).map_err(driver)?;
    Ok((row.try_get(0).map_err(driver)?, positions.into_iter().map(position).collect()))
}

async fn copy(
    line: &mut Line<'_>,
    shared: &Shared,
    entity: &Entity,
    batch: &[(RecordId, &Row<'_>)],
    fresh: &[usize],
    now: Timestamp,
) -> Result<()> {
    let statement = format!(
        "COPY {} (id, entity_id, external_id, entity_type, data, created_at, updated_at) FROM STDIN (FORMAT binary)",
        shared.schema.records
    );
    let mut copy = line.copy_in(&statement).await?;
    let mut stream = Rows::begin(CAPACITY);
    for (id, row) in fresh.iter().filter_map(|at| batch.get(*at)) {
        stream.row(7);
        stream.uuid(id.as_uuid());
        stream.uuid(entity.id.as_uuid());
        stream.text(Some(&row.external_id))?;
        stream.text(Some(row.entity_type.as_deref().unwrap_or(&entity.name)))?;
        stream.jsonb(&row.data)?;
        stream.timestamp(now);
        stream.timestamp(now);
        send_full(&mut copy, &mut stream).await?;
    }
    finish(copy, stream, fresh.len()).await
}
