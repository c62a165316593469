//! Records one after the other.

use super::each::{Sink, each};
use crate::{
    connection::Role,
    entities::Known,
    unit::{Access as _, Pools, Unit},
};
use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use mastra_core::{EntityRef, Record, RecordQuery, RecordStream, Result, projection::project};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// How many records are read before the stream's reader gets them.
const PIECE: usize = 16;

/// Opens a stream on a snapshot, which it holds until it ends or is dropped.
pub(crate) async fn stream(pools: &Pools, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
    let (mut unit, known) = pools.snapshot_of(entity).await?;
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
    let read = Arc::new(Mutex::new(Vec::with_capacity(PIECE)));
    let reading = read_all(unit.into_static()?, known, query.clone(), Group(Arc::clone(&read))).boxed();
    Ok(Records { reading: Some(reading), read, ready: Vec::new().into_iter() }.boxed())
}

fn selected(mut record: Record, fields: Option<&[mastra_core::Path]>) -> Record {
    if let Some(fields) = fields {
        record.data = project(&record.data, fields);
    }
    record
}

async fn read_all(mut unit: Unit<'static>, known: Known, query: RecordQuery, group: Group) -> Result<()> {
    let mut sink = Selected { group, query: &query };
    each(unit.connection()?, &known, &query, query.limit, &mut sink).await?;
    unit.commit().await
}

/// A stream that reads while it is asked: the future that reads rests when a group is full, until the group is taken.
struct Records {
    reading: Option<BoxFuture<'static, Result<()>>>,
    read: Arc<Mutex<Vec<Record>>>,
    ready: std::vec::IntoIter<Record>,
}

impl Stream for Records {
    type Item = Result<Record>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.ready.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
            let polled = reading.as_mut().poll(context);
            let group = std::mem::replace(&mut *lock(&self.read), Vec::with_capacity(PIECE));
            let is_empty = group.is_empty();
            self.ready = group.into_iter();
            match polled {
                Poll::Ready(done) => {
                    self.reading = None;
                    if let Err(error) = done {
                        return Poll::Ready(Some(Err(error.with_operation("stream_records"))));
                    }
                }
                Poll::Pending if is_empty => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }
}

fn lock(read: &Mutex<Vec<Record>>) -> std::sync::MutexGuard<'_, Vec<Record>> {
    // A vector of records is whole whatever panicked beside it.
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the reading future leaves its records.
struct Group(Arc<Mutex<Vec<Record>>>);

impl Group {
    fn push(&self, record: Record) -> usize {
        let mut group = lock(&self.0);
        group.push(record);
        group.len()
    }
}

struct Selected<'q> {
    group: Group,
    query: &'q RecordQuery,
}

impl Sink for Selected<'_> {
    async fn take(&mut self, record: Record) -> Result<bool> {
        if self.group.push(selected(record, self.query.fields.as_deref())) >= PIECE {
            rest().await;
        }
        Ok(true)
    }
}

/// Gives way once. Nobody is woken: the stream polls again when its reader wants more.
async fn rest() {
    let mut rested = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut rested, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
