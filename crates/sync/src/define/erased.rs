//! A sync whose types are forgotten, so that many stand in one registry.

use super::{Failure, SyncDefinition};
use crate::{
    context::{Context, Shared},
    schema::Violations,
};
use futures::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize as _, Serialize as _};
use serde_json::Value;
use std::{any::Any, sync::Arc};

/// What the registry keeps of a definition.
pub(crate) trait ErasedSync: Send + Sync {
    fn id(&self) -> &str;
    fn label(&self) -> Option<&str>;
    fn description(&self) -> Option<&str>;
    fn input_schema(&self) -> Value;
    fn output_schema(&self) -> Value;

    /// The definition itself.
    fn definition(&self) -> &dyn Any;

    /// Reads an input. Nothing is begun.
    fn prepare(&self, input: Value) -> Result<Prepared, Violations>;
}

/// A sync with its input.
pub(crate) struct Prepared {
    /// The input as its type writes it: the same for all spellings of one input.
    pub(crate) input: Value,
    /// Does the work.
    pub(crate) start: Box<dyn FnOnce(Shared) -> BoxFuture<'static, Started> + Send>,
}

/// What came of a start: an output, or why there is none.
pub(crate) enum Started {
    Output(Value),
    /// What it returned cannot be written as JSON.
    Unwritable,
    Failure(Failure),
}

/// The one implementation.
pub(crate) struct Erased<S>(pub(crate) Arc<S>);

impl<S: SyncDefinition> ErasedSync for Erased<S> {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn label(&self) -> Option<&str> {
        self.0.label()
    }

    fn description(&self) -> Option<&str> {
        self.0.description()
    }

    fn input_schema(&self) -> Value {
        self.0.input_schema()
    }

    fn output_schema(&self) -> Value {
        self.0.output_schema()
    }

    fn definition(&self) -> &dyn Any {
        &*self.0
    }

    fn prepare(&self, input: Value) -> Result<Prepared, Violations> {
        // What serde says is not passed on: it quotes the value.
        let typed =
            S::Input::deserialize(input).map_err(|_| Violations::whole("it does not fit the type of the sync's input"))?;
        let written = serde_json::to_value(&typed).map_err(|_| Violations::whole("it cannot be written as JSON"))?;
        let sync = Arc::clone(&self.0);
        let start = move |shared| {
            async move {
                match sync.execute(Context::new(typed, shared)).await {
                    Ok(output) => output.serialize(serde_json::value::Serializer).map_or(Started::Unwritable, Started::Output),
                    Err(failure) => Started::Failure(failure),
                }
            }
            .boxed()
        };
        Ok(Prepared { input: written, start: Box::new(start) })
    }
}
