//! What is refused before any I/O, alike on every store.

use super::{
    capabilities::VectorCapabilities,
    index::{Element, IndexKind, IndexSpec},
    point::{NewPoint, PointSelector, PointUpdate, PointUpsertOptions, Scope, Vector},
    query::{PointCountQuery, ScrollQuery, VectorQuery, VectorSearch},
    score,
};
use crate::{
    capabilities::DataCapabilities,
    data,
    error::{Error, Result},
    filter::Filter,
    text::TextQuery,
    validate::{MAX_FIELDS, field, filter as offered_filter, name},
};
use serde_json::Value;
use std::collections::HashSet;

/// The longest vector of any store.
pub const MAX_DIMENSION: usize = 65_536;
/// The most candidates that a graph search keeps.
pub const MAX_EF: u32 = 10_000;
/// The most clusters.
pub const MAX_PROBES: u32 = 32_768;

fn need(offered: bool, what: &str) -> Result<()> {
    if offered { Ok(()) } else { Err(Error::unsupported(format!("this store does not offer {what}"))) }
}

pub(super) fn scope(scope: &Scope, can: &VectorCapabilities) -> Result<()> {
    name("index name", &scope.index)?;
    namespace(&scope.namespace, can)
}

pub(super) fn namespace(namespace: &str, can: &VectorCapabilities) -> Result<()> {
    if namespace.is_empty() {
        return Ok(());
    }
    need(can.admin.namespaces, "namespaces")?;
    name("namespace", namespace)
}

/// A new index: only here is the store's own rule of names asked.
pub(super) fn spec(spec: &IndexSpec, can: &VectorCapabilities) -> Result<()> {
    need(can.admin.indexes, "making indexes")?;
    name("index name", &spec.name)?;
    let limits = &can.limits;
    if let Some(most) = limits.index_name_bytes
        && spec.name.len() > most
    {
        return Err(Error::invalid_input(format!("the index name is longer than the {most} bytes that this store takes")));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if limits.plain_index_names && !spec.name.chars().all(plain) {
        let message = "this store takes lower-case letters, digits and dashes in an index name";
        return Err(Error::invalid_input(message).with("index", &spec.name));
    }
    need(can.metric.offers(spec.metric), spec.metric.as_str())?;
    need(can.kind.offers(spec.kind), spec.kind.as_str())?;
    need(can.kind.offers_element(spec.element), "numbers of 16 bits")?;
    if spec.dimension == 0 {
        return Err(Error::invalid_input("the dimension is 0"));
    }
    let flat = spec.kind == IndexKind::Flat;
    let by_element = match spec.element {
        Element::F16 => limits.indexed_dimension_f16.filter(|_| !flat).or(limits.dimension_f16).or(limits.dimension),
        Element::F32 => limits.indexed_dimension.filter(|_| !flat).or(limits.dimension),
    };
    let most = by_element.unwrap_or(MAX_DIMENSION).min(MAX_DIMENSION);
    if spec.dimension > most {
        let message = format!("the dimension is beyond the {most} that this store takes in such an index");
        return Err(Error::invalid_input(message).with("dimension", spec.dimension));
    }
    let bounded = |what: &str, value: u32, least: u32, most: u32| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Error::invalid_input(format!("{what} is between {least} and {most}")).with("value", value))
    };
    match spec.kind {
        IndexKind::Flat => {}
        IndexKind::Hnsw { m, ef_construction } => {
            bounded("m", m, 2, 100)?;
            // No store builds with fewer candidates than it links both ways.
            bounded("ef_construction", ef_construction, (2 * m).max(4), 1_000)?;
        }
        IndexKind::IvfFlat { lists } => bounded("the number of lists", lists, 1, MAX_PROBES)?,
    }
    if spec.fields.len() > MAX_FIELDS {
        return Err(Error::invalid_input(format!("more than {MAX_FIELDS} fields")).with("fields", spec.fields.len()));
    }
    let mut seen = HashSet::new();
    for indexed in &spec.fields {
        field(&indexed.path)?;
        if !seen.insert(&indexed.path) {
            return Err(Error::invalid_input("a field is named twice").with("path", &indexed.path));
        }
    }
    let Some(provenance) = &spec.provenance else { return Ok(()) };
    name("model", &provenance.model)?;
    provenance.revision.as_deref().map_or(Ok(()), |revision| name("model's revision", revision))?;
    provenance.chunker.as_deref().map_or(Ok(()), |chunker| name("chunker", chunker))
}

