//! `mastra records search`.

use super::select;
use crate::{
    context::{Context, entity_ref},
    exit::{Exit, HINT, Outcome},
    output::{Output, text},
};
use clap::Args;
use mastra_core::{EntityQuery, Error, TextSearch, text::Snippet};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra records search 'net amount' --entity Invoices
  mastra records search '\"write ahead\" log*' --entity Articles --limit 5
  mastra records search renewal --entity Notes --filter '{\"stage\": \"open\"}' --json

Words all have to occur; \"phrases\" in quotes; prefixes with a star. Which fields are searched is declared once:
  mastra records index --entity Articles --fields title,body";

/// What to search for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Search {
    /// Words, "phrases" and prefixes*
    text: String,
    /// The entity's name or id [default: the only one with declared text fields]
    #[arg(long)]
    entity: Option<String>,
    /// Its connection, where several have an entity of that name
    #[arg(long)]
    connection: Option<String>,
    /// Only records whose data matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// At most so many hits
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u64,
    /// Skip so many hits
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
}

impl Search {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let search =
            TextSearch::new(&self.text).limit(self.limit).offset(self.offset).filter(select::filter(self.filter.as_deref())?);
        let engine = context.connect_existing().await?;
        let entity = match &self.entity {
            Some(name) => engine.resolve_entity(&entity_ref(name, self.connection.as_deref())).await?,
            None => {
                let query = EntityQuery { connection_id: self.connection.clone(), ..EntityQuery::default() };
                let mut searchable = engine.list_entities(&query).await?.items;
                searchable.retain(|entity| !entity.text_fields.is_empty());
                match (searchable.pop(), searchable.is_empty()) {
                    (Some(entity), true) => entity,
                    (None, _) => {
                        return Err(Error::invalid_input("no entity has declared text fields")
                            .with(HINT, "mastra records index --entity NAME --fields title,body")
                            .into());
                    }
                    (Some(_), false) => {
                        return Err(Error::invalid_input("several entities can be searched").with(HINT, "--entity NAME").into());
                    }
                }
            }
        };
        if entity.text_fields.is_empty() {
            return Err(Error::invalid_input("no text fields are declared for this entity")
                .with("entity", &entity.name)
                .with(HINT, format!("mastra records index --entity {} --fields title,body", entity.name))
                .into());
        }
        let began = Instant::now();
        let results = engine.search_text(&(&entity).into(), &search).await?;
        let took = began.elapsed();
        context.out.document(&results)?;
        for hit in &results.hits {
            let id = context.out.bold(&text::clean(&hit.record.external_id));
            context.out.say(format!("{id}  {}", context.out.dim(&format!("{:.3}", hit.score))))?;
            context.out.say(format!("  {}", highlighted(&hit.snippet, &context.out)))?;
        }
        context.out.say(context.out.dim(&format!(
            "{} of {} in {}",
            results.hits.len(),
            text::plural(results.total, "hit"),
            text::took(took)
        )))?;
        Ok(Exit::Done)
    }
}

/// A snippet with the words that matched marked.
pub(crate) fn highlighted(snippet: &Snippet, out: &Output) -> String {
    let mut shown = String::new();
    let mut position = 0;
    for range in &snippet.highlights {
        shown += &text::clean(snippet.text.get(position..range.start).unwrap_or_default());
        shown += &out.highlight(&text::clean(snippet.text.get(range.clone()).unwrap_or_default()));
        position = range.end;
    }
    shown += &text::clean(snippet.text.get(position..).unwrap_or_default());
    shown
}
