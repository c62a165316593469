//! For the documentation: tables between markers, written by the run itself.

use super::{Report, short};
use crate::bench::targets::verdicts;
use mastra_core::{Error, Result};
use std::{fmt::Write as _, path::Path};

impl Report {
    /// Puts the tables between the markers of the backend, which have to be there.
    pub(in crate::bench) fn write_markdown(&self, path: &Path) -> Result<()> {
        let bad = |message: &str| Error::invalid_input(message).with("path", path.display());
        let text = std::fs::read_to_string(path).map_err(|source| bad("cannot read the file").with_source(source))?;
        let (begin, end) = (format!("<!-- measured: {} -->\n", self.backend), format!("<!-- end: {} -->", self.backend));
        let (before, rest) = text.split_once(&begin).ok_or_else(|| bad("the file has no marker").with("marker", begin.trim()))?;
        let (_, after) = rest.split_once(&end).ok_or_else(|| bad("the file has no marker").with("marker", &end))?;
        let text = format!("{before}{begin}{}{end}{after}", self.tables());
        std::fs::write(path, text).map_err(|source| bad("cannot write the file").with_source(source))
    }

    fn tables(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_tables(&mut text);
        text
    }

    fn write_tables(&self, text: &mut String) -> std::fmt::Result {
        let about: Vec<String> = self.about.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(
            text,
            "{} records, batches of {}, {} rounds; {}.\n",
            short_count(self.records),
            short_count(self.batch),
            self.rounds,
            about.join("; ")
        )?;
        writeln!(
            text,
            "| figure | engine /s | (min – max) | hand-written /s | (min – max) | ratio | (min – max) | client CPU | target: reached |"
        )?;
        writeln!(text, "|---|---:|---|---:|---|---:|---|---:|---|")?;
        for figure in self.figures.iter() {
            let (ours, raw, ratio) = (figure.ours(), figure.raw(), figure.ratio());
            let rate = |seconds| short(figure.rate(seconds));
            let verdicts: Vec<String> = verdicts(figure, &self.figures)
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
        if !self.measures.is_empty() {
            writeln!(text, "\n| measure | value | bound | how |\n|---|---:|---|---|")?;
        }
        for measure in &self.measures {
            let bound = match (measure.at_most, measure.met()) {
                (Some(bound), Some(false)) => format!("**missed** ≤ {}", short(bound)),
                (Some(bound), _) => format!("≤ {}", short(bound)),
                (None, _) => String::new(),
            };
            writeln!(text, "| `{}` | {} {} | {bound} | {} |", measure.name, short(measure.value), measure.unit, measure.note)?;
        }
        Ok(())
    }
}

fn short_count(count: usize) -> String {
    short(crate::bench::measure::to_f64(count))
}
