//! How a text is built: its headings, and where its blocks begin.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

/// Titles past this many characters are cut: each chunk below a heading carries its title.
const MAX_TITLE: usize = 200;

/// A heading of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 for the highest to 6.
    pub level: u8,
    /// The heading's text on one line, without markup; at most 200 characters.
    pub title: String,
    /// Where it stands in the document's text, in bytes.
    pub span: Range<usize>,
}

/// What begins at a place, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Begins {
    /// An item of a list, a row of a table, or another block inside of one.
    Item,
    /// A block that stands for itself.
    Block,
    /// A section: 1 under a heading of level 6, to 6 under one of level 1.
    Section(u8),
}

/// Headings and beginnings of blocks, each in order of the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Structure {
    pub(crate) headings: Vec<Heading>,
    /// Beginnings of lines, each once.
    pub(crate) begins: Vec<(usize, Begins)>,
}

impl Structure {
    /// A heading; `line` is where its line begins.
    pub(crate) fn heading(&mut self, level: u8, title: &str, line: usize, span: Range<usize>) {
        let level = level.clamp(1, 6);
        self.begin(line, Begins::Section(7 - level));
        self.headings.push(Heading { level, title: one_line(title), span });
    }

    /// What begins at the line that begins at `offset`; of several there the greatest counts.
    pub(crate) fn begin(&mut self, offset: usize, what: Begins) {
        match self.begins.last_mut() {
            Some((last, found)) if *last == offset => *found = what.max(*found),
            // A block inside of a block that began on the same line was noted already.
            Some((last, _)) if *last > offset => {}
            _ => self.begins.push((offset, what)),
        }
    }

    /// What begins after `after` and not behind `until`.
    pub(crate) fn between(&self, after: usize, until: usize) -> &[(usize, Begins)] {
        let from = self.begins.partition_point(|(offset, _)| *offset <= after);
        let to = self.begins.partition_point(|(offset, _)| *offset <= until);
        self.begins.get(from..to).unwrap_or_default()
    }
}

/// Follows the headings of a text from its beginning to its end.
pub(crate) struct HeadingPath<'a> {
    rest: std::slice::Iter<'a, Heading>,
    open: Vec<&'a Heading>,
}

impl<'a> HeadingPath<'a> {
    pub(crate) fn new(structure: &'a Structure) -> Self {
        Self { rest: structure.headings.iter(), open: Vec::new() }
    }

    /// The headings over what begins at `offset`, the highest first. Headings at the place itself, and those that follow them
    /// without a text between, count. Offsets are asked for in ascending order.
    pub(crate) fn at(&mut self, text: &str, mut offset: usize) -> Vec<String> {
        while let Some(heading) = self.rest.as_slice().first() {
            let follows = || {
                text.get(offset..heading.span.start)
                    .is_some_and(|between| between.trim_matches(|c: char| c.is_whitespace() || c == '>').is_empty())
            };
            if heading.span.start > offset && !follows() {
                break;
            }
            offset = offset.max(heading.span.end);
            self.open.retain(|open| open.level < heading.level);
            self.open.push(heading);
            self.rest.next();
        }
        self.open.iter().map(|heading| heading.title.clone()).collect()
    }
}

/// A title on one line, of a bounded length.
pub(crate) fn one_line(title: &str) -> String {
    // A hostile title is cut before it is taken to words.
    let bounded: String = title.graphemes(true).take(4 * MAX_TITLE).collect();
    let words = bounded.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut graphemes = words.grapheme_indices(true);
    match graphemes.nth(MAX_TITLE) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default().trim_end()),
        None => words,
    }
}
