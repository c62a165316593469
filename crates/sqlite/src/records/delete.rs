//! Deleting records, and removing the deleted for good.

use super::{query, stored::json_list, write::generations};
use crate::{changes, entities::Known, error::Mapped as _, fields};
use mastra_core::{DeleteReport, PurgeOptions, RecordSelector, Result, time};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// How many rows one statement deletes.
const PIECE: usize = 10_000;

/// Marks the live records that a selector means.
pub(crate) async fn delete(connection: &mut SqliteConnection, known: &Known, selector: &RecordSelector) -> Result<DeleteReport> {
    let keys = match selector {
        RecordSelector::Ids(ids) => {
            let ids: Vec<String> = ids.iter().map(|id| id.as_uuid().simple().to_string()).collect();
            keys(
                connection,
                known.key,
                "id IN (SELECT unhex(value) FROM json_each(?2))",
                &json_list(ids.iter().map(String::as_str))?.0,
            )
            .await?
        }
        RecordSelector::ExternalIds(ids) => {
            let list = json_list(ids.iter().map(String::as_str))?.0;
            keys(connection, known.key, "external_id IN (SELECT value FROM json_each(?2))", &list).await?
        }
        RecordSelector::All => keys(connection, known.key, "?2 IS NOT NULL", "").await?,
        RecordSelector::Filter(filter) => query::keys(connection, known, filter).await?,
    };
    let now = time::now().timestamp_micros();
    for piece in keys.chunks(PIECE) {
        let first = generations(connection, piece.len()).await?;
        let sql = "UPDATE records SET deleted_at = max(?1, updated_at), generation = ?2 + j.key FROM json_each(?3) j WHERE records.key = j.value";
        sqlx::query(sql).bind(now).bind(first).bind(format!("{piece:?}")).execute(&mut *connection).await.mapped()?;
        if !known.entity.text_fields.is_empty() {
            fields::forget_words(connection, piece).await?;
        }
        changes::written(connection, known, piece).await?;
    }
    Ok(DeleteReport { deleted: keys.len() as u64 })
}

/// The keys of the live records that a condition on the list `?2` selects.
async fn keys(connection: &mut SqliteConnection, entity: i64, condition: &str, list: &str) -> Result<Vec<i64>> {
    let sql = format!("SELECT key FROM records WHERE entity = ?1 AND deleted_at IS NULL AND {condition} ORDER BY id");
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(entity).bind(list).fetch_all(connection).await.mapped()
}

/// Removes tombstones.
pub(crate) async fn purge(connection: &mut SqliteConnection, known: &Known, options: &PurgeOptions) -> Result<DeleteReport> {
    let before = options.deleted_before.map_or(i64::MAX, |time| time.timestamp_micros());
    let gone = "entity = ?1 AND deleted_at IS NOT NULL AND deleted_at < ?2";
    if !known.indexes.is_empty() {
        let sql = format!("DELETE FROM field_values WHERE record IN (SELECT key FROM records WHERE {gone})");
        sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(before).execute(&mut *connection).await.mapped()?;
    }
    let sql = format!("DELETE FROM records WHERE {gone}");
    let done = sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(before).execute(connection).await.mapped()?;
    Ok(DeleteReport { deleted: done.rows_affected() })
}
