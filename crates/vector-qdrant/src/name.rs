//! Names: of collections, of points, and the numbers that points are walked by.

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

/// Digits of one rank.
const DIGITS: usize = 8;
/// What a digit counts to: ranks stay below 2^53, since Qdrant compares such bounds as floats.
const BASE: i64 = 98;
/// Ranks of an id: together they hold 32 printable characters.
pub(crate) const RANKS: usize = 4;

/// Numbers by which Qdrant can sort ids: the first never falls as ids rise, and neither does each next one among ids that share those
/// before it. Ids that share them all begin alike. The last digit of an id's last rank is 0, and of no other.
pub(crate) fn ranks(id: &str) -> Vec<i64> {
    let mut digits = Vec::with_capacity(RANKS * DIGITS);
    for character in id.chars() {
        if digits.len() >= RANKS * DIGITS {
            break;
        }
        spell(character, &mut digits);
    }
    digits.push(0);
    let number = |chunk: &[i64]| (0..DIGITS).fold(0, |rank, place| rank * BASE + chunk.get(place).copied().unwrap_or(0));
    digits.chunks(DIGITS).take(RANKS).map(number).collect()
}

/// Digits that rise with the character, none of them 0: one of a printable character, two of a control, four or more of another.
fn spell(character: char, digits: &mut Vec<i64>) {
    const WIDE: i64 = 97 * 97;
    let code = i64::from(u32::from(character));
    match character {
        '\0'..='\u{1f}' => digits.extend([CONTROL, code + 1]),
        ' '..='~' => digits.push(code - 0x20 + 2),
        _ => {
            let mut rest = code - 0x7f;
            digits.push(OTHER);
            if rest >= 96 * WIDE {
                rest -= 96 * WIDE;
                digits.push(97);
            }
            digits.extend([rest / WIDE + 1, rest / 97 % 97 + 1, rest % 97 + 1]);
        }
    }
}

const CONTROL: i64 = 1;
const OTHER: i64 = 97;

/// Whether an id ends with this rank: then no other id has it, among those that share the ranks before.
pub(crate) const fn is_whole(rank: i64) -> bool {
    rank % BASE == 0
}

/// The least and the greatest first rank that an id which begins so may have in a collection of the first layout, where all that follows
/// a character other than a printable one says nothing.
pub(crate) fn alike(rank: i64) -> (i64, i64) {
    let (mut unit, mut place) = (BASE.pow(7), DIGITS);
    while place > 1 {
        let digit = rank / unit % BASE;
        if digit == CONTROL || digit == OTHER {
            let least = rank - rank % unit;
            return (least, least + unit - 1);
        }
        (unit, place) = (unit / BASE, place - 1);
    }
    (rank, rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_never_fall_as_ids_rise() {
        let characters =
            ["", "\u{1}", "\u{1f}", " ", "0", "a", "~", "\u{7f}", "\u{80}", "é", "ê", "日", "\u{ffff}", "🦀", "\u{10ffff}"];
        let mut ids = Vec::new();
        for begin in ["", "a", "documen", "document", "document-0000000", "日本語の文書です", "0123456789abcdef0123456789abcde"]
        {
            for one in characters {
                ids.extend(characters.map(|two| format!("{begin}{one}{two}0")));
                ids.push(format!("{begin}{one}"));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.is_sorted_by_key(|id| ranks(id)));
        for id in &ids {
            let ranks = ranks(id);
            let whole = ranks.iter().position(|rank| is_whole(*rank));
            assert!(whole.is_none_or(|place| place + 1 == ranks.len()), "{id}: {ranks:?}");
            assert!(whole.is_some() || ranks.len() == RANKS, "{id}: {ranks:?}");
            assert!(ranks.iter().all(|rank| (0..1 << 53).contains(rank)), "{id}: {ranks:?}");
        }
        assert_eq!(ranks("12345678").len(), 2, "longer ids share the first");
        assert_ne!(ranks(&format!("{}a", "x".repeat(31))), ranks(&format!("{}b", "x".repeat(31))));
        assert_eq!(ranks(&format!("{}a", "x".repeat(32))), ranks(&format!("{}b", "x".repeat(32))));
    }

    /// As the first layout wrote it.
    fn rank_of_the_first_layout(id: &str) -> i64 {
        let mut bytes = id.bytes();
        (0..8).fold(0, |rank, _| {
            let class = match bytes.next() {
                None => 0,
                Some(0..=0x1f) => 1,
                Some(printable @ 0x20..=0x7e) => i64::from(printable) - 0x20 + 2,
                Some(_) => 97,
            };
            rank * 98 + class
        })
    }

    #[test]
    fn ranks_of_the_first_layout_are_found_and_in_order() {
        let mut ids = [
            "a",
            "a\u{1}b",
            "a\u{2}a",
            "é1",
            "ê0",
            "日本",
            "日本x",
            "document-1",
            "document-2",
            "1234567é",
            "1234567ê",
            "~~~~~~~~",
        ];
        ids.sort_unstable();
        let first = |id: &str| ranks(id)[0];
        for id in ids {
            let (least, most) = alike(first(id));
            assert!((least..=most).contains(&first(id)) && (least..=most).contains(&rank_of_the_first_layout(id)), "{id}");
        }
        assert!(ids.is_sorted_by_key(|id| alike(first(id))));
        assert_eq!(alike(first("abc")), (first("abc"), first("abc")));
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
