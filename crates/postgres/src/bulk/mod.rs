//! Large batches, by binary `COPY`.
//!
//! What is new is copied into the table itself. Should another writer store one of the same records at that moment, which
//! `COPY` cannot resolve, it is undone and the batch goes through a staging table, from which it is merged. What is there
//! already travels as arrays, whatever its number: a staged row would be written to the log even where nothing changes.

mod binary;
mod load;

use crate::{
    error::driver,
    store::Shared,
    transacting::{CopyIn, Line},
    upsert::Row,
};
pub use binary::Rows;
pub(crate) use load::{Load, load};
use mastra_core::{Error, RecordId, Result};
use sqlx::PgConnection;
use uuid::Uuid;

/// From this many new records on, they travel by `COPY`.
pub(crate) const THRESHOLD: usize = 4_000;

/// How much is written before it is sent.
const CHUNK: usize = 1 << 18;
/// Room for that and for the row that goes past it.
const CAPACITY: usize = CHUNK + (CHUNK >> 2);

/// Copies rows into the staging table, as a batch of that id.
pub(crate) async fn stage(line: &mut Line<'_>, shared: &Shared, batch: Uuid, rows: &[(RecordId, &Row<'_>)]) -> Result<()> {
    let statement = format!(
        "COPY {} (batch, position, id, external_id, entity_type, data) FROM STDIN (FORMAT binary)",
        shared.schema.record_staging()
    );
    let mut copy = line.copy_in(&statement).await?;
    let mut stream = Rows::begin(CAPACITY);
    for (position, (id, row)) in (1_i32..).zip(rows) {
        stream.row(6);
        stream.uuid(batch);
        stream.integer(position);
        stream.uuid(id.as_uuid());
        stream.text(Some(&row.external_id))?;
        stream.text(row.entity_type.as_deref())?;
        stream.jsonb(&row.data)?;
        send_full(&mut copy, &mut stream).await?;
    }
    finish(copy, stream, rows.len()).await
}

/// Sends what is written, once it is enough.
async fn send_full(copy: &mut CopyIn<'_>, stream: &mut Rows) -> Result<()> {
    if stream.written() >= CHUNK {
        copy.send(stream.bytes()).await?;
        stream.sent();
    }
    Ok(())
}

async fn finish(mut copy: CopyIn<'_>, mut stream: Rows, rows: usize) -> Result<()> {
    stream.end();
    copy.send(stream.bytes()).await?;
    let copied = copy.finish().await?;
    if usize::try_from(copied).is_ok_and(|copied| copied == rows) {
        Ok(())
    } else {
        Err(Error::internal("the server copied another number of rows than were sent"))
    }
}

/// The staged rows of the batch `$3`, as the statement of an upsert reads them.
pub(crate) fn staged(shared: &Shared) -> String {
    format!(
        "(SELECT s.id, s.external_id AS x, s.entity_type AS t, s.data AS d, s.position::bigint AS position FROM {} s WHERE s.batch = $3 \
         ORDER BY s.external_id) i",
        shared.schema.record_staging()
    )
}

/// Takes a batch out of the staging table again.
pub(crate) async fn unstage(conn: &mut PgConnection, shared: &Shared, batch: Uuid) -> Result<()> {
    let statement = format!("DELETE FROM {} WHERE batch = $1", shared.schema.record_staging());
    shared.query(&statement).bind(batch).execute(conn).await.map(drop).map_err(driver)
}
