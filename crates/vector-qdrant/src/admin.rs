//! Collections and their payload indexes.

use crate::{
    filter::quoted,
    known::{self, Known},
    payload::{META, NAMESPACE, ODD, RANKED, REVISION, Reads, TERMS},
    store::QdrantVectors,
    walk::Walk,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use mastra_core::{
    Error, ErrorKind, OptionalExt as _, Result,
    engine::FieldIndexKind,
    vector::{Element, Include, IndexField, IndexKind, IndexSpec, Metric, NamespaceInfo},
};
use qdrant_client::qdrant::{
    CollectionInfo, CreateCollection, CreateFieldIndexCollection, Datatype, Distance, FacetCounts, FieldType, HnswConfigDiff,
    IntegerIndexParams, KeywordIndexParams, KeywordPrefixParams, PayloadIndexParams, UpdateCollection, VectorParams,
    VectorParamsMap, VectorsConfig, facet_value::Variant, payload_index_params::IndexParams, vectors_config::Config,
};
use std::collections::HashMap;

/// Namespaces that one request counts; past that they are read off the points.
const FACETS: u64 = 10_000;
/// Collections that are asked at once.
const AT_ONCE: usize = 8;

impl QdrantVectors {
    pub(crate) async fn collection_info(&self, collection: &str) -> Result<Option<CollectionInfo>> {
        let answer = self
            .client
            .repeatable(|client| {
                let collection = collection.to_owned();
                async move { client.collection_info(collection).await }
            })
            .await?;
        Ok(answer.result)
    }

    /// Makes the collection and its payload indexes, then marks it as finished: what is cut off in the middle is no index, and is begun
    /// anew by an attempt a minute later. Until then it may be another caller's, who is about to finish.
    pub(crate) async fn create(&self, spec: &IndexSpec) -> Result<()> {
        self.forget(&spec.name);
        let collection = self.collection(&spec.name);
        let request = self.request(&collection, spec)?;
        match self.create_collection(&request).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let info = self.collection_info(&collection).await.optional()?.flatten();
                if !info.is_some_and(|info| known::is_abandoned(&info)) {
                    return Err(Error::already_exists("there is a vector index of this name").with("index", &spec.name));
                }
                self.drop_collection(&collection).await?;
                self.create_collection(&request).await?;
            }
            other => other?,
        }
        match self.finish(&collection, spec).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Best effort: the mark is missing anyhow.
                if let Err(other) = self.drop_collection(&collection).await {
                    tracing::debug!(kind = %other.kind(), "an unfinished collection was left behind");
                }
                Err(error)
            }
        }
    }

    fn request(&self, collection: &str, spec: &IndexSpec) -> Result<CreateCollection> {
        let distance = match spec.metric {
            Metric::Cosine => Distance::Cosine,
            Metric::Dot => Distance::Dot,
            Metric::Euclidean => Distance::Euclid,
            _ => return Err(Error::unsupported("this store does not offer the metric")),
        };
        let (m, ef_construct) = match spec.kind {
            IndexKind::Hnsw { m, ef_construction } => (u64::from(m), Some(u64::from(ef_construction))),
            // No links, no graph.
            _ => (0, None),
        };
        let datatype = if spec.element == Element::F16 { Datatype::Float16 } else { Datatype::Float32 };
        let vector = VectorParams {
            size: spec.dimension as u64,
            distance: distance.into(),
            datatype: Some(datatype.into()),
            hnsw_config: Some(HnswConfigDiff { m: Some(m), ef_construct, payload_m: Some(m), ..HnswConfigDiff::default() }),
            quantization_config: self.settings.quantization.config().filter(|_| m > 0),
            ..VectorParams::default()
        };
        let map = HashMap::from([(known::vector_name(spec).to_owned(), vector)]);
        Ok(CreateCollection {
            collection_name: collection.to_owned(),
            vectors_config: Some(VectorsConfig { config: Some(Config::ParamsMap(VectorParamsMap { map })) }),
            metadata: known::unfinished(spec)?,
            ..CreateCollection::default()
        })
    }

    async fn create_collection(&self, request: &CreateCollection) -> Result<()> {
        self.client
            .once(|client| {
                let request = request.clone();
                async move { client.create_collection(request).await }
            })
            .await
            .map(drop)
    }

    async fn finish(&self, collection: &str, spec: &IndexSpec) -> Result<()> {
        let tenant = KeywordIndexParams { is_tenant: Some(true), ..KeywordIndexParams::default() };
        let words = KeywordIndexParams { prefix: Some(KeywordPrefixParams {}), ..KeywordIndexParams::default() };
        let rank = IntegerIndexParams { lookup: Some(false), range: Some(true), ..IntegerIndexParams::default() };
        let revision = IntegerIndexParams { lookup: Some(true), range: Some(false), ..IntegerIndexParams::default() };
        let mut fields = vec![
            (NAMESPACE.to_owned(), FieldType::Keyword, Some(IndexParams::KeywordIndexParams(tenant))),
            (REVISION.to_owned(), FieldType::Integer, Some(IndexParams::IntegerIndexParams(revision))),
            (ODD.to_owned(), FieldType::Bool, None),
            (TERMS.to_owned(), FieldType::Keyword, Some(IndexParams::KeywordIndexParams(words))),
        ];
        fields
            .extend(RANKED.map(|key| (key.to_owned(), FieldType::Integer, Some(IndexParams::IntegerIndexParams(rank.clone())))));
        for field in &spec.fields {
            let kind = if self.settings.numbers.contains(&field.path) { FieldType::Float } else { FieldType::Keyword };
            fields.extend(keys(field).into_iter().map(|key| (key, kind, None)));
        }
        for (name, kind, params) in fields {
            let request = CreateFieldIndexCollection {
                collection_name: collection.to_owned(),
                wait: Some(true),
                field_name: name,
                field_type: Some(kind.into()),
                field_index_params: params.map(|params| PayloadIndexParams { index_params: Some(params) }),
                ..CreateFieldIndexCollection::default()
            };
            self.client
                .repeatable(|client| {
                    let request = request.clone();
                    async move { client.create_field_index(request).await }
                })
                .await?;
        }
        let mark = UpdateCollection {
            collection_name: collection.to_owned(),
            metadata: known::finished(),
            ..UpdateCollection::default()
        };
        self.client
            .repeatable(|client| {
                let mark = mark.clone();
                async move { client.update_collection(mark).await }
            })
            .await
            .map(drop)
    }

    /// Whether there was one.
    pub(crate) async fn drop_collection(&self, collection: &str) -> Result<bool> {
        let answer = self
            .client
            .once(|client| {
                let collection = collection.to_owned();
                async move { client.delete_collection(collection).await }
            })
            .await?;
        Ok(answer.result)
    }

    /// The collections that are ours, by the name of the index.
    pub(crate) async fn list(&self) -> Result<Vec<IndexSpec>> {
        let answer = self.client.repeatable(|client| async move { client.list_collections().await }).await?;
        let names = answer.collections.into_iter().map(|collection| collection.name);
        let names: Vec<String> = names.filter(|name| name.starts_with(&self.settings.prefix)).collect();
        let lookups: Vec<_> = names.into_iter().map(|name| self.spec_of(name)).collect();
        let specs: Vec<Option<IndexSpec>> = stream::iter(lookups).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut specs: Vec<IndexSpec> = specs.into_iter().flatten().collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(specs)
    }

    async fn spec_of(&self, collection: String) -> Result<Option<IndexSpec>> {
        let info = match self.collection_info(&collection).await {
            // It was dropped since.
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let Some(info) = info else { return Ok(None) };
        let known = Known::read(collection.clone(), &info)?;
        // Another prefix can begin alike.
        let own = known.filter(|known| self.collection(&known.spec.name) == collection);
        Ok(own.map(|known| IndexSpec::clone(&known.spec)))
    }

    pub(crate) async fn namespaces(&self, known: &Known) -> Result<Vec<NamespaceInfo>> {
        let limit = FACETS.min(known.query_limit as u64);
        let counts = match self.facets(known, limit).await? {
            Some(counts) => counts,
            None => self.namespaces_of_points(known).await?,
        };
        let mut found: Vec<NamespaceInfo> = counts.into_iter().map(|(name, count)| NamespaceInfo { name, count }).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// None where there may be more.
    async fn facets(&self, known: &Known, limit: u64) -> Result<Option<HashMap<String, u64>>> {
        let request = FacetCounts {
            collection_name: known.collection.clone(),
            key: NAMESPACE.to_owned(),
            limit: Some(limit),
            exact: Some(true),
            ..FacetCounts::default()
        };
        let answer = self
            .client
            .repeatable(|client| {
                let request = request.clone();
                async move { client.facet(request).await }
            })
            .await?;
        if answer.hits.len() as u64 >= limit {
            return Ok(None);
        }
        let named = answer.hits.into_iter().filter_map(|hit| match hit.value?.variant? {
            // A value outlives its points in the index.
            Variant::StringValue(name) if hit.count > 0 => Some((name, hit.count)),
            _ => None,
        });
        Ok(Some(named.collect()))
    }

    async fn namespaces_of_points(&self, known: &Known) -> Result<HashMap<String, u64>> {
        let reads = Reads::new(Include::ID).with_namespace();
        let mut walk = Walk::new(self, known, Some(qdrant_client::qdrant::Filter::default()), reads);
        let mut counts: HashMap<String, u64> = HashMap::new();
        while let Some(points) = walk.next().await? {
            for name in points.into_iter().filter_map(|read| read.namespace) {
                *counts.entry(name).or_default() += 1;
            }
        }
        Ok(counts)
    }
}

/// The keys that serve filters on a field: for a list each way through lists above it too.
fn keys(field: &IndexField) -> Vec<String> {
    let segments: Option<Vec<String>> = field.path.segments().iter().map(|segment| quoted(segment)).collect();
    // A key that cannot be spelled is not served: filters on it are finished in core.
    let Some(segments) = segments else { return Vec::new() };
    let mut keys = vec![format!("{META}.{}", segments.join("."))];
    if field.kind == FieldIndexKind::Multi && segments.len() > 1 {
        keys.extend((1..segments.len()).filter_map(|lists| {
            let (above, below) = segments.split_at_checked(lists)?;
            Some(format!("{META}.{}[].{}", above.join("."), below.join(".")))
        }));
    }
    keys
}
