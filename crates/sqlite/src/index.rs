//! Field indexes.

use crate::error::corrupt;
use mastra_core::{FieldIndexKind, Path, Result};
use sqlx::SqliteConnection;

/// An index on a field of one entity.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) key: i64,
    pub(crate) path: Path,
    pub(crate) kind: FieldIndexKind,
}

/// The indexes of a list that SQL has put together.
pub(crate) fn listed(json: &str) -> Result<Vec<Index>> {
    let rows: Vec<(i64, Path, FieldIndexKind)> = serde_json::from_str(json).map_err(|_| corrupt("a field index"))?;
    Ok(rows.into_iter().map(|(key, path, kind)| Index { key, path, kind }).collect())
}

pub(crate) async fn remove(_connection: &mut SqliteConnection, _index: &Index) -> Result<()> {
    Ok(())
}
