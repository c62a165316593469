//! The text of a page of HTML, and its structure. `html5gum` reads the page as a browser's tokenizer would: broken pages have a text too.

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::structure::{Begins, Structure, one_line};

/// A page as a text.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// In the manner of Markdown: `#` before headings, `-` before items, fences about code.
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) structure: Structure,
    tag: Vec<u8>,
    attribute: Vec<u8>,
    alt: String,
    /// The element whose content is no text, until it ends.
    skipped: Option<Vec<u8>>,
    in_title: bool,
    in_pre: bool,
    /// Each open list: the number of its last item where it counts them.
    lists: Vec<Option<usize>>,
    in_table: usize,
    cells: usize,
    heading: Option<Open>,
    gap: Gap,
    marker: String,
    /// The next line begins a block that stands for itself, though it is an item.
    fresh: bool,
}

/// A heading that has not ended.
#[derive(Debug)]
struct Open {
    level: u8,
    start: Option<usize>,
    title: String,
}

/// What parts the next word from the last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Blank,
}

/// Reads a page. Scripts, styles and comments are left out; the title is not part of the text.
pub(super) fn read(html: &str) -> Page {
    let mut page = Page::default();
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<()> {
        page.event(event);
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(()) = token;
    }
    page.end_heading();
    page.end_pre();
    if !page.text.is_empty() {
        page.text.push('\n');
    }
    page
}

impl Page {
    fn event(&mut self, event: CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = name.to_vec();
                self.attribute.clear();
                self.alt.clear();
            }
            CallbackEvent::AttributeName { name } => self.attribute = name.to_vec(),
            CallbackEvent::AttributeValue { value } if self.attribute == b"alt" => {
                self.alt = String::from_utf8_lossy(value).into_owned()
            }
            CallbackEvent::CloseStartTag { .. } => {
                let tag = std::mem::take(&mut self.tag);
                self.start(&tag);
            }
            CallbackEvent::EndTag { name } => self.end(name),
            CallbackEvent::String { value } => self.string(&String::from_utf8_lossy(value)),
            _ => {}
        }
    }

    fn start(&mut self, tag: &[u8]) {
        match tag {
            _ if self.skipped.is_some() => {}
            b"script" | b"style" | b"noscript" | b"iframe" | b"noembed" | b"noframe" => self.skipped = Some(tag.to_vec()),
            b"title" => self.in_title = true,
            b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => {
                self.end_heading();
                let level = tag.get(1).map_or(1, |digit| digit - b'0');
                self.part(Gap::Blank);
                self.marker = format!("{} ", "#".repeat(level.into()));
                self.heading = Some(Open { level, start: None, title: String::new() });
            }
            b"pre" if !self.in_pre => {
                self.part(Gap::Blank);
                self.put("```\n");
                self.in_pre = true;
            }
            b"ul" | b"ol" | b"menu" => {
                let outermost = self.lists.is_empty();
                self.part(if outermost { Gap::Blank } else { Gap::Line });
                self.fresh = self.fresh || outermost;
                self.lists.push((tag == b"ol").then_some(0));
            }
            b"li" => {
                self.part(Gap::Line);
                // Lists as deep as a hostile page likes are not indented as deeply.
                let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(8));
                self.marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{indent}{number}. ")
                    }
                    _ => format!("{indent}- "),
                };
            }
            b"table" => {
                self.part(Gap::Blank);
                self.fresh = true;
                self.in_table += 1;
            }
            b"tr" => {
                self.part(Gap::Line);
                self.cells = 0;
            }
            b"td" | b"th" => {
                if self.cells > 0 && self.gap <= Gap::Space {
                    self.text += " |";
                    self.gap = Gap::Space;
                }
                self.cells += 1;
            }
            b"img" => {
                let alt = std::mem::take(&mut self.alt);
                self.string(&alt);
            }
            b"br" => self.gap = self.gap.max(Gap::Line),
            _ => self.part(gap_of(tag)),
        }
    }

    fn end(&mut self, tag: &[u8]) {
        if let Some(skipped) = &self.skipped {
            if skipped == tag {
                self.skipped = None;
            }
            return;
        }
        match tag {
            b"title" => self.in_title = false,
            b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => {
                self.end_heading();
                self.gap = Gap::Blank;
            }
            b"pre" => self.end_pre(),
            b"ul" | b"ol" | b"menu" => {
                self.lists.pop();
                self.part(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
            }
            b"table" => {
                self.in_table = self.in_table.saturating_sub(1);
                self.part(Gap::Blank);
            }
            b"td" | b"th" => {}
            b"li" | b"tr" => self.part(Gap::Line),
            _ => self.part(gap_of(tag)),
        }
    }

    fn string(&mut self, text: &str) {
        if self.skipped.is_some() {
        } else if self.in_title {
            let title = one_line(text);
            if self.title.is_none() && !title.is_empty() {
                self.title = Some(title);
            }
        } else if self.in_pre {
            self.text += text;
        } else {
            if text.starts_with(char::is_whitespace) {
                self.gap = self.gap.max(Gap::Space);
            }
            for word in text.split_whitespace() {
                self.put(word);
                self.gap = Gap::Space;
            }
            if !text.ends_with(char::is_whitespace) && !text.is_empty() {
                self.gap = Gap::None;
            }
        }
    }

    /// Writes a word, behind what parts it from the last one.
    fn put(&mut self, word: &str) {
        let gap = if self.text.is_empty() { Gap::Blank } else { self.gap };
        if !self.text.is_empty() {
            self.text += match gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Blank => "\n\n",
            };
        }
        self.gap = Gap::None;
        let start = self.text.len();
        if gap >= Gap::Line {
            let inside = !self.lists.is_empty() || self.in_table > 0;
            let begins = if inside && !self.fresh { Some(Begins::Item) } else { (gap == Gap::Blank).then_some(Begins::Block) };
            if let Some(begins) = begins {
                self.structure.begin(start, begins);
            }
            self.fresh = false;
            self.text += &std::mem::take(&mut self.marker);
        }
        self.text += word;
        if let Some(heading) = &mut self.heading {
            heading.start.get_or_insert(start);
            if gap != Gap::None && !heading.title.is_empty() {
                heading.title.push(' ');
            }
            heading.title += word;
        }
    }

    /// What follows is a block of its own.
    fn part(&mut self, gap: Gap) {
        if gap == Gap::None || self.in_pre {
            return;
        }
        self.gap = self.gap.max(gap);
        // A heading that nobody ended ends with the block; one around blocks goes on.
        if self.heading.as_ref().is_some_and(|heading| heading.start.is_some()) {
            self.end_heading();
        }
    }

    fn end_heading(&mut self) {
        if let Some(heading) = self.heading.take()
            && let Some(start) = heading.start
        {
            self.structure.heading(heading.level, &heading.title, start, start..self.text.len());
            self.gap = Gap::Blank;
        }
        self.marker.clear();
    }

    fn end_pre(&mut self) {
        if std::mem::take(&mut self.in_pre) {
            self.text += if self.text.ends_with('\n') { "```" } else { "\n```" };
            self.gap = Gap::Blank;
        }
    }
}

