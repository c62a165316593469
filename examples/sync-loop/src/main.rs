//! `sync-loop FILE.jsonl DATABASE SECONDS`: keeps the records of a SQLite file as the lines of a file say, until Ctrl-C.

use mastra_core::sync::SyncMode;
use mastra_sync::{
    Completed, Mastra, SyncError, define,
    source::files::{FileOptions, JsonLines},
};
use mastra_sync_loop::run_every;
use serde_json::{Value, json};
use std::{env, error::Error, process::ExitCode, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, database, seconds] = arguments.as_slice() else {
        return Err("usage: sync-loop FILE.jsonl DATABASE SECONDS".into());
    };
    let (file, every) = (file.clone(), Duration::from_secs(seconds.parse()?));
    let lines = define("lines").label("The lines of a file").execute(move |ctx| {
        let source = JsonLines::new(FileOptions::new(file.clone()).id_field("id"));
        async move {
            let done = ctx.records("lines").mode(SyncMode::Full).load(&source).await?;
            Ok(json!({ "read": done.counts.read }))
        }
    });
    let engine = Arc::new(mastra_sqlite::connect(&format!("sqlite:{database}")).await?);
    let mastra = Mastra::builder().engine(engine).sync(lines).build()?;

    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopping.cancel();
        }
    });
    run_every(every, &mastra, "lines", &Value::Null, &stop, say).await;
    Ok(())
}

fn say(result: Result<Completed<Value>, SyncError>) {
    match result {
        Ok(done) => {
            for target in done.run.targets {
                let counts = target.counts;
                println!(
                    "{} created, {} updated, {} deleted, {} failed",
                    counts.created, counts.updated, counts.deleted, counts.failed
                );
            }
        }
        Err(error) => eprintln!("error: {error}"),
    }
}
