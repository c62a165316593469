//! Literal substrings under Unicode simple case folding.

use regex::{Regex, RegexBuilder};

/// Whether the haystack holds an ASCII needle, in any case.
///
/// Exact without tables: besides its own two cases, an ASCII letter folds together with one character at most, U+212A KELVIN
/// SIGN with `k` and U+017F LATIN SMALL LETTER LONG S with `s`.
pub(super) fn holds_ascii(haystack: &str, needle: &str) -> bool {
    let search = |haystack: &str| {
        needle.is_empty() || haystack.as_bytes().windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle.as_bytes()))
    };
    if search(haystack) {
        return true;
    }
    const FOLDING: [char; 2] = ['\u{212A}', '\u{17F}'];
    !haystack.is_ascii() && haystack.contains(FOLDING) && search(&haystack.replace(FOLDING[0], "k").replace(FOLDING[1], "s"))
}

/// The needle as an expression, whose case-insensitive mode is simple case folding.
pub(super) fn folded(needle: &str) -> Option<Regex> {
    // A literal compiles in time and space linear in its length, so no bound is needed; none means that it never fails.
    RegexBuilder::new(&regex::escape(needle)).case_insensitive(true).size_limit(usize::MAX).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_folding_agrees_with_the_expression() {
        let haystacks = ["", "k", "K", "\u{212A}", "\u{17F}", "ma\u{17F}K", "Maſter", "é", "STRASSE", "straße", "ı", "İ", "i"];
        for needle in ["", "k", "K", "s", "S", "ask", "ss", "i", "I", "a.c", "mas"] {
            let regex = folded(needle).unwrap();
            for haystack in haystacks {
                assert_eq!(holds_ascii(haystack, needle), regex.is_match(haystack), "{needle:?} in {haystack:?}");
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
    fn a_long_needle_compiles() {
        assert!(folded(&"é".repeat(100_000)).is_some());
    }
}
