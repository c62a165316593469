//! `mastra engine down`.

use super::{
    docker, private,
    server::{self, Kind, Server},
    up::blocking,
};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{ask::confirm, progress},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  mastra engine down                stop the server; its data stays
  mastra engine down --purge        stop it and remove its data, after asking
  mastra engine down --purge --dry-run";

/// Which server, and what of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Down {
    /// The compose file [default: the one that was started last, else mastra.compose.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Remove the data too
    #[arg(long)]
    purge: bool,
    /// Say what would happen, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Down {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let server = Server::find(self.file.as_deref())?;
        let what = match server.kind {
            Some(Kind::Docker) => "its container",
            Some(Kind::Private) => "its private server",
            None => {
                context.out.document(&json!({ "stopped": false, "purged": false, "kind": null, "dryRun": self.dry_run }))?;
                context.out.say("nothing to stop: `mastra engine up` has not started it here")?;
                return Ok(Exit::Done);
            }
        };
        if self.purge {
            context.out.note(format!("server: {} ({what}, by {})", server.shown(), server.file.display()));
        }
        if self.dry_run {
            context.out.document(&json!({ "stopped": false, "purged": false, "kind": server.kind, "dryRun": true }))?;
            context.out.say(format!("would stop {what}{}", if self.purge { " and remove all its data" } else { "" }))?;
            return Ok(Exit::Done);
        }
        if self.purge && !confirm("remove all data of this server for good?", self.yes).await? {
            context.out.note("nothing was removed");
            return Ok(Exit::Failed);
        }
        let bar = progress::waiting("stopping Postgres");
        let (kind, purge) = (server.kind, self.purge);
        let (file, password, wanted) = (server.file.clone(), server.password().map(str::to_owned), server.wanted());
        let done = blocking(move || match kind {
            Some(Kind::Docker) => docker::down(&file, password.as_deref(), purge),
            _ => private::down(&wanted, purge),
        })
        .await;
        bar.finish_and_clear();
        done?;
        if self.purge {
            server::forget()?;
        }
        context.out.document(&json!({ "stopped": true, "purged": self.purge, "kind": kind, "dryRun": false }))?;
        context.out.say(if self.purge { "stopped, and its data removed" } else { "stopped; its data stays" })?;
        Ok(Exit::Done)
    }
}
