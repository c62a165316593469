//! What a sync is.

mod builder;
mod erased;
mod failure;

pub use builder::{Defined, SyncBuilder, define};
pub(crate) use erased::{Erased, ErasedSync, Prepared, Started};
pub use failure::Failure;

use crate::{context::Context, schema};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::future::Future;

/// A sync: code that brings outside data into entities and records, with a typed input and output.
///
/// Implement it for a type of your own, or write a closure with [`define()`]. Dynamic callers hand in JSON: it is validated against the input's
/// schema, every error with its path, before anything is begun. An input has to be written (by serde) as it is read.
///
/// ```
/// use mastra_sync::{Context, Failure, SyncDefinition};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// Greets.
/// struct Hello;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Who {
///     name: String,
/// }
///
/// impl SyncDefinition for Hello {
///     type Input = Who;
///     type Output = String;
///
///     fn id(&self) -> &str {
///         "hello"
///     }
///
///     async fn execute(&self, ctx: Context<Who>) -> Result<String, Failure> {
///         Ok(format!("Hello, {}", ctx.input().name))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mastra = mastra_sync::Mastra::builder().engine(std::sync::Arc::new(mastra_mock::connect("mock://").await?)).sync(Hello).build()?;
/// let done = mastra.run(&Hello, Who { name: "Ada".into() }).await?;
/// assert_eq!(done.output, "Hello, Ada");
/// # Ok(())
/// # }
/// ```
pub trait SyncDefinition: Send + Sync + 'static {
    /// What it takes.
    type Input: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// What it gives back. The ledger keeps it, so that a run which is repeated under its id returns it again: no record data, no secrets.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Names it, for callers and in the ledger, where it also owns what it writes: keep it. Not blank.
    fn id(&self) -> &str;

    /// What people call it.
    fn label(&self) -> Option<&str> {
        None
    }

    /// What it does.
    fn description(&self) -> Option<&str> {
        None
    }

    /// What an input has to be, as JSON Schema; by default what the type says.
    fn input_schema(&self) -> Value {
        schema::of_input::<Self::Input>()
    }

    /// What an output is, as JSON Schema; by default what the type says.
    fn output_schema(&self) -> Value {
        schema::of_output::<Self::Output>()
    }

    /// Does the work.
    ///
    /// It can be dropped at any await: when its caller is gone, or when it does not end within [`grace`](crate::RunOptions::grace) of being
    /// told to stop. Each page that was written by then is whole, and the next run goes on behind it. It may be run again after any failure.
    fn execute(&self, ctx: Context<Self::Input>) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}
