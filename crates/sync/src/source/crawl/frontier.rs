//! What waits to be read.

use crate::source::web::same_owner;
use std::collections::{HashSet, VecDeque};
use url::Url;

/// More than these are not kept.
const MOST_WAITING: usize = 100_000;
/// Nobody writes a longer link than this by hand.
const MOST_BYTES: usize = 2_000;

/// The pages that are known and not read yet, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    waiting: VecDeque<Url>,
    found: HashSet<String>,
    /// Whether some had no room.
    pub(super) overflowed: bool,
}

impl Frontier {
    /// Adds a page, once.
    pub(super) fn add(&mut self, url: Url) {
        if self.found.contains(url.as_str()) {
        } else if self.waiting.len() >= MOST_WAITING {
            self.overflowed = true;
        } else {
            self.found.insert(url.as_str().to_owned());
            self.waiting.push_back(url);
        }
    }

    /// Notes a page that is read without having waited. Whether it was unknown.
    pub(super) fn note(&mut self, url: &Url) -> bool {
        self.found.insert(url.as_str().to_owned())
    }

    /// The next so many.
    pub(super) fn take(&mut self, most: usize) -> Vec<Url> {
        self.waiting.drain(..most.min(self.waiting.len())).collect()
    }

    /// Whether something waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The URL that stands for all that differ in fragment, order of the query, or user.
pub(super) fn normalised(mut url: Url) -> Url {
    url.set_fragment(None);
    let sorted = url.query().map(|query| {
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        pairs.join("&")
    });
    url.set_query(sorted.as_deref().filter(|query| !query.is_empty()));
    // Neither fails for a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// A link as a page of the site at `home`; `None` where it leads elsewhere.
pub(super) fn on_site(home: &Url, link: Url) -> Option<Url> {
    let mut link = normalised(link);
    if link.scheme() == "http" && home.scheme() == "https" && same_owner(&link, home) {
        link.set_scheme("https").ok()?;
    }
    (link.origin() == home.origin() && link.as_str().len() <= MOST_BYTES).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_one_page_are_one() {
        let same = |one: &str, other: &str| {
            assert_eq!(normalised(Url::parse(one).unwrap()).as_str(), other);
        };
        same("HTTP://A.org:80/x/../y?b=2&a=1&a=0#f", "http://a.org/y?a=0&a=1&b=2");
        same("https://a.org?", "https://a.org/");
        same("https://user:key@a.org/%7ex?&&", "https://a.org/%7ex");
    }

    #[test]
    fn a_site_is_a_host_with_its_port() {
        let home = Url::parse("https://a.org/start").unwrap();
        let on = |link: &str| on_site(&home, Url::parse(link).unwrap()).map(String::from);
        assert_eq!(on("http://a.org/x#y").as_deref(), Some("https://a.org/x"));
        for link in ["https://www.a.org/", "https://a.org:8443/", "http://a.org:8080/", "mailto:x@a.org", "https://a.org.b.org/"]
        {
            assert_eq!(on(link), None, "{link}");
        }
        assert_eq!(on(&format!("https://a.org/{}", "x".repeat(2_000))), None);
    }

    #[test]
    fn pages_come_once_in_the_order_of_links() {
        let url = |path: &str| Url::parse(&format!("https://a.org/{path}")).unwrap();
        let mut frontier = Frontier::default();
        for path in ["b", "a", "b", "c"] {
            frontier.add(url(path));
        }
        assert_eq!(frontier.take(2), [url("b"), url("a")]);
        assert!(!frontier.note(&url("c")) && frontier.note(&url("d")));
        frontier.add(url("d"));
        assert_eq!(frontier.take(9), [url("c")]);
        assert!(frontier.is_empty() && !frontier.overflowed);
    }
}
