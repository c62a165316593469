//! What is loaded: the generated contacts, and the same with every tenth changed.

use mastra_core::{Error, NewRecord, Result};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

/// The entity that both sides load.
pub(super) const ENTITY: &str = "Contacts";
/// Its connection.
pub(super) const CONNECTION: &str = "crm";

/// A document to store.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) external_id: String,
    pub(super) data: Value,
}

/// Both loads.
#[derive(Debug)]
pub(super) struct Data {
    /// As the file has them.
    pub(super) records: Vec<Document>,
    /// Every tenth with another amount and stage.
    pub(super) changed: Vec<Document>,
}

impl Data {
    /// Reads `records.jsonl` of a directory; at most `limit` of its lines.
    pub(super) fn load(directory: &Path, limit: Option<usize>) -> Result<Self> {
        let records: Vec<Document> = lines(directory)?.take(limit.unwrap_or(usize::MAX)).collect::<Result<_>>()?;
        if records.is_empty() {
            return Err(Error::invalid_input("records.jsonl holds no records").with("directory", directory.display()));
        }
        let mut changed = records.clone();
        changed.iter_mut().step_by(10).for_each(change);
        Ok(Self { records, changed })
    }
}

/// The documents of `records.jsonl`, one after the other.
pub(super) fn lines(directory: &Path) -> Result<impl Iterator<Item = Result<Document>> + use<>> {
    let path = directory.join("records.jsonl");
    let bad = |message: &str, path: &Path| Error::invalid_input(message).with("path", path.display());
    let file = File::open(&path).map_err(|source| bad("cannot read the records", &path).with_source(source))?;
    Ok(BufReader::new(file).lines().map(move |line| {
        let line = line.map_err(|source| bad("cannot read the records", &path).with_source(source))?;
        let record: NewRecord =
            serde_json::from_str(&line).map_err(|source| bad("a line is no record", &path).with_source(source))?;
        Ok(Document { external_id: record.external_id, data: record.data })
    }))
}

fn change(document: &mut Document) {
    if let Value::Object(data) = &mut document.data {
        data.insert("stage".into(), "reopened".into());
        data.insert("visits".into(), 1.into());
    }
}

/// A bound of the page, another one each time, so that no cache can know the answer.
pub(super) fn bound(number: usize) -> f64 {
    // Steps of 0.01 through 2,000 values, in an order that jumps.
    let step = u32::try_from(number * 7_919 % 2_000).unwrap_or_default();
    5_000.0 + f64::from(step) / 100.0
}
