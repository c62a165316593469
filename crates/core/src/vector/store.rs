//! The traits that a vector backend implements.

use super::{
    answer::VectorAnswer,
    capabilities::VectorCapabilities,
    index::{IndexDescription, IndexSpec, NamespaceInfo},
    point::{Include, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
    query::{PointCountQuery, ScrollQuery, VectorQuery},
};
use crate::{
    engine::EngineInfo,
    error::Result,
    query::{Count, Page},
};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// Everything that can be done with the points of an index: on a [`VectorStore`], each call by itself, or inside a transaction of
/// an engine that keeps its vectors in the same database.
///
/// # The contract, for callers and backends alike
///
/// - An index that is not there is `NotFound`; a namespace exists as long as it holds points, and one that holds none is empty, never an
///   error. Every operation sees and touches the points of its [`Scope`] alone.
/// - Filters ask of metadata, under the same law as of records: [`Filter::matches`](crate::Filter::matches) decides.
/// - Scores follow the [score law](super::score); hits are ordered by score, ties by id, and an answer says how sure it is.
/// - A write is seen by the next call of whoever awaited it.
/// - Malformed arguments are refused before any I/O; that is [`CheckedVectors`](super::CheckedVectors)' work. A backend can rely on it,
///   but for the index having been made again since it was looked up: [`IndexSpec::still_takes`](super::IndexSpec::still_takes), asked
///   inside the statement that writes or searches, tells, as a `SchemaMismatch`.
/// - Every method costs a number of round trips that does not grow with its input, up to the store's own limit of a request.
#[async_trait]
pub trait VectorOperations: Send + Sync + fmt::Debug {
    /// What this store can do.
    fn capabilities(&self) -> &VectorCapabilities;

    /// Which backend this is, for traces and messages.
    fn info(&self) -> &EngineInfo;

    /// How an index was made; `NotFound` where it is not there. Cheap: nothing is counted.
    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>>;

    /// Writes points: each takes the place of the one of its id, with vector, metadata and text.
    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport>;

    /// The points of these ids, in their order, each once; those that are not there are left out.
    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>>;

    /// Changes points that are there and tells how many. What the update leaves out stays: another vector never touches metadata.
    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64>;

    /// Removes points for good and tells how many.
    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64>;

    /// Removes every point of the namespace and tells how many.
    async fn delete_all(&self, scope: &Scope) -> Result<u64>;

    /// Searches.
    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer>;

    /// Several searches, each as [`VectorOperations::query`] would answer it.
    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            answers.push(self.query(scope, query).await?);
        }
        Ok(answers)
    }

    /// One page of a walk in order of ids (by code point). A point that is there from the first page to the last is met once.
    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>>;

    /// How many points match.
    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count>;
}

/// A whole store: [`VectorOperations`] with the administration of its indexes. Used as `Arc<dyn VectorStore>`.
#[async_trait]
pub trait VectorStore: VectorOperations {
    /// Makes an index; `AlreadyExists` where there is one of that name, however it was made.
    async fn create_index(&self, spec: &IndexSpec) -> Result<()>;

    /// How the indexes were made, in order of their names. Nothing is counted.
    async fn list_indexes(&self) -> Result<Vec<IndexSpec>>;

    /// How an index was made, and how much it holds.
    async fn describe_index(&self, index: &str) -> Result<IndexDescription>;

    /// Drops an index with all that it holds; `NotFound` where it is not there.
    async fn delete_index(&self, index: &str) -> Result<()>;

    /// Removes every point of an index, of all namespaces, and keeps the index.
    async fn truncate_index(&self, index: &str) -> Result<()>;

    /// The namespaces of an index that hold points, in order of their names.
    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>>;

    /// Removes a namespace with all that it holds, and tells how many points that was; an empty one is nothing to remove.
    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64>;

    /// Asks the store whether it is there.
    async fn ping(&self) -> Result<()>;

    /// Closes connections. Later calls fail as `Unavailable`.
    async fn close(&self) -> Result<()>;
}
