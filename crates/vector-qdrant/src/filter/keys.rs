//! The keys that a path stands for.
//!
//! Qdrant's `a.b` goes through objects alone and `a[].b` through lists alone; a path of ours goes through both, one level of list at each
//! step. Each way is a key of its own. A condition then looks at the value, and into it where it is a list, as ours does.

use crate::payload::META;
use mastra_core::{Path, path::array_index};

/// More ways than this are left to core.
const MOST: usize = 12;
/// Longer paths reach below what payloads hold.
const LONGEST: usize = 6;

/// Every key that the path may lead through; none where a segment cannot be spelled, or there are too many.
pub(super) fn keys(path: &Path) -> Option<Vec<String>> {
    let segments = path.segments();
    if segments.is_empty() || segments.len() > LONGEST {
        return None;
    }
    let mut keys = vec![META.to_owned()];
    for (place, segment) in segments.iter().enumerate() {
        let name = quoted(segment)?;
        let mut longer = Vec::with_capacity(keys.len() * 2);
        for key in keys {
            // Metadata itself is an object.
            if place > 0 {
                longer.push(format!("{key}[].{name}"));
                longer.extend(array_index(segment).map(|index| format!("{key}[{index}]")));
            }
            longer.push(format!("{key}.{name}"));
        }
        if longer.len() > MOST {
            return None;
        }
        keys = longer;
    }
    Some(keys)
}

/// The segment as Qdrant reads it, which knows no way to write a quote or a backslash.
pub(crate) fn quoted(segment: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if segment.contains(['"', '\\']) {
        return None;
    }
    Some(if segment.bytes().all(plain) { segment.to_owned() } else { format!("\"{segment}\"") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_a_key() {
        let of = |path: &str| keys(&path.parse().unwrap());
        assert_eq!(of("a").unwrap(), ["meta.a"]);
        assert_eq!(of("a.b").unwrap(), ["meta.a[].b", "meta.a.b"]);
        assert_eq!(of("a.0").unwrap(), ["meta.a[].0", "meta.a[0]", "meta.a.0"]);
        assert_eq!(of(r"a b.c\.d").unwrap().last().unwrap(), "meta.\"a b\".\"c.d\"");
        assert_eq!(of("a\"b"), None);
        assert_eq!(of("a.b.c.d.e.f.g"), None);
    }
}
