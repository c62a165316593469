//! `mastra records delete`.

use super::select;
use crate::{
    context::{Context, entity_ref},
    exit::{Exit, HINT, Outcome},
    output::{ask::confirm, text},
};
use clap::Args;
use mastra_core::{CountQuery, Engine, EntityId, EntityRef, Error, Filter, OptionalExt as _, RecordId, RecordSelector, Result};
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLES: &str = "\
Examples:
  mastra records delete --entity Deals --external-id d-17 --external-id d-18
  mastra records delete --entity Deals --filter '{\"stage\": \"lost\"}' --dry-run
  mastra records delete --entity Deals --all --yes
  mastra records delete 0198c0de-7a11-7000-8000-000000000001

A deleted record is a tombstone: it is gone from queries, `--include-deleted` shows it, an import of its id revives it, \
and `mastra records purge` removes it for good.";

/// Which records.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "external_id", "filter", "all"]))]
pub(crate) struct Delete {
    /// Ids of records
    #[arg(value_name = "ID")]
    ids: Vec<RecordId>,
    /// Ids that the records' source gave them, with --entity
    #[arg(long, value_name = "ID", requires = "entity")]
    external_id: Vec<String>,
    /// Records whose data matches, with --entity
    #[arg(long, value_name = "JSON", requires = "entity")]
    filter: Option<String>,
    /// Every record, with --entity
    #[arg(long, requires = "entity")]
    all: bool,
    /// The entity's name or id
    #[arg(long)]
    entity: Option<String>,
    /// Its connection, where several have an entity of that name
    #[arg(long)]
    connection: Option<String>,
    /// Count what would go, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let filter = self.filter.as_deref().map(|text| select::filter(Some(text))).transpose()?;
        if filter.as_ref().is_some_and(Filter::is_trivially_true) {
            return Err(Error::invalid_input("an empty filter would delete every record")
                .with(HINT, "--all, where that is meant")
                .into());
        }
        let engine = context.connect_existing().await?;
        let work = self.selected(&*engine, filter).await?;
        let mut count = 0;
        for (entity, selector) in &work {
            count += counted(&*engine, entity, selector).await?;
        }
        context.out.note(context.engine_and_why());
        if self.dry_run {
            context.out.document(&serde_json::json!({ "dryRun": true, "deleted": count }))?;
            context.out.say(format!("would delete {}", text::plural(count, "record")))?;
            return Ok(Exit::Done);
        }
        let entity = self.entity.as_deref().map(|name| format!(" of {}", text::clean(name))).unwrap_or_default();
        if !confirm(&format!("delete {}{entity}?", text::plural(count, "record")), self.yes).await? {
            context.out.note("nothing was deleted");
            return Ok(Exit::Failed);
        }
        let mut deleted = 0;
        for (entity, selector) in &work {
            deleted += engine.delete_records(entity, selector).await?.deleted;
        }
        context.out.document(&serde_json::json!({ "dryRun": false, "deleted": deleted }))?;
        context.out.say(format!("deleted {}", text::plural(deleted, "record")))?;
        Ok(Exit::Done)
    }

    /// One selector an entity. Ids without an entity are looked up for theirs.
    async fn selected(&self, engine: &dyn Engine, filter: Option<Filter>) -> Outcome<Vec<(EntityRef, RecordSelector)>> {
        if let Some(name) = &self.entity {
            let entity: EntityRef = (&engine.resolve_entity(&entity_ref(name, self.connection.as_deref())).await?).into();
            let selector = match filter {
                Some(filter) => RecordSelector::Filter(filter),
                None if self.all => RecordSelector::All,
                None if self.ids.is_empty() => RecordSelector::ExternalIds(self.external_id.clone()),
                None => RecordSelector::Ids(self.ids.clone()),
            };
            return Ok(vec![(entity, selector)]);
        }
        let mut by_entity: BTreeMap<EntityId, Vec<RecordId>> = BTreeMap::new();
        for id in &self.ids {
            by_entity.entry(engine.get_record(*id).await?.entity_id).or_default().push(*id);
        }
        Ok(by_entity.into_iter().map(|(entity, ids)| (entity.into(), RecordSelector::Ids(ids))).collect())
    }
}

/// How many live records a selector stands for.
async fn counted(engine: &dyn Engine, entity: &EntityRef, selector: &RecordSelector) -> Result<u64> {
    match selector {
        RecordSelector::All => Ok(engine.count_records(entity, &CountQuery::default()).await?.value),
        RecordSelector::Filter(filter) => {
            let query = CountQuery { filter: filter.clone(), ..CountQuery::default() };
            Ok(engine.count_records(entity, &query).await?.value)
        }
        RecordSelector::ExternalIds(ids) => Ok(engine.get_records_by_external_ids(entity, ids).await?.len() as u64),
        RecordSelector::Ids(ids) => {
            let entity_id = engine.resolve_entity(entity).await?.id;
            let mut found = 0;
            for id in ids.iter().collect::<BTreeSet<_>>() {
                found += u64::from(engine.get_record(*id).await.optional()?.is_some_and(|record| record.entity_id == entity_id));
            }
            Ok(found)
        }
    }
}
