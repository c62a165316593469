//! Whose file it is.

use crate::error::Mapped as _;
use mastra_core::{Error, Result};
use sqlx::SqliteConnection;

/// The `application_id` in the header of our files: "MSTR". <https://www.sqlite.org/pragma.html#pragma_application_id>
pub const APPLICATION_ID: i32 = 0x4D53_5452;

/// Refuses a database that another application made. An empty one is anybody's.
pub(crate) async fn refuse_foreign(conn: &mut SqliteConnection) -> Result<()> {
    // The schema first: another process may be migrating, and commits tables and id together. Whoever sees the tables sees the id.
    let empty: bool =
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)").fetch_one(&mut *conn).await.mapped()?;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(conn).await.mapped()?;
    if id == APPLICATION_ID || (id == 0 && empty) {
        return Ok(());
    }
    Err(Error::invalid_input("the file is a database of another application; choose another file").with("application_id", id))
}
