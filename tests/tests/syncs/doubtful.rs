//! What is doubtful deletes nothing, and costs nobody a value.

use crate::{
    rig::{Rig, on_every_engine, told},
    scripted::{Scripted, numbered},
};
use mastra_core::{Error, NewRecord, sync::SyncMode};
use mastra_sync::{
    Failure, Mastra, SyncErrorKind, define,
    source::{Item, Page, Scope},
};
use serde_json::{Value, json};
use std::sync::Arc;

on_every_engine!(what_the_mapping_cannot_name_is_not_missing, a_parent_may_say_that_one_of_its_own_is_gone);

async fn what_the_mapping_cannot_name_is_not_missing(rig: &Rig) {
    let how = told(|records| {
        records.mode(SyncMode::Full).map(|mut draft| {
            if draft.data.get("bad").is_some() {
                return Err(Error::invalid_input("it is bad"));
            }
            draft.external_id = draft.external_id.map(|id| format!("crm-{id}"));
            Ok(Some(draft))
        })
    });
    rig.load("map", &Scripted::of(numbered(0..30), 10), &how).await;
    // Once before the mapping has shown that it gives other ids, once after.
    for bad in [0, 25] {
        let mut contacts = numbered(0..30);
        contacts[bad].1["bad"] = json!(true);
        let error = rig.run("map", &Scripted::of(contacts, 1), &how, mastra_sync::RunOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), SyncErrorKind::Refused);
        assert_eq!(rig.contacts().await.len(), 30);
    }
}

async fn a_parent_may_say_that_one_of_its_own_is_gone(rig: &Rig) {
    let sync = define("parents").execute(|ctx| async move {
        let mut writer = ctx.records("Contacts").connection("crm").open().await?;
        writer.replace_scope("of", "p", ["1", "2", "3"].map(|id| NewRecord::new(id, json!({})))).await?;
        let items = [Item::record("4", json!({})), Item::Deleted { external_id: "1".into() }, Item::record("2", json!({}))];
        writer.write(Page::new(items).scope(Scope::new("of", "p"))).await?;
        writer.complete().await?;
        Ok::<_, Failure>(Value::Null)
    });
    let mastra = Mastra::builder().engine(Arc::clone(&rig.engine)).sync(sync).build().unwrap();
    mastra.sync("parents", Value::Null).await.unwrap();
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), ["2", "4"]);
}
