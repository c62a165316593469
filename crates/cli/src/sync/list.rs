//! `mastra sync list`.

use super::{
    all,
    config::{EXAMPLE, SyncConfig},
    tell,
};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;
use mastra_core::sync::{Run, RunQuery, TargetInfo};
use mastra_sync::Runs;
use serde::Serialize;
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  mastra sync list
  mastra sync list --json | jq '.items[] | {id, last: .lastRun.state, targets}'

Those of mastra.toml, and those that the engine knows and the file does not describe, such as syncs of a program of your own.";

/// Lists them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {}

/// A sync, and where it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    /// As `mastra.toml` describes it.
    described: Option<Described>,
    last_run: Option<Run>,
    /// Where it stands with each entity.
    targets: Vec<TargetInfo>,
}

/// What the file says, without what could be a key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    description: Option<String>,
    entity: String,
    connection_id: String,
    mode: mastra_core::sync::SyncMode,
    source: &'static str,
    place: String,
    line: Option<usize>,
}

impl From<&SyncConfig> for Described {
    fn from(config: &SyncConfig) -> Self {
        Self {
            description: config.description.clone(),
            entity: config.entity.clone(),
            connection_id: config.connection().to_owned(),
            mode: config.mode.into(),
            source: config.source.kind(),
            place: config.source.place(),
            line: config.lines.get("").copied(),
        }
    }
}

impl List {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let configs = all(context)?;
        let items = items(context, &configs).await?;
        let out = &context.out;
        out.document(&serde_json::json!({ "items": items }))?;
        if items.is_empty() {
            out.say(format!("no syncs yet; mastra.toml describes them:\n\n{EXAMPLE}"))?;
            return Ok(Exit::Done);
        }
        let headers = ["id", "entity", "source", "last run", "ended (UTC)", "records", "set aside"];
        let mut grid = Grid::new(headers).right(&[5, 6]);
        for item in &items {
            let last = item.last_run.as_ref();
            let entities: BTreeSet<&str> = match &item.described {
                Some(described) => [described.entity.as_str()].into(),
                None => item.targets.iter().map(|target| target.entity.name.as_str()).collect(),
            };
            let of = |count: fn(&TargetInfo) -> u64| item.targets.iter().map(count).sum::<u64>();
            grid.row([
                text::clean(&item.id),
                text::clean(&entities.into_iter().collect::<Vec<_>>().join(", ")),
                item.described.as_ref().map_or_else(|| "?".to_owned(), |it| text::clean(&format!("{} {}", it.source, it.place))),
                last.map_or("never", |run| tell::word(run.state)).to_owned(),
                last.map(|run| tell::short(run.finished_at.unwrap_or(run.heartbeat_at))).unwrap_or_default(),
                text::count(of(|target| target.stakes)),
                text::count(of(|target| target.state.quarantined)),
            ]);
        }
        out.grid(&grid)?;
        Ok(Exit::Done)
    }
}

/// The described ones in the order of the file, then the others.
async fn items(context: &Context, configs: &[SyncConfig]) -> mastra_core::Result<Vec<Item>> {
    let described =
        |config: &SyncConfig| Item { id: config.id.clone(), described: Some(config.into()), last_run: None, targets: Vec::new() };
    let mut items: Vec<Item> = configs.iter().map(described).collect();
    if context.is_missing_default() {
        return Ok(items);
    }
    let runs = Runs::new(context.connect().await?)?;
    for target in runs.targets(None).await? {
        match items.iter_mut().find(|item| item.id == target.sync_id) {
            Some(item) => item.targets.push(target),
            None => items.push(Item { id: target.sync_id.clone(), described: None, last_run: None, targets: vec![target] }),
        }
    }
    for item in &mut items {
        let query = RunQuery { sync_id: Some(item.id.clone()), limit: Some(1), ..RunQuery::default() };
        item.last_run = runs.list(&query).await?.into_iter().next();
    }
    Ok(items)
}
