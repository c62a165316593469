//! BERT (Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>), as far as embeddings need it: no dropout, no head.

use candle_core::{D, DType, Device, Module as _, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, VarBuilder, embedding, layer_norm, linear, ops::softmax_last_dim};

use super::config::{BertConfig, Pooling};

/// Added to the scores of what fills up, so that nothing attends to it; infinity would make a row of them NaN.
const MASKED: f32 = -1e9;

#[derive(Debug)]
pub(super) struct Bert {
    words: Embedding,
    positions: Embedding,
    types: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    pub(super) fn new(config: &BertConfig, weights: VarBuilder<'_>) -> Result<Self> {
        // Some files have everything under the name of the architecture.
        let root = if weights.contains_tensor("bert.embeddings.word_embeddings.weight") { weights.pp("bert") } else { weights };
        let embeddings = root.pp("embeddings");
        let size = config.hidden_size;
        let layers = (0..config.num_hidden_layers).map(|number| Layer::new(config, &root.pp("encoder.layer").pp(number)));
        Ok(Self {
            words: embedding(config.vocab_size, size, embeddings.pp("word_embeddings"))?,
            positions: embedding(config.max_position_embeddings, size, embeddings.pp("position_embeddings"))?,
            types: embedding(config.type_vocab_size, size, embeddings.pp("token_type_embeddings"))?,
            norm: layer_norm(size, config.layer_norm_eps, embeddings.pp("LayerNorm"))?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// A vector for each row of tokens.
    pub(super) fn embed(&self, rows: &[&[u32]], pooling: Pooling, normalize: bool) -> Result<Vec<Vec<f32>>> {
        let (batch, length) = (rows.len(), rows.iter().map(|row| row.len()).max().unwrap_or(0));
        let filled = |row: &&[u32]| row.iter().copied().chain(std::iter::repeat_n(0, length - row.len())).collect::<Vec<u32>>();
        let ids: Vec<u32> = rows.iter().flat_map(filled).collect();
        let present: Vec<f32> =
            rows.iter().flat_map(|row| (0..length).map(|place| f32::from(u8::from(place < row.len())))).collect();
        let ids = Tensor::from_vec(ids, (batch, length), &Device::Cpu)?;
        let present = Tensor::from_vec(present, (batch, length), &Device::Cpu)?;

        let tokens = self.forward(&ids, &present)?;
        let vectors = match pooling {
            Pooling::First => tokens.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let sums = tokens.broadcast_mul(&present.unsqueeze(2)?)?.sum(1)?;
                sums.broadcast_div(&present.sum_keepdim(1)?)?
            }
        };
        let vectors = if normalize { vectors.broadcast_div(&vectors.sqr()?.sum_keepdim(1)?.sqrt()?)? } else { vectors };
        vectors.to_vec2()
    }

    fn forward(&self, ids: &Tensor, present: &Tensor) -> Result<Tensor> {
        let (_, length) = ids.dims2()?;
        let positions = self.positions.forward(&Tensor::arange(0, length as u32, &Device::Cpu)?)?;
        // One text at a time: all tokens are of the first type.
        let kind = self.types.forward(&Tensor::zeros(1, DType::U32, &Device::Cpu)?)?;
        let around = positions.broadcast_add(&kind)?;
        let mut tokens = self.norm.forward(&self.words.forward(ids)?.broadcast_add(&around)?)?;
        // 0 where there is a token, the mask where there is none; for every head and every token that looks.
        let mask = ((present.unsqueeze(1)?.unsqueeze(1)? - 1.0)? * f64::from(-MASKED))?;
        for layer in &self.layers {
            tokens = layer.forward(&tokens, &mask)?;
        }
        Ok(tokens)
    }
}

#[derive(Debug)]
struct Layer {
    heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    activation: Activation,
    down: Linear,
    norm: LayerNorm,
}

#[derive(Debug, Clone, Copy)]
enum Activation {
    Gelu,
    /// The approximation by tanh.
    GeluTanh,
    Relu,
}

impl Layer {
    fn new(config: &BertConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let (size, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let attention = weights.pp("attention");
        let projection = |name: &str| linear(size, size, attention.pp("self").pp(name));
        let activation = match config.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => candle_core::bail!("the activation {other} is not run here"),
        };
        Ok(Self {
            heads: config.num_attention_heads,
            query: projection("query")?,
            key: projection("key")?,
            value: projection("value")?,
            attended: linear(size, size, attention.pp("output").pp("dense"))?,
            attention_norm: layer_norm(size, eps, attention.pp("output").pp("LayerNorm"))?,
            up: linear(size, inner, weights.pp("intermediate").pp("dense"))?,
            activation,
            down: linear(inner, size, weights.pp("output").pp("dense"))?,
            norm: layer_norm(size, eps, weights.pp("output").pp("LayerNorm"))?,
        })
    }

    fn forward(&self, tokens: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let attended = self.attended.forward(&self.attend(tokens, mask)?)?;
        let tokens = self.attention_norm.forward(&(attended + tokens)?)?;
        let inner = self.up.forward(&tokens)?;
        let inner = match self.activation {
            Activation::Gelu => inner.gelu_erf()?,
            Activation::GeluTanh => inner.gelu()?,
            Activation::Relu => inner.relu()?,
        };
        self.norm.forward(&(self.down.forward(&inner)? + tokens)?)
    }

    fn attend(&self, tokens: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (batch, length, size) = tokens.dims3()?;
        let by_head =
            |projected: Tensor| projected.reshape((batch, length, self.heads, size / self.heads))?.transpose(1, 2)?.contiguous();
        let query = by_head(self.query.forward(tokens)?)?;
        let key = by_head(self.key.forward(tokens)?)?;
        let value = by_head(self.value.forward(tokens)?)?;
        let scale = 1.0 / ((size / self.heads) as f64).sqrt();
        let scores = (query.matmul(&key.transpose(D::Minus2, D::Minus1)?.contiguous()?)? * scale)?;
        let shares = softmax_last_dim(&scores.broadcast_add(mask)?)?;
        shares.matmul(&value)?.transpose(1, 2)?.reshape((batch, length, size))
    }
}
