//! `model2vec/PATH-or-hub-id`: static embeddings, as [Model2Vec](https://github.com/MinishLab/model2vec) distils them.
//!
//! Each token has a vector, and a text has their mean: word order is lost, and what is left of a language model's knowledge fits into a few
//! megabytes and runs several hundred times as fast. The folder holds `config.json`, `tokenizer.json` and `model.safetensors`; an id, such as
//! `minishlab/potion-base-8M`, of which the first part may be left out, is looked up in the cache that Hugging Face's tools share and
//! nothing is downloaded: run `hf download ID` first.

use std::sync::Arc;

use async_trait::async_trait;
use mastra_core::{Error, OptionalExt as _, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use tokenizers::Tokenizer;

use super::blocking::blocking;
use super::files::ModelFiles;
use super::{EmbedKind, Embedder, EmbedderInfo, EmbedderOptions, check_texts, checked};

#[derive(Deserialize)]
struct Config {
    normalize: Option<bool>,
}

/// Static embeddings, held in memory in 32 bits a number. Documents and queries are embedded alike, at any length: no text is cut.
///
/// A text of which the model knows no token has the vector of its unknown token, or, where it has none, is refused as `Corrupt` like any
/// other vector without a length.
///
/// Options: `dimension` (refused where it is not the model's), `name`.
#[derive(Debug)]
pub struct Model2Vec {
    info: EmbedderInfo,
    model: Arc<Model>,
}

#[derive(Debug)]
struct Model {
    tokenizer: Tokenizer,
    unknown: Option<u32>,
    rows: Vec<f32>,
    dimension: usize,
    /// What each token counts; all alike where there is none.
    weights: Option<Vec<f32>>,
    /// The row of each token; its own number where there is none.
    mapping: Option<Vec<usize>>,
    normalize: bool,
}

impl Model2Vec {
    /// Reads the model from its folder.
    ///
    /// # Errors
    /// `NotFound`: no such folder, no such id in the cache, or a file is missing. `Corrupt`: the files do not fit each other. `Unsupported`:
    /// numbers of another kind than floats of 16, 32 or 64 bits and of 8 as integers. `InvalidInput`: another `dimension` than the model's.
    pub async fn load(reference: &str, options: &EmbedderOptions) -> Result<Self> {
        options.only("model2vec", &["dimension", "name"])?;
        let (reference, options) = (reference.to_owned(), options.clone());
        blocking(move || Self::read(&reference, &options)).await
    }

    fn read(reference: &str, options: &EmbedderOptions) -> Result<Self> {
        let mut files = ModelFiles::find(reference, "minishlab")?;
        let config: Option<Config> = files.json("config.json").optional()?;
        let tokenizer = files.tokenizer()?;
        let bytes = files.bytes("model.safetensors")?;
        let model = Model::new(&bytes, tokenizer, config.and_then(|config| config.normalize))?;
        if let Some(asked) = options.dimension.filter(|asked| *asked != model.dimension) {
            return Err(Error::invalid_input("this model gives vectors of another dimension")
                .with("dimension", model.dimension)
                .with("asked", asked));
        }
        let name = options.name.clone().unwrap_or_else(|| format!("model2vec/{}", files.identity()));
        Ok(Self { info: EmbedderInfo::new(name, model.dimension).batch(1_024), model: Arc::new(model) })
    }
}

#[async_trait]
impl Embedder for Model2Vec {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[&str], _kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        check_texts(texts)?;
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.info.batch) {
            let (model, batch) = (Arc::clone(&self.model), batch.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            vectors.extend(blocking(move || batch.iter().map(|text| model.vector(text)).collect::<Result<Vec<_>>>()).await?);
        }
        checked(&self.info, texts.len(), vectors)
    }
}

