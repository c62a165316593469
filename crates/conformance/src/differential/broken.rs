//! A backend whose compiler is broken on purpose, to see that the differential run notices.

use super::Operator;
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, Filter, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId, RecordQuery,
    RecordSelector, RecordStore, Result, SyncBatch, SyncReport, TextResults, TextSearch, UpsertOptions, UpsertReport,
    changes::ChangeQueue,
    filter::{Bound, Comparison, Members, Pattern, Predicate},
    sync::SyncStore,
};
use serde_json::Value;

/// A store that translates one operator as a hasty compiler would.
#[derive(Debug)]
pub struct Broken<S> {
    inner: S,
    operator: Operator,
}

impl<S: RecordStore> Broken<S> {
    /// The store, wrong in this operator.
    pub const fn new(inner: S, operator: Operator) -> Self {
        Self { inner, operator }
    }
}

/// The filter with every use of the operator mistaken.
pub(crate) fn mistake(operator: Operator, filter: &Filter) -> Filter {
    let each = |filters: &[Filter]| filters.iter().map(|filter| mistake(operator, filter)).collect::<Vec<_>>();
    match (operator, filter) {
        (Operator::And, Filter::And(filters)) => Filter::And(each(filters.get(1..).unwrap_or_default())),
        (Operator::Or, Filter::Or(filters)) => Filter::Or(each(filters.get(1..).unwrap_or_default())),
        // Negations that forget the documents without the field, or negate too little.
        (Operator::Ne, Filter::Not(inner)) if is(inner, |predicate| matches!(predicate, Predicate::Eq(_))) => {
            present_and_not(inner)
        }
        (Operator::Nin, Filter::Not(inner)) if is(inner, |predicate| matches!(predicate, Predicate::In(_))) => {
            present_and_not(inner)
        }
        (Operator::Nor, Filter::Not(inner)) if matches!(**inner, Filter::Or(_)) => match &**inner {
            Filter::Or(filters) => Filter::Not(Box::new(Filter::And(filters.clone()))),
            _ => filter.clone(),
        },
        (Operator::Not, Filter::Not(inner)) if !matches!(**inner, Filter::Or(_)) => match &**inner {
            Filter::Field { .. } => present_and_not(inner),
            other => other.clone(),
        },
        (_, Filter::And(filters)) => Filter::And(each(filters)),
        (_, Filter::Or(filters)) => Filter::Or(each(filters)),
        (_, Filter::Not(inner)) => Filter::Not(Box::new(mistake(operator, inner))),
        (_, Filter::Field { path, predicate }) => mistaken(operator, path, predicate),
    }
}

fn mistaken(operator: Operator, path: &Path, predicate: &Predicate) -> Filter {
    let field = |predicate| Filter::Field { path: path.clone(), predicate };
    let compare = |comparison, bound: &Bound| field(Predicate::Compare(comparison, bound.clone()));
    match (operator, predicate) {
        // A text comparison: numbers and booleans are their spelling.
        (Operator::Eq, Predicate::Eq(value @ (Value::Number(_) | Value::Bool(_)))) => {
            Filter::Or(vec![field(predicate.clone()), field(Predicate::Eq(Value::String(value.to_string())))])
        }
        // Null is null alone, and missing is not.
        (Operator::Eq, Predicate::Eq(Value::Null)) => Filter::And(vec![field(predicate.clone()), field(Predicate::Exists)]),
        (Operator::Gt, Predicate::Compare(Comparison::Gt, bound)) => compare(Comparison::Gte, bound),
        (Operator::Gte, Predicate::Compare(Comparison::Gte, bound)) => compare(Comparison::Gt, bound),
        (Operator::Lt, Predicate::Compare(Comparison::Lt, bound)) => compare(Comparison::Lte, bound),
        (Operator::Lte, Predicate::Compare(Comparison::Lte, bound)) => compare(Comparison::Lt, bound),
        (Operator::In, Predicate::In(items)) => field(Predicate::In(items.get(1..).unwrap_or_default().to_vec())),
        (Operator::All, Predicate::All(items)) => field(Predicate::In(items.clone())),
        (Operator::Size, Predicate::Size(size)) => {
            Filter::Or(vec![field(predicate.clone()), field(Predicate::Size(size.saturating_add(1)))])
        }
        (Operator::Exists, Predicate::Exists) => Filter::Not(Box::new(field(Predicate::Eq(Value::Null)))),
        (Operator::Regex, Predicate::Regex(pattern)) => {
            let other = if pattern.options().contains('i') { "" } else { "i" };
            Pattern::new(pattern.source(), other)
                .map_or_else(|_| field(predicate.clone()), |pattern| field(Predicate::Regex(pattern)))
        }
        // LIKE without escaping, or with the case as it is.
        (Operator::Contains, Predicate::Contains(text)) => {
            let exact: String =
                text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect();
            Pattern::new(exact, "").map_or_else(|_| field(predicate.clone()), |pattern| field(Predicate::Regex(pattern)))
        }
        (Operator::ElemMatchValues, Predicate::ElemMatch(Members::Any, inner)) => elsewhere(inner, path),
        (Operator::ElemMatchObjects, Predicate::ElemMatch(Members::Objects, inner)) => elsewhere(inner, path),
        _ => field(predicate.clone()),
    }
}

fn is(filter: &Filter, test: impl Fn(&Predicate) -> bool) -> bool {
    matches!(filter, Filter::Field { predicate, .. } if test(predicate))
}

fn present_and_not(inner: &Filter) -> Filter {
    let present = match inner {
        Filter::Field { path, .. } if !path.is_this() => Filter::Field { path: path.clone(), predicate: Predicate::Exists },
        _ => Filter::all(),
    };
    Filter::And(vec![present, Filter::Not(Box::new(inner.clone()))])
}

/// The conditions on one member, asked of the whole path, where each finds a member of its own.
fn elsewhere(inner: &Filter, base: &Path) -> Filter {
    let each = |filters: &[Filter]| filters.iter().map(|filter| elsewhere(filter, base)).collect::<Vec<_>>();
    match inner {
        Filter::And(filters) => Filter::And(each(filters)),
        Filter::Or(filters) => Filter::Or(each(filters)),
        Filter::Not(inner) => Filter::Not(Box::new(elsewhere(inner, base))),
        Filter::Field { path, predicate } => Filter::Field { path: base.join(path), predicate: predicate.clone() },
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> RecordStore for Broken<S> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.inner.create_entity(entity).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.inner.resolve_entity(entity).await
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.inner.list_entities(query).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        self.inner.update_entity(entity, update).await
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.inner.delete_entity_by_id(id).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        self.inner.upsert_records(entity, records, options).await
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        self.inner.sync_records(batch).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        self.inner.get_records(entity, &query.clone().filter(mistake(self.operator, &query.filter))).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.inner.get_record(id).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        self.inner.get_records_by_external_ids(entity, external_ids).await
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        let mistaken = CountQuery { filter: mistake(self.operator, &query.filter), ..query.clone() };
        self.inner.count_records(entity, &mistaken).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        self.inner.delete_records(entity, selector).await
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.inner.purge_records(entity, options).await
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        self.inner.declare_text_index(entity, fields).await
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        self.inner.search_text(entity, search).await
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        self.inner.explain(entity, query).await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.inner.changes()
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        self.inner.syncs()
    }
}
