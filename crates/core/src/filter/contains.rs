//! Literal substrings under Unicode simple case folding.

use super::fold::Folding;
use regex::{Regex, RegexBuilder};

/// The longest needle, in bytes, that may be compared at every place of the haystack.
const SHORT: usize = 64;

/// Whether the haystack holds an ASCII needle, in any case.
///
/// Exact without tables: besides its own two cases, an ASCII letter folds together with one character at most, U+212A KELVIN
/// SIGN with `k` and U+017F LATIN SMALL LETTER LONG S with `s`.
pub(super) fn holds_ascii(haystack: &str, needle: &str) -> bool {
    let search = |haystack: &str| match needle.len() {
        0 => true,
        length if length > haystack.len() => false,
        // At every place of the haystack the whole needle may have to be compared; the standard search never goes back.
        length if length > SHORT => haystack.to_ascii_lowercase().contains(&needle.to_ascii_lowercase()),
        length => haystack.as_bytes().windows(length).any(|w| w.eq_ignore_ascii_case(needle.as_bytes())),
    };
    if search(haystack) {
        return true;
    }
    const FOLDING: [char; 2] = ['\u{212A}', '\u{17F}'];
    !haystack.is_ascii() && haystack.contains(FOLDING) && search(&haystack.replace(FOLDING[0], "k").replace(FOLDING[1], "s"))
}

/// A needle with characters outside ASCII, made ready.
#[derive(Debug, Clone)]
pub(super) enum Folded {
    /// As an expression, whose case-insensitive mode is simple case folding.
    Short(Regex),
    /// An expression may have to follow as many beginnings of the needle as it is long.
    Long(Folding),
}

impl Folded {
    /// None never comes of a needle: a literal of [`SHORT`] bytes is far from the bound on an expression's size.
    pub(super) fn new(needle: &str) -> Option<Self> {
        if needle.len() > SHORT {
            return Some(Self::Long(Folding::new(needle)));
        }
        RegexBuilder::new(&regex::escape(needle)).case_insensitive(true).build().ok().map(Self::Short)
    }

    /// Whether the haystack holds it, in any case.
    pub(super) fn is_in(&self, haystack: &str) -> bool {
        match self {
            Self::Short(regex) => regex.is_match(haystack),
            Self::Long(folding) => folding.is_in(haystack),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn ascii_folding_agrees_with_the_expression() {
        let haystacks = ["", "k", "K", "\u{212A}", "\u{17F}", "ma\u{17F}K", "Maſter", "é", "STRASSE", "straße", "ı", "İ", "i"];
        for needle in ["", "k", "K", "s", "S", "ask", "ss", "i", "I", "a.c", "mas"] {
            let (regex, folding) = (Folded::new(needle).unwrap(), Folding::new(needle));
            for haystack in haystacks {
                assert_eq!(holds_ascii(haystack, needle), regex.is_in(haystack), "{needle:?} in {haystack:?}");
                assert_eq!(folding.is_in(haystack), regex.is_in(haystack), "{needle:?} in {haystack:?}");
            }
        }
    }

    #[test]
    fn no_other_character_folds_to_ascii() {
        let any = Regex::new("(?i)^[a-z0-9]$").unwrap();
        let folding: Vec<char> = ('\u{80}'..=char::MAX).filter(|c| any.is_match(c.encode_utf8(&mut [0; 4]))).collect();
        assert_eq!(folding, ['\u{17F}', '\u{212A}']);
    }

    #[test]
    fn a_long_needle_is_sought_in_time_that_grows_with_the_text() {
        let began = Instant::now();
        for (many, last) in [("a", "B"), ("é", "Ö"), ("k", "\u{212A}")] {
            let needle = format!("{}{last}", many.repeat(50_000));
            let holds = |haystack: &str| match needle.is_ascii() {
                true => holds_ascii(haystack, &needle),
                false => Folded::new(&needle).unwrap().is_in(haystack),
            };
            let without = many.repeat(400_000).replace('k', "x");
            assert!(!holds(&without), "{many}");
            assert!(holds(&format!("{without}{}", needle.to_lowercase())), "{many}");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
