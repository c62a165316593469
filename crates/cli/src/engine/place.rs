//! Where an engine is: what its URL says, and who migrates it.

use crate::{context::make_home, output::text, resolve::Choice};
use mastra_core::{Error, Result, migrate::Migrator};
use mastra_postgres::{DEFAULT_SCHEMA, migrate::PostgresMigrator};
use mastra_sqlite::migrate::SqliteMigrator;
use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;
use url::Url;

/// How long a server may take to answer at all: a host that swallows packets would hold a command for minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The parts of a Postgres URL.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    url: Url,
    /// The engine's schema.
    pub(crate) schema: String,
    /// Whether it leads to a transaction pooler, as it says itself.
    pub(crate) pooled: bool,
}

impl PostgresUrl {
    /// Reads a URL; errors never quote it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| {
            Error::invalid_input(format!(
                "the Postgres URL is malformed ({error}); a password's special characters are percent-encoded"
            ))
        })?;
        let own = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let (schema, pooled) = (own("schema"), own("pooler").is_some_and(|pooler| pooler == "transaction"));
        Ok(Self { schema: schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned()), pooled, url })
    }

    /// The driver's options, without what only the engine understands.
    pub(crate) fn options(&self) -> Result<PgConnectOptions> {
        PgConnectOptions::from_str(&mastra_postgres::driver_url(self.url.as_str())?)
            .map_err(|_| Error::invalid_input("the Postgres URL has a parameter that the driver does not understand"))
    }

    /// The port, where the URL leads to this machine by TCP.
    pub(crate) fn local_port(&self) -> Option<u16> {
        let local = self.url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        local.then(|| self.url.port().unwrap_or(5432))
    }

    /// Fails at once where the host refuses connections: the pool behind an engine would go on trying for half a minute.
    pub(crate) async fn probe(&self) -> Result<()> {
        let elsewhere = self.url.query_pairs().any(|(key, _)| key == "host" || key == "hostaddr");
        let Some(host) = self.url.host_str().filter(|host| !host.is_empty() && !host.contains('%') && !elsewhere) else {
            return Ok(());
        };
        let address = format!("{host}:{}", self.url.port().unwrap_or(5432));
        match tokio::time::timeout(Duration::from_secs(10), tokio::net::TcpStream::connect(&address)).await {
            Ok(Err(source)) if source.kind() == std::io::ErrorKind::ConnectionRefused => {
                Err(Error::unavailable("the server refuses connections: it does not run, or listens elsewhere")
                    .with_source(source))
            }
            // Anything else is the driver's to say.
            _ => Ok(()),
        }
    }

    pub(crate) fn user(&self) -> Option<String> {
        Some(decoded(self.url.username())).filter(|user| !user.is_empty())
    }

    pub(crate) fn password(&self) -> Option<String> {
        self.url.password().map(decoded)
    }

    pub(crate) fn database(&self) -> Option<String> {
        Some(decoded(self.url.path().trim_start_matches('/'))).filter(|database| !database.is_empty())
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The file of a SQLite URL; `None` for a database in memory.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let memory = path == ":memory:" || query.split('&').any(|pair| pair == "mode=memory");
    (!memory && !path.is_empty()).then(|| decoded(path).into())
}

/// Who migrates the chosen engine.
pub(crate) async fn migrator(choice: &Choice, create: bool) -> Result<Box<dyn Migrator>> {
    if choice.is_postgres() {
        let url = PostgresUrl::parse(choice.url())?;
        let connecting = PostgresMigrator::connect(choice.url(), &url.schema);
        return match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(migrator) => Ok(Box::new(migrator?)),
            Err(_) => Err(Error::timeout("the server does not answer").with("after", text::took(PATIENCE))),
        };
    }
    if choice.is_sqlite() {
        let file = sqlite_file(choice.url()).ok_or_else(|| Error::invalid_input("a database in memory migrates itself"))?;
        if create && *choice.origin() == crate::resolve::Origin::Default {
            make_home(Path::new("."))?;
        }
        return Ok(Box::new(SqliteMigrator::open(file)?));
    }
    Err(Error::unsupported("this kind of engine has no migrations").with("scheme", choice.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_url() {
        let url =
            PostgresUrl::parse("postgres://us%40er:p%2Fw@127.0.0.1:6543/app?schema=my%20app&pooler=transaction&sslmode=disable")
                .unwrap();
        assert_eq!((url.user().as_deref(), url.password().as_deref()), (Some("us@er"), Some("p/w")));
        assert_eq!((url.local_port(), url.database().as_deref()), (Some(6543), Some("app")));
        assert_eq!((url.schema.as_str(), url.pooled), ("my app", true));
        assert!(url.options().is_ok());
        let remote = PostgresUrl::parse("postgres://db.example.com/app").unwrap();
        assert_eq!((remote.local_port(), remote.schema.as_str(), remote.user()), (None, "mastra", None));
        let error = PostgresUrl::parse("postgres://u:s3cret@h:port/d").map(drop).unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn the_file_of_a_url() {
        assert_eq!(sqlite_file("sqlite:.mastra/mastra.db"), Some(".mastra/mastra.db".into()));
        assert_eq!(sqlite_file("sqlite:///var/a%20b.db?mode=ro"), Some("/var/a b.db".into()));
        assert_eq!(sqlite_file("sqlite::memory:"), None);
    }
}
