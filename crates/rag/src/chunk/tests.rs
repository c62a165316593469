//! What each strategy does with a text that can be read; what holds of any text is in `tests/chunking.rs`.

use super::*;

fn chunker(strategy: Strategy, max: usize, overlap: usize) -> Chunker {
    Chunker::new(ChunkerConfig::new().strategy(strategy).max_size(max).overlap(overlap)).unwrap()
}

fn texts(chunker: &Chunker, document: &Document) -> Vec<String> {
    chunker.chunk(document).unwrap().into_iter().map(|chunk| chunk.text).collect()
}

fn cut(strategy: Strategy, max: usize, overlap: usize, text: &str) -> Vec<String> {
    texts(&chunker(strategy, max, overlap), &Document::from_text(text))
}

#[test]
fn recursive_prefers_the_greatest_part() {
    let text = "One. Two is short.\n\nThree begins a paragraph. Four.\n";
    assert_eq!(cut(Strategy::Recursive, 30, 0, text), ["One. Two is short.", "Three begins a paragraph.", "Four."]);
    assert_eq!(cut(Strategy::Recursive, 100, 0, text), [text.trim()]);
    // A paragraph that would leave the chunk nearly empty is no place to cut.
    let text = "Title\n\nA sentence of some length here. Another sentence of some length here. The third and last one of them.";
    assert_eq!(
        cut(Strategy::Recursive, 90, 0, text),
        ["Title\n\nA sentence of some length here. Another sentence of some length here.", "The third and last one of them."]
    );
    // In lines that were broken to a width, sentences are greater than lines.
    let text = "The first sentence goes on\nfor two lines. The second one\ngoes on too, further than that.";
    assert_eq!(
        cut(Strategy::Recursive, 60, 0, text),
        ["The first sentence goes on\nfor two lines.", "The second one\ngoes on too, further than that."]
    );
    // Without sentences, lines; without lines, words; without words, characters.
    assert_eq!(
        cut(Strategy::Recursive, 20, 0, "alpha beta gamma\ndelta epsilon zeta"),
        ["alpha beta gamma", "delta epsilon zeta"]
    );
    assert_eq!(cut(Strategy::Recursive, 12, 0, "alpha beta gamma delta"), ["alpha beta", "gamma delta"]);
    assert_eq!(cut(Strategy::Recursive, 4, 0, "abcdefghij"), ["abcd", "efgh", "ij"]);
}

#[test]
fn overlaps_begin_with_a_word_or_a_sentence() {
    assert_eq!(
        cut(Strategy::Recursive, 16, 6, "alpha beta gamma delta epsilon"),
        ["alpha beta gamma", "gamma delta", "delta epsilon"]
    );
    assert_eq!(cut(Strategy::Character, 5, 2, "abcdefghij"), ["abcde", "defgh", "ghij"]);
    let text = "One is here. Two is here. Three is here. Four is here.";
    assert_eq!(
        cut(Strategy::Sentence, 30, 16, text),
        ["One is here. Two is here.", "Two is here. Three is here.", "Three is here. Four is here."]
    );
    // No whole sentence fits the overlap.
    assert_eq!(cut(Strategy::Sentence, 30, 5, text), ["One is here. Two is here.", "Three is here. Four is here."]);
}

#[test]
fn markdown_is_cut_at_headings() {
    let text = "Before.\n\n# A\n\nText of A.\n\n## B\n\n### C\n\nText of C.\n\n```\n# code\n```\n\n# D\n";
    let document = Document::from_markdown(text);
    let chunks = chunker(Strategy::Markdown, 200, 20).chunk(&document).unwrap();
    let found: Vec<_> = chunks.iter().map(|chunk| (chunk.text.as_str(), chunk.headings.join(" > "))).collect();
    assert_eq!(
        found,
        [
            ("Before.", String::new()),
            ("# A\n\nText of A.", "A".to_owned()),
            ("## B\n\n### C\n\nText of C.\n\n```\n# code\n```", "A > B > C".to_owned()),
            ("# D", "D".to_owned()),
        ]
    );
    // Other strategies know the headings too.
    let chunks = chunker(Strategy::Recursive, 30, 0).chunk(&document).unwrap();
    assert_eq!(chunks.last().unwrap().headings, ["A", "B", "C"]);
}

