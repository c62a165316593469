//! Paths into a document.

use crate::data::MAX_DEPTH;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A dotted path into a record's data or a vector's metadata, already split into keys.
///
/// In the written form `\.` and `\\` stand for a dot and a backslash inside a key, and a leading `\$` for a key that begins
/// with a dollar sign; an empty segment is an error. Any key can be spelled. More than [`MAX_DEPTH`] keys lead nowhere in any
/// document, and are an error.
///
/// ```
/// use mastra_core::Path;
///
/// let path: Path = r"company.web\.site".parse()?;
/// assert_eq!(path.segments(), ["company", "web.site"]);
/// assert_eq!(path.to_string(), r"company.web\.site");
/// assert!("a..b".parse::<Path>().is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(Vec<String>);

impl Path {
    /// The path of these keys, none of which needs escaping. Empty keys cannot be spelled and are refused, as are more than
    /// [`MAX_DEPTH`] keys.
    pub fn from_segments<I, S>(segments: I) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let segments: Vec<String> = segments.into_iter().map(Into::into).take(MAX_DEPTH + 1).collect();
        if segments.len() > MAX_DEPTH {
            return Err(too_long());
        }
        if segments.is_empty() || segments.iter().any(String::is_empty) {
            return Err(Error::invalid_input("a path needs at least one key, and no empty one"));
        }
        Ok(Self(segments))
    }

    /// The empty path: the value itself, as the inner filter of an operator-form `$elemMatch` uses it.
    pub const fn this() -> Self {
        Self(Vec::new())
    }

    /// The keys, outermost first.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the empty path.
    pub fn is_this(&self) -> bool {
        self.0.is_empty()
    }

    /// This path with the other's keys behind its own.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }
}

pub(crate) fn too_long() -> Error {
    Error::invalid_input(format!("a path has at most {MAX_DEPTH} keys, which is as deep as data nests"))
}

/// The position that a path segment names in an array: canonical decimal digits only (`0`, `12`; never `-1`, `01` or `+1`).
pub fn array_index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || (!segment.starts_with('0') && segment.bytes().all(|b| b.is_ascii_digit()));
    if canonical { segment.parse().ok() } else { None }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid_input(format!("malformed path: {why}")).with("path", text);
        let mut segments = vec![String::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let count = segments.len();
            let Some(segment) = segments.last_mut() else { break };
            match c {
                // Each key costs far more than its two characters, in every copy of the path.
                '.' if count == MAX_DEPTH => return Err(too_long()),
                '.' => segments.push(String::new()),
                '\\' => match chars.next() {
                    Some(escaped @ ('.' | '\\')) => segment.push(escaped),
                    Some('$') if segment.is_empty() => segment.push('$'),
                    _ => return Err(bad(r"a backslash stands only before '.', another backslash, or a leading '$'")),
                },
                other => segment.push(other),
            }
        }
        if segments.iter().any(String::is_empty) {
            return Err(bad("an empty segment"));
        }
        Ok(Self(segments))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for (at, c) in segment.chars().enumerate() {
                if matches!(c, '.' | '\\') || (at == 0 && c == '$') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_spelled_and_read_back() {
        for keys in [vec!["a"], vec!["a.b", "c"], vec!["$x", "$y"], vec!["\\", "\\."], vec!["é", "0", "-1"], vec![" "]] {
            let path = Path::from_segments(keys.clone()).unwrap();
            assert_eq!(path.to_string().parse::<Path>().unwrap(), path, "{keys:?}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "\\", "a\\n", "a\\$"] {
            assert!(text.parse::<Path>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_is_no_longer_than_data_is_deep() {
        let keys = |count| vec!["a"; count];
        assert_eq!(keys(100).join(".").parse::<Path>().unwrap(), Path::from_segments(keys(100)).unwrap());
        for error in [keys(101).join(".").parse::<Path>(), Path::from_segments(keys(101)), Path::from_segments(keys(1_000_000))] {
            assert!(error.is_err_and(|error| error.to_string().len() < 100));
        }
    }

    #[test]
    fn only_canonical_digits_are_an_index() {
        assert_eq!(array_index("0"), Some(0));
        assert_eq!(array_index("10"), Some(10));
        for text in ["", "-1", "01", "+1", "1.0", "１", "99999999999999999999999999"] {
            assert_eq!(array_index(text), None, "{text:?}");
        }
    }
}
