//! URLs as they may be shown.

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// The URL without its password and without the values of parameters that sound like one.
pub(crate) fn redacted(url: &str) -> String {
    let (front, query) = url.split_once('?').map_or((url, None), |(front, query)| (front, Some(query)));
    let front = match front.split_once("://") {
        // A password may hold any character that its writer forgot to escape: the last @ ends it.
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, _)) => format!("{scheme}://{name}:{HIDDEN}@{host}"),
                None => front.to_owned(),
            },
            None => front.to_owned(),
        },
        None => match front.rsplit_once('@') {
            // The slashes were forgotten, or the scheme: `user:password@host`.
            Some((user, host)) if user.contains(':') && !is_file(front) => format!("{HIDDEN}@{host}"),
            _ => front.to_owned(),
        },
    };
    match query {
        // An @ this late means that the question mark belonged to the password.
        Some(query) if query.contains('@') && url.contains("://") => whole(url),
        Some(query) => format!("{front}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&")),
        None => front,
    }
}

/// Whether it names a file, whose path may hold any character.
fn is_file(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| ["sqlite", "file"].iter().any(|file| scheme.eq_ignore_ascii_case(file)))
}

/// For a URL whose parts cannot be told apart: what stands behind the last @ is no secret.
fn whole(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let host = url.rsplit_once('@').map_or("", |(_, host)| host);
    format!("{scheme}://{HIDDEN}@{host}")
}

fn parameter(pair: &str) -> String {
    let secret = |name: &str| ["password", "passwd", "pwd", "secret", "token", "key"].iter().any(|word| name.contains(word));
    match pair.split_once('=') {
        Some((name, _)) if secret(&name.to_ascii_lowercase()) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_the_rest_stays() {
        for (url, shown) in [
            ("postgres://u:p@h:5432/d?sslmode=require", "postgres://u:***@h:5432/d?sslmode=require"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://h/d?user=u&password=p", "postgres://h/d?user=u&password=***"),
            ("postgres://u:p@ss/w@h/d", "postgres://u:***@h/d"),
            ("postgres://u:a?b@h/d", "postgres://***@h/d"),
            ("sqlite:.mastra/mastra.db", "sqlite:.mastra/mastra.db"),
            ("sqlite:a@b.db", "sqlite:a@b.db"),
            ("mock://demo", "mock://demo"),
            ("user:p@h/d", "***@h/d"),
            ("postgres:u:p@h/d", "***@h/d"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
