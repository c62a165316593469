//! How often a page waits for the server.

use super::{homes::on_postgres, run::Runs};
use crate::bench::{
    data::{CONNECTION, Data, Document, ENTITY},
    measure::{Measure, to_f64},
    postgres::Postgres,
    round_trips::Relay,
};
use mastra_core::{Result, sync::SyncMode};
use mastra_sync::source::{Item, Page};
use std::time::Duration;

/// Records of a page.
const PAGE: usize = 100;

/// Counts the turns of pages in full mode. Nothing where the server has no TCP port.
pub(super) async fn measure(home: &Postgres, number: usize, data: &Data) -> Result<Vec<Measure>> {
    let Some((relay, url)) = Relay::before(home).await? else { return Ok(Vec::new()) };
    let engine = on_postgres(&url, number).await?;
    let mut runs = Runs::new(engine.clone())?;
    let mut measures = Vec::new();
    let kinds: [(&str, &[Document], &str); 3] = [
        ("round_trips_page_new", &data.records, "100 new records in full mode"),
        ("round_trips_page_unchanged", &data.records, "the same again"),
        ("round_trips_page_changed", &data.changed, "the same, ten of them changed"),
    ];
    for (name, documents, note) in kinds {
        // A sign of life would be counted: none is due in a minute.
        let run = runs.begin_for(Duration::from_secs(180)).await?;
        let mut writer = run.context.records(ENTITY).connection(CONNECTION).mode(SyncMode::Full).open().await?;
        let mut turns = 0;
        // Statements are prepared on their first use; the last page shows what one costs for good.
        for (at, page) in documents.chunks(PAGE).take(8).enumerate() {
            let items = page.iter().map(|document| Item::record(document.external_id.as_str(), document.data.clone()));
            relay.take().await;
            writer.write(Page::new(items).cursor(at.to_string())).await?;
            turns = relay.take().await;
        }
        writer.complete().await?;
        run.end().await?;
        measures.push(Measure { name, value: to_f64(turns), unit: "round trips", at_most: None, note: note.to_owned() });
    }
    engine.close().await?;
    Ok(measures)
}
