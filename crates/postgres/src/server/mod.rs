//! A private Postgres server of the machine's own binaries: found, initialised, started and stopped without root rights
//! over the machine, without a container and without a driver.
//!
//! The server keeps everything under one directory, listens on 127.0.0.1 only, asks for a random password, and outlives the
//! process that started it: opening the same directory again adopts it. This module prints nothing and uses the standard
//! library alone, so it is there without the `engine` feature. Calls block: from async code use `spawn_blocking`.
//!
//! ```no_run
//! use mastra_postgres::server::PrivateServer;
//!
//! let mut server = PrivateServer::builder(".mastra/postgres").start()?;
//! println!("{}", server.url());
//! server.stop()?;
//! # Ok::<(), mastra_core::Error>(())
//! ```
//!
//! # Layout of the directory
//! `data` (the cluster, owned by the account that the server runs under), `log`, `password` (mode 600), `port`, `lock`, and
//! `socket` where the path is short enough for a Unix socket.

mod account;
mod binaries;
mod cluster;
mod command;
mod home;
mod launch;
mod processes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use mastra_core::{Error, Result};

pub use account::Account;
pub use binaries::Binaries;
pub use home::home_for;
pub use launch::Builder;

use cluster::Cluster;

/// How a server is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopMode {
    /// Open transactions are rolled back, a checkpoint is written.
    Fast,
    /// Every process ends at once; the next start recovers from the log, as after a crash.
    Immediate,
}

/// A Postgres server in a directory of its own.
///
/// Dropping the handle leaves the server running; [`PrivateServer::stop`] ends it.
pub struct PrivateServer {
    cluster: Cluster,
    port: u16,
    password: String,
    settings: Vec<(String, String)>,
    timeout: Duration,
    /// Present where this very process started the server: then it has to be reaped.
    child: Option<Child>,
}

impl PrivateServer {
    /// Settings for a server in `dir`, which is created when it is missing.
    pub fn builder(dir: impl Into<PathBuf>) -> Builder {
        Builder::new(dir.into())
    }

