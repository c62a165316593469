//! Strict mode: limits that a collection sets to its requests. All of them are refused with `InvalidArgument`.
//!
//! Not imitated: rate limits (throttle a call by a fault instead) and limits by bytes or by memory.

use qdrant_client::qdrant as wire;

use super::{Collection, Index};
use crate::qdrant::filter::{Condition, Field, Filter, Match, Range};
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, bad_request, strict, validation};

/// A collection's limits, as they were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct StrictMode(wire::StrictModeConfig);

impl std::ops::Deref for StrictMode {
    type Target = wire::StrictModeConfig;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// What a request is checked for. What it has not is left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checked<'a> {
    pub(crate) timeout: Option<u64>,
    pub(crate) limit: Option<usize>,
    pub(crate) read: Option<&'a Filter>,
    pub(crate) write: Option<&'a Filter>,
    pub(crate) exact: bool,
    pub(crate) params: Option<&'a wire::SearchParams>,
    /// How many points an upsert or an update of vectors has, and under which name its limit is told.
    pub(crate) points: Option<(usize, &'static str)>,
    pub(crate) batch: Option<usize>,
}

impl StrictMode {
    #[expect(deprecated, reason = "its bounds are checked still")]
    pub(super) fn read(config: wire::StrictModeConfig) -> Result<Self> {
        let zero = [
            ("max_query_limit", config.max_query_limit == Some(0)),
            ("max_timeout", config.max_timeout == Some(0)),
            ("max_points_count", config.max_points_count == Some(0)),
            ("read_rate_limit", config.read_rate_limit == Some(0)),
            ("write_rate_limit", config.write_rate_limit == Some(0)),
            ("max_resident_memory_percent", config.max_resident_memory_percent == Some(0)),
        ];
        match zero.iter().find(|(_, zero)| *zero) {
            Some((field, _)) => Err(validation(field, "value 0 invalid, must be 1 or larger")),
            None => Ok(Self(config)),
        }
    }

    /// These limits with the new ones over them.
    #[expect(deprecated, reason = "the message has it still")]
    pub(super) fn changed(self, new: Self) -> Self {
        let (old, new) = (self.0, new.0);
        Self(wire::StrictModeConfig {
            enabled: new.enabled.or(old.enabled),
            max_query_limit: new.max_query_limit.or(old.max_query_limit),
            max_timeout: new.max_timeout.or(old.max_timeout),
            unindexed_filtering_retrieve: new.unindexed_filtering_retrieve.or(old.unindexed_filtering_retrieve),
            unindexed_filtering_update: new.unindexed_filtering_update.or(old.unindexed_filtering_update),
            search_max_hnsw_ef: new.search_max_hnsw_ef.or(old.search_max_hnsw_ef),
            search_allow_exact: new.search_allow_exact.or(old.search_allow_exact),
            search_max_oversampling: new.search_max_oversampling.or(old.search_max_oversampling),
            upsert_max_batchsize: new.upsert_max_batchsize.or(old.upsert_max_batchsize),
            search_max_batchsize: new.search_max_batchsize.or(old.search_max_batchsize),
            max_collection_vector_size_bytes: new.max_collection_vector_size_bytes.or(old.max_collection_vector_size_bytes),
            read_rate_limit: new.read_rate_limit.or(old.read_rate_limit),
            write_rate_limit: new.write_rate_limit.or(old.write_rate_limit),
            max_collection_payload_size_bytes: new.max_collection_payload_size_bytes.or(old.max_collection_payload_size_bytes),
            filter_max_conditions: new.filter_max_conditions.or(old.filter_max_conditions),
            condition_max_size: new.condition_max_size.or(old.condition_max_size),
            multivector_config: new.multivector_config.or(old.multivector_config),
            sparse_config: new.sparse_config.or(old.sparse_config),
            max_points_count: new.max_points_count.or(old.max_points_count),
            max_payload_index_count: new.max_payload_index_count.or(old.max_payload_index_count),
            max_resident_memory_percent: new.max_resident_memory_percent.or(old.max_resident_memory_percent),
        })
    }

