//! SQLite reads numbers of everyday size to the last bit: what the marking of rows that SQL can judge rests on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use sqlx::{Connection as _, Row as _, SqliteConnection};

/// A small generator, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A float of magnitude 1e-15 to 2^53: of a unit interval, of few decimals, or of any bits.
    fn float(&mut self, class: usize) -> f64 {
        match class {
            0 => (self.next() >> 11) as f64 / (1_u64 << 53) as f64,
            1 => (self.next() % 100_000_000_000) as f64 / 10_f64.powi((self.next() % 12) as i32),
            _ => f64::from_bits((self.next() >> 12) | ((1023 - 52 + self.next() % 105) << 52)),
        }
    }
}

#[tokio::test]
async fn floats_of_json_are_read_to_the_last_bit() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for round in 0..30 {
        let floats: Vec<f64> = (0..10_000).map(|_| random.float(round % 3)).filter(|float| *float >= 1e-15).collect();
        let json = serde_json::to_string(&floats).unwrap();
        let rows = sqlx::query("SELECT value FROM json_each(?1)").bind(&json).fetch_all(&mut connection).await.unwrap();
        assert_eq!(rows.len(), floats.len());
        for (row, float) in rows.iter().zip(&floats) {
            let read: f64 = row.try_get_unchecked(0).unwrap();
            assert_eq!(read.to_bits(), float.to_bits(), "{float} was read as {read}");
        }
    }
}
