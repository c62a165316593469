//! What the table of this program is asked: a filter and a sort.

use super::{CONNECTION, DEALS};
use crate::{
    context::Context,
    exit::Outcome,
    output::{grid::Grid, text},
};
use mastra_core::{Engine, EntityQuery, EntityRef, Filter, Page, Record, RecordQuery, Result, SortKey};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The largest deals that were won.
#[derive(Debug)]
pub(super) struct Deals {
    command: String,
    page: Page<Record>,
    took: Duration,
}

impl Deals {
    pub(super) async fn ask(engine: &dyn Engine) -> Result<Self> {
        let fields = ["company", "product", "amount", "closed"];
        let query = RecordQuery::new()
            .filter(Filter::and([Filter::eq("stage", "won")?, Filter::gte("amount", 20_000)?]))
            .sort(SortKey::descending("amount")?)
            .limit(5)
            .fields(fields.iter().map(|path| path.parse()).collect::<Result<Vec<_>>>()?);
        let began = Instant::now();
        let page = engine.get_records(&EntityRef::named(DEALS).in_connection(CONNECTION), &query).await?;
        let took = began.elapsed();
        let command = format!(
            r#"mastra records query --entity {} --filter '{{"stage": "won", "amount": {{"$gte": 20000}}}}' --sort -amount --limit 5 --fields {}"#,
            named(engine, DEALS).await?,
            fields.join(","),
        );
        Ok(Self { command, page, took })
    }

    pub(super) fn document(&self) -> Value {
        json!({ "command": self.command, "seconds": self.took.as_secs_f64(), "items": self.page.items })
    }

    pub(super) fn show(&self, context: &Context) -> Outcome<()> {
        let out = &context.out;
        out.say(format!("\n{}", out.bold("A filter and a sort: the largest deals that were won")))?;
        out.say(out.dim(&self.command))?;
        let rows = self.page.items.iter().map(|record| (vec![record.external_id.clone()], &record.data));
        out.grid(&Grid::of_documents(&["external id"], rows))?;
        out.say(out.dim(&format!("{} in {}", text::plural(self.page.items.len() as u64, "record"), text::took(self.took))))
    }
}

/// An entity as a command names it: with its connection where the name alone would not do.
async fn named(engine: &dyn Engine, name: &str) -> Result<String> {
    let query = EntityQuery { name: Some(name.to_owned()), limit: Some(2), ..EntityQuery::default() };
    let unique = engine.list_entities(&query).await?.items.len() == 1;
    Ok(if unique { name.to_owned() } else { format!("{name} --connection {CONNECTION}") })
}
