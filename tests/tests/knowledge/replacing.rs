//! Reindexing that is stopped, given up, or done by two at once; and who still holds what was replaced.

use crate::counting::Counting;
use crate::rig::{Rig, body, on_every_pairing};
use mastra_core::ErrorKind;
use mastra_core::vector::VectorStore as _;
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, KnowledgeBuilder, Retrieval, VerifyOptions};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

on_every_pairing! {
    a_first_reindexing_stands_in_nobodys_way,
    who_goes_back_gives_up_what_was_begun,
    what_was_replaced_says_so,
    another_namespace_is_another_index,
    two_at_once_leave_one,
    stopped_anywhere_it_leaves_nothing_behind,
}

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(90);
/// Short, so that what was dropped is soon due again.
const LEASE: Duration = Duration::from_millis(200);

async fn filled(rig: &Rig) -> KnowledgeBase {
    let base = rig.open().await;
    for n in 0..6 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}"), "shared"])).await;
    }
    base.index(&IndexOptions::default()).await.unwrap();
    base
}

fn by(rig: &Rig, model: &str, dimension: usize) -> (KnowledgeBuilder, Arc<Counting>) {
    let embedder = Arc::new(Counting::new(model, dimension));
    (rig.describe().embedder(embedder.clone()), embedder)
}

/// Fails: begun, and not ended.
async fn begun(rig: &Rig) {
    let (other, embedder) = by(rig, "test/two", 32);
    embedder.fail_next(u64::MAX);
    let options = IndexOptions::default();
    let stopped = other.reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &options).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Unavailable, "{stopped}");
}

/// Fails unless there is one index and one subscription.
async fn nothing_is_left_over(rig: &Rig) {
    let indexes = rig.vectors.list_indexes().await.unwrap().len();
    let subscriptions = rig.engine.changes().unwrap().list_subscriptions().await.unwrap().len();
    assert_eq!((indexes, subscriptions), (1, 1));
}

async fn a_first_reindexing_stands_in_nobodys_way(rig: &Rig) {
    rig.put("a", &body(&["apples"])).await;
    begun(rig).await;
    let base = rig.open().await;
    base.index(&IndexOptions::default()).await.unwrap();
    rig.is_true(&base).await;

    // The same description goes on with it, whichever way it is opened.
    base.drop_all().await.unwrap();
    begun(rig).await;
    let (other, _) = by(rig, "test/two", 32);
    let base = other.open(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap();
    nothing_is_left_over(rig).await;
    base.drop_all().await.unwrap();
}

async fn who_goes_back_gives_up_what_was_begun(rig: &Rig) {
    let base = filled(rig).await;
    begun(rig).await;
    let options = IndexOptions::default();
    let same = rig.describe().reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &options).await.unwrap_err();
    assert_eq!(same.kind(), ErrorKind::AlreadyExists, "{same}");
    nothing_is_left_over(rig).await;
    rig.is_true(&base).await;
}

async fn what_was_replaced_says_so(rig: &Rig) {
    let old = filled(rig).await;
    let (other, _) = by(rig, "test/two", 32);
    other.reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &IndexOptions::default()).await.unwrap();
    for refused in [
        old.search(&Retrieval::new("word1")).await.unwrap_err(),
        old.index(&IndexOptions::default()).await.unwrap_err(),
        old.verify(&VerifyOptions::default()).await.unwrap_err(),
        old.lag().await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
        assert!(refused.to_string().contains("open it again"), "{refused}");
    }
    nothing_is_left_over(rig).await;
}

async fn another_namespace_is_another_index(rig: &Rig) {
    let base = filled(rig).await;
    let tenant = || rig.describe().namespace("tenant");
    let refused = tenant().open(Arc::clone(&rig.engine), Arc::clone(&rig.vectors)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");
    rig.is_true(&base).await;
    let options = IndexOptions::default();
    let (base, _) = tenant().reindex(Arc::clone(&rig.engine), Arc::clone(&rig.vectors), &options).await.unwrap();
    rig.is_true(&base).await;
    assert_eq!(base.search(&Retrieval::new("word1")).await.unwrap().passages[0].external_id, "r1");
}

async fn two_at_once_leave_one(rig: &Rig) {
    filled(rig).await;
    for (one, other) in [("test/two", "test/three"), ("test/four", "test/four")] {
        let start = |model: &str| {
            let (described, embedder) = by(rig, model, 32);
            embedder.take(Duration::from_millis(20));
            let (engine, vectors) = (Arc::clone(&rig.engine), Arc::clone(&rig.vectors));
            tokio::spawn(async move {
                described.reindex(engine, vectors, &IndexOptions { batch: 2, ..IndexOptions::default() }).await
            })
        };
        let (one, other) = (start(one), start(other));
        let mut done = Vec::new();
        for ended in [one.await.unwrap(), other.await.unwrap()] {
            match ended {
                Ok((base, _)) => done.push(base),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        rig.is_true(done.last().unwrap()).await;
        nothing_is_left_over(rig).await;
    }
}

/// Polls so often, then drops.
async fn dropped_after<F: Future>(polls: usize, work: F) {
    let (mut work, mut left) = (Box::pin(work), polls);
    poll_fn(|context| {
        if left == 0 || work.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

async fn stopped_anywhere_it_leaves_nothing_behind(rig: &Rig) {
    filled(rig).await;
    let options = IndexOptions { batch: 2, lease: LEASE, ..IndexOptions::default() };
    let (engine, vectors) = (|| Arc::clone(&rig.engine), || Arc::clone(&rig.vectors));
    for round in 0..42 {
        let (other, _) = by(rig, &format!("test/round{}", round / 7), if round / 7 % 2 == 0 { 32 } else { 48 });
        dropped_after(1 + (round % 7) * 9, other.reindex(engine(), vectors(), &options)).await;
        rig.put(&format!("r{}", round % 6), &body(&[&format!("round{round}")])).await;
    }
    let began = Instant::now();
    let base = loop {
        let (last, _) = by(rig, "test/last", 40);
        match last.reindex(engine(), vectors(), &options).await {
            Ok((base, _)) => break base,
            Err(error) => assert!(error.is_retryable() && began.elapsed() < LONG, "{error}"),
        }
    };
    loop {
        base.index(&options).await.unwrap();
        let lag = base.lag().await.unwrap();
        if lag.waiting + lag.claimed + lag.repeats == 0 {
            break;
        }
        assert!(began.elapsed() < LONG, "the queue does not empty: {lag:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rig.is_true(&base).await;
    nothing_is_left_over(rig).await;
}
