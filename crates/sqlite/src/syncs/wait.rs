//! Waiting for a run to change. SQLite tells nobody of a change, so the row is looked at again and again.

use super::runs;
use crate::{error::Mapped as _, unit::Access};
use mastra_core::{
    Result,
    sync::{Run, RunId},
    time,
};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The pause behind the first look, which grows twofold with each; a look that waits longer than this for a connection behind the end of
/// the time is given up.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn wait(access: &impl Access, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
    // None: longer than any clock counts.
    let end = Instant::now().checked_add(within);
    let left = || end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
    let mut run = get(access, id).await?;
    let mut pause = FIRST_PAUSE;
    while run.revision <= revision && !left().is_zero() {
        sleep(pause.min(left())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let look = async {
            if revision_of(access, id).await? == Some(run.revision) { Ok(None) } else { get(access, id).await.map(Some) }
        };
        match timeout(left().max(FIRST_PAUSE), look).await {
            Ok(changed) => run = changed?.unwrap_or(run),
            Err(_) => break,
        }
    }
    Ok(runs::seen(run, time::now()))
}

async fn get(access: &impl Access, id: &RunId) -> Result<Run> {
    let mut unit = access.read().await?;
    runs::get(unit.connection()?, id).await
}

async fn revision_of(access: &impl Access, id: &RunId) -> Result<Option<i64>> {
    let mut unit = access.read().await?;
    let query = sqlx::query_scalar("SELECT revision FROM sync_runs WHERE id = ?1").bind(id.as_str());
    query.fetch_optional(unit.connection()?).await.mapped()
}
