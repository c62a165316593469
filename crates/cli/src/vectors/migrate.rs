//! `mastra vectors migrate`.

use crate::{
    context::Context,
    engine::PostgresUrl,
    exit::{Exit, Outcome},
};
use clap::Args;
use mastra_core::migrate::{Migrator as _, silent};
use mastra_engine::pgvector::migrator;
use serde_json::json;

pub(super) const EXAMPLES: &str = "\
Examples:
  mastra vectors migrate --engine postgres://owner@localhost/app

In Postgres this makes the extension and the registry that names the indexes, and needs no tables of the engine. Other stores need \
nothing beforehand.";

#[derive(Debug, Args)]
pub(crate) struct Migrate {}

impl Migrate {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let needed = context.choice.is_postgres();
        if needed {
            let schema = PostgresUrl::parse(context.choice.url())?.schema;
            let applied = async { migrator(context.choice.url(), &schema).await?.apply(&silent).await };
            applied.await.map_err(|error| context.explained(error))?;
        }
        context.out.document(&json!({ "migrated": needed }))?;
        context.out.say(if needed { "the registry of vectors is up to date" } else { "this store needs nothing beforehand" })?;
        Ok(Exit::Done)
    }
}
