//! `mastra engine`.

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};
use clap::Subcommand;

/// What can be done with the engine.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Which engine is used, why, and how it is
    Status,
}

impl EngineCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        context.out.say(context.engine_and_why())?;
        Ok(Exit::Done)
    }
}
