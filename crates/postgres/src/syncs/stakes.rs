//! Stakes, read.

use super::unread;
use crate::{error::driver, query::Statement, store::Shared, upsert::position};
use mastra_core::{
    EntityId, Result,
    sync::{RecordMark, Stake, StakeView, TargetId},
};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use std::collections::HashSet;
use uuid::Uuid;

/// The columns that [`read`] reads, of a stake with the alias `s`.
pub(super) const COLUMNS: &str = "s.external_id, s.content, s.generation, s.created, s.version, s.keys, s.written_at";

/// A stake, from a row that has [`COLUMNS`] from there on.
pub(super) fn read(row: &PgRow, from: usize) -> Result<Stake> {
    let keys: String = row.try_get(from + 5).map_err(unread)?;
    let keys = Stake::keys_from_json(&keys)?;
    let read = || {
        Ok(Stake {
            external_id: row.try_get(from)?,
            content: row.try_get(from + 1)?,
            generation: row.try_get(from + 2)?,
            created: row.try_get(from + 3)?,
            version: row.try_get(from + 4)?,
            keys,
            written_at: row.try_get(from + 6)?,
        })
    };
    read().map_err(unread)
}

/// Each look-up is one of a key, whatever the planner believes of tables that grow a thousandfold during one sync: a sub-select of one row in
/// the order of the key is no join that could be made in another way. It is planned anew each time, when the server looks at how large the
/// tables are by now.
pub(super) async fn views(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: EntityId,
    own: Option<TargetId>,
    external_ids: &[String],
) -> Result<Vec<StakeView>> {
    let mut met = HashSet::with_capacity(external_ids.len());
    let ids: Vec<&str> = external_ids.iter().map(String::as_str).filter(|id| met.insert(*id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let schema = &shared.schema;
    let statement = format!(
        "SELECT i.position, r.id, r.generation, r.deleted, o.target_id, o.sync_id, {} \
         FROM unnest($2::text[]) WITH ORDINALITY AS i (x, position) \
         LEFT JOIN LATERAL (SELECT r.id, r.generation, r.deleted_at IS NOT NULL AS deleted FROM {} r {}) r ON TRUE \
         LEFT JOIN LATERAL (SELECT t.id AS target_id, t.sync_id, s.* FROM {} t CROSS JOIN LATERAL (SELECT {COLUMNS} FROM {} s \
         WHERE s.target_id = t.id AND s.external_id >= i.x AND s.external_id <= i.x ORDER BY s.external_id LIMIT 1) s \
         WHERE t.entity_id = $1) o ON TRUE",
        COLUMNS.replace("s.", "o."),
        schema.records,
        crate::upsert::BY_KEY,
        schema.qualified("sync_targets"),
        schema.qualified("sync_stakes"),
    );
    let query = shared.query(&statement).persistent(false).bind(entity.as_uuid()).bind(&ids);
    let rows = query.fetch_all(conn).await.map_err(driver)?;
    let view = |id: &&str| StakeView { external_id: (*id).to_owned(), record: None, own: None, others: Vec::new() };
    let mut views: Vec<StakeView> = ids.iter().map(view).collect();
    for row in &rows {
        let Some(view) = views.get_mut(position(row.try_get(0).map_err(unread)?)) else { continue };
        if let Some(id) = row.try_get::<Option<Uuid>, _>(1).map_err(unread)? {
            let (generation, deleted) = (row.try_get(2).map_err(unread)?, row.try_get(3).map_err(unread)?);
            view.record = Some(RecordMark { id: id.into(), generation, deleted });
        }
        let Some(target) = row.try_get::<Option<i64>, _>(4).map_err(unread)? else { continue };
        let stake = read(row, 6)?;
        if own == Some(TargetId::new(target)) {
            view.own = Some(stake);
        } else {
            view.others.push((row.try_get(5).map_err(unread)?, stake));
        }
    }
    views.iter_mut().for_each(|view| view.others.sort_by(|(one, _), (other, _)| one.cmp(other)));
    Ok(views)
}

pub(super) async fn list(
    conn: &mut PgConnection,
    shared: &Shared,
    target: TargetId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Stake>> {
    let mut statement = Statement::new(format!("SELECT {COLUMNS} FROM {} s", shared.schema.qualified("sync_stakes")));
    // No external id is empty.
    let (target, after) = (statement.bind(target.get()), statement.bind(after.unwrap_or_default()));
    let limit = statement.bind(i64::from(limit));
    statement.push(&format!(" WHERE s.target_id = {target} AND s.external_id > {after} ORDER BY s.external_id LIMIT {limit}"));
    statement.fetch_all(conn, false).await?.iter().map(|row| read(row, 0)).collect()
}