    pub(super) fn into_wire(self) -> wire::StrictModeConfig {
        self.0
    }
}

impl Collection {
    /// The limits, where they are switched on.
    pub(super) fn strict(&self) -> Option<&StrictMode> {
        self.config.strict.as_ref().filter(|strict| strict.enabled == Some(true))
    }

    /// Refuses what the limits forbid.
    pub(crate) fn check(&self, request: Checked<'_>) -> Result<()> {
        let Some(mode) = self.strict() else { return Ok(()) };
        at_most(request.timeout, mode.max_timeout.map(u64::from), "timeout")?;
        if let Some((points, name)) = request.points {
            at_most(Some(points as u64), mode.upsert_max_batchsize, name)?;
            if let Some(most) = mode.max_points_count
                && self.points.len() as u64 >= most
            {
                return Err(bad_request(format!("Max points count limit of {most} reached!")));
            }
        }
        at_most(request.batch.map(|batch| batch as u64), mode.search_max_batchsize, "search batch size")?;
        at_most(request.limit.map(|limit| limit as u64), mode.max_query_limit.map(u64::from), "limit")?;
        self.check_filter(request.read, mode.unindexed_filtering_retrieve, mode)?;
        self.check_filter(request.write, mode.unindexed_filtering_update, mode)?;
        let exact = request.exact || request.params.is_some_and(|params| params.exact == Some(true));
        if exact && mode.search_allow_exact == Some(false) {
            return Err(strict("Exact search disabled!", "Set exact=false."));
        }
        if let Some(params) = request.params {
            let oversampling = params.quantization.and_then(|quantization| quantization.oversampling);
            at_most(oversampling, mode.search_max_oversampling.map(f64::from), "oversampling")?;
            at_most(params.hnsw_ef, mode.search_max_hnsw_ef.map(u64::from), "hnsw_ef")?;
        }
        Ok(())
    }

    /// Refuses to look through all vectors where that is not allowed and no graph serves this name: neither the one of all points,
    /// nor, for a filter on a tenant's key, the one of the tenant.
    pub(super) fn check_full_scan(&self, using: &str, filter: Option<&Filter>) -> Result<()> {
        let forbidden = self.strict().is_some_and(|mode| mode.search_allow_exact == Some(false));
        let (all, tenant) = self.graph(using);
        if !forbidden || all > 0 || (tenant > 0 && filter.is_some_and(|filter| self.asks_for_tenant(filter))) {
            return Ok(());
        }
        let help = "Use tenant-specific filter, enable global vector indexing or enable strict mode `search_allow_exact` option";
        Err(strict("Request is forbidden because global vector indexing is disabled (hnsw_config.m = 0)", help))
    }

    fn check_filter(&self, filter: Option<&Filter>, unindexed: Option<bool>, mode: &StrictMode) -> Result<()> {
        let Some(filter) = filter else { return Ok(()) };
        if unindexed == Some(false)
            && let Some(key) = self.without_index(filter, None)
        {
            let error = format!("Index required but not found for \"{key}\"");
            return Err(strict(error, "Create an index for this key or use a different filter."));
        }
        let conditions = count(filter) as u64;
        if mode.filter_max_conditions.is_some_and(|most| conditions > most) {
            let error = format!("Filter condition limit reached ({conditions})");
            return Err(strict(error, "Reduce the amount of conditions of your filter."));
        }
        let size = size(filter) as u64;
        if mode.condition_max_size.is_some_and(|most| size > most) {
            return Err(strict(format!("Condition size limit reached ({size})"), "Reduce the size of your condition."));
        }
        Ok(())
    }

