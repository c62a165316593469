//! How a collection is made, changed and described.

use std::collections::BTreeMap;

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::vectors_config::Config as Vectors;
use qdrant_client::qdrant::{quantization_config, quantization_config_diff};

use super::vectors::{UNNAMED, VectorSpace};
use super::{Collection, StrictMode};
use crate::qdrant::data::{Object, merge, object_from_wire, object_into_wire};
use crate::qdrant::status::{Result, not_imitated, validation};

/// The configuration as it was asked for, with the server's defaults where it was not.
#[derive(Debug, Clone)]
pub(super) struct Config {
    params: wire::CollectionParams,
    hnsw: wire::HnswConfigDiff,
    optimizers: wire::OptimizersConfigDiff,
    wal: wire::WalConfigDiff,
    quantization: Option<wire::QuantizationConfig>,
    pub(super) strict: Option<StrictMode>,
    pub(super) metadata: Object,
}

impl Collection {
    #[expect(deprecated, reason = "both the old and the new place of a setting are kept as they were sent")]
    pub(crate) fn create(request: wire::CreateCollection) -> Result<Self> {
        if request.sparse_vectors_config.as_ref().is_some_and(|config| !config.map.is_empty()) {
            return Err(not_imitated("sparse vectors"));
        }
        if request.sharding_method.is_some_and(|method| method != i32::from(wire::ShardingMethod::Auto)) {
            return Err(not_imitated("custom sharding"));
        }
        let one_or_more = [
            ("shard_number", request.shard_number),
            ("replication_factor", request.replication_factor),
            ("write_consistency_factor", request.write_consistency_factor),
        ];
        if let Some((field, _)) = one_or_more.iter().find(|(_, number)| *number == Some(0)) {
            return Err(validation(field, "value 0 invalid, must be 1 or larger"));
        }
        request.hnsw_config.as_ref().map_or(Ok(()), check_hnsw)?;
        let config = Config {
            params: wire::CollectionParams {
                shard_number: request.shard_number.unwrap_or(1),
                on_disk_payload: request.on_disk_payload.unwrap_or(true),
                vectors_config: Some(request.vectors_config.clone().unwrap_or_default()),
                replication_factor: Some(request.replication_factor.unwrap_or(1)),
                write_consistency_factor: Some(request.write_consistency_factor.unwrap_or(1)),
                payload: request.payload,
                id_tracker: request.id_tracker,
                ..wire::CollectionParams::default()
            },
            hnsw: over(default_hnsw(), request.hnsw_config.unwrap_or_default()),
            optimizers: request.optimizers_config.unwrap_or_default(),
            wal: request.wal_config.unwrap_or_default(),
            quantization: request.quantization_config,
            strict: request.strict_mode_config.map(StrictMode::read).transpose()?,
            metadata: object_from_wire(request.metadata)?,
        };
        Ok(Self {
            spaces: spaces(request.vectors_config)?,
            config,
            points: BTreeMap::new(),
            fields: BTreeMap::new(),
            indexes: BTreeMap::new(),
            outlived: BTreeMap::new(),
            operation: 0,
        })
    }

    /// Changes what was sent and leaves the rest. Metadata is merged: a null removes its key.
    pub(crate) fn reconfigure(&mut self, request: wire::UpdateCollection) -> Result<()> {
        if request.params.is_some()
            || request.vectors_config.is_some()
            || request.sparse_vectors_config.is_some()
            || request.optimizers_config.is_some()
        {
            return Err(not_imitated("changing this part of a collection's configuration"));
        }
        let metadata = object_from_wire(request.metadata)?;
        if let Some(hnsw) = request.hnsw_config {
            check_hnsw(&hnsw)?;
            self.config.hnsw = over(self.config.hnsw, hnsw);
        }
        if let Some(quantization) = request.quantization_config.and_then(|diff| diff.quantization) {
            use quantization_config::Quantization as New;
            use quantization_config_diff::Quantization as Sent;
            let new = match quantization {
                Sent::Scalar(scalar) => Some(New::Scalar(scalar)),
                Sent::Product(product) => Some(New::Product(product)),
                Sent::Binary(binary) => Some(New::Binary(binary)),
                Sent::Turboquant(turbo) => Some(New::Turboquant(turbo)),
                Sent::Disabled(_) => None,
            };
            self.config.quantization = new.map(|new| wire::QuantizationConfig { quantization: Some(new) });
        }
        if let Some(strict) = request.strict_mode_config {
            let strict = StrictMode::read(strict)?;
            self.config.strict =
                Some(self.config.strict.take().map_or_else(|| strict.clone(), |old| old.changed(strict.clone())));
        }
        merge(&mut self.config.metadata, &metadata);
        Ok(())
    }

