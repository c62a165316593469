//! Writers, deleters and several workers at once; workers that are too late.

use crate::rig::{Rig, body, on_every_pairing};
use mastra_core::{NewRecord, RecordSelector, UpsertMode, UpsertOptions};
use mastra_rag::knowledge::IndexOptions;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

on_every_pairing! {
    writers_deleters_and_workers_agree_in_the_end,
    a_late_worker_spoils_nothing,
}

/// A generator of numbers: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

async fn writers_deleters_and_workers_agree_in_the_end(rig: &Rig) {
    let base = rig.open().await;
    let through = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (base, through) = (base.clone(), Arc::clone(&through));
            tokio::spawn(async move {
                while !through.load(Ordering::SeqCst) {
                    base.index(&IndexOptions { batch: 4, ..IndexOptions::default() }).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..3_u64)
        .map(|seed| {
            let (engine, entity) = (Arc::clone(&rig.engine), rig.entity.clone());
            tokio::spawn(async move {
                let mut random = Random(seed);
                for round in 0..25 {
                    let id = format!("r{}", random.below(8));
                    if random.below(4) == 0 {
                        engine.delete_records(&entity, &RecordSelector::ExternalIds(vec![id])).await.unwrap();
                        continue;
                    }
                    let words: Vec<String> = (0..random.below(4)).map(|n| format!("w{seed}x{round}x{n}")).collect();
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    let record = NewRecord::new(id, json!({ "body": body(&words), "lang": format!("l{seed}") }));
                    engine.upsert_records(&entity, &[record], &UpsertOptions::from(UpsertMode::Replace)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    through.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    while base.lag().await.unwrap().waiting > 0 {
        base.index(&IndexOptions::default()).await.unwrap();
    }
    rig.is_true(&base).await;
}

/// A worker that loses its lease while it embeds, and goes on all the same.
async fn a_late_worker_spoils_nothing(rig: &Rig) {
    let base = rig.open().await;
    rig.put("a", &body(&["old", "older"])).await;
    rig.embedder.take(Duration::from_millis(150));
    let lease = Duration::from_millis(100);
    let late = {
        let base = base.clone();
        tokio::spawn(async move { base.index(&IndexOptions { lease, ..IndexOptions::default() }).await })
    };
    tokio::time::sleep(Duration::from_millis(30)).await;
    rig.put("a", &body(&["new"])).await;
    let _ = late.await.unwrap();
    rig.embedder.take(Duration::ZERO);
    let mut rounds = 0;
    loop {
        let lag = base.lag().await.unwrap();
        if lag.waiting + lag.claimed + lag.repeats == 0 {
            break;
        }
        base.index(&IndexOptions { lease: Duration::from_millis(200), ..IndexOptions::default() }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        rounds += 1;
        assert!(rounds < 1_000, "the queue does not empty: {lag:?}");
    }
    let texts = rig.texts(&base, "a").await;
    assert!(texts.iter().all(|text| !text.contains("old")) && texts.iter().any(|text| text.contains("new")), "{texts:?}");
    rig.is_true(&base).await;
}
