//! How fast documents are read and cut: `cargo run --release -p mastra-rag --example chunking [FILE…]`.
//!
//! Without files it cuts texts of 1 and of 10 MB: the rate of both is the same where the time is linear.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::time::Instant;

use mastra_core::{Error, Result};
use mastra_rag::chunk::{Chunker, ChunkerConfig, Strategy, Unit};
use mastra_rag::document::{Document, Format};

const PARAGRAPH: &str = "The quick brown fox jumps over the lazy dog, and it was not amused by that at all. Was the fox? Nobody\n\
    asked it; a second line follows here, which is longer than the first one by some words.\n\n- an item\n- another item\n\n";

fn main() -> Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut texts = Vec::new();
    for file in &files {
        let extension = file.rsplit('.').next().unwrap_or_default();
        let text =
            std::fs::read_to_string(file).map_err(|source| Error::invalid_input("cannot read the file").with_source(source))?;
        texts.push((file.clone(), Format::from_extension(extension).unwrap_or_default(), text));
    }
    if files.is_empty() {
        many_documents()?;
        for megabytes in [1, 10] {
            let section = format!("## A heading\n\n{}", PARAGRAPH.repeat(8));
            let text = section.repeat(megabytes * 1_000_000 / section.len());
            for format in [Format::Text, Format::Markdown, Format::Html] {
                texts.push((format!("{megabytes} MB"), format, text.clone()));
            }
            texts.push((format!("{megabytes} MB, one word"), Format::Text, "x".repeat(megabytes * 1_000_000)));
            texts.push((format!("{megabytes} MB, no blank line"), Format::Text, text.replace("\n\n", "\n")));
        }
    }
    for (name, format, text) in texts {
        let megabytes = text.len() as f64 / 1e6;
        let started = Instant::now();
        let document = Document::from_format(format, text)?;
        println!("{name} {format}: read in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
        let mut configs: Vec<ChunkerConfig> = [Strategy::Recursive, Strategy::Character, Strategy::Sentence, Strategy::Markdown]
            .map(|strategy| ChunkerConfig::new().strategy(strategy))
            .into();
        if cfg!(feature = "tiktoken") {
            configs.push(ChunkerConfig::new().strategy(Strategy::Token));
            configs.push(ChunkerConfig::new().unit(Unit::Tokens));
        }
        for config in configs {
            let chunker = Chunker::new(config)?;
            // What a tokenizer reads once is not measured.
            chunker.chunk(&Document::from_text("warm"))?;
            let started = Instant::now();
            let chunks = chunker.chunk(&document)?.len();
            let seconds = started.elapsed().as_secs_f64();
            println!(
                "  {}: {chunks} chunks, {:.1} MB/s, {:.0} chunks/s",
                chunker.fingerprint(),
                megabytes / seconds,
                chunks as f64 / seconds
            );
        }
    }
    Ok(())
}

/// Documents of the usual size, read and cut.
fn many_documents() -> Result<()> {
    let text = format!("# A title\n\n{}", PARAGRAPH.repeat(8));
    let (chunker, count) = (Chunker::default(), 20_000);
    for format in [Format::Text, Format::Markdown, Format::Html] {
        let started = Instant::now();
        for _ in 0..count {
            chunker.chunk(&Document::from_format(format, text.as_str())?)?;
        }
        println!(
            "documents of {} bytes, {format}: {:.0} documents/s",
            text.len(),
            f64::from(count) / started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