    /// The description that `get` answers with. Nothing is ever optimised here, so the collection is green and, as a small one is
    /// on the server, without vectors in a graph.
    pub(crate) fn describe(&self) -> wire::CollectionInfo {
        wire::CollectionInfo {
            status: wire::CollectionStatus::Green.into(),
            optimizer_status: Some(wire::OptimizerStatus { ok: true, error: String::new() }),
            segments_count: 1,
            config: Some(wire::CollectionConfig {
                params: Some(self.config.params.clone()),
                hnsw_config: Some(self.config.hnsw),
                optimizer_config: Some(self.config.optimizers),
                wal_config: Some(self.config.wal),
                quantization_config: self.config.quantization,
                strict_mode_config: self.config.strict.clone().map(StrictMode::into_wire),
                metadata: object_into_wire(self.config.metadata.clone()),
            }),
            payload_schema: self.payload_schema(),
            points_count: Some(self.points.len() as u64),
            indexed_vectors_count: Some(0),
            ..wire::CollectionInfo::default()
        }
    }

    /// The links a point has under this name, in the graph of all points and in that of one tenant.
    pub(super) fn graph(&self, using: &str) -> (u64, u64) {
        let named = self.config.params.vectors_config.as_ref().and_then(|config| config.config.as_ref());
        let params = match named {
            Some(Vectors::Params(params)) => Some(params),
            Some(Vectors::ParamsMap(map)) => map.map.get(using),
            None => None,
        };
        let own = params.and_then(|params| params.hnsw_config).unwrap_or_default();
        let all = own.m.or(self.config.hnsw.m).unwrap_or_default();
        (all, own.payload_m.or(self.config.hnsw.payload_m).unwrap_or(all))
    }
}

fn spaces(config: Option<wire::VectorsConfig>) -> Result<BTreeMap<String, VectorSpace>> {
    match config.and_then(|config| config.config) {
        None => Ok(BTreeMap::new()),
        Some(Vectors::Params(params)) => Ok(BTreeMap::from([(UNNAMED.to_owned(), space(&params)?)])),
        Some(Vectors::ParamsMap(map)) => map.map.iter().map(|(name, params)| Ok((name.clone(), space(params)?))).collect(),
    }
}

fn space(params: &wire::VectorParams) -> Result<VectorSpace> {
    params.hnsw_config.as_ref().map_or(Ok(()), check_hnsw)?;
    VectorSpace::read(params)
}

fn check_hnsw(config: &wire::HnswConfigDiff) -> Result<()> {
    match config.ef_construct {
        Some(ef @ 0..4) => Err(validation("hnsw_config.ef_construct", format!("value {ef} invalid, must be 4 or larger"))),
        _ => Ok(()),
    }
}

fn default_hnsw() -> wire::HnswConfigDiff {
    wire::HnswConfigDiff {
        m: Some(16),
        ef_construct: Some(100),
        full_scan_threshold: Some(10_000),
        max_indexing_threads: Some(0),
        ..wire::HnswConfigDiff::default()
    }
}

/// The old settings with the new ones over them.
#[expect(deprecated, reason = "both the old and the new place of a setting are kept as they were sent")]
fn over(old: wire::HnswConfigDiff, new: wire::HnswConfigDiff) -> wire::HnswConfigDiff {
    wire::HnswConfigDiff {
        m: new.m.or(old.m),
        ef_construct: new.ef_construct.or(old.ef_construct),
        full_scan_threshold: new.full_scan_threshold.or(old.full_scan_threshold),
        max_indexing_threads: new.max_indexing_threads.or(old.max_indexing_threads),
        on_disk: new.on_disk.or(old.on_disk),
        payload_m: new.payload_m.or(old.payload_m),
        inline_storage: new.inline_storage.or(old.inline_storage),
        memory: new.memory.or(old.memory),
    }
}
