//! The knowledge base itself.

use super::{
    KnowledgeBuilder,
    pieces::{Source, digest},
    state::{self, Version},
};
use crate::embed::{Embedder, EmbedderExt as _};
use mastra_core::{
    Engine, EntityId, EntityRef, Error, ErrorKind, Path, Record, Result,
    changes::{ChangeQueue, QueueStatus, Requeue, SetAsideChange},
    vector::{IndexKind, IndexSpec, Metric, PointCountQuery, Provenance, Scope, VectorOperations as _, VectorStore},
};
use std::{sync::Arc, time::Duration};

/// How often, and after what time, an index is looked for that another is making.
const PATIENCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// What it was made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) entity_id: EntityId,
    pub(super) source: Source,
    pub(super) embedder: Arc<dyn Embedder>,
    pub(super) namespace: String,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) vectors: Arc<dyn VectorStore>,
}

impl Parts {
    /// What made the points: another recipe makes others.
    pub(super) fn recipe(&self) -> String {
        let fingerprint = self.source.fingerprint();
        if self.namespace.is_empty() {
            fingerprint
        } else {
            digest(&format!("{fingerprint}/{}", self.namespace), fingerprint.len())
        }
    }

    pub(super) fn entity(&self) -> EntityRef {
        EntityRef::Id(self.entity_id)
    }

    pub(super) fn queue(&self) -> Result<&dyn ChangeQueue> {
        self.engine.changes().ok_or_else(|| Error::unsupported("this engine has no queue of changes"))
    }
}

/// Records that are found again by meaning, words and filters.
///
/// Handles are cheap to clone and share one state. Any number of them, in any number of processes, may index at the same time.
#[derive(Debug, Clone)]
pub struct KnowledgeBase {
    pub(super) parts: Arc<Parts>,
    pub(super) version: Arc<Version>,
    /// Whether points commit with the queue, in one transaction of the engine.
    pub(super) together: bool,
}

impl KnowledgeBase {
    /// Describes a knowledge base of this name.
    pub fn builder(name: impl Into<String>) -> KnowledgeBuilder {
        KnowledgeBuilder::new(name)
    }

    /// Sees to the index and the subscription of a version.
    pub(super) async fn begin(parts: Arc<Parts>, version: Version) -> Result<Self> {
        make_index(&parts, &version).await?;
        let subscribed = parts.queue()?.subscribe(&version.subscription, &parts.entity()).await;
        subscribed.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => follows_another(&parts),
            _ => error,
        })?;
        // Another may have taken the version away before this made it anew.
        if let Err(error) = state::still_in_use(&*parts.engine, &parts.name, &version).await {
            if error.kind() == ErrorKind::Conflict {
                discard(&*parts.engine, &*parts.vectors, &version).await?;
            }
            return Err(error);
        }
        let together = shares_database(&parts, &version).await?;
        Ok(Self { parts, version: Arc::new(version), together })
    }

    /// A version as it is: nothing is made, and no transaction asks whether both are one database, which would wait for writers.
    pub(super) async fn found(parts: Arc<Parts>, version: Version) -> Result<Self> {
        let index = parts.vectors.get_index(&version.index).await?;
        check_index(&parts, &version, &index)?;
        let subscriptions = parts.queue()?.list_subscriptions().await?;
        match subscriptions.iter().find(|subscription| subscription.name == version.subscription) {
            Some(subscription) if subscription.entity_id == parts.entity_id => {}
            // One that was deleted is no longer followed once this one is indexed.
            Some(subscription) => match parts.engine.resolve_entity(&EntityRef::Id(subscription.entity_id)).await {
                Err(error) if error.is_not_found() => {
                    return Err(
                        Error::not_found("the entity that the knowledge base follows was deleted").with("knowledge", &parts.name)
                    );
                }
                found => return Err(found.err().unwrap_or_else(|| follows_another(&parts))),
            },
            None => return Err(Error::not_found("the knowledge base follows no entity").with("knowledge", &parts.name)),
        }
        Ok(Self { parts, version: Arc::new(version), together: false })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// What its points were made by, and where they are.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What makes vectors of texts.
    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.parts.embedder
    }

    /// The engine of its records.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.parts.engine
    }

    /// The store of its points.
    pub fn vectors(&self) -> &Arc<dyn VectorStore> {
        &self.parts.vectors
    }

    /// The index and the namespace of its points.
    pub fn scope(&self) -> Scope {
        Scope::index(&self.version.index).in_namespace(&self.parts.namespace)
    }

    /// The entity of its records.
    pub fn entity(&self) -> EntityRef {
        self.parts.entity()
    }

    /// The text of a record that passages are cut from, and that their spans count in: its fields, one below the other, as the format reads
    /// them.
    ///
    /// Errors: `InvalidInput` where the fields are not of the format, such as no JSON.
    pub fn text(&self, record: &Record) -> Result<String> {
        Ok(self.parts.source.document(&record.data)?.text().to_owned())
    }

    /// The fields of the records that searches can filter by.
    pub fn filter_fields(&self) -> &[Path] {
        &self.parts.source.filters
    }

    /// Whether points and queue commit in one transaction, since the store shares the engine's database.
    pub fn is_transactional(&self) -> bool {
        self.together
    }

    /// How far the points lag behind the records.
    ///
    /// Errors, here and of all that needs its index or queue: `Conflict` where it was reindexed or removed since it was opened.
    pub async fn lag(&self) -> Result<QueueStatus> {
        self.alive(self.parts.queue()?.queue_status(&self.version.subscription).await).await
    }

    /// Tells what is not there because the knowledge base was reindexed or removed meanwhile.
    pub(super) async fn alive<T>(&self, found: Result<T>) -> Result<T> {
        if let Err(error) = &found
            && error.is_not_found()
        {
            state::still_in_use(&*self.parts.engine, &self.parts.name, &self.version).await?;
        }
        found
    }

    /// What failed for good, those that failed last first.
    pub async fn set_aside(&self, limit: u32) -> Result<Vec<SetAsideChange>> {
        self.alive(self.parts.queue()?.list_set_aside(&self.version.subscription, limit).await).await
    }

    /// Ends it: its index with all points, its queue and its entry go; the records stay. Nothing is left to do where it is gone already.
    pub async fn drop_all(self) -> Result<()> {
        let (engine, vectors) = (&*self.parts.engine, &*self.parts.vectors);
        discard(engine, vectors, &self.version).await?;
        Self::remove(engine, vectors, &self.parts.name).await.map(drop)
    }
}

