//! A sync as a closure.

use super::{Failure, SyncDefinition};
use crate::{context::Context, schema};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

/// Begins to define a sync of that id. Until said otherwise it takes and gives any JSON.
///
/// ```
/// use mastra_sync::{Mastra, define};
/// use serde_json::{Value, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let double = define("double").label("Double").input::<i64>().output::<i64>().execute(|ctx| async move { Ok(ctx.input() * 2) });
///
/// let mastra = Mastra::builder().engine(std::sync::Arc::new(mastra_mock::connect("mock://").await?)).sync(double.clone()).build()?;
/// assert_eq!(mastra.run(&double, 21).await?.output, 42);
/// assert_eq!(mastra.sync("double", json!(21)).await?.output, json!(42));
/// # Ok(())
/// # }
/// ```
pub fn define(id: impl Into<String>) -> SyncBuilder<Value, Value> {
    SyncBuilder {
        about: About { id: id.into(), label: None, description: None },
        input: schema::of_input::<Value>(),
        output: schema::of_output::<Value>(),
        types: PhantomData,
    }
}

#[derive(Debug, Clone)]
struct About {
    id: String,
    label: Option<String>,
    description: Option<String>,
}

/// A sync that is being defined; from [`define()`].
#[must_use = "it is a sync once it has `execute`"]
pub struct SyncBuilder<I, O> {
    about: About,
    input: Value,
    output: Value,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O> SyncBuilder<I, O> {
    /// What people call it.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.about.label = Some(label.into());
        self
    }

    /// What it does.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.about.description = Some(description.into());
        self
    }

    /// What it takes.
    pub fn input<T>(self) -> SyncBuilder<T, O>
    where
        T: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static,
    {
        SyncBuilder { about: self.about, input: schema::of_input::<T>(), output: self.output, types: PhantomData }
    }

    /// What it gives back.
    pub fn output<T>(self) -> SyncBuilder<I, T>
    where
        T: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
    {
        SyncBuilder { about: self.about, input: self.input, output: schema::of_output::<T>(), types: PhantomData }
    }

    /// Takes JSON that fits this schema; one that is no schema fails when the registry is built.
    #[cfg(feature = "validate")]
    pub fn input_schema(self, schema: Value) -> SyncBuilder<Value, O> {
        SyncBuilder { about: self.about, input: schema, output: self.output, types: PhantomData }
    }

    /// Gives JSON that fits this schema; one that is no schema fails when the registry is built.
    #[cfg(feature = "validate")]
    pub fn output_schema(self, schema: Value) -> SyncBuilder<I, Value> {
        SyncBuilder { about: self.about, input: self.input, output: schema, types: PhantomData }
    }

    /// What it does; see [`SyncDefinition::execute`].
    pub fn execute<F, Fut>(self, execute: F) -> Defined<I, O>
    where
        F: Fn(Context<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        let Self { about, input, output, .. } = self;
        let execute: Execute<I, O> = Box::new(move |ctx| Box::pin(execute(ctx)));
        Defined(Arc::new(Inner { about, input, output, execute }))
    }
}

impl<I, O> fmt::Debug for SyncBuilder<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncBuilder").field("id", &self.about.id).finish_non_exhaustive()
    }
}

type Execute<I, O> = Box<dyn Fn(Context<I>) -> BoxFuture<'static, Result<O, Failure>> + Send + Sync>;

/// A sync that is a closure; clones are the same sync.
pub struct Defined<I, O>(Arc<Inner<I, O>>);

struct Inner<I, O> {
    about: About,
    input: Value,
    output: Value,
    execute: Execute<I, O>,
}

impl<I, O> Clone for Defined<I, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, O> fmt::Debug for Defined<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defined").field("id", &self.0.about.id).finish_non_exhaustive()
    }
}

impl<I, O> SyncDefinition for Defined<I, O>
where
    I: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static,
    O: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
{
    type Input = I;
    type Output = O;

    fn id(&self) -> &str {
        &self.0.about.id
    }

    fn label(&self) -> Option<&str> {
        self.0.about.label.as_deref()
    }

    fn description(&self) -> Option<&str> {
        self.0.about.description.as_deref()
    }

    fn input_schema(&self) -> Value {
        self.0.input.clone()
    }

    fn output_schema(&self) -> Value {
        self.0.output.clone()
    }

    async fn execute(&self, ctx: Context<I>) -> Result<O, Failure> {
        (self.0.execute)(ctx).await
    }
}
