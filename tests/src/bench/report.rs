//! What a run found: as JSON, as lines to read, and as tables for the documentation.

mod json;
mod markdown;
mod text;

use super::measure::{Figures, Measure};

/// A whole run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) backend: &'static str,
    pub(super) records: usize,
    pub(super) batch: usize,
    pub(super) rounds: usize,
    /// The machine's kind and the database.
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) figures: Figures,
    pub(super) measures: Vec<Measure>,
}

/// Figures that belong to crates that are not there, with the reason.
pub(super) const NOT_MEASURED: [&str; 5] =
    ["vector_upsert_hnsw", "query_top10_c1", "query_top10_c16", "query_filtered_c1", "query_filtered_c16"];

/// Why.
pub(super) const NO_VECTORS: &str = "the stores of vectors are not measured yet";

/// A number with the digits that matter.
fn short(value: f64) -> String {
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
