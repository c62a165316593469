//! What was found in several places: a part of its own each, such as knowledge in SQLite and in Postgres.

use super::latency::{HEAD, Searches};
use crate::bench::{
    measure::{Figures, Measure, Spread, to_f64},
    report::{short, tables},
    targets::verdicts,
};
use mastra_core::Result;
use serde_json::{Map, Value, json};
use std::{fmt, path::Path};

/// A rate that stands alone.
#[derive(Debug)]
pub(in crate::bench) struct Rate {
    pub(in crate::bench) name: String,
    pub(in crate::bench) unit: &'static str,
    /// How many a round does.
    pub(in crate::bench) count: usize,
    bytes: Option<usize>,
    /// What each round took.
    pub(in crate::bench) seconds: Vec<f64>,
    pub(in crate::bench) note: String,
}

impl Rate {
    pub(in crate::bench) fn new(name: String, unit: &'static str, count: usize) -> Self {
        Self { name, unit, count, bytes: None, seconds: Vec::new(), note: String::new() }
    }

    pub(in crate::bench) fn of_bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    fn per_second(&self) -> Spread {
        Spread::of(self.seconds.iter().map(|seconds| to_f64(self.count) / seconds))
    }

    fn megabytes(&self) -> Option<Spread> {
        let bytes = to_f64(self.bytes?) / 1e6;
        Some(Spread::of(self.seconds.iter().map(|seconds| bytes / seconds)))
    }
}

/// What was measured in one place.
#[derive(Debug)]
pub(in crate::bench) struct Part {
    pub(in crate::bench) name: &'static str,
    pub(in crate::bench) about: Vec<(&'static str, String)>,
    pub(in crate::bench) summary: String,
    pub(in crate::bench) rates: Vec<Rate>,
    pub(in crate::bench) figures: Figures,
    pub(super) searches: Vec<Searches>,
    pub(in crate::bench) measures: Vec<Measure>,
    /// What was not measured, and why.
    pub(in crate::bench) missing: Vec<(String, String)>,
}

impl Part {
    pub(in crate::bench) fn new(name: &'static str) -> Self {
        Self {
            name,
            about: Vec::new(),
            summary: String::new(),
            rates: Vec::new(),
            figures: Figures::default(),
            searches: Vec::new(),
            measures: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("about".into(), self.about.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect());
        all.insert("summary".into(), json!(self.summary));
        for rate in &self.rates {
            let per_s = rate.per_second();
            let value = json!({ "per_s": per_s.median, "min_per_s": per_s.min, "max_per_s": per_s.max, "count": rate.count,
                "unit": rate.unit, "mb_per_s": rate.megabytes().map(|spread| spread.median), "note": rate.note });
            all.insert(rate.name.clone(), value);
        }
        for figure in self.figures.iter() {
            for (name, seconds) in [(figure.name.to_owned(), figure.ours()), (format!("raw_{}", figure.name), figure.raw())] {
                let value = json!({ "s": seconds.median, "per_s": figure.rate(seconds.median), "min_s": seconds.min,
                    "max_s": seconds.max, "count": figure.count, "unit": figure.unit });
                all.insert(name, value);
            }
            if let Some(Value::Object(ours)) = all.get_mut(figure.name) {
                ours.insert("ratio_to_raw".into(), json!(figure.ratio()));
                ours.insert("client_processor_time_to_raw".into(), json!(figure.processor_ratio()));
                ours.insert("client_processor_us_each".into(), json!(figure.processor_us()));
                ours.insert("targets".into(), json!(verdicts(figure, &self.figures)));
            }
        }
        for searches in &self.searches {
            all.insert(searches.name(), searches.to_json());
        }
        all.insert("measures".into(), json!(self.measures));
        all.insert("notMeasured".into(), self.missing.iter().map(|(name, why)| (name.clone(), json!(why))).collect());
        all.into()
    }

    /// Its tables, as Markdown.
    fn tables(&self, machine: &[(&'static str, String)]) -> String {
        let about: Vec<String> = machine.iter().chain(&self.about).map(|(name, value)| format!("{name} {value}")).collect();
        let head = format!("{}; {}.", self.summary, about.join("; "));
        let mut text = tables(&head, &self.figures, &self.measures);
        if !self.rates.is_empty() {
            let rows = self.rates.iter().map(|rate| {
                let (per_s, megabytes) = (rate.per_second(), rate.megabytes());
                vec![
                    format!("`{}`", rate.name),
                    format!("{} {}", short(per_s.median), rate.unit),
                    format!("{} – {}", short(per_s.min), short(per_s.max)),
                    megabytes.map_or_else(String::new, |spread| short(spread.median)),
                    rate.note.clone(),
                ]
            });
            text.push_str(&table(&["rate", "/s", "(min – max)", "MB/s", "of"], rows));
        }
        if !self.searches.is_empty() {
            text.push_str(&table(&HEAD, self.searches.iter().map(Searches::cells)));
        }
        for (name, why) in &self.missing {
            text.push_str(&format!("\nNot measured: `{name}` ({why}).\n"));
        }
        text
    }
}

/// A table behind a blank line; the first column is text, the others are numbers.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("\n{}|---{}|\n", line(head), "|---:".repeat(head.len().saturating_sub(1)));
    for row in rows {
        text.push_str(&line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    text
}

/// A whole run.
#[derive(Debug)]
pub(in crate::bench) struct PartsReport {
    /// What was measured, which markers and JSON are named by.
    pub(in crate::bench) backend: &'static str,
    pub(in crate::bench) machine: Vec<(&'static str, String)>,
    pub(in crate::bench) parts: Vec<Part>,
}

impl PartsReport {
    /// An object a part, each figure under its name, its twin as `raw_…` beside it.
    pub(in crate::bench) fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("backend".into(), self.backend.into());
        all.insert("about".into(), self.machine.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect());
        all.extend(self.parts.iter().map(|part| (part.name.to_owned(), part.to_json())));
        all.into()
    }

    /// Puts the tables of each part between its markers, such as `<!-- measured: knowledge sqlite -->`.
    pub(in crate::bench) fn write_markdown(&self, path: &Path) -> Result<()> {
        let parts = self.parts.iter().map(|part| (format!("{} {}", self.backend, part.name), part.tables(&self.machine)));
        mastra_tests::measured::put_between_markers(path, parts)
    }
}

impl fmt::Display for PartsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The tables read well enough on a terminal.
        self.parts.iter().try_for_each(|part| writeln!(f, "{} {}\n\n{}", self.backend, part.name, part.tables(&self.machine)))
    }
}
