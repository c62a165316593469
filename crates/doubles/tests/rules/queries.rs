//! Queries: scores, thresholds, prefetches and fusion.

use qdrant_client::qdrant::{
    Condition, Distance, Filter, Fusion, PrefetchQueryBuilder, Query, QueryBatchPointsBuilder, QueryPointsBuilder, RrfBuilder,
    SearchParamsBuilder, VectorInput, VectorParamsBuilder,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, assert_scores, code, number, point};

async fn ranked(distance: Distance) -> Target {
    let target = Target::with(VectorParamsBuilder::new(2, distance)).await;
    let points = [(1, [1.0, 0.0]), (2, [3.0, 4.0]), (3, [0.0, 2.0]), (4, [-1.0, 0.0])];
    let points = points.map(|(id, vector)| point(id, vector.to_vec(), json!({ "n": id })));
    target.upsert(points.to_vec()).await.unwrap();
    target
}

impl Target {
    fn near(&self, vector: [f32; 2]) -> QueryPointsBuilder {
        QueryPointsBuilder::new(&self.name).query(vector.to_vec())
    }
}

#[tokio::test]
async fn scores_are_similarities_or_distances() {
    for (distance, expected) in [
        (Distance::Cosine, [(1, 1.0), (2, 0.6), (3, 0.0), (4, -1.0)]),
        (Distance::Dot, [(2, 6.0), (1, 2.0), (3, 0.0), (4, -2.0)]),
        (Distance::Euclid, [(1, 1.0), (3, 8f32.sqrt()), (4, 3.0), (2, 17f32.sqrt())]),
        (Distance::Manhattan, [(1, 1.0), (4, 3.0), (3, 4.0), (2, 5.0)]),
    ] {
        let target = ranked(distance).await;
        assert_scores(&target.ranked(target.near([2.0, 0.0])).await.unwrap(), &expected);
        target.finish().await;
    }
}

#[tokio::test]
async fn a_threshold_is_exclusive_and_from_above_for_distances() {
    let dot = ranked(Distance::Dot).await;
    assert_scores(&dot.ranked(dot.near([2.0, 0.0]).score_threshold(2.0)).await.unwrap(), &[(2, 6.0)]);
    assert_scores(&dot.ranked(dot.near([2.0, 0.0]).score_threshold(1.9)).await.unwrap(), &[(2, 6.0), (1, 2.0)]);
    dot.finish().await;
    let euclid = ranked(Distance::Euclid).await;
    assert_scores(&euclid.ranked(euclid.near([2.0, 0.0]).score_threshold(3.0)).await.unwrap(), &[(1, 1.0), (3, 8f32.sqrt())]);
    euclid.finish().await;
}

#[tokio::test]
async fn limit_offset_filter_and_selectors() {
    let target = ranked(Distance::Dot).await;
    let near = || target.near([2.0, 0.0]);
    assert_scores(&target.ranked(near().limit(2).offset(1)).await.unwrap(), &[(1, 2.0), (3, 0.0)]);
    assert_eq!(target.ranked(near().offset(9)).await.unwrap(), []);
    let few = Filter::must([Condition::has_id([3, 4])]);
    assert_scores(&target.ranked(near().filter(few)).await.unwrap(), &[(3, 0.0), (4, -2.0)]);
    for params in [SearchParamsBuilder::default().exact(true), SearchParamsBuilder::default().hnsw_ef(10).indexed_only(true)] {
        assert_eq!(target.ranked(near().params(params)).await.unwrap().len(), 4);
    }
    let bare = target.client.query(near().limit(1)).await.unwrap().result.remove(0);
    assert!(bare.payload.is_empty() && bare.vectors.is_none());
    let full = target.client.query(near().limit(1).with_payload(true).with_vectors(true)).await.unwrap().result.remove(0);
    assert!(full.payload.contains_key("n") && full.vectors.is_some());
    // Ten where no limit is said.
    target.fill((0..20).map(|_| json!({}))).await;
    assert_eq!(target.ranked(near()).await.unwrap().len(), 10);
    target.finish().await;
}

#[tokio::test]
async fn a_query_by_a_point_leaves_the_point_out() {
    let target = ranked(Distance::Dot).await;
    let by = |id: u64| QueryPointsBuilder::new(&target.name).query(Query::new_nearest(VectorInput::new_id(id)));
    assert_scores(&target.ranked(by(1)).await.unwrap(), &[(2, 3.0), (3, 0.0), (4, -1.0)]);
    assert_eq!(code(target.ranked(by(9)).await), Code::NotFound);
    let prefetch = PrefetchQueryBuilder::default().query(Query::new_nearest(VectorInput::new_id(1_u64)));
    let fused = QueryPointsBuilder::new(&target.name).query(Query::new_fusion(Fusion::Rrf)).add_prefetch(prefetch);
    let ids: Vec<u64> = target.ranked(fused).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [2, 3, 4], "as does a prefetch by it");
    target.finish().await;
}

