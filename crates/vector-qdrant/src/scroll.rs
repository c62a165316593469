//! Walking in the order of ids, which Qdrant does not know: points are read by their rank, which never falls as ids rise, and those of
//! one rank are sorted here.

use crate::{
    filter::{Plan, and, is},
    known::Known,
    name::rank,
    payload::{RANK, Read, Reads},
    store::QdrantVectors,
    walk::{Walk, scoped},
};
use mastra_core::{
    Page, Result,
    vector::{Point, Scope, ScrollQuery},
};
use qdrant_client::qdrant::{
    Condition, Direction, FieldCondition, OrderBy, Range, ScrollPoints, StartFrom, condition::ConditionOneOf, start_from,
};
use std::collections::BTreeMap;

impl QdrantVectors {
    pub(crate) async fn page(&self, known: &Known, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let after = query.position(scope)?;
        let plan = Plan::new(&query.filter);
        let reads = Reads::new(query.include).with_metadata(plan.is_judged());
        let wanted = query.limit.saturating_add(1);
        let mut from = after.as_deref().map_or(0, rank);
        let mut found: BTreeMap<String, Point> = BTreeMap::new();
        let keep = |found: &mut BTreeMap<String, Point>, read: Read| {
            if after.as_ref().is_none_or(|after| read.point.id > *after) && plan.holds(&read) {
                found.insert(read.point.id.clone(), read.point.only(query.include));
            }
        };
        while found.len() < wanted {
            let (points, full) = self.by_rank(known, scope, &plan, reads, from, wanted - found.len()).await?;
            let last = points.last().map(|read| rank(&read.point.id));
            let Some(last) = last.filter(|_| full) else {
                points.into_iter().for_each(|read| keep(&mut found, read));
                break;
            };
            // Of the last rank there may be more.
            let whole = points.into_iter().filter(|read| rank(&read.point.id) < last);
            whole.for_each(|read| keep(&mut found, read));
            if found.len() >= wanted {
                break;
            }
            let alike = and(vec![plan.bound(), is(ranked(last))]);
            let mut walk = Walk::new(self, known, scoped(&scope.namespace, alike), reads);
            while let Some(points) = walk.next().await? {
                points.into_iter().for_each(|read| keep(&mut found, read));
                // What lies beyond the page is not needed.
                while found.len() > wanted {
                    found.pop_last();
                }
            }
            from = last + 1;
        }
        let mut items: Vec<Point> = found.into_values().take(wanted).collect();
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|last| query.cursor_after(scope, &last.id)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    /// Points from a rank on, by rank, and whether there may be more.
    async fn by_rank(
        &self,
        known: &Known,
        scope: &Scope,
        plan: &Plan,
        reads: Reads,
        from: i64,
        wanted: usize,
    ) -> Result<(Vec<Read>, bool)> {
        let Some(filter) = scoped(&scope.namespace, plan.bound()) else { return Ok((Vec::new(), false)) };
        // Room for those of the last rank, and for those that core leaves out.
        let room = if plan.is_loose() { wanted.saturating_mul(4) } else { wanted.saturating_add(1) };
        let limit = u32::try_from(room).unwrap_or(u32::MAX).clamp(known.page.min(16), known.page);
        let request = ScrollPoints {
            collection_name: known.collection.clone(),
            filter: Some(filter),
            limit: Some(limit),
            with_payload: Some(reads.payload()),
            with_vectors: Some(reads.vectors(known.vector)),
            order_by: Some(OrderBy {
                key: RANK.to_owned(),
                direction: Some(Direction::Asc.into()),
                start_from: Some(StartFrom { value: Some(start_from::Value::Integer(from)) }),
            }),
            ..ScrollPoints::default()
        };
        let (points, _) = self.scroll_points(request).await?;
        let full = points.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        Ok((self.read_all(known, points, reads)?, full))
    }
}

#[expect(clippy::cast_precision_loss, reason = "ranks are below 2^53")]
fn ranked(rank: i64) -> Condition {
    let range = Range { gte: Some(rank as f64), lte: Some(rank as f64), ..Range::default() };
    let field = FieldCondition { key: RANK.to_owned(), range: Some(range), ..FieldCondition::default() };
    Condition { condition_one_of: Some(ConditionOneOf::Field(field)) }
}
