//! Dry runs say what would be done, and do nothing.

use crate::{
    rig::{Rig, merging, mode, on_every_engine, told},
    scripted::{Scripted, contacts, numbered},
};
use mastra_core::sync::{RunQuery, SyncMode};
use mastra_sync::{
    RunOptions,
    write::{FieldPolicy, MergePolicy, PlannedAction},
};
use serde_json::json;

on_every_engine!(
    a_plan_is_what_a_run_does,
    a_plan_says_what_the_guard_would,
    a_plan_of_nothing_creates_nothing,
    a_plan_shows_what_is_kept
);

fn dry() -> RunOptions {
    RunOptions { dry_run: true, ..RunOptions::default() }
}

async fn a_plan_is_what_a_run_does(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..60), 25), &how).await;
    rig.edit("c0007", json!({ "name": "by hand" })).await;
    let mut now = numbered(3..63);
    now[10].1 = json!({ "name": "new" });
    now[11].1 = json!(null);
    let source = Scripted::of(now, 25);
    let (before, runs) = (rig.contacts().await, rig.engine.syncs().unwrap().list_runs(&RunQuery::default()).await.unwrap());
    let plan = rig.run("crm", &source, &how, dry()).await.unwrap();
    assert_eq!(rig.contacts().await, before);
    assert_eq!(rig.engine.syncs().unwrap().list_runs(&RunQuery::default()).await.unwrap(), runs);
    assert!(rig.set_aside().await.is_empty());
    let planned = &plan.plans[0];
    let done = rig.load("crm", &source, &how).await;
    assert_eq!(planned.target.counts, done.counts);
    assert_eq!((done.counts.created, done.counts.updated, done.counts.deleted, done.counts.failed), (3, 2, 3, 1));
    let update = planned.samples.iter().find(|sample| sample.external_id == "c0013").unwrap();
    assert_eq!(update.action, PlannedAction::Update);
    assert_eq!(
        (update.before.as_ref(), update.after.as_ref()),
        (Some(&json!({ "name": "n13", "at": 13 })), Some(&json!({ "name": "new" })))
    );
    assert_eq!(planned.samples.iter().filter(|sample| sample.action == PlannedAction::Delete).count(), 3);
}

async fn a_plan_says_what_the_guard_would(rig: &Rig) {
    let how = mode(SyncMode::Full);
    rig.load("crm", &Scripted::of(numbered(0..60), 25), &how).await;
    let plan = rig.run("crm", &Scripted::of(numbered(0..10), 25), &how, dry()).await.unwrap();
    assert!(plan.plans[0].refused.as_ref().is_some_and(|why| why.contains("50 of the 60")), "{:?}", plan.plans[0].refused);
    let confirmed = RunOptions { confirm_deletes: true, ..dry() };
    let plan = rig.run("crm", &Scripted::of(numbered(0..10), 25), &how, confirmed).await.unwrap();
    assert_eq!((plan.plans[0].refused.as_ref(), plan.plans[0].target.counts.deleted), (None, 50));
}

async fn a_plan_of_nothing_creates_nothing(rig: &Rig) {
    let plan = rig.run("crm", &Scripted::of(numbered(0..12), 5), &mode(SyncMode::Full), dry()).await.unwrap();
    assert_eq!((plan.plans[0].target.counts.created, plan.plans[0].samples.len()), (12, 5));
    let entity = rig.engine.resolve_entity(&rig.entity()).await;
    assert!(entity.unwrap_err().is_not_found(), "not even the entity");
    let how = told(|records| records.replace_by("of"));
    let page = contacts([("1", json!({ "of": "a" })), ("2", json!({ "of": "b" }))]);
    let plan = rig.run("orders", &Scripted::new().page(page), &how, dry()).await.unwrap();
    assert_eq!(plan.plans[0].target.counts.created, 2);
}

async fn a_plan_shows_what_is_kept(rig: &Rig) {
    let policy = MergePolicy::new().field("phone", FieldPolicy::KeepManual);
    rig.load("crm", &Scripted::new().page(contacts([("1", json!({ "phone": "1", "name": "a" }))])), &merging(policy.clone()))
        .await;
    rig.edit("1", json!({ "phone": "by hand" })).await;
    let next = Scripted::new().page(contacts([("1", json!({ "phone": "2", "name": "b" }))]));
    let plan = rig.run("crm", &next, &merging(policy), RunOptions { restart: true, ..dry() }).await.unwrap();
    assert_eq!(plan.plans[0].samples[0].kept, ["phone"]);
    assert_eq!(plan.plans[0].samples[0].after, Some(json!({ "phone": "by hand", "name": "b" })));
}
