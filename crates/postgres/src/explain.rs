//! How the server would answer a query.

use crate::{
    error::driver,
    filter,
    query::{self, Conditions, Select, require_entity},
    store::PgStore,
};
use mastra_core::{EntityId, Explanation, RecordQuery, Result};
use serde_json::Value;
use sqlx::{Row as _, types::Json};

/// The plan of the very statement that a page of the query is read by, with its values.
pub(crate) async fn explain(store: &PgStore, entity: EntityId, query: &RecordQuery) -> Result<Explanation> {
    require_entity(store, entity).await?;
    let compiled = filter::compile(&query.filter);
    let known = store.shared.field_indexes.of(store, entity).await?;
    let from = Conditions::of(store, entity, query, &known);
    let text = with(statement(from, query, compiled.exact)?, "EXPLAIN (COSTS FALSE) ");
    // The names of indexes are taken from the structured form, where no quoting is to be undone.
    let json = with(statement(from, query, compiled.exact)?, "EXPLAIN (COSTS FALSE, FORMAT JSON) ");
    let mut session = store.snapshot().await?;
    let lines = text.statement.fetch_all(session.conn()?, false).await?;
    let plan = lines.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(driver)?;
    let rows = json.statement.fetch_all(session.conn()?, false).await?;
    session.finish().await?;
    let mut indexes = Vec::new();
    for row in &rows {
        let Json(tree): Json<Value> = row.try_get(0).map_err(driver)?;
        index_names(&tree, &mut indexes);
    }
    Ok(Explanation { plan, indexes, finished_in_core: compiled.finished_in_core.into_iter().map(str::to_owned).collect() })
}

/// The statement as [`query::page`] chooses it.
fn statement(from: Conditions<'_>, query: &RecordQuery, exact: bool) -> Result<Select> {
    if !exact {
        return query::sorted(from, query, None, 0);
    }
    let wanted = query.limit.map(|limit| limit.saturating_add(1));
    if let Some(rows) = wanted
        && let Some(walk) = query::in_order(from, query, rows, query.offset)?
    {
        return Ok(walk);
    }
    query::sorted(from, query, wanted, query.offset)
}

fn with(mut select: Select, explain: &str) -> Select {
    select.statement.sql.insert_str(0, explain);
    select
}

/// The indexes that a plan reads, each once, in its order.
fn index_names(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            if let Some(name) = node.get("Index Name").and_then(Value::as_str)
                && !found.iter().any(|known| known == name)
            {
                found.push(name.to_owned());
            }
            node.values().for_each(|inner| index_names(inner, found));
        }
        Value::Array(nodes) => nodes.iter().for_each(|inner| index_names(inner, found)),
        _ => {}
    }
}
