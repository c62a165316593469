//! Models that break, do not answer, or take longer than a lease.

use crate::counting::BREAKING;
use crate::rig::{Rig, body, on_every_pairing};
use mastra_rag::knowledge::IndexOptions;
use std::time::{Duration, Instant};

on_every_pairing! {
    a_text_that_breaks_the_server_holds_nobody_up,
    an_outage_ends_the_work,
    what_takes_longer_than_a_lease_is_done_step_by_step,
}

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(90);

async fn a_text_that_breaks_the_server_holds_nobody_up(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..3 {
        rig.put(&format!("r{n}"), &body(&[&format!("word{n}")])).await;
    }
    rig.put("bad", &format!("This is {BREAKING}, whenever it is asked.")).await;
    let (began, mut records) = (Instant::now(), 0);
    while records < 3 {
        records += base.index(&IndexOptions::default()).await.unwrap().records;
        assert!(began.elapsed() < LONG, "one text holds up the others: {:?}", base.lag().await.unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lag = base.lag().await.unwrap();
    assert_eq!((lag.waiting, lag.set_aside), (1, 0), "what may be the server's fault is tried for ever: {lag:?}");
}

async fn an_outage_ends_the_work(rig: &Rig) {
    let base = rig.open().await;
    for n in 0..40 {
        rig.put(&format!("r{n}"), "hello").await;
    }
    rig.embedder.fail_next(u64::MAX);
    let report = base.index(&IndexOptions { batch: 4, ..IndexOptions::default() }).await.unwrap();
    assert_eq!((report.records, rig.embedder.calls()), (0, 3), "{report:?}");
    assert_eq!((report.waiting, report.error.is_some()), (40, true), "{report:?}");
}

async fn what_takes_longer_than_a_lease_is_done_step_by_step(rig: &Rig) {
    let base = rig.open().await;
    let words: Vec<String> = (0..700).map(|n| format!("word{n}")).collect();
    rig.put("long", &body(&words.iter().map(String::as_str).collect::<Vec<_>>())).await;
    rig.put("short", &body(&["short"])).await;
    rig.embedder.take_for_each_text(Duration::from_millis(2));
    let options = IndexOptions { lease: Duration::from_millis(1_200), ..IndexOptions::default() };
    let (began, mut records) = (Instant::now(), 0);
    while records < 2 {
        records += base.index(&options).await.unwrap().records;
        assert!(began.elapsed() < LONG, "it is begun again and again: {:?}", base.lag().await.unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rig.is_true(&base).await;
}
