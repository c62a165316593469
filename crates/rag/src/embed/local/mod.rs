//! `local/PATH-or-hub-id`: a sentence-transformers BERT, run on this machine's processors in pure Rust.
//!
//! Such a model is a folder: `config.json`, `tokenizer.json` and `model.safetensors`; and, where they are, `modules.json`,
//! `1_Pooling/config.json`, `sentence_bert_config.json` and `config_sentence_transformers.json`, which are followed. It is named by its path,
//! or by its id at Hugging Face, `sentence-transformers/all-MiniLM-L6-v2`, of which the first part may be left out. An id is looked up in the
//! cache that Hugging Face's tools share (`HF_HUB_CACHE`, `HF_HOME`, `~/.cache/huggingface`); nothing is downloaded: run `hf download ID` first.
//!
//! It takes BERT (`"model_type": "bert"`: MiniLM, BGE, E5 and GTE are), with mean or
//! first-token pooling. Other architectures, other pooling, dense layers behind it, and weights in `pytorch_model.bin` alone are refused as
//! `Unsupported`.

mod bert;
mod config;
mod text;

use std::sync::Arc;

use async_trait::async_trait;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use mastra_core::{Error, ErrorKind, Result};

use self::bert::Bert;
use self::config::Settings;
use self::text::{Window, Windows, groups};
use super::blocking::blocking;
use super::files::ModelFiles;
use super::{EmbedKind, Embedder, EmbedderInfo, EmbedderOptions, check_texts, checked};

/// A BERT that turns texts into vectors, held in memory: about the size of its weights, in 32 bits a number.
///
/// A text longer than the model's window ([`EmbedderInfo::max_tokens`]) is embedded in pieces, and its vector is their mean, by their
/// lengths; sentence-transformers would drop all behind the first. What is shorter gives the same vectors as there.
///
/// Options: `dimension` (refused where it is not the model's), `name`, `document_prompt` and `query_prompt` (the model's own by default),
/// `max_tokens` (no more than the model's), `batch` (32 texts, or fewer where they are long).
#[derive(Debug)]
pub struct Local {
    info: EmbedderInfo,
    model: Arc<Model>,
}

#[derive(Debug)]
struct Model {
    windows: Windows,
    bert: Bert,
    settings: Settings,
    batch: usize,
}

impl Local {
    /// Reads the model from its folder. Takes a fraction of a second, and longer where the disk is slow.
    ///
    /// # Errors
    /// `NotFound`: no such folder, no such id in the cache, or a file is missing. `Unsupported`: another architecture. `Corrupt`: the files
    /// do not fit each other. `InvalidInput`: an option that this model cannot have.
    pub async fn load(reference: &str, options: &EmbedderOptions) -> Result<Self> {
        let taken = ["dimension", "name", "document_prompt", "query_prompt", "max_tokens", "batch"];
        options.only("local", &taken)?;
        let (reference, options) = (reference.to_owned(), options.clone());
        blocking(move || Self::read(&reference, &options)).await
    }

    fn read(reference: &str, options: &EmbedderOptions) -> Result<Self> {
        let mut files = ModelFiles::find(reference, "sentence-transformers")?;
        let settings = Settings::read(&mut files, options)?;
        let windows = Windows::new(files.tokenizer()?, settings.max_tokens, settings.lower_case)?;
        let weights = files.bytes("model.safetensors").map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::unsupported("the model has no model.safetensors; convert its weights").with_source(error)
            }
            _ => error,
        })?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).map_err(misfit)?;
        let bert = Bert::new(&settings.bert, weights).map_err(misfit)?;
        settings.describe(&mut files);
        let batch = options.batch.unwrap_or(32).max(1);
        let name = options.name.clone().unwrap_or_else(|| format!("local/{}", files.identity()));
        let info = EmbedderInfo::new(name, settings.bert.hidden_size).max_tokens(settings.max_tokens).batch(batch * 4);
        Ok(Self { info, model: Arc::new(Model { windows, bert, settings, batch }) })
    }
}

#[async_trait]
impl Embedder for Local {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        check_texts(texts)?;
        let prompt = self.model.settings.prompt(kind);
        let prompted: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        let model = Arc::clone(&self.model);
        let windows = blocking(move || model.windows.of(&prompted)).await?;
        let mut pooled = Vec::with_capacity(windows.len());
        // A group is a task of its own, so that whoever drops the future stops the work at the next one.
        for group in groups(windows, self.model.batch) {
            let model = Arc::clone(&self.model);
            pooled.extend(blocking(move || model.run(group)).await?);
        }
        checked(&self.info, texts.len(), text::join(texts.len(), pooled, self.model.settings.normalize))
    }
}

impl Model {
    fn run(&self, group: Vec<Window>) -> Result<Vec<(Window, Vec<f32>)>> {
        let ids: Vec<&[u32]> = group.iter().map(|window| window.ids.as_slice()).collect();
        let vectors = self.bert.embed(&ids, self.settings.pooling, self.settings.normalize).map_err(misfit)?;
        Ok(group.into_iter().zip(vectors).collect())
    }
}

fn misfit(source: candle_core::Error) -> Error {
    Error::corrupt("the model's weights do not fit its configuration").with_source(source)
}
