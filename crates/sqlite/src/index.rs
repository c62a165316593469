//! Field indexes: making, listing and dropping them.
//!
//! A scalar index is an SQL index on the field's sort key, over the records of its entity alone; a second one, nearly always
//! empty, finds the records in which the path meets an array, for which the key does not tell what a filter asks. A multi index is a
//! list of values per record, kept by the engine as it writes; so is a scalar one whose path SQLite cannot spell.

use crate::{
    entities::Known,
    error::{Mapped as _, corrupt},
    fields, key, row,
};
use futures::TryStreamExt as _;
use mastra_core::{EntityId, FieldIndex, FieldIndexKind, Path, Result};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// An index on a field of one entity.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) key: i64,
    pub(crate) path: Path,
    pub(crate) kind: FieldIndexKind,
}

/// How many records are read at a time while the values of a multi index are gathered.
const PIECE: i64 = 1_000;

impl Index {
    /// Whether it is a list of values per record; else it is an SQL index on the sort key, which also gives an order.
    pub(crate) fn is_list(&self) -> bool {
        self.kind == FieldIndexKind::Multi || key::expression("data", &self.path).is_none()
    }

    /// What SQLite calls it, or the side table's name for it.
    pub(crate) fn name(&self) -> String {
        format!("field_index_{}", self.key)
    }

    /// The index that finds records in which the path meets an array.
    pub(crate) fn branches_name(&self) -> String {
        format!("field_index_{}_branches", self.key)
    }

    pub(crate) fn describe(&self, entity_id: EntityId) -> FieldIndex {
        FieldIndex { entity_id, path: self.path.clone(), kind: self.kind, name: self.name() }
    }
}

/// The indexes of a list that SQL has put together.
pub(crate) fn listed(json: &str) -> Result<Vec<Index>> {
    let rows: Vec<(i64, Path, FieldIndexKind)> = serde_json::from_str(json).map_err(|_| corrupt("a field index"))?;
    Ok(rows.into_iter().map(|(key, path, kind)| Index { key, path, kind }).collect())
}

/// The index of that path and kind.
pub(crate) fn find<'k>(known: &'k Known, path: &Path, kind: FieldIndexKind) -> Option<&'k Index> {
    known.indexes.iter().find(|index| index.path == *path && index.kind == kind)
}

/// Makes an index and fills it.
pub(crate) async fn create(
    connection: &mut SqliteConnection,
    known: &Known,
    path: &Path,
    kind: FieldIndexKind,
) -> Result<FieldIndex> {
    if let Some(index) = find(known, path, kind) {
        return Ok(index.describe(known.entity.id));
    }
    let sql = "INSERT INTO field_indexes (entity, path, kind) VALUES (?1, ?2, ?3) RETURNING key";
    let name = if kind == FieldIndexKind::Scalar { "scalar" } else { "multi" };
    let inserted = sqlx::query_scalar(sql).bind(known.key).bind(path.to_string()).bind(name).fetch_one(&mut *connection).await;
    let index = Index { key: inserted.mapped()?, path: path.clone(), kind };
    match key::expression("data", path).zip(key::branches("data", path)) {
        Some((key, branches)) if !index.is_list() => {
            let (name, entity) = (index.name(), known.key);
            run(connection, format!("CREATE INDEX {name} ON records ({key}, id) WHERE entity = {entity}")).await?;
            let name = index.branches_name();
            run(connection, format!("CREATE INDEX {name} ON records (entity) WHERE entity = {entity} AND {branches}")).await?;
        }
        _ => fill(connection, known, &index).await?,
    }
    Ok(index.describe(known.entity.id))
}

/// Gathers the values of the records that are there.
async fn fill(connection: &mut SqliteConnection, known: &Known, index: &Index) -> Result<()> {
    let mut after = 0_i64;
    loop {
        let sql = "SELECT key, data FROM records WHERE entity = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
        let mut beside = fields::Beside::default();
        let mut seen = 0;
        {
            let mut rows = sqlx::query(sql).bind(known.key).bind(after).bind(PIECE).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await.mapped()? {
                after = row::get(&row, 0)?;
                seen += 1;
                let values = fields::values(std::slice::from_ref(index), &row::json(&row, 1)?);
                beside.add(after, true, None, values);
            }
        }
        beside.write(connection, fields::RECORDS, &crate::scope(known.key), true).await?;
        if seen < PIECE {
            return Ok(());
        }
    }
}

/// Removes an index.
pub(crate) async fn remove(connection: &mut SqliteConnection, index: &Index) -> Result<()> {
    if index.is_list() {
        let sql = "DELETE FROM field_values WHERE field = ?1";
        sqlx::query(sql).bind(index.key).execute(&mut *connection).await.mapped()?;
    } else {
        run(connection, format!("DROP INDEX {}", index.name())).await?;
        run(connection, format!("DROP INDEX {}", index.branches_name())).await?;
    }
    sqlx::query("DELETE FROM field_indexes WHERE key = ?1").bind(index.key).execute(connection).await.map(drop).mapped()
}

async fn run(connection: &mut SqliteConnection, sql: String) -> Result<()> {
    // Not kept prepared: it runs once.
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await.map(drop).mapped()
}
