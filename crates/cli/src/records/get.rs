//! `mastra records get`.

use crate::{
    context::{Context, entity_ref},
    exit::{Exit, HINT, Outcome},
    output::text,
};
use clap::Args;
use mastra_core::{Error, RecordId, RecordStoreExt as _};

const EXAMPLES: &str = "\
Examples:
  mastra records get 0198c0de-7a11-7000-8000-000000000001
  mastra records get --entity Deals --external-id d-17 --json";

/// Which record.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    /// The record's id
    #[arg(required_unless_present = "external_id", conflicts_with = "external_id")]
    id: Option<RecordId>,
    /// The id that its source gave it, with --entity
    #[arg(long)]
    external_id: Option<String>,
    /// The entity's name or id
    #[arg(long)]
    entity: Option<String>,
    /// Its connection, where several have an entity of that name
    #[arg(long)]
    connection: Option<String>,
}

impl Get {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let record = match (self.id, &self.external_id, &self.entity) {
            (Some(id), _, _) => engine.get_record(id).await?,
            (None, Some(external_id), Some(entity)) => {
                engine.get_record_by_external_id(&entity_ref(entity, self.connection.as_deref()), external_id).await?
            }
            _ => return Err(Error::invalid_input("an external id is one of an entity").with(HINT, "--entity NAME").into()),
        };
        context.out.document(&record)?;
        let pairs = [
            ("external id", text::clean(&record.external_id)),
            ("id", record.id.to_string()),
            ("entity id", record.entity_id.to_string()),
            ("entity type", text::clean(&record.entity_type)),
            ("generation", record.generation.to_string()),
            ("created", record.created_at.to_rfc3339()),
            ("updated", record.updated_at.to_rfc3339()),
        ];
        for (name, value) in pairs {
            context.out.say(format!("{}  {value}", context.out.bold(&format!("{name:>11}"))))?;
        }
        let data = serde_json::to_string_pretty(&record.data).unwrap_or_default();
        for line in data.lines() {
            context.out.say(text::clean_line(line))?;
        }
        Ok(Exit::Done)
    }
}
