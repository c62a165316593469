//! Loading, so that a second run changes nothing, and nothing stays that is no longer there.

use super::{DEALS, documents, folder::Folder, read, skipped::Reason, source::Source};
use crate::exit::HINT;
use futures::TryStreamExt as _;
use indicatif::ProgressBar;
use mastra_core::{
    Engine, EntityRef, Error, ErrorKind, NewRecord, RecordQuery, RecordSelector, Result, SyncBatch, UpsertMode, UpsertOptions,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    time::Instant,
};

/// The table that is part of this program.
const TABLE: &[u8] = include_bytes!("../../assets/deals.csv");
/// So many documents are stored in one transaction, fewer where they are long.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// So many may go without a question, however many there are.
const FEW: usize = 10;

/// What became of an entity's records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Loaded {
    pub(super) entity: String,
    pub(super) connection_id: String,
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    /// Records whose document is no longer there.
    pub(super) removed: u64,
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
    let Some(folder) = &source.folder else { return Ok(before) };
    let there: HashSet<&str> = folder.files.iter().map(|file| file.name.as_str()).collect();
    let gone = before.values().filter(|path| !there.contains(path.as_str()) && !folder.is_unread(path)).count();
    if gone > FEW && gone * 2 > before.len() && !confirmed {
        return Err(Error::new(ErrorKind::Conflict, "most of what was loaded from here is no longer there; nothing was changed")
            .with("gone", gone)
            .with("loaded", before.len())
            .with(HINT, "the same command with --yes, if that is meant: it deletes their records"));
    }
    Ok(before)
}

/// Loads the documents of a source, and removes the records of those that have gone.
pub(super) async fn documents(engine: &dyn Engine, source: &mut Source, before: Before, bar: &ProgressBar) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::of(&source.entity, &source.connection);
    let mut kept = HashSet::new();
    match &mut source.folder {
        None => {
            let records = documents::built_in();
            kept.extend(records.iter().map(|record| record.external_id.clone()));
            loaded.store(engine, records).await?;
        }
        Some(folder) => loaded.store_files(engine, folder, &mut kept, bar).await?,
    }
    let gone: Vec<String> = before
        .into_iter()
        .filter(|(id, path)| !kept.contains(id) && !source.folder.as_ref().is_some_and(|folder| folder.is_unread(path)))
        .map(|(id, _)| id)
        .collect();
    for ids in gone.chunks(BATCH) {
        let selector = RecordSelector::ExternalIds(ids.to_vec());
        loaded.removed += engine.delete_records(&source.entity_ref(), &selector).await?.deleted;
    }
    loaded.seconds = began.elapsed().as_secs_f64();
    Ok(loaded)
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
            seconds: 0.0,
        }
    }

    async fn store_files(
        &mut self,
        engine: &dyn Engine,
        folder: &mut Folder,
        kept: &mut HashSet<String>,
        bar: &ProgressBar,
    ) -> Result<()> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for file in std::mem::take(&mut folder.files) {
            bar.inc(1);
            match read::text(&file.path).and_then(|content| documents::of(&file, content)) {
                Ok(records) => {
                    for record in records {
                        bytes += record.data.get("text").and_then(Value::as_str).map_or(0, str::len);
                        kept.insert(record.external_id.clone());
                        batch.push(record);
                        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                            self.store(engine, std::mem::take(&mut batch)).await?;
                            bytes = 0;
                        }
                    }
                }
                Err(Reason::Unreadable) => folder.leave_unread(file.name),
                Err(reason) => {
                    folder.skipped.add(reason, &file.name);
                    if reason == Reason::Changing {
                        folder.unread.push(file.name);
                    }
                }
            }
        }
        self.store(engine, batch).await
    }

    /// Stores a batch; the entity is created on first use.
    async fn store(&mut self, engine: &dyn Engine, records: Vec<NewRecord>) -> Result<()> {
        let batch = SyncBatch::new(&self.entity, &self.connection_id, records).options(UpsertOptions::from(UpsertMode::Replace));
        let report = engine.sync_records(&batch).await?;
        self.created += report.records.created.len();
        self.updated += report.records.updated.len();
        self.unchanged += report.records.unchanged.len();
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
