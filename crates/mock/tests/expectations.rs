//! Expectations on methods, behind the feature `mockall`.
#![cfg(feature = "mockall")]

use mastra_core::{Checked, Engine, EngineInfo, Error, ErrorKind, Page, RecordQuery, RecordStore as _};
use mastra_mock::ExpectingEngine;
use std::sync::Arc;

#[tokio::test]
async fn an_expected_call_is_answered_as_a_trait_object_and_behind_the_checks() {
    let mut engine = ExpectingEngine::new();
    let info = EngineInfo { system: "mastra.mock", namespace: "expected".into() };
    engine.expect_info().return_const(info);
    engine.expect_capabilities().return_const(mastra_core::Capabilities::all());
    engine.expect_get_records().withf(|_, query| query.limit == Some(5)).times(1).returning(|_, _| Ok(Page::default()));
    engine.expect_ping().times(1).returning(|| Err(Error::unavailable("down")));
    let engine: Arc<dyn Engine> = Arc::new(Checked::new(engine));
    assert!(engine.get_records(&"E".into(), &RecordQuery::new().limit(5)).await.unwrap().items.is_empty());
    assert_eq!(engine.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    // Refused before the backend is called, which expects nothing more.
    assert_eq!(engine.get_records(&" ".into(), &RecordQuery::new()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
#[should_panic(expected = "get_record")]
async fn a_call_that_nobody_expected_fails_the_test() {
    let _ = ExpectingEngine::new().get_record(mastra_core::RecordId::generate()).await;
}
