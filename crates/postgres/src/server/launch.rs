//! Starting the server: adopted where it runs already, else on a free port, waited for until it takes connections.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mastra_core::{Error, Result};

use super::PrivateServer;
use super::binaries::Binaries;
use super::cluster::{Cluster, check_identifier};
use super::command::{io_error, last_lines};
use super::processes;

/// A port that was free a moment ago may be taken by somebody else: so often another one is tried.
const PORT_ATTEMPTS: usize = 5;

/// How often a server that comes up is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How a [`PrivateServer`] is to be; see [`PrivateServer::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    dir: PathBuf,
    binaries: Option<Binaries>,
    role: String,
    database: String,
    port: Option<u16>,
    password: Option<Secret>,
    settings: Vec<(String, String)>,
    timeout: Duration,
}

/// A password that no debug output shows.
#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Builder {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            binaries: None,
            role: "mastra".into(),
            database: "mastra".into(),
            port: None,
            password: None,
            settings: Vec::new(),
            timeout: Duration::from_secs(60),
        }
    }

    /// The binaries to run; by default those of [`Binaries::find`].
    #[must_use]
    pub fn binaries(mut self, binaries: Binaries) -> Self {
        self.binaries = Some(binaries);
        self
    }

    /// The superuser's name, used at creation; `mastra` by default.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = role.into();
        self
    }

    /// The database that is created and that the URL names; `mastra` by default.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = database.into();
        self
    }

    /// A fixed port; by default the one it had last, where that is free, else any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The superuser's password, used at creation; random by default.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret(password.into()));
        self
    }

    /// A setting of `postgresql.conf`, such as `max_connections`. It takes effect when the server starts.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// How long start, stop and the wait for another process's work may each take; 60 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Creates the cluster where there is none, and starts it where it does not run.
    ///
    /// Creation takes a few seconds, a start less than one, adopting a running server some ten milliseconds.
    ///
    /// # Errors
    /// `NotFound` without binaries; `PermissionDenied` where the server's account cannot reach the directory; `InvalidInput` for
    /// data of another major version or a setting without a plain name; `Timeout` where it does not come up in time, or another process holds
    /// the directory; `Unavailable` with the server's own last lines where it ends at once.
    pub fn start(self) -> Result<PrivateServer> {
        let cluster = self.cluster()?;
        let Self { port, password, settings, timeout, .. } = self;
        let _lock = cluster.lock(timeout)?;
        cluster.initialise(password.as_ref().map(|Secret(password)| password.as_str()))?;
        let password = cluster.password()?;
        if let Some(server) = adopt(&cluster, &password, &settings, timeout)? {
            create_database(&server)?;
            return Ok(server);
        }
        let (child, port) = match port {
            Some(port) => (spawn(&cluster, port, &settings, timeout)?, port),
            None => spawn_on_a_free_port(&cluster, &settings, timeout)?,
        };
        cluster.remember_port(port)?;
        let server = PrivateServer { cluster, port, password, settings, timeout, child: Some(child) };
        create_database(&server)?;
        Ok(server)
    }

    /// The server of this directory where it runs and answers; `None` where it is down or was never created.
    ///
    /// # Errors
    /// As [`Builder::start`], as far as binaries and directory are concerned.
    pub fn running(self) -> Result<Option<PrivateServer>> {
        let cluster = self.cluster()?;
        let Ok(password) = cluster.password() else {
            return Ok(None);
        };
        if cluster.running_port().is_some() && !cluster.is_ready() {
            return Ok(None);
        }
        adopt(&cluster, &password, &self.settings, self.timeout)
    }

    fn cluster(&self) -> Result<Cluster> {
        for (name, _) in &self.settings {
            check_identifier(name)?;
        }
        let binaries = self.binaries.clone().map_or_else(Binaries::find, Ok)?;
        Cluster::new(self.dir.clone(), binaries, self.role.clone(), self.database.clone())
    }
}

