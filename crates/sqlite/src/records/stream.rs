//! Records one after the other, read by a task of its own.

use super::each::{Sink, each};
use crate::{
    connection::Role,
    entities::{self, Known},
    unit::{Access as _, Pools, Unit},
};
use futures::StreamExt as _;
use mastra_core::{EntityRef, Record, RecordQuery, RecordStream, Result, projection::project};
use tokio::sync::mpsc;

/// How many records travel together.
const PIECE: usize = 64;

/// How many such groups may wait for the reader of the stream.
const WAITING: usize = 4;

/// Opens a stream on a snapshot, which it holds until it ends or is dropped.
pub(crate) async fn stream(pools: &Pools, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
    let mut unit = pools.snapshot().await?;
    let known = entities::resolve(unit.connection()?, entity).await?;
    if query.limit == Some(0) {
        return Ok(futures::stream::empty().boxed());
    }
    if pools.readers.role() == Role::Only {
        // The one connection has to be free while the stream is read, or a writer among its readers would wait for itself.
        let mut records = Vec::new();
        each(unit.connection()?, &known, query, query.limit, &mut records).await?;
        unit.commit().await?;
        let fields = query.fields.clone();
        return Ok(futures::stream::iter(records.into_iter().map(move |record| Ok(selected(record, fields.as_deref())))).boxed());
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(read(unit.into_static()?, known, query.clone(), sender));
    let groups = futures::stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|group| (group, receiver)));
    Ok(groups
        .flat_map(|group: Result<Vec<Record>>| match group {
            Ok(records) => futures::stream::iter(records.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => futures::stream::iter(vec![Err(error)]),
        })
        .boxed())
}

fn selected(mut record: Record, fields: Option<&[mastra_core::Path]>) -> Record {
    if let Some(fields) = fields {
        record.data = project(&record.data, fields);
    }
    record
}

async fn read(mut unit: Unit<'static>, known: Known, query: RecordQuery, sender: mpsc::Sender<Result<Vec<Record>>>) {
    let mut groups = Groups { group: Vec::with_capacity(PIECE), query: &query, sender: &sender };
    let done = match unit.connection() {
        Ok(connection) => each(connection, &known, &query, query.limit, &mut groups).await,
        Err(error) => Err(error),
    };
    let last = std::mem::take(&mut groups.group);
    if !last.is_empty() && sender.send(Ok(last)).await.is_err() {
        return;
    }
    let done = match done {
        Ok(()) => unit.commit().await,
        failed => failed,
    };
    if let Err(error) = done {
        // Nobody reads any more: nobody to tell.
        let _ = sender.send(Err(error.with_operation("stream_records"))).await;
    }
}

/// Sends records in groups.
struct Groups<'s> {
    group: Vec<Record>,
    query: &'s RecordQuery,
    sender: &'s mpsc::Sender<Result<Vec<Record>>>,
}

impl Sink for Groups<'_> {
    async fn take(&mut self, record: Record) -> Result<bool> {
        self.group.push(selected(record, self.query.fields.as_deref()));
        if self.group.len() < PIECE {
            return Ok(true);
        }
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(PIECE));
        Ok(self.sender.send(Ok(group)).await.is_ok())
    }
}
