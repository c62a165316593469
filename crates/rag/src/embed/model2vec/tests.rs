#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test an error is a failure")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use mastra_core::ErrorKind;
use serde_json::json;

use super::*;
use crate::embed::EmbedderExt as _;

const WORDS: [&str; 4] = ["[UNK]", "red", "green", "blue"];

/// A model of three words in two dimensions.
fn write(folder: &Path, config: &str, unknown: [f32; 2], extra: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) {
    let vocabulary: HashMap<&str, usize> = WORDS.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    let tokenizer = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}});
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    fs::write(folder.join("config.json"), config).unwrap();
    let table: Vec<u8> =
        [unknown, [3.0, 0.0], [0.0, 1.0], [1.0, 1.0]].as_flattened().iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut tensors = vec![("embeddings", TensorView::new(Dtype::F32, vec![4, 2], &table).unwrap())];
    tensors.retain(|(name, _)| extra.iter().all(|(other, ..)| other != name));
    tensors
        .extend(extra.iter().map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())));
    safetensors::serialize_to_file(tensors, None, &folder.join("model.safetensors")).unwrap();
}

async fn load(folder: &Path) -> Result<Model2Vec> {
    Model2Vec::load(folder.to_str().unwrap(), &EmbedderOptions::default()).await
}

async fn vector(folder: &Path, text: &str) -> Vec<f32> {
    load(folder).await.unwrap().embed_one(text, EmbedKind::Document).await.unwrap()
}

#[tokio::test]
async fn a_text_is_the_mean_of_its_tokens_without_the_unknown() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), r#"{"normalize": false}"#, [9.0, 9.0], &[]);
    assert_eq!(vector(folder.path(), "Red green, purple").await, [3.0 / 2.0, 1.0 / 2.0]);
    write(folder.path(), r#"{"normalize": true}"#, [9.0, 9.0], &[]);
    assert_eq!(vector(folder.path(), "red red").await, [1.0, 0.0]);
}

#[tokio::test]
async fn a_text_of_unknown_tokens_alone_is_the_unknown_one_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), r#"{"normalize": true}"#, [0.0, 2.0], &[]);
    assert_eq!(vector(folder.path(), "purple 🙂").await, [0.0, 1.0]);
    write(folder.path(), "{}", [0.0, 0.0], &[]);
    let error = load(folder.path()).await.unwrap().embed(&["red", "purple"], EmbedKind::Query).await.unwrap_err();
    assert_eq!((error.kind(), error.get("text")), (ErrorKind::Corrupt, Some("1")));
}

#[tokio::test]
async fn weights_mappings_and_other_kinds_of_numbers_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let weights = [1.0_f64, 1.0, 4.0, 1.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let mapping = [0_i64, 0, 1, 1].iter().flat_map(|number| number.to_le_bytes()).collect();
    let halves = [1.0_f32, 0.0, 0.0, 1.0].iter().flat_map(|number| half::f16::from_f32(*number).to_le_bytes()).collect();
    let extra = [
        ("weights", Dtype::F64, vec![4], weights),
        ("mapping", Dtype::I64, vec![4], mapping),
        ("embeddings", Dtype::F16, vec![2, 2], halves),
    ];
    write(folder.path(), r#"{"normalize": false}"#, [0.0, 0.0], &extra);
    assert_eq!(vector(folder.path(), "red green").await, [0.5, 2.0]);
    assert_eq!(vector(folder.path(), "blue").await, [0.0, 1.0]);
}

#[tokio::test]
async fn tables_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let short = [1.0_f32].iter().flat_map(|number| number.to_le_bytes()).collect();
    write(folder.path(), "{}", [0.0, 0.0], &[("weights", Dtype::F32, vec![1], short)]);
    assert_eq!(load(folder.path()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let outside = [0_i64, 1, 2, 4].iter().flat_map(|number| number.to_le_bytes()).collect();
    write(folder.path(), "{}", [0.0, 0.0], &[("mapping", Dtype::I64, vec![4], outside)]);
    assert_eq!(load(folder.path()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    fs::write(folder.path().join("model.safetensors"), "no such file").unwrap();
    assert_eq!(load(folder.path()).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn the_name_holds_the_content_and_options_without_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "{}", [9.0, 9.0], &[]);
    let first = load(folder.path()).await.unwrap();
    assert_eq!(first.dimension(), 2);
    assert_eq!(load(folder.path()).await.unwrap().model(), first.model());
    write(folder.path(), "{}", [9.0, 8.0], &[]);
    assert_ne!(load(folder.path()).await.unwrap().model(), first.model());
    let path = folder.path().to_str().unwrap();
    let other = Model2Vec::load(path, &EmbedderOptions::default().dimension(3)).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::InvalidInput);
    let prompts = Model2Vec::load(path, &EmbedderOptions::default().prompts("a", "b")).await.unwrap_err();
    assert_eq!(prompts.kind(), ErrorKind::Unsupported);
}
