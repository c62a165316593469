//! Syncs beside hand-written code: full and incremental runs, parents, and what reading a file costs.
//!
//! The twins (`raw_*`) came first and use nothing of this workspace. Both sides get the same pages by turns, each page one transaction with its
//! stakes, what it has seen, cursor, ledger and hold; what they stored is held beside each other at the end of each round.

mod homes;
mod raw;
mod raw_postgres;
mod raw_sqlite;
mod round_trips;
mod run;
mod runner;
mod sources;

use super::{
    contacts,
    data::Data,
    knowledge::{Part, PartsReport},
    measure::{Measure, Spread, to_f64},
    options::{self, Options},
    postgres::Postgres,
    sqlite::Sqlite,
};
use homes::Home;
use mastra_core::Result;
use runner::{Logged, Round};

/// The figures that can be asked for by name.
pub(super) const FIGURES: [&str; 9] = [
    "sync_full_initial",
    "sync_full_unchanged",
    "sync_full_10pct_changed",
    "sync_full_10pct_deleted",
    "sync_incremental_initial",
    "sync_incremental_unchanged",
    "replace_scope_initial",
    "replace_scope",
    "source_jsonl",
];

/// Measures the parts that were asked for.
pub(super) async fn measure(options: &Options) -> Result<PartsReport> {
    let wanted = |part| options.part.is_empty() || options.part.contains(&part);
    if contacts::ensure(&options.data)? {
        eprintln!("wrote contacts to measure with into {}", options.data.display());
    }
    let data = Data::load(&options.data, options.records)?;
    let mut parts = Vec::new();
    if wanted(options::Part::Sources) {
        parts.push(sources::measure(&options.data, usize::from(options.rounds)).await?);
    }
    if wanted(options::Part::Sqlite) {
        parts.push(on_home(&Sqlite::new()?, options, &data).await?);
    }
    if wanted(options::Part::Postgres) {
        let home = Postgres::new().await?;
        let mut part = on_home(&home, options, &data).await?;
        let number = 9_999;
        let trips = round_trips::measure(&home, number, &data).await;
        home.remove(number).await?;
        part.measures.extend(trips?);
        parts.push(part);
    }
    Ok(PartsReport { backend: "syncs", machine: super::machine(), parts })
}

async fn on_home<H: Home>(home: &H, options: &Options, data: &Data) -> Result<Part> {
    let mut part = Part::new(home.name());
    part.about = home.describe().await?;
    part.summary = format!("{} records, pages of {}, {} rounds", data.records.len(), options.batch, options.rounds);
    let mut logged = Logged::default();
    for number in 0..usize::from(options.rounds) {
        eprintln!("{}: round {} of {}", home.name(), number + 1, options.rounds);
        let figures = &mut part.figures;
        let mut round = Round { home, number, data, batch: options.batch, only: &options.only, figures, logged: &mut logged };
        let done = round.run().await;
        if done.is_err() {
            // Whatever failed, no store stays behind.
            for store in 0..3 {
                home.remove(number * 3 + store).await?;
            }
        }
        done?;
    }
    part.measures.extend(logged_bytes("wal_unchanged_page_full", &logged.full));
    part.measures.extend(logged_bytes("wal_unchanged_page_incremental", &logged.incremental));
    Ok(part)
}

/// What a page of unchanged records adds to the log. The server's other work is logged too: the middle page is free of it.
fn logged_bytes(name: &'static str, pages: &[u64]) -> Option<Measure> {
    let spread = Spread::of(pages.iter().map(|bytes| to_f64(usize::try_from(*bytes).unwrap_or(usize::MAX))));
    (!pages.is_empty()).then(|| Measure {
        name,
        value: spread.median,
        unit: "bytes",
        at_most: None,
        note: format!("the middle one of {} pages: the hold, the ledger, the cursor, and in full mode what was met", pages.len()),
    })
}
