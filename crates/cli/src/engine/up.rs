//! `mastra engine up`.

use super::{
    docker, private,
    server::{Kind, Server},
};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::progress,
};
use clap::Args;
use mastra_core::{Error, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  mastra engine up
  mastra engine up -f deploy/postgres.compose.yaml

With Docker it runs `docker compose up`; without, a private Postgres of the machine's own binaries under .mastra/, on the same \
port with the same password, so that the URL in .env is true either way. The first start decides, since it holds the data.";

/// Which server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Up {
    /// The compose file [default: the one that was started last, else mastra.compose.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Up {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let server = Server::find(self.file.as_deref())?;
        let started = start(context, &server).await?;
        context.out.document(&started)?;
        context.out.note("next: mastra engine migrate");
        Ok(Exit::Done)
    }
}

/// Starts the server, waits until it answers, says so, and returns the same as a document.
pub(super) async fn start(context: &Context, server: &Server) -> Outcome<Value> {
    let began = Instant::now();
    let bar = progress::waiting("starting Postgres");
    let kind = server.kind.unwrap_or_else(|| if docker::runs() { Kind::Docker } else { Kind::Private });
    let (file, password, wanted) = (server.file.clone(), server.password().map(str::to_owned), server.wanted());
    let directory = blocking(move || match kind {
        Kind::Docker if !docker::runs() => {
            Err(Error::unavailable("this project's server lives in Docker, which does not answer")
                .retryable(false)
                .with(HINT, "start Docker; or `mastra engine down --purge` to give its data up"))
        }
        Kind::Docker => docker::up(&file, password.as_deref()).map(|()| None),
        Kind::Private => private::up(&wanted).map(Some),
    })
    .await;
    let directory = match directory {
        Ok(directory) => directory,
        Err(error) => {
            bar.finish_and_clear();
            return Err(error.into());
        }
    };
    server.remember(kind)?;
    let answer = server.wait(Duration::from_secs(60)).await;
    bar.finish_and_clear();
    let (version, pgvector) = answer?;
    let way = match kind {
        Kind::Docker => "docker compose".to_owned(),
        Kind::Private => {
            format!("a private server in {}", directory.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
        }
    };
    let document = json!({
        "running": true, "kind": kind, "url": server.shown(), "file": server.file, "directory": directory,
        "version": version, "pgvector": pgvector, "seconds": began.elapsed().as_secs_f64(),
    });
    context.out.say(format!("Postgres {version} is up at {} ({way})", server.shown()))?;
    match pgvector {
        Some(version) => context.out.say(format!("pgvector {version} can be created in it"))?,
        None => {
            let major = version.split('.').next().unwrap_or_default();
            context
                .out
                .note(format!("it has no pgvector, which vector search needs: apt-get install postgresql-{major}-pgvector"))
        }
    }
    Ok(document)
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|source| Err(Error::internal("a task ended badly").with_source(source)))
}
