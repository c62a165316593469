//! Rows in Postgres' binary COPY format, by hand: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// 2000-01-01, where Postgres' clock begins, in seconds since 1970.
const EPOCH: i64 = 946_684_800;

/// How many bytes to gather before they are sent.
const CHUNK: usize = 256 * 1024;

const STATEMENT: &str =
    "COPY records (id, entity_id, external_id, entity_type, data, created_at, updated_at) FROM STDIN (FORMAT binary)";

/// A new record.
pub(super) struct CopyRow<'a> {
    pub(super) entity_id: Uuid,
    pub(super) external_id: &'a str,
    pub(super) entity_type: &'a str,
    pub(super) data: &'a Value,
    pub(super) now: DateTime<Utc>,
}

/// Sends the rows; returns how many the server took.
pub(super) async fn copy<'a>(connection: &mut PgConnection, rows: impl Iterator<Item = CopyRow<'a>>) -> sqlx::Result<u64> {
    let mut sink = connection.copy_in_raw(STATEMENT).await?;
    let mut buffer = Vec::with_capacity(CHUNK + 4096);
    buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for row in rows {
        write(&mut buffer, &row)?;
        if buffer.len() >= CHUNK {
            sink.send(buffer.as_slice()).await?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(&(-1_i16).to_be_bytes());
    sink.send(buffer.as_slice()).await?;
    sink.finish().await
}

fn write(buffer: &mut Vec<u8>, row: &CopyRow<'_>) -> sqlx::Result<()> {
    buffer.extend_from_slice(&7_i16.to_be_bytes());
    field(buffer, Uuid::now_v7().as_bytes());
    field(buffer, row.entity_id.as_bytes());
    field(buffer, row.external_id.as_bytes());
    field(buffer, row.entity_type.as_bytes());
    json(buffer, row.data)?;
    let now = (row.now.timestamp_micros() - EPOCH * 1_000_000).to_be_bytes();
    field(buffer, &now);
    field(buffer, &now);
    Ok(())
}

fn field(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&length(bytes.len()).to_be_bytes());
    buffer.extend_from_slice(bytes);
}

/// A jsonb is its version, 1, and its text. The length is known once the text is written.
fn json(buffer: &mut Vec<u8>, value: &Value) -> sqlx::Result<()> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0, 0, 0, 0, 1]);
    serde_json::to_writer(&mut *buffer, value).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let written = length(buffer.len() - start - 4).to_be_bytes();
    if let Some(place) = buffer.get_mut(start..start + 4) {
        place.copy_from_slice(&written);
    }
    Ok(())
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
