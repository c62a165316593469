//! What was left out, counted by reason.

use super::read::LARGEST;
use crate::output::text;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use std::collections::BTreeMap;

/// So many of each are named.
const NAMED: usize = 3;

/// Why a file or folder is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reason {
    Large,
    NotUtf8,
    Binary,
    Malformed,
    Members,
    Unreadable,
    Changing,
    Blank,
    Name,
    Link,
    Folder,
    Hidden,
    Other,
}

impl Reason {
    fn told(self) -> String {
        match self {
            Self::Large => format!("larger than {} MiB", LARGEST >> 20),
            Self::NotUtf8 => "not UTF-8".to_owned(),
            Self::Binary => "binary".to_owned(),
            Self::Malformed => "malformed JSON".to_owned(),
            Self::Members => "of too many records, for mastra records import".to_owned(),
            Self::Unreadable => "that cannot be read".to_owned(),
            Self::Changing => "changed while it was read".to_owned(),
            Self::Blank => "without text".to_owned(),
            Self::Name => "whose name is too long or not UTF-8".to_owned(),
            Self::Link => "links".to_owned(),
            Self::Folder => "folders of dependencies or builds".to_owned(),
            Self::Hidden => "hidden".to_owned(),
            Self::Other => "of another kind".to_owned(),
        }
    }

    /// Whether somebody may wonder where it is.
    fn is_surprising(self) -> bool {
        !matches!(self, Self::Link | Self::Folder | Self::Hidden | Self::Other)
    }
}

/// What was left out.
#[derive(Debug, Default)]
pub(super) struct Skipped(BTreeMap<Reason, Group>);

#[derive(Debug, Default, Serialize)]
struct Group {
    count: u64,
    /// The first of them.
    examples: Vec<String>,
}

impl Skipped {
    pub(super) fn add(&mut self, reason: Reason, name: impl AsRef<str>) {
        let group = self.0.entry(reason).or_default();
        group.count += 1;
        if group.examples.len() < NAMED {
            group.examples.push(name.as_ref().to_owned());
        }
    }

    /// All of it in a line; `None` where nothing was left out.
    pub(super) fn told(&self) -> Option<String> {
        let parts = self.0.iter().map(|(reason, group)| {
            let mut part = format!("{} {}", text::count(group.count), reason.told());
            if reason.is_surprising() {
                let more = if group.count as usize > group.examples.len() { ", …" } else { "" };
                let names: Vec<String> = group.examples.iter().map(|name| text::clean(name)).collect();
                part += &format!(" ({}{more})", names.join(", "));
            }
            part
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { None } else { Some(format!("left out: {}", parts.join("; "))) }
    }
}

impl Serialize for Skipped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, group) in &self.0 {
            map.serialize_entry(reason, group)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_and_names_what_surprises() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.told(), None);
        for n in 0..5 {
            skipped.add(Reason::Binary, format!("b{n}.md"));
        }
        skipped.add(Reason::Other, "x.png");
        assert_eq!(skipped.told().unwrap(), "left out: 5 binary (b0.md, b1.md, b2.md, …); 1 of another kind");
        let document = serde_json::to_value(&skipped).unwrap();
        assert_eq!(document["binary"]["count"], 5);
    }
}
