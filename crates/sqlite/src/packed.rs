//! Rows of one column.
//!
//! The driver hands every value of a row over to another thread in an allocation of its own, taken under SQLite's one memory lock:
//! for a row of eight values that costs more than reading it. So a row is joined into one text in SQL, numbers and lengths first,
//! and taken apart here.

use crate::error::corrupt;
use mastra_core::{Result, Timestamp};
use uuid::Uuid;

/// The parts of a row that are left to take.
#[derive(Debug)]
pub(crate) struct Packed<'r>(&'r str);

impl<'r> Packed<'r> {
    pub(crate) fn new(row: &'r str) -> Self {
        Self(row)
    }

    /// The next part that a blank ends.
    fn word(&mut self) -> Result<&'r str> {
        let (word, rest) = self.0.split_once(' ').ok_or_else(|| corrupt("a row"))?;
        self.0 = rest;
        Ok(word)
    }

    pub(crate) fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.word()?.parse().map_err(|_| corrupt("a number"))
    }

    /// An id, in hexadecimal.
    pub(crate) fn uuid(&mut self) -> Result<Uuid> {
        Uuid::try_parse_ascii(self.word()?.as_bytes()).map_err(|_| corrupt("an id"))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        super::row::timestamp(self.number()?)
    }

    /// The next so many bytes.
    pub(crate) fn text(&mut self, bytes: usize) -> Result<&'r str> {
        let (text, rest) = self.0.split_at_checked(bytes).ok_or_else(|| corrupt("a row"))?;
        self.0 = rest;
        Ok(text)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'r str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_in_order_whatever_texts_hold() {
        let mut packed = Packed::new("0192F0C1000070008000000000000001 -5 3 4 é a 1{\"a\": 1}");
        assert_eq!(packed.uuid().unwrap().as_u128() & 0xff, 1);
        assert_eq!(packed.number::<i64>().unwrap(), -5);
        let lengths = (packed.number().unwrap(), packed.number().unwrap());
        assert_eq!((packed.text(lengths.0).unwrap(), packed.text(lengths.1).unwrap()), ("é ", "a 1{"));
        assert_eq!(packed.rest(), "\"a\": 1}");
        assert!(Packed::new("x").number::<i64>().is_err());
        assert!(Packed::new("é").text(1).is_err());
    }
}
