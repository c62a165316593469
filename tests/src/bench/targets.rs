//! What a figure has to reach, and whether it does.

use super::measure::{Figure, Figures};
use serde::Serialize;

/// One sentence about a figure, and whether it holds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    /// What is asked.
    pub(super) target: String,
    /// What was reached, in the target's own unit.
    pub(super) value: f64,
    pub(super) met: bool,
}

/// The rates of the engine's TypeScript original over 20,000 such records, and points in Postgres, on 2 cores, which "several times faster" is measured by.
const ORIGINAL: [(&str, f64); 11] = [
    ("sync_initial", 13_000.0),
    ("sync_10pct_changed", 21_600.0),
    ("get_filtered_sorted_page", 124.0),
    ("get_filtered_sorted_page_indexed", 124.0),
    ("get_by_external_id", 1_060.0),
    ("get_all_by_entity", 171_000.0),
    ("vector_upsert_hnsw", 699.0),
    ("query_top10_c1", 68.0),
    ("query_top10_c16", 152.0),
    ("query_filtered_c1", 83.0),
    ("query_filtered_c16", 200.0),
];

/// What "several times" is taken for.
const SEVERAL: f64 = 3.0;

/// The targets of a figure: those beside its twin first.
pub(super) fn verdicts(figure: &Figure, all: &Figures) -> Vec<Verdict> {
    let ratio = figure.ratio().median;
    let at_least = |bound: f64, of: &str| Verdict { target: format!("≥ {bound} × {of}"), value: ratio, met: ratio >= bound };
    let mut verdicts = Vec::new();
    match figure.name {
        "sync_initial" => verdicts.push(at_least(0.9, "hand-written")),
        "index_records" | "index_touched" | "index_into_graph" => verdicts.push(at_least(0.8, "hand-written")),
        "sync_full_initial" | "sync_incremental_initial" => verdicts.push(at_least(0.9, "hand-written")),
        "sync_full_unchanged" => verdicts.extend(all.get("sync_full_initial").map(|new| faster_than_new(figure, new))),
        "sync_incremental_unchanged" => {
            verdicts.extend(all.get("sync_incremental_initial").map(|new| faster_than_new(figure, new)))
        }
        "sync_bulk" => verdicts.push(at_least(0.6, "binary COPY into the table")),
        "get_all_by_entity" => verdicts.push(at_least(0.9, "hand-written")),
        "get_filtered_sorted_page" => {
            let value = 1.0 / ratio;
            verdicts.push(Verdict { target: "≤ 2.2 × the time of hand-written".into(), value, met: value <= 2.2 });
        }
        "get_filtered_sorted_page_indexed" => {
            let value = figure.extra_ms().median;
            verdicts.push(Verdict { target: "≤ 0.1 ms over hand-written".into(), value, met: value <= 0.1 });
        }
        "sync_unchanged" => verdicts.extend(all.get("sync_initial").map(|new| faster_than_new(figure, new))),
        "vector_upsert_hnsw" => verdicts.push(at_least(0.9, "hand-written")),
        "query_top10_c1" | "query_top10_c16" => {
            let value = 1.0 / ratio;
            verdicts.push(Verdict { target: "≤ 1.1 × the time of hand-written".into(), value, met: value <= 1.1 });
        }
        _ => {}
    }
    if let Some((value, raw)) = figure.recall() {
        let least = if figure.name.contains("filtered") { 0.9 } else { 0.95 };
        verdicts.push(Verdict { target: format!("recall@10 ≥ {least} (hand-written: {raw:.3})"), value, met: value >= least });
    }
    if let Some((_, original)) = ORIGINAL.iter().find(|(name, _)| *name == figure.name) {
        let value = figure.per_second() / original;
        let raw = figure.rate(figure.raw().median) / original;
        let target = format!("≥ {SEVERAL} × the original's {original}/s (hand-written: {raw:.1})");
        verdicts.push(Verdict { target, value, met: value >= SEVERAL });
    }
    verdicts
}

fn faster_than_new(unchanged: &Figure, new: &Figure) -> Verdict {
    let value = unchanged.per_second() / new.per_second();
    Verdict { target: "≥ 1.5 × the rate of new records".into(), value, met: value >= 1.5 }
}