#[test]
fn blocks_of_markdown_stay_whole() {
    let code = "```\nlet a = 1;\n\nlet b = 2;\n\nlet c = 3;\n```";
    let text = format!("Some words before the code.\n\n{code}\n\n- one item\n- another item\n");
    let chunks = texts(&chunker(Strategy::Recursive, 60, 10), &Document::from_markdown(text));
    assert!(chunks.iter().any(|chunk| chunk.contains(code)), "{chunks:?}");
}

#[test]
fn pages_have_headings() {
    let document = Document::from_html("<h1>Tea</h1><p>Green.</p><h2>Black</h2><p>Assam.</p>");
    let chunks = chunker(Strategy::Markdown, 100, 0).chunk(&document).unwrap();
    let headings: Vec<_> = chunks.iter().map(|chunk| chunk.headings.join(" > ")).collect();
    assert_eq!(headings, ["Tea", "Tea > Black"]);
}

#[test]
fn scripts_without_spaces_are_cut_between_words() {
    let chunks = cut(Strategy::Sentence, 12, 0, "これは文です。これも文です。三つ目。");
    assert_eq!(chunks, ["これは文です。", "これも文です。三つ目。"]);
}

#[test]
fn a_character_larger_than_the_size_stands_alone() {
    let family = "👨‍👩‍👧‍👦";
    assert_eq!(cut(Strategy::Recursive, 1, 0, &family.repeat(2)), [family, family]);
    let marked = format!("a{}", "\u{301}".repeat(10_000));
    assert_eq!(cut(Strategy::Recursive, 3, 0, &format!("x {marked} y")), [format!("x {marked}"), "y".to_owned()]);
}

#[test]
fn fingerprints_tell_chunkers_apart() {
    let all = [
        chunker(Strategy::Recursive, 512, 50),
        chunker(Strategy::Sentence, 512, 50),
        chunker(Strategy::Recursive, 511, 50),
        chunker(Strategy::Recursive, 512, 49),
    ];
    let prints: std::collections::BTreeSet<_> = all.iter().map(Chunker::fingerprint).collect();
    assert_eq!(prints.len(), all.len());
    assert_eq!(all[0].fingerprint(), Chunker::default().fingerprint());
}

/// Each word is a token; what no word has is none.
#[derive(Debug)]
struct Words;

impl Tokenizer for Words {
    fn name(&self) -> &str {
        "words"
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        if text.contains("fail") {
            return Err(Error::internal("the tokenizer failed"));
        }
        let start = text.as_ptr() as usize;
        Ok(text.split_whitespace().map(|word| word.as_ptr() as usize - start + word.len()).collect())
    }
}

#[test]
fn a_tokenizer_of_ones_own() {
    let chunker = Chunker::with_tokenizer(ChunkerConfig::new().max_size(3).overlap(1), Arc::new(Words)).unwrap();
    assert_eq!(chunker.fingerprint(), "recursive/3/1/words/1");
    assert_eq!(texts(&chunker, &Document::from_text("a b c d e f")), ["a b c", "c d e", "e f"]);
    let error = chunker.chunk(&Document::from_text("a fail")).unwrap_err();
    assert_eq!(error.message(), "the tokenizer failed");
    let characters = ChunkerConfig::new().unit(Unit::Characters);
    assert!(Chunker::with_tokenizer(characters, Arc::new(Words)).is_err());
}

#[cfg(not(feature = "tiktoken"))]
#[test]
fn tokens_without_a_tokenizer_are_refused() {
    let error = Chunker::new(ChunkerConfig::new().strategy(Strategy::Token)).unwrap_err();
    assert_eq!(error.kind(), mastra_core::ErrorKind::Unsupported);
}

#[cfg(feature = "tiktoken")]
#[test]
fn tokens_are_counted() {
    let text = "Antidisestablishmentarianism is a long word, and so is floccinaucinihilipilification, as everybody knows.";
    let chunks = chunker(Strategy::Token, 8, 2).chunk(&Document::from_text(text)).unwrap();
    assert!(chunks.len() > 3);
    for chunk in &chunks {
        assert_eq!(chunk.size, Cl100k.count(&chunk.text).unwrap());
        assert!(chunk.size <= 8);
    }
    assert!(chunks.windows(2).any(|pair| pair[1].span.start < pair[0].span.end), "nothing is repeated");
}
