//! The search for a long literal under Unicode simple case folding, in time that grows with the text alone.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use std::collections::HashMap;

/// A needle and what it takes to never go back in the haystack (Knuth, Morris and Pratt), over classes of characters that fold
/// together.
#[derive(Debug, Clone)]
pub(super) struct Folding {
    /// The characters that fold together with one of the needle's, each with the number of its class.
    classes: HashMap<char, usize>,
    needle: Vec<usize>,
    /// For each length of a beginning of the needle, less one: the length of the longest shorter beginning that it ends with.
    shorter: Vec<usize>,
}

impl Folding {
    pub(super) fn new(needle: &str) -> Self {
        let mut classes = HashMap::new();
        let mut folded = Vec::with_capacity(needle.len());
        for (at, c) in needle.chars().enumerate() {
            if !classes.contains_key(&c) {
                classes.extend(folding_with(c).into_iter().map(|other| (other, at)));
            }
            folded.extend(classes.get(&c));
        }
        let mut made = Self { classes, needle: folded, shorter: Vec::new() };
        let mut length = 0;
        for (at, class) in made.needle.iter().enumerate() {
            length = if at == 0 { 0 } else { made.after(length, *class) };
            made.shorter.push(length);
        }
        made
    }

    pub(super) fn is_in(&self, haystack: &str) -> bool {
        let mut length = 0;
        self.needle.is_empty()
            || haystack.chars().any(|c| {
                length = self.classes.get(&c).map_or(0, |class| self.after(length, *class));
                length == self.needle.len()
            })
    }

    /// How much of the needle has been seen once `class` follows on `length` of it.
    fn after(&self, mut length: usize, class: usize) -> usize {
        loop {
            if self.needle.get(length) == Some(&class) {
                return length + 1;
            }
            match length.checked_sub(1).and_then(|last| self.shorter.get(last)) {
                Some(shorter) => length = *shorter,
                None => return 0,
            }
        }
    }
}

/// The character and all that simple case folding makes the same as it: the tables of case-insensitive expressions.
fn folding_with(c: char) -> Vec<char> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    match class.try_case_fold_simple() {
        Ok(()) => class.iter().flat_map(|range| range.start()..=range.end()).collect(),
        // Only without the tables, which the regex crate's default features bring.
        Err(_) => vec![c],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::RegexBuilder;

    proptest! {
        #[test]
        fn agrees_with_the_case_insensitive_expression(needle in "[kK\u{212A}sſßẞéÉσςΣ]{1,5}", haystack in "[kK\u{212A}sSſßẞéÉσςΣx]{0,24}") {
            let regex = RegexBuilder::new(&regex::escape(&needle)).case_insensitive(true).build().unwrap();
            prop_assert_eq!(Folding::new(&needle).is_in(&haystack), regex.is_match(&haystack));
        }
    }
}
