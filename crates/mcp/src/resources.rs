//! Records as resources.

use crate::{cut, parts::Parts, tools::record::RecordOut, uri};
use mastra_core::{Cursor, Entity, EntityId, Error, Record, RecordQuery, Result};
use rmcp::model::{Annotations, ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use uri::RecordUri;

/// Records of one page.
const PAGE: u64 = 50;

const JSON: &str = "application/json";

/// Bytes of a title.
const TITLE_BYTES: usize = 120;

/// How every record is addressed.
pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(uri::TEMPLATE, "record")
        .with_title("A record")
        .with_description(
            "One record as JSON. connection and entity are as in list_entities, externalId is the record's external_id, each percent-encoded.",
        )
        .with_mime_type(JSON)
}

/// The address of a record, as a link.
pub(crate) fn link(entity: &Entity, external_id: &str) -> Resource {
    let uri = address(entity, external_id);
    let title = cut::text(&format!("{}: {external_id}", entity.name), TITLE_BYTES).0;
    Resource::new(uri, external_id).with_title(title).with_mime_type(JSON)
}

pub(crate) fn address(entity: &Entity, external_id: &str) -> String {
    let named = RecordUri {
        connection_id: entity.connection_id.clone(),
        entity: entity.name.clone(),
        external_id: external_id.to_owned(),
    };
    named.to_string()
}

/// Where a page of the list begins: an entity, where the next entity is found, and where in it.
struct Place {
    entity: Entity,
    behind: Option<Cursor>,
    within: Option<Cursor>,
}

impl Place {
    /// The first record of the entity behind that cursor.
    async fn behind(parts: &Parts, cursor: Option<Cursor>) -> Result<Option<Self>> {
        let page = parts.records.entities(None, 1, cursor).await?;
        Ok(page.items.into_iter().next().map(|entity| Self { entity, behind: page.next_cursor, within: None }))
    }

    async fn read(parts: &Parts, cursor: &str) -> Result<Self> {
        let bad = || Error::invalid_input("not a cursor that this server gave");
        let mut pieces = cursor.splitn(3, '.');
        let (Some(id), Some(behind), Some(within)) = (pieces.next(), pieces.next(), pieces.next()) else { return Err(bad()) };
        let id: EntityId = id.parse().map_err(|_| bad())?;
        let cursor = |text: &str| (!text.is_empty()).then(|| Cursor::from(text));
        Ok(Self { entity: parts.records.entity_by_id(id).await?, behind: cursor(behind), within: cursor(within) })
    }

    fn written(&self) -> String {
        let cursor = |cursor: &Option<Cursor>| cursor.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}.{}.{}", self.entity.id, cursor(&self.behind), cursor(&self.within))
    }
}

/// One page of all records, entity by entity.
pub(crate) async fn list(parts: &Parts, cursor: Option<&str>) -> Result<ListResourcesResult> {
    let mut place = match cursor {
        None => Place::behind(parts, None).await?,
        Some(cursor) => Some(Place::read(parts, cursor).await?),
    };
    while let Some(here) = place {
        // No field of the data is wanted, and none is read.
        let query = RecordQuery { limit: Some(PAGE), cursor: here.within, ..RecordQuery::new().fields([]) };
        let page = parts.records.page(&here.entity, &query).await?;
        let listed = |record: &Record| {
            let changed = Annotations::default().with_timestamp(record.updated_at);
            link(&here.entity, &record.external_id).with_annotations(changed)
        };
        let resources: Vec<Resource> = page.items.iter().map(listed).collect();
        place = match (page.next_cursor, here.behind) {
            (Some(within), behind) => Some(Place { entity: here.entity, behind, within: Some(within) }),
            (None, Some(behind)) => Place::behind(parts, Some(behind)).await?,
            (None, None) => None,
        };
        if !resources.is_empty() {
            let mut listed = ListResourcesResult::with_all_items(resources);
            listed.next_cursor = place.as_ref().map(Place::written);
            return Ok(listed);
        }
    }
    Ok(ListResourcesResult::default())
}

/// A record, cut where it is larger than a resource may be.
pub(crate) async fn read(parts: &Parts, uri: &str) -> Result<ReadResourceResult> {
    let named = RecordUri::parse(uri)?;
    let entity = parts.records.entity(&named.entity, Some(&named.connection_id)).await?;
    let record = parts.records.record(&entity, &named.external_id).await?;
    let (shown, _) = RecordOut::fitted(&entity, record, parts.limits.max_resource_bytes);
    let text =
        serde_json::to_string(&shown).map_err(|source| Error::internal("a record could not be written").with_source(source))?;
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(JSON)]))
}
