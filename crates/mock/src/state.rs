//! What the store holds, and reading it.

use crate::syncs::SyncTables;
use crate::table::{Table, View};
use crate::vectors::PointKey;
use mastra_core::{
    Count, CountQuery, Cursor, Entity, EntityId, EntityQuery, EntityRef, Error, FieldIndex, FieldIndexKind, Page, Path, Position,
    Record, RecordId, RecordQuery, RecordSelector, Result, TextHit, TextResults, TextSearch,
    changes::{QueueRow, Subscription},
    engine::one_entity,
    projection::project,
    text::{Ranking, TextQuery, index_text, snippet},
    time::Timestamp,
    vector::{IndexSpec, StoredPoint},
};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// More entities of one name than a `Conflict` lists.
const NAMED_ALIKE: usize = 12;

/// All tables of a store.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) entities: Table<EntityId, Entity>,
    /// By name, then connection.
    pub(crate) names: Table<(String, String), EntityId>,
    pub(crate) records: Table<(EntityId, RecordId), Arc<Record>>,
    pub(crate) external_ids: Table<(EntityId, String), RecordId>,
    /// Which entity a record belongs to.
    pub(crate) owners: Table<RecordId, EntityId>,
    pub(crate) field_indexes: Table<(EntityId, Path, u8), FieldIndex>,
    /// The vector indexes, by name.
    pub(crate) indexes: Table<String, Arc<IndexSpec>>,
    pub(crate) points: Table<PointKey, Arc<StoredPoint>>,
    /// Who follows which entity, by name.
    pub(crate) subscriptions: Table<String, Subscription>,
    /// What is queued, by subscription.
    pub(crate) changes: Table<(String, RecordId), QueueRow>,
    pub(crate) syncs: SyncTables,
}

impl State {
    pub(crate) fn commit(&mut self) {
        self.entities.commit();
        self.names.commit();
        self.records.commit();
        self.external_ids.commit();
        self.owners.commit();
        self.field_indexes.commit();
        self.indexes.commit();
        self.points.commit();
        self.subscriptions.commit();
        self.changes.commit();
        self.syncs.commit();
    }

    pub(crate) fn roll_back(&mut self) {
        self.entities.roll_back();
        self.names.roll_back();
        self.records.roll_back();
        self.external_ids.roll_back();
        self.owners.roll_back();
        self.field_indexes.roll_back();
        self.indexes.roll_back();
        self.points.roll_back();
        self.subscriptions.roll_back();
        self.changes.roll_back();
        self.syncs.roll_back();
    }
}

/// Every operation that changes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'s> {
    pub(crate) state: &'s State,
    pub(crate) view: View,
    /// The time of the call, by the store's clock.
    pub(crate) now: Timestamp,
}

impl<'s> Reader<'s> {
    pub(crate) fn entity(self, entity: &EntityRef) -> Result<Entity> {
        match entity {
            EntityRef::Id(id) => {
                let found = self.state.entities.get(self.view, id);
                found.cloned().ok_or_else(|| Error::not_found("there is no entity of this id").with("entity", id))
            }
            EntityRef::Name { name, connection_id: Some(connection_id) } => one_entity(self.named(name, connection_id)),
            EntityRef::Name { name, connection_id: None } => {
                let all = self.state.names.range(self.view, (name.clone(), String::new())..);
                let same = all.take_while(|((other, _), _)| other == name).take(NAMED_ALIKE);
                let mut found: Vec<Entity> = same.filter_map(|(_, id)| self.state.entities.get(self.view, id).cloned()).collect();
                found.sort_by_key(|entity| entity.id);
                one_entity(found)
            }
        }
    }

    /// The entity of exactly that name and connection, if there is one.
    pub(crate) fn named(self, name: &str, connection_id: &str) -> Vec<Entity> {
        let id = self.state.names.get(self.view, &(name.to_owned(), connection_id.to_owned()));
        id.and_then(|id| self.state.entities.get(self.view, id)).cloned().into_iter().collect()
    }

