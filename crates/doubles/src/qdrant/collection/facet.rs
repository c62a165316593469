//! Counts of the distinct values of a key.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::facet_value::Variant;

use super::{Collection, Point};
use crate::qdrant::data::Data;
use crate::qdrant::filter::{Filter, facet_values};
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, bad_input};

impl Collection {
    /// The most frequent values, each with the number of points that have it; equal numbers by value. The key needs an index that
    /// matches whole values. Values of deleted points are there too, with none, as far as the limit reaches.
    pub(crate) fn facet(&self, key: &Path, filter: Option<&Filter>, limit: usize) -> Result<Vec<wire::FacetHit>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let index = self.indexes.get(key).filter(|index| facet_values(index, &[]).is_some()).ok_or_else(|| {
            bad_input(format!("No appropriate index for faceting: `{key}`. Please create one to facet on this field"))
        })?;
        let mut counts: Vec<(Data, u64)> = Vec::new();
        for (_, point) in self.select(filter) {
            for value in facet_values(index, &key.find(&point.payload)).unwrap_or_default() {
                match counts.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((value, 1)),
                }
            }
        }
        for value in self.outlived.get(key).into_iter().flatten() {
            if !counts.iter().any(|(known, _)| known == value) {
                counts.push((value.clone(), 0));
            }
        }
        counts.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| order(a, b)));
        let hit = |(value, count): (Data, u64)| {
            let variant = match value {
                Data::Text(text) => Some(Variant::StringValue(text)),
                Data::Integer(number) => Some(Variant::IntegerValue(number)),
                Data::Bool(flag) => Some(Variant::BoolValue(flag)),
                _ => None,
            };
            wire::FacetHit { value: Some(wire::FacetValue { variant }), count }
        };
        Ok(counts.into_iter().take(limit).map(hit).collect())
    }

    /// Remembers the values of a point that is about to go.
    pub(super) fn outlive(&mut self, point: &Point) {
        for (key, index) in &self.indexes {
            let values = facet_values(index, &key.find(&point.payload)).unwrap_or_default();
            let known = self.outlived.entry(key.clone()).or_default();
            for value in values {
                if !known.contains(&value) {
                    known.push(value);
                }
            }
        }
    }
}

fn order(a: &Data, b: &Data) -> std::cmp::Ordering {
    match (a, b) {
        (Data::Text(a), Data::Text(b)) => a.cmp(b),
        (Data::Integer(a), Data::Integer(b)) => a.cmp(b),
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    }
}
