//! Vectors in pgvector's wire formats.
//!
//! The types are named to the server by their numbers: their names would be looked up along `search_path`, where the extension's
//! schema need not be, and once for every connection.
//!
//! `vector_recv` and `halfvec_recv` read the dimension and an unused word, 16 bits each, then the numbers, most significant byte
//! first: <https://github.com/pgvector/pgvector/blob/v0.8.0/src/vector.c>.

use half::f16;
use mastra_core::vector::Element;
use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, types::Oid},
};

/// Writes one vector.
pub(crate) fn write(numbers: &[f32], element: Element, out: &mut Vec<u8>) {
    // Dimensions were checked against the column's, of 16,000 at most.
    let dimension = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
    out.reserve(4 + numbers.len() * 4);
    out.extend_from_slice(&dimension.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    match element {
        Element::F16 => numbers.iter().for_each(|number| out.extend_from_slice(&f16::from_f32(*number).to_bits().to_be_bytes())),
        _ => numbers.iter().for_each(|number| out.extend_from_slice(&number.to_bits().to_be_bytes())),
    }
}

/// The numbers that the server knows a type and its arrays by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireType {
    pub(crate) element: Element,
    pub(crate) one: u32,
    pub(crate) array: u32,
}

/// One vector as an argument.
#[derive(Debug)]
pub(crate) struct OneVector<'v> {
    pub(crate) numbers: &'v [f32],
    pub(crate) wire: WireType,
}

impl Type<Postgres> for OneVector<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("vector")
    }
}

impl Encode<'_, Postgres> for OneVector<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        write(self.numbers, self.wire.element, buffer);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.wire.one)))
    }
}

/// Several vectors as an array.
#[derive(Debug)]
pub(crate) struct ManyVectors<'v> {
    pub(crate) vectors: Vec<&'v [f32]>,
    pub(crate) wire: WireType,
}

impl Type<Postgres> for ManyVectors<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("vector[]")
    }
}

impl Encode<'_, Postgres> for ManyVectors<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let length = i32::try_from(self.vectors.len())?;
        // Dimensions of the array, nulls, type, length, lower bound: `array_recv`.
        for word in [1, 0, self.wire.one.cast_signed(), length, 1] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        let width = if self.wire.element == Element::F16 { 2 } else { 4 };
        for numbers in &self.vectors {
            buffer.extend_from_slice(&i32::try_from(4 + numbers.len() * width)?.to_be_bytes());
            write(numbers, self.wire.element, buffer);
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.wire.array)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_behind_their_count() {
        let mut out = Vec::new();
        write(&[1.0, -2.0], Element::F32, &mut out);
        assert_eq!(out, [0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]);
        out.clear();
        write(&[1.0], Element::F16, &mut out);
        assert_eq!(out, [0, 1, 0, 0, 0x3c, 0]);
    }
}
