//! Documents to measure with: made here one by one, the same at every run, so that 200,000 chunks never lie in memory together.

use mastra_conformance::Random;
use mastra_core::NewRecord;
use serde_json::json;
use std::{fmt::Write as _, ops::Range};

/// How many words there are; a word's share falls with its rank, as in any language.
const WORDS: usize = 20_000;
/// How many words a subject has of its own, and which share of a text they are.
const OWN: usize = 60;
const OWN_SHARE: usize = 4;
/// Of the most frequent words nobody asks.
const COMMON: usize = 100;
/// Words of a question.
const ASKED: usize = 3;

/// Where documents come from.
#[derive(Debug, Clone)]
pub(super) struct Corpus {
    words: Vec<String>,
    /// Sections of a document.
    sections: Range<usize>,
}

/// A document before it is written in a format: sections of paragraphs of sentences of words.
#[derive(Debug)]
pub(super) struct Draft<'c> {
    /// What it is about: documents of one subject speak of the same things.
    pub(super) subject: usize,
    title: Vec<&'c str>,
    sections: Vec<(Vec<&'c str>, Vec<Paragraph<'c>>)>,
}

type Paragraph<'c> = Vec<Vec<&'c str>>;

impl Corpus {
    /// Documents of so many sections, of about a kilobyte each.
    pub(super) fn new(sections: Range<usize>) -> Self {
        let mut random = Random::new(11);
        let word = |random: &mut Random| -> String {
            let letters = random.within(2..6);
            let syllable = |random: &mut Random| {
                let (consonant, vowel) = (random.pick(b"bcdfghklmnprstvw"), random.pick(b"aeiou"));
                [consonant, vowel].map(|letter| char::from(letter.copied().unwrap_or(b'x')))
            };
            (0..letters).flat_map(|_| syllable(random)).collect()
        };
        Self { words: (0..WORDS).map(|_| word(&mut random)).collect(), sections }
    }

    fn word(&self, rank: usize) -> &str {
        self.words.get(rank).map_or("", String::as_str)
    }

    /// The document of that number.
    pub(super) fn draft(&self, number: usize) -> Draft<'_> {
        let mut random = Random::new(1_000 + number as u64);
        let subject = random.below(500);
        let pick = |random: &mut Random| {
            let rank = if random.one_in(OWN_SHARE) {
                COMMON + (subject * 37 + random.below(OWN)) % (WORDS - COMMON)
            } else {
                zipf(random)
            };
            self.word(rank)
        };
        let several = |random: &mut Random, count: Range<usize>| -> Vec<&str> {
            let count = random.within(count);
            (0..count).map(|_| pick(random)).collect()
        };
        let title = several(&mut random, 2..6);
        let sections = random.within(self.sections.clone());
        let section = |random: &mut Random| {
            let heading = several(random, 2..6);
            let paragraphs = random.within(2..4);
            let paragraph = |random: &mut Random| -> Paragraph<'_> {
                let sentences = random.within(3..6);
                (0..sentences).map(|_| several(random, 8..18)).collect()
            };
            (heading, (0..paragraphs).map(|_| paragraph(random)).collect())
        };
        let sections = (0..sections).map(|_| section(&mut random)).collect();
        Draft { subject, title, sections }
    }

    /// The subject and the record of that number: title, Markdown as its body.
    pub(super) fn record(&self, number: usize) -> (usize, NewRecord) {
        let draft = self.draft(number);
        let record = NewRecord::new(external_id(number), json!({ "title": draft.title.join(" "), "body": draft.markdown() }));
        (draft.subject, record)
    }

    /// A question about one of so many documents, and its subject: three of the rarer words of a sentence.
    pub(super) fn question(&self, number: usize, documents: usize) -> (usize, String) {
        let mut random = Random::new(77_000_000 + number as u64);
        loop {
            let draft = self.draft(random.below(documents));
            let sentences: Vec<&Vec<&str>> =
                draft.sections.iter().flat_map(|(_, paragraphs)| paragraphs.iter().flatten()).collect();
            let Some(sentence) = random.pick(&sentences) else { continue };
            let is_common = |word: &str| self.words.iter().take(COMMON).any(|common| common == word);
            let mut asked: Vec<&str> = sentence.iter().copied().filter(|word| !is_common(word)).collect();
            asked.dedup();
            if asked.len() >= ASKED {
                asked.truncate(ASKED);
                return (draft.subject, asked.join(" "));
            }
        }
    }
}

/// A document's name.
pub(super) fn external_id(number: usize) -> String {
    format!("d{number}")
}

/// A rank whose frequency falls as its reciprocal.
fn zipf(random: &mut Random) -> usize {
    let chance = random.below(1 << 30) as f64 / f64::from(1 << 30);
    // Below WORDS, and not negative.
    ((WORDS as f64).powf(chance) - 1.0) as usize
}

impl Draft<'_> {
    pub(super) fn markdown(&self) -> String {
        self.written(["# ", "\n\n"], ["## ", "\n\n"], ["", "\n\n"])
    }

    pub(super) fn html(&self) -> String {
        let title = self.title.join(" ");
        let body = self.written(["<h1>", "</h1>\n"], ["<h2>", "</h2>\n"], ["<p>", "</p>\n"]);
        format!("<!doctype html>\n<html><head><title>{title}</title></head><body>\n{body}</body></html>\n")
    }

    pub(super) fn text(&self) -> String {
        self.written(["", "\n\n"], ["", "\n\n"], ["", "\n\n"])
    }

    fn written(&self, title: [&str; 2], heading: [&str; 2], paragraph: [&str; 2]) -> String {
        let mut text = format!("{}{}{}", title[0], self.title.join(" "), title[1]);
        for (words, paragraphs) in &self.sections {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{}{}", heading[0], words.join(" "), heading[1]);
            for sentences in paragraphs {
                let sentences: Vec<String> = sentences.iter().map(|words| sentence(words)).collect();
                let _ = write!(text, "{}{}{}", paragraph[0], sentences.join(" "), paragraph[1]);
            }
        }
        text
    }
}

fn sentence(words: &[&str]) -> String {
    let mut text = words.join(" ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.push('.');
    text
}
