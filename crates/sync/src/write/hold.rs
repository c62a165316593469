//! Taking a target, at once or when it is free.

use super::{
    scope::{RunScope, Stop},
    settings::Settings,
};
use crate::{RunEvent, WhenBusy};
use mastra_core::{
    Error, Result,
    sync::{Acquired, Hold, NewHold},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long is waited between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Takes the target of a run, as the run's options say.
pub(super) async fn take(run: &RunScope, settings: &Settings) -> Result<Hold> {
    if run.holds(&settings.entity, &settings.connection_id) {
        return Err(Error::invalid_input("this run writes the entity already; complete that writer first")
            .with("entity", &settings.entity));
    }
    let wanted = NewHold {
        sync_id: run.sync_id().to_owned(),
        entity: settings.entity.clone(),
        connection_id: settings.connection_id.clone(),
        run_id: run.run_id().clone(),
        lease: run.options().lease,
    };
    let deadline = match run.options().when_busy {
        WhenBusy::Refuse => None,
        WhenBusy::Wait(longest) => Some(Instant::now() + longest),
    };
    let mut told = false;
    loop {
        let (holder, until) = match run.syncs()?.acquire(&wanted).await? {
            Acquired::Held(hold) => {
                run.hold((*hold).clone());
                return Ok(*hold);
            }
            Acquired::Busy { run_id, until } => (run_id, until),
        };
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            run.stopping(Stop::Busy);
            return Err(Error::conflict(
                "another run of the sync writes this entity; wait for it, or run again once it has ended",
            )
            .with("entity", &settings.entity)
            .with("run", holder)
            .with("until", until.to_rfc3339()));
        }
        if !told {
            told = true;
            tracing::info!(entity = %settings.entity, holder = %holder, "waiting for another run");
            let (run_id, entity) = (run.run_id().clone(), settings.entity.clone());
            run.tell(&RunEvent::Waiting { run_id, entity, holder, until });
        }
        tokio::select! {
            () = run.options().cancellation.cancelled() => run.check()?,
            () = sleep(PAUSE) => {}
        }
    }
}
