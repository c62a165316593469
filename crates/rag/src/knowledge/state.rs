//! Which version of a knowledge base is searched, and which is being built: a record of the engine itself.

use super::base::{Parts, discard};
use crate::embed::EmbedderExt as _;
use futures::TryStreamExt as _;
use mastra_core::{
    Engine, EntityRef, Error, ErrorKind, NewRecord, Record, RecordQuery, RecordSelector, Result, SyncBatch, UpsertMode,
    UpsertOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The entity of these records, and its connection.
const ENTITY: &str = "mastra.knowledge";
const CONNECTION: &str = "SYSTEM";
/// How often the entry may change under us.
pub(super) const ATTEMPTS: usize = 16;

/// What made the points of a knowledge base, and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Counted from 1.
    pub number: u64,
    /// The index of the points.
    pub index: String,
    /// The subscription that it follows.
    pub subscription: String,
    /// The embedding model.
    pub model: String,
    /// The length of its vectors.
    pub dimension: usize,
    /// A digest of chunker, fields, format and namespace.
    pub recipe: String,
}

/// What is stored of one knowledge base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What is searched.
    pub active: Option<Version>,
    /// What a reindexing builds beside it.
    pub building: Option<Version>,
    /// What neither of them needs any longer, and is still to be taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Version>,
}

impl State {
    /// All versions that there are.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.in_use().chain(&self.retired)
    }

    /// What is searched and what is built.
    pub fn in_use(&self) -> impl Iterator<Item = &Version> {
        self.active.iter().chain(&self.building)
    }
}

impl Version {
    /// The version of that number, by the parts that are given now.
    pub(super) fn of(parts: &Parts, number: u64) -> Self {
        Self {
            number,
            index: format!("kb-{}-{number}", parts.name),
            subscription: format!("knowledge/{}/{number}", parts.name),
            model: parts.embedder.model().to_owned(),
            dimension: parts.embedder.dimension(),
            recipe: parts.recipe(),
        }
    }

    /// Whether these parts make such points.
    pub(super) fn is_of(&self, parts: &Parts) -> bool {
        self.model == parts.embedder.model() && self.dimension == parts.embedder.dimension() && self.recipe == parts.recipe()
    }
}

fn entity() -> EntityRef {
    EntityRef::named(ENTITY).in_connection(CONNECTION)
}

/// The state, and the generation that it was read at: 0 where there is none.
pub(super) async fn load(engine: &dyn Engine, name: &str) -> Result<(State, i64)> {
    let found = engine.get_records_by_external_ids(&entity(), &[name.to_owned()]).await;
    let record: Option<Record> = match found {
        Err(error) if error.is_not_found() => None,
        found => found?.pop(),
    };
    let Some(record) = record else { return Ok((State::default(), 0)) };
    let generation = record.generation;
    Ok((read(record)?, generation))
}

fn read(record: Record) -> Result<State> {
    serde_json::from_value(record.data).map_err(|source| {
        Error::corrupt("the entry of a knowledge base cannot be read").with("knowledge", &record.external_id).with_source(source)
    })
}

