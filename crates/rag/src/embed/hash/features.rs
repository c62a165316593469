//! What of a text is hashed, and with what weight.

use std::collections::BTreeMap;

use mastra_core::text::tokens;

/// Pieces of words are this many characters long, the marks of the word's ends counted.
const PIECES: std::ops::RangeInclusive<usize> = 3..=4;
/// How much the pieces of a word weigh together, beside the 1 of the word itself.
const PIECES_WEIGHT: f64 = 1.0;
/// How much two ideographs that stand together weigh, which is what a word is there.
const PAIR_WEIGHT: f64 = 1.0;

/// How often each feature occurs, and the weight of one mention.
#[derive(Default)]
struct Counts(BTreeMap<String, (u32, f64)>);

impl Counts {
    fn add(&mut self, feature: String, weight: f64) {
        self.0.entry(feature).or_insert((0, weight)).0 += 1;
    }
}

/// The features of a text and their weights, in an order that depends on the text alone: sums of floats depend on it.
pub(super) fn of(text: &str) -> BTreeMap<String, f64> {
    let mut counts = Counts::default();
    let mut previous: Option<String> = None;
    for word in tokens(text) {
        if is_ideograph(&word) {
            if let Some(previous) = &previous {
                counts.add(format!("p{previous}{word}"), PAIR_WEIGHT);
            }
            counts.add(format!("w{word}"), 0.5);
            previous = Some(word);
        } else {
            previous = None;
            let weight = weight(&word);
            counts.add(format!("w{word}"), weight);
        }
    }
    if counts.0.is_empty() {
        // No letter and no digit: what is there, is compared.
        for character in text.chars().filter(|c| !c.is_whitespace()) {
            counts.add(format!("c{character}"), 1.0);
        }
    }
    with_pieces(counts)
}

/// Adds the pieces of each word, and turns counts into weights. Square roots are exact everywhere, unlike logarithms; either lets the
/// tenth mention count for less than the second.
fn with_pieces(counts: Counts) -> BTreeMap<String, f64> {
    let mut features = BTreeMap::new();
    for (feature, (count, weight)) in counts.0 {
        let weight = weight * f64::from(count).sqrt();
        if let Some(word) = feature.strip_prefix('w') {
            let pieces = pieces(word);
            // Together they weigh the same whatever the word's length, as the length of a vector counts it.
            let each = PIECES_WEIGHT * weight / (pieces.len().max(1) as f64).sqrt();
            for piece in pieces {
                *features.entry(piece).or_insert(0.0) += each;
            }
        }
        *features.entry(feature).or_insert(0.0) += weight;
    }
    features
}

/// The pieces of a word between the marks of its ends; none of a short one, whose pieces would say nothing more.
fn pieces(word: &str) -> Vec<String> {
    let marked: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    if marked.len() <= 4 {
        return Vec::new();
    }
    PIECES
        .flat_map(|length| marked.windows(length).map(|piece| std::iter::once('n').chain(piece.iter().copied()).collect()))
        .collect()
}

/// There is no collection to tell common words from rare ones; in scripts with cases the short ones are common, digits never are.
fn weight(word: &str) -> f64 {
    let alphabetic = word.chars().all(|c| c.is_alphabetic() && c < '\u{530}');
    match (alphabetic, word.chars().count()) {
        (true, 1 | 2) => 0.25,
        (true, 3) => 0.45,
        (true, 4) => 0.8,
        _ => 1.0,
    }
}

fn is_ideograph(word: &str) -> bool {
    let mut characters = word.chars();
    let first = characters.next();
    let wide = |c: char| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    characters.next().is_none() && first.is_some_and(wide)
}

/// FNV-1a in 64 bits, and the finish of MurmurHash3, without which the top bit of short inputs is not fair.
pub(super) fn hash(feature: &str) -> u64 {
    let fnv =
        feature.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}
