//! `mastra engine generate`: the command around the generator.

use crate::{
    context::Context,
    exit::{Exit, Outcome},
    generate::{self, FileState, Language, Options},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mastra engine generate --out src/mastra
  mastra engine generate --out types --lang ts
  mastra engine generate --out src/mastra --check     exit 1 where the files are not what would be written: for CI

An entity's types come from its declared JSON Schema, else from a sample of its records.";

/// What to write.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Generate {
    /// The folder for the files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The languages
    #[arg(long, value_enum, value_delimiter = ',', default_value = "rust,ts")]
    lang: Vec<Language>,
    /// Compare with the files that are there, and write nothing
    #[arg(long)]
    check: bool,
    /// How many records of an entity without a schema are looked at
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    sample: u64,
}

impl Generate {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let engine = context.connect_existing().await?;
        let options = Options { out: self.out.clone(), languages: self.lang.clone(), check: self.check, sample: self.sample };
        let checked = generate::run(&*engine, &options).await?;
        let files: Vec<_> = checked.files.iter().map(|(path, state)| json!({ "path": path, "state": state })).collect();
        context.out.document(&json!({ "files": files, "check": checked.check, "current": checked.is_current() }))?;
        for (path, state) in &checked.files {
            let state = match (state, checked.check) {
                (FileState::Unchanged, _) => "unchanged",
                (FileState::Created, false) => "created",
                (FileState::Updated, false) => "updated",
                (FileState::Created, true) => "missing",
                (FileState::Updated, true) => "out of date",
            };
            context.out.say(format!("{state:>11}  {}", path.display()))?;
        }
        Ok(if checked.check && !checked.is_current() { Exit::Failed } else { Exit::Done })
    }
}
