//! Writing pages.

use super::{
    batch::{self, Batch},
    commit::{Sink, Tail},
    draft::{self, Ids, Ready},
    dry::Rehearsal,
    groups::{Group, Groups},
    hold,
    known::Stakes,
    scope::RunScope,
    settings::Settings,
};
use crate::{
    RunEvent,
    source::{Item, Page, Scope},
};
use mastra_core::{
    Error, ErrorKind, NewRecord, Result,
    sync::{EnumerationChange, Hold, RunCounts, RunTarget, SyncMode},
};
use serde_json::{Value, json};

/// Writes the records of one entity, page by page. Each page is one transaction with its cursor, the ledger and the queue of changes; where
/// it fails, nothing of it is written.
///
/// A writer that is dropped before [`RecordWriter::complete`] leaves the run as a crash would: what was written stays, nothing is deleted, and
/// the next run goes on behind the last page.
#[derive(Debug)]
pub struct RecordWriter {
    pub(super) run: RunScope,
    pub(super) settings: Settings,
    pub(super) place: Destination,
    pub(super) ledger: RunTarget,
    pub(super) groups: Option<Groups>,
    /// Why absence tells nothing, where the source said so.
    pub(super) incomplete: Option<String>,
    /// The source said that everything is as it was.
    pub(super) all_unchanged: bool,
    /// The reading goes on with one that died.
    pub(super) resumed: bool,
    /// What the mapping does with ids.
    pub(super) ids: Ids,
    /// Where the next run goes on, as far as it was read.
    pub(super) cursor: Option<String>,
}

/// Where records go.
#[derive(Debug)]
pub(super) enum Destination {
    Store {
        hold: Box<Hold>,
        /// Whether anything is, or may be, set aside.
        settles: bool,
    },
    Nowhere(Box<Rehearsal>),
}

impl RecordWriter {
    pub(super) async fn open(run: RunScope, settings: Settings) -> Result<Self> {
        settings.check()?;
        run.check()?;
        let (place, entity, cursor) = if run.options().dry_run {
            let rehearsal = Rehearsal::begin(&run, &settings).await?;
            let (entity, cursor) = (rehearsal.entity, rehearsal.cursor(&run, &settings));
            (Destination::Nowhere(Box::new(rehearsal)), entity, cursor)
        } else {
            let hold = hold::take(&run, &settings).await?;
            let cursor = begins_behind(&run, &settings, &hold);
            let settles = hold.state.quarantined > 0;
            (Destination::Store { hold: Box::new(hold.clone()), settles }, Some(hold.entity.id), cursor)
        };
        let before = entity.and_then(|entity| run.so_far(entity));
        if let Some(before) = &before
            && (before.mode == SyncMode::Full || settings.mode == SyncMode::Full)
            && !run.options().retry_failed
        {
            run.let_go_of(&settings.entity, &settings.connection_id).await;
            return Err(read_twice(&settings.entity));
        }
        let ledger = RunTarget {
            entity_id: entity.unwrap_or_else(mastra_core::EntityId::generate),
            entity: settings.entity.clone(),
            connection_id: settings.connection_id.clone(),
            mode: settings.mode,
            source: settings.source.clone(),
            cursor_from: cursor.clone(),
            cursor: cursor.clone(),
            complete: false,
            counts: before.as_ref().map_or_else(RunCounts::default, |before| before.counts),
            bytes: before.as_ref().map_or(0, |before| before.bytes),
            errors: before.map(|before| before.errors).unwrap_or_default(),
        };
        let groups = settings.scope_field.clone().filter(|_| settings.mode == SyncMode::ReplaceScope).map(Groups::new);
        let resumed = cursor.is_some();
        let mut writer = Self {
            run,
            settings,
            place,
            ledger,
            groups,
            incomplete: None,
            all_unchanged: false,
            resumed,
            ids: Ids::Untold(0),
            cursor,
        };
        writer.begin().await?;
        Ok(writer)
    }

    /// Tells the ledger, and begins an enumeration, where one is needed and none is to be gone on with.
    async fn begin(&mut self) -> Result<()> {
        let Destination::Store { hold, .. } = &self.place else { return Ok(()) };
        let open = hold.state.enumeration.as_ref();
        let goes_on = !self.run.options().restart && open.is_some_and(|open| open.read || open.cursor.is_some());
        let begins = self.enumerates() && !goes_on;
        let enumeration = if begins { EnumerationChange::Begin } else { EnumerationChange::Keep };
        self.commit(vec![Batch::default()], None, Tail { enumeration, ..Tail::default() }).await
    }

