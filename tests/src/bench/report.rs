//! What a run found: as JSON, as lines to read, and as tables for the documentation.

mod json;
mod markdown;
mod text;

pub(super) use markdown::tables;

use super::{
    measure::{Figure, Figures, Measure},
    vectors::Vectors,
};
use mastra_conformance::bench::Work;

/// A whole run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) backend: &'static str,
    /// The machine's kind and the database.
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) records: Option<Records>,
    pub(super) vectors: Option<Vectors>,
}

/// What was done with records.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) count: usize,
    pub(super) batch: usize,
    pub(super) rounds: usize,
    pub(super) figures: Figures,
    pub(super) measures: Vec<Measure>,
}

impl Report {
    /// The figures of both parts, each with those that it is compared with.
    fn figures(&self) -> impl Iterator<Item = (&Figure, &Figures)> {
        let records = self.records.iter().map(|records| &records.figures);
        let parts = records.chain(self.vectors.iter().map(|vectors| &vectors.figures));
        parts.flat_map(|figures| figures.iter().map(move |figure| (figure, figures)))
    }

    /// The measures of both parts.
    fn measures(&self) -> impl Iterator<Item = &Measure> {
        let records = self.records.iter().flat_map(|records| &records.measures);
        records.chain(self.vectors.iter().flat_map(|vectors| &vectors.measures))
    }

    /// What was not measured, and why.
    fn missing(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let no_records = match self.backend {
            "qdrant" => "the backend has no engine",
            _ => "not asked for",
        };
        let records = RECORD_FIGURES.iter().map(move |name| (*name, no_records));
        let all = records.chain(Work::ALL.iter().map(|work| (work.name(), "not asked for")));
        all.filter(|(name, _)| self.figures().all(|(figure, _)| figure.name != *name))
    }
}

/// The figures of an engine that has no path of its own for much at once.
pub(super) const RECORD_FIGURES: [&str; 7] = [
    "sync_initial",
    "sync_10pct_changed",
    "sync_unchanged",
    "get_filtered_sorted_page",
    "get_filtered_sorted_page_indexed",
    "get_by_external_id",
    "get_all_by_entity",
];

/// A number with the digits that matter.
pub(in crate::bench) fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(short(1_234_567.8), "1,234,568");
        assert_eq!(short(-123_456.0), "-123,456");
        assert_eq!(short(12.34), "12.3");
        assert_eq!(short(0.0456), "0.046");
    }
}