    /// A key that the filter asks for and that no index serves.
    fn without_index(&self, filter: &Filter, below: Option<&Path>) -> Option<Path> {
        let full = |key: &Path| below.map_or_else(|| key.clone(), |below| below.join(key));
        let lacks = |key: &Path, serves: &dyn Fn(&Index) -> bool| {
            let key = full(key);
            (!self.indexes.get(&key).is_some_and(serves)).then_some(key)
        };
        filter.conditions().find_map(|condition| match condition {
            Condition::Field(field) if no_op(field) => None,
            Condition::Field(field) => lacks(&field.key, &|index| serves(index, field)),
            Condition::IsEmpty(key) | Condition::IsNull(key) => lacks(key, &|_| true),
            Condition::Filter(filter) => self.without_index(filter, below),
            Condition::Nested(key, filter) => self.without_index(filter, Some(&full(key))),
            Condition::HasId(_) | Condition::HasVector(_) => None,
        })
    }
}

/// An empty list asks for nothing that an index could help with.
fn no_op(field: &Field) -> bool {
    let empty = match &field.matching {
        Some(Match::AnyKeyword(list) | Match::ExceptKeywords(list)) => list.is_empty(),
        Some(Match::AnyInteger(list) | Match::ExceptIntegers(list)) => list.is_empty(),
        _ => false,
    };
    empty && field.range.is_none() && field.values_count.is_none() && field.is_empty.is_none() && field.is_null.is_none()
}

/// Whether an index of this kind is one that the condition asks for: of several parts, one suffices.
fn serves(index: &Index, field: &Field) -> bool {
    let any_kind = field.values_count.is_some() || field.is_empty.is_some() || field.is_null.is_some();
    let uuid = |text: &String| uuid::Uuid::parse_str(text).is_ok();
    let by_match = field.matching.as_ref().is_some_and(|matching| match matching {
        Match::Keyword(text) => matches!(index, Index::Keyword { .. }) || (*index == Index::Uuid && uuid(text)),
        Match::AnyKeyword(list) | Match::ExceptKeywords(list) => {
            matches!(index, Index::Keyword { .. }) || (*index == Index::Uuid && list.iter().all(uuid))
        }
        Match::Integer(_) | Match::AnyInteger(_) | Match::ExceptIntegers(_) => {
            matches!(index, Index::Integer { lookup: true, .. })
        }
        Match::Bool(_) => *index == Index::Bool,
        Match::Text(_) | Match::TextAny(_) => matches!(index, Index::Text(_)),
        Match::Phrase(_) => matches!(index, Index::Text(text) if text.phrases),
        Match::Prefix(_) => *index == Index::Keyword { prefix: true },
    });
    let by_range = field.range.is_some_and(|range| match range {
        Range::Number(_) => matches!(index, Index::Float | Index::Integer { range: true, .. }),
        Range::Time(_) => *index == Index::Datetime,
    });
    any_kind || by_match || by_range
}

fn at_most<T: PartialOrd + std::fmt::Display>(value: Option<T>, most: Option<T>, name: &str) -> Result<()> {
    match (value, most) {
        (Some(value), Some(most)) if value > most => {
            let help = format!("Reduce the \"{name}\" parameter to or below {most}.");
            Err(strict(format!("Limit exceeded {value} > {most} for \"{name}\""), &help))
        }
        _ => Ok(()),
    }
}

/// How many conditions there are, with those inside of filters instead of the filters.
fn count(filter: &Filter) -> usize {
    let inside = |condition: &Condition| match condition {
        Condition::Filter(filter) | Condition::Nested(_, filter) => count(filter),
        _ => 1,
    };
    filter.conditions().map(inside).sum()
}

/// The length of the longest list.
fn size(filter: &Filter) -> usize {
    let of = |condition: &Condition| match condition {
        Condition::Field(field) => match &field.matching {
            Some(Match::AnyKeyword(list) | Match::ExceptKeywords(list)) => list.len(),
            Some(Match::AnyInteger(list) | Match::ExceptIntegers(list)) => list.len(),
            _ => 0,
        },
        Condition::HasId(ids) => ids.len(),
        Condition::Filter(filter) | Condition::Nested(_, filter) => size(filter),
        Condition::IsEmpty(_) | Condition::IsNull(_) | Condition::HasVector(_) => 0,
    };
    filter.conditions().map(of).max().unwrap_or_default()
}