    /// Whether what the source does not have is deleted at the end.
    pub(super) fn enumerates(&self) -> bool {
        self.settings.mode == SyncMode::Full && !self.run.options().retry_failed
    }

    /// Whether the source was read to its end by a run that died before it had deleted what was missing.
    pub(super) fn is_read(&self) -> bool {
        let Destination::Store { hold, .. } = &self.place else { return false };
        self.enumerates()
            && !self.run.options().restart
            && hold.state.enumeration.as_ref().is_some_and(|enumeration| enumeration.read)
    }

    /// Whether the run tries again what was set aside.
    pub(super) fn retries(&self) -> bool {
        self.run.options().retry_failed
    }

    /// Where the source is to go on: behind what earlier runs stored.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The cursor of the last page of the last reading that came to its end, where this one begins at the beginning.
    pub(super) fn last(&self) -> Option<String> {
        let Destination::Store { hold, .. } = &self.place else { return None };
        let begins = self.enumerates() && self.cursor.is_none() && !self.run.options().restart;
        // A reading that came to no end may have written anything since.
        hold.state.cursor.clone().filter(|_| begins && hold.state.enumeration.is_none())
    }

    /// What the run did to the entity so far.
    pub fn so_far(&self) -> &RunTarget {
        &self.ledger
    }

    pub(super) fn check(&self) -> Result<()> {
        self.run.check()
    }

    pub(super) async fn cancelled(&self) {
        self.run.options().cancellation.cancelled().await;
    }

    /// What a source may ask for: nothing where everything is to be read again.
    pub(super) fn known(&self) -> Option<Stakes> {
        let (entity, target) = match &self.place {
            Destination::Store { hold, .. } => (hold.entity.id, hold.target),
            Destination::Nowhere(rehearsal) => (rehearsal.entity?, rehearsal.target()?),
        };
        (!self.run.options().restart).then(|| Stakes { run: self.run.clone(), entity, target })
    }

    /// Writes a page of a source.
    ///
    /// A record that cannot be written is set aside with its error, and the rest goes on. `Conflict` where another run took over; `Unavailable`,
    /// not retryable, where the run was cancelled; what else goes wrong is the engine's.
    pub async fn write(&mut self, page: Page) -> Result<()> {
        self.check()?;
        if let Some(why) = page.incomplete {
            self.incomplete.get_or_insert(why);
        }
        // Behind a cursor that only says that nothing follows.
        self.all_unchanged |= page.unchanged && !self.resumed;
        let allowed = self.run.engine().capabilities().data;
        let scope = page.scope;
        let ready = draft::prepare_all(page.items, &self.settings, &mut self.ids, scope.as_ref(), &allowed);
        self.store(ready, scope, page.cursor, page.bytes).await
    }

    async fn store(&mut self, ready: Vec<Ready>, scope: Option<Scope>, cursor: Option<String>, bytes: u64) -> Result<()> {
        let Some(groups) = self.groups.as_mut().filter(|_| scope.is_none()) else {
            return self.store_whole(ready, scope, cursor, bytes).await;
        };
        let mut complete = Vec::new();
        for item in ready {
            complete.extend(groups.push(item)?);
        }
        groups.page_ended(cursor, bytes);
        for group in complete {
            self.store_group(group).await?;
        }
        Ok(())
    }

    pub(super) async fn store_group(&mut self, group: Group) -> Result<()> {
        let scope = group.scope.filter(|_| !group.doubtful);
        self.store_whole(group.items, scope, group.cursor, group.bytes).await
    }

    async fn store_whole(&mut self, ready: Vec<Ready>, scope: Option<Scope>, cursor: Option<String>, bytes: u64) -> Result<()> {
        let last_counts = !self.settings.policy.looks() && self.settings.mode != SyncMode::Append;
        let batches = batch::cut(ready, self.settings.batch, last_counts);
        let enumeration = if self.enumerates() {
            // That not everything is read is known to this run alone: one that goes on without it would delete.
            let knows_more = self.incomplete.is_some() || self.all_unchanged;
            EnumerationChange::Advance(cursor.clone().filter(|_| !knows_more))
        } else {
            EnumerationChange::Keep
        };
        if cursor.is_some() {
            self.cursor.clone_from(&cursor);
        }
        let tail = Tail { cursor, enumeration, bytes, complete: false };
        self.commit(batches, scope, tail).await
    }

    /// Writes records under the ids that the caller gives them, as a page without a cursor.
    pub async fn put(&mut self, records: impl IntoIterator<Item = NewRecord>) -> Result<()> {
        self.write(Page::new(records.into_iter().map(item))).await
    }

