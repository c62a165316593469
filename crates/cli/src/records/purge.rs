//! `mastra records purge`.

use super::select::{self, EntityArgs};
use crate::{
    context::Context,
    entities::live_and_deleted,
    exit::{Exit, Outcome},
    output::{ask::confirm, text},
};
use clap::Args;
use futures::TryStreamExt as _;
use mastra_core::{Engine, Entity, PurgeOptions, RecordQuery, Timestamp};

const EXAMPLES: &str = "\
Examples:
  mastra records purge --entity Deals --dry-run
  mastra records purge --entity Deals --deleted-before 30d --yes";

/// Which tombstones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Purge {
    #[command(flatten)]
    entity: EntityArgs,
    /// Only records deleted before then: a time, a date, or an age such as 30d
    #[arg(long, value_name = "TIME", value_parser = select::moment)]
    deleted_before: Option<Timestamp>,
    /// Count what would go, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Purge {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let entity = engine.resolve_entity(&self.entity.entity_ref()).await?;
        let count = self.counted(&*engine, &entity).await?;
        context.out.note(context.engine_and_why());
        if self.dry_run {
            context.out.document(&serde_json::json!({ "dryRun": true, "deleted": count }))?;
            context.out.say(format!("would remove {} for good", text::plural(count, "deleted record")))?;
            return Ok(Exit::Done);
        }
        let question = format!("remove {} of {} for good?", text::plural(count, "deleted record"), text::clean(&entity.name));
        if !confirm(&question, self.yes).await? {
            context.out.note("nothing was removed");
            return Ok(Exit::Failed);
        }
        let purged =
            engine.purge_records(&(&entity).into(), &PurgeOptions { deleted_before: self.deleted_before }).await?.deleted;
        context.out.document(&serde_json::json!({ "dryRun": false, "deleted": purged }))?;
        context.out.say(format!("removed {} for good", text::plural(purged, "deleted record")))?;
        Ok(Exit::Done)
    }

    async fn counted(&self, engine: &dyn Engine, entity: &Entity) -> mastra_core::Result<u64> {
        let Some(before) = self.deleted_before else {
            return live_and_deleted(engine, entity).await.map(|(_, deleted)| deleted);
        };
        // Only the times are wanted: no field of the data travels.
        let query = RecordQuery::new().include_deleted().fields([]);
        let records = engine.stream_records(&entity.into(), &query).await?;
        records.try_fold(0, async |count, record| Ok(count + u64::from(record.deleted_at.is_some_and(|at| at < before)))).await
    }
}
