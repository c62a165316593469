//! Cutting JSON to a size: what is left is valid JSON, whole characters, and says what is missing.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io;
use unicode_segmentation::UnicodeSegmentation as _;

/// Less room than this is not worth beginning a value in.
const LEAST: usize = 16;
/// A fair share of a document's fields below this shows none of them well: the first ones are shown instead.
const LEAST_SHARE: usize = 64;
/// So many cuts are named.
const MOST_CUTS: usize = 20;
/// Bytes of a path that is named.
const PATH_BYTES: usize = 200;
/// What stands where a string was cut.
const ELLIPSIS: char = '…';

/// A place where something was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Cut {
    /// The path of the field within the data; empty for the data itself
    pub(crate) path: String,
    /// How much of it is shown
    pub(crate) shown: usize,
    /// How much of it there is
    pub(crate) of: usize,
    /// What is counted: bytes of a string, items of a list, fields of an object
    pub(crate) unit: Unit,
}

/// What a cut is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Bytes,
    Items,
    Fields,
}

/// How many bytes a value takes as JSON.
pub(crate) fn size(value: &impl Serialize) -> usize {
    size_up_to(value, usize::MAX)
}

/// The same, but no more is counted than to see that it is larger than the most.
fn size_up_to(value: &impl Serialize, most: usize) -> usize {
    struct Counter {
        counted: usize,
        most: usize,
    }
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.counted = self.counted.saturating_add(bytes.len());
            if self.counted > self.most { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter { counted: 0, most };
    // What cannot be written, for want of room or otherwise, counts as too large.
    serde_json::to_writer(&mut counter, value).map_or(most.saturating_add(1), |()| counter.counted)
}

/// Whether it takes no more than that.
fn fits(value: &impl Serialize, room: usize) -> bool {
    size_up_to(value, room) <= room
}

/// The object cut to so many bytes of JSON, and where.
pub(crate) fn object(map: Map<String, Value>, room: usize) -> (Map<String, Value>, Vec<Cut>) {
    if fits(&map, room) {
        return (map, Vec::new());
    }
    let mut cutter = Cutter::default();
    let map = cutter.object(map, room);
    (map, cutter.cuts)
}

/// The beginning of a text that takes at most so many bytes as a JSON string, at the border of a character as a reader sees it, with an
/// ellipsis where it was cut.
pub(crate) fn text(text: &str, room: usize) -> (String, bool) {
    if fits(&text, room) {
        return (text.to_owned(), false);
    }
    let kept = prefix(text, room.saturating_sub(2 + ELLIPSIS.len_utf8()));
    (format!("{}{ELLIPSIS}", text.get(..kept).unwrap_or_default()), true)
}

/// How many bytes of a text fit into so many bytes of JSON: to the border of a grapheme, or of a character where one grapheme is larger.
pub(crate) fn prefix(text: &str, room: usize) -> usize {
    let by_graphemes = fitting(text.graphemes(true), room);
    if by_graphemes > 0 { by_graphemes } else { fitting(text.split_inclusive(|_| true), room) }
}

fn fitting<'t>(pieces: impl Iterator<Item = &'t str>, room: usize) -> usize {
    let (mut kept, mut used) = (0, 0);
    for piece in pieces {
        used += size(&piece) - 2;
        if used > room {
            break;
        }
        kept += piece.len();
    }
    kept
}

#[derive(Default)]
struct Cutter {
    path: Vec<String>,
    cuts: Vec<Cut>,
}

impl Cutter {
    fn cut(&mut self, shown: usize, of: usize, unit: Unit) {
        if self.cuts.len() < MOST_CUTS {
            let path = mastra_core::Path::from_segments(&self.path);
            let path = path.map_or_else(|_| self.path.join("."), |path| path.to_string());
            self.cuts.push(Cut { path: text(&path, PATH_BYTES).0, shown, of, unit });
        }
    }

