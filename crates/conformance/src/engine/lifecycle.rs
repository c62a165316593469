//! The engine as a whole.

use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::{entity, put};
use mastra_core::{Engine, EntityQuery, ErrorKind, RecordQuery, RecordStore as _};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A ping is answered.
pub async fn a_ping_is_answered(engine: Arc<dyn Engine>) -> Outcome {
    Ok(engine.ping().await?)
}

/// After closing, every call fails as `Unavailable`; none hangs, and closing twice does no harm.
pub async fn nothing_works_after_closing(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    let query = RecordQuery::new();
    engine.close().await?;
    let calls = async {
        [
            ("ping", engine.ping().await),
            ("list_entities", engine.list_entities(&EntityQuery::default()).await.map(drop)),
            ("upsert_records", put(&*engine, &entity, [("1", json!({}))]).await.map(drop)),
            ("get_records", engine.get_records(&entity, &query).await.map(drop)),
            ("stream_records", engine.stream_records(&entity, &query).await.map(drop)),
            ("begin", engine.begin().await.map(drop)),
        ]
    };
    let Ok(calls) = tokio::time::timeout(Duration::from_secs(60), calls).await else {
        return Err(Failure::new("a call on a closed engine hangs"));
    };
    for (operation, result) in calls {
        crate::refused(result, ErrorKind::Unavailable).map_err(|failure| failure.about(operation))?;
    }
    let again = tokio::time::timeout(Duration::from_secs(60), engine.close()).await;
    ensure!(again.is_ok(), "closing twice hangs");
    Ok(())
}

/// The engine says which backend it is, without a secret.
pub async fn info_tells_the_backend(engine: Arc<dyn Engine>) -> Outcome {
    let info = engine.info();
    ensure!(!info.system.is_empty() && !info.system.contains(' '), "the system is called {:?}", info.system);
    let secret = info.namespace.contains("://") || info.namespace.contains('@') || info.namespace.contains("password");
    ensure!(!secret, "the namespace may hold a secret; it holds a whole URL or an account");
    let transaction = engine.begin().await?;
    ensure!(transaction.info() == info, "a transaction tells another backend");
    Ok(())
}
