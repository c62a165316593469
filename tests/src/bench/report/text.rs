//! For people, on a terminal.

use super::{Report, short};
use crate::bench::targets::verdicts;
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.backend)?;
        if let Some(records) = &self.records {
            writeln!(f, "  {} records, batches of {}, {} rounds", records.count, records.batch, records.rounds)?;
        }
        if let Some(vectors) = &self.vectors {
            writeln!(f, "  {}", vectors.summary())?;
        }
        for (name, value) in self.about.iter().chain(self.vectors.iter().flat_map(|vectors| &vectors.about)) {
            writeln!(f, "  {name}: {value}")?;
        }
        for (figure, others) in self.figures() {
            let (ours, raw, ratio) = (figure.ours(), figure.raw(), figure.ratio());
            writeln!(f, "{}", figure.name)?;
            for (side, seconds) in [("engine", ours), ("hand-written", raw)] {
                let rate = |seconds| short(figure.rate(seconds));
                writeln!(
                    f,
                    "  {side:<12} {:>9} {}/s  ({} to {}; {} ms each)",
                    rate(seconds.median),
                    figure.unit,
                    rate(seconds.max),
                    rate(seconds.min),
                    short(1_000.0 / figure.rate(seconds.median)),
                )?;
            }
            writeln!(
                f,
                "  ratio        {:>9} of hand-written  ({} to {})",
                short(ratio.median),
                short(ratio.min),
                short(ratio.max)
            )?;
            let (processor, each) = (figure.processor_ratio(), figure.processor_us());
            writeln!(
                f,
                "  client's CPU {:>9} × hand-written's  ({} to {}; {} and {} µs each)",
                short(processor.median),
                short(processor.min),
                short(processor.max),
                short(each.0),
                short(each.1),
            )?;
            for verdict in verdicts(figure, others) {
                writeln!(f, "  {} {}: {}", mark(verdict.met), verdict.target, short(verdict.value))?;
            }
        }
        for measure in self.measures() {
            let bound = measure.at_most.map(|bound| format!(", at most {}", short(bound))).unwrap_or_default();
            let mark = measure.met().map_or("      ", mark);
            writeln!(f, "{} {} {} {}{bound} ({})", mark, measure.name, short(measure.value), measure.unit, measure.note)?;
        }
        for (name, why) in self.missing() {
            writeln!(f, "       {name} not measured: {why}")?;
        }
        Ok(())
    }
}

fn mark(met: bool) -> &'static str {
    if met { "met   " } else { "MISSED" }
}
