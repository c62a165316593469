//! JSON paths as SQL literals: the one place where a key becomes part of a statement.
//!
//! A literal, since SQLite uses an index on an expression only where the query spells the same expression.

use mastra_core::Path;

/// The literal of a path, as in `'$."company"."size"'`; none where SQLite cannot spell a key.
///
/// SQLite compares a quoted key byte by byte with the key as the document spells it, and serde_json spells every key as it is but
/// for quotes, backslashes and control characters, whose spelling is not one.
pub(crate) fn document_path(segments: &[String]) -> Option<String> {
    let mut literal = String::from("'$");
    for segment in segments {
        if segment.chars().any(|c| matches!(c, '"' | '\\') || c.is_ascii_control()) {
            return None;
        }
        literal.push_str(".\"");
        literal.push_str(&segment.replace('\'', "''"));
        literal.push('"');
    }
    literal.push('\'');
    Some(literal)
}

/// The literals of the paths above a path, outermost first.
pub(crate) fn prefixes(path: &Path) -> Option<Vec<String>> {
    let segments = path.segments();
    (1..segments.len()).map(|length| document_path(segments.get(..length)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_quoted_or_refused() {
        let of = |keys: &[&str]| document_path(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["a'b", "c.d[0] $"]).unwrap(), r#"'$."a''b"."c.d[0] $"'"#);
        for key in ["a\"b", "a\\b", "a\nb", "\u{0}"] {
            assert_eq!(of(&[key]), None, "{key:?}");
        }
    }
}