/// What an element is parted by from what stands before and behind it.
fn gap_of(tag: &[u8]) -> Gap {
    match tag {
        b"p" | b"section" | b"article" | b"aside" | b"main" | b"nav" | b"header" | b"footer" | b"blockquote" | b"figure"
        | b"dl" | b"form" | b"fieldset" | b"hr" | b"details" | b"body" => Gap::Blank,
        b"div" | b"dt" | b"dd" | b"address" | b"center" | b"figcaption" | b"caption" | b"legend" | b"summary" | b"option"
        | b"thead" | b"tbody" | b"tfoot" | b"hgroup" | b"dialog" => Gap::Line,
        _ => Gap::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        read(html).text
    }

    #[test]
    fn a_page_as_text() {
        let html = "<!doctype html><html><head><TITLE>Tea &amp; more</Title><style>p{}</style><script>if (a < b) {}</SCRIPT></head>\
            <body><h1>Tea <em>time</em></h1><!-- <p>no</p> --><p>Green <b>tea</b>, caf&eacute;&#33; &unknown; 1 &lt; 2</p>a<br/>End\
            <h2>Kinds</h2><ul><li>one<ol><li>1st</li><li>2nd</ol><li>two</ul><pre>x\n  y</pre>\
            <table><tr><th>a<th>b<tr><td>1</td><td>2</td></table><img alt='A cup' src=x></body></html>";
        let page = read(html);
        assert_eq!(page.title.as_deref(), Some("Tea & more"));
        assert_eq!(
            page.text,
            "# Tea time\n\nGreen tea, café! &unknown; 1 < 2\n\na\nEnd\n\n## Kinds\n\n- one\n  1. 1st\n  2. 2nd\n- two\n\n```\nx\n  y\n```\n\na | b\n1 | 2\n\nA cup\n"
        );
        let titles: Vec<_> = page.structure.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
        assert_eq!(titles, [(1, "Tea time"), (2, "Kinds")]);
        let begins: Vec<_> =
            page.structure.begins.iter().map(|(at, what)| (page.text[*at..].lines().next().unwrap(), *what)).collect();
        assert_eq!(
            begins,
            [
                ("# Tea time", Begins::Section(6)),
                ("Green tea, café! &unknown; 1 < 2", Begins::Block),
                ("a", Begins::Block),
                ("## Kinds", Begins::Section(5)),
                ("- one", Begins::Block),
                ("  1. 1st", Begins::Item),
                ("  2. 2nd", Begins::Item),
                ("- two", Begins::Item),
                ("```", Begins::Block),
                ("a | b", Begins::Block),
                ("1 | 2", Begins::Item),
                ("A cup", Begins::Block),
            ]
        );
    }

    #[test]
    fn broken_pages_have_a_text() {
        assert_eq!(text("a < b <"), "a < b <\n");
        assert_eq!(text("<h1>Open<p>next</h1>after"), "# Open\n\nnext\n\nafter\n");
        assert_eq!(text("<h1><div>In a block</div></h1>x"), "# In a block\n\nx\n");
        assert_eq!(text("<script>never closed <p>x"), "");
        assert_eq!(text("<pre>open"), "```\nopen\n```\n");
        assert_eq!(text("</ul></table></p>x</td>y"), "xy\n");
        assert!(text("&#0;&#xffffffff;\u{0}").trim_end().chars().all(|c| c == '\u{fffd}' || c == '\0'));
        for html in ["", "<", "<p", "<!-- x", "<![CDATA[", "<a href=\"", "</", "<svg><title>a</title></svg>"] {
            let _ = read(html);
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let html = format!("{}deep{}", "<div><ul><li>".repeat(50_000), "</li></ul></div>".repeat(50_000));
        assert!(text(&html).trim_start().ends_with("- deep\n"));
    }
}
