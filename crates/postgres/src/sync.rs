//! One batch of a sync: records and cursor in one transaction.

use crate::{entities, store::Shared, transacting::Line, upsert};
use mastra_core::{Result, SyncBatch, SyncReport};

/// Gets or creates the entity, writes the records, then the cursor.
///
/// The entity's row is written last and only where the cursor changes, so that it is locked as shortly as can be.
pub(crate) async fn sync(line: &mut Line<'_>, shared: &Shared, batch: &SyncBatch) -> Result<SyncReport> {
    let entity = entities::get_or_create(line.conn(), shared, &batch.name, &batch.connection_id).await?;
    let records = upsert::upsert(line, shared, &entity, &batch.records, &batch.options).await?;
    let entity = entities::set_last_sync_id(line.conn(), shared, entity, batch.last_sync_id.as_deref()).await?;
    Ok(SyncReport { entity, records })
}
