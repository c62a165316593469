//! Literal substrings in any case, as a regular expression that no locale can change.

use super::{node::Node, value::typed};
use crate::quote::jsonpath_string;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// The most characters that the server looks for; of a longer text it looks for the beginning.
const MOST_CHARACTERS: usize = 128;

/// Whether the value at `at` is a string that holds the text under simple case folding.
///
/// The server's own flag for any case asks the database's collation, by which `i` may fold to `İ` and the KELVIN SIGN to
/// nothing. So each character is written with those that fold together with it.
pub(super) fn holds(at: &str, text: &str) -> Node {
    let is_string = typed(at, "string");
    if text.is_empty() {
        return is_string;
    }
    if text.contains('\0') {
        return Node::NEVER;
    }
    let pattern: String = text.chars().take(MOST_CHARACTERS).map(any_case).collect();
    let holds = Node::and([is_string, Node::when(format!("{at} like_regex {}", jsonpath_string(&pattern)))]);
    if text.chars().nth(MOST_CHARACTERS).is_some() { holds.too_wide() } else { holds }
}

/// A character, or the set of those that it folds together with, as the server's regular expressions write it.
fn any_case(c: char) -> String {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    // It fails only where the case tables were compiled out.
    if class.try_case_fold_simple().is_err() {
        return escaped(c);
    }
    let folded: String = class.iter().flat_map(|range| range.start()..=range.end()).collect();
    if folded.chars().nth(1).is_some() { format!("[{folded}]") } else { escaped(c) }
}

fn escaped(c: char) -> String {
    if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_stands_with_all_that_fold_to_it() {
        assert_eq!(any_case('k').chars().filter(|c| ['k', 'K', '\u{212A}'].contains(c)).count(), 3);
        assert_eq!(any_case('σ').chars().filter(|c| ['σ', 'ς', 'Σ'].contains(c)).count(), 3);
        assert_eq!(any_case('1'), "1");
        assert_eq!(any_case('*'), "\\*");
    }
}