#[tokio::test]
async fn without_a_query_points_come_by_id() {
    let target = ranked(Distance::Dot).await;
    let all = QueryPointsBuilder::new(&target.name).limit(3).offset(1);
    let ids: Vec<u64> = target.ranked(all).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [2, 3, 4]);
    target.finish().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let target = ranked(Distance::Dot).await;
    let near = || target.near([1.0, 0.0]);
    let prefetch = || PrefetchQueryBuilder::default().query(vec![1.0, 0.0]);
    let fusion = || QueryPointsBuilder::new(&target.name).query(Query::new_fusion(Fusion::Rrf));
    for (what, request) in [
        ("a limit of 0", near().limit(0)),
        ("a wrong dimension", QueryPointsBuilder::new(&target.name).query(vec![1.0])),
        ("an unknown name", near().using("none")),
        ("a fusion of nothing", fusion()),
        ("a fusion with a name", fusion().add_prefetch(prefetch()).using("none")),
        ("a prefetch without a query", QueryPointsBuilder::new(&target.name).add_prefetch(prefetch())),
        ("a threshold without a query", QueryPointsBuilder::new(&target.name).score_threshold(0.5)),
        ("a prefetch of 0", fusion().add_prefetch(prefetch().limit(0_u64))),
        ("a k of 0", QueryPointsBuilder::new(&target.name).query(Query::new_rrf(RrfBuilder::with_k(0))).add_prefetch(prefetch())),
        (
            "a weight too many",
            QueryPointsBuilder::new(&target.name)
                .query(Query::new_rrf(RrfBuilder::with_k(60).weights(vec![1.0, 1.0])))
                .add_prefetch(prefetch()),
        ),
    ] {
        assert_eq!(code(target.ranked(request).await), Code::InvalidArgument, "{what}");
    }
    let ef_of_0 = target.ranked(near().params(SearchParamsBuilder::default().hnsw_ef(0))).await;
    if target.is_from(19).await {
        assert_eq!(code(ef_of_0), Code::InvalidArgument);
    } else {
        assert_eq!(ef_of_0.unwrap().len(), 4);
    }
    target.finish().await;
}

#[tokio::test]
async fn a_query_over_prefetches_ranks_what_they_found() {
    let target = ranked(Distance::Dot).await;
    let prefetch = PrefetchQueryBuilder::default().query(vec![-1.0, 0.0]).limit(2_u64);
    assert_scores(&target.ranked(target.near([2.0, 0.0]).add_prefetch(prefetch)).await.unwrap(), &[(3, 0.0), (4, -2.0)]);
    target.finish().await;
}

#[tokio::test]
async fn ranks_are_fused() {
    let target = ranked(Distance::Dot).await;
    // 2, 1, 3, 4 and 2, 3, then 1 and 4 which are equal.
    let right = || PrefetchQueryBuilder::default().query(vec![1.0, 0.0]).limit(2_u64);
    let up = || PrefetchQueryBuilder::default().query(vec![0.0, 1.0]).limit(2_u64);
    let fused = |query: Query| QueryPointsBuilder::new(&target.name).query(query).add_prefetch(right()).add_prefetch(up());
    let by_default = target.ranked(fused(Query::new_fusion(Fusion::Rrf))).await.unwrap();
    assert_scores(&by_default[..1], &[(2, 1.0)]);
    assert!(by_default[1..].iter().all(|(_, score)| (score - 1.0 / 3.0).abs() < 1e-6), "k is 2: {by_default:?}");
    let weighted = target.ranked(fused(Query::new_rrf(RrfBuilder::with_k(60).weights(vec![3.0, 1.0])))).await.unwrap();
    let first = |rank: f32, weight: f32| 1.0 / (rank / weight + 59.0);
    let expected = [(2, first(1.0, 3.0) + first(1.0, 1.0)), (1, first(2.0, 3.0)), (3, first(2.0, 1.0))];
    assert_scores(&weighted, &expected);
    let above = target.ranked(fused(Query::new_rrf(RrfBuilder::with_k(2))).score_threshold(1.0)).await.unwrap();
    assert_scores(&above, &[(2, 1.0)]);
    assert_scores(&target.ranked(fused(Query::new_rrf(RrfBuilder::with_k(2))).limit(1)).await.unwrap(), &[(2, 1.0)]);
    target.finish().await;
}

#[tokio::test]
async fn a_filter_is_joined_to_those_of_its_prefetches_clause_by_clause() {
    let target = ranked(Distance::Dot).await;
    let ids = |filter: Filter, prefetch: Filter| {
        let prefetch = PrefetchQueryBuilder::default().query(vec![1.0, 0.0]).filter(prefetch);
        let query =
            QueryPointsBuilder::new(&target.name).query(Query::new_fusion(Fusion::Rrf)).add_prefetch(prefetch).filter(filter);
        async { target.ranked(query).await.unwrap().into_iter().map(|(id, _)| id).collect::<Vec<_>>() }
    };
    let has = |ids: &[u64]| Condition::has_id(ids.to_vec());
    assert_eq!(ids(Filter::must([has(&[1, 2, 3])]), Filter::must([has(&[2, 3, 4])])).await, [2, 3]);
    assert_eq!(ids(Filter::must_not([has(&[2])]), Filter::should([has(&[1, 2])])).await, [1]);
    // Of two `should` clauses, one condition of either suffices.
    assert_eq!(ids(Filter::should([has(&[1])]), Filter::should([has(&[2])])).await, [2, 1]);
    target.finish().await;
}

#[tokio::test]
async fn a_batch_answers_each_query() {
    let target = ranked(Distance::Dot).await;
    let query = |x: f32| target.near([x, 0.0]).limit(1).build();
    let batch = QueryBatchPointsBuilder::new(&target.name, vec![query(1.0), query(-1.0)]);
    let answers = target.client.query_batch(batch).await.unwrap().result;
    let ids: Vec<u64> = answers.into_iter().flat_map(|answer| answer.result).map(|point| number(point.id)).collect();
    assert_eq!(ids, [2, 4]);
    let one_bad = QueryBatchPointsBuilder::new(&target.name, vec![query(1.0), target.near([1.0, 0.0]).limit(0).build()]);
    assert_eq!(code(target.client.query_batch(one_bad).await), Code::InvalidArgument);
    target.finish().await;
}
