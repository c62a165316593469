//! The calls: each reads its request, refuses what is malformed, finds its collection and lets that do the work.

mod collections;
mod health;
mod points;
mod updates;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::collection::Collection;
use super::status::{Result, no_collection, validation};

/// Answers `Unimplemented` to calls, as methods of a service. They are written as `async_trait` would write them.
macro_rules! not_imitated {
    ($($name:ident: $request:ident => $response:ident;)*) => {$(
        fn $name<'life, 'async_trait>(
            &'life self,
            _: tonic::Request<qdrant_client::qdrant::$request>,
        ) -> tonic::codegen::BoxFuture<tonic::Response<qdrant_client::qdrant::$response>, tonic::Status>
        where
            'life: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err($crate::qdrant::status::not_imitated(stringify!($name))) })
        }
    )*};
}
use not_imitated;

/// The whole store, and all services on it.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) collections: Arc<Mutex<BTreeMap<String, Collection>>>,
}

impl Service {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Collection>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Collection) -> Result<T>) -> Result<T> {
        work(self.lock().get_mut(name).ok_or_else(|| no_collection(name))?)
    }
}

/// A name that no collection can have is refused before one is looked for.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().count() > 255 {
        return Err(validation("collection_name", "must be from 1 to 255 characters"));
    }
    match name.chars().find(|character| matches!(character, '/' | '\0')) {
        Some(character) => Err(validation("collection_name", format!("collection name cannot contain {character:?} char"))),
        None => Ok(()),
    }
}

fn check_timeout(timeout: Option<u64>) -> Result<()> {
    if timeout == Some(0) { Err(validation("timeout", "value 0 invalid, must be 1 or larger")) } else { Ok(()) }
}
