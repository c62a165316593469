//! Several syncs and people in one record.

use crate::{
    rig::{Rig, merging, mode, on_every_engine},
    scripted::{Scripted, contacts},
};
use mastra_core::sync::SyncMode;
use mastra_sync::{
    RunOptions,
    write::{FieldPolicy, MergePolicy},
};
use serde_json::{Value, json};

on_every_engine!(
    a_sync_replaces_its_own_keys,
    priority_decides,
    the_newest_decides,
    manual_edits_are_kept,
    another_spelling_is_no_edit,
    who_wrote_what_is_known,
    many_syncs_write_one_record,
);

async fn say(rig: &Rig, sync: &str, data: Value, policy: &MergePolicy) {
    let options = RunOptions { restart: true, ..RunOptions::default() };
    rig.run(sync, &Scripted::new().page(contacts([("1", data)])), &merging(policy.clone()), options).await.unwrap();
}

async fn a_sync_replaces_its_own_keys(rig: &Rig) {
    let policy = MergePolicy::new();
    say(rig, "crm", json!({ "name": "Ada", "stage": "won", "old": true }), &policy).await;
    say(rig, "shop", json!({ "spent": 3 }), &policy).await;
    rig.edit("1", json!({ "notes": "nice" })).await;
    say(rig, "crm", json!({ "name": "Ada L.", "stage": "won" }), &policy).await;
    assert_eq!(rig.contact("1").await, Some(json!({ "name": "Ada L.", "stage": "won", "spent": 3, "notes": "nice" })));
}

async fn priority_decides(rig: &Rig) {
    let policy = MergePolicy::new().field("email", FieldPolicy::Priority(vec!["crm".into(), "shop".into()]));
    say(rig, "shop", json!({ "email": "shop@x", "name": "s" }), &policy).await;
    say(rig, "crm", json!({ "email": "crm@x", "name": "c" }), &policy).await;
    say(rig, "shop", json!({ "email": "shop2@x", "name": "s2" }), &policy).await;
    say(rig, "other", json!({ "email": "other@x" }), &policy).await;
    assert_eq!(rig.contact("1").await, Some(json!({ "email": "crm@x", "name": "s2" })));
}

async fn the_newest_decides(rig: &Rig) {
    let policy = MergePolicy::new().otherwise(FieldPolicy::NewestBy("updatedAt".into()));
    let data = |day: u32, name: &str| json!({ "name": name, "updatedAt": format!("2026-01-{day:02}T00:00:00Z") });
    say(rig, "crm", data(5, "fifth"), &policy).await;
    say(rig, "shop", data(3, "third"), &policy).await;
    say(rig, "crm", data(4, "fourth"), &policy).await;
    assert_eq!(rig.contact("1").await, Some(data(5, "fifth")));
    say(rig, "shop", data(6, "sixth"), &policy).await;
    assert_eq!(rig.contact("1").await, Some(data(6, "sixth")));
}

async fn manual_edits_are_kept(rig: &Rig) {
    let policy = MergePolicy::new().field("phone", FieldPolicy::KeepManual);
    say(rig, "crm", json!({ "phone": "1", "name": "a" }), &policy).await;
    say(rig, "crm", json!({ "phone": "2", "name": "b" }), &policy).await;
    assert_eq!(rig.contact("1").await, Some(json!({ "phone": "2", "name": "b" })), "nobody touched it");
    rig.edit("1", json!({ "phone": "by hand", "name": "by hand" })).await;
    for phone in ["2", "3"] {
        say(rig, "crm", json!({ "phone": phone, "name": "c" }), &policy).await;
        assert_eq!(rig.contact("1").await, Some(json!({ "phone": "by hand", "name": "c" })));
    }
    // The source no longer has it: what was written by hand stays.
    say(rig, "crm", json!({ "name": "c" }), &policy).await;
    assert_eq!(rig.contact("1").await.unwrap()["phone"], json!("by hand"));
}

/// A database may spell a number in its own way: that is nobody's edit.
async fn another_spelling_is_no_edit(rig: &Rig) {
    let policy = MergePolicy::new().otherwise(FieldPolicy::KeepManual);
    let number = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    say(rig, "crm", json!({ "a": number("1e5"), "b": number("-0.0"), "c": number("1.50") }), &policy).await;
    say(rig, "crm", json!({ "a": 2, "b": 3, "c": 4 }), &policy).await;
    assert_eq!(rig.contact("1").await, Some(json!({ "a": 2, "b": 3, "c": 4 })));
}

async fn who_wrote_what_is_known(rig: &Rig) {
    let policy = MergePolicy::new();
    say(rig, "crm", json!({ "name": "Ada", "email": "a@x" }), &policy).await;
    say(rig, "shop", json!({ "email": "b@x", "spent": 3 }), &policy).await;
    rig.edit("1", json!({ "notes": "nice" })).await;
    let provenance = mastra_sync::write::provenance(rig.engine.as_ref(), &rig.entity(), "1").await.unwrap();
    let by = |field: &str| provenance.iter().find(|of| of.field == field).map(|of| of.syncs.join(" "));
    assert_eq!(by("name").as_deref(), Some("crm"));
    assert_eq!(by("email").as_deref(), Some("shop"));
    assert_eq!(by("spent").as_deref(), Some("shop"));
    assert_eq!(by("notes").as_deref(), Some(""));
}

/// Eight syncs at once over the same records, each with a key of its own: nobody loses anything.
async fn many_syncs_write_one_record(rig: &Rig) {
    let policy = MergePolicy::new().otherwise(FieldPolicy::KeepManual);
    let round = |round: usize| {
        let policy = &policy;
        futures::future::join_all((0..8).map(move |sync| async move {
            let rows = (0..20).map(|at| (format!("c{at}"), json!({ format!("k{sync}"): round }))).collect();
            let options = RunOptions { restart: true, ..RunOptions::default() };
            let source = Scripted::of(rows, 7);
            rig.run(&format!("sync{sync}"), &source, &merging(policy.clone()), options).await.unwrap();
        }))
    };
    for at in 0..3 {
        round(at).await;
    }
    let expected: Value = (0..8).map(|sync| (format!("k{sync}"), json!(2))).collect();
    let left = rig.contacts().await;
    assert_eq!(left.len(), 20);
    assert!(left.values().all(|data| *data == expected), "{left:?}");
    // Each of them takes its own with it.
    for sync in 0..8 {
        let confirmed = RunOptions { confirm_deletes: true, ..RunOptions::default() };
        rig.run(&format!("sync{sync}"), &Scripted::new(), &mode(SyncMode::Full), confirmed).await.unwrap();
        assert_eq!(rig.contacts().await.len(), if sync < 7 { 20 } else { 0 });
    }
}
