//! Malformed requests and absent collections, by their codes.

use qdrant_client::Payload;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateFieldIndexCollection, CreateFieldIndexCollectionBuilder, DeletePoints, FieldCondition,
    FieldType, Filter, GetPointsBuilder, IntegerIndexParamsBuilder, Match, MinShould, NestedCondition, PointStruct,
    QueryPointsBuilder, SetPayloadPoints, Value,
};
use serde_json::json;
use tonic::Code;

use super::filters::{field, key};
use super::target::{Target, code, point};

#[tokio::test]
async fn an_absent_collection_is_not_found() {
    let target = Target::without().await;
    let name = &target.name;
    assert_eq!(code(target.client.collection_info(name).await), Code::NotFound);
    assert_eq!(code(target.upsert(vec![point(1, vec![1.0, 1.0], json!({}))]).await), Code::NotFound);
    assert_eq!(code(target.ids(Filter::default()).await), Code::NotFound);
    assert_eq!(code(target.client.count(CountPointsBuilder::new(name)).await), Code::NotFound);
    assert_eq!(code(target.client.get_points(GetPointsBuilder::new(name, vec![1.into()])).await), Code::NotFound);
    assert_eq!(code(target.client.query(QueryPointsBuilder::new(name).query(vec![1.0, 1.0])).await), Code::NotFound);
    let index = CreateFieldIndexCollectionBuilder::new(name, "k", FieldType::Keyword);
    assert_eq!(code(target.client.create_field_index(index).await), Code::NotFound);
}

#[tokio::test]
async fn a_malformed_filter_is_refused() {
    let target = Target::new().await;
    target.fill([json!({})]).await;
    let keyword = |value: Option<MatchValue>| FieldCondition { r#match: Some(Match { match_value: value }), ..key("k") };
    let nested = NestedCondition { key: "k".to_owned(), filter: None };
    for (what, filter) in [
        ("a field that asks nothing", field(key("k"))),
        ("a match of nothing", field(keyword(None))),
        ("a key of nothing", Filter::must([Condition::is_empty("")])),
        ("a key that is none", Filter::must([Condition::matches("a b", 1)])),
        ("an unclosed index", Filter::must([Condition::matches("a[", 1)])),
        ("an id that is none", Filter::must([Condition::has_id(["x"])])),
        ("a nested filter of nothing", Filter::must([Condition { condition_one_of: Some(ConditionOneOf::Nested(nested)) }])),
        ("the same, deeper", Filter::must([Filter::must_not([Condition::is_null("a..b")]).into()])),
    ] {
        assert_eq!(code(target.ids(filter).await), Code::InvalidArgument, "{what}");
    }
    let none_of_some = target.ids(Filter { min_should: Some(MinShould::default()), ..Filter::default() }).await;
    if target.is_from(19).await {
        assert_eq!(code(none_of_some), Code::InvalidArgument);
    } else {
        assert_eq!(none_of_some.unwrap(), [1]);
    }
    target.finish().await;
}

#[tokio::test]
async fn a_malformed_update_is_refused() {
    let target = Target::new().await;
    let infinite = Payload::from([("n", Value { kind: Some(Kind::DoubleValue(f64::INFINITY)) })]);
    let number = PointStruct::new(1, vec![1.0, 1.0], infinite);
    assert_eq!(code(target.upsert(vec![number]).await), Code::InvalidArgument, "no JSON number");
    let delete = DeletePoints { collection_name: target.name.clone(), wait: Some(true), ..DeletePoints::default() };
    assert_eq!(code(target.client.delete_points(delete).await), Code::InvalidArgument, "of no points");
    let set = SetPayloadPoints { collection_name: target.name.clone(), wait: Some(true), ..SetPayloadPoints::default() };
    assert_eq!(code(target.client.set_payload(set).await), Code::InvalidArgument, "to no points");
    let index = |index: CreateFieldIndexCollectionBuilder| target.client.create_field_index(index.wait(true));
    let keyword = |key: &str| CreateFieldIndexCollectionBuilder::new(&target.name, key, FieldType::Keyword);
    assert_eq!(code(index(keyword("")).await), Code::InvalidArgument);
    assert_eq!(code(index(keyword("a b")).await), Code::InvalidArgument);
    let other = keyword("k").field_index_params(IntegerIndexParamsBuilder::new(true, true));
    assert_eq!(code(index(other).await), Code::InvalidArgument, "parameters of another type");
    let untyped = CreateFieldIndexCollection {
        collection_name: target.name.clone(),
        field_name: "k".to_owned(),
        ..CreateFieldIndexCollection::default()
    };
    assert_eq!(code(target.client.create_field_index(untyped).await), Code::InvalidArgument);
    target.finish().await;
}
