//! Making a registry.

use super::{Mastra, Registered, Registry};
use crate::{
    SyncDefinition,
    context::Services,
    define::{Erased, ErasedSync},
    schema::Validator,
};
use mastra_core::{Engine, Error, Result, validate, vector::VectorStore};
use std::{collections::HashMap, fmt, sync::Arc};

/// Makes a [`Mastra`]. What is wrong is told by [`MastraBuilder::build`], the first thing first.
#[derive(Default)]
#[must_use = "it does nothing until it is built"]
pub struct MastraBuilder {
    engine: Option<Arc<dyn Engine>>,
    services: Services,
    syncs: Vec<(Option<String>, Box<dyn ErasedSync>)>,
    wrong: Option<Error>,
}

impl MastraBuilder {
    /// The engine that syncs write to.
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Self {
        match self.engine.replace(engine) {
            None => self,
            Some(_) => self.note(Err(Error::invalid_input("there are two engines; a registry has one"))),
        }
    }

    /// The vector store, for [`Context::vectors`](crate::Context::vectors).
    pub fn vectors(mut self, store: Arc<dyn VectorStore>) -> Self {
        let added = self.services.add_vectors(store);
        self.note(added)
    }

    /// A vector store with a name, for [`Context::vectors_named`](crate::Context::vectors_named).
    pub fn vectors_named(mut self, name: impl Into<String>, store: Arc<dyn VectorStore>) -> Self {
        let added = self.services.add_vectors_named(name.into(), store);
        self.note(added)
    }

    /// Something that syncs ask for by its type, with [`Context::service`](crate::Context::service): a client, settings.
    pub fn provide<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let added = self.services.provide(value);
        self.note(added)
    }

    /// Something that syncs ask for by a name, with [`Context::service_named`](crate::Context::service_named): `agents.writer`.
    pub fn provide_named<T: Send + Sync + 'static>(mut self, name: impl Into<String>, value: T) -> Self {
        let added = self.services.provide_named(name.into(), value);
        self.note(added)
    }

    /// A sync, under its id.
    pub fn sync(mut self, sync: impl SyncDefinition) -> Self {
        self.syncs.push((None, Box::new(Erased(Arc::new(sync)))));
        self
    }

    /// A sync, under a key beside its id.
    pub fn sync_as(mut self, key: impl Into<String>, sync: impl SyncDefinition) -> Self {
        self.syncs.push((Some(key.into()), Box::new(Erased(Arc::new(sync)))));
        self
    }

    /// The registry. `InvalidInput` where an id, key or name is blank or there twice, or a schema is none. An engine may be missing until the
    /// first run.
    pub fn build(self) -> Result<Mastra> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut syncs = Vec::with_capacity(self.syncs.len());
        let mut names = HashMap::new();
        for (at, (key, sync)) in self.syncs.into_iter().enumerate() {
            validate::name("sync's id", sync.id())?;
            if let Some(key) = &key {
                validate::name("sync's key", key)?;
            }
            let key = key.filter(|key| key != sync.id());
            for name in std::iter::once(sync.id()).chain(key.as_deref()) {
                if names.insert(name.to_owned(), at).is_some() {
                    return Err(Error::invalid_input("two syncs have one id or key").with("name", name));
                }
            }
            let compile = |of: &'static str, schema| {
                Validator::new(&schema).map_err(|error| error.with("schema", of).with("sync", sync.id()))
            };
            let input = compile("input", sync.input_schema())?;
            let output = compile("output", sync.output_schema())?;
            syncs.push(Registered { key, sync, input, output });
        }
        Ok(Mastra(Arc::new(Registry { engine: self.engine, services: Arc::new(self.services), syncs, names })))
    }

    /// Keeps the first error.
    fn note(mut self, result: Result<()>) -> Self {
        if let Err(error) = result {
            self.wrong.get_or_insert(error);
        }
        self
    }
}

impl fmt::Debug for MastraBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.syncs.iter().map(|(_, sync)| sync.id()).collect();
        f.debug_struct("MastraBuilder").field("engine", &self.engine).field("syncs", &ids).finish_non_exhaustive()
    }
}
