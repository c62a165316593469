//! Merging by top-level keys, and replacing: one statement.

use super::{
    ATTEMPTS, Row,
    outcome::{Outcome, Outcomes, position},
    write::{BY_KEY, complete_rows, index, insertion, refuse_resurrection, state, too_many_writers},
};
use crate::{
    bulk::{self, Load},
    changes,
    error::driver,
    store::Shared,
    transacting::Line,
};
use mastra_core::{Entity, RecordId, Result, UpsertMode, UpsertReport};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

/// Writes a batch that repeats no id.
pub(super) async fn upsert(
    line: &mut Line<'_>,
    shared: &Shared,
    entity: &Entity,
    rows: &[Row<'_>],
    mode: UpsertMode,
) -> Result<UpsertReport> {
    let ids: Vec<RecordId> = rows.iter().map(|_| RecordId::generate()).collect();
    let batch: Vec<(RecordId, &Row<'_>)> = ids.iter().copied().zip(rows).collect();
    let mut outcomes = Outcomes::new(rows.len());
    let mut collided = false;
    if rows.len() >= bulk::THRESHOLD {
        match bulk::load(line, shared, entity, &batch).await? {
            Load::Copied(positions) => {
                copied(line.conn(), shared, entity, &positions, &batch).await?;
                for at in positions {
                    let Some((id, _)) = batch.get(at) else { continue };
                    outcomes.set(at, Outcome::Created, *id)?;
                }
            }
            Load::Collided => collided = true,
        }
    }
    for _ in 0..ATTEMPTS {
        let mut pending = outcomes.pending();
        pending.sort_by_key(|at| rows.get(*at).map(|row| row.external_id.as_bytes()));
        if pending.is_empty() {
            return Ok(outcomes.report(rows.iter().map(|row| row.external_id.as_ref())));
        }
        let part: Vec<(RecordId, &Row<'_>)> = pending.iter().filter_map(|at| batch.get(*at)).copied().collect();
        let answer = if collided && part.len() >= bulk::THRESHOLD {
            from_staging(line, shared, entity, &part, mode).await?
        } else {
            from_arrays(line.conn(), shared, entity, &part, mode).await?
        };
        for group in &answer {
            let group = Group::read(group).map_err(driver)?;
            for answer in group.answers() {
                let (Some(at), Some((generated, _))) = (pending.get(answer.position), part.get(answer.position)) else {
                    continue;
                };
                if answer.outcome != Outcome::Unchanged {
                    refuse_resurrection(*generated, answer.id.into(), answer.was_there)?;
                }
                outcomes.set(*at, answer.outcome, answer.id.into())?;
            }
            if group.wrote() {
                let texts: Vec<(Uuid, &Value)> = group.texts().collect();
                complete_rows(line.conn(), shared, entity, group.fields.as_deref(), &texts).await?;
            }
        }
    }
    Err(too_many_writers())
}

/// Completes records that were copied: sees that the entity is still there, and indexes their text.
async fn copied(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    positions: &[usize],
    batch: &[(RecordId, &Row<'_>)],
) -> Result<()> {
    if positions.is_empty() {
        return Ok(());
    }
    let (fields, followed) = state(conn, shared, entity).await?;
    if followed {
        let ids = positions.iter().filter_map(|at| batch.get(*at)).map(|(id, _)| id.as_uuid()).collect();
        changes::copied(conn, shared, entity.id, ids).await?;
    }
    let rows: Vec<_> =
        positions.iter().filter_map(|at| batch.get(*at)).map(|(id, row)| (id.as_uuid(), row.data.as_ref())).collect();
    index(conn, shared, entity, &fields, &rows).await
}

/// The batch as arrays, bound to the statement.
async fn from_arrays(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    batch: &[(RecordId, &Row<'_>)],
    mode: UpsertMode,
) -> Result<Vec<PgRow>> {
    let arrays = "unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY AS i (id, x, t, d, position)";
    shared
        .query(&statement(shared, mode, arrays))
        .bind(entity.id.as_uuid())
        .bind(&entity.name)
        .bind(batch.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<Uuid>>())
        .bind(batch.iter().map(|(_, row)| row.external_id.as_ref()).collect::<Vec<&str>>())
        .bind(batch.iter().map(|(_, row)| row.entity_type.as_deref()).collect::<Vec<Option<&str>>>())
        .bind(batch.iter().map(|(_, row)| Json(row.data.as_ref())).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
        .map_err(driver)
}

/// The batch by way of the staging table.
async fn from_staging(
    line: &mut Line<'_>,
    shared: &Shared,
    entity: &Entity,
    batch: &[(RecordId, &Row<'_>)],
    mode: UpsertMode,
) -> Result<Vec<PgRow>> {
    let id = Uuid::now_v7();
    bulk::stage(line, shared, id, batch).await?;
    let merge = statement(shared, mode, &bulk::staged(shared));
    let query = shared.query(&merge).bind(entity.id.as_uuid()).bind(&entity.name).bind(id);
    let answer = query.fetch_all(line.conn()).await.map_err(driver)?;
    bulk::unstage(line.conn(), shared, id).await?;
    Ok(answer)
}

/// For how many records the statement answers in one row: a row costs both sides more than what this one says of a record.
const GROUP: usize = 250;

/// Reads what is there, leaves the unchanged out, writes the rest, and answers for all but what was lost to other writers.
///
/// `OFFSET 0` keeps an expression from being computed again wherever it is mentioned. A full join leaves the planner, which
/// cannot know how many rows the parts have, no way to compare each row with each. `$1` is the entity, `$2` its name.
pub(super) fn statement(shared: &Shared, mode: UpsertMode, source: &str) -> String {
    let records = &shared.schema.records;
    let merged = if mode == UpsertMode::Replace { "i.d" } else { "CASE WHEN e.live THEN e.data || i.d ELSE i.d END" };
    let insertion = insertion(shared, "seen s WHERE NOT s.same");
    let queued = changes::queued(shared, "written", "$1", false);
    format!(
        "WITH seen AS MATERIALIZED (\
         SELECT c.position, c.id, c.x, c.t, c.old, c.generation, c.live, c.same, CASE WHEN NOT c.same THEN c.d END AS d FROM (\
         SELECT i.position, i.id, i.x, coalesce(i.t, CASE WHEN e.live THEN e.entity_type END, $2) AS t, e.id AS old, e.generation, e.live, \
         m.d, coalesce(e.live AND e.data = m.d AND e.entity_type = coalesce(i.t, e.entity_type), FALSE) AS same \
         FROM {source} LEFT JOIN LATERAL (\
         SELECT r.id, r.external_id, r.data, r.entity_type, r.generation, r.deleted_at IS NULL AS live FROM {records} r \
         {BY_KEY}) e ON e.external_id = i.x \
         CROSS JOIN LATERAL (SELECT {merged} AS d OFFSET 0) m OFFSET 0) c), \
         written AS ({insertion}), {queued} \
         SELECT array_agg(s.position), array_agg(coalesce(w.id, s.old)), \
         array_agg((CASE WHEN s.same THEN {UNCHANGED} WHEN s.live THEN {UPDATED} WHEN s.old IS NOT NULL THEN {REVIVED} ELSE {NEW} END)::int2), \
         min(w.fields), array_agg(w.data) FILTER (WHERE w.data IS NOT NULL), array_agg(w.id) FILTER (WHERE w.data IS NOT NULL) \
         FROM seen s FULL JOIN written w ON w.external_id = s.x WHERE s.same OR w.id IS NOT NULL GROUP BY (s.position - 1) / {GROUP}"
    )
}

/// What the statement says became of a record.
const UNCHANGED: i16 = 0;
const UPDATED: i16 = 1;
const REVIVED: i16 = 2;
const NEW: i16 = 3;

/// What the statement says of some of the records.
struct Group {
    positions: Vec<i64>,
    ids: Vec<Uuid>,
    kinds: Vec<i16>,
    /// The entity's text fields, read under a lock that holds off a new declaration; `None` where nothing was written, or the
    /// entity is gone.
    fields: Option<Vec<String>>,
    /// The whole new data of what was written, where there are text fields, and the ids in the same order.
    texts: Vec<Json<Value>>,
    text_ids: Vec<Uuid>,
}

/// What it says of one record.
struct Answer {
    position: usize,
    id: Uuid,
    was_there: bool,
    outcome: Outcome,
}

impl Group {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            positions: row.try_get(0)?,
            ids: row.try_get(1)?,
            kinds: row.try_get(2)?,
            fields: row.try_get(3)?,
            texts: row.try_get::<Option<_>, _>(4)?.unwrap_or_default(),
            text_ids: row.try_get::<Option<_>, _>(5)?.unwrap_or_default(),
        })
    }

    fn answers(&self) -> impl Iterator<Item = Answer> {
        self.positions.iter().zip(&self.ids).zip(&self.kinds).map(|((at, id), kind)| {
            let outcome = match *kind {
                UNCHANGED => Outcome::Unchanged,
                UPDATED => Outcome::Updated,
                _ => Outcome::Created,
            };
            Answer { position: position(*at), id: *id, was_there: *kind != NEW, outcome }
        })
    }

    fn wrote(&self) -> bool {
        self.kinds.iter().any(|kind| *kind != UNCHANGED)
    }

    fn texts(&self) -> impl Iterator<Item = (Uuid, &Value)> {
        self.text_ids.iter().copied().zip(self.texts.iter().map(|data| &data.0))
    }
}
