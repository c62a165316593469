//! What needs no database: cutting documents, and making vectors of texts on this machine.

use super::{
    corpus::Corpus,
    report::{Part, Rate},
};
use mastra_core::Result;
use mastra_rag::{
    chunk::{Chunker, ChunkerConfig, Strategy},
    document::Document,
    embed::{EmbedKind, Embedder, EmbedderExt as _, Embedders},
};
use std::time::Instant;

/// Documents of a round.
const DOCUMENTS: usize = 200;
/// Texts of a round: of what costs next to nothing, and of what runs a network.
const MANY: usize = 2_000;
const FEW: usize = 64;

/// Names folders of models.
const MINILM: &str = "MASTRA_TEST_MINILM";
const MODEL2VEC: &str = "MASTRA_TEST_MODEL2VEC";

/// How a document is read from its text.
type Read = fn(&str) -> Document;

const STRATEGIES: [Strategy; 5] =
    [Strategy::Recursive, Strategy::Sentence, Strategy::Markdown, Strategy::Character, Strategy::Token];

/// Measures both, several times.
pub(super) async fn measure(rounds: usize) -> Result<Part> {
    let mut part = Part::new("texts");
    let corpus = Corpus::new(8..14);
    let drafts: Vec<_> = (0..DOCUMENTS).map(|number| corpus.draft(number)).collect();
    let markdown: Vec<String> = drafts.iter().map(super::corpus::Draft::markdown).collect();
    let html: Vec<String> = drafts.iter().map(super::corpus::Draft::html).collect();
    let text: Vec<String> = drafts.iter().map(super::corpus::Draft::text).collect();
    let mean = markdown.iter().map(String::len).sum::<usize>() / markdown.len().max(1);
    part.summary = format!("{DOCUMENTS} documents of {mean} bytes on average as Markdown, {rounds} rounds, one thread");
    let formats: [(&str, &[String], Read); 3] = [
        ("markdown", &markdown, |text| Document::from_markdown(text)),
        ("html", &html, Document::from_html),
        ("text", &text, |text| Document::from_text(text)),
    ];
    for strategy in STRATEGIES {
        let chunker = Chunker::new(ChunkerConfig::new().strategy(strategy))?;
        for (format, documents, read) in formats {
            let bytes = documents.iter().map(String::len).sum();
            let mut rate = Rate::new(format!("chunk_{format}_{strategy}"), "documents", documents.len()).of_bytes(bytes);
            let mut chunks = 0;
            for _ in 0..rounds {
                chunks = 0;
                let begun = Instant::now();
                for document in documents {
                    chunks += chunker.chunk(&read(document))?.len();
                }
                rate.seconds.push(begun.elapsed().as_secs_f64());
            }
            rate.note = format!("{chunks} chunks");
            part.rates.push(rate);
        }
    }
    let chunker = Chunker::default();
    let mut texts = Vec::new();
    for document in &markdown {
        texts.extend(chunker.chunk(&Document::from_markdown(document))?.into_iter().map(|chunk| chunk.text));
    }
    embedders(&mut part, &texts, rounds).await?;
    Ok(part)
}

async fn embedders(part: &mut Part, texts: &[String], rounds: usize) -> Result<()> {
    let hash = Embedders::default().connect("hash/384").await?;
    part.rates.push(embed(&*hash, "embed_hash_384", texts, MANY, rounds).await?);
    for (name, provider, variable, count, built) in [
        ("embed_local_minilm", "local", MINILM, FEW, cfg!(feature = "models")),
        ("embed_model2vec", "model2vec", MODEL2VEC, MANY, cfg!(feature = "models")),
    ] {
        match std::env::var(variable) {
            Ok(folder) if built => {
                let embedder = Embedders::default().connect(&format!("{provider}/{folder}")).await?;
                part.rates.push(embed(&*embedder, name, texts, count, rounds).await?);
            }
            Ok(_) => part.missing.push((name.to_owned(), "built without the feature `models`".into())),
            Err(_) => part.missing.push((name.to_owned(), format!("no model: {variable} names none"))),
        }
    }
    Ok(())
}

async fn embed(embedder: &dyn Embedder, name: &str, texts: &[String], count: usize, rounds: usize) -> Result<Rate> {
    let texts: Vec<&str> = texts.iter().take(count).map(String::as_str).collect();
    let mut rate = Rate::new(name.to_owned(), "texts", texts.len()).of_bytes(texts.iter().map(|text| text.len()).sum());
    rate.note = format!("{} numbers a vector, {} texts a call", embedder.dimension(), texts.len());
    // Untimed: what is made on first use.
    embedder.embed(texts.get(..texts.len().min(4)).unwrap_or_default(), EmbedKind::Document).await?;
    for _ in 0..rounds {
        let begun = Instant::now();
        embedder.embed(&texts, EmbedKind::Document).await?;
        rate.seconds.push(begun.elapsed().as_secs_f64());
    }
    Ok(rate)
}
