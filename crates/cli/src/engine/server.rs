//! The server that `engine add` set up for this project: what its files say, and which way it is run.

use super::{
    compose::{self, Compose, PASSWORD_VARIABLE},
    env_file,
    place::PostgresUrl,
    private::Wanted,
};
use crate::{
    context::make_home,
    exit::{HINT, file_error},
    resolve::{HOME, URL_VARIABLE, dotenv, redacted},
};
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a server is run. Its data lives in one of them only, so the first start decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// By `docker compose`.
    Docker,
    /// As a private server of the machine's own binaries.
    Private,
}

/// What is remembered of the first start.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    kind: Kind,
    file: PathBuf,
}

/// A project's server.
pub(crate) struct Server {
    /// The compose file.
    pub(crate) file: PathBuf,
    /// Which way it was started before.
    pub(crate) kind: Option<Kind>,
    parts: Compose,
    password: Option<String>,
    url: Option<String>,
}

impl Server {
    /// The server of a compose file; without a name, of the one that was started last, or of the default one.
    pub(crate) fn find(file: Option<&Path>) -> Result<Self> {
        let memory = remembered()?;
        let file = match (file, &memory) {
            (Some(file), _) => file.to_owned(),
            (None, Some(memory)) => memory.file.clone(),
            (None, None) => compose::DEFAULT_FILE.into(),
        };
        let text = std::fs::read_to_string(&file).map_err(|source| {
            file_error("cannot read the compose file", &file, source).with(HINT, "mastra engine add, which writes one")
        })?;
        compose::check(&text, &file)?;
        let values = dotenv(Path::new(env_file::FILE))?.map(|(_, values)| values).unwrap_or_default();
        let local = values.get(URL_VARIABLE).and_then(|url| Local::of(url));
        let written = Compose::read(&text);
        // The URL counts where it leads to this very server; it is what the application uses.
        let parts = match (written, &local) {
            (Some(written), _) => written,
            (None, Some(local)) => local.parts.clone(),
            (None, None) => {
                return Err(Error::invalid_input("the compose file does not say its port, user and database as `mastra engine add` writes them, and .env has no URL of a local Postgres")
                    .with("file", file.display())
                    .with(HINT, format!("set {URL_VARIABLE} in .env, or let `mastra engine add` write a file")));
            }
        };
        let same = local.filter(|local| local.parts.port == parts.port);
        let password = values.get(PASSWORD_VARIABLE).cloned().or_else(|| same.as_ref()?.password.clone());
        let url = same.map(|local| local.url);
        let kind = memory.filter(|memory| memory.file == file).map(|memory| memory.kind);
        Ok(Self { file, kind, parts, password, url })
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// What a private server has to be like so that the URL is true.
    pub(crate) fn wanted(&self) -> Wanted {
        let Compose { user, database, port, .. } = self.parts.clone();
        Wanted { user, database, port, password: self.password.clone() }
    }

    /// The URL that leads to it: that of `.env` where it does.
    pub(crate) fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| url_of(&self.parts, self.password.as_deref().unwrap_or_default()))
    }

    /// The URL as it may be shown.
    pub(crate) fn shown(&self) -> String {
        redacted(&self.url())
    }

    /// Remembers which way it is run.
    pub(crate) fn remember(&self, kind: Kind) -> Result<()> {
        make_home(Path::new("."))?;
        let text = serde_json::to_string(&Memory { kind, file: self.file.clone() }).unwrap_or_default();
        std::fs::write(memory_file(), text).map_err(|source| file_error("cannot write", memory_file(), source))
    }

    /// Waits until it takes connections, and returns its version and that of the pgvector it offers.
    pub(crate) async fn wait(&self, patience: Duration) -> Result<(String, Option<String>)> {
        let options = PostgresUrl::parse(&self.url())?.options()?.disable_statement_logging();
        let deadline = Instant::now() + patience;
        loop {
            match ask(&options).await {
                Ok(answer) => return Ok(answer),
                Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(300)).await,
                Err(source) => {
                    let said = source
                        .as_database_error()
                        .map_or_else(|| "no server answers".to_owned(), |error| error.message().to_owned());
                    return Err(Error::unavailable(format!("the server does not take connections: {said}"))
                        .with("url", self.shown())
                        .with_source(source));
                }
            }
        }
    }
}

async fn ask(options: &sqlx::postgres::PgConnectOptions) -> sqlx::Result<(String, Option<String>)> {
    let mut connection = options.connect().await?;
    let answer = sqlx::query_as(
        "SELECT split_part(current_setting('server_version'), ' ', 1),
                (SELECT default_version::text FROM pg_available_extensions WHERE name = 'vector')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(answer)
}

/// Forgets which way it was run, once its data is gone.
pub(crate) fn forget() -> Result<()> {
    match std::fs::remove_file(memory_file()) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(file_error("cannot remove", memory_file(), source)),
        _ => Ok(()),
    }
}

fn memory_file() -> PathBuf {
    Path::new(HOME).join("server.json")
}

fn remembered() -> Result<Option<Memory>> {
    match std::fs::read_to_string(memory_file()) {
        // What cannot be read decides nothing: it is written again with the next start.
        Ok(text) => Ok(serde_json::from_str(&text).ok()),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file_error("cannot read", memory_file(), source)),
    }
}

/// A URL of a Postgres on this machine.
pub(crate) struct Local {
    pub(crate) url: String,
    pub(crate) parts: Compose,
    pub(crate) password: Option<String>,
}

impl Local {
    pub(crate) fn of(url: &str) -> Option<Self> {
        let parsed = PostgresUrl::parse(url).ok()?;
        let parts =
            Compose { project: String::new(), user: parsed.user()?, database: parsed.database()?, port: parsed.local_port()? };
        Some(Self { url: url.to_owned(), parts, password: parsed.password() })
    }
}

/// The URL of a server; names and password need no escaping, since they are of our making.
pub(crate) fn url_of(parts: &Compose, password: &str) -> String {
    let Compose { user, database, port, .. } = parts;
    let escaped = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("postgres://{}:{}@127.0.0.1:{port}/{}", escaped(user), escaped(password), escaped(database))
}
