//! For programs.

use super::{NO_VECTORS, NOT_MEASURED, Report};
use crate::bench::{
    measure::{Figure, Spread},
    targets::verdicts,
};
use serde_json::{Map, Value, json};

impl Report {
    /// Each figure under its name as `{"s", "per_s", …}`, its twin as `raw_…` beside it.
    pub(in crate::bench) fn to_json(&self) -> Value {
        let mut all = Map::new();
        let about: Map<String, Value> =
            self.about.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        all.insert("backend".into(), self.backend.into());
        all.insert("records".into(), self.records.into());
        all.insert("batch".into(), self.batch.into());
        all.insert("rounds".into(), self.rounds.into());
        all.insert("about".into(), about.into());
        for figure in self.figures.iter() {
            let mut ours = side(figure, figure.ours());
            if let Value::Object(ours) = &mut ours {
                ours.insert("ratio_to_raw".into(), json!(figure.ratio()));
                ours.insert("client_processor_time_to_raw".into(), json!(figure.processor_ratio()));
                ours.insert("targets".into(), json!(verdicts(figure, &self.figures)));
            }
            all.insert(figure.name.into(), ours);
            all.insert(format!("raw_{}", figure.name), side(figure, figure.raw()));
        }
        let measures = self.measures.iter().map(|measure| {
            let mut value = json!(measure);
            if let (Value::Object(value), Some(met)) = (&mut value, measure.met()) {
                value.insert("met".into(), met.into());
            }
            value
        });
        all.insert("measures".into(), measures.collect());
        let missing: Map<String, Value> = NOT_MEASURED.iter().map(|name| ((*name).to_owned(), NO_VECTORS.into())).collect();
        all.insert("notMeasured".into(), missing.into());
        all.into()
    }
}

fn side(figure: &Figure, seconds: Spread) -> Value {
    json!({
        "s": seconds.median,
        "per_s": figure.rate(seconds.median),
        "min_s": seconds.min,
        "max_s": seconds.max,
        "count": figure.count,
        "unit": figure.unit,
    })
}
