//! What core has to decide: deep merges, keys to remove, an expected generation.

use super::{
    ATTEMPTS,
    outcome::{Outcome, Outcomes, Written, position},
    write::{BY_KEY, complete, insertion, refuse_resurrection, too_many_writers},
};
use crate::{changes, error::driver, store::Shared};
use mastra_core::{
    Entity, RecordId, Result, UpsertReport,
    upsert::{Decision, RecordChange, Stored},
};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use std::collections::HashMap;
use uuid::Uuid;

/// Reads, decides and writes, again for the rows that other writers were quicker with.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    changes: &[RecordChange],
) -> Result<UpsertReport> {
    // In the order of the batch, as records without a sort are read.
    let ids: Vec<RecordId> = changes.iter().map(|_| RecordId::generate()).collect();
    let mut outcomes = Outcomes::new(changes.len());
    let mut pending: Vec<usize> = (0..changes.len()).collect();
    for _ in 0..ATTEMPTS {
        pending.sort_by_key(|at| changes.get(*at).map(|change| change.external_id.as_bytes()));
        let found = read(conn, shared, entity, changes, &pending).await?;
        let mut writes = Vec::new();
        for at in &pending {
            let (Some(change), Some(id)) = (changes.get(*at), ids.get(*at)) else { continue };
            let old = found.get(at);
            let (data, entity_type) = match (change.decide(old.map(|old| &old.stored))?, old) {
                (Decision::Unchanged, Some(old)) => {
                    outcomes.set(*at, Outcome::Unchanged, old.id)?;
                    continue;
                }
                (Decision::Unchanged, None) => continue,
                (Decision::Create { data, entity_type }, _) => (data, entity_type),
                (Decision::Update { data, entity_type }, _) => (data, Some(entity_type)),
            };
            writes.push(Write { at: *at, id: *id, external_id: &change.external_id, entity_type, data, old });
        }
        if !writes.is_empty() {
            write(conn, shared, entity, &writes, &mut outcomes).await?;
        }
        pending = outcomes.pending();
        if pending.is_empty() {
            return Ok(outcomes.report(changes.iter().map(|change| change.external_id.as_str())));
        }
    }
    Err(too_many_writers())
}

/// A record as it is stored.
struct Old {
    id: RecordId,
    stored: Stored,
}

/// A decided write.
struct Write<'a> {
    at: usize,
    id: RecordId,
    external_id: &'a str,
    entity_type: Option<String>,
    data: Value,
    old: Option<&'a Old>,
}

async fn read(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    changes: &[RecordChange],
    pending: &[usize],
) -> Result<HashMap<usize, Old>> {
    let statement = format!(
        "SELECT i.position, e.id, e.data, e.entity_type, e.generation, e.deleted_at IS NOT NULL \
         FROM unnest($2::text[]) WITH ORDINALITY AS i (x, position) JOIN LATERAL (\
         SELECT r.* FROM {} r {BY_KEY}) e ON e.external_id = i.x",
        shared.schema.records
    );
    let names: Vec<&str> = pending.iter().filter_map(|at| changes.get(*at)).map(|change| change.external_id.as_str()).collect();
    let answer = shared.query(&statement).bind(entity.id.as_uuid()).bind(names).fetch_all(conn).await.map_err(driver)?;
    let mut found = HashMap::with_capacity(answer.len());
    for row in &answer {
        let (at, old) = decode(row).map_err(driver)?;
        if let Some(at) = pending.get(at) {
            found.insert(*at, old);
        }
    }
    Ok(found)
}

fn decode(row: &PgRow) -> sqlx::Result<(usize, Old)> {
    let stored = Stored {
        data: row.try_get::<Json<Value>, _>(2)?.0,
        entity_type: row.try_get(3)?,
        generation: row.try_get(4)?,
        deleted: row.try_get(5)?,
    };
    Ok((position(row.try_get(0)?), Old { id: row.try_get::<Uuid, _>(1)?.into(), stored }))
}

async fn write(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    writes: &[Write<'_>],
    outcomes: &mut Outcomes,
) -> Result<()> {
    let insertion = insertion(shared, "given s");
    let queued = changes::queued(shared, "written", "$1", false);
    let statement = format!(
        "WITH given AS (SELECT i.position, i.id, i.x, coalesce(i.t, $7) AS t, i.d, i.generation \
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[]) WITH ORDINALITY AS i (id, x, t, d, generation, position)), \
         written AS ({insertion}), {queued} \
         SELECT s.position, w.id, w.fields, w.data FROM given s FULL JOIN written w ON w.external_id = s.x"
    );
    let answer = shared
        .query(&statement)
        .bind(entity.id.as_uuid())
        .bind(writes.iter().map(|write| write.id.as_uuid()).collect::<Vec<Uuid>>())
        .bind(writes.iter().map(|write| write.external_id).collect::<Vec<&str>>())
        .bind(writes.iter().map(|write| write.entity_type.as_deref()).collect::<Vec<Option<&str>>>())
        .bind(writes.iter().map(|write| Json(&write.data)).collect::<Vec<_>>())
        .bind(writes.iter().map(|write| write.old.map(|old| old.stored.generation)).collect::<Vec<Option<i64>>>())
        .bind(&entity.name)
        .fetch_all(&mut *conn)
        .await
        .map_err(driver)?;
    let mut written = Vec::with_capacity(answer.len());
    for row in &answer {
        // A full join, for the planner's sake; see the direct statement. What was not written has no id.
        if row.try_get::<Option<Uuid>, _>(1).map_err(driver)?.is_some() {
            written.push(Written::read(row)?);
        }
    }
    for row in &written {
        let Some(write) = writes.get(row.position) else { continue };
        refuse_resurrection(write.id, row.id.into(), write.old.is_some())?;
        let live = write.old.is_some_and(|old| !old.stored.deleted);
        outcomes.set(write.at, if live { Outcome::Updated } else { Outcome::Created }, row.id.into())?;
    }
    complete(conn, shared, entity, written).await
}
