//! For programs.

use super::Report;
use crate::bench::{
    measure::{Figure, Spread},
    targets::verdicts,
    vectors::Vectors,
};
use serde_json::{Map, Value, json};

impl Report {
    /// Each figure under its name as `{"s", "per_s", …}`, its twin as `raw_…` beside it.
    pub(in crate::bench) fn to_json(&self) -> Value {
        let mut all = Map::new();
        let about: Map<String, Value> =
            self.about.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        all.insert("backend".into(), self.backend.into());
        if let Some(records) = &self.records {
            all.insert("records".into(), records.count.into());
            all.insert("batch".into(), records.batch.into());
            all.insert("rounds".into(), records.rounds.into());
        }
        if let Some(vectors) = &self.vectors {
            all.insert("vectors".into(), vectors.to_json());
        }
        all.insert("about".into(), about.into());
        for (figure, others) in self.figures() {
            let recall = figure.recall();
            let mut ours = side(figure, figure.ours(), recall.map(|(ours, _)| ours));
            ours.insert("ratio_to_raw".into(), json!(figure.ratio()));
            ours.insert("client_processor_time_to_raw".into(), json!(figure.processor_ratio()));
            ours.insert("targets".into(), json!(verdicts(figure, others)));
            all.insert(figure.name.into(), ours.into());
            all.insert(format!("raw_{}", figure.name), side(figure, figure.raw(), recall.map(|(_, raw)| raw)).into());
        }
        let measures = self.measures().map(|measure| {
            let mut value = json!(measure);
            if let (Value::Object(value), Some(met)) = (&mut value, measure.met()) {
                value.insert("met".into(), met.into());
            }
            value
        });
        all.insert("measures".into(), measures.collect());
        let missing: Map<String, Value> = self.missing().map(|(name, why)| (name.to_owned(), why.into())).collect();
        all.insert("notMeasured".into(), missing.into());
        all.into()
    }
}

fn side(figure: &Figure, seconds: Spread, recall: Option<f64>) -> Map<String, Value> {
    let mut side = Map::new();
    side.insert("s".into(), seconds.median.into());
    side.insert("per_s".into(), figure.rate(seconds.median).into());
    side.insert("min_s".into(), seconds.min.into());
    side.insert("max_s".into(), seconds.max.into());
    side.insert("count".into(), figure.count.into());
    side.insert("unit".into(), figure.unit.into());
    if let Some(recall) = recall {
        side.insert("recall@10".into(), recall.into());
    }
    side
}

impl Vectors {
    fn to_json(&self) -> Value {
        let about: Map<String, Value> =
            self.about.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        json!({
            "points": self.points,
            "dimension": self.dimension,
            "questions": self.questions,
            "batch": self.batch,
            "rounds": self.rounds,
            "kind": self.kind,
            "about": about,
        })
    }
}
