//! The syncs of this example.

use mastra_core::{Engine, Result};
use mastra_sync::{Mastra, define, source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// How many numbers to write, and how slowly.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// The entity to write them to.
    pub entity: String,
    /// How many pages of ten.
    pub pages: u32,
    /// How long each page takes, in milliseconds.
    #[serde(default)]
    pub page_ms: u64,
}

/// What was written.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// How many numbers there are now.
    pub numbers: u32,
}

/// The registry: a sync that writes numbers page by page, and stands for one that reads a slow source.
pub fn registry(engine: Arc<dyn Engine>) -> Result<Mastra> {
    let numbers = define("numbers").label("Numbers").input::<Numbers>().output::<Written>().execute(|ctx| async move {
        let Numbers { entity, pages, page_ms } = ctx.input().clone();
        let mut writer = ctx.records(&entity).open().await?;
        // Behind the page that was written last, by whatever worker.
        let done = writer.cursor().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        for page in done..pages {
            tokio::time::sleep(Duration::from_millis(page_ms)).await;
            let items = (page * 10..page * 10 + 10)
                .map(|n| source::Item::record(n.to_string(), json!({ "n": n, "attempt": ctx.attempt() })));
            writer.write(source::Page::new(items).cursor((page + 1).to_string())).await?;
            ctx.note(format!("page {} of {pages}", page + 1));
        }
        writer.complete().await?;
        Ok(Written { numbers: pages * 10 })
    });
    Mastra::builder().engine(engine).sync(numbers).build()
}