impl IndexSpec {
    /// For backends, inside the statement that writes or asks: whether the index, as it stands now, still takes a vector that
    /// [`CheckedVectors`](super::CheckedVectors) let pass. Another process may have dropped it since and made it again, with another
    /// dimension, metric, element or model; then `SchemaMismatch`, upon which the wrapper looks the index up again.
    ///
    /// ```
    /// use mastra_core::{ErrorKind, vector::{IndexSpec, Metric, Provenance}};
    ///
    /// let spec = IndexSpec::new("docs", 2).metric(Metric::Cosine).provenance(Provenance::new("local/small"));
    /// assert!(spec.still_takes(Some(&[1.0, 0.0].into()), Some("local/small")).is_ok());
    /// for (vector, model) in [([0.0, 0.0], "local/small"), ([1.0, 0.0], "local/large")] {
    ///     let error = spec.still_takes(Some(&vector.into()), Some(model)).unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    /// }
    /// ```
    pub fn still_takes(&self, vector: Option<&Vector>, model: Option<&str>) -> Result<()> {
        let fits = vector.map_or(Ok(()), |vector| self::vector(vector, self));
        self::model(model, self).and(fits).map_err(|why| {
            Error::schema_mismatch("the index was made again, otherwise than it was when the call was checked")
                .with("dimension", self.dimension)
                .with_source(why)
        })
    }
}

pub(super) fn model(model: Option<&str>, spec: &IndexSpec) -> Result<()> {
    match (model, &spec.provenance) {
        (Some(asked), Some(kept)) if asked != kept.model => {
            let message = "the vector was made by another model than those of the index; embed it with the index's model, or \
                           index again with the other";
            Err(Error::invalid_input(message).with("model", asked).with("index_model", &kept.model))
        }
        _ => Ok(()),
    }
}

pub(super) fn vector(vector: &Vector, spec: &IndexSpec) -> Result<()> {
    score::check(vector, spec.dimension, spec.metric, spec.element)
}

/// What can be said of points without knowing their index.
pub(super) fn points(points: &[NewPoint], options: &PointUpsertOptions, can: &VectorCapabilities) -> Result<()> {
    if let Some(filter) = &options.replace_where {
        need(can.write.replace_where, "replacing by a filter")?;
        filter_that_narrows(filter, can)?;
    }
    let mut seen = HashSet::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        let repeated = point.id.as_deref().is_some_and(|id| !seen.insert(id));
        self::point(point, repeated, can).map_err(|error| error.with("point", index))?;
    }
    Ok(())
}

fn point(point: &NewPoint, repeated: bool, can: &VectorCapabilities) -> Result<()> {
    point.id.as_deref().map_or(Ok(()), |id| self::id(id, can))?;
    if repeated {
        return Err(Error::invalid_input("the id stands in the batch twice"));
    }
    metadata(&point.metadata, can)?;
    point.text.as_deref().map_or(Ok(()), |text| self::text(text, can))
}

/// What can be said of points once their index is known.
pub(super) fn points_of(points: &[NewPoint], options: &PointUpsertOptions, spec: &IndexSpec) -> Result<()> {
    model(options.model.as_deref(), spec)?;
    points
        .iter()
        .enumerate()
        .try_for_each(|(index, point)| vector(&point.vector, spec).map_err(|error| error.with("point", index)))
}

fn metadata(metadata: &Value, can: &VectorCapabilities) -> Result<()> {
    let allowed = DataCapabilities { nul_characters: can.data.nul_characters, unbounded_numbers: can.data.exact_numbers };
    if !metadata.is_object() {
        return Err(Error::invalid_input("metadata has to be a JSON object"));
    }
    data::check(metadata, &allowed)?;
    if let Some(most) = can.limits.metadata_bytes {
        let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
        if bytes > most {
            let message = format!("the metadata is larger than the {most} bytes that this store takes");
            return Err(Error::invalid_input(message).with("bytes", bytes));
        }
    }
    Ok(())
}

