//! `mastra records index`: text fields, and indexes on fields.

use super::select::{self, EntityArgs};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{progress, text},
};
use clap::{Args, ValueEnum};
use mastra_core::{Engine, EntityRef, FieldIndexKind, Path};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra records index --entity Articles --fields title,body       what `records search` searches
  mastra records index --entity Deals --field amount               an index for filters, ranges and sorts
  mastra records index --entity Deals --field tags --kind multi    one for a field that holds lists
  mastra records index --entity Deals --field amount --drop
  mastra records index --entity Deals                              what there is";

/// Which fields.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Index {
    #[command(flatten)]
    entity: EntityArgs,
    /// The fields that text search covers, instead of those so far
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = select::path, conflicts_with = "field")]
    fields: Vec<Path>,
    /// Search no field any more
    #[arg(long, conflicts_with_all = ["fields", "field"])]
    no_fields: bool,
    /// A field to build an index on
    #[arg(long, value_name = "FIELD", value_parser = select::path)]
    field: Option<Path>,
    /// What the field holds
    #[arg(long, value_enum, requires = "field", default_value = "scalar")]
    kind: Kind,
    /// Drop the field's index instead
    #[arg(long, requires = "field")]
    drop: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// One value: serves equality, ranges and sorts
    Scalar,
    /// Lists: serves equality and membership
    Multi,
}

impl From<Kind> for FieldIndexKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Scalar => Self::Scalar,
            Kind::Multi => Self::Multi,
        }
    }
}

impl Index {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let entity = self.entity.entity_ref();
        let began = Instant::now();
        if self.no_fields || !self.fields.is_empty() {
            let bar = progress::waiting("indexing the text");
            let declared = engine.declare_text_index(&entity, &self.fields).await;
            bar.finish_and_clear();
            context.out.note(format!("done in {}", text::took(began.elapsed())));
            declared?;
        } else if let (Some(path), true) = (&self.field, self.drop) {
            engine.drop_field_index(&entity, path, self.kind.into()).await?;
        } else if let Some(path) = &self.field {
            let bar = progress::waiting("building the index");
            let built = engine.create_field_index(&entity, path, self.kind.into()).await;
            bar.finish_and_clear();
            built?;
            context.out.note(format!("done in {}", text::took(began.elapsed())));
        }
        show(context, &*engine, &entity).await
    }
}

/// What an entity has now.
async fn show(context: &Context, engine: &dyn Engine, entity: &EntityRef) -> Outcome {
    let found = engine.resolve_entity(entity).await?;
    let indexes = engine.list_field_indexes(&(&found).into()).await?;
    context
        .out
        .document(&serde_json::json!({ "entity": found.name, "textFields": found.text_fields, "fieldIndexes": indexes }))?;
    let fields: Vec<String> = found.text_fields.iter().map(|path| text::clean(&path.to_string())).collect();
    context.out.say(format!("text fields: {}", if fields.is_empty() { "none".to_owned() } else { fields.join(", ") }))?;
    if indexes.is_empty() {
        context.out.say("field indexes: none")?;
    }
    for index in indexes {
        context.out.say(format!(
            "field index: {} ({})",
            text::clean(&index.path.to_string()),
            format!("{:?}", index.kind).to_lowercase()
        ))?;
    }
    Ok(Exit::Done)
}
