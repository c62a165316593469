//! What holds of chunks of any text, by any strategy.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

use mastra_rag::chunk::{Chunk, Chunker, ChunkerConfig, Strategy as Cutting, Unit};
use mastra_rag::document::Document;
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

const CUTTINGS: [Cutting; 4] = [Cutting::Recursive, Cutting::Character, Cutting::Sentence, Cutting::Markdown];

/// Pieces that texts are made of: what can go wrong at a cut.
const PIECES: &[&str] = &[
    "word",
    "Another",
    "a",
    "ß",
    "naïve",
    "Dr.",
    "end.",
    "really?",
    "No!",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "\r\n\r\n",
    "\n \n",
    "\u{85}",
    "\u{2028}",
    "\u{a0}",
    "\u{3000}",
    "\0",
    "\u{feff}",
    "\u{200b}",
    "👨‍👩‍👧‍👦",
    "🇩🇪",
    "🇫🇷🇯🇵",
    "👍🏽",
    "e\u{301}",
    " \u{308}",
    "\u{600}",
    "\u{600}\n",
    "क्षि",
    "नमस्ते।",
    "각",
    "\u{1100}\u{1161}\u{11a8}",
    "שלום",
    "\u{202e}abc\u{202c}",
    "مرحبا؟",
    "これは文です。",
    "สวัสดีชาวโลก",
    "# H1\n",
    "\n## H2\n",
    "\n### H3\n",
    "Setext\n===\n",
    "- item\n",
    "\n1. one\n",
    "> quote\n",
    "> # Q\n",
    "```\n",
    "\n```\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "<div>",
    "</div>\n",
    "---\n",
    "***",
    "`code`",
    "[link](http://example.com/a/b?c=d)",
    "aVeryLongWordThatHasNoPlaceToBeCutAtAllExceptWithinItselfSoThatItIs",
    "3.14",
    "a.b.c",
    "...",
    "“Quoted.”",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![9 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

fn sizes() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![1_usize..12, 12_usize..80].prop_flat_map(|max| (Just(max), 0..max))
}

fn chunker(cutting: Cutting, max: usize, overlap: usize) -> Chunker {
    Chunker::new(ChunkerConfig::new().strategy(cutting).max_size(max).overlap(overlap)).unwrap()
}

fn is_blank(character: &str) -> bool {
    character.chars().all(char::is_whitespace)
}

/// Everything that holds of the chunks of one text, whatever cut them.
fn check(text: &str, chunks: &[Chunk], max: usize, overlap: usize, count: impl Fn(&str) -> usize) {
    let bounds: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let mut covered = 0;
    for (order, chunk) in chunks.iter().enumerate() {
        let span = chunk.span.clone();
        assert_eq!(chunk.order, order);
        assert_eq!(text.get(span.clone()), Some(chunk.text.as_str()));
        assert!(
            bounds.binary_search(&span.start).is_ok() && bounds.binary_search(&span.end).is_ok(),
            "a character is cut: {span:?} of {text:?}"
        );
        let characters: Vec<&str> = chunk.text.graphemes(true).collect();
        assert!(!is_blank(characters.first().unwrap()) && !is_blank(characters.last().unwrap()), "{:?}", chunk.text);
        assert_eq!(chunk.size, count(&chunk.text));
        assert!(chunk.size <= max || characters.len() == 1, "{} in {:?}, of at most {max}", chunk.size, chunk.text);
        assert!(span.end > covered, "a chunk holds nothing new: {span:?} of {text:?}");
        if span.start >= covered {
            assert!(is_blank(&text[covered..span.start]), "left out: {:?} of {text:?}", &text[covered..span.start]);
        } else {
            let last = &chunks[order - 1].span;
            assert!(span.start > last.start, "a chunk holds all of the one before it: {span:?} of {text:?}");
            let repeated = count(&text[span.start..last.end]);
            assert!(repeated <= overlap, "{repeated} repeated, of at most {overlap}: {text:?}");
        }
        covered = span.end;
    }
    assert!(text[covered..].graphemes(true).all(is_blank), "left out: {:?} of {text:?}", &text[covered..]);
}

fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

proptest! {
    #[test]
    fn chunks_cover_the_text_in_order_and_size(text in text(), (max, overlap) in sizes()) {
        for cutting in CUTTINGS {
            let chunker = chunker(cutting, max, overlap);
            for document in [Document::from_text(text.as_str()), Document::from_markdown(text.as_str()), Document::from_html(&text)] {
                let chunks = chunker.chunk(&document).unwrap();
                check(document.text(), &chunks, max, overlap, graphemes);
                prop_assert_eq!(&chunks, &chunker.chunk(&document).unwrap());
                for chunk in &chunks {
                    prop_assert!(chunk.headings.len() <= 6);
                }
            }
        }
    }

    #[test]
    fn no_chunk_holds_text_of_two_sections(text in text(), (max, overlap) in sizes()) {
        let document = Document::from_markdown(text.as_str());
        for chunk in chunker(Cutting::Markdown, max, overlap).chunk(&document).unwrap() {
            let mut inside = document.headings().iter().filter(|heading| heading.span.start < chunk.span.end && chunk.span.start < heading.span.end);
            // A chunk can begin with headings; none stands behind text of its own.
            let mut at = chunk.span.start;
            prop_assert!(inside.all(|heading| {
                let between = document.text()[at.min(heading.span.start)..heading.span.start].trim_matches(|c: char| c.is_whitespace() || "> -+*0123456789.)".contains(c));
                at = heading.span.end;
                between.is_empty()
            }), "{:?}", chunk.text);
        }
    }

    #[test]
    fn text_that_is_appended_changes_the_end_alone(text in text(), more in text(), (max, overlap) in sizes()) {
        for cutting in [Cutting::Recursive, Cutting::Character, Cutting::Sentence] {
            let chunker = chunker(cutting, max, overlap);
            let before = chunker.chunk(&Document::from_text(text.as_str())).unwrap();
            let after = chunker.chunk(&Document::from_text(format!("{text}{more}"))).unwrap();
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let end = text.trim_end().len();
            // What a chunk depends on reaches 64 bytes further than what fits into it.
            let settled = before.iter().take_while(|chunk| {
                let fits: usize = text[chunk.span.start..].graphemes(true).take(max).map(str::len).sum();
                chunk.span.start + fits + 68 < end
            });
            let settled = settled.count();
            prop_assert_eq!(&before[..settled], &after[..settled]);
        }
    }
}

#[cfg(feature = "tiktoken")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn tokens_are_counted_alike(text in text(), (max, overlap) in sizes()) {
        use mastra_rag::chunk::{Cl100k, Tokenizer as _};
        let count = |text: &str| Cl100k.count(text).unwrap();
        for cutting in [Cutting::Recursive, Cutting::Token, Cutting::Sentence, Cutting::Markdown] {
            let config = ChunkerConfig::new().strategy(cutting).max_size(max).overlap(overlap).unit(Unit::Tokens);
            let document = Document::from_markdown(text.as_str());
            let chunks = Chunker::new(config).unwrap().chunk(&document).unwrap();
            check(document.text(), &chunks, max, overlap, count);
        }
    }
}

