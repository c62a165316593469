//! Indexing on the way, for commands that do more.

use super::{
    KnowledgeConfig,
    index::{exit_of, told},
    stopping::Stopping,
    work::{Done, State, Work},
};
use crate::{
    context::Context,
    exit::{Exit, Outcome, Stop},
    output::Output,
};
use mastra_rag::knowledge::KnowledgeBase;
use serde::Serialize;

/// What indexing came to.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Indexed(Done);

impl Indexed {
    /// What `mastra index` says of it.
    pub(crate) fn told(&self, out: &Output) -> Outcome<()> {
        told(out, &self.0)
    }

    /// What `mastra index` would end with.
    pub(crate) fn exit(&self) -> Exit {
        exit_of(self.0.state, self.0.report.error_kind)
    }

    /// Whether words are compared, and no meanings.
    pub(crate) fn is_lexical(&self) -> bool {
        self.0.lexical
    }

    /// What made the vectors.
    pub(crate) fn model(&self) -> &str {
        &self.0.model
    }
}

/// Works off what waits, as `mastra index` does: Ctrl-C stops behind the batch in hand, so that nothing is held longer than it has to be.
pub(crate) async fn bring_up_to_date(context: &Context, config: &KnowledgeConfig, base: &KnowledgeBase) -> Outcome<Indexed> {
    let stopping = Stopping::default();
    let work = Work { config, base, stopping: &stopping, out: &context.out, waits: true, batch: None };
    let done =
        stopping.run(&context.out, async { Ok(work.run().await.map_err(|error| super::explained(context, config, error))?) });
    let done: Done = done.await?;
    if done.state == State::Interrupted {
        told(&context.out, &done)?;
        return Err(Stop::Interrupted);
    }
    Ok(Indexed(done))
}