fn text(text: &str, can: &VectorCapabilities) -> Result<()> {
    if !can.data.nul_characters && text.contains('\0') {
        return Err(Error::invalid_input("the text holds the character U+0000"));
    }
    Ok(())
}

fn id(id: &str, can: &VectorCapabilities) -> Result<()> {
    name("id", id)?;
    match can.limits.id_bytes {
        Some(most) if id.len() > most => {
            Err(Error::invalid_input(format!("the id is longer than the {most} bytes that this store takes"))
                .with("bytes", id.len()))
        }
        _ => Ok(()),
    }
}

pub(super) fn ids(ids: &[String], can: &VectorCapabilities) -> Result<()> {
    ids.iter().try_for_each(|id| self::id(id, can))
}

fn filter_that_narrows(filter: &Filter, can: &VectorCapabilities) -> Result<()> {
    if filter.is_trivially_true() {
        return Err(Error::invalid_input("an empty filter would take every point; ask for all of them by name instead"));
    }
    offered_filter(filter, &can.filter)
}

pub(super) fn selector(selector: &PointSelector, by_filter: bool, can: &VectorCapabilities) -> Result<()> {
    match selector {
        PointSelector::Ids(list) => ids(list, can),
        PointSelector::Filter(filter) => {
            need(by_filter, "changes by a filter")?;
            filter_that_narrows(filter, can)
        }
    }
}

pub(super) fn update(update: &PointUpdate, can: &VectorCapabilities) -> Result<()> {
    if let Some(change) = &update.metadata {
        metadata(change.value(), can)?;
    }
    match &update.text {
        Some(Some(new)) => text(new, can),
        _ => Ok(()),
    }
}

pub(super) fn query(query: &VectorQuery, can: &VectorCapabilities) -> Result<()> {
    if query.top_k == 0 {
        return Err(Error::invalid_input("top_k is 0: ask for at least one hit"));
    }
    if let Some(most) = can.limits.top_k
        && query.top_k > most
    {
        return Err(Error::invalid_input(format!("top_k is beyond the {most} that this store gives")).with("top_k", query.top_k));
    }
    offered_filter(&query.filter, &can.filter)?;
    need(can.search.exact || !query.exact, "exact search on request")?;
    if query.min_score.is_some_and(f64::is_nan) {
        return Err(Error::invalid_input("min_score is not a number"));
    }
    for (what, value, most) in [("ef", query.ef, MAX_EF), ("probes", query.probes, MAX_PROBES)] {
        if value.is_some_and(|value| value == 0 || value > most) {
            return Err(Error::invalid_input(format!("{what} is between 1 and {most}")));
        }
    }
    match &query.search {
        VectorSearch::Vector(_) => {}
        VectorSearch::Text(_) => {
            need(can.search.text, "search by words")?;
            if query.min_score.is_some() {
                return Err(Error::invalid_input("min_score bounds the score of a vector, and this search has words alone"));
            }
        }
        VectorSearch::Hybrid { weights, .. } => {
            need(can.search.hybrid, "hybrid search")?;
            let each = [weights.vector, weights.text];
            if each.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || each.iter().sum::<f64>() == 0.0 {
                return Err(Error::invalid_input("weights are finite, not negative, and not both 0"));
            }
        }
    }
    query.search.text().map_or(Ok(()), |text| TextQuery::parse(text).map(drop))
}

pub(super) fn query_of(query: &VectorQuery, spec: &IndexSpec) -> Result<()> {
    model(query.model.as_deref(), spec)?;
    query.search.vector().map_or(Ok(()), |asked| vector(asked, spec))
}

pub(super) fn scroll(query: &ScrollQuery, scope: &Scope, can: &VectorCapabilities) -> Result<()> {
    need(can.search.scroll, "scrolling")?;
    if query.limit == 0 {
        return Err(Error::invalid_input("a page holds at least one point"));
    }
    offered_filter(&query.filter, &can.filter)?;
    query.position(scope).map(drop)
}

pub(super) fn count(query: &PointCountQuery, can: &VectorCapabilities) -> Result<()> {
    offered_filter(&query.filter, &can.filter)
}

#[cfg(test)]
mod tests;
