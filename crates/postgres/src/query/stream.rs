//! Records one after the other.

use super::{
    require_entity,
    scan::Scan,
    select::{self, Conditions},
};
use crate::{filter, rows::record, store::PgStore};
use futures::stream::{self, StreamExt as _};
use mastra_core::{EntityId, Record, RecordQuery, RecordStream, Result, filter::Matcher, projection::project};

/// The records that match, from one view of the data, on a connection of the stream's own; `NotFound` where there is no such
/// entity. Dropping the stream frees the connection.
pub(crate) async fn stream(store: &PgStore, entity: EntityId, query: &RecordQuery) -> Result<RecordStream> {
    require_entity(store, entity).await?;
    if query.limit == Some(0) {
        return Ok(stream::empty().boxed());
    }
    let compiled = filter::compile(&query.filter);
    let known = store.shared.field_indexes.of(store, entity).await?;
    let from = Conditions::of(store, entity, query, &known);
    let (select, skip, left) = if compiled.exact {
        (select::sorted(from, query, query.limit, query.offset)?, 0, u64::MAX)
    } else {
        (select::sorted(from, query, None, 0)?, query.offset, query.limit.unwrap_or(u64::MAX))
    };
    let whole = compiled.exact || query.limit.is_none();
    let scan = Scan::open(store.shared.snapshot().await?, select.statement, usize::MAX, whole).await?;
    let matcher = (!compiled.exact).then(|| query.filter.clone().matcher());
    let reading = Reading { scan, matcher, skip, left, fields: query.fields.clone() };
    let next = |mut reading: Reading| async move {
        match reading.next().await? {
            Some(record) => Ok(Some((record, reading))),
            None => reading.scan.close().await.map(|()| None),
        }
    };
    Ok(stream::try_unfold(reading, next).boxed())
}

struct Reading {
    scan: Scan<'static>,
    matcher: Option<Matcher>,
    skip: u64,
    left: u64,
    fields: Option<Vec<mastra_core::Path>>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Record>> {
        while self.left > 0 {
            let Some(row) = self.scan.next().await? else { break };
            let mut record = record(&row)?;
            if self.matcher.as_ref().is_some_and(|matcher| !matcher.matches(&record.data)) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            if let Some(fields) = &self.fields {
                record.data = project(&record.data, fields);
            }
            return Ok(Some(record));
        }
        Ok(None)
    }
}
