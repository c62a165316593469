//! A BERT in pure Rust: against a model small enough to be written here, and against MiniLM's real weights.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "in a test an error is a failure")]

use mastra_core::ErrorKind;
use mastra_rag::embed::local::Local;
use mastra_rag::embed::{EmbedKind, Embedder as _, EmbedderExt as _, EmbedderOptions, Embedders};

/// Names the folder of sentence-transformers/all-MiniLM-L6-v2.
const VARIABLE: &str = "MASTRA_TEST_MINILM";

/// What another implementation, in 64 bits, gives for the first six numbers. Those of the first two texts stand in the model's own
/// description too.
const REFERENCE: [(&str, [f32; 6]); 6] = [
    ("This is an example sentence", [0.067657, 0.063496, 0.048713, 0.079305, 0.037448, 0.002653]),
    ("Each sentence is converted", [0.086439, 0.102763, 0.005395, 0.002044, -0.009963, 0.025386]),
    ("A man is eating food.", [0.033242, 0.004406, -0.006277, 0.048379, -0.138702, -0.033617]),
    ("A man is eating a piece of bread.", [0.052518, 0.055241, -0.011188, -0.005745, -0.127208, -0.022252]),
    ("The girl is carrying a baby.", [-0.036309, -0.035653, -0.027223, 0.03832, 0.070778, -0.01658]),
    ("Größe und Café – 東京 🙂", [0.06483, 0.050483, 0.040668, -0.008641, -0.037065, 0.054696]),
];

async fn minilm(options: EmbedderOptions) -> Local {
    let folder = std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("unreachable backend: the weights of MiniLM; `cargo xtask test` fetches them, {VARIABLE} names their folder")
    });
    Local::load(&folder, &options).await.unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
#[ignore = "needs the weights of a model"]
async fn real_weights_give_the_reference_s_vectors_alone_and_together() {
    let model = minilm(EmbedderOptions::default()).await;
    assert_eq!((model.dimension(), model.info().max_tokens), (384, Some(256)));
    let texts = REFERENCE.map(|(text, _)| text);
    let together = model.embed(&texts, EmbedKind::Document).await.unwrap();
    for ((text, expected), vector) in REFERENCE.iter().zip(&together) {
        for (number, expected) in vector.iter().zip(expected) {
            assert!((number - expected).abs() < 1e-5, "{text}: {number} {expected}");
        }
        assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
        // Filling up must not be seen.
        let alone = model.embed_one(text, EmbedKind::Query).await.unwrap();
        assert!((dot(vector, &alone) - 1.0).abs() < 1e-5, "{text}");
    }
    for (pair, expected) in [((2, 3), 0.7553), ((0, 1), 0.4046), ((2, 4), -0.105)] {
        assert!((dot(&together[pair.0], &together[pair.1]) - expected).abs() < 1e-3);
    }
}

#[tokio::test]
#[ignore = "needs the weights of a model"]
async fn real_weights_look_through_a_long_text_whole() {
    let model = minilm(EmbedderOptions::default()).await;
    let start = "The quick brown fox jumps over the lazy dog. ".repeat(60);
    let end = "Invoices are due within thirty days of their date. ".repeat(20);
    let vectors =
        model.embed(&[&format!("{start}{end}"), &start, "When must I pay an invoice?"], EmbedKind::Document).await.unwrap();
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    assert!(dot(&vectors[0], &vectors[2]) > dot(&vectors[1], &vectors[2]) + 0.1, "what stands behind the window is seen");
}

#[tokio::test]
#[ignore = "needs the weights of a model"]
async fn the_name_is_stable_and_changes_with_what_changes_vectors() {
    let plain = minilm(EmbedderOptions::default()).await;
    assert_eq!(minilm(EmbedderOptions::default()).await.model(), plain.model());
    let prompted = minilm(EmbedderOptions::default().prompts("passage: ", "query: ")).await;
    assert_ne!(prompted.model(), plain.model());
    let named = minilm(EmbedderOptions::default().name("local/minilm")).await;
    assert_eq!(named.model(), "local/minilm");
    let bare = plain.embed_one("query: a", EmbedKind::Query).await.unwrap();
    assert!((dot(&prompted.embed_one("a", EmbedKind::Query).await.unwrap(), &bare) - 1.0).abs() < 1e-5);
}

#[tokio::test]
async fn a_model_that_is_not_there_says_how_to_get_it() {
    let error = Embedders::default().connect("local/sentence-transformers/no-such-model").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.get("fetch")),
        (ErrorKind::NotFound, Some("hf download sentence-transformers/no-such-model"))
    );
}