    pub(crate) fn entities(self, query: &EntityQuery) -> Result<Page<Entity>> {
        let list = format!("entities {:?} {:?}", query.name, query.connection_id);
        let after = query.cursor.as_ref().map(|cursor| cursor.id(&list)).transpose()?;
        let wanted = |wanted: &Option<String>, is: &String| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let rows = self.state.entities.range(self.view, ..).map(|(_, entity)| entity);
        let rows = rows.filter(|entity| after.is_none_or(|after| entity.id.as_uuid() > after));
        let rows = rows.filter(|entity| wanted(&query.name, &entity.name) && wanted(&query.connection_id, &entity.connection_id));
        page(rows.cloned(), 0, query.limit, |entity| Cursor::after_id(&list, entity.id.as_uuid()))
    }

    /// Every record of an entity behind `after`, deleted ones included, in order of id.
    pub(crate) fn records(self, entity: EntityId, after: Option<RecordId>) -> impl Iterator<Item = &'s Arc<Record>> {
        let from = (entity, after.unwrap_or_else(|| Uuid::nil().into()));
        let to = (entity, Uuid::max().into());
        let rows = self.state.records.range(self.view, from..=to).map(|(_, record)| record);
        rows.filter(move |record| after != Some(record.id))
    }

    pub(crate) fn by_external_id(self, entity: EntityId, external_id: &str) -> Option<&'s Arc<Record>> {
        let id = self.state.external_ids.get(self.view, &(entity, external_id.to_owned()))?;
        self.state.records.get(self.view, &(entity, *id))
    }

    pub(crate) fn by_id(self, id: RecordId) -> Option<&'s Arc<Record>> {
        let entity = self.state.owners.get(self.view, &id)?;
        self.state.records.get(self.view, &(*entity, id))
    }

    pub(crate) fn record(self, id: RecordId) -> Result<Record> {
        let live = self.by_id(id).filter(|record| record.deleted_at.is_none());
        live.map(|record| Record::clone(record))
            .ok_or_else(|| Error::not_found("there is no record of this id").with("record", id))
    }

    pub(crate) fn live_by_external_ids(self, entity: EntityId, external_ids: &[String]) -> Vec<Record> {
        let mut seen = HashSet::new();
        let found = external_ids.iter().filter(|id| seen.insert(id.as_str())).filter_map(|id| self.by_external_id(entity, id));
        found.filter(|record| record.deleted_at.is_none()).map(|record| Record::clone(record)).collect()
    }

    /// The records that a query selects, in its order, those up to its cursor left out; limit and offset are not applied.
    pub(crate) fn select(self, entity: EntityId, query: &RecordQuery) -> Result<Box<dyn Iterator<Item = &'s Arc<Record>> + 's>> {
        let after = query.cursor.as_ref().map(|cursor| cursor.position(query)).transpose()?;
        let matcher = query.filter.clone().matcher();
        let state_of_record =
            RecordQuery { include_deleted: query.include_deleted, updated_after: query.updated_after, ..RecordQuery::new() };
        let selected = move |record: &&'s Arc<Record>| state_of_record.selects(record) && matcher.matches(&record.data);
        if query.sort.is_empty() {
            return Ok(Box::new(self.records(entity, after.map(|position| position.id)).filter(selected)));
        }
        let position = |record: &'s Arc<Record>| Position::of(&query.sort, &record.data, record.id);
        let rows = self.records(entity, None).filter(selected).map(|record| (position(record), record));
        let behind = |place: &Position| after.as_ref().is_none_or(|after| place.compare(after, &query.sort).is_gt());
        let mut rows: Vec<(Position, &'s Arc<Record>)> = rows.filter(|(place, _)| behind(place)).collect();
        rows.sort_unstable_by(|(left, _), (right, _)| left.compare(right, &query.sort));
        Ok(Box::new(rows.into_iter().map(|(_, record)| record)))
    }

    pub(crate) fn page(self, entity: EntityId, query: &RecordQuery) -> Result<Page<Record>> {
        let rows = self.select(entity, query)?;
        let cursor = |record: &&Arc<Record>| Cursor::after(query, Position::of(&query.sort, &record.data, record.id));
        let page = page(rows, query.offset, query.limit, cursor)?;
        let items = page.items.into_iter().map(|record| shown(record, query)).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    pub(crate) fn count(self, entity: EntityId, query: &CountQuery) -> Result<Count> {
        let rows = RecordQuery {
            filter: query.filter.clone(),
            include_deleted: query.include_deleted,
            updated_after: query.updated_after,
            ..RecordQuery::new()
        };
        let mut rows = self.select(entity, &rows)?;
        let cap = query.cap.unwrap_or(u64::MAX);
        let value = rows.by_ref().take(to_usize(cap)).count() as u64;
        Ok(Count { value, capped: query.cap.is_some() && rows.next().is_some() })
    }

    /// The live records that a selector names, each once.
    pub(crate) fn selected(self, entity: EntityId, selector: &RecordSelector) -> Result<Vec<Arc<Record>>> {
        let found: Vec<&Arc<Record>> = match selector {
            RecordSelector::Ids(ids) => {
                let found = ids.iter().collect::<HashSet<_>>().into_iter().filter_map(|id| self.by_id(*id));
                found.filter(|record| record.entity_id == entity).collect()
            }
            RecordSelector::ExternalIds(ids) => {
                ids.iter().collect::<HashSet<_>>().into_iter().filter_map(|id| self.by_external_id(entity, id)).collect()
            }
            RecordSelector::Filter(filter) => self.select(entity, &RecordQuery::new().filter(filter.clone()))?.collect(),
            RecordSelector::All => self.records(entity, None).collect(),
        };
        Ok(found.into_iter().filter(|record| record.deleted_at.is_none()).cloned().collect())
    }

    pub(crate) fn search(self, entity: &Entity, search: &TextSearch) -> Result<TextResults> {
        if entity.text_fields.is_empty() {
            return Err(Error::invalid_input("the entity declares no text fields; call declare_text_index first"));
        }
        let query = TextQuery::parse(&search.query)?;
        let mut ranking = Ranking::new(search.limit, search.offset);
        for record in self.select(entity.id, &RecordQuery::new().filter(search.filter.clone()))? {
            if let Some(score) = query.score(&index_text(&record.data, &entity.text_fields)) {
                ranking.push(record.id, score);
            }
        }
        let total = ranking.total();
        let hit = |(id, score)| {
            let record = Record::clone(self.by_id(id)?);
            let snippet = snippet(&record.data, &entity.text_fields, &query);
            Some(TextHit { record, score, snippet })
        };
        Ok(TextResults { hits: ranking.finish().into_iter().filter_map(hit).collect(), total })
    }

    pub(crate) fn field_indexes(self, entity: EntityId) -> Vec<FieldIndex> {
        let all = self.state.field_indexes.range(self.view, (entity, Path::this(), 0)..);
        all.take_while(|((of, _, _), _)| *of == entity).map(|(_, index)| index.clone()).collect()
    }

    pub(crate) fn field_index(self, key: &(EntityId, Path, u8)) -> Option<FieldIndex> {
        self.state.field_indexes.get(self.view, key).cloned()
    }
}

/// The key of a field index.
pub(crate) fn index_key(entity: EntityId, path: &Path, kind: FieldIndexKind) -> (EntityId, Path, u8) {
    let kind = match kind {
        FieldIndexKind::Scalar => 0,
        FieldIndexKind::Multi => 1,
    };
    (entity, path.clone(), kind)
}

/// A record as a query shows it.
pub(crate) fn shown(record: &Record, query: &RecordQuery) -> Record {
    match &query.fields {
        None => record.clone(),
        Some(fields) => Record { data: project(&record.data, fields), ..record.clone() },
    }
}

/// A number of rows that no memory exceeds.
pub(crate) fn to_usize(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Cuts a page out of ordered rows; its cursor stands behind the last row where more follow, and not at all where none was kept.
fn page<T>(
    rows: impl Iterator<Item = T>,
    offset: u64,
    limit: Option<u64>,
    cursor: impl Fn(&T) -> Result<Cursor>,
) -> Result<Page<T>> {
    let mut rows = rows.skip(to_usize(offset));
    let items: Vec<T> = rows.by_ref().take(to_usize(limit.unwrap_or(u64::MAX))).collect();
    let next_cursor = match items.last() {
        Some(last) if limit.is_some() && rows.next().is_some() => Some(cursor(last)?),
        _ => None,
    };
    Ok(Page { items, next_cursor })
}