/// Every knowledge base of an engine, by name.
pub(super) async fn list(engine: &dyn Engine) -> Result<Vec<(String, State)>> {
    let mut stream = match engine.stream_records(&entity(), &RecordQuery::new()).await {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        stream => stream?,
    };
    let mut found = Vec::new();
    while let Some(record) = stream.try_next().await? {
        found.push((record.external_id.clone(), read(record)?));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Stores the state over the one of that generation; whether that was still there.
pub(super) async fn store(parts: &Parts, state: &State, generation: i64) -> Result<bool> {
    let data =
        serde_json::to_value(state).map_err(|source| Error::internal("an entry could not be written").with_source(source))?;
    let mut record = NewRecord::new(&parts.name, data);
    record.expected_generation = Some(generation);
    let batch = SyncBatch::new(ENTITY, CONNECTION, [record]).options(UpsertOptions::from(UpsertMode::Replace));
    match parts.engine.sync_records(&batch).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

/// The version that these parts search and index: the active one, made where there is none.
pub(super) async fn open(parts: &Parts) -> Result<Version> {
    for _ in 0..ATTEMPTS {
        let (state, generation) = load(&*parts.engine, &parts.name).await?;
        if let Some(active) = &state.active {
            if !active.is_of(parts) {
                return Err(another(parts, active));
            }
            if !state.retired.is_empty()
                && let Err(error) = sweep(parts).await
            {
                tracing::warn!(knowledge = parts.name, kind = %error.kind(), "what a reindexing left behind could not be taken away");
            }
            return Ok(active.clone());
        }
        // What a first reindexing began is gone on with, where it is the same.
        let (first, building) = match state.building {
            Some(building) if building.is_of(parts) => (building, None),
            ref building => (unused(parts, &state).await?, building.clone()),
        };
        let opened = State { active: Some(first.clone()), building, retired: state.retired };
        if store(parts, &opened, generation).await? {
            return Ok(first);
        }
    }
    Err(busy(parts))
}

/// The next version that leaves no trace yet, in the store or in the queue: what an earlier life of this name left there is nobody's.
pub(super) async fn unused(parts: &Parts, state: &State) -> Result<Version> {
    let subscriptions = parts.queue()?.list_subscriptions().await?;
    let mut number = state.versions().map(|version| version.number).max().unwrap_or_default();
    loop {
        number += 1;
        let version = Version::of(parts, number);
        if subscriptions.iter().any(|subscription| subscription.name == version.subscription) {
            continue;
        }
        match parts.vectors.get_index(&version.index).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => return Ok(version),
            Err(error) => return Err(error),
        }
    }
}

/// Takes away what is retired. Stopped in the middle, the next one goes on.
pub(super) async fn sweep(parts: &Parts) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let (state, generation) = load(&*parts.engine, &parts.name).await?;
        if state.retired.is_empty() {
            return Ok(());
        }
        for version in &state.retired {
            discard(&*parts.engine, &*parts.vectors, version).await?;
        }
        if store(parts, &State { retired: Vec::new(), ..state }, generation).await? {
            return Ok(());
        }
    }
    Err(busy(parts))
}

/// Fails where a version is no longer one of those that are searched or built.
pub(super) async fn still_in_use(engine: &dyn Engine, name: &str, version: &Version) -> Result<()> {
    let (state, _) = load(engine, name).await?;
    if state.in_use().any(|other| other == version) {
        return Ok(());
    }
    Err(Error::conflict("the knowledge base was reindexed or removed since it was opened: open it again").with("knowledge", name))
}

pub(super) fn busy(parts: &Parts) -> Error {
    Error::conflict("others keep changing the entry of the knowledge base").with("knowledge", &parts.name).retryable(true)
}

/// The active version, which has to be one that these parts search.
pub(super) async fn find(parts: &Parts) -> Result<Version> {
    match load(&*parts.engine, &parts.name).await?.0.active {
        Some(active) if active.is_of(parts) => Ok(active),
        Some(active) => Err(another(parts, &active)),
        None => Err(Error::not_found("the knowledge base was never indexed").with("knowledge", &parts.name)),
    }
}

fn another(parts: &Parts, active: &Version) -> Error {
    let what = if active.model == parts.embedder.model() {
        "another chunker, other fields or in another namespace"
    } else {
        "another model"
    };
    Error::schema_mismatch(format!("the knowledge base was indexed by {what}; reindex it, or open it as it was"))
        .with("knowledge", &parts.name)
        .with("indexed_by", &active.model)
        .with("opened_with", parts.embedder.model())
}

/// Removes the entry.
pub(super) async fn forget(engine: &dyn Engine, name: &str) -> Result<()> {
    match engine.delete_records(&entity(), &RecordSelector::ExternalIds(vec![name.to_owned()])).await {
        Err(error) if error.is_not_found() => Ok(()),
        done => done.map(drop),
    }
}

/// For messages of the command line.
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", json!({ "number": self.number, "model": self.model }))
    }
}
