//! What the files beside the weights say.

use mastra_core::{Error, OptionalExt as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::embed::files::ModelFiles;
use crate::embed::{EmbedKind, EmbedderOptions};

/// `config.json` of BERT.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BertConfig {
    model_type: Option<String>,
    position_embedding_type: Option<String>,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) hidden_act: String,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    #[serde(default = "usual_eps")]
    pub(super) layer_norm_eps: f64,
}

const fn usual_eps() -> f64 {
    1e-12
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize, Default)]
struct PromptConfig {
    #[serde(default)]
    prompts: Map<String, Value>,
    default_prompt_name: Option<String>,
}

/// Which tokens a text's vector is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    Mean,
    /// The first token's, which stands for the whole.
    First,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) bert: BertConfig,
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    pub(super) lower_case: bool,
    pub(super) max_tokens: usize,
    prompts: (String, String),
}

impl Settings {
    pub(super) fn read(files: &mut ModelFiles, options: &EmbedderOptions) -> Result<Self> {
        let bert: BertConfig = files.json("config.json")?;
        check(&bert, options)?;
        let (pooling, normalize) = modules(files)?;
        let sentence: SentenceConfig = files.json("sentence_bert_config.json").optional()?.unwrap_or_default();
        let own: PromptConfig = files.json("config_sentence_transformers.json").optional()?.unwrap_or_default();
        let prompt = |names: &[&str]| {
            let named = names.iter().copied().chain(own.default_prompt_name.as_deref());
            named.into_iter().find_map(|name| own.prompts.get(name)?.as_str()).unwrap_or_default().to_owned()
        };
        let document = options.document_prompt.clone().unwrap_or_else(|| prompt(&["document", "passage"]));
        let query = options.query_prompt.clone().unwrap_or_else(|| prompt(&["query"]));
        let most = sentence.max_seq_length.unwrap_or(usize::MAX).min(bert.max_position_embeddings);
        if options.max_tokens.is_some_and(|asked| asked > most || asked < 8) {
            return Err(Error::invalid_input(format!("this model takes 8 to {most} tokens at once")).with("option", "max_tokens"));
        }
        let max_tokens = options.max_tokens.unwrap_or(most);
        Ok(Self { bert, pooling, normalize, lower_case: sentence.do_lower_case, max_tokens, prompts: (document, query) })
    }

    pub(super) fn prompt(&self, kind: EmbedKind) -> &str {
        match kind {
            EmbedKind::Document => &self.prompts.0,
            EmbedKind::Query => &self.prompts.1,
        }
    }

    /// Adds to the digest what options can change about vectors.
    pub(super) fn describe(&self, files: &mut ModelFiles) {
        files.add(&self.max_tokens.to_string());
        files.add(&self.prompts.0);
        files.add(&self.prompts.1);
    }
}

fn check(bert: &BertConfig, options: &EmbedderOptions) -> Result<()> {
    let other = |what: &'static str, value: &str| {
        Err(Error::unsupported("only BERT with absolute positions is run here").with(what, value))
    };
    match bert.model_type.as_deref() {
        None | Some("bert") => {}
        Some(kind) => return other("model_type", kind),
    }
    match bert.position_embedding_type.as_deref() {
        None | Some("absolute") => {}
        Some(kind) => return other("position_embedding_type", kind),
    }
    if bert.num_attention_heads == 0 || !bert.hidden_size.is_multiple_of(bert.num_attention_heads) {
        return Err(Error::corrupt("the model's config.json parts its vectors into heads that do not fit"));
    }
    match options.dimension {
        Some(asked) if asked != bert.hidden_size => Err(Error::invalid_input("this model gives vectors of another dimension")
            .with("dimension", bert.hidden_size)
            .with("asked", asked)),
        _ => Ok(()),
    }
}

/// Pooling, and whether vectors are made of length 1. Without a list of modules it is the mean as it is, as with sentence-transformers.
fn modules(files: &mut ModelFiles) -> Result<(Pooling, bool)> {
    let Some(modules) = files.json::<Vec<Module>>("modules.json").optional()? else { return Ok((Pooling::Mean, false)) };
    let (mut pooling, mut normalize) = (Pooling::Mean, false);
    for module in modules {
        match module.kind.rsplit('.').next() {
            Some("Transformer") => {}
            Some("Pooling") => pooling = self::pooling(&files.json(&format!("{}/config.json", module.path))?)?,
            Some("Normalize") => normalize = true,
            _ => return Err(Error::unsupported("the model has a step that is not run here").with("module", module.kind)),
        }
    }
    Ok((pooling, normalize))
}

