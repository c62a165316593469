//! What an enumeration has met, and what it has not.

use super::{count, stakes, unread};
use crate::{error::driver, query::Statement, store::Shared};
use mastra_core::{
    Result,
    sync::{Stake, TargetId, Unseen},
};
use sqlx::{PgConnection, Row as _};

/// How many ids are forgotten in one statement, so that none runs into a statement timeout.
const FORGOTTEN: i64 = 100_000;

/// Stakes of `$1` that were not seen.
fn unseen(shared: &Shared) -> String {
    format!(
        "{} s WHERE s.target_id = $1 AND NOT EXISTS (SELECT FROM {} n WHERE n.target_id = $1 AND n.external_id = s.external_id)",
        shared.schema.qualified("sync_stakes"),
        shared.schema.qualified("sync_seen")
    )
}

pub(super) async fn count_unseen(conn: &mut PgConnection, shared: &Shared, target: TargetId) -> Result<Unseen> {
    let stakes = shared.schema.qualified("sync_stakes");
    let statement =
        format!("SELECT (SELECT count(*) FROM {stakes} s WHERE s.target_id = $1), (SELECT count(*) FROM {})", unseen(shared));
    let row = shared.query(&statement).persistent(false).bind(target.get()).fetch_one(conn).await.map_err(driver)?;
    let read = || Ok(Unseen { stakes: count(row.try_get(0)?), unseen: count(row.try_get(1)?) });
    read().map_err(unread)
}

pub(super) async fn list_unseen(conn: &mut PgConnection, shared: &Shared, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
    let mut statement = Statement::new(format!("SELECT {} FROM {}", stakes::COLUMNS, unseen(shared)));
    statement.bind(target.get());
    let limit = statement.bind(i64::from(limit));
    statement.push(&format!(" ORDER BY s.external_id LIMIT {limit}"));
    statement.fetch_all(conn, false).await?.iter().map(|row| stakes::read(row, 0)).collect()
}

/// Forgets what was seen of a target that the caller has locked.
///
/// In parts by key, each behind the one before: a part that began at the beginning would pass over everything that is deleted already.
pub(super) async fn forget(conn: &mut PgConnection, shared: &Shared, target: TargetId) -> Result<()> {
    let seen = shared.schema.qualified("sync_seen");
    let edge = format!(
        "SELECT n.external_id FROM {seen} n WHERE n.target_id = $1 AND n.external_id > $2 ORDER BY n.external_id OFFSET $3 LIMIT 1"
    );
    let part = format!("DELETE FROM {seen} n WHERE n.target_id = $1 AND n.external_id > $2 AND n.external_id <= $3");
    let rest = format!("DELETE FROM {seen} n WHERE n.target_id = $1 AND n.external_id > $2");
    let mut after = String::new();
    loop {
        let query = shared.query(&edge).bind(target.get()).bind(&after).bind(FORGOTTEN);
        let Some(row) = query.fetch_optional(&mut *conn).await.map_err(driver)? else {
            return shared.query(&rest).bind(target.get()).bind(&after).execute(conn).await.map(drop).map_err(driver);
        };
        let to: String = row.try_get(0).map_err(unread)?;
        shared.query(&part).bind(target.get()).bind(&after).bind(&to).execute(&mut *conn).await.map_err(driver)?;
        after = to;
    }
}
