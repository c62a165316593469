//! A compiler that is broken in one operator is caught, whichever operator it is.

use mastra_conformance::differential::{Broken, Operator, PAIRS, differential};
use mastra_core::Filter;
use mastra_mock::MockEngine;
use serde_json::Value;

#[tokio::test]
async fn every_broken_operator_is_caught_and_shown_as_a_case_file() {
    for operator in Operator::ALL {
        let broken = Broken::new(MockEngine::new().checked(), operator);
        let failure = differential(&broken, PAIRS).await.expect_err(&format!("{operator:?} broken, and nobody saw it"));
        let (_, file) = failure.message().split_once("as a case file:\n").unwrap_or_else(|| panic!("{operator:?}: {failure}"));
        let file: Value = serde_json::from_str(file).unwrap_or_else(|error| panic!("{operator:?}: {error}: {file}"));
        let filter = &file["suites"][0]["cases"][0]["filter"];
        assert!(Filter::from_json(filter).is_ok(), "{operator:?}: {filter}");
        println!("{operator:?}: {file}");
    }
}

#[tokio::test]
async fn the_mock_itself_agrees_with_the_evaluator() {
    let tally = differential(&MockEngine::new().checked(), PAIRS).await.unwrap();
    assert!(tally.pairs() >= PAIRS);
}
