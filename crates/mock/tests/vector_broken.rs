//! A vector store that does one thing wrong, or claims what is not so, is caught by the suite.

use mastra_conformance::vectors::{BrokenVectors, Mistake, TestVectors, VectorCase, vector_cases, vector_differential};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        Include, IndexSpec, NewPoint, PointSelector, PointUpdate, PointUpsertOptions, Scope, ScrollQuery, VectorCapabilities,
        VectorOperations as _, VectorQuery, VectorStore,
    },
};
use mastra_mock::{Fault, MockEngine};
use serde_json::Value;
use std::sync::Arc;

/// The cases of the suite that run on the store itself, the long ones last.
fn cases() -> Vec<VectorCase> {
    let mut cases: Vec<VectorCase> = vector_cases().into_iter().filter(|case| !case.in_transaction).collect();
    cases.sort_by_key(|case| ["differential", "calls_end", "large", "approximate"].iter().any(|long| case.name.contains(long)));
    cases
}

/// The first case that fails, with its message.
async fn caught(cases: &[VectorCase], broken: impl Fn(&MockEngine) -> Arc<dyn VectorStore>) -> Option<String> {
    for case in cases {
        let failed = case
            .run(&|| {
                let engine = MockEngine::new();
                let fresh = TestVectors::from(broken(&engine)).engine(Arc::new(engine.checked()));
                Box::pin(async { Ok(fresh) })
            })
            .await;
        if let Err(failure) = failed {
            return Some(format!("{case}: {}", failure.message().chars().take(160).collect::<String>()));
        }
    }
    None
}

