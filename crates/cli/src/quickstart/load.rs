//! Loading, so that a second run changes nothing.

use super::{CONNECTION, DEALS, documents::is_cut};
use mastra_core::{Engine, Entity, NewRecord, Path, Result, SyncBatch, UpsertMode, UpsertOptions};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

/// The table that is part of this program.
const TABLE: &[u8] = include_bytes!("../../assets/deals.csv");
/// So many documents are stored in one transaction, fewer where they are long.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What became of an entity's records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Loaded {
    pub(super) entity: String,
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    /// Documents of which only the beginning can be found by their text.
    pub(super) searched_in_part: usize,
    pub(super) seconds: f64,
}

/// The words of titles, to ask something that the documents can answer.
#[derive(Debug, Default)]
pub(super) struct Titles {
    words: BTreeMap<String, usize>,
    count: usize,
}

impl Titles {
    fn add(&mut self, record: &NewRecord) {
        self.count += 1;
        let title = record.data.get("title").and_then(Value::as_str).unwrap_or_default();
        let mut words: Vec<String> =
            title.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 4).map(str::to_lowercase).collect();
        words.sort();
        words.dedup();
        for word in words {
            *self.words.entry(word).or_default() += 1;
        }
    }

    /// A word that several titles share but not most of them; the longest of those that are shared most.
    pub(super) fn word(&self) -> Option<String> {
        let telling = |count: usize| if count * 2 <= self.count { count } else { 0 };
        let best = self.words.iter().max_by_key(|(word, count)| (telling(**count), word.len()));
        best.map(|(word, _)| word.clone())
    }
}

/// Loads documents and declares what text search covers.
pub(super) async fn documents(
    engine: &dyn Engine,
    name: &str,
    files: impl IntoIterator<Item = Result<Vec<NewRecord>>>,
    titles: &mut Titles,
) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::of(name);
    let entity = loaded.store(engine, Vec::new()).await?;
    let fields: Vec<Path> = vec!["title".parse()?, "text".parse()?];
    if entity.text_fields != fields {
        engine.declare_text_index(&(&entity).into(), &fields).await?;
    }
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for records in files {
        for record in records? {
            titles.add(&record);
            loaded.searched_in_part += usize::from(is_cut(&record));
            bytes += record.data.get("text").and_then(Value::as_str).map_or(0, str::len);
            batch.push(record);
        }
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
            loaded.store(engine, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
    }
    loaded.store(engine, batch).await?;
    loaded.seconds = began.elapsed().as_secs_f64();
    Ok(loaded)
}

/// Loads the table.
pub(super) async fn deals(engine: &dyn Engine) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::of(DEALS);
    loaded.store(engine, crate::records::built_in_rows(TABLE, "id")?).await?;
    loaded.seconds = began.elapsed().as_secs_f64();
    Ok(loaded)
}

impl Loaded {
    fn of(entity: &str) -> Self {
        Self { entity: entity.to_owned(), created: 0, updated: 0, unchanged: 0, searched_in_part: 0, seconds: 0.0 }
    }

    /// Stores a batch; the entity is created on first use.
    async fn store(&mut self, engine: &dyn Engine, records: Vec<NewRecord>) -> Result<Entity> {
        let batch = SyncBatch::new(&self.entity, CONNECTION, records).options(UpsertOptions::from(UpsertMode::Replace));
        let report = engine.sync_records(&batch).await?;
        self.created += report.records.created.len();
        self.updated += report.records.updated.len();
        self.unchanged += report.records.unchanged.len();
        Ok(report.entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_is_whole_and_typed() {
        let deals = crate::records::built_in_rows(TABLE, "id").unwrap();
        assert!(deals.len() >= 200);
        for deal in deals {
            assert!(deal.data["amount"].is_number() && deal.data["active"].is_boolean() && deal.data["company"].is_string());
        }
    }

    #[test]
    fn a_telling_word_is_shared_by_some() {
        let mut titles = Titles::default();
        for title in ["The budget of May", "Budget review", "The picnic", "The garden", "The the"] {
            titles.add(&NewRecord::new("x", json!({ "title": title })));
        }
        assert_eq!(titles.word().as_deref(), Some("budget"));
        assert_eq!(Titles::default().word(), None);
    }
}