/// Texts that break what was not built for them.
fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", String::new()),
        ("white space", " \n\t\r\n\u{3000}".repeat(50_000)),
        ("a word", "x".repeat(1_000_000)),
        ("a word of a script without spaces", "文".repeat(200_000)),
        ("families", "👨‍👩‍👧‍👦".repeat(20_000)),
        ("flags", "🇩🇪".repeat(50_000)),
        ("marks", format!("a{}", "\u{301}".repeat(300_000))),
        ("marks upon blanks", " \u{308}".repeat(100_000)),
        ("zeros", "\0".repeat(200_000)),
        ("words far apart", format!("start{}end", " ".repeat(500_000))),
        ("empty lines", "line\n\n\n\n".repeat(50_000)),
        ("carriage returns", "line\r".repeat(50_000)),
        ("right to left", "שלום עולם. مرحبا بالعالم؟ ".repeat(10_000)),
        ("full stops", ".".repeat(300_000)),
        ("abbreviations", "a. b. c. ".repeat(50_000)),
    ]
}

#[test]
fn hostile_texts_are_cut_like_any() {
    for (name, text) in hostile() {
        for cutting in CUTTINGS {
            let document = Document::from_text(text.as_str());
            let chunks = chunker(cutting, 512, 50).chunk(&document).unwrap();
            assert_eq!(chunks.is_empty(), text.trim().is_empty(), "{name}");
            check(&text, &chunks, 512, 50, graphemes);
        }
    }
}

#[cfg(feature = "tiktoken")]
#[test]
fn hostile_texts_have_tokens_too() {
    use mastra_rag::chunk::{Cl100k, Tokenizer as _};
    for (name, text) in hostile() {
        let text = &text[..text.floor_char_boundary(100_000)];
        let chunker = Chunker::new(ChunkerConfig::new().strategy(Cutting::Token)).unwrap();
        let chunks = chunker.chunk(&Document::from_text(text)).unwrap();
        assert_eq!(chunks.is_empty(), text.trim().is_empty(), "{name}");
        check(text, &chunks, 512, 50, |text| Cl100k.count(text).unwrap());
    }
}

#[test]
fn deep_and_broken_markup_is_cut_like_any() {
    let markdown = [
        ">".repeat(20_000) + " deep",
        "- ".repeat(5_000) + "deep",
        "> ".repeat(150_000) + "deep",
        "1. ".repeat(100_000) + "deep",
        "#".repeat(100_000),
        "# a\n".repeat(20_000),
        "[".repeat(20_000),
        "*_".repeat(20_000),
        "```\nnever closed\n".repeat(5_000),
        "| a ".repeat(20_000) + "\n" + &"|---".repeat(20_000),
        format!("# {}\n\ntext\n", "x".repeat(200_000)),
        "a\n---\n".repeat(20_000),
        "&".repeat(20_000) + &"<".repeat(20_000) + &"![](".repeat(2_000),
    ];
    for text in markdown {
        let document = Document::from_markdown(text.as_str());
        let chunks = chunker(Cutting::Markdown, 512, 50).chunk(&document).unwrap();
        check(&text, &chunks, 512, 50, graphemes);
        assert!(chunks.iter().flat_map(|chunk| &chunk.headings).all(|title| graphemes(title) <= 201));
    }
    let html = [
        "<div>".repeat(50_000),
        "<ul><li>".repeat(20_000) + "deep",
        "<h1>".repeat(50_000) + "x",
        "<a b='".repeat(20_000),
        "<table><tr><td>".repeat(20_000) + "x",
    ];
    for page in html {
        let document = Document::from_html(&page);
        let chunks = chunker(Cutting::Recursive, 512, 50).chunk(&document).unwrap();
        check(document.text(), &chunks, 512, 50, graphemes);
    }
}
