//! For the documentation: tables between markers, written by the run itself.

use super::{Records, Report, short};
use crate::bench::{
    measure::{Figures, Measure},
    targets::verdicts,
    vectors::Vectors,
};
use mastra_core::Result;
use std::{fmt::Write as _, path::Path};

impl Report {
    /// Puts the tables of each part that was measured between its markers, which have to be there.
    pub(in crate::bench) fn write_markdown(&self, path: &Path) -> Result<()> {
        // The vectors of a backend stand apart, and alone where it is measured for them.
        let records = self.records.as_ref().map(|records| (self.backend.to_owned(), self.record_tables(records)));
        let database = if self.backend == "pgvector" { "postgres" } else { self.backend };
        let vectors = self.vectors.as_ref().map(|vectors| (format!("{database} vectors"), self.vector_tables(vectors)));
        mastra_tests::measured::put_between_markers(path, records.into_iter().chain(vectors))
    }

    fn record_tables(&self, records: &Records) -> String {
        let (count, batch) = (short_count(records.count), short_count(records.batch));
        let head = format!("{count} records, batches of {batch}, {} rounds; {}.", records.rounds, listed(&self.about));
        tables(&head, &records.figures, &records.measures)
    }

    fn vector_tables(&self, vectors: &Vectors) -> String {
        let about: Vec<_> = self.about.iter().chain(&vectors.about).cloned().collect();
        tables(&format!("{}; {}.", vectors.summary(), listed(&about)), &vectors.figures, &vectors.measures)
    }
}

impl Vectors {
    /// What was measured, in a line.
    pub(super) fn summary(&self) -> String {
        let (points, batch) = (short_count(self.points), short_count(self.batch));
        let Self { dimension, questions, rounds, kind, .. } = self;
        format!(
            "{points} points of {dimension} numbers, {questions} questions, batches of {batch}, {rounds} rounds, kind asked for {kind}"
        )
    }
}

fn listed(about: &[(&str, String)]) -> String {
    let about: Vec<String> = about.iter().map(|(name, value)| format!("{name} {value}")).collect();
    about.join("; ")
}

/// A line about what was measured, figures beside their twins, measures.
pub(in crate::bench) fn tables(head: &str, figures: &Figures, measures: &[Measure]) -> String {
    let mut text = format!("{head}\n\n");
    // Writing to a string cannot fail.
    let _ = write_tables(&mut text, figures, measures);
    text
}

fn write_tables(text: &mut String, figures: &Figures, measures: &[Measure]) -> std::fmt::Result {
    if figures.iter().next().is_none() && measures.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "| figure | engine /s | (min – max) | hand-written /s | (min – max) | ratio | (min – max) | client CPU | target: reached |"
    )?;
    writeln!(text, "|---|---:|---|---:|---|---:|---|---:|---|")?;
    for figure in figures.iter() {
        let (ours, raw, ratio) = (figure.ours(), figure.raw(), figure.ratio());
        let rate = |seconds| short(figure.rate(seconds));
        let verdicts: Vec<String> = verdicts(figure, figures)
            .into_iter()
            .map(|verdict| {
                let value = short(verdict.value);
                if verdict.met {
                    format!("{}: {value}", verdict.target)
                } else {
                    format!("**missed** {}: {value}", verdict.target)
                }
            })
            .collect();
        writeln!(
            text,
            "| `{}` | {} | {} – {} | {} | {} – {} | {} | {} – {} | {} | {} |",
            figure.name,
            rate(ours.median),
            rate(ours.max),
            rate(ours.min),
            rate(raw.median),
            rate(raw.max),
            rate(raw.min),
            short(ratio.median),
            short(ratio.min),
            short(ratio.max),
            short(figure.processor_ratio().median),
            verdicts.join("; "),
        )?;
    }
    if !measures.is_empty() {
        writeln!(text, "\n| measure | value | bound | how |\n|---|---:|---|---|")?;
    }
    for measure in measures {
        let bound = match (measure.at_most, measure.met()) {
            (Some(bound), Some(false)) => format!("**missed** ≤ {}", short(bound)),
            (Some(bound), _) => format!("≤ {}", short(bound)),
            (None, _) => String::new(),
        };
        writeln!(text, "| `{}` | {} {} | {bound} | {} |", measure.name, short(measure.value), measure.unit, measure.note)?;
    }
    Ok(())
}

fn short_count(count: usize) -> String {
    short(crate::bench::measure::to_f64(count))
}
