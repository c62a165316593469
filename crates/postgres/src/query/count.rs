//! How many records match.

use super::{
    require_entity,
    scan::{FIRST_ROWS, Scan},
    select::{Conditions, Reads},
    statement::Statement,
};
use crate::{error::driver, filter, store::PgStore};
use mastra_core::{Count, CountQuery, EntityId, Result};
use serde_json::Value;
use sqlx::{Row as _, types::Json};

/// How many records match, up to the cap; `NotFound` where there is no such entity.
pub(crate) async fn count(store: &PgStore, entity: EntityId, query: &CountQuery) -> Result<Count> {
    let compiled = filter::compile(&query.filter);
    let known = store.shared.field_indexes.of(store, entity).await?;
    let from = Conditions {
        records: &store.schema().records,
        entity,
        include_deleted: query.include_deleted,
        updated_after: query.updated_after,
        filter: &query.filter,
        known: &known,
    };
    // One more than the cap tells whether there are more.
    let most = query.cap.map_or(u64::MAX, |cap| cap.saturating_add(1));
    let found = if compiled.exact { native(store, from, query.cap).await? } else { recheck(store, from, query, most).await? };
    if found == 0 {
        require_entity(store, entity).await?;
    }
    let value = query.cap.map_or(found, |cap| found.min(cap));
    Ok(Count { value, capped: found > value })
}

async fn native(store: &PgStore, from: Conditions<'_>, cap: Option<u64>) -> Result<u64> {
    let mut statement = Statement::default();
    let (clause, sealed) = from.clause(Reads::All, &mut statement);
    let records = from.records;
    match cap {
        None => statement.push(&format!("SELECT count(*) FROM {records} r{clause}")),
        Some(cap) => {
            let most = i64::try_from(cap.saturating_add(1)).unwrap_or(i64::MAX);
            statement.push(&format!("SELECT count(*) FROM (SELECT FROM {records} r{clause} LIMIT {most}) counted"));
        }
    }
    let mut session = store.read().await?;
    let row = statement.query(sealed && store.shared.persistent())?.fetch_one(session.conn()?).await.map_err(driver)?;
    session.finish().await?;
    let count: i64 = row.try_get(0).map_err(driver)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn recheck(store: &PgStore, from: Conditions<'_>, query: &CountQuery, most: u64) -> Result<u64> {
    let matcher = query.filter.clone().matcher();
    let mut statement = Statement::new(format!("SELECT r.data FROM {} r", from.records));
    let (clause, _) = from.clause(Reads::All, &mut statement);
    statement.push(&clause);
    let mut scan = Scan::open(store.snapshot().await?, statement, FIRST_ROWS, query.cap.is_none()).await?;
    let mut found = 0;
    while found < most {
        let Some(row) = scan.next().await? else { break };
        let data: Json<Value> = row.try_get(0).map_err(driver)?;
        found += u64::from(matcher.matches(&data.0));
    }
    scan.close().await?;
    Ok(found)
}
