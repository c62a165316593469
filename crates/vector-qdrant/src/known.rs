//! What is remembered of an index, and how it stands in its collection's metadata.

use crate::name;
use mastra_core::{
    Error, Result,
    vector::{Element, IndexKind, IndexSpec, Metric},
};
use qdrant_client::qdrant::{CollectionInfo, Value, value::Kind};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, SystemTime},
};

const SPEC: &str = "mastra_index";
const READY: &str = "mastra_ready";
/// When it was begun, in milliseconds since 1970.
const BEGUN: &str = "mastra_begun";

/// How many ranks of its id a point has; where it is missing, points were written with the first alone.
const RANKED: &str = "mastra_ranks";

/// Whoever makes an index is done by then, or gone.
const ABANDONED: Duration = Duration::from_secs(60);

/// An index, as its collection tells.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) spec: Arc<IndexSpec>,
    pub(crate) collection: String,
    /// The name of the vector.
    pub(crate) vector: &'static str,
    /// Strict mode forbids looking at every point.
    pub(crate) forbids_exact: bool,
    /// How many hits a request may ask for.
    pub(crate) query_limit: usize,
    /// How many points one page of a walk holds.
    pub(crate) page: u32,
    /// How many points a request may write.
    pub(crate) batch: usize,
    /// By how many ranks its points can be sorted.
    pub(crate) ranks: usize,
    /// By how many ranks the last page was told from what precedes it: the next one begins there.
    pub(crate) depth: Arc<AtomicUsize>,
}

impl Known {
    /// `None` where the collection is not one of ours, or was never finished.
    pub(crate) fn read(collection: String, info: &CollectionInfo) -> Result<Option<Self>> {
        let Some(config) = &info.config else { return Ok(None) };
        let ready = matches!(config.metadata.get(READY), Some(Value { kind: Some(Kind::BoolValue(true)) }));
        let Some(Value { kind: Some(Kind::StringValue(json)) }) = config.metadata.get(SPEC).filter(|_| ready) else {
            return Ok(None);
        };
        let spec: IndexSpec = serde_json::from_str(json)
            .map_err(|_| Error::schema_mismatch("the index was made by a version of this store that this one cannot read"))?;
        let strict = config.strict_mode_config.as_ref().filter(|strict| strict.enabled == Some(true));
        Ok(Some(Self {
            collection,
            vector: vector_name(&spec),
            forbids_exact: strict.is_some_and(|strict| strict.search_allow_exact == Some(false)),
            query_limit: strict
                .and_then(|strict| strict.max_query_limit)
                .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            page: strict.and_then(|strict| strict.max_query_limit).unwrap_or(u32::MAX).clamp(1, 1_000),
            batch: strict
                .and_then(|strict| strict.upsert_max_batchsize)
                .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX).max(1)),
            ranks: match config.metadata.get(RANKED).and_then(|value| value.kind.as_ref()) {
                Some(Kind::IntegerValue(ranks)) => usize::try_from(*ranks).unwrap_or(1).clamp(1, name::RANKS),
                _ => 1,
            },
            depth: Arc::default(),
            spec: Arc::new(spec),
        }))
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.spec.kind == IndexKind::Flat
    }
}

/// The name of the vector tells how it is measured: a request that was made for another index of the same name is refused by the server.
pub(crate) const fn vector_name(spec: &IndexSpec) -> &'static str {
    match (spec.metric, spec.element) {
        (Metric::Cosine, Element::F16) => "cosine_f16",
        (Metric::Dot, Element::F16) => "dot_f16",
        (Metric::Euclidean, Element::F16) => "euclidean_f16",
        (Metric::Cosine, _) => "cosine",
        (Metric::Dot, _) => "dot",
        _ => "euclidean",
    }
}

/// The metadata of a collection that is being made.
pub(crate) fn unfinished(spec: &IndexSpec) -> Result<HashMap<String, Value>> {
    let json = serde_json::to_string(spec)
        .map_err(|source| Error::internal("the index could not be written down").with_source(source))?;
    Ok(HashMap::from([
        (SPEC.to_owned(), Value::from(json)),
        (READY.to_owned(), Value::from(false)),
        (BEGUN.to_owned(), Value::from(now())),
        (RANKED.to_owned(), Value::from(i64::try_from(name::RANKS).unwrap_or(1))),
    ]))
}

/// What is merged into it once every part is there.
pub(crate) fn finished() -> HashMap<String, Value> {
    HashMap::from([(READY.to_owned(), Value::from(true))])
}

/// Whether making this collection was begun by us, and given up long ago.
pub(crate) fn is_abandoned(info: &CollectionInfo) -> bool {
    let Some(config) = &info.config else { return false };
    let value = |key: &str| config.metadata.get(key).and_then(|value| value.kind.as_ref());
    match (value(READY), value(BEGUN)) {
        (Some(Kind::BoolValue(false)), Some(Kind::IntegerValue(begun))) => {
            let age = u64::try_from(now().saturating_sub(*begun)).map(Duration::from_millis);
            age.is_ok_and(|age| age > ABANDONED)
        }
        _ => false,
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
