//! `mastra engine`: setting the engine up, looking after it, describing it.

mod add;
mod compose;
mod docker;
mod doctor;
mod down;
mod env_file;
mod generate;
mod migrate;
mod place;
mod private;
mod server;
mod status;
mod up;

pub(crate) use place::PostgresUrl;

use crate::{context::Context, exit::Outcome};
use clap::Subcommand;

/// What can be done with the engine.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Set up a Postgres with pgvector for this project: a compose file, its URL in .env; then start it
    Add(add::Add),
    /// Start the Postgres that `add` set up: with Docker where it runs, else with the machine's own binaries
    Up(up::Up),
    /// Stop it; its data stays, unless --purge
    Down(down::Down),
    /// Which engine is used, why, whether it answers, and what it holds
    Status(status::Status),
    /// Look for what is wrong, each finding with its cure
    Doctor(doctor::Doctor),
    /// Bring the schema to the version of this program
    Migrate(migrate::Migrate),
    /// Write Rust and TypeScript types of the schema and of every entity
    Generate(generate::Generate),
}

impl EngineCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Add(command) => command.run(context).await,
            Self::Up(command) => command.run(context).await,
            Self::Down(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Doctor(command) => command.run(context).await,
            Self::Migrate(command) => command.run(context).await,
            Self::Generate(command) => command.run(context).await,
        }
    }
}
