//! Somebody writes a record between a page's look at it and its write.

use crate::{
    rig::{Rig, Told, mode},
    scripted::{Scripted, contacts},
};
use mastra_core::{
    NewRecord, RecordStore as _, Transaction, UpsertOptions,
    sync::{
        Acquired, EnumerationChange, KeyStake, LedgerEntry, NewHold, NewRun, PageCommit, RunCounts, RunId, RunStart, RunTarget,
        StakeWrite, SyncMode,
    },
};
use mastra_sync::RunOptions;
use serde_json::{Value, json};
use std::{pin::pin, time::Duration};

const LEASE: Duration = Duration::from_secs(60);

/// Runs a sync that meets a transaction's uncommitted records, and commits that only when the sync waits for it.
async fn meet(rig: &Rig, transaction: Transaction, sync: &str, source: Scripted, how: &Told) {
    let options = RunOptions { confirm_deletes: true, restart: true, ..RunOptions::default() };
    let mut run = pin!(rig.run(sync, &source, how, options));
    tokio::select! {
        ended = &mut run => panic!("it waited for nobody: {ended:?}"),
        () = rig.until_somebody_waits() => {}
    }
    transaction.commit().await.unwrap();
    run.await.unwrap();
}

fn of(data: &[(&'static str, Value)]) -> Scripted {
    Scripted::new().page(contacts(data.iter().cloned()))
}

async fn by_hand(rig: &Rig, id: &str, data: Value) -> Transaction {
    let transaction = rig.engine.begin().await.unwrap();
    transaction.upsert_records(&rig.entity(), &[NewRecord::new(id, data)], &UpsertOptions::default()).await.unwrap();
    transaction
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_edited_meanwhile_is_as_the_source_says_after_all() {
    let rig = Rig::postgres().await;
    let how = mode(SyncMode::Incremental);
    rig.load("crm", &of(&[("1", json!({ "name": "Ada", "stage": "new" }))]), &how).await;
    let transaction = by_hand(&rig, "1", json!({ "name": "Eda" })).await;
    meet(&rig, transaction, "crm", of(&[("1", json!({ "name": "Ada", "stage": "won" }))]), &how).await;
    assert_eq!(rig.contact("1").await, Some(json!({ "name": "Ada", "stage": "won" })));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_created_by_hand_meanwhile_is_not_deleted_with_the_syncs() {
    let rig = Rig::postgres().await;
    let how = mode(SyncMode::Full);
    rig.load("crm", &of(&[("1", json!({ "name": "Ada" }))]), &how).await;
    let transaction = by_hand(&rig, "2", json!({ "phone": 7 })).await;
    let both = [("1", json!({ "name": "Ada" })), ("2", json!({ "name": "Grace" }))];
    meet(&rig, transaction, "crm", of(&both), &how).await;
    assert_eq!(rig.contact("2").await, Some(json!({ "name": "Grace", "phone": 7 })));
    rig.load("crm", &of(&[("1", json!({ "name": "Ada" }))]), &how).await;
    assert_eq!(rig.contact("2").await, Some(json!({ "phone": 7 })));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_another_sync_joins_meanwhile_is_not_deleted() {
    let rig = Rig::postgres().await;
    let how = mode(SyncMode::Full);
    rig.load("crm", &of(&[("1", json!({ "name": "Ada" })), ("2", json!({ "name": "Grace" }))]), &how).await;
    let transaction = by_hand(&rig, "2", json!({ "spent": 7 })).await;
    join(&rig, &transaction).await;
    meet(&rig, transaction, "crm", of(&[("1", json!({ "name": "Ada" }))]), &how).await;
    assert_eq!(rig.contact("2").await, Some(json!({ "spent": 7 })));
    rig.end().await;
}

/// Another sync's page: a stake in the record that the transaction wrote.
async fn join(rig: &Rig, transaction: &Transaction) {
    let syncs = rig.engine.syncs().unwrap();
    let run_id = RunId::new("joins");
    let run = NewRun { id: run_id.clone(), sync_id: "shop".into(), input_hash: "-".into(), lease: LEASE };
    let RunStart::Started(run) = syncs.begin_run(&run).await.unwrap() else { panic!("it is the first") };
    let (entity, connection_id) = ("Contacts".to_owned(), "crm".to_owned());
    let hold = NewHold { sync_id: "shop".into(), entity, connection_id, run_id: run_id.clone(), lease: LEASE };
    let Acquired::Held(hold) = syncs.acquire(&hold).await.unwrap() else { panic!("it is the first") };
    let keys = [("spent".to_owned(), KeyStake { order: 1, hash: None, rank: None })].into();
    let (external_id, content) = ("2".to_owned(), "-".to_owned());
    let target = RunTarget {
        entity_id: hold.entity.id,
        entity: "Contacts".into(),
        connection_id: "crm".into(),
        mode: SyncMode::Incremental,
        source: None,
        cursor_from: None,
        cursor: None,
        complete: false,
        counts: RunCounts::default(),
        bytes: 0,
        errors: Vec::new(),
    };
    let page = PageCommit {
        target: hold.target,
        fence: hold.fence,
        lease: LEASE,
        cursor: None,
        enumeration: EnumerationChange::Keep,
        seen: Vec::new(),
        stakes: vec![StakeWrite { external_id, content, generation: None, created: true, version: None, keys }],
        dropped: Vec::new(),
        quarantined: Vec::new(),
        settled: Vec::new(),
        ledger: LedgerEntry { run_id, attempt: run.attempt, target },
    };
    transaction.syncs().unwrap().commit_page(&page).await.unwrap();
}
