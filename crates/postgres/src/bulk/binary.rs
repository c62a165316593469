//! The binary format of `COPY`.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format"; the fields are in the types' wire formats.

use mastra_core::{Error, Result, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// Signature, flags, and the length of an extension that there is none of.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Midnight of 2000-01-01, which binary timestamps count from, in microseconds of Unix time.
const EPOCH: i64 = 946_684_800_000_000;

/// Rows on their way to the server.
#[derive(Debug)]
pub struct Rows {
    buffer: Vec<u8>,
}

impl Rows {
    /// The beginning of a stream, with room for so many bytes.
    pub fn begin(capacity: usize) -> Self {
        let mut buffer = Vec::with_capacity(capacity);
        buffer.extend_from_slice(HEADER);
        Self { buffer }
    }

    /// Begins a row of so many fields.
    pub fn row(&mut self, fields: i16) {
        self.buffer.extend_from_slice(&fields.to_be_bytes());
    }

    /// A uuid.
    pub fn uuid(&mut self, value: Uuid) {
        self.fixed(value.as_bytes());
    }

    /// An integer.
    pub fn integer(&mut self, value: i32) {
        self.fixed(&value.to_be_bytes());
    }

    /// A time.
    pub fn timestamp(&mut self, value: Timestamp) {
        self.fixed(&(value.timestamp_micros() - EPOCH).to_be_bytes());
    }

    /// A text, or NULL.
    pub fn text(&mut self, value: Option<&str>) -> Result<()> {
        match value {
            Some(value) => self.sized(|buffer| {
                buffer.extend_from_slice(value.as_bytes());
                Ok(())
            }),
            None => {
                self.buffer.extend_from_slice(&(-1_i32).to_be_bytes());
                Ok(())
            }
        }
    }

    /// A JSON value.
    pub fn jsonb(&mut self, value: &Value) -> Result<()> {
        self.sized(|buffer| {
            // The version of the wire format.
            buffer.push(1);
            serde_json::to_writer(buffer, value).map_err(|_| Error::internal("data could not be written as JSON"))
        })
    }

    /// A field in its wire format, as the caller writes it.
    pub fn field(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.sized(|buffer| {
            write(buffer);
            Ok(())
        })
    }

    /// Ends the stream.
    pub fn end(&mut self) {
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
    }

    /// How much is written.
    pub fn written(&self) -> usize {
        self.buffer.len()
    }

    /// What is to be sent; the rows go on behind it.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Forgets what was sent.
    pub fn sent(&mut self) {
        self.buffer.clear();
    }

    /// A field of a known, small size.
    fn fixed(&mut self, bytes: &[u8]) {
        // Sixteen bytes at most.
        self.buffer.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    /// A field whose size is known once it is written.
    fn sized(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        write(&mut self.buffer)?;
        let too_large = || Error::invalid_input("a value is larger than the database stores");
        let size = i32::try_from(self.buffer.len() - at - 4).map_err(|_| too_large())?;
        self.buffer.get_mut(at..at + 4).ok_or_else(too_large)?.copy_from_slice(&size.to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_carry_their_sizes() {
        let mut rows = Rows::begin(64);
        rows.row(3);
        rows.text(Some("é")).unwrap();
        rows.text(None).unwrap();
        rows.jsonb(&serde_json::json!({})).unwrap();
        rows.end();
        let body = [
            &[0, 3][..], // fields
            &[0, 0, 0, 2, 0xc3, 0xa9],
            &[0xff, 0xff, 0xff, 0xff],
            &[0, 0, 0, 3, 1, b'{', b'}'],
            &[0xff, 0xff],
        ];
        assert_eq!(rows.bytes(), [HEADER, &body.concat()].concat());
    }
}
