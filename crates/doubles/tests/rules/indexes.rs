//! Where a key has an index, it answers, and not as the payload would in every corner.

use qdrant_client::qdrant::r#match::MatchValue::{ExceptIntegers, ExceptKeywords};
use qdrant_client::qdrant::{
    Condition, CreateFieldIndexCollectionBuilder, DatetimeRange, DeleteFieldIndexCollectionBuilder, FieldCondition, FieldType,
    IntegerIndexParamsBuilder, KeywordIndexParamsBuilder, PayloadSchemaType, Range, TextIndexParamsBuilder, TokenizerType,
    payload_index_params::IndexParams,
};
use serde_json::json;
use tonic::Code;

use super::filters::{above, except, field, key, must, nested, shapes, since, words};
use super::target::{Target, code};

#[tokio::test]
async fn a_keyword_index_sees_keywords_alone() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    target.index("k", FieldType::Keyword).await;
    target
        .assert_table(vec![
            ("a keyword", must(Condition::matches("k", "a".to_owned())), &[1, 2]),
            ("one of keywords", must(Condition::matches("k", words(&["a b", "b"]))), &[2, 14]),
            ("other than keywords: other keywords", except(ExceptKeywords(words(&["a"]).into())), &[2, 14, 15, 17]),
            ("an integer is asked of the payload", must(Condition::matches("k", 1)), &[7, 16]),
            ("empty", must(Condition::is_empty("k")), &[3, 4, 5]),
            ("null, in a list too", must(Condition::is_null("k")), &[4, 6]),
            ("the field is null", field(FieldCondition { is_null: Some(true), ..key("k") }), &[4, 6]),
            ("the key below has no index", must(Condition::matches("k.x", "a".to_owned())), &[11]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn an_integer_index_sees_whole_numbers_alone() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    target.index("k", FieldType::Integer).await;
    let range = |range: Range| must(Condition::range("k", range));
    target
        .assert_table(vec![
            ("an integer, and 1.0 is one", must(Condition::matches("k", 1)), &[7, 8, 16]),
            ("one of integers", must(Condition::matches("k", vec![3])), &[16]),
            ("other than integers: other integers", except(ExceptIntegers(vec![1].into())), &[16]),
            ("greater, without fractions", range(above(1.0)), &[16]),
            ("bounds between", range(Range { gt: Some(0.5), lt: Some(1.5), ..Range::default() }), &[7, 8, 16]),
            ("a keyword is asked of the payload", must(Condition::matches("k", "a".to_owned())), &[1, 2]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn an_integer_index_can_lack_a_capability() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    let index = |params| {
        let index = CreateFieldIndexCollectionBuilder::new(&target.name, "k", FieldType::Integer).wait(true);
        target.client.create_field_index(index.field_index_params(params))
    };
    index(IntegerIndexParamsBuilder::new(true, false)).await.unwrap();
    target
        .assert_table(vec![
            ("look-ups by the index", must(Condition::matches("k", 1)), &[7, 8, 16]),
            ("ranges by the payload", must(Condition::range("k", above(1.0))), &[9, 16]),
        ])
        .await;
    index(IntegerIndexParamsBuilder::new(false, true)).await.unwrap();
    target
        .assert_table(vec![
            ("look-ups by the payload", must(Condition::matches("k", 1)), &[7, 16]),
            ("ranges by the index", must(Condition::range("k", above(1.0))), &[16]),
        ])
        .await;
    assert_eq!(code(index(IntegerIndexParamsBuilder::new(false, false)).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn float_bool_and_time_indexes_answer_for_their_type() {
    let float = Target::new().await;
    float.fill(shapes()).await;
    float.index("k", FieldType::Float).await;
    float
        .assert_table(vec![
            ("greater", must(Condition::range("k", above(1.0))), &[9, 16]),
            ("an integer is asked of the payload", must(Condition::matches("k", 1)), &[7, 16]),
        ])
        .await;
    float.finish().await;

    let flag = Target::new().await;
    flag.fill([json!({ "k": true }), json!({ "k": [false, true] }), json!({ "k": false }), json!({ "k": "true" })]).await;
    flag.index("k", FieldType::Bool).await;
    flag.assert_table(vec![
        ("true", must(Condition::matches("k", true)), &[1, 2]),
        ("false", must(Condition::matches("k", false)), &[2, 3]),
        ("a keyword is asked of the payload", must(Condition::matches("k", "true".to_owned())), &[4]),
    ])
    .await;
    flag.finish().await;

    let time = Target::new().await;
    time.fill(shapes()).await;
    time.index("k", FieldType::Datetime).await;
    time.assert_table(vec![
        ("a time", must(Condition::datetime_range("k", since(1_577_934_245))), &[15]),
        ("a later time", must(Condition::datetime_range("k", since(1_577_934_246))), &[]),
        ("times alone", must(Condition::datetime_range("k", DatetimeRange::default())), &[15]),
        ("a time as a number", must(Condition::range("k", above(1.0))), &[15]),
    ])
    .await;
    time.finish().await;
}

#[tokio::test]
async fn a_uuid_index_compares_uuids_however_they_are_spelt() {
    const SPELT: &str = "550e8400-e29b-41d4-a716-446655440000";
    let target = Target::new().await;
    target.fill([json!({ "k": SPELT }), json!({ "k": SPELT.to_uppercase() }), json!({ "k": "none" })]).await;
    let same = || must(Condition::matches("k", SPELT.replace('-', "")));
    target.assert_table(vec![("without an index", same(), &[])]).await;
    target.index("k", FieldType::Uuid).await;
    target
        .assert_table(vec![
            ("one", same(), &[1, 2]),
            ("one of", must(Condition::matches("k", words(&[SPELT]))), &[1, 2]),
            ("other than: other UUIDs", except(ExceptKeywords(words(&[SPELT]).into())), &[]),
            ("what is no UUID is asked of the payload", must(Condition::matches("k", "none".to_owned())), &[3]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn a_text_index_knows_words() {
    let target = Target::new().await;
    let mut shapes = shapes();
    shapes.push(json!({ "k": "Über-Maß, naïve café" }));
    target.fill(shapes).await;
    let index = |key: &str| {
        let params = TextIndexParamsBuilder::new(TokenizerType::Word).phrase_matching(true);
        CreateFieldIndexCollectionBuilder::new(&target.name, key, FieldType::Text).field_index_params(params).wait(true)
    };
    target.client.create_field_index(index("k")).await.unwrap();
    target.client.create_field_index(index("k[].x")).await.unwrap();
    target
        .assert_table(vec![
            ("a word, whatever its case", must(Condition::matches_text("k", "A")), &[1, 2, 14]),
            ("all words, of all members together", must(Condition::matches_text("k", "b a")), &[2, 14]),
            ("one of the words", must(Condition::matches_text_any("k", "z B")), &[2, 14]),
            ("a phrase, of one member", must(Condition::matches_phrase("k", "a b")), &[14]),
            ("in its order", must(Condition::matches_phrase("k", "b a")), &[]),
            ("words are whole", must(Condition::matches_text("k", "202")), &[]),
            ("words end at signs", must(Condition::matches_text("k", "2020 01")), &[15]),
            ("beyond ASCII", must(Condition::matches_text("k", "maß über")), &[18]),
            ("accents stay", must(Condition::matches_text("k", "cafe")), &[]),
            ("a keyword is asked of the payload", must(Condition::matches("k", "a".to_owned())), &[1, 2]),
            ("inside of a nested filter", nested("k", must(Condition::matches_text("x", "A"))), &[12]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn a_text_index_without_phrases_matches_none() {
    let target = Target::new().await;
    target.fill([json!({ "k": "a b" })]).await;
    target.index("k", FieldType::Text).await;
    target
        .assert_table(vec![
            ("words", must(Condition::matches_text("k", "B A")), &[1]),
            ("a phrase", must(Condition::matches_phrase("k", "a b")), &[]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn inside_of_a_nested_filter_the_payload_answers() {
    let target = Target::new().await;
    target.fill([json!({ "k": [{ "x": 1.0 }] }), json!({ "k": [{ "x": 1 }] })]).await;
    target.index("k[].x", FieldType::Integer).await;
    target.index("x", FieldType::Integer).await;
    target
        .assert_table(vec![
            ("the index", must(Condition::matches("k[].x", 1)), &[1, 2]),
            ("the payload", nested("k", must(Condition::matches("x", 1))), &[2]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn indexes_are_described_replaced_and_deleted() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    let tenant = KeywordIndexParamsBuilder::default().is_tenant(true);
    let index = CreateFieldIndexCollectionBuilder::new(&target.name, "k", FieldType::Keyword).field_index_params(tenant);
    target.client.create_field_index(index.wait(true)).await.unwrap();
    let schema = async || target.client.collection_info(&target.name).await.unwrap().result.unwrap().payload_schema;
    let described = schema().await.remove("k").unwrap();
    assert_eq!(described.data_type(), PayloadSchemaType::Keyword);
    assert_eq!(described.points, Some(5));
    match described.params.unwrap().index_params.unwrap() {
        IndexParams::KeywordIndexParams(params) => assert_eq!(params.is_tenant, Some(true)),
        other => panic!("{other:?}"),
    }
    target.index("k", FieldType::Integer).await;
    target.index("a.b[].c", FieldType::Float).await;
    assert_eq!(schema().await.remove("k").unwrap().data_type(), PayloadSchemaType::Integer);
    assert!(schema().await.contains_key("a.b[].c"));
    for _ in 0..2 {
        let delete = DeleteFieldIndexCollectionBuilder::new(&target.name, "k").wait(true);
        target.client.delete_field_index(delete).await.unwrap();
    }
    assert!(!schema().await.contains_key("k"));
    target.assert_table(vec![("the payload answers again", must(Condition::range("k", above(1.0))), &[9, 16])]).await;
    target.finish().await;
}
