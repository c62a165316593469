//! The structure of Markdown, by `pulldown-cmark`.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::structure::{Begins, Structure};

/// Headings and blocks of a text in Markdown, and the title that its front matter gives.
pub(super) fn structure(text: &str) -> (Structure, Option<String>) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut found = Structure::default();
    let mut title = None;
    let mut heading: Option<(u8, usize, Range<usize>, String)> = None;
    let mut front_matter = false;
    let mut depth = 0_usize;
    let mut lines = Lines { text, looked: 0, start: 0 };
    for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                let block = match &tag {
                    Tag::Heading { level, .. } => {
                        heading = Some((*level as u8, lines.start_of(span.start), span.clone(), String::new()));
                        false
                    }
                    Tag::MetadataBlock(_) => {
                        front_matter = true;
                        false
                    }
                    Tag::Paragraph
                    | Tag::BlockQuote(_)
                    | Tag::CodeBlock(_)
                    | Tag::HtmlBlock
                    | Tag::List(_)
                    | Tag::Item
                    | Tag::FootnoteDefinition(_)
                    | Tag::Table(_)
                    | Tag::TableRow => true,
                    _ => false,
                };
                if block {
                    found.begin(lines.start_of(span.start), if depth == 0 { Begins::Block } else { Begins::Item });
                }
                depth += 1;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                match end {
                    TagEnd::Heading(_) => {
                        if let Some((level, line, span, title)) = heading.take() {
                            found.heading(level, &title, line, span);
                        }
                    }
                    TagEnd::MetadataBlock(_) => front_matter = false,
                    _ => {}
                }
            }
            Event::Rule => found.begin(lines.start_of(span.start), Begins::Block),
            Event::Text(piece) | Event::Code(piece) => {
                if let Some((.., title)) = &mut heading {
                    title.push_str(&piece);
                } else if front_matter && title.is_none() {
                    title = title_line(&piece);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((.., title)) = &mut heading {
                    title.push(' ');
                }
            }
            _ => {}
        }
    }
    (found, title)
}

/// Where the line of an offset begins: a cut is made there, before indentation and marks. Offsets come in ascending order, so that no byte is
/// looked at twice, however much begins on one line.
struct Lines<'t> {
    text: &'t str,
    looked: usize,
    start: usize,
}

impl Lines<'_> {
    fn start_of(&mut self, offset: usize) -> usize {
        if offset < self.looked {
            (self.looked, self.start) = (0, 0);
        }
        let between = self.text.as_bytes().get(self.looked..offset).unwrap_or_default();
        if let Some(newline) = between.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            self.start = self.looked + newline + 1;
        }
        self.looked = offset;
        self.start
    }
}

/// The `title:` of a front matter.
fn title_line(front_matter: &str) -> Option<String> {
    let value = front_matter.lines().find_map(|line| line.strip_prefix("title:"))?.trim();
    let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value);
    (!bare.is_empty()).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_blocks_and_front_matter() {
        let text =
            "---\ntitle: \"The Tea\"\n---\n# A `b` *c*\n\nText.\n\n- one\n- two\n\nSub\n---\n\n```\n# no heading\n```\n> ## Q\n";
        let (found, title) = structure(text);
        assert_eq!(title.as_deref(), Some("The Tea"));
        let headings: Vec<_> = found.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
        assert_eq!(headings, [(1, "A b c"), (2, "Sub"), (2, "Q")]);
        let begins: Vec<_> = found.begins.iter().map(|(at, what)| (text[*at..].lines().next().unwrap(), *what)).collect();
        assert_eq!(
            begins,
            [
                ("# A `b` *c*", Begins::Section(6)),
                ("Text.", Begins::Block),
                ("- one", Begins::Block),
                ("- two", Begins::Item),
                ("Sub", Begins::Section(5)),
                ("```", Begins::Block),
                ("> ## Q", Begins::Section(5)),
            ]
        );
    }
}
