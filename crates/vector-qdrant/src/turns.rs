//! Swaps of one document by one process, one after another: Qdrant has no transactions, and each of two at once would leave what the other
//! wrote, since none finds what is not there yet.

use mastra_core::{Filter, Result, vector::Scope};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use tokio::sync::{Mutex, MutexGuard};

/// Some swaps of different documents share a turn, which costs them a wait.
const TURNS: usize = 256;

static LOCKS: [Mutex<()>; TURNS] = [const { Mutex::const_new(()) }; TURNS];

/// Waits until no other swap of the same filter is under way in this process, in the same namespace of the same collection of a server, by
/// whichever store. A caller holds one at a time.
pub(crate) async fn turn(
    server: &str,
    collection: &str,
    scope: &Scope,
    filter: &Filter,
) -> Result<Option<MutexGuard<'static, ()>>> {
    let mut hasher = DefaultHasher::new();
    (server, collection, &scope.namespace, filter.to_json()?.to_string()).hash(&mut hasher);
    let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
    match LOCKS.get(place) {
        Some(lock) => Ok(Some(lock.lock().await)),
        None => Ok(None),
    }
}