async fn none_unseen(mistakes: Vec<Mistake>) {
    let cases = cases();
    let mut unseen = Vec::new();
    for mistake in mistakes {
        match caught(&cases, |engine| Arc::new(BrokenVectors::new(engine.vectors(), mistake))).await {
            Some(message) => println!("{mistake:?} is caught by {message}"),
            None => unseen.push(mistake),
        }
    }
    assert!(unseen.is_empty(), "nobody saw {unseen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_caught() {
    none_unseen(Mistake::all().into_iter().filter(|mistake| !matches!(mistake, Mistake::Operator(_))).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_operator_is_caught() {
    none_unseen(Mistake::all().into_iter().filter(|mistake| matches!(mistake, Mistake::Operator(_))).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mistake_is_none() {
    let found = caught(&cases(), |engine| Arc::new(BrokenVectors::new(engine.vectors(), Mistake::None))).await;
    assert_eq!(found, None);
}

/// Every claim of its own withdrawn.
fn withdrawals() -> Vec<(&'static str, VectorCapabilities)> {
    macro_rules! without {
        ($($group:ident: $($claim:ident)*;)*) => {
            vec![$($({
                let mut capabilities = *MockEngine::new().vectors().capabilities();
                capabilities.$group.$claim = false;
                (stringify!($claim), capabilities)
            },)*)*]
        };
    }
    without! {
        filter: eq is_in all range size exists regex contains elem_match not or;
        search: text hybrid exact scroll;
        metric: cosine dot euclidean;
        kind: flat hnsw ivf_flat f16;
        write: update_by_filter delete_by_filter replace_where transactions;
        data: exact_vectors nul_characters exact_numbers;
        admin: namespaces indexes;
    }
}

fn claims() -> Vec<VectorCase> {
    let about = |case: &VectorCase| ["claims::", "required::", "handles::"].iter().any(|module| case.name.starts_with(module));
    cases().into_iter().filter(about).collect()
}

#[tokio::test]
async fn what_works_without_being_claimed_is_seen() {
    for (claim, capabilities) in withdrawals() {
        // Exact numbers are needed to see the difference.
        if claim == "exact_numbers" && serde_json::from_str::<Value>("1e200000").is_err() {
            continue;
        }
        let seen = caught(&claims(), |engine| Arc::new(BrokenVectors::claiming(engine.vectors(), capabilities))).await;
        assert!(seen.is_some(), "{claim} is not claimed, works all the same, and nobody saw it");
    }
}

#[tokio::test]
async fn what_is_claimed_and_refused_is_seen() {
    for operation in ["query", "query_batch", "scroll", "count", "update", "delete", "upsert", "create_index", "delete_namespace"]
    {
        let seen = caught(&claims(), |engine| {
            engine.faults().add(Fault::on(operation).every().fail(ErrorKind::Unsupported));
            Arc::new(engine.vectors())
        })
        .await;
        assert!(seen.is_some(), "{operation} is refused, and nobody saw it");
    }
}

#[tokio::test]
async fn what_persists_has_to_be_opened_again() {
    let mut capabilities = *MockEngine::new().vectors().capabilities();
    capabilities.admin.persistent = true;
    let seen = caught(&claims(), |engine| Arc::new(BrokenVectors::claiming(engine.vectors(), capabilities))).await;
    assert!(
        seen.is_some_and(|message| message.contains("open the data again")),
        "persistence is claimed, and nobody asked for it"
    );
}

#[tokio::test]
async fn a_store_that_differs_is_shown_by_the_smallest_case() {
    let sound: Arc<dyn VectorStore> = Arc::new(MockEngine::new().vectors());
    for mistake in [Mistake::IgnoresFilter, Mistake::TiesByIdDescending, Mistake::IgnoresMinScore] {
        let broken: Arc<dyn VectorStore> = Arc::new(BrokenVectors::new(MockEngine::new().vectors(), mistake));
        let stores = [("sound".to_owned(), Arc::clone(&sound)), ("broken".to_owned(), broken)];
        let failure = vector_differential(&stores, 20_000).await.expect_err(&format!("{mistake:?}"));
        assert!(failure.message().starts_with("broken: "), "{failure}");
        let (_, file) = failure.message().split_once("as a case file:\n").unwrap_or_else(|| panic!("{mistake:?}: {failure}"));
        let file: Value = serde_json::from_str(file).unwrap_or_else(|error| panic!("{mistake:?}: {error}: {file}"));
        let suite = &file["suites"][0];
        assert!(suite["rows"].as_array().is_some_and(|rows| rows.len() <= 3), "{mistake:?}: {file}");
        assert!(Filter::from_json(&suite["cases"][0]["filter"]).is_ok(), "{mistake:?}: {file}");
        println!("{mistake:?}: {failure}");
    }
    sound.close().await.unwrap();
}

#[tokio::test]
async fn two_sound_stores_agree() {
    let store = |name: &str| (name.to_owned(), Arc::new(MockEngine::new().vectors()) as Arc<dyn VectorStore>);
    let tally = vector_differential(&[store("one"), store("other")], 5_000).await.unwrap();
    assert!(tally.pairs() >= 5_000);
}

/// What is refused never reaches the store: a call that did would fail as `Unavailable`.
#[tokio::test]
async fn refusals_come_before_any_call() {
    let engine = MockEngine::new();
    let store = engine.vectors();
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    store.get_index("docs").await.unwrap();
    let docs = Scope::index("docs");
    // How the index was made is remembered from the first call that asks for it.
    store.query(&docs, &VectorQuery::vector([1.0, 0.0])).await.unwrap();
    for operation in ["upsert", "query", "update", "delete", "delete_all", "scroll", "count", "get", "create_index"] {
        engine.faults().add(Fault::on(operation).every().fail(ErrorKind::Unavailable));
    }
    let near = || VectorQuery::vector([1.0, 0.0]);
    let options = PointUpsertOptions::new();
    let twice = [NewPoint::new("a", [1.0, 0.0]), NewPoint::new("a", [1.0, 0.0])];
    let everything = PointSelector::Filter(Filter::all());
    let outcomes = [
        store.upsert(&docs, &[NewPoint::new("a", [1.0])], &options).await.err(),
        store.upsert(&docs, &[NewPoint::new("a", [0.0, 0.0])], &options).await.err(),
        store.upsert(&docs, &[NewPoint::new(" ", [1.0, 0.0])], &options).await.err(),
        store.upsert(&docs, &twice, &options).await.err(),
        store.upsert(&docs, &[], &PointUpsertOptions::new().replace_where(Filter::all())).await.err(),
        store.query(&docs, &near().top_k(0)).await.err(),
        store.query(&docs, &VectorQuery::vector([f32::NAN, 0.0])).await.err(),
        store.query(&Scope::index(""), &near()).await.err(),
        store.update(&docs, &everything, &PointUpdate::new()).await.err(),
        store.delete(&docs, &everything).await.err(),
        store.scroll(&docs, &ScrollQuery::new().limit(0)).await.err(),
        store.get(&docs, &[String::new()], Include::ALL).await.err(),
        store.create_index(&IndexSpec::new("docs", 0)).await.err(),
    ];
    for (number, error) in outcomes.into_iter().enumerate() {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::InvalidInput), "call {number}");
    }
    let reached = store.query(&docs, &near()).await.unwrap_err();
    assert_eq!(reached.kind(), ErrorKind::Unavailable, "a sound call does reach it");
}