/// Older files have a flag a mode, newer ones name it.
fn pooling(config: &Map<String, Value>) -> Result<Pooling> {
    let flags = config.iter().filter(|(_, value)| **value == Value::Bool(true));
    let modes: Vec<&str> = match config.get("pooling_mode").and_then(Value::as_str) {
        Some(mode) => vec![mode],
        None => flags.filter_map(|(name, _)| name.strip_prefix("pooling_mode_")).collect(),
    };
    match modes.as_slice() {
        ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
        ["cls" | "cls_token"] => Ok(Pooling::First),
        _ => Err(Error::unsupported("the model pools its tokens in a way that is not run here").with("modes", modes.join(", "))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use mastra_core::ErrorKind;
    use serde_json::json;
    use std::fs;

    const BERT: &str = r#"{"model_type":"bert","vocab_size":9,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
        "intermediate_size":16,"hidden_act":"gelu","max_position_embeddings":32,"type_vocab_size":2}"#;

    fn read(written: &[(&str, String)], options: &EmbedderOptions) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        for (file, content) in written {
            fs::write(folder.path().join(file), content).unwrap();
        }
        Settings::read(&mut ModelFiles::find(folder.path().to_str().unwrap(), "x").unwrap(), options)
    }

    fn whole(pooling: &Value) -> Vec<(&'static str, String)> {
        let modules = json!([{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]);
        vec![("config.json", BERT.into()), ("modules.json", modules.to_string()), ("1_Pooling/config.json", pooling.to_string())]
    }

    #[test]
    fn all_files_are_followed() {
        let mut files =
            whole(&json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false, "word_embedding_dimension": 8}));
        files.push(("sentence_bert_config.json", json!({"max_seq_length": 16, "do_lower_case": true}).to_string()));
        files.push(("config_sentence_transformers.json", json!({"prompts": {"query": "q: ", "passage": "p: "}}).to_string()));
        let settings = read(&files, &EmbedderOptions::default()).unwrap();
        assert_eq!(
            (settings.pooling, settings.normalize, settings.lower_case, settings.max_tokens),
            (Pooling::First, true, true, 16)
        );
        assert_eq!((settings.prompt(EmbedKind::Query), settings.prompt(EmbedKind::Document)), ("q: ", "p: "));
        let own = read(&files, &EmbedderOptions::default().prompts("", "?").max_tokens(8)).unwrap();
        assert_eq!((own.prompt(EmbedKind::Query), own.prompt(EmbedKind::Document), own.max_tokens), ("?", "", 8));
    }

    #[test]
    fn a_bare_bert_is_pooled_by_its_mean() {
        let settings = read(&[("config.json", BERT.into())], &EmbedderOptions::default()).unwrap();
        assert_eq!((settings.pooling, settings.normalize, settings.max_tokens), (Pooling::Mean, false, 32));
    }

    #[test]
    fn what_is_not_run_here_is_refused_by_name() {
        let read = |files: &[(&str, String)]| read(files, &EmbedderOptions::default());
        let other = read(&[("config.json", BERT.replace("\"bert\"", "\"roberta\""))]).unwrap_err();
        assert_eq!((other.kind(), other.get("model_type")), (ErrorKind::Unsupported, Some("roberta")));
        let pooled = read(&whole(&json!({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true}))).unwrap_err();
        assert_eq!(pooled.kind(), ErrorKind::Unsupported);
        let mut files = whole(&json!({"pooling_mode": "mean"}));
        files[1].1 = files[1].1.replace("Normalize", "Dense");
        assert_eq!(read(&files).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(read(&[]).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read(&[("config.json", BERT.replace("_heads\":2", "_heads\":3"))]).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn options_that_the_model_cannot_have_are_refused() {
        for options in [EmbedderOptions::default().dimension(9), EmbedderOptions::default().max_tokens(33)] {
            assert_eq!(read(&[("config.json", BERT.into())], &options).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
