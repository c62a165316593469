//! Loading, so that a second run changes nothing, and nothing stays that is no longer there.

use super::{
    DEALS, Documents, Opened, documents,
    source::{Own, Source},
};
use crate::{
    context::Context,
    exit::{HINT, Outcome, Stop},
    sync::{Stopping, explained, registry_with, run_quietly},
};
use futures::TryStreamExt as _;
use mastra_core::{
    Engine, EntityRef, Error, ErrorKind, NewRecord, RecordQuery, RecordSelector, Result, SyncBatch, UpsertMode, UpsertOptions,
    sync::RunCounts,
};
use mastra_sync::{RunOptions, SyncErrorKind, WhenBusy};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// The table that is part of this program.
const TABLE: &[u8] = include_bytes!("../../assets/deals.csv");
/// So many records are removed at once.
const BATCH: usize = 200;
/// So many are asked at once whose they are.
const STAKES: usize = 1_000;
/// How long another quickstart of the same documents is waited for.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// What to do where a guard refuses.
const CONFIRM: &str = "the same command with --yes, if that is meant: it deletes their records";
/// So many may go without a question, however many there are.
const FEW: usize = 10;

/// What became of an entity's records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Loaded {
    pub(super) entity: String,
    pub(super) connection_id: String,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Records whose document is no longer there.
    pub(super) removed: u64,
    /// Documents that could not be stored.
    pub(super) set_aside: u64,
    pub(super) seconds: f64,
}

/// The records that are there, and the files that they were made of.
pub(super) type Before = BTreeMap<String, String>;

/// What was loaded before. An error where most of it has gone from the folder, which may be the wrong one or not be mounted.
pub(super) async fn before(engine: &dyn Engine, source: &Source, confirmed: bool) -> Result<Before> {
    let query = RecordQuery::new().fields(vec!["path".parse()?]);
    let before: Before = match engine.stream_records(&source.entity_ref(), &query).await {
        Err(error) if error.is_not_found() => Before::new(),
        stream => {
            let path = |data: &Value| data.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
            stream?.map_ok(|record| (record.external_id, path(&record.data))).try_collect().await?
        }
    };
    let Some(Own { folder, .. }) = &source.own else { return Ok(before) };
    let there: HashSet<&str> = folder.files.iter().map(|file| file.name.as_str()).collect();
    let gone = before.values().filter(|path| !there.contains(path.as_str()) && !folder.is_unread(path)).count();
    if gone > FEW && gone * 2 > before.len() && !confirmed {
        return Err(Error::new(ErrorKind::Conflict, "most of what was loaded from here is no longer there; nothing was changed")
            .with("gone", gone)
            .with("loaded", before.len())
            .with(HINT, CONFIRM));
    }
    Ok(before)
}

/// Loads the documents of this program, and removes what an earlier one had.
pub(super) async fn built_in(engine: &dyn Engine, source: &Source, before: Before) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::of(&source.entity, &source.connection);
    let records = documents::built_in();
    let kept: HashSet<String> = records.iter().map(|record| record.external_id.clone()).collect();
    loaded.store(engine, records).await?;
    let gone = before.into_keys().filter(|id| !kept.contains(id)).collect();
    loaded.remove(engine, &source.entity_ref(), gone).await?;
    loaded.seconds = began.elapsed().as_secs_f64();
    Ok(loaded)
}

/// Loads the user's own documents by their sync: what is as it was costs nothing, and what has gone goes.
pub(super) async fn own(context: &Context, opened: &Opened, documents: &Documents, before: Before, yes: bool) -> Outcome<Loaded> {
    let (engine, source) = (&opened.engine, &opened.source);
    let mut loaded = Loaded::of(&source.entity, &source.connection);
    let gone = make_way(opened, &mut loaded, before).await?;
    let mastra = registry_with(Arc::clone(engine), &opened.sync, Arc::new(documents.clone()))?;
    let stopping = Stopping::default();
    let options = RunOptions {
        confirm_deletes: yes,
        when_busy: WhenBusy::Wait(PATIENCE),
        cancellation: stopping.token(),
        ..RunOptions::default()
    };
    let done = stopping.run(&context.out, async { Ok(run_quietly(context, &mastra, &opened.sync, options).await) }).await?;
    if let Some(failure) = &done.failure {
        return Err(match failure.kind() {
            SyncErrorKind::Cancelled => {
                context.out.note("stopped; the same command goes on from here");
                Stop::Interrupted
            }
            SyncErrorKind::Refused => explained(&done.sync, failure).with(HINT, CONFIRM).into(),
            _ => explained(&done.sync, failure).into(),
        });
    }
    loaded.count(&done.counts());
    loaded.removed += gone;
    loaded.seconds = done.seconds;
    Ok(loaded)
}

