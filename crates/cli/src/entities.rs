//! `mastra entities`: the named collections of records.

use crate::{
    context::{Context, entity_ref},
    exit::{Exit, Outcome},
    output::{ask::confirm, grid::Grid, text},
};
use clap::{Args, Subcommand};
use mastra_core::{CountQuery, Entity, EntityQuery, RecordStore};
use serde::Serialize;

const LIST: &str = "\
Examples:
  mastra entities list
  mastra entities list --connection crm --json";

const SHOW: &str = "\
Examples:
  mastra entities show Contacts
  mastra entities show Contacts --connection crm --json";

const DELETE: &str = "\
Examples:
  mastra entities delete Contacts --dry-run       how many records would go
  mastra entities delete Contacts --yes";

/// What can be done with entities.
#[derive(Debug, Subcommand)]
pub(crate) enum EntitiesCommand {
    /// List the entities, with the number of their records
    #[command(after_help = LIST)]
    List(List),
    /// Show one entity: its schema, text fields, counts and last sync
    #[command(after_help = SHOW)]
    Show(Show),
    /// Delete an entity for good, with all its records
    #[command(after_help = DELETE)]
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only entities of this connection
    #[arg(long)]
    connection: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The entity's name or id
    entity: String,
    /// Its connection, where several have an entity of that name
    #[arg(long)]
    connection: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The entity's name or id
    entity: String,
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

/// An entity with the number of its records.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    #[serde(flatten)]
    entity: Entity,
    /// Live records.
    records: u64,
    /// Tombstones.
    deleted_records: u64,
}

impl EntitiesCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}

impl List {
    async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let query = EntityQuery { connection_id: self.connection.clone(), ..EntityQuery::default() };
        let mut items = Vec::new();
        for entity in engine.list_entities(&query).await? {
            items.push(counted(&*engine, entity).await?);
        }
        context.out.document(&serde_json::json!({ "items": items }))?;
        if items.is_empty() {
            context.out.say("no entities yet: `mastra quickstart` and `mastra records import` make some")?;
            return Ok(Exit::Done);
        }
        let mut grid = Grid::new(["name", "connection", "records", "deleted", "text fields", "updated"]).right(&[2, 3]);
        for Counted { entity, records, deleted_records } in &items {
            grid.row([
                text::clean(&entity.name),
                text::clean(&entity.connection_id),
                text::count(*records),
                text::count(*deleted_records),
                paths(entity),
                entity.updated_at.format("%F %T").to_string(),
            ]);
        }
        context.out.grid(&grid)?;
        Ok(Exit::Done)
    }
}

impl Show {
    async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let entity = engine.resolve_entity(&entity_ref(&self.entity, self.connection.as_deref())).await?;
        let indexes = engine.list_field_indexes(&(&entity).into()).await?;
        let shown = counted(&*engine, entity).await?;
        let mut document = serde_json::to_value(&shown).unwrap_or_default();
        if let Some(map) = document.as_object_mut() {
            map.insert("fieldIndexes".into(), serde_json::json!(indexes));
        }
        context.out.document(&document)?;
        let Counted { entity, records, deleted_records } = &shown;
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        let index_list: Vec<String> = indexes
            .iter()
            .map(|index| format!("{} ({:?})", text::clean(&index.path.to_string()), index.kind).to_lowercase())
            .collect();
        let pairs = [
            ("name", text::clean(&entity.name)),
            ("connection", text::clean(&entity.connection_id)),
            ("id", entity.id.to_string()),
            ("records", format!("{}, and {} deleted", text::count(*records), text::count(*deleted_records))),
            ("text fields", or_none(paths(entity))),
            ("field indexes", or_none(index_list.join(", "))),
            ("last sync id", or_none(text::clean(entity.last_sync_id.as_deref().unwrap_or_default()))),
            ("created", entity.created_at.to_rfc3339()),
            ("updated", entity.updated_at.to_rfc3339()),
        ];
        for (name, value) in pairs {
            context.out.say(format!("{}  {value}", context.out.bold(&format!("{name:>13}"))))?;
        }
        match &entity.schema {
            Some(schema) => {
                context.out.say(format!("{}  declared:", context.out.bold("       schema")))?;
                context.out.say(serde_json::to_string_pretty(schema).unwrap_or_default())?;
            }
            None => context.out.say(format!("{}  none declared", context.out.bold("       schema")))?,
        }
        Ok(Exit::Done)
    }
}

impl Delete {
    async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let entity = engine.resolve_entity(&entity_ref(&self.entity, self.connection.as_deref())).await?;
        let Counted { entity, records, deleted_records } = counted(&*engine, entity).await?;
        let report = |dry_run: bool, gone: u64| {
            serde_json::json!({
                "dryRun": dry_run, "entity": entity.name, "connectionId": entity.connection_id, "id": entity.id, "records": gone,
            })
        };
        context.out.note(context.engine_and_why());
        if self.dry_run {
            context.out.document(&report(true, records + deleted_records))?;
            context.out.say(format!(
                "would delete {} of {} with {} and {}",
                text::clean(&entity.name),
                text::clean(&entity.connection_id),
                text::plural(records, "record"),
                text::plural(deleted_records, "deleted record"),
            ))?;
            return Ok(Exit::Done);
        }
        let question = format!(
            "delete {} of {} for good, with {}?",
            text::clean(&entity.name),
            text::clean(&entity.connection_id),
            text::plural(records + deleted_records, "record"),
        );
        if !confirm(&question, self.yes).await? {
            context.out.note("nothing was deleted");
            return Ok(Exit::Failed);
        }
        let gone = engine.delete_entity_by_id(entity.id).await?.records;
        context.out.document(&report(false, gone))?;
        context.out.say(format!("deleted {} with {}", text::clean(&entity.name), text::plural(gone, "record")))?;
        Ok(Exit::Done)
    }
}

async fn counted(engine: &dyn mastra_core::Engine, entity: Entity) -> mastra_core::Result<Counted> {
    let (records, deleted_records) = live_and_deleted(engine, &entity).await?;
    Ok(Counted { entity, records, deleted_records })
}

/// How many records an entity has, and how many tombstones.
pub(crate) async fn live_and_deleted<S: RecordStore + ?Sized>(engine: &S, entity: &Entity) -> mastra_core::Result<(u64, u64)> {
    let live = engine.count_records(&entity.into(), &CountQuery::default()).await?.value;
    let all = engine.count_records(&entity.into(), &CountQuery { include_deleted: true, ..CountQuery::default() }).await?.value;
    Ok((live, all.saturating_sub(live)))
}

fn paths(entity: &Entity) -> String {
    entity.text_fields.iter().map(|path| text::clean(&path.to_string())).collect::<Vec<_>>().join(", ")
}
