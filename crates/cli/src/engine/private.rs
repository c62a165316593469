//! A private Postgres of the machine's own binaries, where Docker does not run.

use crate::resolve::HOME;
use mastra_core::Result;
use std::path::{Path, PathBuf};

/// What the server is made with.
pub(crate) struct Wanted {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) port: u16,
    pub(crate) password: Option<String>,
}

fn directory() -> PathBuf {
    Path::new(HOME).join("postgres")
}

#[cfg(unix)]
mod unix {
    use super::{Wanted, directory};
    use crate::{
        context::make_home,
        exit::{HINT, file_error},
    };
    use mastra_core::{Error, ErrorKind, Result};
    use mastra_postgres::server::{Builder, PrivateServer, home_for};
    use std::path::{Path, PathBuf};

    fn builder(wanted: &Wanted) -> Result<Builder> {
        let builder =
            PrivateServer::builder(home_for(&directory())?).role(&wanted.user).database(&wanted.database).port(wanted.port);
        Ok(wanted.password.iter().fold(builder, |builder, password| builder.password(password)))
    }

    pub(super) fn up(wanted: &Wanted) -> Result<PathBuf> {
        make_home(Path::new("."))?;
        let server = builder(wanted)?.start().map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.with(
                HINT,
                "start Docker, or install Postgres: apt-get install postgresql (with postgresql-NN-pgvector for vectors)",
            ),
            _ => error,
        })?;
        if wanted.password.as_ref().is_some_and(|password| !server.url().contains(&format!(":{password}@"))) {
            return Err(Error::conflict("the private server was made with another password than the one in .env")
                .with("directory", server.dir().display())
                .with(HINT, "`mastra engine down --purge`, which removes its data, then `mastra engine up`"));
        }
        Ok(server.dir().to_owned())
    }

    pub(super) fn down(wanted: &Wanted, purge: bool) -> Result<()> {
        match (builder(wanted)?.running()?, purge) {
            (Some(server), true) => server.remove(),
            (Some(mut server), false) => server.stop(),
            (None, false) => Ok(()),
            (None, true) => {
                let directory = home_for(&directory())?;
                std::fs::remove_dir_all(&directory)
                    .map_err(|source| file_error("cannot remove the server's data", &directory, source))
            }
        }
    }
}

/// Creates the server where there is none, starts it where it does not run, and returns its directory.
pub(crate) fn up(wanted: &Wanted) -> Result<PathBuf> {
    #[cfg(unix)]
    return unix::up(wanted);
    #[cfg(not(unix))]
    {
        let _ = wanted;
        Err(mastra_core::Error::unsupported("without Docker, a private server runs on Unix only; start Docker"))
    }
}

/// Stops it where it runs, and removes its data with `purge`.
pub(crate) fn down(wanted: &Wanted, purge: bool) -> Result<()> {
    #[cfg(unix)]
    return unix::down(wanted, purge);
    #[cfg(not(unix))]
    {
        let _ = (wanted, purge);
        Ok(())
    }
}