/// Removes records of documents that no sync wrote: an earlier quickstart stored them without one, and a sync deletes only what it made. Those
/// whose documents are there come again by the sync. How many do not.
async fn make_way(opened: &Opened, loaded: &mut Loaded, before: Before) -> Result<u64> {
    let (engine, source) = (&*opened.engine, &opened.source);
    let (Some(syncs), Some(own)) = (engine.syncs(), &source.own) else { return Ok(0) };
    let entity = engine.resolve_entity(&source.entity_ref()).await?;
    let targets = syncs.list_targets(Some(&opened.sync.id)).await?;
    let stakes: u64 = targets.iter().filter(|target| target.entity.id == entity.id).map(|target| target.stakes).sum();
    let made_of_a_file = |(_, path): &(String, String)| !path.is_empty() && !own.folder.is_unread(path);
    let before: Vec<(String, String)> = before.into_iter().filter(made_of_a_file).collect();
    if stakes >= before.len() as u64 {
        return Ok(0);
    }
    let there: HashSet<&str> = own.folder.files.iter().map(|file| file.name.as_str()).collect();
    let mut gone = 0;
    for part in before.chunks(STAKES) {
        let ids: Vec<String> = part.iter().map(|(id, _)| id.clone()).collect();
        let views = syncs.read_stakes(entity.id, None, &ids).await?;
        let unowned: HashSet<String> =
            views.into_iter().filter(|view| view.own.is_none() && view.others.is_empty()).map(|view| view.external_id).collect();
        gone += part.iter().filter(|(id, path)| unowned.contains(id) && !there.contains(path.as_str())).count() as u64;
        loaded.remove(engine, &source.entity_ref(), unowned.into_iter().collect()).await?;
    }
    Ok(gone)
}

/// Loads the table.
pub(super) async fn deals(engine: &dyn Engine) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::of(DEALS, super::CONNECTION);
    loaded.store(engine, crate::records::built_in_rows(TABLE, "id")?).await?;
    loaded.seconds = began.elapsed().as_secs_f64();
    Ok(loaded)
}

/// Makes the entity of a source where it is not there.
pub(super) async fn entity(engine: &dyn Engine, source: &Source) -> Result<EntityRef> {
    Loaded::of(&source.entity, &source.connection).store(engine, Vec::new()).await?;
    Ok(source.entity_ref())
}

impl Loaded {
    fn of(entity: &str, connection: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            connection_id: connection.to_owned(),
            created: 0,
            updated: 0,
            unchanged: 0,
            removed: 0,
            set_aside: 0,
            seconds: 0.0,
        }
    }

    fn count(&mut self, counts: &RunCounts) {
        (self.created, self.updated, self.unchanged) = (counts.created, counts.updated, counts.unchanged);
        (self.removed, self.set_aside) = (counts.deleted, counts.failed);
    }

    async fn remove(&mut self, engine: &dyn Engine, entity: &EntityRef, gone: Vec<String>) -> Result<()> {
        for ids in gone.chunks(BATCH) {
            let selector = RecordSelector::ExternalIds(ids.to_vec());
            self.removed += engine.delete_records(entity, &selector).await?.deleted;
        }
        Ok(())
    }

    /// Stores a batch; the entity is created on first use.
    async fn store(&mut self, engine: &dyn Engine, records: Vec<NewRecord>) -> Result<()> {
        let batch = SyncBatch::new(&self.entity, &self.connection_id, records).options(UpsertOptions::from(UpsertMode::Replace));
        let report = engine.sync_records(&batch).await?;
        self.created += report.records.created.len() as u64;
        self.updated += report.records.updated.len() as u64;
        self.unchanged += report.records.unchanged.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_whole_and_typed() {
        let deals = crate::records::built_in_rows(super::TABLE, "id").unwrap();
        assert!(deals.len() >= 200);
        for deal in deals {
            assert!(deal.data["amount"].is_number() && deal.data["active"].is_boolean() && deal.data["company"].is_string());
        }
    }
}