/// Takes what belongs to a version away.
pub(super) async fn discard(engine: &dyn Engine, vectors: &dyn VectorStore, version: &Version) -> Result<()> {
    let queue = engine.changes().ok_or_else(|| Error::unsupported("this engine has no queue of changes"))?;
    queue.unsubscribe(&version.subscription).await?;
    match vectors.delete_index(&version.index).await {
        Err(error) if error.is_not_found() => Ok(()),
        done => done,
    }
}

/// The index of a version, made where it is not there.
async fn make_index(parts: &Parts, version: &Version) -> Result<()> {
    let mut found = parts.vectors.get_index(&version.index).await;
    if found.as_ref().is_err_and(Error::is_not_found) {
        // It was lost, or this is another store: what was indexed has to be indexed again. Queued first, lest a crash forget it.
        match parts.queue()?.requeue_changes(&version.subscription, &Requeue::All).await {
            Err(error) if error.is_not_found() => {}
            queued => drop(queued?),
        }
        match parts.vectors.create_index(&specification(parts, version)?).await {
            // Another was quicker to begin; not every store makes an index at once.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        for _ in 0..PATIENCE {
            found = parts.vectors.get_index(&version.index).await;
            if !found.as_ref().is_err_and(Error::is_not_found) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if found.as_ref().is_err_and(Error::is_not_found) {
            return Err(Error::unavailable(
                "another process has not finished making the index; if it was killed, try again in some minutes",
            )
            .with("knowledge", &parts.name)
            .with("index", &version.index)
            .retryable(true));
        }
    }
    let found = found?;
    check_index(parts, version, &found)
}

fn follows_another(parts: &Parts) -> Error {
    Error::already_exists("the knowledge base follows another entity: remove it, or give this one another name")
        .with("knowledge", &parts.name)
}

/// Refuses an index of another model.
fn check_index(parts: &Parts, version: &Version, found: &IndexSpec) -> Result<()> {
    let model = found.provenance.as_ref().map(|provenance| provenance.model.as_str());
    if found.dimension != version.dimension || model != Some(parts.embedder.model()) {
        return Err(Error::schema_mismatch("the index of the knowledge base was made by another model")
            .with("knowledge", &parts.name)
            .with("index", &version.index));
    }
    Ok(())
}

fn specification(parts: &Parts, version: &Version) -> Result<IndexSpec> {
    let kind = if parts.vectors.capabilities().kind.hnsw { IndexKind::hnsw() } else { IndexKind::Flat };
    let mut spec = IndexSpec::new(&version.index, version.dimension)
        .metric(Metric::Cosine)
        .kind(kind)
        .field(super::point::path(super::point::RECORD)?)
        .provenance(Provenance::new(&version.model).chunker(&version.recipe));
    for field in &parts.source.filters {
        spec = spec.field(super::point::data_path()?.join(field));
    }
    Ok(spec)
}

/// Whether the store is the one that the engine's transactions hold: the same database, and the index is seen there.
async fn shares_database(parts: &Parts, version: &Version) -> Result<bool> {
    if !parts.vectors.capabilities().write.transactions {
        return Ok(false);
    }
    if parts.engine.info().namespace != parts.vectors.info().namespace
        || parts.engine.info().system != parts.vectors.info().system
    {
        return Ok(false);
    }
    let transaction = parts.engine.begin().await?;
    let seen = match transaction.vectors() {
        None => false,
        Some(vectors) => match vectors.count(&Scope::index(&version.index), &PointCountQuery::new().cap(1)).await {
            Ok(_) => true,
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error),
        },
    };
    transaction.rollback().await?;
    Ok(seen)
}
