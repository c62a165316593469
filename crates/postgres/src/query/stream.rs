//! Records one after the other.
//!
//! What the server decides alone comes as the answer to one statement, which is read and decoded as the caller asks for more,
//! while the server fills the connection: neither waits for the other. Where a connection cannot be ended in the middle of an
//! answer, or core has to look at each row until there are enough, the rows are fetched from a cursor.

use super::{
    require_entity,
    scan::Scan,
    select::{self, Conditions, Select},
};
use crate::{
    error::driver,
    filter,
    rows::record,
    store::{PgStore, Session},
};
use futures::{
    TryStreamExt as _,
    stream::{self, StreamExt as _},
};
use mastra_core::{EntityId, Path, Record, RecordQuery, RecordStream, Result, filter::Matcher, projection::project};
use std::{
    future::Future as _,
    task::{Poll, ready},
};
use tokio::sync::mpsc;

/// How many records are decoded before the caller gets the first of them.
const GROUP: usize = 64;

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
    let choice =
        Choice { matcher: (!compiled.exact).then(|| query.filter.clone().matcher()), skip, left, fields: query.fields.clone() };
    let whole = compiled.exact || query.limit.is_none();
    if whole && store.shared.reads_plainly() {
        let session = store.shared.read().await?;
        return answer(session, select, store.shared.persistent(), choice).await;
    }
    let scan = Scan::open(store.shared.snapshot().await?, select.statement, usize::MAX, whole).await?;
    let next = |(mut scan, mut choice): (Scan<'static>, Choice)| async move {
        while choice.left > 0 {
            let Some(row) = scan.next().await? else { break };
            if let Some(record) = choice.take(record(&row)?) {
                return Ok(Some((record, (scan, choice))));
            }
        }
        scan.close().await.map(|()| None)
    };
    Ok(stream::try_unfold((scan, choice), next).boxed())
}

/// Which of the statement's rows the caller gets, and what of them.
struct Choice {
    matcher: Option<Matcher>,
    skip: u64,
    left: u64,
    fields: Option<Vec<Path>>,
}

impl Choice {
    fn take(&mut self, mut record: Record) -> Option<Record> {
        if self.matcher.as_ref().is_some_and(|matcher| !matcher.matches(&record.data)) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.left -= 1;
        if let Some(fields) = &self.fields {
            record.data = project(&record.data, fields);
        }
        Some(record)
    }
}

/// The stream over the answer to one statement. That the statement fails is said here, before there is a stream.
async fn answer(session: Session<'static>, select: Select, persistent: bool, choice: Choice) -> Result<RecordStream> {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut reading = Some(Box::pin(read(Reading(Some(session)), select, persistent, choice, sender)));
    // The reading goes on only when nothing of it is left, and in the caller's own task: what it decodes, the caller frees.
    let mut groups = stream::poll_fn(move |context| {
        if let Poll::Ready(group) = receiver.poll_recv(context) {
            return Poll::Ready(group);
        }
        if let Some(future) = &mut reading
            && future.as_mut().poll(context).is_ready()
        {
            reading = None;
        }
        receiver.poll_recv(context)
    });
    let mut group = match groups.next().await {
        Some(first) => first?.into_iter(),
        None => return Ok(stream::empty().boxed()),
    };
    let records = stream::poll_fn(move |context| {
        loop {
            if let Some(record) = group.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            match ready!(groups.poll_next_unpin(context)) {
                Some(Ok(next)) => group = next.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    });
    Ok(records.boxed())
}

/// A session in the middle of an answer. The rest of it may be long: dropped, the connection is closed, since reading it all
/// would take longer than a new one.
struct Reading(Option<Session<'static>>);

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.end();
        }
    }
}

/// Reads the whole answer, group by group.
async fn read(
    mut reading: Reading,
    select: Select,
    persistent: bool,
    mut choice: Choice,
    sender: mpsc::Sender<Result<Vec<Record>>>,
) {
    let Some(session) = &mut reading.0 else { return };
    let done = match groups(session, select, persistent, &mut choice, &sender).await {
        Ok(()) => match reading.0.take() {
            Some(session) => session.finish().await,
            None => Ok(()),
        },
        failed => failed,
    };
    if let Err(error) = done {
        let _ = sender.send(Err(error.with_operation("stream_records"))).await;
    }
}

async fn groups(
    session: &mut Session<'static>,
    select: Select,
    persistent: bool,
    choice: &mut Choice,
    sender: &mpsc::Sender<Result<Vec<Record>>>,
) -> Result<()> {
    let query = select.statement.query(select.sealed && persistent)?;
    let mut rows = query.fetch(session.conn()?);
    let mut group = Vec::with_capacity(GROUP);
    while let Some(row) = rows.try_next().await.map_err(driver)? {
        group.extend(choice.take(record(&row)?));
        if group.len() == GROUP {
            // Nobody is there to take it only when the reading itself is dropped.
            let _ = sender.send(Ok(std::mem::replace(&mut group, Vec::with_capacity(GROUP)))).await;
        }
    }
    if !group.is_empty() {
        let _ = sender.send(Ok(group)).await;
    }
    Ok(())
}
