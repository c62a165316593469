//! A page of HTML: where it leads, and which part of it is its content.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use std::ops::Range;
use url::Url;

/// What the main content is without, wherever it stands.
const LEFT_OUT: [&[u8]; 5] = [b"nav", b"aside", b"footer", b"template", b"dialog"];
/// Roles that say the same.
const ROLES_LEFT_OUT: [&[u8]; 5] = [b"navigation", b"banner", b"contentinfo", b"complementary", b"search"];
/// Elements that always have an end, so that one of them can be left out for an attribute.
const WITH_END: [&[u8]; 12] =
    [b"div", b"section", b"header", b"form", b"ul", b"ol", b"table", b"span", b"a", b"button", b"svg", b"article"];
/// Of these, what stands within a line.
const INLINE: [&[u8]; 4] = [b"span", b"a", b"button", b"svg"];

/// What a page says.
#[derive(Debug)]
pub(super) struct Content {
    /// The page, cut down to its title and main content.
    pub(super) html: String,
    /// What it links to, as it is spelled, in its order.
    links: Vec<String>,
    base: Option<String>,
}

impl Content {
    /// What it links to, from where it stands.
    pub(super) fn links(&self, page: &Url) -> Vec<Url> {
        let base = self.base.as_ref().and_then(|base| page.join(base).ok());
        let base = base.as_ref().unwrap_or(page);
        self.links.iter().filter_map(|link| base.join(link.trim()).ok()).collect()
    }
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    name: Vec<u8>,
    /// Elements of the same name within it.
    depth: usize,
    start: usize,
}

impl Open {
    /// Notes an end tag. Whether it is this element's.
    fn ends(&mut self, name: &[u8]) -> bool {
        if self.name != name {
            return false;
        }
        self.depth -= 1;
        self.depth == 0
    }
}

#[derive(Debug, Default)]
struct Reader {
    links: Vec<String>,
    base: Option<String>,
    left_out: Option<Open>,
    removed: Vec<(Range<usize>, bool)>,
    main: Option<Open>,
    mains: Vec<Range<usize>>,
    article: Option<Open>,
    articles: Vec<Range<usize>>,
    title: Option<Range<usize>>,
    in_title: bool,
}

/// Reads a page, however broken. Linear time.
pub(super) fn read(html: &str) -> Content {
    // As a browser reads them, so that positions count the same.
    let html = html.replace("\r\n", "\n").replace('\r', "\n");
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut reader = Reader::default();
    for token in Tokenizer::new_with_emitter(html.as_str(), emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(&tag.name, tag.span.start, tag.span.end),
            _ => {}
        }
    }
    // A main part that nobody ended goes on to the end; so does an article.
    for (open, ranges) in [(reader.main.take(), &mut reader.mains), (reader.article.take(), &mut reader.articles)] {
        ranges.extend(open.map(|open| open.start..html.len()));
    }
    let cut = reader.cut(&html);
    Content { html: cut, links: reader.links, base: reader.base }
}

impl Reader {
    fn start(&mut self, tag: &StartTag<usize>) {
        let name: &[u8] = &tag.name;
        let attribute = |key: &[u8]| tag.attributes.get(key).map(|value| value.value.as_slice());
        let text = |key: &[u8]| attribute(key).map(|value| String::from_utf8_lossy(value).into_owned());
        match name {
            b"a" | b"area" => self.links.extend(text(b"href")),
            b"base" if self.base.is_none() => self.base = text(b"href"),
            b"title" if self.title.is_none() && !self.in_title => {
                self.title = Some(tag.span.start..tag.span.end);
                self.in_title = true;
            }
            _ => {}
        }
        for open in [&mut self.left_out, &mut self.main, &mut self.article].into_iter().flatten() {
            if open.name == name {
                open.depth += 1;
            }
        }
        if self.left_out.is_some() {
            return;
        }
        let role = attribute(b"role").unwrap_or_default();
        let is_hidden = attribute(b"hidden").is_some() || attribute(b"aria-hidden") == Some(b"true");
        let by_attribute = WITH_END.contains(&name) && (is_hidden || ROLES_LEFT_OUT.contains(&role));
        // The head of the page is none of its content; that of an article is.
        let is_head = name == b"header" && self.main.is_none() && self.article.is_none();
        let open = |start| Some(Open { name: name.to_vec(), depth: 1, start });
        if LEFT_OUT.contains(&name) || by_attribute || is_head {
            self.left_out = open(tag.span.start);
        } else if self.main.is_none() && (name == b"main" || (role == b"main" && WITH_END.contains(&name))) {
            self.main = open(tag.span.end);
        } else if self.article.is_none() && name == b"article" {
            self.article = open(tag.span.end);
        }
    }

