//! Which engine a command works on, and why: one pure function, so that every command answers alike.

mod redact;
mod sources;
mod unknown;
mod variables;

pub(crate) use redact::redacted;
pub(crate) use sources::{Settings, Sources, dotenv};
pub(crate) use unknown::nearest;
pub(crate) use variables::Variables;

use mastra_core::{Error, Result};
use std::fmt;
use std::path::PathBuf;

/// Where everything of this project's own lives.
pub(crate) const HOME: &str = ".mastra";

/// The project's configuration.
pub(crate) const CONFIG_FILE: &str = "mastra.toml";

/// The engine where none is named.
pub(crate) const DEFAULT_FILE: &str = ".mastra/mastra.db";

/// The name under which `engine add` writes the URL, and the first that is looked up.
pub(crate) const URL_VARIABLE: &str = "MASTRA_ENGINE_URL";

/// The names that hold an engine's URL, the first deciding first.
pub(crate) const VARIABLES: [&str; 3] = [URL_VARIABLE, "DATABASE_URL", "DB_URL"];

/// The engine that was chosen, and why.
#[derive(Clone, PartialEq)]
pub(crate) struct Choice {
    url: String,
    origin: Origin,
}

/// What decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// `--engine`.
    Flag,
    /// A variable of the environment.
    Environment(&'static str),
    /// A line of `.env`.
    DotEnv(PathBuf, &'static str),
    /// `[engine] url` of `mastra.toml`.
    Config(PathBuf),
    /// Nothing names an engine.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--engine"),
            Self::Environment(name) => write!(f, "{name} of the environment"),
            Self::DotEnv(file, name) => write!(f, "{name} of {}", file.display()),
            Self::Config(file) => write!(f, "[engine] url of {}", file.display()),
            Self::Default => f.write_str("the default, since nothing names another"),
        }
    }
}

impl Choice {
    /// The URL, which may hold a password: for connecting only.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The URL as it may be shown.
    pub(crate) fn shown(&self) -> String {
        redacted(&self.url)
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The URL's scheme in lower case.
    pub(crate) fn scheme(&self) -> String {
        self.url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.scheme().as_str(), "postgres" | "postgresql")
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.scheme().as_str(), "sqlite" | "file")
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("url", &self.shown()).field("origin", &self.origin).finish()
    }
}

/// Chooses: `--engine`, then `MASTRA_ENGINE_URL`, `DATABASE_URL` or `DB_URL` of the environment, then the same of `.env`, then
/// `mastra.toml`, then the file `.mastra/mastra.db`. Blank values count as absent, but a blank `--engine` is an error.
///
/// A value without a scheme is taken as a SQLite file. A `schema` of `mastra.toml` goes to whichever Postgres is chosen, unless
/// its URL names one.
pub(crate) fn resolve(sources: &Sources) -> Result<Choice> {
    if sources.flag.as_deref().is_some_and(|url| url.trim().is_empty()) {
        // Most likely a variable that is not set: what was to happen there must not happen elsewhere.
        return Err(Error::invalid_input("--engine is blank; give a URL, or leave the option out"));
    }
    let (url, origin) = choose(sources);
    if holds_password(&url) {
        // As a file's name it would stand in a folder and in messages.
        return Err(Error::invalid_input("this looks like a connection with a password, and has no scheme")
            .with("chosenBy", &origin)
            .with(crate::exit::HINT, "postgres://USER:PASSWORD@HOST/DATABASE, or sqlite:FILE for a file of such a name"));
    }
    let mut choice = Choice { url: with_scheme(&url), origin };
    if choice.scheme().is_empty() {
        return Err(
            Error::invalid_input("the engine URL has no scheme, such as sqlite: or postgres:").with("chosenBy", &choice.origin)
        );
    }
    if let (true, Some(schema)) = (choice.is_postgres(), sources.schema()) {
        choice.url = with_schema(&choice.url, schema);
    }
    Ok(choice)
}

fn choose(sources: &Sources) -> (String, Origin) {
    let given = |value: Option<&str>| value.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(url) = given(sources.flag.as_deref()) {
        return (url, Origin::Flag);
    }
    for name in VARIABLES {
        if let Some(url) = given(sources.environment.get(name).map(String::as_str)) {
            return (url, Origin::Environment(name));
        }
    }
    if let Some((file, values)) = &sources.dotenv {
        for name in VARIABLES {
            if let Some(url) = given(values.get(name).map(String::as_str)) {
                return (url, Origin::DotEnv(file.clone(), name));
            }
        }
    }
    if let Some((file, config)) = &sources.config
        && let Some(url) = given(config.engine.url.as_deref())
    {
        return (url, Origin::Config(file.clone()));
    }
    (format!("sqlite:{DEFAULT_FILE}"), Origin::Default)
}

/// Whether a value that would be taken as a file's path is rather `user:password@host`, or the `password=…` of another notation.
fn holds_password(url: &str) -> bool {
    let user = url.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    with_scheme(url) != url && (user || url.to_ascii_lowercase().contains("password="))
}

/// A path without a scheme is a SQLite file; one letter before a colon is a drive.
fn with_scheme(url: &str) -> String {
    let plain =
        |scheme: &str| scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    match url.split_once(':') {
        Some((scheme, _)) if plain(scheme) => url.to_owned(),
        // In a URL these have meanings of their own.
        _ => format!("sqlite:{}", url.replace('%', "%25").replace('?', "%3F")),
    }
}

