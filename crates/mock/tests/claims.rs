//! The suite sees false claims, both ways.

use mastra_conformance::{Outcome, engine::claims};
use mastra_core::{Capabilities, Engine, ErrorKind};
use mastra_mock::{Fault, MockEngine};
use std::sync::Arc;

async fn all(engine: impl Fn() -> Arc<dyn Engine>) -> Outcome {
    claims::filter_claims_are_true(engine()).await?;
    claims::query_claims_are_true(engine()).await?;
    claims::write_claims_are_true(engine()).await?;
    claims::text_claims_are_true(engine()).await?;
    claims::data_claims_are_true(engine()).await?;
    claims::administration_claims_are_true(engine()).await
}

/// Every claim of its own withdrawn.
fn withdrawals() -> Vec<(&'static str, Capabilities)> {
    macro_rules! without {
        ($($group:ident: $($claim:ident)*;)*) => {
            vec![$($({
                let mut capabilities = Capabilities::all();
                capabilities.$group.$claim = false;
                (stringify!($claim), capabilities)
            },)*)*]
        };
    }
    without! {
        filter: eq is_in all range size exists regex contains elem_match not or;
        query: sort cursor offset fields include_deleted updated_after explain;
        write: replace deep_merge remove_keys expected_generation transactions change_queue sync_store;
        text: words phrases prefixes filter;
        data: nul_characters unbounded_numbers;
        admin: field_indexes;
    }
}

#[tokio::test]
async fn a_claim_withdrawn_behind_the_checks_is_honest() {
    for (claim, capabilities) in withdrawals() {
        let outcome = all(|| Arc::new(MockEngine::new().with_capabilities(capabilities).checked())).await;
        assert!(outcome.is_ok(), "{claim}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_works_without_being_claimed_is_seen() {
    for (claim, capabilities) in withdrawals() {
        // The mock hands these out only where they are claimed.
        if ["change_queue", "sync_store"].contains(&claim) {
            continue;
        }
        // Exact numbers are needed to see the difference, and cursors come from the engine itself.
        if claim == "unbounded_numbers" && serde_json::from_str::<serde_json::Value>("1e200000").is_err() {
            continue;
        }
        let outcome = all(|| Arc::new(MockEngine::new().with_capabilities(capabilities))).await;
        assert!(outcome.is_err(), "{claim} is not claimed, works all the same, and nobody saw it");
    }
}

#[tokio::test]
async fn what_is_claimed_and_refused_is_seen() {
    for operation in [
        "get_records",
        "count_records",
        "delete_records",
        "search_text",
        "stream_records",
        "upsert_records",
        "begin",
        "explain",
        "create_field_index",
    ] {
        let failing = || {
            let engine = MockEngine::new();
            engine.faults().add(Fault::on(operation).every().fail(ErrorKind::Unsupported));
            Arc::new(engine.checked()) as Arc<dyn Engine>
        };
        assert!(all(failing).await.is_err(), "{operation} is refused, and nobody saw it");
    }
}

#[tokio::test]
async fn required_claims_cannot_be_withdrawn() {
    for (claim, capabilities) in withdrawals() {
        let engine = Arc::new(MockEngine::new().with_capabilities(capabilities).checked());
        let required = !["nul_characters", "unbounded_numbers", "field_indexes"].contains(&claim);
        assert_eq!(claims::the_required_capabilities_are_claimed(engine).await.is_err(), required, "{claim}");
    }
}
