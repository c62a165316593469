//! What a writer is told before it writes.

use super::{DeleteGuard, Draft, MergePolicy, RecordWriter, scope::RunScope, settings::Settings};
use crate::source::{Position, Source};
use futures::StreamExt as _;
use mastra_core::{
    Result,
    sync::{RunTarget, SyncMode},
};
use std::sync::Arc;

/// How records of one entity are to be written; from the context of a run.
#[derive(Debug, Clone)]
#[must_use = "nothing is written until `load` or `open`"]
pub struct RecordsBuilder {
    run: RunScope,
    settings: Settings,
}

impl RecordsBuilder {
    pub(crate) fn new(run: RunScope, entity: impl Into<String>) -> Self {
        Self { run, settings: Settings::new(entity.into()) }
    }

    /// The entity's connection; [`DEFAULT_CONNECTION`](super::DEFAULT_CONNECTION) by default.
    pub fn connection(mut self, connection_id: impl Into<String>) -> Self {
        self.settings.connection_id = connection_id.into();
        self
    }

    /// How records meet those that are there; [`SyncMode::Incremental`] by default.
    pub fn mode(mut self, mode: SyncMode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Writes by [`SyncMode::ReplaceScope`]: the records in which this top-level field has one value replace all that earlier runs wrote with
    /// that value, in one transaction. The source has to give the records of a parent one after the other; it is held in memory whole.
    pub fn replace_by(mut self, field: impl Into<String>) -> Self {
        self.settings.mode = SyncMode::ReplaceScope;
        self.settings.scope_field = Some(field.into());
        self
    }

    /// What kind of thing a record is that does not say so itself; the entity's name by default.
    pub fn entity_type(mut self, entity_type: impl Into<String>) -> Self {
        self.settings.entity_type = Some(entity_type.into());
        self
    }

    /// What a record is made of. `None` leaves one out; an error sets it aside, and the rest goes on.
    pub fn map(mut self, map: impl Fn(Draft) -> Result<Option<Draft>> + Send + Sync + 'static) -> Self {
        self.settings.map = Some(Arc::new(map));
        self
    }

    /// Whose value of a field wins; that of the sync that runs, by default.
    pub fn merge(mut self, policy: MergePolicy) -> Self {
        self.settings.set_policy(policy);
        self
    }

    /// When deleting what the source no longer has is refused.
    pub fn guard(mut self, guard: DeleteGuard) -> Self {
        self.settings.guard = guard;
        self
    }

    /// How many records are written at once; [`DEFAULT_BATCH`](super::DEFAULT_BATCH) by default, between 1 and 10,000. A page of a source that
    /// holds more is written in several transactions, the last of which moves the cursor.
    pub fn batch(mut self, records: usize) -> Self {
        self.settings.batch = records;
        self
    }

    /// Opens the entity for writing pages by hand.
    ///
    /// `InvalidInput` for what was told wrongly; `Conflict` where another run of the sync writes the entity, and does not end while it is
    /// waited for.
    pub async fn open(self) -> Result<RecordWriter> {
        RecordWriter::open(self.run, self.settings).await
    }

    /// Reads a source to its end, page by page, and writes each before the next one is asked for.
    ///
    /// A run that died is continued behind its last page. In a run that tries again what was set aside, that takes the place of the source.
    /// Errors of the source and of the engine; what is written by then stays written.
    pub async fn load<S: Source + ?Sized>(mut self, source: &S) -> Result<RunTarget> {
        self.settings.source = Some(source.kind().to_owned());
        let mut writer = self.open().await?;
        if writer.retries() {
            return writer.retry().await;
        }
        if writer.is_read() {
            return writer.complete().await;
        }
        let known = writer.known();
        let position = Position {
            cursor: writer.cursor().map(str::to_owned),
            last: writer.last(),
            known: known.as_ref().map(|known| known as _),
        };
        let mut pages = source.pages(position);
        loop {
            writer.check()?;
            let next = tokio::select! {
                biased;
                () = writer.cancelled() => None,
                next = pages.next() => Some(next),
            };
            match next {
                None => {}
                Some(Some(page)) => writer.write(page?).await?,
                Some(None) => break,
            }
        }
        drop(pages);
        writer.complete().await
    }
}
