//! A point, and how much of it an answer shows.

use std::collections::BTreeMap;

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{with_payload_selector, with_vectors_selector};

use super::vectors::UNNAMED;
use crate::qdrant::data::{Object, object_into_wire};
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, malformed};

/// A stored point. Its vectors are as the collection keeps them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) vectors: BTreeMap<String, Vec<f32>>,
    pub(crate) payload: Object,
    pub(crate) version: u64,
}

/// Which part of the payload an answer carries.
#[derive(Debug, Clone)]
pub(crate) enum WithPayload {
    All,
    Nothing,
    Include(Vec<Path>),
    Exclude(Vec<Path>),
}

/// Which vectors an answer carries. A name that a point has no vector of is left out without a word.
#[derive(Debug, Clone)]
pub(crate) enum WithVectors {
    All,
    Nothing,
    Include(Vec<String>),
}

impl WithPayload {
    /// Reads the selector; `default` is what a request without one means, which differs between calls.
    pub(crate) fn read(selector: Option<wire::WithPayloadSelector>, default: Self) -> Result<Self> {
        use with_payload_selector::SelectorOptions;
        let Some(selector) = selector else { return Ok(default) };
        let paths = |fields: Vec<String>| fields.iter().map(|field| Path::parse(field)).collect::<Result<Vec<_>>>();
        Ok(match selector.selector_options.ok_or_else(|| malformed("No PayloadSelector"))? {
            SelectorOptions::Enable(true) => Self::All,
            SelectorOptions::Enable(false) => Self::Nothing,
            SelectorOptions::Include(include) => Self::Include(paths(include.fields)?),
            SelectorOptions::Exclude(exclude) => Self::Exclude(paths(exclude.fields)?),
        })
    }

    fn apply(&self, payload: &Object) -> Object {
        match self {
            Self::All => payload.clone(),
            Self::Nothing => Object::new(),
            Self::Include(paths) => Path::include(paths, payload),
            Self::Exclude(paths) => Path::exclude(paths, payload),
        }
    }
}

impl WithVectors {
    pub(crate) fn read(selector: Option<wire::WithVectorsSelector>) -> Self {
        use with_vectors_selector::SelectorOptions;
        match selector.and_then(|selector| selector.selector_options) {
            Some(SelectorOptions::Enable(true)) => Self::All,
            Some(SelectorOptions::Include(include)) => Self::Include(include.names),
            Some(SelectorOptions::Enable(false)) | None => Self::Nothing,
        }
    }

    fn apply(&self, vectors: &BTreeMap<String, Vec<f32>>) -> Option<wire::VectorsOutput> {
        let chosen: Vec<(&String, &Vec<f32>)> = match self {
            Self::Nothing => return None,
            Self::All => vectors.iter().collect(),
            Self::Include(names) => vectors.iter().filter(|(name, _)| names.contains(name)).collect(),
        };
        let options = match chosen.as_slice() {
            [(name, vector)] if name.as_str() == UNNAMED => VectorsOptions::Vector(dense(vector)),
            named => {
                let vectors = named.iter().map(|(name, vector)| ((*name).clone(), dense(vector))).collect();
                VectorsOptions::Vectors(wire::NamedVectorsOutput { vectors })
            }
        };
        Some(wire::VectorsOutput { vectors_options: Some(options) })
    }
}

/// The field that clients before 1.16 read stays empty, as it does on the server since then.
#[expect(deprecated, reason = "the message has the field still")]
fn dense(vector: &[f32]) -> wire::VectorOutput {
    wire::VectorOutput {
        data: Vec::new(),
        indices: None,
        vectors_count: None,
        vector: Some(wire::vector_output::Vector::Dense(wire::DenseVector { data: vector.to_vec() })),
    }
}

impl Point {
    /// The point as `get` and `scroll` show it.
    pub(crate) fn retrieved(&self, id: Id, payload: &WithPayload, vectors: &WithVectors) -> wire::RetrievedPoint {
        wire::RetrievedPoint {
            id: Some(id.into_wire()),
            payload: object_into_wire(payload.apply(&self.payload)),
            vectors: vectors.apply(&self.vectors),
            shard_key: None,
            order_value: None,
        }
    }

    /// The point as a query shows it.
    pub(crate) fn scored(&self, id: Id, score: f32, payload: &WithPayload, vectors: &WithVectors) -> wire::ScoredPoint {
        wire::ScoredPoint {
            id: Some(id.into_wire()),
            payload: object_into_wire(payload.apply(&self.payload)),
            score,
            version: self.version,
            vectors: vectors.apply(&self.vectors),
            shard_key: None,
            order_value: None,
        }
    }
}
