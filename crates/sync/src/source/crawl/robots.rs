//! What a site lets crawlers read.

use crate::source::web::{Ask, Client, Fetched, shown};
use mastra_core::{Error, ErrorKind, Result};
use robotxt::{BYTE_LIMIT, Robots};
use std::time::Duration;
use url::Url;

/// What the rules call this crawler, beside `*`.
pub(super) const AGENT: &str = "mastra-sync";

/// The rules of a site, by its `robots.txt`. Where there is none (any 4xx but 429, a redirect that leads nowhere) everything may be read.
/// `Unavailable` or `Timeout` where the server fails to give it: nothing may be read then.
pub(super) async fn of(client: &Client, site: &Url) -> Result<Robots> {
    let url = site.join("/robots.txt").map_err(|source| Error::internal("a site has no root").with_source(source))?;
    let error = match client.fetch(&Ask::new(&url).prefix(BYTE_LIMIT + 1)).await {
        Ok(Fetched::Answer(answer)) => return Ok(Robots::parse(&answer.body.unwrap_or_default(), AGENT)),
        Ok(Fetched::Unchanged | Fetched::Elsewhere(_)) => return Ok(Robots::allow_all()),
        Err(error) => error,
    };
    match error.get("status").and_then(|status| status.parse::<u16>().ok()) {
        Some(400..=428 | 430..=499) => Ok(Robots::allow_all()),
        // RFC 9309 lets redirects without an end count as no file.
        None if error.get("redirects").is_some() => Ok(Robots::allow_all()),
        _ if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
            let told = Error::new(error.kind(), "the site does not say what may be read: its robots.txt cannot be had");
            Err(told.retryable(error.is_retryable()).with("url", shown(&url)).with_source(error))
        }
        _ => Err(error),
    }
}

/// How long to wait between two requests: the longer of what is wished and what the site asks for, up to `most`.
pub(super) fn pace(wished: Duration, asked: Option<Duration>, most: Duration) -> Duration {
    wished.max(asked.unwrap_or_default().min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_given_the_time_that_it_asks_for() {
        let seconds = Duration::from_secs;
        assert_eq!(pace(seconds(1), None, seconds(10)), seconds(1));
        assert_eq!(pace(seconds(1), Some(seconds(3)), seconds(10)), seconds(3));
        assert_eq!(pace(seconds(1), Some(seconds(3_600)), seconds(10)), seconds(10));
        assert_eq!(pace(seconds(20), Some(seconds(3_600)), seconds(10)), seconds(20));
    }
}
