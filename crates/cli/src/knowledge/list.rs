//! `mastra knowledge list`.

use super::{all, status};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  mastra knowledge list
  mastra knowledge list --json | jq '.items[] | {name, lag}'

Those of mastra.toml, and those that the engine keeps and the file does not describe. No model is asked.";

/// Lists them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let items = status::all(context, all(context)?).await?;
        context.out.document(&serde_json::json!({ "items": items }))?;
        if items.is_empty() {
            context.out.say(format!("no knowledge bases yet; mastra.toml describes them:\n\n{}", super::config::EXAMPLE))?;
            return Ok(Exit::Done);
        }
        let mut grid =
            Grid::new(["name", "state", "entity", "model", "chunks", "waiting", "set aside", "in mastra.toml"]).right(&[4, 5, 6]);
        for item in &items {
            let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), text::count);
            let entity = item.described.as_ref().map_or_else(|| "?".to_owned(), |config| text::clean(&config.entity));
            grid.row([
                text::clean(&item.name),
                item.word().to_owned(),
                entity,
                text::clean(&item.model()),
                number(item.points),
                number(item.lag.as_ref().map(|lag| lag.waiting + lag.claimed)),
                number(item.lag.as_ref().map(|lag| lag.set_aside)),
                if item.described.is_some() { "yes" } else { "no" }.to_owned(),
            ]);
        }
        context.out.grid(&grid)?;
        for item in &items {
            if let Some(error) = &item.error {
                context.out.note(format!("{}: chunks cannot be counted: {}", text::clean(&item.name), text::clean(error)));
            }
        }
        Ok(Exit::Done)
    }
}
