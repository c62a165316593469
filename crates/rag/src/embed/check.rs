//! What goes in and what comes out, held to the contract.

use mastra_core::vector::{Element, Metric, Vector, score};
use mastra_core::{Error, ErrorKind, Result};

use super::EmbedderInfo;

/// Refuses blank texts, which no model can tell apart: `InvalidInput` with the position of the first as `text`.
///
/// ```
/// let error = mastra_rag::embed::check_texts(&["a", " \n"]).unwrap_err();
/// assert_eq!(error.get("text"), Some("1"));
/// ```
pub fn check_texts(texts: &[&str]) -> Result<()> {
    match texts.iter().position(|text| text.trim().is_empty()) {
        Some(place) => Err(Error::invalid_input("a text to embed is blank; leave such texts out").with("text", place)),
        None => Ok(()),
    }
}

/// The vectors, if they are `texts` in number, of the embedder's dimension, finite, and of a length that any metric can measure; else
/// `Corrupt`, with the position of the first wrong one as `text`.
///
/// ```
/// use mastra_rag::embed::{EmbedderInfo, checked};
///
/// let info = EmbedderInfo::new("example/two", 2);
/// assert!(checked(&info, 1, vec![vec![1.0, 0.0]]).is_ok());
/// for wrong in [vec![], vec![vec![1.0]], vec![vec![0.0, 0.0]], vec![vec![f32::NAN, 1.0]]] {
///     assert!(checked(&info, 1, wrong).is_err());
/// }
/// ```
pub fn checked(info: &EmbedderInfo, texts: usize, vectors: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>> {
    if vectors.len() != texts {
        return Err(Error::corrupt("the model gave another number of vectors than there are texts")
            .with("model", &info.model)
            .with("texts", texts)
            .with("vectors", vectors.len()));
    }
    let check = |(place, vector): (usize, Vec<f32>)| {
        let vector = Vector::from(vector);
        score::check(&vector, info.dimension, Metric::Cosine, Element::F32)
            .map_err(|why| wrong(info, place, vector.as_slice().len(), &why))?;
        Ok(vector.into_vec())
    };
    vectors.into_iter().enumerate().map(check).collect()
}

/// Core speaks of the index that takes the vector; here is none yet.
fn wrong(info: &EmbedderInfo, place: usize, dimension: usize, why: &Error) -> Error {
    let message = if dimension != info.dimension {
        "the model gave a vector of another dimension".to_owned()
    } else {
        format!("the model gave no usable vector: {}", why.message())
    };
    let error = Error::new(ErrorKind::Corrupt, message).with("model", &info.model).with("text", place);
    if dimension == info.dimension { error } else { error.with("dimension", dimension).with("expected", info.dimension) }
}

/// The same error where the position that it names in its `text` is one in a part of the texts: told as the position in all of them.
pub(super) fn placed(error: Error, place: impl Fn(usize) -> Option<usize>) -> Error {
    let inside: Option<usize> = error.get("text").and_then(|text| text.parse().ok());
    let Some(outside) = inside.and_then(place) else { return error };
    let mut told = Error::new(error.kind(), error.message()).retryable(error.is_retryable());
    if let Some(operation) = error.operation() {
        told = told.with_operation(operation);
    }
    for (key, value) in error.context() {
        told = if key == "text" { told.with(key, outside) } else { told.with(key, value) };
    }
    told.with_source(error)
}