    /// Replaces all that earlier runs of the sync wrote with this value in this field by these records, in one transaction. A record without
    /// the field is given it; no records: all of them go.
    pub async fn replace_scope(
        &mut self,
        field: impl Into<String>,
        value: impl Into<Value>,
        records: impl IntoIterator<Item = NewRecord>,
    ) -> Result<()> {
        self.write(Page::new(records.into_iter().map(item)).scope(Scope::new(field, value))).await
    }

    /// Deletes records that the source says are gone: those that no other sync has a stake in, and only where this one wrote them.
    pub async fn delete<S: Into<String>>(&mut self, external_ids: impl IntoIterator<Item = S>) -> Result<()> {
        self.write(Page::new(external_ids.into_iter().map(|id| Item::Deleted { external_id: id.into() }))).await
    }

    /// Writes batches: one transaction for all of them where they belong to a scope, else one each.
    pub(super) async fn commit(&mut self, mut batches: Vec<Batch>, scope: Option<Scope>, tail: Tail) -> Result<()> {
        if scope.is_some() {
            return self.commit_at_once(&mut batches, scope.as_ref(), &tail).await;
        }
        let last = batches.len().saturating_sub(1);
        for (at, batch) in batches.into_iter().enumerate() {
            let tail = if at == last { tail.clone() } else { Tail::default() };
            let mut rest = vec![(batch, tail)];
            while let Some((mut batch, tail)) = rest.pop() {
                let Err(error) = self.commit_at_once(std::slice::from_mut(&mut batch), None, &tail).await else { continue };
                if error.kind() != ErrorKind::InvalidInput || batch.incoming.is_empty() {
                    return Err(error);
                }
                // One record that the database refuses must not hold up the others: it is looked for, and set aside.
                match batch.clone().halves() {
                    Some((first, second)) => {
                        rest.push((second, tail));
                        rest.push((first, Tail::default()));
                    }
                    None => rest.push((batch.into_failure(&error), tail)),
                }
            }
        }
        Ok(())
    }

    async fn commit_at_once(&mut self, batches: &mut [Batch], scope: Option<&Scope>, tail: &Tail) -> Result<()> {
        let enumerates = self.enumerates();
        let failed = batches.iter().any(|batch| !batch.failures.is_empty());
        self.ledger = match &mut self.place {
            Destination::Store { hold, settles } => {
                // What is written beside a reading that died is not missing from it when it is gone on with.
                let notes = enumerates || hold.state.enumeration.is_some();
                let sink = Sink { run: &self.run, settings: &self.settings, hold, notes, settles: *settles };
                let ledger = sink.commit(batches, scope, tail, &self.ledger).await?;
                *settles |= failed;
                ledger
            }
            Destination::Nowhere(rehearsal) => {
                rehearsal.note(&self.run, &self.settings, batches, scope, tail, &self.ledger).await?
            }
        };
        self.run.done(&self.ledger);
        self.run.tell(&RunEvent::Page { run_id: self.run.run_id().clone(), target: self.ledger.clone() });
        Ok(())
    }
}

impl Batch {
    /// The one record of a batch, as it is set aside.
    fn into_failure(mut self, error: &mastra_core::Error) -> Self {
        let failures = self.incoming.drain(..).map(|incoming| draft::Failure {
            raw: json!({ "mapped": {
                "externalId": incoming.external_id, "data": incoming.data,
                "entityType": incoming.entity_type, "version": incoming.version,
            } }),
            external_id: Some(incoming.external_id),
            error: error.message().to_owned(),
            unmapped: false,
        });
        let failures: Vec<_> = failures.collect();
        // What was to be no longer set aside is so again.
        self.settled.retain(|key| failures.iter().all(|failure| failure.to_quarantined().key != *key));
        self.failures.extend(failures);
        self
    }
}

fn item(record: NewRecord) -> Item {
    Item::Record { external_id: record.external_id, data: record.data, entity_type: record.entity_type, version: None }
}

/// A full reading deletes what it does not meet, so that of two in one run the second would delete what the first wrote.
fn read_twice(entity: &str) -> Error {
    Error::invalid_input("a run reads an entity in full mode once, and writes it in no other way; read all its sources as one")
        .with("entity", entity)
}

/// Where a run begins to read.
fn begins_behind(run: &RunScope, settings: &Settings, hold: &Hold) -> Option<String> {
    if run.options().restart || run.options().retry_failed {
        return None;
    }
    match settings.mode {
        SyncMode::Full => hold.state.enumeration.as_ref().and_then(|enumeration| enumeration.cursor.clone()),
        SyncMode::Incremental | SyncMode::Append | SyncMode::ReplaceScope => hold.state.cursor.clone(),
    }
}
