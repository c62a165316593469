//! Reading a file of JSON lines, without writing: ours beside lines that are read and parsed by hand.

use crate::bench::{
    knowledge::{Part, Rate},
    measure::{Spent, timed},
};
use futures::TryStreamExt as _;
use mastra_core::{Error, Result};
use mastra_sync::source::{
    Item, Position, Source as _,
    files::{FileOptions, JsonLines},
};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

/// Records of a page.
const PAGE: usize = 1_000;

pub(super) async fn measure(directory: &Path, rounds: usize) -> Result<Part> {
    let path = directory.join("records.jsonl");
    let failed = |source| Error::unavailable("cannot read the records to measure with").with_source(source);
    let bytes = std::fs::metadata(&path).map_err(failed)?.len();
    let bytes = usize::try_from(bytes).unwrap_or_default();
    let mut part = Part::new("sources");
    let (mut ours_rate, mut raw_rate) = (None, None);
    for round in 0..rounds {
        let (mut ours, mut raw) = (Spent::default(), Spent::default());
        let (mut our_records, mut raw_records) = (0, 0);
        for ours_now in [round.is_multiple_of(2), !round.is_multiple_of(2)] {
            if ours_now {
                our_records = timed(&mut ours, read(&path)).await?;
            } else {
                let path = path.clone();
                // Where blocking work belongs; ours does the same.
                let by_hand = tokio::task::spawn_blocking(move || by_hand(path));
                let done = timed(&mut raw, by_hand).await;
                raw_records = done.map_err(|source| Error::internal("the twin panicked").with_source(source))?.map_err(failed)?;
            }
        }
        if our_records != raw_records || our_records == 0 {
            return Err(Error::internal("both sides did not read the same records")
                .with("ours", our_records)
                .with("raw", raw_records));
        }
        part.figures.add("source_jsonl", "records", our_records, ours, raw);
        let rate = |name: &str| Rate::new(name.to_owned(), "records", our_records).of_bytes(bytes);
        ours_rate.get_or_insert_with(|| rate("source_jsonl")).seconds.push(ours.wall.as_secs_f64());
        raw_rate.get_or_insert_with(|| rate("raw_source_jsonl")).seconds.push(raw.wall.as_secs_f64());
        part.summary = format!("{our_records} lines, {bytes} bytes, pages of {PAGE}, {rounds} rounds");
    }
    part.rates.extend(ours_rate.into_iter().chain(raw_rate));
    Ok(part)
}

/// All pages of the source, each looked at and let go.
async fn read(path: &Path) -> Result<usize> {
    let source = JsonLines::new(FileOptions::new(path).id_field("externalId").page_items(PAGE));
    let mut pages = source.pages(Position::start());
    let mut records = 0;
    while let Some(page) = pages.try_next().await? {
        records += page.items.iter().filter(|item| matches!(item, Item::Record { .. })).count();
    }
    Ok(records)
}

/// Line by line, each parsed, a page's worth held at a time.
fn by_hand(path: PathBuf) -> std::io::Result<usize> {
    let mut reader = BufReader::with_capacity(128 * 1024, File::open(path)?);
    let (mut line, mut page, mut records) = (String::new(), Vec::with_capacity(PAGE), 0);
    while reader.read_line(&mut line)? > 0 {
        let data: Value = serde_json::from_str(&line)?;
        let id = data.get("externalId").and_then(Value::as_str).unwrap_or_default().to_owned();
        page.push((id, data));
        line.clear();
        if page.len() == PAGE {
            records += std::mem::take(&mut page).len();
        }
    }
    Ok(records + page.len())
}
