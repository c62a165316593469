//! Vectors as they are stored: the point's key in 8 bytes, so that many can be read as one value, then the numbers, little endian.

use crate::error::corrupt;
use half::f16;
use mastra_core::{Result, vector::Element};

/// How many bytes the key takes.
const KEY: usize = 8;

fn width(element: Element) -> usize {
    match element {
        Element::F16 => 2,
        // No index is made of any other.
        _ => 4,
    }
}

/// How many bytes a stored vector takes.
pub(super) fn size(element: Element, dimension: usize) -> usize {
    KEY + dimension * width(element)
}

/// A vector as it is stored; 16 bits round here.
pub(super) fn encode(key: i64, element: Element, numbers: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size(element, numbers.len()));
    bytes.extend(key.to_le_bytes());
    match element {
        Element::F16 => numbers.iter().for_each(|number| bytes.extend(f16::from_f32(*number).to_le_bytes())),
        _ => numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes())),
    }
    bytes
}

/// The bytes of a stored vector's numbers.
pub(super) fn numbers(bytes: &[u8]) -> &[u8] {
    bytes.get(KEY..).unwrap_or_default()
}

/// Takes a stored vector apart: its key, and its numbers written over those in `numbers`.
pub(super) fn decode(bytes: &[u8], element: Element, numbers: &mut Vec<f32>) -> Result<i64> {
    let (key, rest) = bytes.split_first_chunk::<KEY>().ok_or_else(|| corrupt("a vector"))?;
    numbers.clear();
    match element {
        Element::F16 => numbers.extend(rest.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32())),
        _ => numbers.extend(rest.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
    }
    Ok(i64::from_le_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mastra_core::vector::score;

    #[test]
    fn vectors_come_back_as_the_element_holds_them() {
        for element in [Element::F32, Element::F16] {
            let numbers = [0.1, -2.5, 0.0, -0.0, 1e-7];
            let bytes = encode(-7, element, &numbers);
            assert_eq!(bytes.len(), size(element, numbers.len()));
            let mut read = vec![9.0];
            assert_eq!(decode(&bytes, element, &mut read).unwrap(), -7);
            assert_eq!(read, score::stored(element, &numbers));
        }
        assert!(decode(&[0; 7], Element::F32, &mut Vec::new()).is_err());
    }
}
