//! Opening a mock by URL.

use crate::connection::Shared;
use crate::engine::MockEngine;
use mastra_core::{Checked, Error, Result, vector::CheckedVectors};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

static NAMED: Mutex<Option<HashMap<String, Weak<Shared>>>> = Mutex::new(None);

/// Opens the engine that a `mock://` URL names.
///
/// `mock://name` is one store for all of the process that asks for that name, and it lives as long as one engine on it does;
/// `mock://` alone is a fresh store each time. Any other scheme is `InvalidInput`. Faults are each engine's own.
///
/// ```
/// use mastra_core::{NewEntity, RecordStore as _, RecordStoreExt as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// let one = mastra_mock::connect("mock://shared").await?;
/// let other = mastra_mock::connect("mock://shared").await?;
/// let created = one.create_entity(&NewEntity::new("Contacts", "crm")).await?;
/// assert_eq!(other.get_entity_by_id(created.id).await?, created);
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: &str) -> Result<Checked<MockEngine>> {
    Ok(open(url)?.checked())
}

/// Opens the vector store that a `mock://` URL names: the one that shares its tables with the engine of that URL.
///
/// ```
/// use mastra_core::vector::{IndexSpec, VectorStore as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// let store = mastra_mock::connect_vectors("mock://").await?;
/// store.create_index(&IndexSpec::new("docs", 384)).await?;
/// assert_eq!(store.describe_index("docs").await?.count, 0);
/// # Ok(())
/// # }
/// ```
pub async fn connect_vectors(url: &str) -> Result<CheckedVectors<MockEngine>> {
    Ok(open(url)?.vectors())
}

fn open(url: &str) -> Result<MockEngine> {
    let name = url.strip_prefix("mock://").ok_or_else(|| Error::invalid_input("a mock's URL is mock:// or mock://name"))?;
    if name.is_empty() {
        return Ok(MockEngine::new());
    }
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    let named = named.get_or_insert_default();
    let shared = named.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
        named.retain(|_, store| store.strong_count() > 0);
        let shared = Arc::new(Shared::new(name.to_owned()));
        named.insert(name.to_owned(), Arc::downgrade(&shared));
        shared
    });
    Ok(MockEngine::on(shared))
}
