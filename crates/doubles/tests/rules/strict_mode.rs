//! Limits that a collection sets to its requests.

use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance,
    FieldType, Filter, HnswConfigDiffBuilder, KeywordIndexParamsBuilder, QueryBatchPointsBuilder, QueryPointsBuilder,
    ScrollPointsBuilder, SearchParamsBuilder, StrictModeConfigBuilder, VectorParamsBuilder,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code, point};

async fn limited(limits: StrictModeConfigBuilder) -> Target {
    let target = Target::created(|name| {
        let vectors = VectorParamsBuilder::new(2, Distance::Dot);
        CreateCollectionBuilder::new(name).vectors_config(vectors).strict_mode_config(limits.enabled(true))
    })
    .await;
    target.fill([json!({ "k": "a", "n": 1 })]).await;
    target
}

#[tokio::test]
async fn limits_count_only_where_strict_mode_is_on() {
    let target = Target::created(|name| {
        let limits = StrictModeConfigBuilder::default().enabled(false).max_query_limit(1);
        CreateCollectionBuilder::new(name).vectors_config(VectorParamsBuilder::new(2, Distance::Dot)).strict_mode_config(limits)
    })
    .await;
    assert!(target.client.scroll(ScrollPointsBuilder::new(&target.name).limit(2)).await.is_ok());
    target.finish().await;
}

#[tokio::test]
async fn limits_of_queries() {
    let limits =
        StrictModeConfigBuilder::default().max_query_limit(5).max_timeout(3).search_max_hnsw_ef(10).search_allow_exact(false);
    let target = limited(limits.search_max_batchsize(1)).await;
    let near = || QueryPointsBuilder::new(&target.name).query(vec![1.0, 0.0]).limit(5);
    assert!(target.ranked(near().timeout(3)).await.is_ok());
    for (what, query) in [
        ("limit", near().limit(6)),
        ("default limit", QueryPointsBuilder::new(&target.name).query(vec![1.0, 0.0])),
        ("timeout", near().timeout(4)),
        ("ef", near().params(SearchParamsBuilder::default().hnsw_ef(11))),
        ("exact", near().params(SearchParamsBuilder::default().exact(true))),
    ] {
        assert_eq!(code(target.ranked(query).await), Code::InvalidArgument, "{what}");
    }
    assert_eq!(code(target.client.scroll(ScrollPointsBuilder::new(&target.name).limit(6)).await), Code::InvalidArgument);
    let all = target.client.scroll(ScrollPointsBuilder::new(&target.name)).await;
    assert!(all.is_ok(), "the limit of a scroll counts where it is sent");
    let count = |exact| target.client.count(CountPointsBuilder::new(&target.name).exact(exact));
    assert!(count(false).await.is_ok());
    assert_eq!(code(count(true).await), Code::InvalidArgument, "an exact count is exact too");
    let batch = |size: usize| QueryBatchPointsBuilder::new(&target.name, vec![near().build(); size]);
    assert!(target.client.query_batch(batch(1)).await.is_ok());
    assert_eq!(code(target.client.query_batch(batch(2)).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn filters_need_an_index_that_serves_them() {
    let limits = StrictModeConfigBuilder::default().unindexed_filtering_retrieve(false).unindexed_filtering_update(false);
    let target = limited(limits).await;
    let keyword = || Filter::must([Condition::matches("k", "a".to_owned())]);
    let delete = |filter: Filter| target.client.delete_points(DeletePointsBuilder::new(&target.name).points(filter).wait(true));
    assert_eq!(code(target.ids(keyword()).await), Code::InvalidArgument);
    assert_eq!(code(delete(keyword()).await), Code::InvalidArgument);
    target.index("k", FieldType::Integer).await;
    assert_eq!(code(target.ids(keyword()).await), Code::InvalidArgument, "an index of another kind does not serve");
    assert!(target.ids(Filter::must([Condition::is_empty("k")])).await.is_ok(), "any kind knows what is empty");
    target.index("k", FieldType::Keyword).await;
    assert_eq!(target.ids(keyword()).await.unwrap(), [1]);
    assert!(target.ids(Filter::must([Condition::has_id([1])])).await.is_ok(), "ids need no index");
    assert_eq!(code(target.ids(Filter::must([keyword().into(), Condition::matches("n", 1)])).await), Code::InvalidArgument);
    assert!(delete(keyword()).await.is_ok());
    target.finish().await;
}

#[tokio::test]
async fn sizes_of_filters_and_batches() {
    let limits = StrictModeConfigBuilder::default().filter_max_conditions(2).condition_max_size(3).upsert_max_batchsize(2);
    let target = limited(limits.max_payload_index_count(1)).await;
    let one = || Condition::matches("n", 1);
    assert!(target.ids(Filter::must([one(), one()])).await.is_ok());
    assert_eq!(code(target.ids(Filter::must([one(), Filter::should([one(), one()]).into()])).await), Code::InvalidArgument);
    assert!(target.ids(Filter::must([Condition::matches("n", vec![1, 2, 3])])).await.is_ok());
    assert_eq!(code(target.ids(Filter::must([Condition::matches("n", vec![1, 2, 3, 4])])).await), Code::InvalidArgument);
    let points = |count: u64| (1..=count).map(|id| point(id, vec![1.0, 1.0], json!({}))).collect();
    assert!(target.upsert(points(2)).await.is_ok());
    assert_eq!(code(target.upsert(points(3)).await), Code::InvalidArgument);
    target.index("a", FieldType::Keyword).await;
    let second = CreateFieldIndexCollectionBuilder::new(&target.name, "b", FieldType::Keyword).wait(true);
    assert_eq!(code(target.client.create_field_index(second).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn without_a_graph_a_search_needs_a_tenant() {
    let target = Target::created(|name| {
        CreateCollectionBuilder::new(name)
            .vectors_config(VectorParamsBuilder::new(2, Distance::Dot))
            .hnsw_config(HnswConfigDiffBuilder::default().m(0).payload_m(16))
            .strict_mode_config(StrictModeConfigBuilder::default().enabled(true).search_allow_exact(false))
    })
    .await;
    target.fill([json!({ "tenant": "a" })]).await;
    let near = || QueryPointsBuilder::new(&target.name).query(vec![1.0, 0.0]);
    let tenant = || Filter::must([Condition::matches("tenant", "a".to_owned())]);
    assert_eq!(code(target.ranked(near().filter(tenant())).await), Code::InvalidArgument);
    let index = CreateFieldIndexCollectionBuilder::new(&target.name, "tenant", FieldType::Keyword);
    let params = KeywordIndexParamsBuilder::default().is_tenant(true);
    target.client.create_field_index(index.field_index_params(params).wait(true)).await.unwrap();
    assert!(target.ranked(near().filter(tenant())).await.is_ok());
    assert_eq!(code(target.ranked(near()).await), Code::InvalidArgument);
    target.finish().await;
}