    fn end(&mut self, name: &[u8], start: usize, end: usize) {
        if name == b"title" && std::mem::take(&mut self.in_title) {
            self.title = self.title.take().map(|title| title.start..end);
        }
        if self.left_out.as_mut().is_some_and(|open| open.ends(name))
            && let Some(open) = self.left_out.take()
        {
            self.removed.push((open.start..end, INLINE.contains(&name)));
        }
        for (part, ranges) in [(&mut self.main, &mut self.mains), (&mut self.article, &mut self.articles)] {
            if part.as_mut().is_some_and(|open| open.ends(name))
                && let Some(open) = part.take()
            {
                ranges.push(open.start..start);
            }
        }
    }

    /// The title and the main content.
    fn cut(&self, html: &str) -> String {
        let whole = 0..html.len();
        let parts: &[Range<usize>] = match (&*self.mains, &*self.articles) {
            ([], [article]) => std::slice::from_ref(article),
            ([], _) => std::slice::from_ref(&whole),
            (mains, _) => mains,
        };
        let mut text = String::new();
        if !self.mains.is_empty() || self.articles.len() == 1 {
            text.extend(self.title.clone().and_then(|title| html.get(title)));
        }
        for part in parts {
            text += "<hr>";
            let mut at = part.start;
            for (removed, inline) in
                self.removed.iter().filter(|(removed, _)| removed.start < part.end && removed.end > part.start)
            {
                text += html.get(at..removed.start).unwrap_or_default();
                text += if *inline { " " } else { "<hr>" };
                at = removed.end.max(at);
            }
            text += html.get(at..part.end).unwrap_or_default();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mastra_rag::document::Document;

    fn text(html: &str) -> String {
        Document::from_html(&read(html).html).text().trim_end().to_owned()
    }

    #[test]
    fn the_main_content_is_found() {
        let around = |content: &str| {
            format!(
                "<!doctype html><html><head><title>Tea</title><script>'<main>no</main>'</script></head><body>\r\n<header>Site</header>\
                 <nav><ul><li><a href=/a>A</a></ul></nav>{content}<aside>Ad</aside><footer>©</footer></body></html>"
            )
        };
        for (content, expected) in [
            ("<main><header><h1>T</h1></header><p>One<nav>toc</nav><p>Two</main><div>after</div>", "# T\n\nOne\n\nTwo"),
            ("<div role=main><div>a</div>b</div><div>c</div>", "a\nb"),
            ("<div>x</div><article><header><h2>T</h2></header>a</article>", "## T\n\na"),
            ("<article>a</article><article>b</article>x", "a\n\nb\n\nx"),
            ("<p>plain", "plain"),
            ("<main>a<main>b</main>c</main>d", "a\nb\nc"),
            ("<main>open <p>to the end", "open\n\nto the end"),
            ("<main>a<div hidden>secret</div><span aria-hidden=true>#</span>b<input hidden>c</main>", "a\n\nbc"),
            ("<div role=banner>x</div><div role=search><div>y</div></div>z", "z"),
        ] {
            let found = text(&around(content));
            let found = found.replace("\n\n", "\n");
            assert_eq!(found, expected.replace("\n\n", "\n"), "{content}");
            assert_eq!(Document::from_html(&read(&around(content)).html).title(), Some("Tea"), "{content}");
        }
    }

    #[test]
    fn links_are_found_wherever_they_stand() {
        let page = Url::parse("https://a.org/x/y").unwrap();
        let links = |html: &str| read(html).links(&page).iter().map(Url::to_string).collect::<Vec<_>>();
        assert_eq!(
            links("<nav><a href='z?b&amp;a#f'>z</a></nav><area HREF=/w><a name=x><a href=' //b.org '><a href='http://['>"),
            ["https://a.org/x/z?b&a#f", "https://a.org/w", "https://b.org/"]
        );
        assert_eq!(links("<base href='/base/'><base href='/no/'><a href=z>"), ["https://a.org/base/z"]);
        assert!(links("<!-- <a href=x> --><script>'<a href=y>'</script>&lt;a href=z>").is_empty());
    }

    #[test]
    fn broken_pages_are_read() {
        for html in [
            "",
            "<",
            "<main",
            "</main></nav>",
            "<nav>never ended <main>x</main>",
            "<title>open",
            "<main></main></main><main>",
            "é<nav>é</nav>é",
        ] {
            let _ = text(html);
        }
        assert!(text("<nav>never ended <p>content").contains("content"));
        assert_eq!(text("é<nav>é</nav>ü"), "é\n\nü");
    }
}