    /// The connection URL, password included: `postgres://mastra:…@127.0.0.1:port/mastra`. The role is a superuser.
    pub fn url(&self) -> String {
        let (role, database) = (self.cluster.role(), self.cluster.database());
        format!("postgres://{role}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory that holds everything of this server.
    pub fn dir(&self) -> &Path {
        self.cluster.dir()
    }

    /// The binaries that it runs.
    pub fn binaries(&self) -> &Binaries {
        self.cluster.binaries()
    }

    /// The account that it runs under.
    pub fn account(&self) -> &Account {
        self.cluster.account()
    }

    /// The file that the server logs to.
    pub fn log(&self) -> PathBuf {
        self.cluster.log()
    }

    /// Whether the server runs and answers a query.
    pub fn is_running(&self) -> bool {
        self.cluster.running_port().is_some() && self.psql("postgres", "SELECT 1").is_ok()
    }

    /// Runs one statement through `psql` as the superuser and returns its rows, unaligned, one a line.
    ///
    /// # Errors
    /// `Unavailable` with the message of the server where it cannot be reached or refuses the statement.
    pub fn psql(&self, database: &str, statement: &str) -> Result<String> {
        self.cluster.psql(self.port, &self.password, database, statement)
    }

    /// The version of an extension that can be created in this server, `None` where it is not installed.
    ///
    /// # Errors
    /// `Unavailable` where the server cannot be reached.
    pub fn extension_version(&self, name: &str) -> Result<Option<String>> {
        cluster::check_identifier(name)?;
        let found = self.psql(
            self.cluster.database(),
            &format!("SELECT default_version FROM pg_available_extensions WHERE name = '{name}'"),
        )?;
        Ok(Some(found).filter(|version| !version.is_empty()))
    }

    /// Stops the server: open transactions are rolled back, a checkpoint is written. Does nothing where it is down.
    ///
    /// # Errors
    /// `Timeout` where it does not end in time, `Unavailable` where `pg_ctl` fails.
    pub fn stop(&mut self) -> Result<()> {
        self.end(StopMode::Fast)
    }

    /// Ends every process of the server at once, without a checkpoint: what a crash leaves behind. For tests of recovery.
    ///
    /// # Errors
    /// As [`PrivateServer::stop`].
    pub fn kill_immediately(&mut self) -> Result<()> {
        self.end(StopMode::Immediate)
    }

    /// Stops the server where it runs and starts it again on the same port.
    ///
    /// # Errors
    /// As [`PrivateServer::stop`] and [`Builder::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.end(StopMode::Fast)?;
        let _lock = self.cluster.lock(self.timeout)?;
        self.child = Some(launch::spawn(&self.cluster, self.port, &self.settings, self.timeout)?);
        Ok(())
    }

    /// Stops the server and removes its directory with all data.
    ///
    /// # Errors
    /// As [`PrivateServer::stop`], and `PermissionDenied` where files cannot be removed.
    pub fn remove(mut self) -> Result<()> {
        self.end(StopMode::Fast)?;
        std::fs::remove_dir_all(self.cluster.dir())
            .map_err(|source| command::io_error("cannot remove the server's directory", self.cluster.dir(), source))
    }

    fn end(&mut self, mode: StopMode) -> Result<()> {
        let _lock = self.cluster.lock(self.timeout)?;
        self.cluster.stop(mode, self.timeout)?;
        if let Some(mut child) = self.child.take() {
            // pg_ctl has seen the server's end already: this only takes the exit status, so that no zombie stays.
            child.wait().map_err(|source| Error::internal("cannot wait for the server").with_source(source))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PrivateServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays out.
        f.debug_struct("PrivateServer").field("cluster", &self.cluster).field("port", &self.port).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The binaries that `cargo xtask test` names, else the machine's own.
    fn binaries() -> Binaries {
        let named = std::env::var_os("MASTRA_TEST_PG_BIN").map(|bin| Binaries::at(bin).unwrap());
        named.unwrap_or_else(|| Binaries::find().unwrap())
    }

    /// A folder that the server's account can reach, also where the test runs as root.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn committed_rows_live_through_a_crash_and_a_restart() {
        let folder = folder();
        let builder = || PrivateServer::builder(folder.path().join("pg")).binaries(binaries()).setting("max_connections", "20");
        let mut server = builder().start().unwrap();
        server.psql("mastra", "CREATE TABLE kept (id int)").unwrap();
        server.psql("mastra", "INSERT INTO kept VALUES (1)").unwrap();

        server.kill_immediately().unwrap();
        assert!(!server.is_running());
        assert!(builder().running().unwrap().is_none());
        server.restart().unwrap();
        assert_eq!(server.psql("mastra", "SELECT count(*) FROM kept").unwrap(), "1");

        // A second handle adopts the running server.
        let adopted = builder().start().unwrap();
        assert_eq!(adopted.url(), server.url());
        assert_eq!(adopted.psql("mastra", "SHOW max_connections").unwrap(), "20");

        server.stop().unwrap();
        server.stop().unwrap();
        assert!(!adopted.is_running());
        server.remove().unwrap();
        assert!(!folder.path().join("pg").exists());
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let folder = folder();
        let started =
            PrivateServer::builder(folder.path().join("pg")).binaries(binaries()).setting("shared_buffers", "x").start();
        let error = started.unwrap_err();
        assert!(error.message().contains("shared_buffers"), "{error}");
        assert!(!error.is_retryable());
    }

    #[test]
    fn neither_errors_nor_debug_show_the_password() {
        let folder = folder();
        let server = PrivateServer::builder(folder.path().join("pg")).binaries(binaries()).start().unwrap();
        let refused = server.psql("mastra", "SELECT 1/0").unwrap_err();
        assert!(!format!("{server:?}{refused:?}").contains(&server.password));
        server.remove().unwrap();
    }
}
