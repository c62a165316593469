//! Names: of collections, of points, and the number that points are walked by.

use uuid::Uuid;

/// What point ids are derived from.
const POINTS: Uuid = Uuid::from_u128(0x6d61_7374_7261_4e50_8f3c_71d2_06b9_e5a4);

/// The collection of an index: letters, digits, `.`, `_` and `-` as they are, other bytes as `~` and two digits.
pub(crate) fn collection(prefix: &str, index: &str) -> String {
    let mut name = prefix.to_owned();
    for byte in index.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            // `.` and `..` are no names of files.
            b'.' if !name.is_empty() => name.push('.'),
            other => name.push_str(&format!("~{other:02x}")),
        }
    }
    name
}

/// The point of an id: Qdrant takes numbers and UUIDs alone. Neither name holds U+0000.
pub(crate) fn point(namespace: &str, id: &str) -> Uuid {
    Uuid::new_v5(&POINTS, format!("{namespace}\0{id}").as_bytes())
}

/// Characters of an id that its rank holds.
const RANKED: usize = 8;

/// A number that never falls as ids rise, by which Qdrant can sort; ids that begin alike share one. Below 2^53, since Qdrant compares
/// such bounds as floats.
pub(crate) fn rank(id: &str) -> i64 {
    let mut bytes = id.bytes();
    (0..RANKED).fold(0, |rank, _| {
        let class = match bytes.next() {
            None => 0,
            Some(0..=0x1f) => 1,
            Some(printable @ 0x20..=0x7e) => i64::from(printable) - 0x20 + 2,
            Some(_) => 97,
        };
        rank * 98 + class
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_never_fall_as_ids_rise() {
        let mut ids = [
            "",
            "\u{1}",
            " ",
            "a",
            "a0",
            "aa",
            "b",
            "doc-00000001",
            "doc-00000002",
            "z~",
            "\u{7f}",
            "é",
            "日本",
            "\u{10ffff}\u{10ffff}",
        ];
        ids.sort_unstable();
        assert!(ids.is_sorted_by_key(|id| rank(id)));
        assert!(rank("\u{10ffff}\u{10ffff}") < 1 << 53);
        assert!(rank("a") < rank("a0") && rank("doc-1") < rank("doc-2"));
    }

    #[test]
    fn every_index_has_a_collection_of_its_own() {
        let names = ["docs", "Docs", ".", "..", "a.b", "a/b", "a~2fb", "é", "a b"];
        let collections: std::collections::HashSet<String> = names.iter().map(|name| collection("", name)).collect();
        assert_eq!(collections.len(), names.len());
        assert_eq!(collection("p_", "a/b"), "p_a~2fb");
        assert_eq!(collection("", ".."), "~2e.");
        assert_ne!(point("a", "b"), point("", "a\u{1}b"));
    }
}