fn with_schema(url: &str, schema: &str) -> String {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    if query.split('&').any(|pair| pair.starts_with("schema=")) {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    // Whatever the file says is one value: no part of it may become another option of the URL.
    let mut value = String::with_capacity(schema.len());
    for byte in schema.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => value.push(char::from(byte)),
            other => value.push_str(&format!("%{other:02X}")),
        }
    }
    format!("{url}{separator}schema={value}")
}

#[cfg(test)]
mod tests {
    use super::sources::{Config, EngineConfig};
    use super::*;
    use std::collections::BTreeMap;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Every source names an engine of its own.
    fn all() -> Sources {
        Sources {
            flag: Some("mock://flag".into()),
            environment: values(&[
                ("MASTRA_ENGINE_URL", "mock://env1"),
                ("DATABASE_URL", "mock://env2"),
                ("DB_URL", "mock://env3"),
            ]),
            dotenv: Some((
                ".env".into(),
                values(&[("MASTRA_ENGINE_URL", "mock://dot1"), ("DATABASE_URL", "mock://dot2"), ("DB_URL", "mock://dot3")]),
            )),
            config: Some((
                "mastra.toml".into(),
                Config { engine: EngineConfig { url: Some("mock://toml".into()), schema: None }, ..Config::default() },
            )),
        }
    }

    #[test]
    fn the_first_source_that_names_an_engine_decides() {
        let mut sources = all();
        let mut order = Vec::new();
        let mut take = |sources: &Sources| order.push(resolve(sources).unwrap().url);
        take(&sources);
        sources.flag = None;
        take(&sources);
        for name in VARIABLES {
            sources.environment.remove(name);
            take(&sources);
        }
        for name in VARIABLES {
            sources.dotenv.as_mut().unwrap().1.remove(name);
            take(&sources);
        }
        sources.config = None;
        take(&sources);
        assert_eq!(
            order,
            [
                "mock://flag",
                "mock://env1",
                "mock://env2",
                "mock://env3",
                "mock://dot1",
                "mock://dot2",
                "mock://dot3",
                "mock://toml",
                "sqlite:.mastra/mastra.db"
            ]
        );
    }

    #[test]
    fn it_says_why() {
        let mut sources = all();
        assert_eq!(resolve(&sources).unwrap().origin().to_string(), "--engine");
        sources.flag = Some("  ".into());
        assert!(resolve(&sources).unwrap_err().message().contains("blank"), "a variable that is not set chooses no other engine");
        sources.flag = None;
        assert_eq!(resolve(&sources).unwrap().origin().to_string(), "MASTRA_ENGINE_URL of the environment");
        sources.environment.clear();
        assert_eq!(resolve(&sources).unwrap().origin().to_string(), "MASTRA_ENGINE_URL of .env");
        sources.dotenv = None;
        assert_eq!(resolve(&sources).unwrap().origin().to_string(), "[engine] url of mastra.toml");
        assert!(resolve(&Sources::default()).unwrap().origin().to_string().contains("default"));
    }

    #[test]
    fn a_bare_path_is_a_sqlite_file() {
        let url = |flag: &str| resolve(&Sources { flag: Some(flag.into()), ..Sources::default() }).unwrap().url;
        assert_eq!(url("data/app.db"), "sqlite:data/app.db");
        assert_eq!(url(r"C:\data\app.db"), r"sqlite:C:\data\app.db");
        assert_eq!(url("50%?.db"), "sqlite:50%25%3F.db");
        assert_eq!(url("sqlite::memory:"), "sqlite::memory:");
    }

    #[test]
    fn what_holds_a_password_is_no_file() {
        for url in ["u:s3cret@h/d", "host=h password=s3cret", "postgres//u:s3cret@h/d"] {
            let error = resolve(&Sources { flag: Some(url.into()), ..Sources::default() }).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(resolve(&Sources { flag: Some("sqlite:a:b@c.db".into()), ..Sources::default() }).is_ok());
    }

    #[test]
    fn the_configured_schema_goes_to_postgres_unless_its_url_names_one() {
        let config =
            |schema: &str| Config { engine: EngineConfig { url: None, schema: Some(schema.into()) }, ..Config::default() };
        let mut sources = Sources { flag: Some("postgres://h/d".into()), ..Sources::default() };
        sources.config = Some(("mastra.toml".into(), config("app")));
        assert_eq!(resolve(&sources).unwrap().url, "postgres://h/d?schema=app");
        sources.config = Some(("mastra.toml".into(), config("a&sslmode=disable#%")));
        assert_eq!(resolve(&sources).unwrap().url, "postgres://h/d?schema=a%26sslmode%3Ddisable%23%25");
        sources.flag = Some("postgres://h/d?schema=other&x=1".into());
        assert_eq!(resolve(&sources).unwrap().url, "postgres://h/d?schema=other&x=1");
        sources.flag = Some("sqlite:x.db".into());
        assert_eq!(resolve(&sources).unwrap().url, "sqlite:x.db");
    }

    #[test]
    fn a_choice_never_shows_its_password() {
        let choice = resolve(&Sources { flag: Some("postgres://u:s3cret@h/d".into()), ..Sources::default() }).unwrap();
        assert!(!format!("{choice:?} {}", choice.shown()).contains("s3cret"));
    }
}