/// The server that runs already; `None` where none does.
fn adopt(cluster: &Cluster, password: &str, settings: &[(String, String)], timeout: Duration) -> Result<Option<PrivateServer>> {
    let deadline = Instant::now() + timeout;
    let port = loop {
        match cluster.running_port() {
            None => return Ok(None),
            Some(port) if cluster.is_ready() => break port,
            // Somebody else has just started it, or it recovers from a crash.
            Some(_) if Instant::now() < deadline => sleep(POLL),
            Some(_) => {
                return Err(Error::timeout("the server runs but takes no connections").with("log", cluster.log().display()));
            }
        }
    };
    let server = PrivateServer {
        cluster: cluster.clone(),
        port,
        password: password.to_owned(),
        settings: settings.to_vec(),
        timeout,
        child: None,
    };
    server.psql("postgres", "SELECT 1")?;
    Ok(Some(server))
}

fn create_database(server: &PrivateServer) -> Result<()> {
    let database = server.cluster.database();
    let found = server.psql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"))?;
    if found.is_empty() {
        server.psql("postgres", &format!("CREATE DATABASE \"{database}\""))?;
    }
    Ok(())
}

fn spawn_on_a_free_port(cluster: &Cluster, settings: &[(String, String)], timeout: Duration) -> Result<(Child, u16)> {
    let mut wanted = cluster.last_port();
    let mut attempt = 1;
    loop {
        let port = free_port(wanted.take())?;
        match spawn(cluster, port, settings, timeout) {
            Ok(child) => return Ok((child, port)),
            // Lost the race for the port, which the server says in its log.
            Err(error) if attempt < PORT_ATTEMPTS && error.message().contains("in use") => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// `wanted` where nobody listens there, else a port that the system picks.
fn free_port(wanted: Option<u16>) -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = wanted.and_then(|port| bind(port).ok()).map_or_else(|| bind(0), Ok);
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::unavailable("no free port on 127.0.0.1").with_source(source))
}

/// Starts the server and waits until it takes connections.
pub(super) fn spawn(cluster: &Cluster, port: u16, settings: &[(String, String)], timeout: Duration) -> Result<Child> {
    processes::settle(cluster, timeout)?;
    let socket = cluster.socket_dir()?;
    let path = cluster.log();
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|source| io_error("cannot open the server's log", &path, source))?;
    let start = log.metadata().map_or(0, |metadata| metadata.len());
    let copy = log.try_clone().map_err(|source| io_error("cannot open the server's log", &path, source))?;

    let mut command = cluster.tool("postgres");
    command.arg("-D").arg(cluster.data()).stdout(copy).stderr(log);
    let mut set = |name: &str, value: &str| {
        command.args(["-c", &format!("{name}={value}")]);
    };
    set("listen_addresses", "127.0.0.1");
    set("port", &port.to_string());
    set("unix_socket_directories", &socket.map(|dir| quoted_list_item(&dir)).unwrap_or_default());
    for (name, value) in settings {
        set(name, value);
    }
    // A group of its own: an interrupt from the keyboard ends the caller, not the server.
    command.process_group(0);
    let mut child = command.spawn().map_err(|source| {
        Error::unavailable("cannot run postgres").with("folder", cluster.binaries().folder().display()).with_source(source)
    })?;

    let deadline = Instant::now() + timeout;
    loop {
        if matches!(cluster.pid_file(), Some((pid, _, true)) if pid == child.id()) {
            return Ok(child);
        }
        let ended = child.try_wait().map_err(|source| Error::internal("cannot wait for postgres").with_source(source))?;
        if let Some(status) = ended {
            let said = log_since(&path, start);
            return Err(Error::unavailable(format!("the server ended at once: {said}"))
                .retryable(false)
                .with("status", status)
                .with("log", path.display()));
        }
        if Instant::now() > deadline {
            let said = log_since(&path, start);
            cluster.stop(super::StopMode::Immediate, timeout)?;
            child.wait().map_err(|source| Error::internal("cannot wait for postgres").with_source(source))?;
            return Err(Error::timeout(format!("the server does not come up: {said}")).with("log", path.display()));
        }
        sleep(POLL);
    }
}

/// A path as one item of a setting that takes a list separated by commas.
fn quoted_list_item(path: &std::path::Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

/// The last lines that the server logged after `start` bytes.
fn log_since(path: &std::path::Path, start: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.take(64 * 1024).read_to_end(&mut text)
    });
    match read {
        Ok(_) => last_lines(&String::from_utf8_lossy(&text)),
        Err(_) => "its log cannot be read".into(),
    }
}
