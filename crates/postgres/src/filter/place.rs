//! Where a path leads: the walk of the law in jsonpath.

use super::node::Node;
use crate::quote::jsonpath_string;
use mastra_core::path::array_index;

/// The most ways to read one path; each segment that may be an index doubles them.
const MOST_READINGS: usize = 4;

/// `@.type() == …` of an object.
pub(super) const IS_OBJECT: &str = "@.type() == \"object\"";

/// One reading of a path, every segment of it read as a key or as an index: the objects that its last key is looked up in, and
/// the way down from there.
///
/// That the way starts at an object, of which a filter expression sees one at a time, is what makes it lead to one value at
/// most, so that the value's type can be asked for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The path to the objects; in lax mode, a filter on it sees the members of an array on the way.
    base: String,
    /// Whether the base is the root, which is one object.
    at_root: bool,
    /// Ways from an object that have to lead to arrays, since lax mode takes anything else for an array of one.
    arrays: Vec<String>,
    /// The way from an object to the value: its key, then indexes.
    way: String,
}

impl Place {
    /// The path to the values, of which there may be any number.
    fn values(&self) -> String {
        if self.arrays.is_empty() {
            return format!("{}{}", self.base, self.way);
        }
        let guard = Node::and(self.guards("@")).into_condition().unwrap_or_default();
        format!("{} ? ({guard}){}", self.base, self.way)
    }

    /// Whether a value is there.
    pub(super) fn exists(&self) -> Node {
        Node::ALWAYS.of_some(&self.values())
    }

    /// Whether a value, or a member of it, satisfies `test`, which is about `@`.
    pub(super) fn value_or_member(&self, test: Node) -> Node {
        test.of_some(&self.values())
    }

    /// Whether a value, itself and unopened, satisfies `test`, which is given how to write it.
    pub(super) fn value(&self, test: impl FnOnce(&str) -> Node) -> Node {
        if self.at_root {
            let test = test(&format!("{}{}", self.base, self.way));
            return Node::and(self.guards(&self.base).into_iter().chain([test]));
        }
        let test = test(&format!("@{}", self.way));
        Node::and(self.guards("@").into_iter().chain([test])).of_some(&self.base)
    }

    /// Whether a value is an array with a member that satisfies `test`, which is about `@`.
    pub(super) fn member_of_array(&self, test: Node) -> Node {
        let is_array = [Node::when(format!("@{}.type() == \"array\"", self.way))];
        let guard = Node::and(self.guards("@").into_iter().chain(is_array)).into_condition().unwrap_or_default();
        test.of_some_member(&format!("{} ? ({guard}){}", self.base, self.way))
    }

    fn guards(&self, object: &str) -> Vec<Node> {
        let is_object = (!self.at_root).then(|| Node::when(IS_OBJECT));
        let arrays = self.arrays.iter().map(|way| Node::when(format!("{object}{way}.type() == \"array\"")));
        is_object.into_iter().chain(arrays).collect()
    }
}

/// Every reading of a path from a root that is an object, `$` or `@`; `None` where there are too many, or none can be written.
pub(super) fn places(root: &str, segments: &[String]) -> Option<Vec<Place>> {
    let (first, rest) = segments.split_first()?;
    let mut places = vec![Place { base: root.to_owned(), at_root: true, arrays: Vec::new(), way: key(first)? }];
    for segment in rest {
        let as_key = key(segment)?;
        let index = index(segment);
        places = places
            .into_iter()
            .flat_map(|place| {
                let by_index = index.map(|index| {
                    let mut place = place.clone();
                    place.arrays.push(place.way.clone());
                    place.way.push_str(&format!("[{index}]"));
                    place
                });
                let by_key = Place { base: place.values(), at_root: false, arrays: Vec::new(), way: as_key.clone() };
                [Some(by_key), by_index].into_iter().flatten()
            })
            .collect();
        if places.len() > MOST_READINGS {
            return None;
        }
    }
    Some(places)
}

/// Whether the walk of a path from an object misses on some branch.
pub(super) fn missing(root: &str, segments: &[String]) -> Option<Node> {
    let (first, rest) = segments.split_first()?;
    let mut missing = vec![Node::when(format!("exists({root}{})", key(first)?)).negate()];
    for (walked, segment) in rest.iter().enumerate() {
        let (as_key, index) = (key(segment)?, index(segment));
        for place in places(root, segments.get(..=walked)?)? {
            missing.push(place.value(|value| step_misses(value, &as_key, index)));
        }
    }
    Some(Node::or(missing))
}

/// Whether one more segment misses, from a value that the walk reached.
fn step_misses(value: &str, key: &str, index: Option<i32>) -> Node {
    let there = Node::when(format!("exists({value})"));
    let object = Node::when(IS_OBJECT);
    // A scalar, an empty array, an array of anything but objects; a filter sees the members of an array.
    let no_object = object.clone().of_some(value).negate();
    let lacks_key = Node::and([object, Node::when(format!("exists(@{key})")).negate()]).of_some(value);
    let by_index = index.map(|index| {
        let found = [Node::when(format!("{value}.type() == \"array\"")), Node::when(format!("exists({value}[{index}])"))];
        Node::and(found).negate()
    });
    Node::and([Some(there), by_index, Some(Node::or([no_object, lacks_key]))].into_iter().flatten())
}

/// The accessor of a key; none where no document can have it, since Postgres stores no U+0000.
fn key(segment: &str) -> Option<String> {
    (!segment.contains('\0')).then(|| format!(".{}", jsonpath_string(segment)))
}

/// The index that a segment may be, within what the server takes for one.
fn index(segment: &str) -> Option<i32> {
    array_index(segment).and_then(|index| i32::try_from(index).ok())
}