    /// As much of the value as fits; nothing where no beginning of it does.
    fn value(&mut self, value: Value, room: usize) -> Option<Value> {
        if fits(&value, room) {
            return Some(value);
        }
        if room < LEAST {
            return None;
        }
        match value {
            Value::String(whole) => {
                let kept = prefix(&whole, room.saturating_sub(2 + ELLIPSIS.len_utf8()));
                self.cut(kept, whole.len(), Unit::Bytes);
                Some(Value::String(format!("{}{ELLIPSIS}", whole.get(..kept).unwrap_or_default())))
            }
            Value::Array(items) => Some(Value::Array(self.array(items, room))),
            Value::Object(map) => Some(Value::Object(self.object(map, room))),
            // A number of many digits says nothing without its last ones.
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// The first items.
    fn array(&mut self, items: Vec<Value>, room: usize) -> Vec<Value> {
        let (of, mut left, mut kept) = (items.len(), room.saturating_sub(2), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            let whole = fits(&item, left.saturating_sub(1));
            self.path.push(index.to_string());
            let item = self.value(item, left.saturating_sub(1));
            self.path.pop();
            let Some(item) = item else { break };
            left = left.saturating_sub(size(&item) + 1);
            kept.push(item);
            if !whole {
                break;
            }
        }
        if kept.len() < of {
            self.cut(kept.len(), of, Unit::Items);
        }
        kept
    }

    /// Every field that is no larger than its share, and of the others their beginning; where the shares are too small for that, the first
    /// fields.
    fn object(&mut self, map: Map<String, Value>, room: usize) -> Map<String, Value> {
        let sizes: Vec<usize> = map.iter().map(|(key, value)| size_up_to(key, room) + size_up_to(value, room) + 2).collect();
        let share = share(sizes.clone(), room.saturating_sub(2));
        let share = if share < LEAST_SHARE { usize::MAX } else { share };
        let (of, mut left, mut kept) = (map.len(), room.saturating_sub(2), Map::new());
        for ((key, value), whole) in map.into_iter().zip(sizes) {
            let allowed = whole.min(share).min(left);
            let key_size = size_up_to(&key, room) + 2;
            if allowed < key_size {
                continue;
            }
            self.path.push(key.clone());
            let value = self.value(value, allowed - key_size);
            self.path.pop();
            if let Some(value) = value {
                left = left.saturating_sub(size(&value) + key_size);
                kept.insert(key, value);
            }
        }
        if kept.len() < of {
            self.cut(kept.len(), of, Unit::Fields);
        }
        kept
    }
}

/// The size up to which each may be kept so that all fit: the small ones whole, the large ones alike.
fn share(mut sizes: Vec<usize>, room: usize) -> usize {
    sizes.sort_unstable();
    let (mut left, mut others) = (room, sizes.len());
    for size in sizes {
        let share = left / others.max(1);
        if size > share {
            return share;
        }
        left -= size;
        others -= 1;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cut(value: Value, room: usize) -> (Value, Vec<Cut>) {
        let Value::Object(map) = value else { panic!("not an object") };
        let (map, cuts) = object(map, room);
        assert!(size(&map) <= room, "{} bytes of {room}", size(&map));
        (Value::Object(map), cuts)
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let whole = json!({"a": "é", "b": [1, {"c": null}]});
        assert_eq!(cut(whole.clone(), size(&whole)), (whole, Vec::new()));
    }

    #[test]
    fn one_large_field_leaves_the_small_ones_whole() {
        let (kept, cuts) = cut(json!({"body": "x".repeat(5_000), "title": "Tea", "year": 1901}), 500);
        assert_eq!((&kept["title"], &kept["year"]), (&json!("Tea"), &json!(1901)));
        let shown = kept["body"].as_str().unwrap().len() - ELLIPSIS.len_utf8();
        assert!(shown > 300);
        assert_eq!(cuts, [Cut { path: "body".into(), shown, of: 5_000, unit: Unit::Bytes }]);
    }

    #[test]
    fn no_character_is_cut_and_escapes_count() {
        let family = "👨‍👩‍👧‍👦";
        for room in 100..200 {
            let (kept, _) = cut(json!({"a": family.repeat(100), "b": "\u{1}\"\\".repeat(400)}), room);
            let shown = kept["a"].as_str().unwrap().trim_end_matches(ELLIPSIS);
            assert_eq!(shown.len() % family.len(), 0, "{room}");
        }
        // One grapheme of a megabyte is cut between its characters.
        let (kept, _) = cut(json!({"a": format!("e{}", "\u{301}".repeat(500_000))}), 300);
        assert!(kept["a"].as_str().unwrap().len() > 200);
    }

    #[test]
    fn whatever_it_is_made_of_it_fits() {
        let deep = (0..90).fold(json!("y".repeat(900)), |inner, _| json!({"k": [inner, "z".repeat(50)]}));
        let many: Map<String, Value> = (0..5_000).map(|n| (format!("key{n}"), json!(n))).collect();
        let values = [
            json!({"a": vec![json!({"b": "x".repeat(100)}); 1_000]}),
            json!({"a": deep}),
            Value::Object(many),
            json!({"x".repeat(10_000): 1, "b": 2}),
            json!({"": {"": "x".repeat(9_000)}, "a.b": "y".repeat(9_000)}),
        ];
        for value in values {
            for room in [30, 64, 200, 1_000, 7_777] {
                let (kept, cuts) = cut(value.clone(), room);
                assert_eq!(cuts.is_empty(), kept == value, "{room}");
            }
        }
    }

    #[test]
    fn texts_are_cut_too() {
        assert_eq!(text("abc", 5), ("abc".into(), false));
        assert_eq!(text("abcdefghij", 10), ("abcde…".into(), true));
        assert_eq!(text("abc", 0), ("…".into(), true));
    }
}
