//! A run of a registered sync, held open, so that what is measured can take turns with the twin.

use mastra_core::{Engine, Error, Result};
use mastra_sync::{Context, Mastra, RunOptions, define};
use serde_json::{Value, json};
use std::{future::IntoFuture as _, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// The sync's id; as long as the twin's.
const SYNC: &str = "raw";

/// The sync, registered with an engine.
pub(super) struct Runs {
    mastra: Mastra,
    begun: mpsc::UnboundedReceiver<(Context<Value>, oneshot::Sender<()>)>,
}

/// A run that goes on until it is ended.
pub(super) struct OpenRun {
    pub(super) context: Context<Value>,
    end: oneshot::Sender<()>,
    whole: JoinHandle<Result<()>>,
}

impl Runs {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Result<Self> {
        let (give, begun) = mpsc::unbounded_channel();
        let sync = define(SYNC).execute(move |context| {
            let (end, ended) = oneshot::channel();
            let given = give.send((context, end)).is_ok();
            async move {
                if !given {
                    return Err(Error::internal("nobody waits for the run").into());
                }
                // Whoever drops the other end has ended the run as well.
                let _ = ended.await;
                Ok(json!({}))
            }
        });
        Ok(Self { mastra: Mastra::builder().engine(engine).sync(sync).build()?, begun })
    }

    pub(super) async fn begin(&mut self) -> Result<OpenRun> {
        self.begin_for(RunOptions::default().lease).await
    }

    /// A run that gives a sign of life three times in that time.
    pub(super) async fn begin_for(&mut self, lease: Duration) -> Result<OpenRun> {
        let call = self.mastra.sync(SYNC, json!({})).lease(lease).into_future();
        let whole = tokio::spawn(async move { call.await.map(drop).map_err(Error::from) });
        let (context, end) = self.begun.recv().await.ok_or_else(|| Error::internal("the run did not begin"))?;
        Ok(OpenRun { context, end, whole })
    }
}

impl OpenRun {
    pub(super) async fn end(self) -> Result<()> {
        drop(self.context);
        let _ = self.end.send(());
        self.whole.await.map_err(|source| Error::internal("the run panicked").with_source(source))?
    }
}
