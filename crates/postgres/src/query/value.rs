//! What a sort path leads to, in SQL.

use super::statement::Statement;
use crate::quote::{literal, path_literal};
use mastra_core::{Path, path::array_index};

/// The value, with the path bound.
pub(crate) fn sort_value(path: &Path, statement: &mut Statement) -> String {
    chain("r.data", path, |step| match step {
        Step::Path(keys) => format!("#> {}", statement.bind(keys.to_vec())),
        Step::Key(key) => format!("-> {}", statement.bind(key.to_owned())),
    })
}

/// The value, with the path as a constant: what an index is built on, and what a query that it shall serve asks for.
pub(crate) fn constant_value(data: &str, path: &Path) -> String {
    chain(data, path, |step| match step {
        Step::Path(keys) => format!("#> {}", path_literal(keys)),
        Step::Key(key) => format!("-> {}", literal(key)),
    })
}

enum Step<'a> {
    /// Keys, and indexes as the law writes them.
    Path(&'a [String]),
    /// What `#>` would take for an index and the law does not, such as `-1`; `->` with a text never looks into an array.
    Key(&'a str),
}

fn chain(data: &str, path: &Path, mut write: impl FnMut(Step<'_>) -> String) -> String {
    let mut value = data.to_owned();
    let mut rest = path.segments();
    while let Some((first, behind)) = rest.split_first() {
        let step = if is_odd_index(first) {
            rest = behind;
            Step::Key(first)
        } else {
            let length = rest.iter().position(|key| is_odd_index(key)).unwrap_or(rest.len());
            let (keys, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = behind;
            Step::Path(keys)
        };
        value = format!("({value} {})", write(step));
    }
    value
}

/// Whether the server would take the key for an array's index where the law does not: it reads it by `strtol`, which allows
/// blanks in front, a sign, and zeros.
fn is_odd_index(key: &str) -> bool {
    let digits = key.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && array_index(key).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_an_index_to_the_server_alone_are_told_apart() {
        for key in ["-1", "+1", "01", " 1", "\t-0", "00"] {
            assert!(is_odd_index(key), "{key:?}");
        }
        for key in ["0", "10", "a", "1a", "-", "", "1 ", "１"] {
            assert!(!is_odd_index(key), "{key:?}");
        }
    }
}
