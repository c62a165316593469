//! Who wrote what stands in a record.

use mastra_core::{Engine, EntityRef, Error, RecordStoreExt as _, Result, Timestamp};
use serde::Serialize;

/// Whose a field's value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldProvenance {
    /// The field: a top-level key of the record's data.
    pub field: String,
    /// The syncs that say what stands there, in order of their ids; none where no sync wrote it. Somebody may have changed it by hand since:
    /// the record's `updated_at` is later than `written_at` then.
    pub syncs: Vec<String>,
    /// When the latest of them last wrote the record.
    pub written_at: Option<Timestamp>,
}

/// Whose the fields of a record are, in order of their names. `NotFound` without such a record; two round trips and the entity's.
pub async fn provenance(engine: &dyn Engine, entity: &EntityRef, external_id: &str) -> Result<Vec<FieldProvenance>> {
    let syncs = engine.syncs().ok_or_else(|| Error::unsupported("this engine remembers nothing of syncs"))?;
    let record = engine.get_record_by_external_id(entity, external_id).await?;
    let views = syncs.read_stakes(record.entity_id, None, &[external_id.to_owned()]).await?;
    let stakes: Vec<_> = views.into_iter().flat_map(|view| view.others).collect();
    let fields = record.data.as_object().into_iter().flat_map(serde_json::Map::keys);
    let mut found: Vec<_> = fields
        .map(|field| {
            let of = |stake: &mastra_core::sync::Stake| stake.keys.get(field).map(|key| key.order);
            let top = stakes.iter().filter_map(|(_, stake)| of(stake)).max();
            let holders = stakes.iter().filter(|(_, stake)| top.is_some() && of(stake) == top);
            FieldProvenance {
                field: field.clone(),
                syncs: holders.clone().map(|(sync, _)| sync.clone()).collect(),
                written_at: holders.map(|(_, stake)| stake.written_at).max(),
            }
        })
        .collect();
    found.sort_by(|left, right| left.field.cmp(&right.field));
    Ok(found)
}
