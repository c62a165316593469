//! Stakes, and what an enumeration has not seen.

use crate::{error::Mapped as _, packed::Packed, records::json_list, row};
use futures::TryStreamExt as _;
use mastra_core::{
    Error, RecordId, Result,
    sync::{RecordMark, Stake, StakeView, TargetId, Unseen},
};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::HashSet;

/// The end of a column that [`read`] takes apart, of the table `sync_stakes` as `s`; see [`crate::packed`].
const STAKE: &str = "s.generation || ' ' || s.created || ' ' || s.written_at || ' ' || octet_length(s.external_id) || ' ' || \
     octet_length(s.content) || ' ' || coalesce(octet_length(s.version), -1) || ' ' || \
     s.external_id || s.content || coalesce(s.version, '') || s.keys";

fn read(mut packed: Packed<'_>) -> Result<Stake> {
    let generation = packed.number()?;
    let created = packed.number::<u8>()? == 1;
    let written_at = packed.time()?;
    let (external_id, content, version) = (packed.number()?, packed.number()?, packed.number::<i64>()?);
    let external_id = packed.text(external_id)?.to_owned();
    let content = packed.text(content)?.to_owned();
    let version = usize::try_from(version).ok().map(|length| packed.text(length).map(str::to_owned)).transpose()?;
    let keys = Stake::keys_from_json(packed.rest())?;
    Ok(Stake { external_id, content, generation, created, version, keys, written_at })
}

/// Of the entity `?1`, the records of the ids `?2`.
pub(super) const MARKS: &str = "SELECT j.key || ' ' || hex(r.id) || ' ' || r.generation || ' ' || (r.deleted_at IS NOT NULL) || ' ' \
     FROM json_each(?2) j CROSS JOIN records r ON r.entity = ?1 AND r.external_id = j.value";

/// Of the entity `?1`, the stakes in the records of the ids `?2`; the index of targets has them in order of their syncs.
pub(super) fn stakes_of_ids() -> String {
    format!(
        "SELECT j.key || ' ' || t.key || ' ' || octet_length(t.sync_id) || ' ' || t.sync_id || {STAKE} \
         FROM sync_targets t CROSS JOIN json_each(?2) j CROSS JOIN sync_stakes s ON s.target = t.key AND s.external_id = j.value \
         WHERE t.entity = ?1 ORDER BY t.sync_id"
    )
}

/// The stakes of the target `?1` behind the id `?2`, at most `?3`.
pub(super) fn stakes_behind() -> String {
    format!("SELECT {STAKE} FROM sync_stakes s WHERE s.target = ?1 AND s.external_id > ?2 ORDER BY s.external_id LIMIT ?3")
}

/// A stake that the enumeration has not met.
const UNSEEN: &str = "NOT EXISTS (SELECT 1 FROM sync_seen n WHERE n.target = s.target AND n.external_id = s.external_id)";

/// The stakes of the target `?1` that its enumeration has not met, at most `?2`.
pub(super) fn unseen() -> String {
    format!("SELECT {STAKE} FROM sync_stakes s WHERE s.target = ?1 AND {UNSEEN} ORDER BY s.external_id LIMIT ?2")
}

/// How many stakes the target `?1` has, and how many of them its enumeration has not met.
pub(super) fn count_of_unseen() -> String {
    format!("SELECT count(*), count(*) FILTER (WHERE {UNSEEN}) FROM sync_stakes s WHERE s.target = ?1")
}

/// What is known of records, put together.
#[derive(Debug)]
pub(super) struct Views(Vec<StakeView>);

impl Views {
    /// Nothing yet, of these ids, each once.
    pub(super) fn new(external_ids: &[String]) -> Self {
        let mut met = HashSet::with_capacity(external_ids.len());
        let once = external_ids.iter().filter(|id| met.insert(id.as_str()));
        let empty = |id: &String| StakeView { external_id: id.clone(), record: None, own: None, others: Vec::new() };
        Self(once.map(empty).collect())
    }

    /// Reads what there is, in two statements.
    pub(super) async fn read(&mut self, connection: &mut SqliteConnection, entity: i64, own: Option<TargetId>) -> Result<()> {
        let (ids, _) = json_list(self.0.iter().map(|view| view.external_id.as_str()))?;
        let mut rows = sqlx::query(MARKS).bind(entity).bind(&ids).fetch(&mut *connection);
        while let Some(found) = rows.try_next().await.mapped()? {
            let mut packed = Packed::new(row::get(&found, 0)?);
            let view = self.at(packed.number()?)?;
            let id = RecordId::from(packed.uuid()?);
            view.record = Some(RecordMark { id, generation: packed.number()?, deleted: packed.number::<u8>()? == 1 });
        }
        drop(rows);
        let sql = stakes_of_ids();
        let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(entity).bind(&ids).fetch(connection);
        while let Some(found) = rows.try_next().await.mapped()? {
            let mut packed = Packed::new(row::get(&found, 0)?);
            let view = self.at(packed.number()?)?;
            let target = TargetId::new(packed.number()?);
            let length = packed.number()?;
            let sync_id = packed.text(length)?;
            let stake = read(packed)?;
            if own == Some(target) {
                view.own = Some(stake);
            } else {
                view.others.push((sync_id.to_owned(), stake));
            }
        }
        Ok(())
    }

    fn at(&mut self, position: usize) -> Result<&mut StakeView> {
        self.0.get_mut(position).ok_or_else(|| Error::internal("SQLite counted past a list"))
    }

    pub(super) fn finish(self) -> Vec<StakeView> {
        self.0
    }
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    target: TargetId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Stake>> {
    let query = sqlx::query(AssertSqlSafe(stakes_behind())).bind(target.get()).bind(after.unwrap_or_default()).bind(limit);
    let rows = query.fetch_all(connection).await.mapped()?;
    rows.iter().map(|found| read(Packed::new(row::get(found, 0)?))).collect()
}

pub(super) async fn count_unseen(connection: &mut SqliteConnection, target: TargetId) -> Result<Unseen> {
    let query = sqlx::query(AssertSqlSafe(count_of_unseen())).bind(target.get());
    let found = query.fetch_one(connection).await.mapped()?;
    let count = |at| row::get::<i64>(&found, at).map(i64::unsigned_abs);
    Ok(Unseen { stakes: count(0)?, unseen: count(1)? })
}

pub(super) async fn list_unseen(connection: &mut SqliteConnection, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
    let query = sqlx::query(AssertSqlSafe(unseen())).bind(target.get()).bind(limit);
    let rows = query.fetch_all(connection).await.mapped()?;
    rows.iter().map(|found| read(Packed::new(row::get(found, 0)?))).collect()
}
