//! What a command works with: the engine that was chosen, and how to speak.

use crate::{
    engine::PostgresUrl,
    exit::{HINT, file_error},
    output::Output,
    resolve::{Choice, DEFAULT_FILE, HOME, Origin, Settings},
};
use mastra_core::{Engine, EntityRef, Error, ErrorKind, Result, vector::VectorStore};
use mastra_engine::{Pair, Registry};
use std::path::Path;
use std::sync::Arc;

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) registry: Registry,
    pub(crate) choice: Choice,
    pub(crate) settings: Settings,
    pub(crate) out: Output,
}

impl Context {
    /// Connects to the engine, and makes the default file where it is the one and not there yet.
    pub(crate) async fn connect(&self) -> Result<Arc<dyn Engine>> {
        if *self.choice.origin() == Origin::Default {
            make_home(Path::new("."))?;
        }
        self.open().await.map_err(|error| self.explained(error))
    }

    async fn open(&self) -> Result<Arc<dyn Engine>> {
        if self.choice.is_postgres() {
            PostgresUrl::parse(self.choice.url())?.probe().await.map_err(|error| error.with_operation("connect"))?;
        }
        self.registry.connect(self.choice.url()).await
    }

    /// Connects to the engine for reading: the default file has to be there, so that a question makes no empty file.
    pub(crate) async fn connect_existing(&self) -> Result<Arc<dyn Engine>> {
        if self.is_missing_default() {
            return Err(Error::not_found("there is no engine here yet").with("file", DEFAULT_FILE).with(
                HINT,
                "mastra quickstart, or mastra records import FILE --entity NAME --id-field FIELD; or name one with --engine",
            ));
        }
        self.connect().await
    }

    /// Connects to the store of vectors that the engine's URL names.
    pub(crate) async fn connect_vectors(&self) -> Result<Arc<dyn VectorStore>> {
        if *self.choice.origin() == Origin::Default {
            make_home(Path::new("."))?;
        }
        self.open_vectors().await.map_err(|error| match error.kind() {
            ErrorKind::SchemaMismatch if self.choice.is_postgres() => error
                .with("engine", self.choice.shown())
                .with("chosenBy", self.choice.origin())
                .with(HINT, "mastra vectors migrate"),
            _ => self.explained(error),
        })
    }

    async fn open_vectors(&self) -> Result<Arc<dyn VectorStore>> {
        if self.choice.is_postgres() {
            PostgresUrl::parse(self.choice.url())?.probe().await.map_err(|error| error.with_operation("connect"))?;
        }
        self.registry.connect_vectors(self.choice.url()).await
    }

    /// The same for reading: the default file has to be there.
    pub(crate) async fn connect_existing_vectors(&self) -> Result<Arc<dyn VectorStore>> {
        if self.is_missing_default() {
            return Err(Error::not_found("there are no vectors here yet")
                .with("file", DEFAULT_FILE)
                .with(HINT, "mastra vectors create NAME --dimension N; or name a store with --engine"));
        }
        self.connect_vectors().await
    }

    /// Connects to the engine, which has to be there, and to the vectors in its database, over the same connections.
    pub(crate) async fn connect_existing_pair(&self) -> Result<Pair> {
        if self.is_missing_default() {
            // The error of an engine that is not there.
            self.connect_existing().await?;
        }
        let connected = async {
            if self.choice.is_postgres() {
                PostgresUrl::parse(self.choice.url())?.probe().await.map_err(|error| error.with_operation("connect"))?;
            }
            self.registry.connect_pair(self.choice.url()).await
        };
        connected.await.map_err(|error| match error.get("migrate") {
            Some(_) => error
                .with("engine", self.choice.shown())
                .with("chosenBy", self.choice.origin())
                .with(HINT, "mastra vectors migrate"),
            None => self.explained(error),
        })
    }

    /// Whether the engine is the default file, and that is not there.
    pub(crate) fn is_missing_default(&self) -> bool {
        *self.choice.origin() == Origin::Default && !Path::new(DEFAULT_FILE).exists()
    }

    /// Which engine and why, for what cannot be undone.
    pub(crate) fn engine_and_why(&self) -> String {
        format!("engine: {} (by {})", self.choice.shown(), self.choice.origin())
    }

    pub(crate) fn explained(&self, error: Error) -> Error {
        let hint = match error.kind() {
            ErrorKind::SchemaMismatch => Some("mastra engine migrate"),
            ErrorKind::Unavailable | ErrorKind::Timeout => {
                Some("mastra engine doctor; where `mastra engine add` made the engine: mastra engine up")
            }
            _ => None,
        };
        let error = error.with("engine", self.choice.shown()).with("chosenBy", self.choice.origin());
        match hint {
            Some(hint) => error.with(HINT, hint),
            None => error,
        }
    }
}

/// Makes the project's own folder, which keeps itself out of version control.
pub(crate) fn make_home(project: &Path) -> Result<()> {
    let home = project.join(HOME);
    if home.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(&home).map_err(|source| file_error("cannot create the folder", &home, source))?;
    let ignore = home.join(".gitignore");
    std::fs::write(&ignore, "*\n").map_err(|source| file_error("cannot write", &ignore, source))
}

/// An entity as the command line names it: by name, or by id.
pub(crate) fn entity_ref(entity: &str, connection: Option<&str>) -> EntityRef {
    match (entity.parse(), connection) {
        (Ok(id), _) => EntityRef::Id(id),
        (Err(_), Some(connection)) => EntityRef::named(entity).in_connection(connection),
        (Err(_), None) => EntityRef::named(entity),
    }
}
