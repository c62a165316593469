//! Where a redirect leads, and what goes along.

use mastra_core::{Error, Result};
use url::Url;

/// Where the `Location` of an answer leads. `Unavailable`, never retryable, where that is nowhere.
pub(crate) fn target(from: &Url, location: &str) -> Result<Url> {
    let bad = |message: &str| Error::unavailable(message).retryable(false);
    let mut to = from.join(location).map_err(|source| bad("the server redirects to what is no URL").with_source(source))?;
    if !matches!(to.scheme(), "http" | "https") || to.host().is_none() {
        return Err(bad("the server redirects to what is neither http nor https"));
    }
    to.set_fragment(None);
    // What a server says is no password of ours. Neither fails for a URL with a host.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Ok(to)
}

/// Whether what was meant for one URL may be sent to another: the same host, port and scheme, or the same host behind its own TLS.
pub(crate) fn same_owner(one: &Url, other: &Url) -> bool {
    let upgraded = one.scheme() == "http" && one.port().is_none() && other.scheme() == "https" && other.port().is_none();
    one.host() == other.host() && (one.origin() == other.origin() || upgraded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_with_their_host() {
        let same = |one: &str, other: &str| same_owner(&Url::parse(one).unwrap(), &Url::parse(other).unwrap());
        assert!(same("https://a.org/x", "https://a.org:443/y?z"));
        assert!(same("http://a.org/", "https://a.org/"));
        for (one, other) in [
            ("https://a.org/", "http://a.org/"),
            ("https://a.org/", "https://b.org/"),
            ("https://a.org/", "https://www.a.org/"),
            ("https://a.org/", "https://a.org.b.org/"),
            ("http://a.org:8080/", "http://a.org:8081/"),
            ("http://a.org:8080/", "https://a.org:8443/"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn redirects_lead_to_the_web_alone() {
        let from = Url::parse("https://a.org/x/y?z#f").unwrap();
        assert_eq!(target(&from, "../b#c").unwrap().as_str(), "https://a.org/b");
        assert_eq!(target(&from, "//user:key@b.org").unwrap().as_str(), "https://b.org/");
        for location in ["file:///etc/passwd", "gopher://a.org/", "http://", "data:text/plain,x", "javascript:0"] {
            let error = target(&from, location).unwrap_err();
            assert!(!error.is_retryable(), "{location}");
        }
    }
}
