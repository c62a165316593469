//! Records one after the other.
//!
//! What the server decides alone comes as the answer to one statement, which a task reads and decodes while the caller works on
//! what came before; the server fills the connection meanwhile. It waits for neither. Where a connection cannot be spared for
//! that, or core has to look at each row until there are enough, the rows are fetched from a cursor.

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
use mastra_core::{EntityId, Error, Path, Record, RecordQuery, RecordStream, Result, filter::Matcher, projection::project};
use tokio::sync::mpsc;

/// How many records the task hands over at once: a hand-over wakes another thread.
const GROUP: usize = 256;

/// How many groups may wait for the caller.
const GROUPS: usize = 2;

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
    let (sender, mut receiver) = mpsc::channel(GROUPS);
    tokio::spawn(read(session, select, persistent, choice, sender));
    let Some(first) = receiver.recv().await else { return Ok(stream::empty().boxed()) };
    let rest = stream::poll_fn(move |context| receiver.poll_recv(context));
    let groups = stream::iter([first?]).map(Ok).chain(rest);
    Ok(groups.map_ok(|group: Vec<Record>| stream::iter(group).map(Ok)).try_flatten().boxed())
}

/// Reads the whole answer, or until nobody wants more of it.
async fn read(
    mut session: Session<'static>,
    select: Select,
    persistent: bool,
    mut choice: Choice,
    sender: mpsc::Sender<Result<Vec<Record>>>,
) {
    match groups(&mut session, select, persistent, &mut choice, &sender).await {
        Ok(true) => {
            if let Err(error) = session.finish().await {
                say(&sender, error).await;
            }
        }
        // The rest of the answer is on its way: reading it all would take longer than a new connection.
        Ok(false) => session.end(),
        Err(error) => say(&sender, error).await,
    }
}

async fn say(sender: &mpsc::Sender<Result<Vec<Record>>>, error: Error) {
    // Nobody reads any more: nobody to tell.
    let _ = sender.send(Err(error.with_operation("stream_records"))).await;
}

/// Whether the answer was read to its end.
async fn groups(
    session: &mut Session<'static>,
    select: Select,
    persistent: bool,
    choice: &mut Choice,
    sender: &mpsc::Sender<Result<Vec<Record>>>,
) -> Result<bool> {
    let query = select.statement.query(select.sealed && persistent)?;
    let mut rows = query.fetch(session.conn()?);
    let mut group = Vec::with_capacity(GROUP);
    while let Some(row) = rows.try_next().await.map_err(driver)? {
        group.extend(choice.take(record(&row)?));
        if group.len() == GROUP {
            let full = std::mem::replace(&mut group, Vec::with_capacity(GROUP));
            if sender.send(Ok(full)).await.is_err() {
                return Ok(false);
            }
        }
    }
    if !group.is_empty() {
        // Whether somebody takes the last ones or not: the answer ends here.
        let _ = sender.send(Ok(group)).await;
    }
    Ok(true)
}
