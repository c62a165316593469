//! Records one after the other.

use super::query;
use crate::{
    connection::Role,
    entities,
    unit::{Access as _, Pools},
};
use futures::StreamExt as _;
use mastra_core::{EntityRef, RecordQuery, RecordStream, Result};

/// Opens a stream.
pub(crate) async fn stream(pools: &Pools, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
    let mut unit = pools.snapshot().await?;
    let known = entities::resolve(unit.connection()?, entity).await?;
    let page = query::page(unit.connection()?, &known, query).await?;
    unit.commit().await?;
    let _ = Role::Only;
    Ok(futures::stream::iter(page.items.into_iter().map(Ok)).boxed())
}
