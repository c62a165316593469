//! What a run tells of itself by tracing, and what it never tells.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mastra_core::{Engine, NewRecord};
use mastra_mock::MockEngine;
use mastra_sync::{Failure, Mastra, define};
use serde_json::json;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// What was written, for all to see.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_run_is_a_span_without_data() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let engine: Arc<dyn Engine> = Arc::new(MockEngine::new().checked());
    let sync = define("writes").execute(|ctx| async move {
        tracing::info!("the sync's own words");
        let mut writer = ctx.records("things").open().await?;
        writer.put([NewRecord::new("id-1", json!({ "name": "secret of a record" }))]).await?;
        writer.complete().await?;
        if ctx.input()["fail"] == true {
            return Err(Failure::from(io::Error::other("secret of an error")));
        }
        Ok(json!("secret of an output"))
    });
    let mastra = Mastra::builder().engine(engine).sync(sync).build().unwrap();
    mastra.sync("writes", json!({ "key": "secret of an input" })).run_id("good").await.unwrap();
    mastra.sync("writes", json!({ "fail": true })).run_id("bad").await.unwrap_err();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let own: Vec<_> = text.lines().filter(|line| line.contains("the sync's own words")).collect();
    assert_eq!(own.len(), 2, "{text}");
    assert!(
        own.iter()
            .zip(["good", "bad"])
            .all(|(line, run)| line.contains("sync=\"writes\"") && line.contains(&format!("run={run}")))
    );
    let ends = |state: &str, run: &str| {
        text.lines().any(|line| line.contains(&format!("state=\"{state}\"")) && line.contains(&format!("run={run}")))
    };
    assert!(ends("succeeded", "good") && ends("failed", "bad"), "{text}");
    assert!(text.contains("error.type=\"failed\""), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