impl Model {
    fn new(bytes: &[u8], tokenizer: Tokenizer, normalize: Option<bool>) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|source| Error::corrupt("the model's model.safetensors cannot be read").with_source(source))?;
        let tensor = |name: &str| file.tensor(name).ok();
        let table = tensor("embeddings").or_else(|| tensor("0")).or_else(|| tensor("embedding.weight"));
        let table = table.ok_or_else(|| Error::corrupt("the model's model.safetensors holds no embeddings"))?;
        let &[count, dimension] = table.shape() else {
            return Err(Error::corrupt("the model's embeddings are no table"));
        };
        let weights = tensor("weights").map(|tensor| floats(&tensor)).transpose()?;
        let mapping = tensor("mapping").map(|tensor| rows(&tensor)).transpose()?;
        let tokens = mapping.as_ref().map_or(count, Vec::len);
        let outside = mapping.iter().flatten().any(|row| *row >= count);
        if dimension == 0 || outside || weights.as_ref().is_some_and(|weights| weights.len() != tokens) {
            return Err(Error::corrupt("the tables of the model's model.safetensors do not fit each other"));
        }
        let unknown = unknown_token(&tokenizer);
        // Older models say nothing and were normalised.
        let normalize = normalize.unwrap_or(true);
        Ok(Self { tokenizer, unknown, rows: floats(&table)?, dimension, weights, mapping, normalize })
    }

    fn vector(&self, text: &str) -> Result<Vec<f32>> {
        // The tokenizer's own error could repeat the text.
        let failed = |_| Error::internal("the model's tokenizer cannot cut a text");
        let encoding = self.tokenizer.encode_fast(text, false).map_err(failed)?;
        let known: Vec<u32> = encoding.get_ids().iter().copied().filter(|id| Some(*id) != self.unknown).collect();
        let ids = if known.is_empty() { self.unknown.into_iter().collect() } else { known };
        let mut sum = vec![0.0_f32; self.dimension];
        for id in &ids {
            let (row, weight) = self.row(*id)?;
            sum.iter_mut().zip(row).for_each(|(sum, number)| *sum += weight * number);
        }
        let by = if self.normalize { sum.iter().map(|number| number * number).sum::<f32>().sqrt() } else { ids.len() as f32 };
        // Zero stays zero, and is refused by its place.
        let by = if by > 0.0 { by } else { 1.0 };
        sum.iter_mut().for_each(|number| *number /= by);
        Ok(sum)
    }

    fn row(&self, id: u32) -> Result<(&[f32], f32)> {
        let id = id as usize;
        let row = self.mapping.as_ref().map_or(Some(id), |mapping| mapping.get(id).copied());
        let row = row.and_then(|row| self.rows.chunks_exact(self.dimension).nth(row));
        let weight = self.weights.as_ref().map_or(Some(1.0), |weights| weights.get(id).copied());
        row.zip(weight).ok_or_else(|| Error::corrupt("the model's tokenizer has tokens that its embeddings have not"))
    }
}

/// The token that stands for all others, which says nothing where there are others.
fn unknown_token(tokenizer: &Tokenizer) -> Option<u32> {
    use tokenizers::ModelWrapper;
    match tokenizer.get_model() {
        ModelWrapper::WordPiece(model) => tokenizer.token_to_id(&model.unk_token),
        ModelWrapper::WordLevel(model) => tokenizer.token_to_id(&model.unk_token),
        ModelWrapper::BPE(model) => model.get_unk_token().as_deref().and_then(|token| tokenizer.token_to_id(token)),
        // Its number is private; the name is that of SentencePiece.
        ModelWrapper::Unigram(_) => tokenizer.token_to_id("<unk>").or_else(|| tokenizer.token_to_id("[UNK]")),
    }
}

fn floats(tensor: &TensorView<'_>) -> Result<Vec<f32>> {
    fn read<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
    }
    let bytes = tensor.data();
    Ok(match tensor.dtype() {
        Dtype::F32 => read(bytes, f32::from_le_bytes),
        Dtype::F64 => read(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F16 => read(bytes, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => read(bytes, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
        Dtype::I8 => read(bytes, |bytes| f32::from(i8::from_le_bytes(bytes))),
        other => return Err(unsupported(other)),
    })
}

fn rows(tensor: &TensorView<'_>) -> Result<Vec<usize>> {
    fn read<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> i64) -> Result<Vec<usize>> {
        let rows = bytes.as_chunks::<N>().0.iter().map(|bytes| usize::try_from(number(*bytes)).ok());
        rows.collect::<Option<_>>().ok_or_else(|| Error::corrupt("the model's mapping holds a row below 0"))
    }
    match tensor.dtype() {
        Dtype::I64 => read(tensor.data(), i64::from_le_bytes),
        Dtype::I32 => read(tensor.data(), |bytes| i64::from(i32::from_le_bytes(bytes))),
        other => Err(unsupported(other)),
    }
}

fn unsupported(dtype: Dtype) -> Error {
    Error::unsupported("the model's tables hold numbers of a kind that is not read here").with("kind", format!("{dtype:?}"))
}

#[cfg(test)]
mod tests;
