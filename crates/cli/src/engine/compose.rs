//! The compose file that `engine add` writes.

use crate::exit::{HINT, file_error};
use mastra_core::{Error, ErrorKind, Result};
use saphyr::{LoadableYamlNode as _, Yaml};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// The file's name where none is given: not one that Docker takes by itself, which may be the project's own.
pub(crate) const DEFAULT_FILE: &str = "mastra.compose.yaml";

/// The image: Postgres with pgvector.
const IMAGE: &str = "pgvector/pgvector:pg17";

/// The variable that holds the password.
pub(crate) const PASSWORD_VARIABLE: &str = "MASTRA_ENGINE_PASSWORD";

/// What a compose file says of its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compose {
    /// The project's name, which the volume's name begins with.
    pub(crate) project: String,
    pub(crate) user: String,
    pub(crate) database: String,
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Compose {
    /// The file's text. The password stays in `.env`, so that this file can be committed.
    pub(crate) fn text(&self) -> String {
        let Self { project, user, database, port } = self;
        let (user, database) = (quoted(user), quoted(database));
        format!(
            r#"# Postgres with pgvector for Mastra Engine, made by `mastra engine add`.
# Start and stop it with `mastra engine up` and `mastra engine down`. Its password is {PASSWORD_VARIABLE} of .env.
name: {project}
services:
  postgres:
    image: {IMAGE}
    restart: unless-stopped
    environment:
      POSTGRES_USER: {user}
      POSTGRES_DB: {database}
      POSTGRES_PASSWORD: "${{{PASSWORD_VARIABLE}:?is set in .env by mastra engine add}}"
    ports:
      - "127.0.0.1:{port}:5432"
    shm_size: 256mb
    volumes:
      - data:/var/lib/postgresql/data
    healthcheck:
      # Over TCP: while the image sets itself up it listens on its Unix socket only.
      test: ["CMD", "pg_isready", "--host", "127.0.0.1", "--username", {user}, "--dbname", {database}]
      interval: 2s
      timeout: 5s
      retries: 60
volumes:
  data: {{}}
"#
        )
    }

    /// Writes a new file; one that is there is never touched.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|mut file| file.write_all(self.text().as_bytes()));
        made.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => exists(path),
            _ => file_error("cannot write the compose file", path, source),
        })
    }

    /// Reads back what [`Compose::text`] wrote; `None` where a line is missing, as in a file of another making.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':')).map(|value| unquoted(value.trim()))
        };
        let port = text.lines().find_map(|line| {
            let mapping = unquoted(line.trim().strip_prefix("- ")?);
            let (host, inside) = mapping.rsplit_once(':')?;
            let port = host.rsplit(':').next()?;
            (inside == "5432").then(|| port.parse().ok())?
        });
        Some(Self { project: value("name")?, user: value("POSTGRES_USER")?, database: value("POSTGRES_DB")?, port: port? })
    }
}

/// Refuses a text that is no compose file, before anything is started for it.
pub(crate) fn check(text: &str, path: &Path) -> Result<()> {
    let refuse = |why: String| {
        let message = format!("this is no compose file: {why}");
        let cure = "mend it, or let `mastra engine add -f NAME` write one";
        Error::invalid_input(message).with("file", path.display()).with(HINT, cure)
    };
    let documents =
        Yaml::load_from_str(text).map_err(|error| refuse(format!("its YAML does not parse, line {}", error.marker().line())))?;
    let services = documents.first().and_then(|document| document.as_mapping_get("services"));
    match services.and_then(|services| services.as_mapping()) {
        Some(services) if !services.is_empty() => Ok(()),
        _ => Err(refuse("it has no `services`".to_owned())),
    }
}

/// The error of a file that is there already.
pub(crate) fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, "the compose file is there already, and is left as it is")
        .with("file", path.display())
        .with(HINT, "mastra engine up, to start what it describes; or `mastra engine add -f` with another name")
}

/// A string in YAML's double quotes, which are JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unquoted(text: &str) -> String {
    match text.strip_prefix('"') {
        Some(_) => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
        None => text.trim_matches('\'').to_owned(),
    }
}

/// A name that Docker takes for a project: lower case, digits, dashes.
pub(crate) fn project_name(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if plain.is_empty() { "engine".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_was_made_of() {
        let compose = Compose { project: "mastra-a-1f".into(), user: "mas tra\"".into(), database: "app".into(), port: 5439 };
        assert_eq!(Compose::read(&compose.text()), Some(compose));
        assert_eq!(Compose::read("services: {}"), None);
    }

    #[test]
    fn any_text_gives_a_project_name() {
        assert_eq!(project_name("My App_2 (ünï)"), "my-app-2-n");
        assert_eq!(project_name("日本"), "engine");
    }
}
