//! What the application registered for its syncs.

use super::absent;
use mastra_core::{Error, Result, validate, vector::VectorStore};
use std::{
    any::{Any, TypeId, type_name},
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// A thing, with the name of its type for messages.
struct Service {
    value: Box<dyn Any + Send + Sync>,
    of: &'static str,
}

/// Vector stores, and things by their types and names.
#[derive(Default)]
pub(crate) struct Services {
    by_type: HashMap<TypeId, Service>,
    by_name: BTreeMap<String, Service>,
    vectors: Option<Arc<dyn VectorStore>>,
    vectors_by_name: BTreeMap<String, Arc<dyn VectorStore>>,
}

impl Services {
    pub(crate) fn provide<T: Send + Sync + 'static>(&mut self, value: T) -> Result<()> {
        let service = Service { value: Box::new(value), of: type_name::<T>() };
        match self.by_type.insert(TypeId::of::<T>(), service) {
            None => Ok(()),
            Some(_) => Err(Error::invalid_input("two services of one type; give them names").with("type", type_name::<T>())),
        }
    }

    pub(crate) fn provide_named<T: Send + Sync + 'static>(&mut self, name: String, value: T) -> Result<()> {
        validate::name("service's name", &name)?;
        let service = Service { value: Box::new(value), of: type_name::<T>() };
        match self.by_name.insert(name.clone(), service) {
            None => Ok(()),
            Some(_) => Err(Error::invalid_input("two services have one name").with("name", name)),
        }
    }

    pub(crate) fn add_vectors(&mut self, store: Arc<dyn VectorStore>) -> Result<()> {
        match self.vectors.replace(store) {
            None => Ok(()),
            Some(_) => Err(Error::invalid_input("two vector stores have no name; give one of them a name")),
        }
    }

    pub(crate) fn add_vectors_named(&mut self, name: String, store: Arc<dyn VectorStore>) -> Result<()> {
        validate::name("vector store's name", &name)?;
        match self.vectors_by_name.insert(name.clone(), store) {
            None => Ok(()),
            Some(_) => Err(Error::invalid_input("two vector stores have one name").with("name", name)),
        }
    }

    pub(super) fn of_type<T: Send + Sync + 'static>(&self) -> Result<&T> {
        self.by_type.get(&TypeId::of::<T>()).and_then(|service| service.value.downcast_ref()).ok_or_else(|| {
            Error::not_found("no service of this type is registered; hand it to the builder's `provide`")
                .with("type", type_name::<T>())
        })
    }

    pub(super) fn of_name<T: Send + Sync + 'static>(&self, name: &str) -> Result<&T> {
        let names = || self.by_name.keys().map(String::as_str);
        let service = self.by_name.get(name).ok_or_else(|| absent("service", name, names()))?;
        service.value.downcast_ref().ok_or_else(|| {
            Error::invalid_input("the service of this name is of another type")
                .with("name", name)
                .with("asked", type_name::<T>())
                .with("registered", service.of)
        })
    }

    pub(super) fn vectors(&self) -> Result<&Arc<dyn VectorStore>> {
        let mut named = self.vectors_by_name.values();
        match (&self.vectors, named.next(), named.next()) {
            (Some(store), ..) | (None, Some(store), None) => Ok(store),
            (None, None, _) => Err(Error::not_found("no vector store is registered; hand one to the builder's `vectors`")),
            (None, Some(_), Some(_)) => {
                let names: Vec<_> = self.vectors_by_name.keys().map(String::as_str).collect();
                Err(Error::not_found("there are several vector stores; ask for one by name").with("registered", names.join(", ")))
            }
        }
    }

    pub(super) fn vectors_named(&self, name: &str) -> Result<&Arc<dyn VectorStore>> {
        let names = || self.vectors_by_name.keys().map(String::as_str);
        self.vectors_by_name.get(name).ok_or_else(|| absent("vector store", name, names()))
    }
}
